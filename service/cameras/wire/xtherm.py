"""InfiRay T2S+ (first version), HT-301 and their family: 14-bit values and four rows of metadata, as ``YUYV``.

The driver sets zoom-absolute to 0x8004 first; without it the same bytes are a picture, which is refused. Picture and
metadata are little-endian words.

The camera sends its calibration with every frame, from which a table of 16384 temperatures is made. Its response to a
surface of T °C is ``R(T) = cal_01 T^2 + cal_02 T``; it compares with its shutter, whose temperature it measures::

    R(T) = R(T_shutter) + (value - zero) * gain,   gain = cal_03 F^2 + cal_04 F + cal_05
    zero = cal_00 - max(0, int(zero_c - zero_per_fpa F)),   F = temperature of the sensor

``int`` cuts off, as ht301_hacklib, IR-Py-Thermal and a third reader do; inficam rounds, which is one value or 0.02 to
0.04 K more in half of all cases.

The T that solves it is what a blackbody would have. The object's own follows from Stefan and Boltzmann, with the
camera's emissivity e, reflected and air temperature, and the transmittance t of the air, all in kelvin:
``T^4 = (e t) T_o^4 + (1 - e) t T_refl^4 + (1 - t) T_air^4``. Last come the maker's correction for distance,
``(0.85 d - 1.125) / 100`` of the difference from the air, and one offset.

Source of the relations and of the constants of each size: the published analyses of stawel/ht301_hacklib,
netman69/inficam and diminDDL/IR-Py-Thermal; the transmittance is that of FLIR's files (`AirConstants`). Nothing here
has been compared with a real camera.
"""
import functools
from typing import NamedTuple, Optional

import numpy as np

from ...condition import Condition
from ...radiometry import AirConstants, ObjectParameters
from ...thermogram import CELSIUS
from .base import ZERO_K_C, WireError, WireFormat, WireReading

#: Values that a pixel can have.
ENTRIES = 1 << 14

#: The maker's distance correction stops growing here, metres.
_LONGEST_M = 20.0

#: Metadata words, from the first behind the picture. Minimum and maximum are column, row, value.
_FPA_MEAN, _FPA, _MAX, _MIN, _MEAN, _CENTRE = 0, 1, 2, 5, 8, 12

#: Words of the calibration, from its own beginning; CAL_01 to CAL_05 and the user's are float32.
_CAL_00, _SHUTTER, _CORE, _CAL_01, _USER, _DISTANCE = 0, 1, 2, 3, 127, 137
_META_ROWS = 4


class Sensor(NamedTuple):
    """Constants of one sensor size: of its thermometer (°C = 20 - (word - fpa_word_20) / fpa_per_c) and its zero."""

    fpa_word_20: float
    fpa_per_c: float
    zero_c: float
    zero_per_fpa: float


class Calibration(NamedTuple):
    """What the metadata rows say.

    Attributes:
        cal_00 .. cal_05: the calibration as sent.
        fpa_c, shutter_c: temperature of the sensor and of the shutter, °C.
        correction_c: added last.
        reflected_c, air_c: °C.
        humidity, emissivity: 0..1.
        distance_m: metres.
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


#: The calibration of a simulated camera: about 0.022 K a value at skin temperature. Round figures of no real camera.
SIMULATED = Calibration(cal_00=4000.0, cal_01=0.005, cal_02=1.0, cal_03=0.0, cal_04=0.0, cal_05=0.03, fpa_c=30.0,
                        shutter_c=28.0, correction_c=0.0, reflected_c=21.0, air_c=21.0, humidity=0.5,
                        emissivity=0.98, distance_m=1.0)


class XthermFormat(WireFormat):
    """One size of the family. `encode` carries ``calibration`` (`Calibration`).

    Args:
        name, camera: as of `WireFormat`.
        height, width: of the picture.
        sensor: its constants.
        calibration_row: row of the metadata where the calibration begins.
    """

    fourcc = 'YUYV'
    quantum_c = 0.04  # at most, of SIMULATED and above -20 °C; a real camera's table has its own steps
    rate_hz = 25.0
    usb = ((0x1514, None),)
    full_scale = ENTRIES - 1
    accuracy = ('The maker\'s figure is not on record here, and the table has not been compared with a camera; trust '
                'differences only.')

    def __init__(self, name: str, camera: str, height: int, width: int, sensor: Sensor, calibration_row: int) -> None:
        self.name, self.camera, self._sensor = name, camera, sensor
        self.shape = height, width
        self.width, self.height = width, height + _META_ROWS
        self._calibration_at = calibration_row * width

    def calibration_of(self, words: np.ndarray) -> Calibration:
        """What the metadata of a frame say; words as of `_decode`."""
        meta = words[self.shape[0]:].ravel()
        own = meta[self._calibration_at:]
        cal = own[_CAL_01:_CAL_01 + 10].copy().view('<f4')
        user = own[_USER:_USER + 10].copy().view('<f4')
        fpa_c = 20.0 - (float(meta[_FPA]) - self._sensor.fpa_word_20) / self._sensor.fpa_per_c
        return Calibration(cal_00=float(own[_CAL_00]), cal_01=float(cal[0]), cal_02=float(cal[1]),
                           cal_03=float(cal[2]), cal_04=float(cal[3]), cal_05=float(cal[4]), fpa_c=fpa_c,
                           shutter_c=float(own[_SHUTTER]) / 10 + ZERO_K_C,
                           correction_c=float(user[0]), reflected_c=float(user[1]), air_c=float(user[2]),
                           humidity=float(user[3]), emissivity=float(user[4]), distance_m=float(own[_DISTANCE]))

    def _decode(self, words: np.ndarray) -> WireReading:
        counts = words[:self.shape[0]].astype(np.uint16)
        if counts.max() >= ENTRIES:
            raise WireError('The %s sent a picture instead of values, or a damaged frame.' % self.camera,
                            'Unplug it and plug it in again.', 'highest word %d' % counts.max())
        calibration = self.calibration_of(words)
        wrong = implausible(calibration)
        table = None if wrong else temperature_table(calibration, self._sensor)
        if table is None:
            raise WireError('The %s sent an impossible calibration.' % self.camera, 'Unplug it and plug it in again.',
                            wrong or 'no value has a temperature')
        return WireReading(np.take(table, counts), CELSIUS, Condition(fpa_c=round(calibration.fpa_c, 2)), counts)

    def _encode(self, celsius: np.ndarray, condition: Condition, calibration: Calibration = SIMULATED) -> bytes:
        if condition.fpa_c is not None:
            calibration = calibration._replace(fpa_c=condition.fpa_c)
        meta = self._metadata(calibration)
        # The table that a reader will make: the camera's words hold less than a float.
        words = np.concatenate([np.zeros(self.shape, '<u2'), meta.reshape(_META_ROWS, self.width)])
        sent = self.calibration_of(words)
        table = None if implausible(sent) else temperature_table(sent, self._sensor)
        if table is None or (np.diff(table) < 0).any():
            raise ValueError('this calibration gives no rising table')
        counts = np.searchsorted((table[:-1] + table[1:]) / np.float32(2), celsius.ravel())
        self._summarise(meta, counts.reshape(self.shape))
        return counts.astype('<u2').tobytes() + meta.tobytes()

    def _metadata(self, calibration: Calibration) -> np.ndarray:
        meta = np.zeros(_META_ROWS * self.width, '<u2')
        meta[_FPA] = int(round(self._sensor.fpa_word_20 + (20.0 - calibration.fpa_c) * self._sensor.fpa_per_c))
        own = meta[self._calibration_at:]
        own[_CAL_00] = int(calibration.cal_00)
        own[_SHUTTER] = own[_CORE] = int(round((calibration.shutter_c - ZERO_K_C) * 10))
        own[_CAL_01:_CAL_01 + 10] = np.array(calibration[1:6], '<f4').view('<u2')
        own[_USER:_USER + 10] = np.array([calibration.correction_c, calibration.reflected_c, calibration.air_c,
                                          calibration.humidity, calibration.emissivity], '<f4').view('<u2')
        own[_DISTANCE] = int(calibration.distance_m)
        return meta

    @staticmethod
    def _summarise(meta: np.ndarray, counts: np.ndarray) -> None:
        """Put mean, extremes and centre of the picture where the camera puts them."""
        height, width = counts.shape
        meta[_FPA_MEAN] = meta[_MEAN] = int(counts.mean())
        for at, index in ((_MAX, int(counts.argmax())), (_MIN, int(counts.argmin()))):
            meta[at:at + 3] = index % width, index // width, counts.flat[index]
        meta[_CENTRE] = counts[height // 2, width // 2]


def implausible(calibration: Calibration) -> str:
    """The first value that no camera sends, in a few words, or ``''``; to be checked before a table is made."""
    ranges = (('number', 0.0 if all(np.isfinite(calibration)) else 1.0, 0.0, 0.0),
              ('calibration', calibration.cal_01, 1e-6, 1e3),
              ('sensor temperature', calibration.fpa_c, -60.0, 150.0),
              ('shutter temperature', calibration.shutter_c, -60.0, 150.0),
              ('reflected temperature', calibration.reflected_c, -60.0, 200.0),
              ('air temperature', calibration.air_c, -60.0, 80.0),
              ('correction', calibration.correction_c, -50.0, 50.0), ('humidity', calibration.humidity, 0.0, 1.0),
              ('emissivity', calibration.emissivity, 0.1, 1.0), ('distance', calibration.distance_m, 0.0, 1000.0))
    return next(('%s %g' % (name, value) for name, value, low, high in ranges if not low <= value <= high), '')


@functools.lru_cache(maxsize=8)
def temperature_table(calibration: Calibration, sensor: Sensor) -> Optional[np.ndarray]:
    """The temperature of every value, °C.

    Args:
        calibration: one that is not `implausible`.
        sensor: of this size.
    Returns:
        Read-only float32 of `ENTRIES`. Values below the cold end, for which there is no solution, have the temperature
        of that end. None if nothing has a solution.
    """
    zero = calibration.cal_00 - max(0, int(sensor.zero_c - sensor.zero_per_fpa * calibration.fpa_c))
    gain = (calibration.cal_03 * calibration.fpa_c + calibration.cal_04) * calibration.fpa_c + calibration.cal_05
    shutter = (calibration.cal_01 * calibration.shutter_c + calibration.cal_02) * calibration.shutter_c
    response = shutter + (np.arange(ENTRIES) - zero) * gain
    half = calibration.cal_02 / (2 * calibration.cal_01)
    distance_m = min(calibration.distance_m, _LONGEST_M)
    air = AirConstants().transmission(ObjectParameters(
        air_c=calibration.air_c, humidity_percent=100 * calibration.humidity, distance_m=distance_m))
    emissivity = calibration.emissivity
    with np.errstate(invalid='ignore', over='ignore'):
        blackbody_k = np.sqrt(half ** 2 + response / calibration.cal_01) - half - ZERO_K_C
        around = (1 - emissivity) * air * _fourth(calibration.reflected_c) + (1 - air) * _fourth(calibration.air_c)
        celsius = ((blackbody_k ** 4 - around) / (emissivity * air)) ** 0.25 + ZERO_K_C
    celsius += (0.85 * distance_m - 1.125) / 100 * (celsius - calibration.air_c) + calibration.correction_c
    solved = np.isfinite(celsius)
    if not solved.any():
        return None
    table = np.where(solved, celsius, celsius[solved].min()).astype(np.float32)
    table.setflags(write=False)
    return table


def _fourth(celsius: float) -> float:
    return (celsius - ZERO_K_C) ** 4


_WARM_ZERO = 390.0, 7.05

FORMATS = (
    XthermFormat('t2s', 'InfiRay T2S+', 192, 256, Sensor(8617.0, 37.682, 170.0, 0.0), 1),
    XthermFormat('ht301', 'HT-301', 288, 384, Sensor(7800.0, 36.0, *_WARM_ZERO), 3),
    XthermFormat('xtherm-640', 'InfiRay Xtherm 640', 512, 640, Sensor(6867.0, 33.8, *_WARM_ZERO), 3),
    XthermFormat('xtherm-240', 'InfiRay Xtherm 240', 180, 240, Sensor(7800.0, 36.0, *_WARM_ZERO), 1),
)
