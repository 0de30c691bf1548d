"""Our own capture files are thermograms like any other."""
import json

import numpy as np
import pytest

from service.capture_file import pack_capture
from service.radiometry import FlirParameters, GreyLevels, PlanckConstants, Raw, Scene, Temperatures, flir_raw
from service.readers import count_frames, find_thermograms, read_raw, read_thermogram
from service.thermogram import Provenance, Thermogram

from .contract import ReaderContract, refusal
from .files import body_c

I7 = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818), Scene(0.95, 21.0, distance_m=1.0))


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
