"""FLIR Boson: ``Y16 `` of counts, which are no temperatures, or of centikelvin where a radiometric one is told to.

A Boson that is not radiometric has no temperatures at all. A radiometric one sends centikelvin
(TLinear) once told so through its serial port; its frames do not say which of the two they are, so
those formats are only for whoever set it. That a count is then 0.01 K is general
knowledge, not read in a data sheet: every other step in use (0.04, 0.1 K) gives temperatures of a room
below -100 C, which are refused. The rows of telemetry, where they are on, are not read.
Source: flirpy, FLIR/BosonUSB (sizes, counts), flirpy issue 87 (the command).
"""
import numpy as np

from .base import WireFormat, absolute, linear_counts, relative

#: What a simulated one sends: counts at 0 C, and per Kelvin; of nobody's camera.
_COUNTS_AT_ZERO_C, _COUNTS_PER_K = 20000, 60.0


class BosonFormat(WireFormat):
    """One size and meaning of the values.

    Args:
        name (str): as of `WireFormat`.
        height, width (int): of the picture.
        footer_rows (int): rows of telemetry behind it.
        tlinear (bool): values are centikelvin.
    """

    fourcc = 'Y16 '
    rate_hz = 30.0  # of 9, 30 and 60, as sold
    netd_mk = 40.0  # data sheet 102-2013-40: from 40 mK, by configuration
    usb = ((0x09CB, 0x4007),)

    def __init__(self, name, height, width, footer_rows=0, tlinear=False):
        self.name, self.camera = name, 'FLIR Boson %d' % width
        self.shape = height, width
        self.width, self.height = width, height + footer_rows
        if tlinear:
            self.quantum_c = 0.01
            self.accuracy = 'The maker\'s figure is not on record here; trust differences only.'
        else:
            self.unit = 'relative'
            self.accuracy = 'No temperatures: a Boson sends counts unless a radiometric one is switched to TLinear.'

    def _decode(self, words):
        counts = words[:self.shape[0]].astype(np.uint16)
        return relative(counts) if self.quantum_c is None else absolute(counts, self.quantum_c)

    def _encode(self, celsius, condition):
        if self.quantum_c is None:
            counts = np.clip(np.rint(_COUNTS_AT_ZERO_C + _COUNTS_PER_K * celsius), 0, self.full_scale).astype('<u2')
        else:
            counts = linear_counts(celsius, self.quantum_c)
        return counts.tobytes() + bytes(self.frame_bytes - counts.nbytes)


FORMATS = tuple(BosonFormat('boson-%d%s%s' % (width, '-tlinear' if tlinear else '', '-telemetry' if rows else ''),
                            height, width, rows, tlinear)
                for tlinear in (False, True) for width, height in ((320, 256), (640, 512)) for rows in (0, 2))
