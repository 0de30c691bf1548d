"""Time of kernels on a Jetson Nano: arithmetic or memory, whichever takes longer, plus a fixed cost for each.

The form was chosen by cross-validation within the fitted sources (`fit`); the numbers are in `coefficients.json`.
"""
from dataclasses import asdict, dataclass, fields
from typing import Dict, Sequence, Union

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
    """

    tile: int
    winograd: bool
    depthwise_fp16: bool


@dataclass(frozen=True)
class Coefficients:
    """Fitted numbers; `MEANINGS` explains them and `fit.BOUNDS` limits them."""

    efficiency: float
    fp16_gain: float
    fp16_gain_separable: float
    winograd_channels: float
    bandwidth: float
    depthwise_bandwidth: float
    launch: float
    resize: float
    nms: float


NAMES = tuple(field.name for field in fields(Coefficients))

#: Name of a coefficient to (unit, meaning).
MEANINGS = {
    'efficiency': ('1', 'share of the FP32 peak that dense arithmetic reaches, counted with padded channels'),
    'fp16_gain': ('1', 'how much faster dense arithmetic is in FP16'),
    'fp16_gain_separable': ('1', 'the same for 1x1 convolutions beside depthwise ones'),
    'winograd_channels': ('channels', 'at which a 3x3 convolution has half of what Winograd can save'),
    'bandwidth': ('GB/s', 'memory traffic of all kernels but depthwise ones'),
    'depthwise_bandwidth': ('GB/s', 'memory traffic of depthwise convolutions'),
    'launch': ('us', 'fixed cost of a kernel on the GPU'),
    'resize': ('ns', 'a value out of a linear resize, whatever the precision'),
    'nms': ('ns', 'a score into a suppression of overlapping boxes'),
}


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
        return np.isin(self.kinds, [KINDS.index(kind) for kind in kinds])


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
    dense, half = kernels.of(*_DENSE), np.equal(precision, 'fp16')
    speed = np.full(len(kernels.kinds), PEAK_FLOPS * coefficients.efficiency)
    if form.winograd:
        # Of input channels alone: if outputs counted, a few more of them within one tile would make it faster.
        channels = kernels.depth / 9
        saved = WINOGRAD_GAIN * channels / (channels + coefficients.winograd_channels)
        speed = np.where(kernels.of('conv3'), speed * (1 + saved), speed)
    gain = np.where(kernels.of('separable'), coefficients.fp16_gain_separable, coefficients.fp16_gain)
    speed = speed * np.where(half, gain, 1)
    padded = np.ceil(np.maximum(kernels.columns, 1) / form.tile) * form.tile
    arithmetic = np.where(dense, 2 * kernels.macs * padded / np.maximum(kernels.columns, 1) / speed, 0)
    short = half & (form.depthwise_fp16 | ~kernels.of('depthwise'))
    size = np.where(short, BYTES['fp16'], BYTES['fp32'])
    bandwidth = np.where(kernels.of('depthwise'), coefficients.depthwise_bandwidth, coefficients.bandwidth) * 1e9
    memory = size * (kernels.read + kernels.weights + kernels.write) / bandwidth
    longer = np.maximum(arithmetic, memory)
    longer = np.where(kernels.of('resize'), kernels.write * coefficients.resize * 1e-9, longer)
    longer = np.where(kernels.of('nms'), kernels.read * coefficients.nms * 1e-9, longer)
    return KernelTimes(arithmetic * 1e3, memory * 1e3, longer * 1e3 + coefficients.launch * 1e-3, kernels.count)


def to_dict(coefficients: Coefficients) -> Dict[str, float]:
    """Coefficients as JSON, to six digits."""
    return {name: float('%.6g' % value) for name, value in asdict(coefficients).items()}
