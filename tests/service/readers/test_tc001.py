"""Raw dumps of a TC001: with a header or without, one frame or a stream of them."""
import struct

import numpy as np
import pytest

from service.cameras.wire import FORMATS
from service.readers import count_frames, read_thermogram

from .contract import ReaderContract, refusal
from .files import body_c

HEADER = struct.pack('<4H', 384, 256, 8, 2)


def wire(celsius):
    return FORMATS['p2pro'].encode(celsius)


class TestTc001(ReaderContract):
    name, suffix, tolerance, shape = 'tc001', '.raw', 1 / 128.0, (192, 256)
    #: The format has one size.
    test_a_frame_that_is_too_small_is_refused = None

    def content(self, celsius):
        return HEADER + wire(celsius)


class TestBareTc001(TestTc001):
    def content(self, celsius):
        return wire(celsius)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.raw'


def test_golden_bytes(path):
    """34.00 C is CA 4C and reads 34.0063 C."""
    path.write_bytes(HEADER + b'\x40\x80' * 192 * 256 + b'\xca\x4c' * 192 * 256)
    pixels = read_thermogram(path).pixels
    assert np.unique(pixels).tolist() == [np.float32(34.00625)]


def test_every_frame_of_a_stream_can_be_had(path):
    frames = [body_c(192, 256, seed) for seed in range(3)]
    path.write_bytes(b''.join(map(wire, frames)))
    assert count_frames(path) == 3
    for number, frame in enumerate(frames, 1):
        thermogram = read_thermogram(path, frame=number)
        assert np.abs(thermogram.pixels - frame).max() <= 1 / 128.0
        assert 'frame %d of 3' % number in thermogram.provenance.notes
    assert 'frames 1 to 3' in refusal(path, 'frame-missing', frame=4).message.text


def test_a_stream_that_was_interrupted_has_its_whole_frames(path):
    path.write_bytes(wire(body_c(192, 256)) * 2 + b'\x40\x80' * 300)
    assert count_frames(path) == 2
    assert any('the rest' in note for note in read_thermogram(path, frame=2).provenance.notes)


@pytest.mark.parametrize('change', [
    lambda data: data[:1001] + b'\x10' + data[1002:],
    lambda data: data[:-30000] + b'\0' * 30000])
def test_a_frame_that_lost_its_place_is_refused(path, change):
    path.write_bytes(change(wire(body_c(192, 256))))
    refusal(path, 'file-damaged')


def test_other_dumps_are_not_taken_for_it(path):
    path.write_bytes(struct.pack('<4H', 292, 384, 8, 2) + b'\0' * 2000)
    refusal(path, 'format-mismatch')


def test_a_real_dump(shared_data):
    """16.04..44.54 C, mean 26.47 (shared/data/formats/README.md)."""
    pixels = read_thermogram(shared_data / 'formats' / 'tc001_frame.raw').pixels
    statistics = pixels.min(), pixels.max(), pixels.mean(dtype=np.float64)
    assert pixels.shape == (192, 256) and np.allclose(statistics, (16.04, 44.54, 26.47), atol=0.006)
