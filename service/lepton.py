"""The frames of a FLIR Lepton: their sizes, and the telemetry rows that some of them carry.

Telemetry is 240 words before or behind the picture: rows A, B and C of 80 words each, one after the other. A Lepton 3
packs two into one line of its picture and adds an unused row D. 32-bit values have their low word first. Source: FLIR
Lepton engineering datasheet 500-0659-00-09 rev 203, table 3, groupgets/purethermal1-firmware (frame sizes, byte order,
footer), and flirpy (gain words).
"""
from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .condition import FFC_COMPLETE, FFC_NEVER, FFC_STATES, HIGH_GAIN, LOW_GAIN, Condition
from .radiometry import ZERO_K_C


class FrameSize(NamedTuple):
    """How a Lepton behind a PureThermal board sends its frames.

    Attributes:
        name: of the wire format.
        camera: what sends it.
        height, width: of the picture.
        telemetry_rows: beside it; 0 for none.
    """

    name: str
    camera: str
    height: int
    width: int
    telemetry_rows: int

    @property
    def bytes(self) -> int:
        """Length of a frame."""
        return 2 * self.width * (self.height + self.telemetry_rows)


FRAME_SIZES = (
    FrameSize('lepton-y16-telemetry', 'FLIR Lepton 3.5', 120, 160, 2),
    FrameSize('lepton-y16', 'FLIR Lepton 3.5', 120, 160, 0),
    FrameSize('lepton25-y16-telemetry', 'FLIR Lepton 2.5', 60, 80, 3),
    FrameSize('lepton25-y16', 'FLIR Lepton 2.5', 60, 80, 0),
)

#: The largest value of a Lepton that sends counts and not temperatures.
FULL_SCALE_COUNTS = 0x3FFF

#: Words of telemetry rows A to C.
WORDS = 240

_REVISION, _UPTIME, _STATUS, _FRAME, _MEAN, _FPA_K100 = 0, 1, 3, 20, 22, 24
_FFC_FPA_K100, _FFC_TIME = 29, 30
_ROW_C = 160
_TLINEAR, _RESOLUTION, _SPOT_MEAN, _SPOT_MAX, _SPOT_MIN = (_ROW_C + word for word in (48, 49, 50, 51, 52))
_GAIN_MODE, _EFFECTIVE_GAIN = _ROW_C + 5, _ROW_C + 6
#: By the values of both words; the third mode is automatic, and the other word then says which of the two it is.
_GAINS, _AUTOMATIC = (HIGH_GAIN, LOW_GAIN), 2
_FFC_SHIFT, _AGC_BIT, _LOCKOUT_BIT, _OVERTEMP_BIT = 4, 12, 15, 20

#: Kelvin of one count by the value of the resolution word.
RESOLUTIONS_K = (0.1, 0.01)

#: Temperatures at which a sensor still answers, °C, and that of a simulated one that is not told otherwise.
_FPA_RANGE_C = (-60.0, 150.0)
FPA_C = 31.0


@dataclass(frozen=True)
class Telemetry:
    """What the telemetry rows say.

    Attributes:
        condition: state of the camera.
        tlinear: the pixels are temperatures; otherwise they are counts.
        resolution_k: kelvin of one count if they are temperatures.
    """

    condition: Condition
    tlinear: bool = True
    resolution_k: float = 0.01


def find_telemetry(frame: np.ndarray) -> Optional[Tuple[slice, Telemetry]]:
    """The rows of the picture, and the telemetry, of a frame that was saved with both.

    Args:
        frame: uint16, any size.
    Returns:
        None for a frame of another size.
    Raises:
        ValueError: neither the first nor the last rows are telemetry.
    """
    for size in FRAME_SIZES:
        rows = size.telemetry_rows
        if rows and frame.shape == (size.height + rows, size.width):
            try:
                return slice(0, size.height), parse_telemetry(frame[size.height:])
            except ValueError:
                return slice(rows, rows + size.height), parse_telemetry(frame[:rows])
    return None


def parse_telemetry(rows: np.ndarray) -> Telemetry:
    """Read telemetry.

    Args:
        rows: uint16, at least `WORDS` of them, as sent.
    Raises:
        ValueError: values that no Lepton sends: the frame is damaged or comes from another camera.
    """
    words = [int(word) for word in rows.ravel()[:WORDS]]
    uptime_ms, status = _long(words, _UPTIME), _long(words, _STATUS)
    ffc_age_ms = (uptime_ms - _long(words, _FFC_TIME)) & 0xFFFFFFFF  # the clock starts over after 50 days
    fpa_c = words[_FPA_K100] * 0.01 + ZERO_K_C
    ffc = FFC_STATES[status >> _FFC_SHIFT & 3]
    for wrong, what in ((not any(words), 'all zero'),
                        (words[_TLINEAR] > 1 or words[_RESOLUTION] > 1, 'TLinear words'),
                        (not _FPA_RANGE_C[0] <= fpa_c <= _FPA_RANGE_C[1], 'FPA temperature %.2f °C' % fpa_c),
                        (ffc_age_ms > 0x7FFFFFFF, 'FFC after now, which is %d ms' % uptime_ms)):
        if wrong:
            raise ValueError(what)
    condition = Condition(
        ffc=ffc, ffc_age_s=None if ffc == FFC_NEVER else ffc_age_ms / 1000.0, fpa_c=round(fpa_c, 2),
        uptime_s=uptime_ms / 1000.0, frame_number=_long(words, _FRAME), agc=_bit(status, _AGC_BIT),
        shutter_locked=_bit(status, _LOCKOUT_BIT), over_temperature=_bit(status, _OVERTEMP_BIT),
        gain=_gain(words), tlinear=bool(words[_TLINEAR]))
    return Telemetry(condition, bool(words[_TLINEAR]), RESOLUTIONS_K[words[_RESOLUTION]])


def _gain(words: Sequence[int]) -> Optional[str]:
    """The gain that counts now; None for a value that the data sheet does not have."""
    word = words[_EFFECTIVE_GAIN] if words[_GAIN_MODE] == _AUTOMATIC else words[_GAIN_MODE]
    return _GAINS[word] if word < len(_GAINS) else None


def build_telemetry(telemetry: Telemetry, counts: np.ndarray) -> np.ndarray:
    """The words that a Lepton sends.

    Args:
        telemetry: what to report; what its condition leaves open is that of a healthy camera that has just started.
        counts: uint16 HxW, the pixels that go with it.
    Returns:
        ``<u2``, `WORDS` long.
    Raises:
        ValueError: a resolution that no Lepton has.
    """
    condition = telemetry.condition
    words = np.zeros(WORDS, '<u2')
    uptime_ms = int(round(1000 * (condition.uptime_s or 0.0)))
    fpa_k100 = int(round(((FPA_C if condition.fpa_c is None else condition.fpa_c) - ZERO_K_C) * 100))
    status = FFC_STATES.index(condition.ffc or FFC_COMPLETE) << _FFC_SHIFT
    for flag, bit in ((condition.agc, _AGC_BIT), (condition.shutter_locked, _LOCKOUT_BIT),
                      (condition.over_temperature, _OVERTEMP_BIT)):
        status |= bool(flag) << bit
    words[_REVISION] = 14
    _put_long(words, _UPTIME, uptime_ms)
    _put_long(words, _STATUS, status)
    _put_long(words, _FRAME, condition.frame_number or 0)
    words[_MEAN] = int(round(float(counts.mean())))
    words[_FPA_K100] = words[_FFC_FPA_K100] = fpa_k100
    _put_long(words, _FFC_TIME, max(uptime_ms - int(round(1000 * (condition.ffc_age_s or 0.0))), 0))
    words[_GAIN_MODE] = words[_EFFECTIVE_GAIN] = _GAINS.index(condition.gain or HIGH_GAIN)
    words[_TLINEAR] = bool(telemetry.tlinear)
    words[_RESOLUTION] = RESOLUTIONS_K.index(telemetry.resolution_k)
    height, width = counts.shape
    spot = counts[height // 2 - 1:height // 2 + 1, width // 2 - 1:width // 2 + 1]
    words[_SPOT_MEAN], words[_SPOT_MAX], words[_SPOT_MIN] = int(spot.mean()), spot.max(), spot.min()
    return words


def _long(words: Sequence[int], index: int) -> int:
    return words[index] | words[index + 1] << 16


def _put_long(words: np.ndarray, index: int, value: int) -> None:
    words[index], words[index + 1] = value & 0xFFFF, value >> 16 & 0xFFFF


def _bit(status: int, bit: int) -> bool:
    return bool(status >> bit & 1)
