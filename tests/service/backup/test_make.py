"""A backup holds what the station keeps, whatever happens while it is made."""
import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import tarfile
import threading
from pathlib import Path

import pytest

import service.backup.make as make_module
import service.backup.medium as medium_module
from service import durable
from service.backup import backup_of, read_manifest, verify_backup
from service.bundle import generate_key, load_key
from service.clock import Clock
from service.messages import InputError, StorageError
from service.operators import Audit
from service.sealing import Sealer
from service.storage import Disks, Room
from tests.fakes.disks import stick

from .conftest import IDS, TwoDisks, flip, keep, leaving, tree


def kept(station):
    """What a backup of a station holds."""
    return {path: sha256 for path, sha256 in tree(station).items()
            if path.startswith('exams/') or path == 'keys/keys.json'}


def unpacked(folder, target):
    """The volumes of a backup as any computer unpacks them."""
    for volume in sorted(Path(folder).glob('*.tsb')):
        with tarfile.open(str(volume)) as archive:
            for member in archive:
                path = target / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                assert not path.exists(), 'each file is in one volume'
                path.write_bytes(archive.extractfile(member).read())
    return tree(target)


def test_it_holds_everything_but_the_index_and_can_be_unpacked_anywhere(station, make, tmp_path):
    before = tree(station)
    backup = make()
    assert tree(station) == before
    assert unpacked(backup.folder, tmp_path / 'unpacked') == kept(station)
    assert (backup.exams, backup.files, backup.volumes, backup.reused) == (6, 25, 4, 0)
    assert [problem.code for problem in backup.problems] == ['backup-plain']
    manifest, damaged = read_manifest(backup.folder)
    assert damaged == [] and manifest.key == backup.key and manifest.document['exams'] == 6
    assert manifest.document['stamp']['utc'] == '2026-11-29T12:00:00.000000Z'
    assert len({volume.size for volume in manifest.volumes[:3]}) == 1 and manifest.volumes[3].size < 4096
    assert verify_backup(backup.folder, backup.key).problems == ()


def test_names_are_ones_that_every_stick_takes(make):
    backup = make()
    names = [os.path.basename(backup.folder)] + os.listdir(backup.folder)
    assert all(set(name) <= set('abcdefghijklmnopqrstuvwxyz0123456789-.') for name in names)
    assert sorted(names[1:])[:4] == ['begun.json', 'manifest-a.json', 'manifest-b.json', 'vol-0001.json']


def test_an_exam_that_is_larger_than_a_volume_is_alone_in_one(station, make):
    backup = make(volume_bytes=1)
    assert backup.volumes == 7 and verify_backup(backup.folder).problems == ()


def test_each_backup_is_another(make):
    first, second = make(), make()
    assert first.folder != second.folder and second.reused == 0
    with pytest.raises(InputError) as caught:
        backup_of(os.path.dirname(first.folder))
    assert caught.value.code == 'backup-several'


def test_an_exam_that_changes_meanwhile_is_the_one_of_a_moment(station, make, tmp_path, monkeypatch):
    """A capture is being added: its files are there, and exam.json does not name them yet."""
    folder = station / 'exams' / IDS[0][:2] / IDS[0]
    (folder / '0002.tscap').write_bytes(b'not yet named')
    backup = make()
    assert 'exams/%s/%s/0002.tscap' % (IDS[0][:2], IDS[0]) not in unpacked(backup.folder, tmp_path / 'u')
    assert [problem.code for problem in backup.problems] == ['backup-plain']


def test_what_is_damaged_on_the_station_is_named_and_the_rest_is_copied(station, make):
    exams = [station / 'exams' / exam_id[:2] / exam_id for exam_id in IDS]
    flip(exams[0] / '0001.tscap', 5)
    (exams[1] / '0001.overlay.png').unlink()
    (exams[2] / 'exam.json').write_bytes(b'')
    (exams[3] / 'exam.json').unlink()
    (exams[3] / 'exam.json').symlink_to('nowhere')
    backup = make()
    named = [(problem.code, problem.facts.get('file') or problem.facts.get('exam')) for problem in backup.problems]
    assert named == [('exam-damaged', 'exams/%s/%s/0001.tscap' % (IDS[0][:2], IDS[0])),
                     ('backup-left-out', 'exams/%s/%s/0001.overlay.png' % (IDS[1][:2], IDS[1])),
                     ('exam-damaged', IDS[2]), ('exam-damaged', IDS[3]),
                     ('backup-left-out', 'exams/%s/%s/exam.json' % (IDS[3][:2], IDS[3])), ('backup-plain', None)]
    assert verify_backup(backup.folder).problems == ()
    manifest, _ = read_manifest(backup.folder)
    assert len(manifest.document['problems']) == 6 and backup.files == 23


def test_what_may_lead_elsewhere_is_left_out(station, make):
    (station / 'quarantine').mkdir()
    (station / 'quarantine' / 'two words').write_bytes(b'')
    (station / 'keys' / 'link').symlink_to('/etc/passwd')
    os.mkfifo(str(station / 'keys' / 'pipe'))
    backup = make()
    assert [problem.facts.get('file') for problem in backup.problems] == ['keys/link', 'quarantine/two words', None]


def test_a_file_that_no_station_has_is_left_out_before_it_is_read(station, make, monkeypatch):
    monkeypatch.setattr(make_module, '_MAX_FILE_BYTES', 2000)
    (station / 'keys' / 'large').write_bytes(bytes(2001))
    backup = make()
    assert ('backup-left-out', 'keys/large') in [(problem.code, problem.facts.get('file'))
                                                 for problem in backup.problems]


def test_the_audit_log_lends_its_length(station, make):
    with Audit(str(station / 'audit'), Clock(boot_id='b'), None, bytes(32)) as audit:
        anchor = audit.append('station-started')
    assert make().anchor == anchor
    flip(station / 'audit' / '00000001.jsonl', 20)
    backup = make()
    assert backup.anchor is None and 'audit-broken' in [problem.code for problem in backup.problems]


def test_it_takes_no_key_for_what_is_encrypted_and_says_which_one_does(station, make):
    sealer = Sealer(bytes(32))
    keep(station, 'f' * 16, {name: sealer.seal(b'secret', name) for name in ('0001.tscap', '0001.overlay.png')})
    manifest, _ = read_manifest(make().folder)
    assert manifest.document['data_keys'] == [sealer.key_id]


def test_room_is_asked_for_before_anything_is_copied(station, make, medium):
    with pytest.raises(StorageError) as caught:
        make(disks=TwoDisks(free_bytes=20000))
    assert caught.value.code == 'medium-full' and '20 KiB' in caught.value.message.sentence
    assert [name for name in os.listdir(str(next(medium.iterdir()))) if name.startswith('vol')] == []


def test_a_backup_on_the_disk_of_the_exams_is_said_to_be_none(make):
    assert 'backup-same-disk' in [problem.code for problem in make(disks=Disks()).problems]


@pytest.mark.parametrize('change', [{'medium': '/nowhere/at/all'}, {'root': '/nowhere/at/all'}])
def test_what_is_not_there_is_said_in_one_line(make, change):
    with pytest.raises((InputError, StorageError)) as caught:
        make(**change)
    assert caught.value.code in ('medium-missing', 'exams-folder') and caught.value.message.next_step


@pytest.mark.parametrize('name', ['open', 'write', 'fsync', 'replace', 'mkdir', 'pread'])
def test_a_medium_that_goes_away_at_any_moment_is_one_code_and_the_next_try_ends(few, medium, make, monkeypatch, name):
    """Nothing on the station changes, and what was whole on the medium is used again."""
    before, reused, k = tree(few), [], 0
    while True:
        call, code = leaving(getattr(os, name), medium, k), ''
        with monkeypatch.context() as patch:
            patch.setattr(os, name, call)
            try:
                make(volume_bytes=1)
            except StorageError as error:
                code = error.code
                assert 'Nothing on the station' in error.message.next_step
        assert tree(few) == before
        if call.calls <= k:
            break
        assert code == 'medium-gone'
        backup = make(volume_bytes=1)
        reused.append(backup.reused)
        assert verify_backup(backup.folder, backup.key).problems == ()
        shutil.rmtree(str(medium))
        medium.mkdir()
        k += 1 + k // 3
    assert not code and reused and (name == 'mkdir' or max(reused) >= 2)


def interrupted(make, monkeypatch):
    """A backup whose medium was pulled out after two volumes."""
    finish, done = make_module._Volume.finish, []

    def pulled(volume):
        if len(done) == 2:
            raise OSError(errno.ENODEV, 'gone')
        done.append(volume.number)
        return finish(volume)
    with monkeypatch.context() as patch:
        patch.setattr(make_module._Volume, 'finish', pulled)
        with pytest.raises(StorageError):
            make()


def test_what_was_interrupted_is_named_unfinished_and_goes_on(station, medium, make, monkeypatch):
    interrupted(make, monkeypatch)
    folder = next(medium.iterdir())
    with pytest.raises(StorageError) as caught:
        verify_backup(str(folder))
    assert caught.value.code == 'backup-unfinished'
    whole = {path.name: path.stat().st_mtime_ns for path in folder.glob('vol-000[12].tsb')}
    backup = make()
    assert backup.folder == str(folder) and backup.reused == 2 and backup.volumes == 4
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob('vol-000[12].tsb')} == whole
    assert verify_backup(backup.folder).problems == ()


@pytest.mark.parametrize('spoil', [
    lambda folder, station: flip(folder / 'vol-0001.tsb', 600),
    lambda folder, station: flip(folder / 'vol-0001.json', 9),
    lambda folder, station: (folder / 'vol-0001.json').write_bytes(b''),
    lambda folder, station: (folder / 'vol-0001.tsb').write_bytes(b''),
    lambda folder, station: (folder / 'vol-0001.json').unlink(),
    lambda folder, station: flip(station / 'exams' / IDS[0][:2] / IDS[0] / '0001.tscap', 3)])
def test_a_volume_that_is_not_whole_or_out_of_date_is_made_again(station, medium, make, monkeypatch, tmp_path, spoil):
    interrupted(make, monkeypatch)
    spoil(next(medium.iterdir()), station)
    backup = make()
    assert backup.reused == 1 and backup.volumes == 4
    assert verify_backup(backup.folder).problems == ()
    assert unpacked(backup.folder, tmp_path / 'unpacked') == kept(station)


def test_an_interrupted_backup_of_another_station_is_left_alone(medium, make, monkeypatch, tmp_path):
    interrupted(make, monkeypatch)
    before, interrupted_in = tree(medium), next(medium.iterdir())
    generate_key(str(tmp_path / 'other.pem'))
    other = load_key(str(tmp_path / 'other.pem'))
    backup = make(key=other)
    assert backup.reused == 0 and before.items() <= tree(medium).items()
    assert backup.key != json.loads(Path(interrupted_in, 'begun.json').read_text())['key']


def test_a_medium_that_gives_back_something_else_is_found_out(make, monkeypatch):
    real = os.pread
    monkeypatch.setattr(os, 'pread', lambda *args: real(*args).replace(b'\x00\x00', b'\x00\x01'))
    with pytest.raises(StorageError) as caught:
        make()
    assert caught.value.code == 'medium-faulty'


def test_what_was_written_is_read_from_the_medium_and_not_from_memory(tmp_path, monkeypatch):
    calls, path = [], str(tmp_path / 'vol')
    for name in ('fsync', 'posix_fadvise', 'pread'):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (calls.append((name,) + args[1:]),
                                                                          real(*args))[1])
    writer = medium_module.Writer(path)
    writer.write(b'data')
    assert writer.close() == hashlib.sha256(b'data').hexdigest()
    names = [call[0] for call in calls]
    assert names.index('fsync') < names.index('posix_fadvise') < names.index('pread')
    assert ('posix_fadvise', 0, 0, os.POSIX_FADV_DONTNEED) in calls


def test_the_whole_file_system_is_synced_before_it_is_called_done(make, monkeypatch):
    order, sync, write = [], medium_module.sync_medium, medium_module.write_small
    monkeypatch.setattr(make_module, 'sync_medium', lambda folder: (order.append('sync'), sync(folder)))
    monkeypatch.setattr(make_module, 'write_small', lambda path, data: (order.append(os.path.basename(path)),
                                                                       write(path, data)))
    make()
    assert order[-3:] == ['manifest-a.json', 'manifest-b.json', 'sync'] and order[-4].startswith('vol-')


def test_a_failed_sync_of_the_file_system_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(medium_module.ctypes, 'CDLL', lambda *args, **kwargs: type(
        'Library', (), {'syncfs': staticmethod(lambda descriptor: -1)}))
    monkeypatch.setattr(medium_module.ctypes, 'get_errno', lambda: errno.EIO)
    with pytest.raises(OSError):
        medium_module.sync_medium(str(tmp_path))


@pytest.mark.parametrize('number, is_read', [(errno.EROFS, True), (errno.EINVAL, True), (errno.EIO, False)])
def test_a_medium_that_is_read_only_is_read_and_one_that_fails_is_not(tmp_path, monkeypatch, number, is_read):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))
    (tmp_path / 'file').write_bytes(b'data')
    monkeypatch.setattr(os, 'fsync', fsync)
    try:
        assert medium_module.read_small(str(tmp_path / 'file'), 10) == b'data' and is_read
    except OSError:
        assert not is_read


@pytest.mark.parametrize('code', [0, 32])
def test_it_may_be_removed_only_after_it_was_unmounted(tmp_path, monkeypatch, code):
    (tmp_path / 'umount').write_text('#!/bin/sh\necho "$1" > %s/asked; exit %d\n' % (tmp_path, code))
    (tmp_path / 'umount').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    if code:
        with pytest.raises(StorageError) as caught:
            medium_module.unmount(str(tmp_path))
        assert caught.value.code == 'medium-in-use' and 'Do not remove' in caught.value.message.sentence
    else:
        medium_module.unmount(str(tmp_path))
    assert str(tmp_path).startswith((tmp_path / 'asked').read_text().strip())


def test_only_media_that_may_be_pulled_out_are_unmounted_for_the_service(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(medium_module, '_unmounted', lambda place: asked.append(place) or '')
    assert medium_module.serve_unmount(b'/media/station\n', stick()) == b'ok\n' and asked == ['/media/station']
    for place in (b'/\n', b'\n', b'', b'/media/station/..\n', b'-a\n', b'\xff\n'):
        assert medium_module.serve_unmount(place, stick()) == b'no medium is mounted there\n'
    assert asked == ['/media/station']
    monkeypatch.setattr(medium_module, '_unmounted', lambda place: 'umount: target is busy\n')
    assert medium_module.serve_unmount(b'/media/station\n', stick()) == b'umount: target is busy\n'


@pytest.mark.parametrize('answer, code', [(b'ok\n', ''), (b'umount: busy\n', 'medium-in-use'), (b'', 'medium-in-use')])
def test_the_service_asks_who_may_unmount(monkeypatch, tmp_path, answer, code):
    path, heard = str(tmp_path / 'socket'), []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(1)

    def serve():
        with listening.accept()[0] as connection:
            heard.append(connection.makefile('rb').readline())
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setattr(medium_module, 'UNMOUNT_SOCKET', path)
    monkeypatch.setattr(medium_module, 'find_disk', lambda folder: None)
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(StorageError)) if code else None
        medium_module.unmount('/media/station')
    thread.join()
    listening.close()
    assert heard == [b'/media/station\n'] and (caught.value.code if caught else '') == code


def test_media_are_named_with_their_room():
    (medium,) = medium_module.find_media(stick(room=Room(1 << 32, 1 << 30)))
    assert medium == ('/media/station', 'USB medium station', 'vfat', Room(1 << 32, 1 << 30))


def test_a_machine_without_umount_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', '')
    with pytest.raises(StorageError) as caught:
        medium_module.unmount(str(tmp_path))
    assert caught.value.code == 'medium-in-use'


def test_progress_is_told(make):
    told = []
    make(told=lambda done, total: told.append((done, total)))
    assert len(told) > 6 and told == sorted(told) and all(done <= total for done, total in told)


def test_every_failure_of_the_disk_is_a_medium_s(tmp_path):
    codes = set()
    for number in (errno.EIO, errno.ENODEV, errno.ENOENT, errno.ENOTCONN, errno.EFBIG):
        with pytest.raises(StorageError) as caught, medium_module.on_medium('/media/x'):
            raise OSError(number, os.strerror(number))
        codes.add(caught.value.code)
    assert codes == {'medium-gone'}
    for number, code in ((errno.ENOSPC, 'medium-full'), (errno.EACCES, 'medium-not-writable'),
                         (errno.EROFS, 'medium-read-only')):
        with pytest.raises(StorageError) as caught, medium_module.on_medium('/media/x'):
            raise durable.storage_error(OSError(number, ''), '/media/x')
        assert caught.value.code == code


def test_the_index_is_json_that_says_where_every_file_is(make):
    folder = make().folder
    with open(os.path.join(folder, 'vol-0001.json'), encoding='utf-8') as stream:
        index = json.load(stream)
    with open(os.path.join(folder, 'vol-0001.tsb'), 'rb') as stream:
        volume = stream.read()
    assert len(index['files']) == 8 and index['bytes'] == len(volume)
    for path, offset, size, sha256 in index['files']:
        assert hashlib.sha256(volume[offset:offset + size]).hexdigest() == sha256 and path.startswith('exams/')
