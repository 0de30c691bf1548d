"""Time of kernels on a Jetson Nano: arithmetic or memory, whichever takes longer, and a fixed cost for each.

The form was chosen by cross-validation inside the fitted sources (`fit`), the numbers come from `coefficients.json`.
"""
from dataclasses import asdict, dataclass, fields

import numpy as np

from .kernel import ARITHMETIC, KINDS
from .memory import BYTES

#: Peak of a Nano's GPU in FP32, operations a second: 128 cores, two operations a cycle, 921.6 MHz (MAXN).
PEAK_FLOPS = 235.9e9
#: Multiplications that Winograd's F(2x2, 3x3) saves at most: 36 become 16.
WINOGRAD_GAIN = 2.25 - 1

_DENSE = [kind for kind in ARITHMETIC if kind != 'depthwise']


@dataclass(frozen=True)
class Form:
    """Which effects the model knows.

    Attributes:
        tile (int): output channels that a dense kernel works on at a time; fewer waste the rest. 1 for none.
        winograd (bool): whether 3x3 convolutions of many channels take fewer multiplications.
        depthwise_fp16 (bool): whether depthwise convolutions run in FP16 in an FP16 engine.
    """

    tile: int
    winograd: bool
    depthwise_fp16: bool


@dataclass(frozen=True)
class Coefficients:
    """What is fitted; every one has a meaning of its own (`MEANINGS`) and bounds (`fit.BOUNDS`)."""

    efficiency: float
    fp16_gain: float
    fp16_gain_separable: float
    winograd_channels: float
    bandwidth: float
    depthwise_bandwidth: float
    launch: float
    resize: float
    nms: float


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


class Work:
    """Kernels as arrays, for `times`.

    Args:
        kernels (sequence of Kernel): in any order.
    """

    def __init__(self, kernels):
        self.kinds = np.array([KINDS.index(kernel.kind) for kernel in kernels], int)
        for name in ('count', 'macs', 'read', 'weights', 'write', 'depth', 'columns', 'rows'):
            setattr(self, name, np.array([getattr(kernel, name) for kernel in kernels], float))

    @classmethod
    def joined(cls, works):
        """Several one after another (Work)."""
        whole = cls(())
        for name, values in vars(whole).items():
            setattr(whole, name, np.concatenate([getattr(work, name) for work in works]).astype(values.dtype))
        return whole

    def of(self, *kinds):
        """Mask of kernels of these kinds."""
        return np.isin(self.kinds, [KINDS.index(kind) for kind in kinds])


@dataclass(frozen=True)
class Times:
    """Milliseconds of each kernel of a `Work` (arrays); `total` counts those that are several.

    Attributes:
        arithmetic, memory (numpy.ndarray): what either would take alone.
        each (numpy.ndarray): the longer of both, or what a resize or a suppression takes, plus the launch.
        count (numpy.ndarray): how many there are.
    """

    arithmetic: np.ndarray
    memory: np.ndarray
    each: np.ndarray
    count: np.ndarray

    @property
    def total(self):
        """GPU time of all kernels, milliseconds."""
        return float((self.each * self.count).sum())


def times(work, coefficients, form, precision):
    """How long kernels take.

    Args:
        work (Work): the kernels.
        coefficients (Coefficients), form (Form): of the model.
        precision (str or numpy.ndarray): ``'fp32'`` or ``'fp16'``, of all or of each kernel.

    Returns:
        Times
    """
    dense, half = work.of(*_DENSE), np.equal(precision, 'fp16')
    speed = np.full(len(work.kinds), PEAK_FLOPS * coefficients.efficiency)
    if form.winograd:
        # Of input channels alone: with the outputs counted, a few more of them inside one tile would cost less.
        channels = work.depth / 9
        saved = WINOGRAD_GAIN * channels / (channels + coefficients.winograd_channels)
        speed = np.where(work.of('conv3'), speed * (1 + saved), speed)
    gain = np.where(work.of('separable'), coefficients.fp16_gain_separable, coefficients.fp16_gain)
    speed = speed * np.where(half, gain, 1)
    padded = np.ceil(np.maximum(work.columns, 1) / form.tile) * form.tile
    arithmetic = np.where(dense, 2 * work.macs * padded / np.maximum(work.columns, 1) / speed, 0)
    short = half & (form.depthwise_fp16 | ~work.of('depthwise'))
    size = np.where(short, BYTES['fp16'], BYTES['fp32'])
    bandwidth = np.where(work.of('depthwise'), coefficients.depthwise_bandwidth, coefficients.bandwidth) * 1e9
    memory = size * (work.read + work.weights + work.write) / bandwidth
    longer = np.maximum(arithmetic, memory)
    longer = np.where(work.of('resize'), work.write * coefficients.resize * 1e-9, longer)
    longer = np.where(work.of('nms'), work.read * coefficients.nms * 1e-9, longer)
    return Times(arithmetic * 1e3, memory * 1e3, longer * 1e3 + coefficients.launch * 1e-3, work.count)


def to_dict(coefficients):
    """Coefficients as JSON, to six digits."""
    return {name: float('%.6g' % value) for name, value in asdict(coefficients).items()}


NAMES = tuple(field.name for field in fields(Coefficients))
