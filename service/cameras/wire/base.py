"""What every wire format is: bytes of one frame to temperatures, and back for simulated cameras.

A format never makes a temperature up. Where the camera sends counts, or says that it does, the
picture is ``'relative'``; where a frame cannot be what the format promises it is refused.
"""
import abc
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from ...messages import CameraError
from ...thermogram import CELSIUS, RELATIVE
from ..condition import Condition

#: Degrees Celsius of 0 K.
ZERO_K_C = -273.15

#: A share of impossible or saturated pixels above which the frame, not a pixel, is at fault. Single
#: dead pixels and a small hot spot stay below.
IMPOSSIBLE_SHARE, SATURATED_SHARE = 0.01, 0.5

#: Neighbours in a row that differ by more counts than this are an edge of something very hot; where
#: more than this share of them do, bytes have lost their place, and the low ones are taken for the
#: high. Of simulated Boson frames 0 % do, of damaged ones 1.9 to 4.4 %.
_JUMP_COUNTS, _JUMP_SHARE = 16384, 0.005

_UNSAID = Condition()


class WireError(CameraError):
    """Bytes that are not a frame of the format.

    Args:
        sentence (str): what is wrong and what to do next.
        detail (str): technical addition for the log.
    """

    def __init__(self, sentence, detail=''):
        super().__init__('camera-bad-frame', sentence, detail=detail)


@dataclass(frozen=True)
class Decoded:
    """One frame as sent.

    Attributes:
        pixels (numpy.ndarray): float32 HxW; degrees Celsius, or grey levels 0..255 where `unit` is
            ``'relative'``.
        unit (str): ``'celsius'`` or ``'relative'``.
        condition (Condition): what the frame says about its camera.
        counts (numpy.ndarray): uint16 HxW, the values that came over the wire.
        scale (tuple or None): (Celsius per count, Celsius at count 0) where the relation is linear;
            None where it is not, or where counts have no temperature.
    """

    pixels: np.ndarray
    unit: str
    condition: Condition
    counts: np.ndarray
    scale: Optional[tuple] = None


class WireFormat(abc.ABC):
    """Base of the formats. A format sets the attributes and overrides `_decode` and `_encode`.

    Attributes:
        name (str): key of `FORMATS`, such as ``'lepton-y16'``.
        camera (str): what sends it, for sentences and lists.
        fourcc (str): four characters as V4L2 writes them, or a GenICam pixel format.
        width, height (int): as negotiated with the device, metadata rows included.
        shape (tuple): (rows, columns) of the picture.
        frame_bytes (int): length of one frame.
        unit (str): ``'celsius'`` or ``'relative'``; a frame that says so itself may be relative.
        quantum_c (float or None): Celsius of one count; None for relative formats.
        rate_hz (float): frames per second the camera sends.
        usb (tuple): (vendor, product) ids as int; product None for any of that vendor.
        lowest_c, highest_c (float): what can be before a camera at a bedside; the high-gain range of
            these cameras ends at 120 to 150 C.
        full_scale (int): the count at which it saturates.
        netd_mk (float or None), accuracy (str): as the maker states them.
    """

    name = ''
    camera = ''
    fourcc = ''
    width = height = 0
    shape = (0, 0)
    unit = CELSIUS
    quantum_c = None
    rate_hz = 0.0
    usb = ()
    lowest_c, highest_c = -50.0, 150.0
    full_scale = 0xFFFF
    netd_mk = None
    accuracy = ''

    @property
    def frame_bytes(self):
        """Length of one frame; two bytes a pixel in every format here."""
        return 2 * self.width * self.height

    def decode(self, data):
        """One frame.

        Args:
            data (bytes-like): exactly what the device delivered.
        Returns:
            Decoded
        Raises:
            WireError: wrong size, damaged, impossible metadata, counts where Celsius are promised.
        """
        size = memoryview(data).nbytes
        if size != self.frame_bytes:
            raise WireError('The %s sent a frame of %d bytes instead of %d; check its cable and its USB port, '
                            'without a hub.' % (self.camera, size, self.frame_bytes), self.name)
        decoded = self._decode(np.frombuffer(data, '<u2').reshape(self.height, self.width))
        saturated = float(np.mean(decoded.counts >= self.full_scale))
        if saturated > SATURATED_SHARE:
            raise WireError('The %s is saturated in %d %% of its picture; take hot things out of its view, or '
                            'restart it.' % (self.camera, round(100 * saturated)), self.name)
        if decoded.unit == CELSIUS:
            self._check_possible(decoded)
        else:
            self._check_smooth(decoded.counts)
        for array in (decoded.pixels, decoded.counts):
            array.setflags(write=False)
        return replace(decoded, condition=replace(decoded.condition, saturated=saturated))

    def encode(self, celsius, condition=None, **carried):
        """The bytes a device sends for a picture; values beyond the scale saturate.

        Args:
            celsius (numpy.ndarray): float HxW of `shape`, degrees Celsius.
            condition (Condition): what the frame says about the camera, where the format can say it.
            **carried: what else the format carries; see each format.
        Returns:
            bytes: `frame_bytes` of them.
        Raises:
            ValueError: another shape, not finite, or something that the format does not carry.
        """
        celsius = np.asarray(celsius, np.float64)
        if celsius.shape != self.shape:
            raise ValueError('%s has pictures of %s, not %s' % (self.name, self.shape, celsius.shape))
        if not np.isfinite(celsius).all():
            raise ValueError('a picture to encode must be finite')
        return self._encode(celsius, condition or _UNSAID, **carried)

    @abc.abstractmethod
    def _decode(self, words):
        """`Decoded` of uint16 words, height x width, which may be read only and short-lived."""

    @abc.abstractmethod
    def _encode(self, celsius, condition):
        """Bytes of float64 Celsius of `shape`."""

    def _check_possible(self, decoded):
        pixels = decoded.pixels
        inside = (pixels >= self.lowest_c) & (pixels <= self.highest_c)  # NaN is not
        share = float(np.mean(~inside & (decoded.counts < self.full_scale)))
        if share > IMPOSSIBLE_SHARE:
            raise WireError('The %s sent temperatures that cannot be in %d %% of its picture; take hot things out of '
                            'its view, or unplug it and plug it in again.' % (self.camera, round(100 * share)),
                            '%s: %.2f..%.2f C' % (self.name, float(np.nanmin(pixels)), float(np.nanmax(pixels))))

    def _check_smooth(self, counts):
        jumps = float(np.mean(np.abs(np.diff(counts.astype(np.int32), axis=1)) > _JUMP_COUNTS))
        if jumps > _JUMP_SHARE:
            raise WireError('The %s sent a damaged frame; check its cable and its USB port, without a hub.'
                            % self.camera, '%s: %.1f %% of neighbours jump' % (self.name, 100 * jumps))


def linear_celsius(counts, per_count_c):
    """Celsius of counts of an absolute scale: float32, the float64 result rounded once."""
    return (counts * np.float64(per_count_c) + ZERO_K_C).astype(np.float32)


def linear_counts(celsius, per_count_c, full_scale=0xFFFF):
    """Counts of Celsius on an absolute scale, halves rounded up, saturated: ``<u2``, same shape."""
    per_c = round(1 / per_count_c, 9)  # 10, not 9.999...: a half stays a half
    return np.clip(np.floor((celsius - ZERO_K_C) * per_c + 0.5), 0, full_scale).astype('<u2')


def grey_of(counts):
    """Grey levels 0..255 of counts that have no temperature, each frame stretched by itself.

    The darkest and brightest thousandth are cut, so that a dead pixel does not take the contrast.

    Args:
        counts (numpy.ndarray): uint16, any shape.
    Returns:
        numpy.ndarray: float32, same shape; all 0 for a flat picture.
    """
    cumulative = np.cumsum(np.bincount(counts.ravel(), minlength=1))
    low, high = np.searchsorted(cumulative, (0.001 * counts.size, 0.999 * counts.size))
    span = np.float32(max(high - low, 1))
    return np.clip((counts.astype(np.float32) - np.float32(low)) * (np.float32(255) / span), 0, 255)


def relative(counts, condition=_UNSAID):
    """A `Decoded` without temperatures."""
    return Decoded(grey_of(counts), RELATIVE, condition, counts)


def absolute(counts, per_count_c, condition=_UNSAID):
    """A `Decoded` of an absolute linear scale."""
    return Decoded(linear_celsius(counts, per_count_c), CELSIUS, condition, counts, (per_count_c, ZERO_K_C))
