"""Latency and build time of a network on a Jetson Nano, with the interval given by figures left out of the fit."""
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from export.targets import Target

from .fusion import FusedNetwork
from .kernel import ARITHMETIC, BYTES, Kernel, count_layers, merge_equal
from .roofline import Coefficients, Form, KernelArrays, KernelTimes, LatencyModel, kernel_times

COEFFICIENTS = Path(__file__).parent / 'data' / 'coefficients.json'

#: Targets that the figures of the fit were measured on.
FITTED_TARGETS = ('jetson-nano', 'jetson-nano-8.0')

#: 99th percentile over mean of the only published run that states both (U-Net, FP16); the 90th percentile is lower.
SPREAD = 129.5 / 127.7


@dataclass(frozen=True)
class Interval:
    """A prediction, and how far published figures were from their predictions.

    Attributes:
        middle: the prediction.
        typical: (low, high) that contains half of the figures left out.
        outer: (low, high) that contains all of them.
    """

    middle: float
    typical: Tuple[float, float]
    outer: Tuple[float, float]

    @classmethod
    def around(cls, middle: float, error: Dict[str, Any]) -> 'Interval':
        """The interval of a prediction, for an error from `fit.summarise`."""
        half = error['median_percent'] / 100
        return cls(middle, (middle / (1 + half), middle / (1 - half)),
                   (middle * error['faster'], middle * error['slower']))

    def to_dict(self) -> Dict[str, Any]:
        """The interval as JSON, to four digits."""
        return {'predicted': _short(self.middle), 'typical': [_short(end) for end in self.typical],
                'outer': [_short(end) for end in self.outer]}


@dataclass(frozen=True)
class Latency:
    """Time of one inference, milliseconds.

    Attributes:
        gpu_ms, enqueue_ms: of the GPU, and of the processor that hands layers to it; they overlap.
        network_ms: the longer of both.
        copies_ms: input to the GPU, outputs from it, through pinned memory.
        build_s: (low, predicted, high) seconds of TensorRT's build.
        times: of each kernel.
    """

    gpu_ms: float
    enqueue_ms: float
    network_ms: Interval
    copies_ms: Tuple[float, float]
    build_s: Tuple[float, float, float]
    times: KernelTimes

    @property
    def network_p90_ms(self) -> float:
        """90th percentile on a board that does nothing else, milliseconds."""
        return self.network_ms.middle * SPREAD


@functools.lru_cache(maxsize=None)
def fit_document() -> Dict[str, Any]:
    """The coefficients file with its error tables, as `fit.fit_everything` wrote it."""
    document: Dict[str, Any] = json.loads(COEFFICIENTS.read_text(encoding='utf-8'))
    return document


def load_model() -> LatencyModel:
    """The fitted model."""
    document = fit_document()
    form = {key: value for key, value in document['form'].items() if key != 'name'}
    return LatencyModel(Coefficients(**document['coefficients']), Form(**form), document['enqueue']['us_per_layer'])


def has_latency(target: Target) -> bool:
    """Whether figures were published for a target, so that its latency can be predicted."""
    return target.name in FITTED_TARGETS


def predict(fused: FusedNetwork, precision: str) -> Latency:
    """Latency of a network on a Jetson Nano.

    Args:
        fused: the network.
        precision: ``'fp16'`` or ``'fp32'``.

    Returns:
        The prediction for MAXN with clocks at their highest, batch 1.
    """
    model, document = load_model(), fit_document()
    times = kernel_times(KernelArrays.of_kernels(fused.kernels), model.coefficients, model.form, precision)
    enqueue = model.enqueue_us * 1e-3 * count_layers(fused.kernels)
    build_fit = document['build'][precision]
    # Kernels of one shape are timed once.
    features = build_features(merge_equal(fused.kernels), model.coefficients, model.form, precision)
    build = float(features @ [build_fit['s_per_kernel'], build_fit['s_per_ms']])
    return Latency(times.total, enqueue, Interval.around(max(times.total, enqueue), document['left_out']),
                   (copy_ms(fused, fused.inputs, 'h2d'), copy_ms(fused, fused.outputs, 'd2h')),
                   (build * build_fit['faster'], build, build * build_fit['slower']), times)


def build_features(kernels: Sequence[Kernel], coefficients: Coefficients, form: Form, precision: str) -> np.ndarray:
    """What determines the time of a TensorRT build.

    The builder tries many implementations of every distinct convolution and times each.

    Returns:
        Number of distinct arithmetic kernels, and milliseconds of one run of each.
    """
    arrays = KernelArrays.of_kernels(kernels)
    arithmetic = arrays.of(*ARITHMETIC)
    return np.array([arithmetic.sum(), kernel_times(arrays, coefficients, form, precision).each[arithmetic].sum()])


def copy_ms(fused: FusedNetwork, names: Sequence[str], way: str) -> float:
    """Milliseconds to copy tensors of four bytes a value; ``'h2d'`` to the GPU, ``'d2h'`` from it."""
    copies = fit_document()['copies']
    return sum(max(copies['floor_ms'], 4 * fused.sizes[name] / copies[way]['gb_s'] / 1e6) for name in names)


def by_kind(fused: FusedNetwork, latency: Latency) -> Dict[str, Tuple[int, float, float]]:
    """(count, GMAC, milliseconds) by kind of kernel, the slowest first."""
    sums: Dict[str, Tuple[int, float, float]] = {}
    for kernel, each in zip(fused.kernels, latency.times.each):
        count, gmac, ms = sums.get(kernel.kind, (0, 0.0, 0.0))
        sums[kernel.kind] = (count + kernel.count, gmac + kernel.count * kernel.macs / 1e9,
                             ms + kernel.count * float(each))
    return dict(sorted(sums.items(), key=lambda entry: -entry[1][2]))


def layer_rows(fused: FusedNetwork, latency: Latency) -> List[Dict[str, Any]]:
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


def lower_limit_ms(fused: FusedNetwork, precision: str, target: Target) -> Optional[float]:
    """Lower limit of the latency, milliseconds; None where the target's memory bandwidth is unknown.

    Every weight, input and output crosses the memory once, at the board's peak rate. How close a board comes to that
    is not predicted.
    """
    rate = target.peak.get('dram_gb_s')
    if not rate:
        return None
    weights = sum(kernel.weights for kernel in fused.kernels)
    ends = sum(fused.sizes[name] for name in (*fused.inputs, *fused.outputs))
    return (BYTES[precision] * weights + 4 * ends) / rate / 1e6


def _short(value):
    return float('%.4g' % np.float64(value))
