"""Latency of a network on a Jetson Nano, with the interval that figures left out of the fit give."""
from dataclasses import dataclass

import numpy as np

from .build_time import build_seconds
from .coefficients import TARGETS, document, load_model
from .kernel import gathered, layers
from .roofline import Work, times

#: 99th percentile over mean of the one published run that states both (U-Net, FP16): its 90th lies below.
SPREAD = 129.5 / 127.7


@dataclass(frozen=True)
class Interval:
    """A prediction and how far published figures lay from theirs.

    Attributes:
        middle (float): the prediction.
        typical (tuple): (low, high) that holds half of the figures left out.
        outer (tuple): (low, high) that holds all of them.
    """

    middle: float
    typical: tuple
    outer: tuple

    @classmethod
    def around(cls, middle, error):
        """The interval of a prediction; `error` as `judge.summarise` gives it."""
        half = error['median_percent'] / 100
        return cls(middle, (middle / (1 + half), middle / (1 - half)),
                   (middle * error['faster'], middle * error['slower']))

    def to_dict(self):
        """The interval as JSON, to four digits."""
        return {'predicted': _short(self.middle), 'typical': [_short(end) for end in self.typical],
                'outer': [_short(end) for end in self.outer]}


@dataclass(frozen=True)
class Latency:
    """What one inference takes, milliseconds.

    Attributes:
        gpu_ms, enqueue_ms (float): of the GPU, and of the processor that hands layers to it; they overlap.
        network_ms (Interval): the longer of both.
        copies_ms (tuple): input to the GPU, outputs from it, through pinned memory.
        build_s (tuple): (low, predicted, high) seconds of TensorRT's build.
        times (roofline.Times): of each kernel.
    """

    gpu_ms: float
    enqueue_ms: float
    network_ms: Interval
    copies_ms: tuple
    build_s: tuple
    times: object

    @property
    def network_p90_ms(self):
        """The prediction with the spread of a quiet board, milliseconds."""
        return self.network_ms.middle * SPREAD


def has_latency(target):
    """Whether figures were published for a target, so that there is something to predict from (bool)."""
    return target.name in TARGETS


def predict(fused, precision):
    """Latency of a network on a Jetson Nano.

    Args:
        fused (Fused): of `fuse`.
        precision (str): ``'fp16'`` or ``'fp32'``.

    Returns:
        Latency: predicted, for MAXN and clocks at their highest, batch 1.
    """
    model, found = load_model(), document()
    work = Work(fused.kernels)
    taken = times(work, model.coefficients, model.form, precision)
    enqueue = model.enqueue_us * 1e-3 * layers(fused.kernels)
    # Kernels of one shape are timed once.
    build = build_seconds(Work(gathered(fused.kernels)), model.coefficients, model.form, precision, found['build'])
    ends = found['build'][precision]
    return Latency(taken.total, enqueue, Interval.around(max(taken.total, enqueue), found['left_out']),
                   (copy_ms(fused, fused.inputs, 'h2d'), copy_ms(fused, fused.outputs, 'd2h')),
                   (build * ends['faster'], build, build * ends['slower']), taken)


def copy_ms(fused, names, way):
    """Milliseconds to copy tensors of four bytes a value; ``'h2d'`` to the GPU, ``'d2h'`` from it."""
    copies = document()['copies']
    return sum(max(copies['floor_ms'], 4 * fused.sizes[name] / copies[way]['gb_s'] / 1e6) for name in names)


def by_kind(fused, latency):
    """Kind of kernel to (count, GMAC, milliseconds), the longest first."""
    found = {}
    for kernel, each in zip(fused.kernels, latency.times.each):
        count, gmac, took = found.get(kernel.kind, (0, 0.0, 0.0))
        found[kernel.kind] = (count + kernel.count, gmac + kernel.count * kernel.macs / 1e9,
                              took + kernel.count * float(each))
    return dict(sorted(found.items(), key=lambda entry: -entry[1][2]))


def layer_rows(fused, latency):
    """Every kernel as JSON: name, kind, GMAC, what limits it and its milliseconds."""
    return [{'name': kernel.name, 'kind': kernel.kind, 'gmac': _short(kernel.macs / 1e9), 'elements': kernel.elements,
             'limit': _limit(kernel, arithmetic, memory, each), 'ms': _short(each)}
            for kernel, arithmetic, memory, each in zip(fused.kernels, latency.times.arithmetic, latency.times.memory,
                                                        latency.times.each)]


def _limit(kernel, arithmetic, memory, each):
    if kernel.kind in ('resize', 'nms'):
        return 'its own kernel'
    longer = max(arithmetic, memory)
    return 'launch' if longer < each - longer else 'arithmetic' if arithmetic >= memory else 'memory'


def lower_limit_ms(fused, precision_bytes, target):
    """Milliseconds below which no kernel gets, or None where the target's memory bandwidth is not known.

    Every weight, input and output crosses the memory once, at the board's peak. Nothing is said about how near a
    board comes to that.
    """
    rate = target.peak.get('dram_gb_s')
    if not rate:
        return None
    weights = sum(kernel.weights for kernel in fused.kernels)
    ends = sum(fused.sizes[name] for name in (*fused.inputs, *fused.outputs))
    return (precision_bytes * weights + 4 * ends) / rate / 1e6


def _short(value):
    return float('%.4g' % np.float64(value))
