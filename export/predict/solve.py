"""The fit of the roofline, and how well a form carries over to networks of another design.

Forms were compared inside the fitted sources only. The sources left out were looked at twice: once with the form
chosen, and once more after Winograd's saving was tied to input channels alone, because with the outputs counted a
wider convolution could cost less; the median error was 19.8 % before and 19.9 % after.
"""
import numpy as np
from scipy.optimize import least_squares

from .judge import work_of
from .roofline import NAMES, Coefficients, Form, Work, times

#: Name of a coefficient to (where the search starts, lowest, highest). The ends are physical: no share above one, no
#: bandwidth above the 25.6 GB/s of the memory, no FP16 gain beyond two.
BOUNDS = {
    'efficiency': (0.7, 0.3, 1.0), 'fp16_gain': (1.7, 1.0, 2.0), 'fp16_gain_separable': (1.1, 1.0, 2.0),
    'winograd_channels': (60.0, 2.0, 600.0), 'bandwidth': (18.0, 8.0, 25.6), 'depthwise_bandwidth': (8.0, 1.0, 25.6),
    'launch': (6.0, 0.5, 40.0), 'resize': (1.5, 0.1, 10.0), 'nms': (2.0, 0.05, 20.0)}

#: What was compared, from the plainest; the first of those that carry over best is taken.
FORMS = {
    'plain': Form(1, False, True),
    'tiles of 64': Form(64, False, True),
    'tiles of 128': Form(128, False, True),
    'Winograd': Form(1, True, True),
    'tiles of 128, Winograd': Form(128, True, True),
    'tiles of 128, depthwise in FP32': Form(128, False, False),
    'tiles of 64, Winograd, depthwise in FP32': Form(64, True, False),
    'tiles of 128, Winograd, depthwise in FP32': Form(128, True, False),
}

#: Pull of every logarithm towards its start, so that what the data does not tell stays where it began.
_PULL = 0.03
#: Logarithmic error from which on a row counts less and less.
_SCALE = 0.1


def solve(figures, form):
    """Coefficients that suit figures best; the same every time.

    Every family of networks has the same weight, however many of its members were published.

    Args:
        figures (sequence of Figure): GPU times.
        form (Form): of the model.

    Returns:
        Coefficients
    """
    start, low, high = np.log(np.array([BOUNDS[name] for name in NAMES])).T
    families = [figure.family for figure in figures]
    weights = np.array([1 / np.sqrt(families.count(family)) for family in families])
    published = np.array([figure.ms for figure in figures])
    works = [work_of(figure.graph) for figure in figures]
    ends = np.cumsum([0] + [len(work.kinds) for work in works])[:-1]
    whole = Work.joined(works)
    precisions = np.concatenate([np.full(len(work.kinds), figure.precision) for work, figure in zip(works, figures)])

    def residuals(values):
        found = times(whole, Coefficients(*np.exp(values)), form, precisions)
        predicted = np.add.reduceat(found.each * found.count, ends)
        return np.concatenate([weights * np.log(predicted / published), _PULL * (values - start)])

    found = least_squares(residuals, start, bounds=(low, high + 1e-12), loss='soft_l1', f_scale=_SCALE)
    return Coefficients(*(float(value) for value in np.exp(found.x)))


def cross_validate(figures, form):
    """Error of a form on families that it was not fitted to.

    Args:
        figures (sequence of Figure): of fitted sources alone.
        form (Form): of the model.

    Returns:
        dict: family to the mean logarithmic error of its figures; positive where predictions are too slow.
    """
    errors = {}
    for family in sorted({figure.family for figure in figures}):
        inside = [figure for figure in figures if figure.family == family]
        coefficients = solve([figure for figure in figures if figure.family != family], form)
        errors[family] = float(np.mean([np.log(
            times(work_of(figure.graph), coefficients, form, figure.precision).total / figure.ms)
            for figure in inside]))
    return errors


def carried_error(errors):
    """One number for `cross_validate`: the mean absolute logarithmic error of the families."""
    return float(np.mean(np.abs(list(errors.values()))))
