"""Temperatures of 14-bit values of the InfiRay T2S+ and HT-301: the table of 16384 entries.

The camera sends its calibration with every frame. Its response to a surface of T degrees Celsius is
``R(T) = cal_01 T^2 + cal_02 T``; it compares with its shutter, whose temperature it measures::

    R(T) = R(T_shutter) + (value - zero) * gain,   gain = cal_03 F^2 + cal_04 F + cal_05
    zero = cal_00 - max(0, round(zero_c - zero_per_fpa F)),   F = temperature of the sensor

The T that solves it is what a black body would have. The object's own follows from Stefan and
Boltzmann, with the camera's emissivity e and reflected and air temperature, and the transmittance t
of the air: ``T^4 = (e t) T_o^4 + (1 - e) t T_refl^4 + (1 - t) T_air^4``, in Kelvin. Last comes the
maker's correction of distance, ``(0.85 d - 1.125) / 100`` of the difference from the air, and one
offset. Source of the relations and of the constants of each size: the published analyses of
stawel/ht301_hacklib, netman69/inficam and diminDDL/IR-Py-Thermal; of the transmittance: Minkina and
Klecha, as in Sensors 2017, 17, 1718. Nothing here has been compared with a camera on this desk.
"""
import functools
from typing import NamedTuple

import numpy as np

from .base import ZERO_K_C

#: Values a pixel can have.
ENTRIES = 1 << 14

#: The maker's distance correction stops growing here, metres.
_LONGEST_M = 20.0


class Sensor(NamedTuple):
    """Constants of one sensor size: of its thermometer (Celsius = 20 - (word - fpa_word_20) / fpa_per_c) and zero."""

    fpa_word_20: float
    fpa_per_c: float
    zero_c: float
    zero_per_fpa: float


class Calibration(NamedTuple):
    """What the metadata rows say.

    Attributes:
        cal_00 .. cal_05 (float): the calibration as sent.
        fpa_c, shutter_c (float): temperature of the sensor and of the shutter, Celsius.
        correction_c (float): added last. reflected_c, air_c (float): Celsius.
        humidity (float): 0..1. emissivity (float): 0..1. distance_m (float): metres.
    """

    cal_00: float
    cal_01: float
    cal_02: float
    cal_03: float
    cal_04: float
    cal_05: float
    fpa_c: float
    shutter_c: float
    correction_c: float
    reflected_c: float
    air_c: float
    humidity: float
    emissivity: float
    distance_m: float


def wrong_with(said):
    """What no camera says, in a few words, or ``''``; checked before a table is made."""
    ranges = (('number', 0.0 if all(np.isfinite(said)) else 1.0, 0.0, 0.0), ('calibration', said.cal_01, 1e-6, 1e3),
              ('sensor temperature', said.fpa_c, -60.0, 150.0), ('shutter temperature', said.shutter_c, -60.0, 150.0),
              ('reflected temperature', said.reflected_c, -60.0, 200.0), ('air temperature', said.air_c, -60.0, 80.0),
              ('correction', said.correction_c, -50.0, 50.0), ('humidity', said.humidity, 0.0, 1.0),
              ('emissivity', said.emissivity, 0.1, 1.0), ('distance', said.distance_m, 0.0, 1000.0))
    return next(('%s %g' % (name, value) for name, value, low, high in ranges if not low <= value <= high), '')


def transmittance(humidity, air_c, distance_m):
    """Share of radiation that air lets through.

    Args:
        humidity (float): 0..1. air_c (float): Celsius. distance_m (float): metres.
    Returns:
        float: 0..1.
    """
    water = humidity * np.exp(1.5587 + 0.06939 * air_c - 2.7816e-4 * air_c ** 2 + 6.8455e-7 * air_c ** 3)
    path, wet = np.sqrt(distance_m), np.sqrt(water)
    return float(1.9 * np.exp(-path * (0.006569 - 0.002276 * wet)) - 0.9 * np.exp(-path * (0.01262 - 0.00667 * wet)))


@functools.lru_cache(maxsize=8)
def table(said, sensor):
    """The temperature of every value.

    Args:
        said (Calibration): as `wrong_with` accepts it.
        sensor (Sensor): of this size.
    Returns:
        numpy.ndarray: float32 of `ENTRIES`, Celsius, read-only. Values below the cold end, for which
            there is no solution, have the temperature of that end. None where nothing has a solution.
    """
    zero = said.cal_00 - max(0.0, round(sensor.zero_c - sensor.zero_per_fpa * said.fpa_c))
    gain = (said.cal_03 * said.fpa_c + said.cal_04) * said.fpa_c + said.cal_05
    response = (said.cal_01 * said.shutter_c + said.cal_02) * said.shutter_c + (np.arange(ENTRIES) - zero) * gain
    half = said.cal_02 / (2 * said.cal_01)
    distance_m = min(said.distance_m, _LONGEST_M)
    air = transmittance(said.humidity, said.air_c, distance_m)
    with np.errstate(invalid='ignore', over='ignore'):
        seen_k = np.sqrt(half ** 2 + response / said.cal_01) - half - ZERO_K_C
        around = (1 - said.emissivity) * air * _fourth(said.reflected_c) + (1 - air) * _fourth(said.air_c)
        celsius = ((seen_k ** 4 - around) / (said.emissivity * air)) ** 0.25 + ZERO_K_C
    celsius += (0.85 * distance_m - 1.125) / 100 * (celsius - said.air_c) + said.correction_c
    solved = np.isfinite(celsius)
    if not solved.any():
        return None
    celsius = np.where(solved, celsius, celsius[solved].min()).astype(np.float32)
    celsius.setflags(write=False)
    return celsius


def _fourth(celsius):
    return (celsius - ZERO_K_C) ** 4
