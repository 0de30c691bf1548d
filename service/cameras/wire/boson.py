"""FLIR Boson: ``Y16 `` of counts without temperatures, or of centikelvin if a radiometric one was told to send them.

A Boson that is not radiometric has no temperatures at all. A radiometric one sends centikelvin (TLinear) once told to
through its serial port; its frames do not say which of the two they are, so those formats are only for whoever set it.
That a count is then 0.01 K is general knowledge, not read in a data sheet: any other step in use (0.04, 0.1 K) makes
temperatures of a room below -100 °C, which are refused. Telemetry rows, if they are on, are not read. Source: flirpy,
FLIR/BosonUSB (sizes, counts), flirpy issue 87 (the command), data sheet 102-2013-40 (NETD).
"""
import numpy as np

from ..condition import Condition
from .base import WireFormat, WireReading, absolute, linear_counts, relative

#: What a simulated one sends: counts at 0 °C, and per kelvin. No real camera has these figures.
_COUNTS_AT_ZERO_C, _COUNTS_PER_K = 20000, 60.0


class BosonFormat(WireFormat):
    """One picture size and one meaning of the values.

    Args:
        name: as of `WireFormat`.
        height, width: of the picture.
        footer_rows: telemetry rows behind it.
        tlinear: values are centikelvin.
    """

    fourcc = 'Y16 '
    rate_hz = 30.0  # sold with 9, 30 and 60
    netd_mk = 40.0  # from 40 mK, depending on the configuration
    usb = ((0x09CB, 0x4007),)

    def __init__(self, name: str, height: int, width: int, footer_rows: int = 0, tlinear: bool = False) -> None:
        self.name, self.camera = name, 'FLIR Boson %d' % width
        self.shape = height, width
        self.width, self.height = width, height + footer_rows
        if tlinear:
            self.quantum_c = 0.01
            self.accuracy = 'The maker\'s figure is not on record here; trust differences only.'
        else:
            self.unit = 'relative'
            self.accuracy = 'No temperatures: a Boson sends counts unless a radiometric one is switched to TLinear.'

    def _decode(self, words: np.ndarray) -> WireReading:
        counts = words[:self.shape[0]].astype(np.uint16)
        return relative(counts) if self.quantum_c is None else absolute(counts, self.quantum_c)

    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        if self.quantum_c is None:
            counts = np.clip(np.rint(_COUNTS_AT_ZERO_C + _COUNTS_PER_K * celsius), 0, self.full_scale).astype('<u2')
        else:
            counts = linear_counts(celsius, self.quantum_c)
        return counts.tobytes() + bytes(self.frame_bytes - counts.nbytes)


FORMATS = tuple(BosonFormat('boson-%d%s%s' % (width, '-tlinear' if tlinear else '', '-telemetry' if rows else ''),
                            height, width, rows, tlinear)
                for tlinear in (False, True) for width, height in ((320, 256), (640, 512)) for rows in (0, 2))
