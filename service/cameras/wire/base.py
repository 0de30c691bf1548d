"""The interface of every wire format: the bytes of one frame to temperatures, and back for simulated cameras.

A format never invents a temperature. If the camera sends counts, or says that it does, the picture is ``'relative'``; a
frame that cannot be what the format promises is refused.
"""
import abc
from dataclasses import dataclass, replace
from typing import Any, Optional, Tuple, Union

import numpy as np

from ...condition import Condition
from ...messages import CameraError
from ...thermogram import CELSIUS, RELATIVE

#: 0 K in °C.
ZERO_K_C = -273.15

#: The share of impossible or saturated pixels above which the frame, not a pixel, is at fault. Single dead pixels and a
#: small hot spot stay below.
IMPOSSIBLE_SHARE, SATURATED_SHARE = 0.01, 0.5

#: Neighbours in a row that differ by more counts than this are the edge of something very hot. If more than this share
#: of them do, bytes have been shifted and low bytes are read as high ones. In simulated Boson frames none do, in
#: damaged ones 1.9 to 4.4 %.
_JUMP_COUNTS, _JUMP_SHARE = 16384, 0.005

_UNKNOWN = Condition()

BytesLike = Union[bytes, bytearray, memoryview]


class WireError(CameraError):
    """Bytes that are not a frame of the format."""

    def __init__(self, sentence: str, next_step: str, detail: str = '') -> None:
        super().__init__('camera-bad-frame', sentence, next_step, detail)


@dataclass(frozen=True, eq=False)
class WireReading:
    """One frame as a format reads it.

    Attributes:
        pixels: float32 HxW; °C, or grey levels 0..255 if `unit` is ``'relative'``.
        unit: ``'celsius'`` or ``'relative'``.
        condition: what the frame reports about its camera.
        counts: uint16 HxW, the values that came over the wire.
        scale: (°C per count, °C at count 0) where the relation is linear; None where it is not, or where counts have no
            temperature.
    """

    pixels: np.ndarray
    unit: str
    condition: Condition
    counts: np.ndarray
    scale: Optional[Tuple[float, float]] = None


class WireFormat(abc.ABC):
    """Base of the formats. A format sets the attributes and overrides `_decode` and `_encode`.

    Attributes:
        name: key of `FORMATS`, such as ``'lepton-y16'``.
        camera: what sends it, for sentences and lists.
        fourcc: four characters as V4L2 writes them, or a GenICam pixel format.
        width, height: as negotiated with the device, metadata rows included.
        shape: (rows, columns) of the picture.
        unit: ``'celsius'`` or ``'relative'``; a frame of the former may still say that it is relative.
        quantum_c: °C of one count; None for relative formats.
        rate_hz: frames per second that the camera sends.
        usb: (vendor, product) ids; product None for any of that vendor.
        bulk: it is no video device; `service.cameras.v4l2.bulk` reads it.
        lowest_c, highest_c: what can be in front of a camera at a bedside, °C; the high-gain range of these cameras
            ends at 120 to 150 °C.
        full_scale: the count at which it saturates.
        netd_mk, accuracy: as the maker states them.
    """

    name = ''
    camera = ''
    fourcc = ''
    width = height = 0
    shape = (0, 0)
    unit = CELSIUS
    quantum_c: Optional[float] = None
    rate_hz = 0.0
    usb: Tuple[Tuple[int, Optional[int]], ...] = ()
    bulk = False
    lowest_c, highest_c = -50.0, 150.0
    full_scale = 0xFFFF
    netd_mk: Optional[float] = None
    accuracy = ''

    @property
    def frame_bytes(self) -> int:
        """Length of one frame; every format here has two bytes a pixel."""
        return 2 * self.width * self.height

    def decode(self, data: BytesLike) -> WireReading:
        """Read one frame, exactly as the device delivered it.

        Raises:
            WireError: wrong size, damaged, impossible metadata, or counts where temperatures are promised.
        """
        size = memoryview(data).nbytes
        if size != self.frame_bytes:
            raise WireError('The %s sent a frame of %d bytes instead of %d.' % (self.camera, size, self.frame_bytes),
                            'Check its cable and its USB port, without a hub.', self.name)
        reading = self._decode(np.frombuffer(data, '<u2').reshape(self.height, self.width))
        saturated = float(np.mean(reading.counts >= self.full_scale))
        if saturated > SATURATED_SHARE:
            raise WireError('The %s is saturated in %d %% of its picture.' % (self.camera, round(100 * saturated)),
                            'Take hot things out of its view, or unplug it and plug it in again.', self.name)
        if reading.unit == CELSIUS:
            self._check_possible(reading)
        else:
            self._check_smooth(reading.counts)
        for array in (reading.pixels, reading.counts):
            array.setflags(write=False)
        return replace(reading, condition=replace(reading.condition, saturated=saturated))

    def encode(self, celsius: np.ndarray, condition: Optional[Condition] = None, **carried: Any) -> bytes:
        """The bytes that a device sends for a picture; values beyond the scale saturate.

        Args:
            celsius: float HxW of `shape`, °C.
            condition: what the frame reports about the camera, as far as the format can say it.
            **carried: what else the format carries; see each format.
        Raises:
            ValueError: another shape, not finite, or something that the format does not carry.
        """
        celsius = np.asarray(celsius, np.float64)
        if celsius.shape != self.shape:
            raise ValueError('%s has pictures of %s, not %s' % (self.name, self.shape, celsius.shape))
        if not np.isfinite(celsius).all():
            raise ValueError('a picture to encode must be finite')
        return self._encode(celsius, condition or _UNKNOWN, **carried)

    @abc.abstractmethod
    def _decode(self, words: np.ndarray) -> WireReading:
        """Read uint16 words, height x width, which may be read-only and short-lived."""

    @abc.abstractmethod
    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        """Bytes of a float64 picture of `shape`."""

    def _check_possible(self, reading: WireReading) -> None:
        pixels = reading.pixels
        inside = (pixels >= self.lowest_c) & (pixels <= self.highest_c)  # False for NaN
        share = float(np.mean(~inside & (reading.counts < self.full_scale)))
        if share > IMPOSSIBLE_SHARE:
            raise WireError('The %s sent impossible temperatures in %d %% of its picture.'
                            % (self.camera, round(100 * share)),
                            'Take hot things out of its view, or unplug it and plug it in again.',
                            '%s: %.2f..%.2f °C' % (self.name, float(np.nanmin(pixels)), float(np.nanmax(pixels))))

    def _check_smooth(self, counts: np.ndarray) -> None:
        jumps = float(np.mean(np.abs(np.diff(counts.astype(np.int32), axis=1)) > _JUMP_COUNTS))
        if jumps > _JUMP_SHARE:
            raise WireError('The %s sent a damaged frame.' % self.camera,
                            'Check its cable and its USB port, without a hub.',
                            '%s: %.1f %% of neighbours jump' % (self.name, 100 * jumps))


def linear_celsius(counts: np.ndarray, per_count_c: float) -> np.ndarray:
    """°C of counts on an absolute scale: float32, the float64 result rounded once."""
    return (counts * np.float64(per_count_c) + ZERO_K_C).astype(np.float32)


def linear_counts(celsius: np.ndarray, per_count_c: float, full_scale: int = 0xFFFF) -> np.ndarray:
    """Counts of °C on an absolute scale, halves rounded up, saturated: ``<u2``, same shape."""
    per_c = round(1 / per_count_c, 9)  # 10, not 9.999...: a half stays a half
    return np.clip(np.floor((celsius - ZERO_K_C) * per_c + 0.5), 0, full_scale).astype('<u2')


def grey_of(counts: np.ndarray) -> np.ndarray:
    """Grey levels 0..255 of uint16 counts without temperatures, each frame stretched by itself.

    The darkest and brightest thousandth are clipped, so that a dead pixel does not take the contrast.

    Returns:
        float32 of the same shape; all 0 for a flat picture.
    """
    cumulative = np.cumsum(np.bincount(counts.ravel(), minlength=1))
    low, high = np.searchsorted(cumulative, (0.001 * counts.size, 0.999 * counts.size))
    span = np.float32(max(high - low, 1))
    return np.clip((counts.astype(np.float32) - np.float32(low)) * (np.float32(255) / span), 0, 255)


def relative(counts: np.ndarray, condition: Condition = _UNKNOWN) -> WireReading:
    """A reading without temperatures."""
    return WireReading(grey_of(counts), RELATIVE, condition, counts)


def absolute(counts: np.ndarray, per_count_c: float, condition: Condition = _UNKNOWN) -> WireReading:
    """A reading on an absolute linear scale."""
    return WireReading(linear_celsius(counts, per_count_c), CELSIUS, condition, counts, (per_count_c, ZERO_K_C))
