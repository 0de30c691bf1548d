"""Topdon TC002C Duo."""
import numpy as np

from service.cameras.wire import FORMATS

from .pictures import patient, refused

DUO = FORMATS['tc002c-duo']


def test_two_rows_of_the_sensor_to_each_row_of_the_band():
    celsius = patient(DUO.shape)
    celsius[0, 255], celsius[1, 0], celsius[191, 255] = 50.0, 10.0, 12.0
    rows = np.frombuffer(DUO.encode(celsius), '<u2').reshape(484, 512)
    kelvin = rows[:96] / 16.0 - 273.15
    assert np.abs(kelvin[[0, 0, 95], [255, 256, 511]] - [50.0, 10.0, 12.0]).max() <= 1 / 32.0
    assert not rows[96:98].any() and not rows[482:].any() and (rows[98:482] >> 8 == 128).all()
    assert np.array_equal(rows[98:482:2, ::2], rows[99:482:2, 1::2])


def test_its_step_is_coarse():
    assert DUO.quantum_c == 0.0625 and 'thermometer' in DUO.accuracy


def test_a_frame_that_lost_a_byte_is_refused():
    data = DUO.encode(patient(DUO.shape))
    refused(DUO, data[1:] + b'\0', 'impossible')
