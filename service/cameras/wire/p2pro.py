"""InfiRay P2 Pro, Topdon TC001 and their family: a grey picture above, 1/64 K below, as ``YUYV``.

384 rows of 512 bytes. Rows 0-191: picture for the eye (Y grey, U = V = 128). Rows 192-383: one
low-byte-first word a pixel, Kelvin * 64. Source: LeoDJ/P2Pro-Viewer, checked on a recorded frame of
a TC001, in which every chroma byte is 128.
"""
import numpy as np

from .base import WireError, WireFormat, absolute, linear_counts

_ROWS, _COLUMNS = 192, 256
_NEUTRAL = 128


class P2ProFormat(WireFormat):
    """The family's only format."""

    name = 'p2pro'
    camera = 'InfiRay P2 Pro / Topdon TC001'
    fourcc = 'YUYV'
    width, height = _COLUMNS, 2 * _ROWS
    shape = _ROWS, _COLUMNS
    quantum_c = 1 / 64.0
    rate_hz = 25.0
    usb = ((0x0BDA, 0x5830), (0x0BDA, 0x5840))
    accuracy = 'The maker\'s figure is not on record here; trust differences only.'

    def _decode(self, words):
        # Chroma is the high byte of every word of the picture half. A frame that lost its place, as
        # under a virtual machine, has it elsewhere; its lower half would be wrong temperatures.
        damaged = int(np.count_nonzero(words[:_ROWS] >> 8 != _NEUTRAL))
        if damaged:
            raise WireError('The %s sent a damaged frame (its grey picture has colours); check its cable, use a USB '
                            'port of this machine itself, and choose its white-hot palette.' % self.camera,
                            '%d of %d chroma bytes are not 128' % (damaged, _ROWS * _COLUMNS))
        return absolute(words[_ROWS:].astype(np.uint16), self.quantum_c)

    def _encode(self, celsius, condition):
        counts = linear_counts(celsius, self.quantum_c)
        low, high = float(celsius.min()), float(celsius.max())
        grey = np.rint(255 * (celsius - low) / max(high - low, 1e-6)).astype('<u2')
        return np.concatenate([grey | _NEUTRAL << 8, counts]).astype('<u2').tobytes()


FORMATS = (P2ProFormat(),)
