"""turbo-1 is the heat map."""
import cv2
import numpy as np
import pytest

from service.chains import get_chain
from service.palettes import palette
from service.thermogram import Thermogram

from .contract import ChainContract, torso


class TestTurbo(ChainContract):
    chain_id = 'turbo-1'

    def test_it_is_equalisation_followed_by_the_palette(self):
        shape = {'height': 120, 'width': 160}
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        grey = get_chain('classic-1', shape).apply(thermogram).picture
        assert np.array_equal(get_chain('turbo-1', shape).apply(thermogram).picture, palette('turbo')[grey])

    def test_equalisation_can_be_left_out(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        assert not np.array_equal(self.tensor(thermogram), self.tensor(thermogram, equalise=False))


@pytest.mark.skipif(not hasattr(cv2, 'COLORMAP_TURBO'), reason='this OpenCV has no TURBO palette to compare with')
def test_the_palette_is_opencv_s():
    ramp = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    expected = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[:, 0, ::-1]
    assert np.array_equal(palette('turbo'), expected)
