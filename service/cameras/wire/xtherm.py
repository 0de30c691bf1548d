"""InfiRay T2S+ (first version), HT-301 and their family: 14-bit values and four rows of metadata, as ``YUYV``.

The driver sets zoom-absolute to 0x8004 first; without it the same bytes are a picture, which is
refused. Picture and metadata are low-byte-first words. Source: diminDDL/IR-Py-Thermal.
"""
import numpy as np

from ...thermogram import CELSIUS
from ..condition import Condition
from .base import ZERO_K_C, Decoded, WireError, WireFormat
from .xtherm_table import ENTRIES, Calibration, Sensor, table, wrong_with

#: Metadata words, from the first behind the picture. Minimum and maximum say column, row, value.
_FPA_MEAN, _FPA, _MAX, _MIN, _MEAN, _CENTRE = 0, 1, 2, 5, 8, 12

#: Words of the calibration, from its own beginning; CAL_01 to CAL_05 and the user's are float32.
_CAL_00, _SHUTTER, _CORE, _CAL_01, _USER, _DISTANCE = 0, 1, 2, 3, 127, 137
_META_ROWS = 4

#: The calibration a simulated camera sends: about 0.022 K a value at skin temperature. Round figures
#: of nobody's camera.
SIMULATED = Calibration(cal_00=4000.0, cal_01=0.005, cal_02=1.0, cal_03=0.0, cal_04=0.0, cal_05=0.03, fpa_c=30.0,
                        shutter_c=28.0, correction_c=0.0, reflected_c=21.0, air_c=21.0, humidity=0.5,
                        emissivity=0.98, distance_m=1.0)


class XthermFormat(WireFormat):
    """One size of the family. `encode` carries ``calibration`` (`Calibration`).

    Args:
        name, camera (str): as of `WireFormat`.
        height, width (int): of the picture.
        sensor (Sensor): its constants.
        calibration_row (int): row of the metadata where the calibration begins.
    """

    fourcc = 'YUYV'
    quantum_c = 0.04  # at most, of SIMULATED and above -20 C; a real camera's table has its own steps
    rate_hz = 25.0
    usb = ((0x1514, None),)
    full_scale = ENTRIES - 1
    accuracy = ('The maker\'s figure is not on record here, and the table has not been compared with a camera; trust '
                'differences only.')

    def __init__(self, name, camera, height, width, sensor, calibration_row):
        self.name, self.camera, self._sensor = name, camera, sensor
        self.shape = height, width
        self.width, self.height = width, height + _META_ROWS
        self._calibration_at = calibration_row * width

    def calibration_of(self, words):
        """What the metadata of a frame say, as `Calibration`; words as of `_decode`."""
        meta = words[self.shape[0]:].ravel()
        own = meta[self._calibration_at:]
        cal = own[_CAL_01:_CAL_01 + 10].copy().view('<f4')
        user = own[_USER:_USER + 10].copy().view('<f4')
        fpa_c = 20.0 - (float(meta[_FPA]) - self._sensor.fpa_word_20) / self._sensor.fpa_per_c
        return Calibration(float(own[_CAL_00]), *(float(value) for value in cal), fpa_c=fpa_c,
                           shutter_c=float(own[_SHUTTER]) / 10 + ZERO_K_C,
                           correction_c=float(user[0]), reflected_c=float(user[1]), air_c=float(user[2]),
                           humidity=float(user[3]), emissivity=float(user[4]), distance_m=float(own[_DISTANCE]))

    def _decode(self, words):
        counts = words[:self.shape[0]].astype(np.uint16)
        if counts.max() >= ENTRIES:
            raise WireError('The %s sent a picture instead of values, or a damaged frame; unplug it and plug it in '
                            'again.' % self.camera, 'highest word %d' % counts.max())
        said = self.calibration_of(words)
        wrong = wrong_with(said)
        celsius_of = None if wrong else table(said, self._sensor)
        if celsius_of is None:
            raise WireError('The %s sent a calibration that cannot be; unplug it and plug it in again.' % self.camera,
                            wrong or 'no value has a temperature')
        return Decoded(np.take(celsius_of, counts), CELSIUS, Condition(fpa_c=round(said.fpa_c, 2)), counts)

    def _encode(self, celsius, condition, calibration=SIMULATED):
        if condition.fpa_c is not None:
            calibration = calibration._replace(fpa_c=condition.fpa_c)
        meta = self._metadata(calibration)
        # The table of what a reader will see: the camera's words hold less than a float.
        words = np.concatenate([np.zeros(self.shape, '<u2'), meta.reshape(_META_ROWS, self.width)])
        said = self.calibration_of(words)
        celsius_of = None if wrong_with(said) else table(said, self._sensor)
        if celsius_of is None or (np.diff(celsius_of) < 0).any():
            raise ValueError('this calibration gives no rising table')
        counts = np.searchsorted((celsius_of[:-1] + celsius_of[1:]) / np.float32(2), celsius.ravel())
        self._summarise(meta, counts.reshape(self.shape))
        return counts.astype('<u2').tobytes() + meta.tobytes()

    def _metadata(self, said):
        meta = np.zeros(_META_ROWS * self.width, '<u2')
        meta[_FPA] = int(round(self._sensor.fpa_word_20 + (20.0 - said.fpa_c) * self._sensor.fpa_per_c))
        own = meta[self._calibration_at:]
        own[_CAL_00] = int(said.cal_00)
        own[_SHUTTER] = own[_CORE] = int(round((said.shutter_c - ZERO_K_C) * 10))
        own[_CAL_01:_CAL_01 + 10] = np.array(said[1:6], '<f4').view('<u2')
        own[_USER:_USER + 10] = np.array([said.correction_c, said.reflected_c, said.air_c, said.humidity,
                                          said.emissivity], '<f4').view('<u2')
        own[_DISTANCE] = int(said.distance_m)
        return meta

    @staticmethod
    def _summarise(meta, counts):
        """Put mean, extremes and centre of the picture where the camera puts them."""
        height, width = counts.shape
        meta[_FPA_MEAN] = meta[_MEAN] = int(counts.mean())
        for at, index in ((_MAX, int(counts.argmax())), (_MIN, int(counts.argmin()))):
            meta[at:at + 3] = index % width, index // width, counts.flat[index]
        meta[_CENTRE] = counts[height // 2, width // 2]


_WARM_ZERO = 390.0, 7.05

FORMATS = (
    XthermFormat('t2s', 'InfiRay T2S+', 192, 256, Sensor(8617.0, 37.682, 170.0, 0.0), 1),
    XthermFormat('ht301', 'HT-301', 288, 384, Sensor(7800.0, 36.0, *_WARM_ZERO), 3),
    XthermFormat('xtherm-640', 'InfiRay Xtherm 640', 512, 640, Sensor(6867.0, 33.8, *_WARM_ZERO), 3),
    XthermFormat('xtherm-240', 'InfiRay Xtherm 240', 180, 240, Sensor(7800.0, 36.0, *_WARM_ZERO), 1),
)
