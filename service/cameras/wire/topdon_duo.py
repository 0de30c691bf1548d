"""Topdon TC002C Duo: temperatures of 1/16 K in a band above its picture, 512x484 as ``YUYV``.

Rows 0-95 hold 256x192 little-endian words, kelvin * 16, two rows of the sensor to each; rows 96-97 and 482-483 are the
camera's own; rows 98-481 are a picture of 512x384 to look at. Other sizes of the camera have 8-bit grey only.

Source: docs/TC002C-DUO.md of a fork of leswright1977/PyThermalCamera, which says that absolute temperatures are off by
several degrees. Another public reader (manbehindthemadness/Topdon_TC002C_duo_MacOS) takes the words of another mode of
the camera as 1/64 °C from a zero that it does not know; the two have not been compared, here or there.
"""
import numpy as np

from ...condition import Condition
from .base import WireFormat, WireReading, absolute, linear_counts

_ROWS, _COLUMNS = 192, 256
_STEP_K = 1 / 16.0
_BAND_ROWS, _OWN_ROWS = _ROWS // 2, 2
_NEUTRAL = 128


class TopdonDuoFormat(WireFormat):
    """The camera's only size with temperatures."""

    name = 'tc002c-duo'
    camera = 'Topdon TC002C Duo'
    fourcc = 'YUYV'
    width, height = 2 * _COLUMNS, _BAND_ROWS + 2 * _ROWS + 2 * _OWN_ROWS
    shape = _ROWS, _COLUMNS
    quantum_c = _STEP_K
    rate_hz = 25.0
    usb = ((0x2BDF, 0x0102),)
    accuracy = ('The maker\'s figure is not on record here, public readers disagree about the step, and absolute '
                'values are off by degrees; compare it with a thermometer before trusting even differences.')

    def _decode(self, words: np.ndarray) -> WireReading:
        return absolute(words[:_BAND_ROWS].reshape(self.shape).astype(np.uint16), _STEP_K)

    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        low, high = float(celsius.min()), float(celsius.max())
        grey = np.rint(255 * (celsius - low) / max(high - low, 1e-6)).astype('<u2') | _NEUTRAL << 8
        own = np.zeros((_OWN_ROWS, self.width), '<u2')
        band = linear_counts(celsius, _STEP_K).reshape(_BAND_ROWS, self.width)
        return np.concatenate([band, own, grey.repeat(2, 0).repeat(2, 1), own]).astype('<u2').tobytes()


FORMATS = (TopdonDuoFormat(),)
