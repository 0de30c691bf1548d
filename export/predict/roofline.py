"""Time of kernels on a Jetson Nano: arithmetic or memory, whichever takes longer, plus a fixed cost for each.

The form was chosen by cross-validation within the fitted sources (`fit`); the numbers are in `coefficients.json`.
"""
from dataclasses import dataclass, fields
from typing import Dict, Iterable, Sequence, Tuple, Union

import numpy as np

from .kernel import ARITHMETIC, BYTES, KINDS, Kernel

#: FP32 peak of a Nano's GPU, operations per second: 128 cores, two operations a cycle, 921.6 MHz (MAXN).
PEAK_FLOPS = 235.9e9
#: The most that Winograd's F(2x2, 3x3) can save: 36 multiplications become 16.
WINOGRAD_GAIN = 2.25 - 1

_DENSE = [kind for kind in ARITHMETIC if kind != 'depthwise']


@dataclass(frozen=True)
class Form:
    """Which effects the model includes.

    Attributes:
        tile: output channels that a dense kernel computes at a time; fewer waste the rest. 1 for no tiles.
        winograd: whether 3x3 convolutions with many channels need fewer multiplications.
        depthwise_fp16: whether depthwise convolutions run in FP16 in an FP16 engine.
        rows: output pixels that a dense kernel computes at a time. 1 for no such tiles.
        narrow_pointwise: whether every 1x1 convolution gains as little from FP16 as those beside depthwise ones.
        shallow: whether convolutions that sum few products gain less from FP16.
        strided: whether dense convolutions other than 3x3 with stride 1 have an efficiency of their own.
        depthwise_launch: whether a depthwise convolution has a fixed cost of its own.
        depthwise_arithmetic: whether the arithmetic of depthwise convolutions limits them too.
    """

    tile: int
    winograd: bool
    depthwise_fp16: bool
    rows: int = 1
    narrow_pointwise: bool = False
    shallow: bool = False
    strided: bool = False
    depthwise_launch: bool = False
    depthwise_arithmetic: bool = False


@dataclass(frozen=True)
class Coefficients:
    """Fitted numbers; `MEANINGS` explains them, `fit.BOUNDS` limits them. A form may leave out those with a default."""

    efficiency: float
    fp16_gain: float
    fp16_gain_separable: float
    bandwidth: float
    depthwise_bandwidth: float
    launch: float
    resize: float
    nms: float
    winograd_channels: float = 60.0
    shallow_products: float = 20.0
    strided_efficiency: float = 0.9
    depthwise_launch: float = 10.0
    depthwise_efficiency: float = 0.1


NAMES = tuple(field.name for field in fields(Coefficients))

#: Name of a coefficient to (unit, meaning).
MEANINGS = {
    'efficiency': ('1', 'share of the FP32 peak that dense arithmetic reaches, counted with padded channels'),
    'fp16_gain': ('1', 'how much faster dense arithmetic is in FP16'),
    'fp16_gain_separable': ('1', 'the same for 1x1 convolutions'),
    'winograd_channels': ('channels', 'at which a 3x3 convolution has half of what Winograd can save'),
    'bandwidth': ('GB/s', 'memory traffic of all kernels but depthwise ones'),
    'depthwise_bandwidth': ('GB/s', 'memory traffic of depthwise convolutions'),
    'launch': ('us', 'fixed cost of a kernel on the GPU'),
    'resize': ('ns', 'a value out of a linear resize, whatever the precision'),
    'nms': ('ns', 'a score into a suppression of overlapping boxes'),
    'shallow_products': ('products', 'summed for one output, at which a convolution has half of its gain from FP16'),
    'strided_efficiency': ('1', 'efficiency of dense convolutions other than 1x1 and 3x3 with stride 1, relative'),
    'depthwise_launch': ('us', 'fixed cost of a depthwise convolution'),
    'depthwise_efficiency': ('1', 'share of the FP32 peak that depthwise arithmetic reaches'),
}

#: Name of a coefficient to the effect of `Form` without which it has no meaning.
OPTIONAL = {'winograd_channels': 'winograd', 'shallow_products': 'shallow', 'strided_efficiency': 'strided',
            'depthwise_launch': 'depthwise_launch', 'depthwise_efficiency': 'depthwise_arithmetic'}


def names_of(form: Form) -> Tuple[str, ...]:
    """Coefficients that a form uses."""
    return tuple(name for name in NAMES if name not in OPTIONAL or getattr(form, OPTIONAL[name]))


@dataclass(frozen=True)
class LatencyModel:
    """Everything that a latency needs.

    Attributes:
        coefficients, form: of the GPU.
        enqueue_us: time that the processor needs to hand one layer to the GPU.
    """

    coefficients: Coefficients
    form: Form
    enqueue_us: float


@dataclass(frozen=True, eq=False)
class KernelArrays:
    """Kernels as arrays, for `kernel_times`: `kinds` are indices of `KINDS`, the rest are fields of `Kernel`."""

    kinds: np.ndarray
    count: np.ndarray
    macs: np.ndarray
    read: np.ndarray
    weights: np.ndarray
    write: np.ndarray
    depth: np.ndarray
    columns: np.ndarray
    rows: np.ndarray

    @classmethod
    def of_kernels(cls, kernels: Sequence[Kernel]) -> 'KernelArrays':
        """Arrays of some kernels."""
        numbers = (np.array([getattr(kernel, field.name) for kernel in kernels], float) for field in fields(cls)[1:])
        return cls(np.array([KINDS.index(kernel.kind) for kernel in kernels], int), *numbers)

    @classmethod
    def joined(cls, parts: Sequence['KernelArrays']) -> 'KernelArrays':
        """Several, one after another."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def of(self, *kinds: str) -> np.ndarray:
        """Mask of kernels of these kinds."""
        return np.array([kind in kinds for kind in KINDS])[self.kinds]


@dataclass(frozen=True, eq=False)
class KernelTimes:
    """Milliseconds of each kernel, as arrays.

    Attributes:
        arithmetic, memory: what either would take alone.
        each: the longer of both, or the time of a resize or a suppression, plus the launch.
        count: how many equal kernels there are.
    """

    arithmetic: np.ndarray
    memory: np.ndarray
    each: np.ndarray
    count: np.ndarray

    @property
    def total(self) -> float:
        """GPU time of all kernels, milliseconds."""
        return float((self.each * self.count).sum())


def kernel_times(kernels: KernelArrays, coefficients: Coefficients, form: Form,
                 precision: Union[str, np.ndarray]) -> KernelTimes:
    """How long kernels take.

    Args:
        kernels: the kernels.
        coefficients, form: of the model.
        precision: ``'fp32'`` or ``'fp16'``, of all kernels or of each.
    """
    dense, half, depthwise = kernels.of(*_DENSE), np.equal(precision, 'fp16'), kernels.of('depthwise')
    speed = np.full(len(kernels.kinds), PEAK_FLOPS * coefficients.efficiency)
    if form.winograd:
        # Of input channels alone: if outputs counted, a few more of them within one tile would make it faster.
        channels = kernels.depth / 9
        saved = WINOGRAD_GAIN * channels / (channels + coefficients.winograd_channels)
        speed = np.where(kernels.of('conv3'), speed * (1 + saved), speed)
    if form.strided:
        speed = np.where(kernels.of('conv'), speed * coefficients.strided_efficiency, speed)
    small = kernels.of('separable', 'pointwise') if form.narrow_pointwise else kernels.of('separable')
    gain = np.where(small, coefficients.fp16_gain_separable, coefficients.fp16_gain)
    if form.shallow:
        gain = 1 + (gain - 1) * kernels.depth / (kernels.depth + coefficients.shallow_products)
    speed = speed * np.where(half, gain, 1)
    # A product with one row is a matrix times a vector: it has no tiles of rows.
    rows = np.where(kernels.rows > 1, _padding(kernels.rows, form.rows), 1)
    work = 2 * kernels.macs * _padding(kernels.columns, form.tile) * rows
    arithmetic = np.where(dense, work / speed, 0)
    if form.depthwise_arithmetic:
        arithmetic = np.where(depthwise, 2 * kernels.macs / (PEAK_FLOPS * coefficients.depthwise_efficiency),
                              arithmetic)
    short = half & (form.depthwise_fp16 | ~depthwise)
    size = np.where(short, BYTES['fp16'], BYTES['fp32'])
    bandwidth = np.where(depthwise, coefficients.depthwise_bandwidth, coefficients.bandwidth) * 1e9
    memory = size * (kernels.read + kernels.weights + kernels.write) / bandwidth
    longer = np.maximum(arithmetic, memory)
    longer = np.where(kernels.of('resize'), kernels.write * coefficients.resize * 1e-9, longer)
    longer = np.where(kernels.of('nms'), kernels.read * coefficients.nms * 1e-9, longer)
    launch = np.where(depthwise & form.depthwise_launch, coefficients.depthwise_launch, coefficients.launch)
    return KernelTimes(arithmetic * 1e3, memory * 1e3, longer * 1e3 + launch * 1e-3, kernels.count)


def _padding(sizes, tile):
    """What remains of whole tiles, as a factor of at least one."""
    return np.ceil(np.maximum(sizes, 1) / tile) * tile / np.maximum(sizes, 1)


def to_dict(coefficients: Coefficients, names: Iterable[str]) -> Dict[str, float]:
    """Those coefficients as JSON, to six digits."""
    return {name: float('%.6g' % getattr(coefficients, name)) for name in names}
