"""What every chain must do. A chain's test class derives from `ChainContract` and names itself."""
import numpy as np
import pytest

from service.chains import get_chain
from service.messages import BundleError
from service.thermogram import Thermogram

SHAPES = [(480, 640), (120, 160), (192, 256), (512, 640), (640, 480), (60, 80)]


def torso(height, width, offset_c=0.0):
    """A warm ellipse in a cool room with a gradient inside, degrees Celsius."""
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x / width - 0.5) / 0.35) ** 2 + ((y / height - 0.6) / 0.55) ** 2 < 1
    return np.where(inside, 30 + 4 * np.sin(6.0 * x / width) * y / height, 22.0) + offset_c


class ChainContract:
    chain_id = ''

    def tensor(self, thermogram, **constants):
        return get_chain(self.chain_id, constants).apply(thermogram).tensor

    @pytest.mark.parametrize('shape', SHAPES)
    def test_any_size_becomes_the_input(self, shape):
        chain = get_chain(self.chain_id)
        prepared = chain.apply(Thermogram.from_celsius(torso(*shape), source='torso'))
        assert prepared.tensor.shape == (1, chain.channels, 240, 320)
        assert prepared.tensor.dtype == np.float32
        assert prepared.tensor.flags['C_CONTIGUOUS']
        assert 0 <= prepared.tensor.min() and prepared.tensor.max() <= 1
        assert prepared.fit.to_frame(np.zeros((240, 320), np.uint8)).shape == shape

    def test_the_same_frame_gives_the_same_bytes(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        assert self.tensor(thermogram).tobytes() == self.tensor(thermogram).tobytes()

    def test_a_constant_frame_is_finite(self):
        tensor = self.tensor(Thermogram.from_celsius(np.full((120, 160), 25.0), source='wall'))
        assert np.isfinite(tensor).all()

    def test_temperatures_outside_the_window_are_clipped(self):
        celsius = torso(120, 160)
        celsius[:10], celsius[-10:] = -40, 400
        assert np.isfinite(self.tensor(Thermogram.from_celsius(celsius, source='hot'))).all()

    def test_a_relative_frame_needs_no_temperatures(self):
        grey = (torso(120, 160) - 20) * 15
        tensor = self.tensor(Thermogram.from_relative(grey, source='grey'))
        assert len(np.unique(tensor)) > 50

    def test_the_frame_itself_is_left_alone(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        before = thermogram.pixels.copy()
        self.tensor(thermogram)
        assert np.array_equal(thermogram.pixels, before)

    @pytest.mark.parametrize('constants', [{'gamma': 2}, {'width': 0}, {'width': 3.5}, {'width': '320'},
                                           {'low_c': 40.0, 'high_c': 18.0}])
    def test_constants_that_make_no_sense_are_refused(self, constants):
        with pytest.raises(BundleError) as caught:
            get_chain(self.chain_id, constants)
        assert caught.value.code == 'chain-constants'
