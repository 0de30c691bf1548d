"""Documents are checked before they are written and when they are read."""
import errno
import json
import os
import shutil
from collections import namedtuple

import pytest

from jetson.bench.record import BENCH, FILES, check_document, prepare_folder, read_document, write_document
from service.messages import InputError, StorageError


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert '\n' not in caught.value.message.text
    return caught.value.code


def test_round_trip(sound, tmp_path):
    path = write_document(str(tmp_path), sound)
    assert read_document(path) == sound == read_document(str(tmp_path), BENCH)


def test_an_invalid_document_is_not_written(sound, tmp_path):
    sound['runs'][0]['end_to_end']['p90_ms'] = 'fast'
    assert refused(write_document, str(tmp_path), sound) == 'bench-foreign'
    assert os.listdir(str(tmp_path)) == []


def _without(document, *path):
    for step in path[:-1]:
        document = document[step]
    del document[path[-1]]


@pytest.mark.parametrize('path', [
    ('verdict',), ('environment', 'machine'), ('bundle', 'onnx_sha256'), ('runs', 0, 'end_to_end'),
    ('runs', 0, 'samples'), ('runs', 0, 'stages', 'infer', 'histogram'), ('runs', 1, 'sum', 'missing_share'),
    ('variants', 0, 'agreement'), ('telemetry', 0, 't_s')])
def test_missing_keys_are_refused(sound, path):
    check_document(sound)
    _without(sound, *path)
    assert refused(check_document, sound) == 'bench-foreign'


@pytest.mark.parametrize('change', [
    lambda document: document['runs'][0]['samples']['end_to_end_ms'].append(-1.0),
    lambda document: document['runs'][0]['stages'].update(thinking=document['runs'][0]['stages']['infer']),
    lambda document: document['runs'][0].update(mode='fast'), lambda document: document.update(extra=1),
    lambda document: document['variants'][0].update(agreement=1.5)])
def test_unexpected_values_are_refused(sound, change):
    change(sound)
    assert refused(check_document, sound) == 'bench-foreign'


@pytest.mark.parametrize('data, code', [
    (b'', 'bench-unreadable'), (b'{"kind": "ben', 'bench-unreadable'), (b'\xff\xfe', 'bench-unreadable'),
    (b'{"kind": "bench", "schema": NaN}', 'bench-unreadable'), (b'[' * 100000, 'bench-unreadable'),
    (b'[]', 'bench-foreign'), (b'3', 'bench-foreign'), (b'{}', 'bench-foreign'), (b'{"kind": []}', 'bench-foreign'),
    (b'{"kind": "bench", "schema": 2}', 'bench-schema'), (b'{"kind": "bench", "schema": 1}', 'bench-foreign')])
def test_foreign_files_are_refused_in_one_line(tmp_path, data, code):
    path = tmp_path / 'x.json'
    path.write_bytes(data)
    assert refused(read_document, str(path)) == code


def test_absent_file_and_other_kind(sound, tmp_path):
    assert refused(read_document, str(tmp_path / 'none.json')) == 'bench-unreadable'
    assert refused(read_document, str(tmp_path)) == 'bench-unreadable'
    assert refused(read_document, write_document(str(tmp_path), sound), 'soak') == 'bench-kind'


def test_a_cut_file_is_refused(sound, tmp_path):
    data = json.dumps(sound).encode()
    for part in (1, 2, 3):
        (tmp_path / 'x.json').write_bytes(data[:len(data) * part // 4])
        assert refused(read_document, str(tmp_path / 'x.json')) == 'bench-unreadable'


def test_a_folder_is_made_and_an_existing_measurement_kept(tmp_path):
    folder = str(tmp_path / 'new' / 'deep')
    prepare_folder(folder, BENCH)
    assert os.listdir(folder) == []
    with open(os.path.join(folder, FILES[BENCH]), 'w') as stream:
        stream.write('{}')
    assert refused(prepare_folder, folder, BENCH) == 'output-exists'
    prepare_folder(folder, BENCH, keep=True)


def test_a_full_disk_is_reported_before_measuring(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda folder: usage(10, 9, 1 << 20))
    with pytest.raises(StorageError) as caught:
        prepare_folder(str(tmp_path), BENCH)
    assert caught.value.code == 'disk-full' and '1.0 MiB free' in caught.value.message.text


def test_a_read_only_disk_is_reported_before_measuring(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, 'Read-only file system')

    monkeypatch.setattr(os, 'makedirs', refuse)
    with pytest.raises(StorageError) as caught:
        prepare_folder(str(tmp_path / 'x'), BENCH)
    assert caught.value.code == 'disk-read-only'
