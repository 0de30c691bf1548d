"""The telemetry of a FLIR Lepton: 240 words behind the picture, in which the camera says how it is.

Rows A, B and C of 80 words each, one after the other; a Lepton 3 packs two into one line of its
picture and adds an unused row D. 32-bit values have their low word first. Source: FLIR Lepton
engineering datasheet 500-0659-00-09 rev 203, table 3, and groupgets' PureThermal firmware.
"""
from dataclasses import dataclass

import numpy as np

from ..condition import FFC_COMPLETE, FFC_NEVER, FFC_STATES, Condition
from .base import ZERO_K_C, WireError

#: Words of rows A to C.
WORDS = 240

_REVISION, _UPTIME, _STATUS, _FRAME, _MEAN, _FPA_K100 = 0, 1, 3, 20, 22, 24
_FFC_FPA_K100, _FFC_TIME = 29, 30
_ROW_C = 160
_TLINEAR, _RESOLUTION, _SPOT_MEAN, _SPOT_MAX, _SPOT_MIN = (_ROW_C + word for word in (48, 49, 50, 51, 52))

_FFC_SHIFT, _AGC_BIT, _LOCKOUT_BIT, _OVERTEMP_BIT = 4, 12, 15, 20

#: Kelvin of one count by the value of the resolution word.
RESOLUTIONS_K = (0.1, 0.01)

#: What a sensor that still answers can be at, degrees Celsius.
_FPA_RANGE_C = (-60.0, 150.0)


@dataclass(frozen=True)
class Telemetry:
    """What the rows say.

    Attributes:
        condition (Condition): state of the camera.
        tlinear (bool): the pixels are temperatures; otherwise they are counts.
        resolution_k (float): Kelvin of one count where they are temperatures.
    """

    condition: Condition
    tlinear: bool = True
    resolution_k: float = 0.01


def parse(words, camera):
    """Read telemetry.

    Args:
        words (numpy.ndarray): uint16, at least `WORDS`, as sent.
        camera (str): for sentences.
    Returns:
        Telemetry
    Raises:
        WireError: values that no Lepton sends, so that the frame is damaged or of another camera.
    """
    words = [int(word) for word in words[:WORDS]]
    uptime_ms, status = _long(words, _UPTIME), _long(words, _STATUS)
    ffc_age_ms = (uptime_ms - _long(words, _FFC_TIME)) & 0xFFFFFFFF  # the clock begins again after 50 days
    fpa_c = words[_FPA_K100] * 0.01 + ZERO_K_C
    ffc = FFC_STATES[status >> _FFC_SHIFT & 3]
    for wrong, what in ((not any(words), 'all zero'),
                        (words[_TLINEAR] > 1 or words[_RESOLUTION] > 1, 'TLinear words'),
                        (not _FPA_RANGE_C[0] <= fpa_c <= _FPA_RANGE_C[1], 'FPA temperature %.2f C' % fpa_c),
                        (ffc_age_ms > 0x7FFFFFFF, 'FFC after now, which is %d ms' % uptime_ms)):
        if wrong:
            raise WireError('The %s sent telemetry that cannot be; unplug it and plug it in again.' % camera, what)
    condition = Condition(
        ffc=ffc, ffc_age_s=None if ffc == FFC_NEVER else ffc_age_ms / 1000.0, fpa_c=round(fpa_c, 2),
        uptime_s=uptime_ms / 1000.0, frame_number=_long(words, _FRAME), agc=_bit(status, _AGC_BIT),
        shutter_locked=_bit(status, _LOCKOUT_BIT), over_temperature=_bit(status, _OVERTEMP_BIT))
    return Telemetry(condition, bool(words[_TLINEAR]), RESOLUTIONS_K[words[_RESOLUTION]])


def build(telemetry, counts):
    """The words a Lepton sends.

    Args:
        telemetry (Telemetry): what to say; what its condition leaves open is said as at a healthy
            camera that has just started.
        counts (numpy.ndarray): uint16 HxW, the pixels that go with it.
    Returns:
        numpy.ndarray: ``<u2``, `WORDS` long.
    Raises:
        ValueError: a resolution that no Lepton has.
    """
    condition = telemetry.condition
    words = np.zeros(WORDS, '<u2')
    uptime_ms = int(round(1000 * (condition.uptime_s or 0.0)))
    fpa_k100 = int(round(((31.0 if condition.fpa_c is None else condition.fpa_c) - ZERO_K_C) * 100))
    status = FFC_STATES.index(condition.ffc or FFC_COMPLETE) << _FFC_SHIFT
    for said, bit in ((condition.agc, _AGC_BIT), (condition.shutter_locked, _LOCKOUT_BIT),
                      (condition.over_temperature, _OVERTEMP_BIT)):
        status |= bool(said) << bit
    words[_REVISION] = 14
    _put_long(words, _UPTIME, uptime_ms)
    _put_long(words, _STATUS, status)
    _put_long(words, _FRAME, condition.frame_number or 0)
    words[_MEAN] = int(round(float(counts.mean())))
    words[_FPA_K100] = words[_FFC_FPA_K100] = fpa_k100
    _put_long(words, _FFC_TIME, max(uptime_ms - int(round(1000 * (condition.ffc_age_s or 0.0))), 0))
    words[_TLINEAR] = bool(telemetry.tlinear)
    words[_RESOLUTION] = RESOLUTIONS_K.index(telemetry.resolution_k)
    height, width = counts.shape
    spot = counts[height // 2 - 1:height // 2 + 1, width // 2 - 1:width // 2 + 1]
    words[_SPOT_MEAN], words[_SPOT_MAX], words[_SPOT_MIN] = int(spot.mean()), spot.max(), spot.min()
    return words


def _long(words, index):
    return words[index] | words[index + 1] << 16


def _put_long(words, index, value):
    words[index], words[index + 1] = value & 0xFFFF, value >> 16 & 0xFFFF


def _bit(status, bit):
    return bool(status >> bit & 1)
