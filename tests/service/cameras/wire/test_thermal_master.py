"""Thermal Master P2 and P3."""
import numpy as np
import pytest

from service.cameras.wire import FORMATS

from .pictures import patient, refused

P2, P3 = FORMATS['thermal-master-p2'], FORMATS['thermal-master-p3']


@pytest.mark.parametrize('wire', [P2, P3])
def test_picture_own_rows_and_temperatures(wire):
    celsius = patient(wire.shape)
    rows = np.frombuffer(wire.encode(celsius), '<u2').reshape(386, 256)
    assert (rows[:192] >> 8 == 128).all() and rows[:192].flat[celsius.argmax()] & 0xFF == 255
    assert np.abs(rows[194:] / 64.0 - 273.15 - celsius).max() <= 1 / 128.0 + 1e-6


@pytest.mark.parametrize('moved', [2, 100, 512 * 5])
def test_a_p2_that_lost_whole_words_is_damaged(moved):
    data = P2.encode(patient(P2.shape))
    refused(P2, data[moved:] + bytes(moved), 'damaged')
    at = 2 * 256 * 193
    refused(P2, data[:at] + b'\xff\x01' + data[at + 2:], 'mark')


def test_the_picture_of_a_p2_may_have_colours():
    """Of its palette; the temperatures have none."""
    data = bytearray(P2.encode(patient(P2.shape)))
    before = P2.decode(bytes(data)).pixels
    data[1:98304:2] = b'\x40' * 49152
    assert np.array_equal(P2.decode(bytes(data)).pixels, before)


def test_rows_of_a_p3_of_its_own_are_not_known():
    """Its frames are checked where their marks still are."""
    data = bytearray(P3.encode(patient(P3.shape)))
    data[98304:98304 + 1024] = bytes(range(256)) * 4
    assert P3.decode(bytes(data)).unit == 'celsius'
