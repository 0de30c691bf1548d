"""From any file to another kind, with a parameter corrected on the way or not."""
import json
import os

import cv2
import numpy as np
import pytest

from service.capture_file import SUFFIX, pack_capture
from service.conversion import WRITERS, convert
from service.messages import InputError, StorageError
from service.radiometry import ObjectParameters, Raw, Temperatures, recompute_celsius
from service.readers import count_frames, read_raw, read_thermogram
from service.thermogram import Provenance, Thermogram
from tests.fakes.flir_files import I7, flir_jpeg, frame
from tests.service.readers.files import body_c, matrix, png

SUFFIXES = sorted(WRITERS) + [SUFFIX]


@pytest.fixture
def flir(tmp_path):
    path = tmp_path / 'IMG_1.jpg'
    path.write_bytes(flir_jpeg(frame(body_c())))
    return str(path)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / 'visit.txt'
    path.write_bytes(matrix(body_c(), digits=5))
    return str(path)


@pytest.fixture
def series(tmp_path):
    path = tmp_path / 'series.tscap'
    path.write_bytes(pack_capture(Raw(body_c(seed=seed).astype(np.float32), Temperatures(None, {'emissivity': 1.0}),
                                      Provenance('camera', captured_at='2026-01-02T03:04:%02d.000Z' % seed))
                                  for seed in range(3)))
    return str(path)


def target(source, suffix, stem='out'):
    return os.path.join(os.path.dirname(source), stem + suffix)


def refused(code, error_class, *arguments, **options):
    with pytest.raises(error_class) as caught:
        convert(*arguments, **options)
    error = caught.value
    assert error.code == code, (error.code, error.message.text)
    assert '\n' not in error.message.text and error.message.text.endswith('.')
    return error.message.text


@pytest.mark.parametrize('suffix', SUFFIXES)
@pytest.mark.parametrize('name', ['flir', 'text'])
def test_what_is_written_is_read_like_any_other_file(request, name, suffix):
    source = request.getfixturevalue(name)
    out = target(source, suffix)
    report = convert(source, out)
    before, after = read_thermogram(source), read_thermogram(out)
    error = np.abs(after.pixels - before.pixels).max()
    assert error == 0 if suffix not in ('.tif', '.tiff') else error < 0.00502
    assert after.provenance.emissivity == before.provenance.emissivity
    assert after.provenance.captured_at == before.provenance.captured_at
    assert (report['frames'], report['width'], report['height']) == (1, 80, 60)
    assert (report['lowest_c'], report['highest_c']) == (round(float(before.pixels.min()), 4),
                                                         round(float(before.pixels.max()), 4))


@pytest.mark.parametrize('through', [[], ['a.tscap'], ['a.tscap', 'b.tscap']])
@pytest.mark.parametrize('suffix', ['.npy', SUFFIX])
def test_a_corrected_emissivity_is_as_if_it_had_been_read_so(flir, suffix, through):
    """The capture file keeps the counts: a correction later is a correction at once, bit for bit."""
    source = flir
    for number, name in enumerate(through):
        name = os.path.join(os.path.dirname(flir), name)
        convert(source, name, corrections={'emissivity': 0.5, 'reflected_c': 30.0} if number else {})
        source = name
    out = target(flir, suffix)
    corrections = {'emissivity': 0.9, 'reflected_c': 25.0, 'distance_m': 2.0}
    report = convert(source, out, corrections=corrections)
    with open(flir + '.json', 'w') as stream:
        json.dump(corrections, stream)
    stated = read_thermogram(flir)
    assert np.array_equal(read_thermogram(out).pixels, stated.pixels) and report['emissivity'] == 0.9
    assert np.abs(stated.pixels - I7.corrected(corrections).celsius(read_raw(flir).values)).max() < 1e-4
    assert np.abs(stated.pixels - body_c()).max() > 0.3


def test_temperatures_are_corrected_where_it_is_known_what_for(text):
    out = target(text, '.npy')
    corrections = {'emissivity': 0.98, 'reflected_c': 22.0}
    assert 'visit.txt' in refused('radiometry-unstated', InputError, text, out, corrections=corrections)
    with open(text + '.json', 'w') as stream:
        json.dump({'emissivity': 1.0}, stream)
    before = read_thermogram(text).pixels
    refused('radiometry-unstated', InputError, text, out, corrections={'emissivity': 0.98})
    refused('radiometry-needs-raw', InputError, text, out, corrections={'distance_m': 2.0})
    assert not os.path.exists(out)
    convert(text, out, corrections=corrections)
    expected = recompute_celsius(before, ObjectParameters(), ObjectParameters(0.98, 22.0))
    assert np.array_equal(read_thermogram(out).pixels, expected)


def test_all_frames_or_one(series):
    out = target(series, SUFFIX)
    assert convert(series, out)['frames'] == 3 and count_frames(out) == 3
    for number in (1, 2, 3):
        assert np.array_equal(read_thermogram(out, frame=number).pixels, read_thermogram(series, frame=number).pixels)
    assert '--frame' in refused('convert-frames', InputError, series, target(series, '.csv'))
    refused('frame-missing', InputError, series, target(series, '.csv'), frame=4)
    convert(series, target(series, '.csv'), frame=2)
    second = read_thermogram(target(series, '.csv'))
    assert np.array_equal(second.pixels, read_thermogram(series, frame=2).pixels)
    assert second.provenance.captured_at == '2026-01-02T03:04:01.000Z'
    assert convert(series, out, frame=2, replace=True)['frames'] == 1 and count_frames(out) == 1


def test_more_frames_than_a_file_holds(series, monkeypatch):
    monkeypatch.setattr('service.conversion.MAX_FRAMES', 2)
    refused('convert-frames', InputError, series, target(series, SUFFIX))


def test_what_is_there_is_not_overwritten(text):
    out = target(text, '.csv')
    for path in (out, out + '.json'):
        with open(path, 'w') as stream:
            stream.write('precious')
        assert '--force' in refused('output-exists', InputError, text, out)
        with open(path) as stream:
            assert stream.read() == 'precious'
        os.unlink(path)
    convert(text, out)
    refused('output-exists', InputError, text, out)
    assert convert(text, out, replace=True)['frames'] == 1


def test_the_source_is_never_the_target(text):
    refused('output-format', InputError, text, text, replace=True)
    out = target(text, '.csv')
    convert(text, out)
    link = target(text, '.csv', 'link')
    os.symlink(out, link)
    refused('output-is-input', InputError, out, link, replace=True)
    refused('output-is-input', InputError, out, out, replace=True)


def test_a_file_beside_a_capture_file_is_not_taken_for_its_sidecar(text):
    out = target(text, SUFFIX, 'visit')
    with open(os.path.splitext(text)[0] + '.json', 'w') as stream:
        json.dump({'mirrored': True}, stream)
    convert(text, out)
    assert np.array_equal(read_thermogram(out).pixels, read_thermogram(text).pixels)
    with open(out + '.json', 'w') as stream:
        stream.write('{"mirrored": true}')
    refused('output-sidecar', InputError, text, out, replace=True)
    convert(text, target(text, '.csv', 'visit'))
    assert np.array_equal(read_thermogram(target(text, '.csv', 'visit')).pixels, read_thermogram(text).pixels)


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_a_picture_has_no_temperatures_in_any_kind_of_file(tmp_path, suffix):
    source, out = tmp_path / 'scan.png', str(tmp_path / ('out' + suffix))
    source.write_bytes(png(np.uint8(body_c())))
    if suffix == SUFFIX:
        report = convert(str(source), out)
        assert report['unit'] == 'relative' and report['lowest_c'] is None and not read_thermogram(out).is_celsius
        refused('radiometry-relative', InputError, str(source), out, replace=True, corrections={'emissivity': 0.98})
    else:
        refused('convert-relative', InputError, str(source), out)
        assert sorted(os.listdir(str(tmp_path))) == ['scan.png']


def test_counts_need_their_scale(tmp_path):
    source, out = tmp_path / 'counts.png', str(tmp_path / 'out.tscap')
    counts = np.uint16(np.round((body_c() + 273.15) * 100))
    source.write_bytes(png(counts))
    refused('scale-unknown', InputError, str(source), out)
    convert(str(source), out, scale='centikelvin')
    assert np.array_equal(read_raw(out).values, counts)
    convert(str(source), str(tmp_path / 'out.tif'), scale='centikelvin')
    assert np.array_equal(cv2.imread(str(tmp_path / 'out.tif'), cv2.IMREAD_UNCHANGED), counts)
    assert json.loads((tmp_path / 'out.tif.json').read_text()) == {'mirrored': False, 'scale': 'centikelvin'}


def test_a_tiff_holds_up_to_382_degrees(tmp_path):
    source = tmp_path / 'kiln.txt'
    source.write_bytes(matrix(body_c() + 400))
    assert '382.20' in refused('convert-range', InputError, str(source), str(tmp_path / 'out.tif'))
    assert sorted(os.listdir(str(tmp_path))) == ['kiln.txt']


def test_few_and_many_digits_survive_a_csv(tmp_path):
    celsius = body_c().astype(np.float32)
    celsius[0, :5] = 1e-5, -1e-5, -273.15, 1999.9999, 36.600002
    source = tmp_path / 'frame.tscap'
    source.write_bytes(pack_capture([Raw.of(Thermogram.from_celsius(celsius, 'camera'))]))
    convert(str(source), str(tmp_path / 'frame.csv'))
    assert np.array_equal(read_thermogram(tmp_path / 'frame.csv').pixels, celsius)
    assert (tmp_path / 'frame.csv').read_text().splitlines()[1].split(',')[0] == str(celsius[1, 0])


@pytest.mark.parametrize('source, out, code', [
    ('none.txt', 'out.csv', 'file-missing'), ('visit.txt', 'out.xlsx', 'output-format'),
    ('visit.txt', 'out', 'output-format'), ('.', 'out.csv', 'file-is-folder')])
def test_what_cannot_be_converted_writes_nothing(text, source, out, code):
    folder = os.path.dirname(text)
    refused(code, InputError, os.path.join(folder, source), os.path.join(folder, out))
    assert os.listdir(folder) == ['visit.txt']


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_a_folder_that_is_not_there(text, suffix):
    refused('folder-missing', StorageError, text, os.path.join(os.path.dirname(text), 'none', 'out' + suffix))


@pytest.mark.parametrize('name', ['flir_e40.jpg', 'flir_example.jpg', 'tc001_frame.raw'])
def test_real_files(shared_data, tmp_path, name):
    source = str(shared_data / 'formats' / name)
    before = read_thermogram(source).pixels
    for suffix in (SUFFIX, '.csv', '.npy'):
        out = str(tmp_path / ('out' + suffix))
        convert(source, out)
        assert np.array_equal(read_thermogram(out).pixels, before)
