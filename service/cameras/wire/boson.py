"""FLIR Boson: ``Y16 `` of counts without temperatures, or of centikelvin if a radiometric one was told to send them.

A Boson that is not radiometric has no temperatures at all. A radiometric one sends centikelvin (TLinear) once told to
through its serial port; its frames do not say which of the two they are, so those formats are only for whoever set it.
That a count is then 0.01 K is general knowledge, not read in a data sheet: any other step in use (0.04, 0.1 K) makes
temperatures of a room below -100 °C, which are refused.

Telemetry is two rows before the picture or behind it, as the camera is set; which of the two shows in what they say.
Words are low byte first, pairs of them high word first. Source: flirpy, FLIR/BosonUSB (sizes, counts), flirpy issue 87
(the command), data sheet 102-2013-40 (NETD), two public readers and Boson640Telemetry.java of Elphel (telemetry; rows
before the picture).
"""
from typing import Optional

import numpy as np

from ...condition import FFC_COMPLETE, FFC_STATES, HIGH_GAIN, LOW_GAIN, Condition
from .base import ZERO_K_C, WireError, WireFormat, WireReading, absolute, linear_counts, relative

#: What a simulated one sends: counts at 0 °C, and per kelvin. No real camera has these figures.
_COUNTS_AT_ZERO_C, _COUNTS_PER_K = 20000, 60.0

#: Words of telemetry: revision, state, count of frames, temperature of the sensor now and at its last correction, in
#: tenths of a kelvin.
_REVISION, _STATUS, _FRAME, _FPA, _FFC_FPA = 0, 38, 42, 47, 48
_OVERTEMP_BIT, _GAIN_SHIFT = 8, 2
#: By the bits of the state; with the third, automatic, it does not say which.
_GAINS = (HIGH_GAIN, LOW_GAIN)
#: Both bytes of a revision are small numbers; a sensor that answers is not colder or warmer.
_MOST_REVISION, _FPA_RANGE_C = 9, (-60.0, 150.0)
_REVISION_SENT, _FPA_C = 0x0200, 31.0


class BosonFormat(WireFormat):
    """One picture size and one meaning of the values.

    `encode` carries ``header`` (bool) if there is telemetry: whether it comes before the picture.

    Args:
        name: as of `WireFormat`.
        height, width: of the picture.
        telemetry_rows: before it or behind it.
        tlinear: values are centikelvin.
    """

    fourcc = 'Y16 '
    rate_hz = 30.0  # sold with 9, 30 and 60
    netd_mk = 40.0  # from 40 mK, depending on the configuration
    usb = ((0x09CB, 0x4007),)

    def __init__(self, name: str, height: int, width: int, telemetry_rows: int = 0, tlinear: bool = False) -> None:
        self.name, self.camera = name, 'FLIR Boson %d' % width
        self.shape = height, width
        self.width, self.height = width, height + telemetry_rows
        if tlinear:
            self.quantum_c = 0.01
            self.accuracy = 'The maker\'s figure is not on record here; trust differences only.'
        else:
            self.unit = 'relative'
            self.accuracy = 'No temperatures: a Boson sends counts unless a radiometric one is switched to TLinear.'

    @property
    def _telemetry_rows(self) -> int:
        return self.height - self.shape[0]

    def _decode(self, words: np.ndarray) -> WireReading:
        condition, start = Condition(), 0
        if self._telemetry_rows:
            before, behind = _heard(words[0]), _heard(words[self.shape[0]])
            if (before is None) == (behind is None):
                raise WireError('The %s sent a frame without the telemetry that belongs to it.' % self.camera,
                                'Unplug it and plug it in again.', self.name)
            condition = before or behind or condition
            start = 0 if before is None else self._telemetry_rows
        counts = words[start:start + self.shape[0]].astype(np.uint16)
        if self.quantum_c is None:
            return relative(counts, condition)
        return absolute(counts, self.quantum_c, condition)

    def _encode(self, celsius: np.ndarray, condition: Condition, header: bool = True) -> bytes:
        if self.quantum_c is None:
            counts = np.clip(np.rint(_COUNTS_AT_ZERO_C + _COUNTS_PER_K * celsius), 0, self.full_scale).astype('<u2')
        else:
            counts = linear_counts(celsius, self.quantum_c)
        if not self._telemetry_rows:
            return counts.tobytes()
        telemetry = np.zeros((self._telemetry_rows, self.width), '<u2')
        self._say(telemetry[0], condition)
        return np.concatenate([telemetry, counts] if header else [counts, telemetry]).tobytes()

    @staticmethod
    def _say(words: np.ndarray, condition: Condition) -> None:
        """Put what a condition says into a row of telemetry."""
        words[_REVISION] = _REVISION_SENT
        words[_STATUS] = FFC_STATES.index(condition.ffc or FFC_COMPLETE) | \
            _GAINS.index(condition.gain or HIGH_GAIN) << _GAIN_SHIFT | bool(condition.over_temperature) << _OVERTEMP_BIT
        words[_FRAME], words[_FRAME + 1] = divmod((condition.frame_number or 0) & 0xFFFFFFFF, 1 << 16)
        fpa_c = _FPA_C if condition.fpa_c is None else condition.fpa_c
        words[_FPA] = words[_FFC_FPA] = int(round(10 * (fpa_c - ZERO_K_C)))


def _heard(row: np.ndarray) -> Optional[Condition]:
    """What a row of telemetry says; None for a row of pixels."""
    words = [int(word) for word in row[:_FFC_FPA + 1]]
    fpa_c, ffc_fpa_c = (0.1 * words[at] + ZERO_K_C for at in (_FPA, _FFC_FPA))
    low, high = _FPA_RANGE_C
    if not (words[_REVISION] and max(divmod(words[_REVISION], 256)) <= _MOST_REVISION and low <= fpa_c <= high and
            (words[_FFC_FPA] == 0 or low <= ffc_fpa_c <= high)):
        return None
    status = words[_STATUS]
    gain = status >> _GAIN_SHIFT & 7
    return Condition(ffc=FFC_STATES[status & 3], fpa_c=round(fpa_c, 2),
                     frame_number=words[_FRAME] << 16 | words[_FRAME + 1],
                     over_temperature=bool(status >> _OVERTEMP_BIT & 1),
                     gain=_GAINS[gain] if gain < len(_GAINS) else None)


FORMATS = tuple(BosonFormat('boson-%d%s%s' % (width, '-tlinear' if tlinear else '', '-telemetry' if rows else ''),
                            height, width, rows, tlinear)
                for tlinear in (False, True) for width, height in ((320, 256), (640, 512)) for rows in (0, 2))
