"""Capture files and raw dumps of a TC001: with a header or without, one frame or a stream of them."""
import json
import struct

import numpy as np
import pytest

from service.cameras.wire import FORMATS, WireError
from service.capture_file import pack_capture
from service.radiometry import (
    FlirParameters,
    GreyLevels,
    ObjectParameters,
    PlanckConstants,
    Raw,
    Temperatures,
    flir_raw,
)
from service.readers import count_frames, find_thermograms, read_raw, read_thermogram
from service.thermogram import Provenance, Thermogram

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
def dump_path(tmp_path):
    return tmp_path / 'frame.raw'


def test_golden_bytes(dump_path):
    """34.00 C is CA 4C and reads 34.0063 C."""
    dump_path.write_bytes(HEADER + b'\x40\x80' * 192 * 256 + b'\xca\x4c' * 192 * 256)
    pixels = read_thermogram(dump_path).pixels
    assert np.unique(pixels).tolist() == [np.float32(34.00625)]


def test_every_frame_of_a_stream_can_be_had(dump_path):
    frames = [body_c(192, 256, seed) for seed in range(3)]
    dump_path.write_bytes(b''.join(map(wire, frames)))
    assert count_frames(dump_path) == 3
    for number, frame in enumerate(frames, 1):
        thermogram = read_thermogram(dump_path, frame=number)
        assert np.abs(thermogram.pixels - frame).max() <= 1 / 128.0
        assert 'frame %d of 3' % number in thermogram.provenance.notes
    assert 'frames 1 to 3' in refusal(dump_path, 'frame-missing', frame=4).message.text


def test_a_stream_that_was_interrupted_has_its_whole_frames(dump_path):
    dump_path.write_bytes(wire(body_c(192, 256)) * 2 + b'\x40\x80' * 300)
    assert count_frames(dump_path) == 2
    assert any('the rest' in note for note in read_thermogram(dump_path, frame=2).provenance.notes)


@pytest.mark.parametrize('change', [
    lambda data: data[:1001] + b'\x10' + data[1002:],
    lambda data: data[:-30000] + b'\0' * 30000])
def test_a_frame_that_lost_its_place_is_refused(dump_path, change):
    dump_path.write_bytes(change(wire(body_c(192, 256))))
    refusal(dump_path, 'file-damaged')


@pytest.mark.parametrize('seed', range(40))
def test_dumps_and_the_usb_camera_accept_the_same_frames(dump_path, seed):
    """The frame is described twice: here, and where it comes over the wire."""
    rng = np.random.RandomState(seed)
    words = np.frombuffer(wire(body_c(192, 256, seed)), '<u2').copy()
    start, count = rng.randint(0, len(words)), int(rng.choice([0, 1, 200, 600, 30000]))
    words[start:start + count] = rng.choice([0, 0x8000, 0x7FFF, 0xFFFF, 0x4C80])
    dump_path.write_bytes(HEADER + words.tobytes())
    try:
        pixels = FORMATS['p2pro'].decode(words.tobytes()).pixels
    except WireError:
        refusal(dump_path, 'file-damaged')
    else:
        assert np.array_equal(read_thermogram(dump_path).pixels, pixels)


def test_other_dumps_are_not_taken_for_it(dump_path):
    dump_path.write_bytes(struct.pack('<4H', 292, 384, 8, 2) + b'\0' * 2000)
    refusal(dump_path, 'format-mismatch')


def test_a_real_dump(shared_data):
    """16.04..44.54 C, mean 26.47 (shared/data/formats/README.md)."""
    pixels = read_thermogram(shared_data / 'formats' / 'tc001_frame.raw').pixels
    statistics = pixels.min(), pixels.max(), pixels.mean(dtype=np.float64)
    assert pixels.shape == (192, 256) and np.allclose(statistics, (16.04, 44.54, 26.47), atol=0.006)


I7 = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818),
                    ObjectParameters(0.95, 21.0, distance_m=1.0))


def raw(values, meaning=None, **provenance):
    return Raw(values, meaning or Temperatures(), Provenance('somewhere.txt', 'text', **provenance))


class CaptureContract(ReaderContract):
    name, suffix = 'capture', '.tscap'

    def test_the_sidecar_reaches_the_record(self, path):
        (path.parent / 'frame.json').write_text('{"mirrored": true}')
        sidecar = {'emissivity': 0.98, 'captured_at': '2024-05-31T11:30:00+02:00'}
        (path.parent / (path.name + '.json')).write_text(json.dumps(sidecar))
        provenance = read_thermogram(path).provenance
        assert provenance.emissivity == 0.98 and provenance.captured_at == '2024-05-31T09:30:00.000Z'
        assert not provenance.mirrored  # the other sidecar is about the file that this one was made of

    def test_a_frame_that_is_too_small_is_refused(self, path):
        """None is written; `tests/service/capture_file` makes one all the same."""
        with pytest.raises(Exception) as caught:
            self.content(body_c(39, 60))
        assert caught.value.code == 'frame-too-small'


class TestTemperatures(CaptureContract):
    def content(self, celsius):
        return pack_capture([raw(celsius.astype(np.float32))])


class TestCounts(CaptureContract):
    tolerance = 0.006

    def content(self, celsius):
        return pack_capture([raw(flir_raw(celsius, I7), I7)])

    def test_the_sidecar_corrects(self, path):
        (path.parent / (path.name + '.json')).write_text('{"emissivity": 0.9, "reflected_c": 25}')
        thermogram = read_thermogram(path)
        expected = I7.corrected({'emissivity': 0.9, 'reflected_c': 25}).celsius(flir_raw(body_c(), I7))
        assert np.array_equal(thermogram.pixels, expected)
        assert [note for note in thermogram.provenance.notes if 'instead of' in note] == [
            'computed with emissivity 0.9 instead of 0.95', 'computed with reflected temperature 25 instead of 21']


class TestGrey(CaptureContract):
    unit = 'relative'

    def content(self, celsius):
        return pack_capture([raw(np.round(celsius).astype(np.uint8), GreyLevels())])

    def expected(self, celsius):
        return np.round(celsius)


def test_every_frame_of_a_recording(tmp_path):
    path = tmp_path / 'series.tscap'
    frames = [raw(body_c(seed=seed).astype(np.float32), captured_at='2026-01-02T03:04:%02d.000Z' % seed,
                  notes=('step %d' % seed,)) for seed in range(4)]
    path.write_bytes(pack_capture(frames))
    assert count_frames(path) == 4 and find_thermograms([tmp_path]) == [str(path)]
    for number in range(1, 5):
        thermogram = read_thermogram(path, frame=number)
        assert np.array_equal(thermogram.pixels, frames[number - 1].values)
        provenance = thermogram.provenance
        assert provenance.captured_at == '2026-01-02T03:04:%02d.000Z' % (number - 1)
        assert provenance.notes == ('step %d' % (number - 1), 'captured from somewhere.txt by text',
                                    'frame %d of 4' % number)
    assert 'frames 1 to 4' in refusal(path, 'frame-missing', frame=5).message.text


@pytest.mark.parametrize('level', [-1, 256, 1e30, np.nan, np.inf])
def test_grey_levels_are_grey_levels(tmp_path, level, monkeypatch):
    monkeypatch.setattr(Raw, 'thermogram', lambda self: Thermogram.from_relative(body_c(), 'made up'))
    values = body_c().astype(np.float32) + np.float32(0.25)
    values[3, 5] = level
    data = pack_capture([raw(values, GreyLevels())])
    monkeypatch.undo()
    (tmp_path / 'picture.tscap').write_bytes(data)
    refusal(tmp_path / 'picture.tscap', 'file-damaged')


def test_a_picture_without_temperatures_stays_one(tmp_path):
    path = tmp_path / 'picture.tscap'
    path.write_bytes(pack_capture([Raw.of(Thermogram.from_relative(np.round(body_c()), 'scan.jpg'))]))
    (tmp_path / 'picture.tscap.json').write_text('{"emissivity": 0.9}')
    read = read_raw(path)
    assert read.values.dtype == np.uint8 and not read.thermogram().is_celsius
