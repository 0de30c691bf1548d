"""How long TensorRT looks for the fastest kernels: it tries many for every distinct convolution, and times each."""
import numpy as np
from scipy.optimize import nnls

from .judge import work_of
from .kernel import ARITHMETIC
from .roofline import times


def features(work, coefficients, form, precision):
    """What a build takes its time with: distinct arithmetic kernels, and milliseconds of one run of each (array)."""
    distinct = work.of(*ARITHMETIC)
    return np.array([distinct.sum(), times(work, coefficients, form, precision).each[distinct].sum()])


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


def build_seconds(work, coefficients, form, precision, build):
    """Predicted seconds of a build (float); `build` is what `fit_build` gave."""
    found = build[precision]
    return float(features(work, coefficients, form, precision) @ [found['s_per_kernel'], found['s_per_ms']])


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
