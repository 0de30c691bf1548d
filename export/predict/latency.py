"""Latency and build time of a network on a Jetson Nano, with the interval given by figures left out of the fit."""
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from export.targets import Target

from .fusion import FusedNetwork
from .kernel import ARITHMETIC, BYTES, TRAFFIC, Kernel, count_layers, merge_equal, total_macs
from .roofline import Coefficients, Form, KernelArrays, KernelTimes, LatencyModel, kernel_times

COEFFICIENTS = Path(__file__).parent / 'data' / 'coefficients.json'

#: Targets that the figures of the fit were measured on.
FITTED_TARGETS = ('jetson-nano', 'jetson-nano-8.0')

#: 99th percentile over mean of the only published run that states both (U-Net, FP16); the 90th percentile is lower.
SPREAD = 129.5 / 127.7

#: Features that are sizes; the others are shares in percent.
_SIZES = ('layers', 'gmac', 'products', 'widest')

#: Name of a feature of a network to its name in a sentence and the format of its value.
_FEATURES = {
    'layers': ('layers', '%d'), 'gmac': ('GMAC', '%.3g'), 'products': ('GMAC for each million elements moved', '%.2g'),
    'widest': ('million elements moved by one layer', '%.3g'),
    **{kind: ('%% of the multiply-accumulates in %s' % title, '%.1f') for kind, title in (
        ('conv3', '3x3 convolutions with stride 1'), ('conv', 'other dense convolutions'),
        ('pointwise', '1x1 convolutions'), ('separable', '1x1 convolutions beside depthwise ones'),
        ('depthwise', 'depthwise convolutions'), ('gemm', 'matrix products'))},
    'depthwise_moved': ('% of the elements moved by depthwise convolutions', '%.1f'),
    **{kind: ('%% of the elements moved by layers of kind %s' % kind, '%.1f') for kind in TRAFFIC}}


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
class Departure:
    """A feature of a network that lies outside what the fit saw.

    Attributes:
        feature: its name in the coefficients file.
        value: of the network.
        low, high: of the networks that were fitted.
    """

    feature: str
    value: float
    low: float
    high: float

    @property
    def sentence(self) -> str:
        """It in words."""
        title, form = _FEATURES[self.feature]
        return ('%s %s; the fitted networks have %s to %s.' % (form, '%s', form, form)) % (
            self.value, title, self.low, self.high)

    def to_dict(self) -> Dict[str, Any]:
        """It as JSON."""
        return {'feature': self.feature, 'value': _short(self.value), 'low': self.low, 'high': self.high,
                'sentence': self.sentence}


@dataclass(frozen=True)
class Latency:
    """Time of one inference, milliseconds.

    Attributes:
        gpu_ms, enqueue_ms: of the GPU, and of the processor that hands layers to it; they overlap.
        network_ms: the longer of both.
        copies_ms: input to the GPU, outputs from it, through pinned memory.
        build_s: (low, predicted, high) seconds of TensorRT's build.
        times: of each kernel.
        outside: how the network differs from those that were fitted.
    """

    gpu_ms: float
    enqueue_ms: float
    network_ms: Interval
    copies_ms: Tuple[float, float]
    build_s: Tuple[float, float, float]
    times: KernelTimes
    outside: List[Departure]

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
                   (build * build_fit['faster'], build, build * build_fit['slower']), times,
                   departures(fused.kernels))


def build_features(kernels: Sequence[Kernel], coefficients: Coefficients, form: Form, precision: str) -> np.ndarray:
    """What determines the time of a TensorRT build.

    The builder tries many implementations of every distinct convolution and times each.

    Returns:
        Number of distinct arithmetic kernels, and milliseconds of one run of each.
    """
    arrays = KernelArrays.of_kernels(kernels)
    arithmetic = arrays.of(*ARITHMETIC)
    return np.array([arithmetic.sum(), kernel_times(arrays, coefficients, form, precision).each[arithmetic].sum()])


def features_of(kernels: Sequence[Kernel]) -> Dict[str, float]:
    """Size of a network, and shares of every kind of layer in percent, by the names of ranges in the coefficients."""
    macs, moved = total_macs(kernels), sum(kernel.count * kernel.elements for kernel in kernels)

    def share(kind, number, whole):
        part = sum(kernel.count * number(kernel) for kernel in kernels if kernel.kind == kind)
        return 100 * part / whole if whole else 0.0

    return {
        'layers': count_layers(kernels), 'gmac': macs / 1e9, 'products': macs / 1e3 / moved if moved else 0.0,
        'widest': max((kernel.elements for kernel in kernels), default=0) / 1e6,
        **{kind: share(kind, lambda kernel: kernel.macs, macs) for kind in ARITHMETIC},
        'depthwise_moved': share('depthwise', lambda kernel: kernel.elements, moved),
        **{kind: share(kind, lambda kernel: kernel.elements, moved) for kind in TRAFFIC}}


def ranges_of(networks: Iterable[Sequence[Kernel]]) -> Dict[str, List[float]]:
    """Lowest and highest value of every feature among some networks."""
    rows = [features_of(kernels) for kernels in networks]
    return {name: [_short(min(row[name] for row in rows)), _short(max(row[name] for row in rows))]
            for name in _FEATURES}


def departures(kernels: Sequence[Kernel]) -> List[Departure]:
    """Sizes more than a quarter and shares more than two points outside the range of the fitted networks."""
    seen, found = fit_document()['seen'], []
    for name, value in features_of(kernels).items():
        low, high = seen[name]
        inside = low / 1.25 <= value <= high * 1.25 if name in _SIZES else low - 2 <= value <= high + 2
        if not inside:
            found.append(Departure(name, value, low, high))
    return found


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
