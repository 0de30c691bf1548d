"""classic-1 is OpenCV's equalizeHist."""
import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chains import get_chain
from service.chains.classic import equalisation_table
from service.thermogram import Thermogram

from .contract import ChainContract, torso


class TestClassic(ChainContract):
    chain_id = 'classic-1'

    def test_it_is_equalize_hist_bit_for_bit(self):
        chain = get_chain('classic-1', {'height': 120, 'width': 160})
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        expected = cv2.equalizeHist(chain.grey(thermogram))
        assert np.array_equal(chain.apply(thermogram).picture, expected)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2 ** 32 - 1), st.integers(1, 256), st.floats(0.05, 6))
def test_the_table_is_equalize_hist_for_any_picture(seed, levels, shape):
    random = np.random.RandomState(seed)
    picture = (random.beta(shape, 2, (37, 53)) * levels).clip(0, 255).astype(np.uint8)
    assert np.array_equal(np.take(equalisation_table(picture), picture), cv2.equalizeHist(picture))


def test_two_levels_go_to_the_ends():
    picture = np.repeat(np.uint8([[7, 99]]), 40, axis=0)
    assert set(np.take(equalisation_table(picture), picture).ravel()) == {0, 255}


def test_the_order_of_pixels_does_not_matter():
    picture = np.random.RandomState(1).randint(0, 256, (40, 50)).astype(np.uint8)
    shuffled = np.random.RandomState(2).permutation(picture.ravel()).reshape(50, 40)
    assert np.array_equal(equalisation_table(picture), equalisation_table(shuffled))
