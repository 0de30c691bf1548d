"""A changed byte in a backup is named by volume and file; a cut one is unfinished and not corrupt."""
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

import service.backup.manifest as manifest_module
from service.backup import backup_of, find_backups, read_manifest, verify_backup
from service.backup.manifest import Entry, decode_index, encode_index, encode_manifest
from service.bundle import generate_key, load_key
from service.messages import InputError, StorageError

from .conftest import IDS, flip

FIRST = 'exams/%s/%s' % (IDS[0][:2], IDS[0])


@pytest.fixture
def folder(make):
    return Path(make().folder)


def problems(folder):
    return [(problem.code, problem.facts.get('volume'), problem.facts.get('file'))
            for problem in verify_backup(str(folder)).problems]


def test_a_flipped_byte_is_named_wherever_it_is(folder):
    """One of each file and of what lies between; only the first bytes of a block of zeros are taken."""
    with open(str(folder / 'vol-0001.json'), encoding='utf-8') as stream:
        files = json.load(stream)['files']
    for path, offset, size, _ in files:
        for place in (offset, offset + size - 1):
            flip(folder / 'vol-0001.tsb', place)
            assert problems(folder) == [('backup-damaged', 'vol-0001.tsb', path)]
            flip(folder / 'vol-0001.tsb', place)
    for place in (0, 300, files[0][1] + files[0][2] + 1, -1):
        flip(folder / 'vol-0001.tsb', place)
        (problem,) = verify_backup(str(folder)).problems
        assert 'between its files' in problem.sentence and problem.facts['volume'] == 'vol-0001.tsb'
        flip(folder / 'vol-0001.tsb', place)
    assert problems(folder) == []


def test_all_files_that_are_damaged_are_named(folder):
    for name, place in (('vol-0001.tsb', 600), ('vol-0003.tsb', 600)):
        flip(folder / name, place)
    assert [found[:2] for found in problems(folder)] == [('backup-damaged', 'vol-0001.tsb'),
                                                         ('backup-damaged', 'vol-0003.tsb')]


def test_an_empty_or_missing_volume_is_unfinished(folder):
    (folder / 'vol-0001.tsb').write_bytes(b'')
    (folder / 'vol-0002.tsb').unlink()
    found = verify_backup(str(folder)).problems
    assert [problem.code for problem in found] == ['backup-unfinished'] * 2
    assert 'not finished' in found[0].sentence and 'missing' in found[1].sentence


def test_a_volume_that_was_cut_names_what_is_gone(folder):
    os.truncate(str(folder / 'vol-0001.tsb'), os.path.getsize(str(folder / 'vol-0001.tsb')) // 2)
    found = problems(folder)
    assert len(found) >= 3 and {volume for _, volume, _ in found} == {'vol-0001.tsb'}
    assert all(path and path.startswith('exams/') for _, _, path in found)


@pytest.mark.parametrize('spoil', [lambda path: flip(path, 40), lambda path: path.write_bytes(b''),
                                   lambda path: path.unlink(), lambda path: path.write_bytes(b'[]'),
                                   lambda path: path.write_bytes(b'{"files": [[1]]}')])
def test_a_damaged_index_is_named_and_the_volume_speaks_for_itself(folder, spoil):
    spoil(folder / 'vol-0001.json')
    assert problems(folder) == [('backup-damaged', 'vol-0001.json', None)]
    flip(folder / 'vol-0001.tsb', 600)
    (problem,) = verify_backup(str(folder)).problems
    assert problem.sentence == 'vol-0001.tsb and vol-0001.json are damaged.'


@pytest.mark.parametrize('name', ['manifest-a.json', 'manifest-b.json'])
def test_one_damaged_manifest_is_named_and_the_other_is_used(folder, name):
    flip(folder / name, 30)
    assert problems(folder) == [('backup-damaged', name, None)]
    (folder / name).unlink()
    assert problems(folder) == [('backup-damaged', name, None)]


def test_two_damaged_manifests_are_no_backup(folder):
    for name in ('manifest-a.json', 'manifest-b.json'):
        flip(folder / name, 30)
    with pytest.raises(StorageError) as caught:
        verify_backup(str(folder))
    assert caught.value.code == 'backup-damaged'


def test_two_empty_manifests_are_an_unfinished_backup(folder):
    for name in ('manifest-a.json', 'manifest-b.json'):
        (folder / name).write_bytes(b'')
    with pytest.raises(StorageError) as caught:
        verify_backup(str(folder))
    assert caught.value.code == 'backup-unfinished'


def test_every_byte_of_a_manifest_is_signed(folder):
    data = (folder / 'manifest-a.json').read_bytes()
    for place in range(0, len(data), 31):
        with pytest.raises(ValueError):
            manifest_module.decode_manifest(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
    assert manifest_module.decode_manifest(data).key


def test_a_backup_of_another_key_is_refused_where_one_is_asked_for(folder, tmp_path):
    generate_key(str(tmp_path / 'other.pem'))
    document = dict(read_manifest(str(folder))[0].document, exams=1)
    for name in ('manifest-a.json', 'manifest-b.json'):
        (folder / name).write_bytes(encode_manifest(document, load_key(str(tmp_path / 'other.pem'))))
    ours = json.loads((folder / 'begun.json').read_text())['key']
    with pytest.raises(StorageError) as caught:
        verify_backup(str(folder), ours)
    assert caught.value.code == 'backup-key' and ours in caught.value.message.sentence


@pytest.mark.parametrize('change, code', [({'version': 2}, 'backup-version'), ({'format': 'other'}, None),
                                          ({'volumes': [{}]}, None), ({'volumes': 3}, None)])
def test_a_signed_manifest_that_says_something_else_is_none(key, folder, change, code):
    data = encode_manifest(dict(read_manifest(str(folder))[0].document, **change), key)
    with pytest.raises((StorageError, ValueError)) as caught:
        manifest_module.decode_manifest(data)
    assert getattr(caught.value, 'code', None) == code


@pytest.mark.parametrize('path', ['../up', '/etc/passwd', 'a/../b', 'a//b', '.hidden', 'a/.b', 'a\\b', '', 'a/',
                                  'a b', 'a\nb', '\u00fc'])
def test_a_path_that_leads_elsewhere_is_no_file_of_a_backup(path):
    data = encode_index('vol-0001.tsb', 10, '0' * 64, [Entry(path, 0, 1, '0' * 64)])
    with pytest.raises(ValueError):
        decode_index(data, 'vol-0001.tsb')


@pytest.mark.parametrize('data', [b'', b'\xff', b'[' * 5000, b'{}', b'null', b'{"manifest": {}, "public_key": "00"}'])
def test_what_is_no_manifest_is_none(data):
    with pytest.raises(ValueError):
        manifest_module.decode_manifest(data)
    with pytest.raises(ValueError):
        decode_index(data, 'vol-0001.tsb')


def test_a_signature_for_something_else_does_not_hold_here(key):
    document = {'format': 'thermoscreen backup'}
    text = manifest_module.encode_json(document)
    forged = {'manifest': document, 'public_key': manifest_module.public_bytes(key).hex(),
              'signature': key.sign(text).hex()}
    with pytest.raises(ValueError):
        manifest_module.decode_manifest(manifest_module.encode_json(forged))


def test_the_one_finished_backup_of_a_medium_is_found(folder, medium):
    (medium / 'thermo-backup-00000000').mkdir()
    (medium / 'holiday').mkdir()
    assert backup_of(str(medium)) == str(folder) == backup_of(str(folder))
    assert find_backups(str(medium)) == sorted([str(folder), str(medium / 'thermo-backup-00000000')])
    shutil.rmtree(str(folder))
    with pytest.raises(StorageError) as caught:
        backup_of(str(medium))
    assert caught.value.code == 'backup-unfinished'
    (medium / 'thermo-backup-00000000').rmdir()
    with pytest.raises(InputError) as missing:
        backup_of(str(medium))
    assert missing.value.code == 'backup-missing'


def test_a_medium_that_cannot_be_read_any_more_is_said_to_be_gone(folder, monkeypatch):
    def gone(*args):
        raise OSError(5, 'Input/output error')
    monkeypatch.setattr(os, 'pread', gone)
    with pytest.raises(StorageError) as caught:
        verify_backup(str(folder))
    assert caught.value.code == 'medium-gone'


def test_progress_is_told(folder):
    told = []
    verify_backup(str(folder), told=lambda done, total: told.append((done, total)))
    assert len(told) > 20 and told == sorted(told)
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in folder.glob('*.tsb'))


def test_the_hashes_of_a_volume_are_those_of_its_files(folder):
    """A test of the tests: what verify compares is what lies there."""
    volume = read_manifest(str(folder))[0].volumes[0]
    assert hashlib.sha256((folder / volume.name).read_bytes()).hexdigest() == volume.sha256
    assert hashlib.sha256((folder / 'vol-0001.json').read_bytes()).hexdigest() == volume.index_sha256
