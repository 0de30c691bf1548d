"""A thermogram is immutable, finite and of a sane size, or it is not made."""
import re

import numpy as np
import pytest

from service.messages import InputError
from service.thermogram import Thermogram, utc_now


def refusal(array):
    with pytest.raises(InputError) as caught:
        Thermogram.from_celsius(array, source='frame.txt')
    assert caught.value.message.text.startswith('frame.txt ')
    return caught.value.code


def test_pixels_are_a_read_only_float32_copy():
    array = np.full((60, 80), 30.0)
    thermogram = Thermogram.from_celsius(array, source='x')
    array[:] = 0
    assert thermogram.pixels.dtype == np.float32 and thermogram.pixels.min() == 30
    with pytest.raises(ValueError):
        thermogram.pixels[0, 0] = 1
    with pytest.raises(AttributeError):
        thermogram.unit = 'relative'


def test_its_unit_is_one_of_two():
    assert Thermogram.from_celsius(np.zeros((60, 80)), source='x').is_celsius
    assert not Thermogram.from_relative(np.zeros((60, 80)), source='x').is_celsius
    with pytest.raises(ValueError):
        Thermogram(np.zeros((60, 80)), 'kelvin', None)


@pytest.mark.parametrize('array, code', [
    (np.zeros((60, 80, 3)), 'frame-not-2d'),
    (np.zeros(4800), 'frame-not-2d'),
    (np.zeros((1, 1)), 'frame-too-small'),
    (np.zeros((39, 500)), 'frame-too-small'),
    (np.zeros((40, 5000)), 'frame-too-large'),
    (np.full((60, 80), np.nan), 'frame-not-finite'),
    (np.full((60, 80), np.inf), 'frame-not-finite'),
    (np.full((60, 80), 'warm'), 'frame-not-numbers'),
    (np.full((60, 80), 1e300), 'frame-not-finite'),
])
def test_what_is_not_a_thermogram_is_refused(array, code):
    assert refusal(array) == code


def test_one_bad_pixel_is_counted():
    array = np.full((60, 80), 30.0)
    array[3, 4] = np.nan
    with pytest.raises(InputError) as caught:
        Thermogram.from_celsius(array, source='x')
    assert ' 1 pixels' in caught.value.message.text


def test_records_carry_utc():
    assert re.match(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', utc_now())
