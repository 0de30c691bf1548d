"""From a path to a thermogram: unusable files, sidecars, folders, and real data."""
import json
import os
import re
import threading

import cv2
import numpy as np
import pytest

from service.bundle.manifest import read_plain
from service.messages import BundleError, InputError
from service.readers import READERS, SUFFIXES, HeldFile, find_thermograms, read_thermogram

from .contract import refusal
from .files import body_c, matrix, png

COUNTS = np.full((60, 80), 30715, np.uint16)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'frame.png'
    path.write_bytes(png(COUNTS))
    return path


@pytest.mark.parametrize('name', ['none.txt', 'none.png', 'no/such/folder/a.txt', 'frame.png/a.txt'])
def test_a_missing_file(path, name):
    refusal(path.parent / name, 'file-missing')


def test_a_path_that_is_none():
    refusal('a\0b.txt', 'file-missing')
    refusal('x' * 5000 + '.txt', 'file-unreadable')


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(str(tmp_path / 'a.txt'))
    refusal(tmp_path / 'a.txt', 'file-unreadable')


@pytest.fixture
def exchanged(monkeypatch):
    """Have a file replaced by a pipe after it was looked at and before it is opened."""
    def arrange(path):
        def late(real_open):
            def open_late(name, *args, **kwargs):
                if name == path and os.path.isfile(path):
                    os.remove(path)
                    os.mkfifo(path)
                return real_open(name, *args, **kwargs)
            return open_late
        monkeypatch.setattr(os, 'open', late(os.open))
        monkeypatch.setattr('builtins.open', late(open))
    return arrange


@pytest.mark.parametrize('name', ['a.txt', 'a.txt.json'])
def test_a_pipe_that_takes_the_place_of_a_file(tmp_path, exchanged, name):
    """A reader that waits for a pipe waits for ever; the sidecar is a file of the same disk."""
    (tmp_path / 'a.txt').write_bytes(matrix(body_c()))
    (tmp_path / 'a.txt.json').write_text('{"emissivity": 0.98}')
    exchanged(str(tmp_path / name))
    assert name in refusal(str(tmp_path / 'a.txt'), 'file-unreadable').message.sentence


def test_a_pipe_that_takes_the_place_of_a_bundle_file(tmp_path, exchanged):
    path = str(tmp_path / 'manifest.json')
    (tmp_path / 'manifest.json').write_text('{}')
    exchanged(path)
    with pytest.raises(BundleError) as caught:
        read_plain(path, 100)
    assert caught.value.code == 'bundle-file-link'


def test_a_held_file_stays_the_one_that_was_opened(tmp_path, monkeypatch):
    """Two sticks under one path: what was read first is what every part of the reader sees."""
    path, other = tmp_path / 'a.txt', tmp_path / 'b.txt'
    first, second = body_c(seed=1), body_c(seed=2)
    for limit in (64 << 20, 100):  # in memory, and by its descriptor
        monkeypatch.setattr('service.readers.files.MAX_HELD_BYTES', limit)
        path.write_bytes(matrix(first))
        other.write_bytes(matrix(second))
        with HeldFile(path) as held:
            os.replace(str(other), str(path))
            for _ in range(2):
                assert np.allclose(read_thermogram(held).pixels, first, atol=0.005)
        assert np.allclose(read_thermogram(path).pixels, second, atol=0.005)
        assert (held.sha256 is None) == (limit == 100)


def test_a_file_of_another_user(path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(os, 'open', refuse)
    refusal(path, 'file-unreadable', scale='centikelvin')


def test_a_card_that_was_pulled(path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(5, 'Input/output error')
    monkeypatch.setattr(os, 'open', fail)
    refusal(path, 'file-unreadable', scale='centikelvin')


def test_a_name_cannot_break_the_line(tmp_path):
    name = 'a\nb\x1b[31m' + 'c' * 200 + '.txt'
    (tmp_path / name).write_bytes(b'')
    assert refusal(tmp_path / name, 'file-empty').message.text.isprintable()


def test_an_unknown_scale_is_named(path):
    assert 'fahrenheit' in refusal(path, 'scale-name', scale='fahrenheit').message.text


@pytest.mark.parametrize('text, code', [
    ('', 'file-empty'),
    ('{', 'sidecar-not-json'),
    ('[]', 'sidecar-not-json'),
    ('[' * 9000, 'sidecar-not-json'),
    ('\ufeff{"scale": "centikelvin", "scale": "ax5"}', 'sidecar-not-json'),
    ('{"skale": "centikelvin"}', 'sidecar-key'),
    ('{"scale": "kelvin"}', 'scale-name'),
    ('{"scale": 3}', 'scale-name'),
    ('{"scale": null}', 'scale-name'),
    ('{"scale": "%s"}' % ('x' * 900), 'scale-name'),
    ('{"emissivity": "0.98"}', 'sidecar-value'),
    ('{"emissivity": 0}', 'sidecar-value'),
    ('{"emissivity": NaN}', 'sidecar-value'),
    ('{"emissivity": true}', 'sidecar-value'),
    ('{"emissivity": 1e999}', 'sidecar-value'),
    ('{"mirrored": 1}', 'sidecar-value'),
    ('{"captured_at": "yesterday"}', 'sidecar-value'),
    ('{"captured_at": "2024-05-31T09:30:00"}', 'sidecar-value'),
    ('{"captured_at": "2024-13-31T09:30:00Z"}', 'sidecar-value'),
    ('{"captured_at": "0001-01-01T00:00:00+99:00"}', 'sidecar-value'),
    ('{"captured_at": 5}', 'sidecar-value')])
def test_a_sidecar_that_is_wrong(path, text, code):
    (path.parent / 'frame.json').write_bytes(text.encode('utf-8'))
    assert 'frame.json' in refusal(path, code).message.text


@pytest.mark.parametrize('data, size', [
    (b' ' * (1 << 20), '1.0 MiB'), (b'{"scale": "centikelvin", "x": "' + b' ' * 20000 + b'"}', '20 KiB'),
    (b'{"scale": "centikelvin"}' + b' ' * ((16 << 10) - 23), '16385 bytes')])
def test_a_sidecar_is_not_read_without_bound(path, data, size):
    (path.parent / 'frame.json').write_bytes(data)
    sentence = refusal(path, 'file-too-large').message.sentence
    assert sentence == 'frame.json has %s; a file of its kind has at most 16 KiB.' % size


LABELME = {'version': '5.3.1', 'flags': {}, 'shapes': [{'label': 'breast', 'points': [[1, 2]]}],
           'imagePath': 'frame.png', 'imageData': None, 'imageHeight': 60, 'imageWidth': 80}


@pytest.mark.parametrize('text', [
    json.dumps(LABELME), json.dumps(dict(LABELME, imageData='A' * 200000)), json.dumps(LABELME)[:100],
    json.dumps({'description': '', 'tags': [], 'size': {'height': 60, 'width': 80}, 'objects': []}),
    json.dumps({'info': {}, 'images': [], 'annotations': [], 'categories': [], 'licenses': []}),
    json.dumps([{'id': 1, 'annotations': []}]), json.dumps({'Modality': 'TG', 'Manufacturer': 'FLIR'}),
    '{"a": 1, "a": 2}', '{"x": "' + 'y' * 17000 + '"}'])
@pytest.mark.parametrize('name', ['frame.json', 'frame.png.json'])
def test_a_file_of_another_program_is_left_alone(path, name, text):
    (path.parent / name).write_text(text)
    thermogram = read_thermogram(path, scale='centikelvin')
    assert '%s is of another program and was not used' % name in thermogram.provenance.notes


def test_a_sidecar_counts_beside_a_file_of_another_program(path):
    (path.parent / 'frame.png.json').write_text(json.dumps(LABELME))
    (path.parent / 'frame.json').write_text('{"scale": "centikelvin"}')
    assert len(read_thermogram(path).provenance.notes) == 2


@pytest.mark.parametrize('text, code', [
    (json.dumps(dict(LABELME, mirrored=True)), 'sidecar-key'), ('{"Emisivity": 0.98}', 'sidecar-key'),
    ('{"reflected": 20}', 'sidecar-key'), ('{"mirrored": true', 'sidecar-not-json'),
    ('[{"mirrored": true}]', 'sidecar-not-json'), ('{"mirror', 'sidecar-not-json'), ('\0' * 50, 'sidecar-not-json'),
    ('{"mirored": true, "x": "' + 'y' * 17000 + '"}', 'file-too-large')])
def test_a_sidecar_of_ours_that_is_broken_is_refused(path, text, code):
    (path.parent / 'frame.json').write_text(text)
    refusal(path, code, scale='centikelvin')


@pytest.mark.parametrize('stated, utc', [
    ('2024-05-31T09:30:00Z', '2024-05-31T09:30:00.000Z'),
    ('2024-05-31 23:30:00.25-03:30', '2024-06-01T03:00:00.250Z')])
def test_times_become_utc(path, stated, utc):
    (path.parent / 'frame.json').write_text(json.dumps({'scale': 'centikelvin', 'captured_at': stated}))
    assert read_thermogram(path).provenance.captured_at == utc


def test_the_sidecar_of_the_full_name_goes_first(path):
    (path.parent / 'frame.json').write_text('{"scale": "centicelsius"}')
    (path.parent / 'frame.png.json').write_text('{"scale": "centikelvin"}')
    assert abs(read_thermogram(path).pixels[0, 0] - 34) < 0.001


def test_a_folder_stands_for_its_thermograms(tmp_path):
    for name in ('b.TXT', 'a.png', 'c.npy', 'a.json', 'notes.md', '.hidden.txt', '._a.txt'):
        (tmp_path / name).write_bytes(b'x')
    (tmp_path / 'sub.txt').mkdir()
    (tmp_path / 'sub.txt' / 'd.txt').write_bytes(b'x')
    names = [os.path.basename(found) for found in find_thermograms([tmp_path])]
    assert names == ['a.png', 'b.TXT', 'c.npy']


def test_paths_keep_their_order_and_count_once(tmp_path):
    (tmp_path / 'a.txt').write_bytes(b'x')
    a, missing = str(tmp_path / 'a.txt'), str(tmp_path / 'missing.txt')
    assert find_thermograms([missing, tmp_path, a]) == [missing, a]


@pytest.mark.parametrize('paths, code', [([], 'no-files'), (['.'], 'folder-empty')])
def test_nothing_to_find(tmp_path, monkeypatch, paths, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        find_thermograms(paths)
    assert caught.value.code == code


def test_many_threads_read_at_once(path, capfd):
    results = []

    def read():
        for _ in range(10):
            results.append(float(read_thermogram(path, scale='centikelvin').pixels[0, 0]))
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40 and len(set(results)) == 1
    assert capfd.readouterr() == ('', '')


def test_every_suffix_has_a_reader():
    assert set(SUFFIXES) == {suffix for reader in READERS for suffix in reader.suffixes}
    assert all(suffix == suffix.lower() and suffix.startswith('.') for suffix in SUFFIXES)
    # Two radiometric JPEGs and a plain one are told apart by what they hold.
    shared = [suffix for reader in READERS for suffix in reader.suffixes]
    assert sorted(suffix for suffix in shared if shared.count(suffix) > 1) == ['.jpeg'] * 3 + ['.jpg'] * 3


def test_the_page_of_files_names_every_suffix(root):
    page = (root / 'docs' / 'files.md').read_text(encoding='utf-8')
    rows = [line for line in page.partition('## What is refused')[0].splitlines() if line.startswith('| ')][2:]
    named = sorted(suffix for row in rows for suffix in re.findall('`([.][a-z]+)`', row.split('|')[2]))
    assert named == sorted(suffix for reader in READERS for suffix in reader.suffixes)


def test_the_same_frame_reads_alike_from_text_and_counts(tmp_path):
    celsius = body_c(48, 64)
    (tmp_path / 'a.txt').write_bytes(matrix(celsius))
    (tmp_path / 'b.png').write_bytes(png(np.round(celsius * 100).astype(np.uint16)))
    text = read_thermogram(tmp_path / 'a.txt')
    counts = read_thermogram(tmp_path / 'b.png', scale='centicelsius')
    assert np.array_equal(text.pixels, counts.pixels)


def test_real_text_matrices(shared_data):
    files = find_thermograms([shared_data / 'dmr' / 'raw'])
    assert len(files) == 4
    for path in files:
        thermogram = read_thermogram(path)
        assert thermogram.pixels.shape == (480, 640) and thermogram.provenance.notes == ()
        assert 15 < thermogram.pixels.min() < 26 and 32 < thermogram.pixels.max() < 40


def test_real_pictures_are_the_real_matrices(shared_data):
    for path in find_thermograms([shared_data / 'dmr' / 'raw']):
        number = os.path.basename(path)[1:5]
        picture_path = shared_data / 'dmr' / 'matrices' / (number + '.png')
        if picture_path.exists():
            counts = read_thermogram(picture_path, scale='centicelsius')
            assert np.abs(counts.pixels - read_thermogram(path).pixels).max() < 0.0051


def test_a_real_tiff(shared_data):
    path = shared_data / 'formats' / 'y16_radiometric.tiff'
    thermogram = read_thermogram(path, scale='centicelsius')
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert thermogram.pixels.shape == (512, 640)
    assert np.array_equal(np.rint(thermogram.pixels * 100), raw) and (raw.min(), raw.max()) == (6743, 7077)
