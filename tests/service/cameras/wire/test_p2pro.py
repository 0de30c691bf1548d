"""P2 Pro and TC001."""
import numpy as np
import pytest

from service.cameras.wire import FORMATS

from .pictures import patient, refused

P2PRO = FORMATS['p2pro']


def test_the_upper_half_is_a_grey_picture():
    celsius = patient(P2PRO.shape)
    upper = np.frombuffer(P2PRO.encode(celsius), np.uint8)[:196608 // 2].reshape(192, 256, 2)
    assert (upper[..., 1] == 128).all()
    assert upper[..., 0].min() == 0 and upper[..., 0].max() == 255
    assert upper[..., 0].flat[celsius.argmax()] == 255


def test_the_hottest_pixel_is_found_by_the_whole_word():
    # 31 C is 0x4C0A and 34 C is 0x4CCA: by the high byte alone, as another viewer has it, the first
    # pixel of all would be the hottest.
    celsius = np.full(P2PRO.shape, 31.0, np.float32)
    celsius[100, 50] = 34.0
    decoded = P2PRO.decode(P2PRO.encode(celsius))
    assert (decoded.counts >> 8 == 0x4C).all()
    assert np.unravel_index(decoded.pixels.argmax(), P2PRO.shape) == (100, 50)
    assert decoded.pixels.max() == pytest.approx(34.0, abs=1 / 64.0)
    assert decoded.pixels.min() == pytest.approx(31.0, abs=1 / 64.0)


@pytest.mark.parametrize('at', [1, 131, 98303])
def test_one_wrong_byte_of_chroma_is_a_damaged_frame(at):
    data = bytearray(P2PRO.encode(patient(P2PRO.shape)))
    data[at] = 127
    refused(P2PRO, data, 'damaged', 'cable', 'palette')


def test_a_frame_that_lost_a_byte_is_damaged():
    data = P2PRO.encode(patient(P2PRO.shape))
    refused(P2PRO, data[1:] + b'\0', 'damaged')


def test_swapped_halves_are_damaged():
    data = P2PRO.encode(patient(P2PRO.shape))
    refused(P2PRO, data[98304:] + data[:98304], 'damaged')


def test_a_recorded_frame_of_a_tc001(shared_data):
    path = shared_data / 'formats' / 'tc001_frame.raw'
    if not path.exists():
        pytest.skip('no recorded TC001 frame in the shared data')
    decoded = P2PRO.decode(path.read_bytes()[8:])
    step = 1 / 64.0
    assert decoded.pixels.min() == pytest.approx(16.04, abs=step)
    assert decoded.pixels.max() == pytest.approx(44.54, abs=step)
    assert decoded.pixels.mean() == pytest.approx(26.47, abs=step)
    assert decoded.condition.usable
