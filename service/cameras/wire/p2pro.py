"""InfiRay P2 Pro, Topdon TC001 and their family: a grey picture above, temperatures of 1/64 K below, as ``YUYV``.

384 rows of 512 bytes. Rows 0-191 are a picture to look at (Y grey, U = V = 128). Rows 192-383 hold one little-endian
word a pixel, kelvin * 64. Source: LeoDJ/P2Pro-Viewer, checked against a recorded frame of a TC001, in which every
chroma byte is 128.
"""
import numpy as np

from ...condition import Condition
from .base import WireError, WireFormat, WireReading, absolute, linear_counts

_ROWS, _COLUMNS = 192, 256
_NEUTRAL = 128
_STEP_K = 1 / 64.0


class P2ProFormat(WireFormat):
    """The family's only format."""

    name = 'p2pro'
    camera = 'InfiRay P2 Pro / Topdon TC001'
    fourcc = 'YUYV'
    width, height = _COLUMNS, 2 * _ROWS
    shape = _ROWS, _COLUMNS
    quantum_c = _STEP_K
    rate_hz = 25.0
    usb = ((0x0BDA, 0x5830), (0x0BDA, 0x5840))
    accuracy = 'The maker\'s figure is not on record here; trust differences only.'

    def _decode(self, words: np.ndarray) -> WireReading:
        # Chroma is the high byte of every word of the grey half. A frame whose bytes are shifted, as happens under a
        # virtual machine, has it elsewhere; its lower half would be wrong temperatures.
        damaged = int(np.count_nonzero(words[:_ROWS] >> 8 != _NEUTRAL))
        if damaged:
            raise WireError('The %s sent a damaged frame: its grey picture has colours.' % self.camera,
                            'Check its cable, use a USB port of this machine itself, and choose its white-hot palette.',
                            '%d of %d chroma bytes are not 128' % (damaged, _ROWS * _COLUMNS))
        return absolute(words[_ROWS:].astype(np.uint16), _STEP_K)

    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        counts = linear_counts(celsius, _STEP_K)
        low, high = float(celsius.min()), float(celsius.max())
        grey = np.rint(255 * (celsius - low) / max(high - low, 1e-6)).astype('<u2')
        return np.concatenate([grey | _NEUTRAL << 8, counts]).astype('<u2').tobytes()


FORMATS = (P2ProFormat(),)
