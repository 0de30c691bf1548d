"""How long TensorRT looks for the fastest kernels: it tries many for every distinct convolution, and times each."""
import numpy as np

from .kernel import ARITHMETIC
from .roofline import times


def features(work, coefficients, form, precision):
    """What a build takes its time with: distinct arithmetic kernels, and milliseconds of one run of each (array)."""
    distinct = work.of(*ARITHMETIC)
    return np.array([distinct.sum(), times(work, coefficients, form, precision).each[distinct].sum()])


def build_seconds(work, coefficients, form, precision, build):
    """Predicted seconds of a build (float); `build` is what `fit_build.fit_build` gave."""
    found = build[precision]
    return float(features(work, coefficients, form, precision) @ [found['s_per_kernel'], found['s_per_ms']])
