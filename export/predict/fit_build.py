"""The fit of build times: seconds a distinct kernel, and seconds a millisecond of its run."""
import numpy as np
from scipy.optimize import nnls

from .build_time import features
from .judge import work_of


def fit_build(figures, coefficients, form):
    """Seconds a distinct kernel and seconds a millisecond of one run of it, for each precision.

    Args:
        figures (sequence of Figure): with ``build_s``.
        coefficients (Coefficients), form (Form): of the roofline.

    Returns:
        dict: precision to ``{'s_per_kernel', 's_per_ms', 'n', 'faster', 'slower'}``; the last two are the smallest
        and the largest ratio of a published build to its prediction by a fit without its family.
    """
    return {precision: _fit([figure for figure in figures if figure.precision == precision], coefficients, form)
            for precision in ('fp32', 'fp16')}


def _fit(figures, coefficients, form):
    rows = np.array([features(work_of(figure.graph), coefficients, form, figure.precision) for figure in figures])
    taken = np.array([figure.more['build_s'] for figure in figures])
    families = np.array([figure.family for figure in figures])
    ratios = []
    for family in sorted(set(families)):
        inside = families == family
        solved = _solve(rows[~inside], taken[~inside], families[~inside])
        ratios += list(taken[inside] / (rows[inside] @ solved))
    per_kernel, per_ms = _solve(rows, taken, families)
    return {'s_per_kernel': _short(per_kernel), 's_per_ms': _short(per_ms), 'n': len(figures),
            'faster': _short(min(ratios)), 'slower': _short(max(ratios))}


def _solve(rows, taken, families):
    """Relative errors are made small, and every family counts as one."""
    weights = 1 / np.sqrt([np.sum(families == family) for family in families])
    return nnls(rows / taken[:, None] * weights[:, None], weights)[0]


def _short(value):
    return float('%.4g' % value)
