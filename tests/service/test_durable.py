"""A file is the old one or the new one, whole, whatever the disk does."""
import errno
import json
import os

import pytest

from service import durable
from service.durable import atomic_write, atomic_write_json, write_new
from service.messages import StorageError

DISK_ERRORS = [
    (errno.ENOSPC, 'disk-full'),
    (errno.EDQUOT, 'disk-full'),
    (errno.EROFS, 'disk-read-only'),
    (errno.EACCES, 'not-writable'),
    (errno.EIO, 'disk-failing'),
    (errno.EMFILE, 'write-failed'),
]


def failing(number):
    def call(*args, **kwargs):
        raise OSError(number, os.strerror(number))
    return call


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'exam.json'
    path.write_bytes(b'old')
    return path


def assert_untouched(path):
    assert path.read_bytes() == b'old'
    assert os.listdir(str(path.parent)) == [path.name]


def test_new_and_replaced_content_is_whole(tmp_path):
    path = tmp_path / 'a.bin'
    for data in (b'', b'one', b'x' * 3000000, b'short'):
        atomic_write(path, data)
        assert path.read_bytes() == data
        assert os.listdir(str(tmp_path)) == ['a.bin']


def test_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        atomic_write(str(tmp_path / 'a'), b'')
    finally:
        os.umask(before)
    assert (tmp_path / 'a').stat().st_mode & 0o777 == 0o640


def test_a_relative_path_is_written_where_it_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    atomic_write('a.txt', b'here')
    assert (tmp_path / 'a.txt').read_bytes() == b'here'


def test_short_writes_are_continued(path, monkeypatch):
    real = os.write
    monkeypatch.setattr(durable.os, 'write', lambda descriptor, data: real(descriptor, data[:7]))
    atomic_write(path, b'0123456789' * 10)
    assert path.read_bytes() == b'0123456789' * 10


@pytest.mark.parametrize('call', ['open', 'write', 'fsync', 'replace', 'close'])
@pytest.mark.parametrize('number, code', DISK_ERRORS)
def test_a_failing_disk_leaves_the_old_file(path, monkeypatch, call, number, code):
    if call == 'close':
        real = os.close

        def close(descriptor):
            real(descriptor)
            raise OSError(number, os.strerror(number))
        monkeypatch.setattr(durable.os, 'close', close)
    else:
        monkeypatch.setattr(durable.os, call, failing(number))
    with pytest.raises(StorageError) as caught:
        atomic_write(path, b'new')
    monkeypatch.undo()
    assert caught.value.code == code
    assert 'exam.json' in caught.value.message.text and '\n' not in caught.value.message.text
    assert_untouched(path)


def test_a_disk_that_fills_half_way_leaves_the_old_file(path, monkeypatch):
    real, written = os.write, []

    def write(descriptor, data):
        if written:
            raise OSError(errno.ENOSPC, 'full')
        written.append(1)
        return real(descriptor, data[:5])
    monkeypatch.setattr(durable.os, 'write', write)
    with pytest.raises(StorageError) as caught:
        atomic_write(path, b'0123456789')
    assert caught.value.code == 'disk-full'
    assert_untouched(path)


def test_an_interrupt_leaves_nothing(path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt
    monkeypatch.setattr(durable.os, 'fsync', interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, b'new')
    assert_untouched(path)


def fsync_failing_for_folders(number):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir('/proc/self/fd/%d' % descriptor):
            raise OSError(number, os.strerror(number))
        return real(descriptor)
    return fsync


@pytest.mark.parametrize('number, code', [(errno.EIO, 'disk-failing'), (errno.ENOSPC, 'disk-full')])
def test_a_rename_that_is_not_durable_is_not_acknowledged(path, monkeypatch, number, code):
    monkeypatch.setattr(durable.os, 'fsync', fsync_failing_for_folders(number))
    with pytest.raises(StorageError) as caught:
        atomic_write(path, b'new')
    assert caught.value.code == code
    assert path.read_bytes() == b'new'


@pytest.mark.parametrize('number', [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_without_folder_sync_is_accepted(path, monkeypatch, number):
    monkeypatch.setattr(durable.os, 'fsync', fsync_failing_for_folders(number))
    atomic_write(path, b'new')
    assert path.read_bytes() == b'new'


def test_everything_is_synced_in_order(path, monkeypatch):
    calls = []
    for name in ('fsync', 'replace'):
        real = getattr(os, name)
        monkeypatch.setattr(durable.os, name,
                            lambda *args, name=name, real=real: (calls.append(name), real(*args))[1])
    atomic_write(path, b'new')
    assert calls == ['fsync', 'replace', 'fsync']


@pytest.mark.parametrize('name, code', [
    ('missing/a.txt', 'folder-missing'),
    ('exam.json/a.txt', 'folder-missing'),
    ('x' * 300, 'name-too-long'),
    ('folder', 'not-writable'),
])
def test_a_wrong_path_says_what_to_do(path, name, code):
    (path.parent / 'folder').mkdir()
    with pytest.raises(StorageError) as caught:
        atomic_write(path.parent / name, b'x')
    assert caught.value.code == code
    assert sorted(os.listdir(str(path.parent))) == ['exam.json', 'folder']


def test_json_is_stable_and_ends_in_a_newline(path):
    atomic_write_json(path, {'b': 1, 'a': ['\u00fc', 0.1, None]})
    once = path.read_bytes()
    atomic_write_json(path, {'a': ['\u00fc', 0.1, None], 'b': 1})
    assert path.read_bytes() == once and once.endswith(b'}\n') and once.index(b'"a"') < once.index(b'"b"')
    assert json.loads(once.decode('utf-8')) == {'a': ['\u00fc', 0.1, None], 'b': 1}


@pytest.mark.parametrize('document', [{'x': float('nan')}, [float('inf')], {'x': object()}, {'x': b'1'}])
def test_what_is_not_json_is_refused_before_writing(path, document):
    with pytest.raises((ValueError, TypeError)):
        atomic_write_json(path, document)
    assert_untouched(path)


def test_a_new_file_is_for_whom_it_is_for(tmp_path):
    write_new(str(tmp_path / 'key'), b'secret', 0o600)
    assert (tmp_path / 'key').stat().st_mode & 0o777 == 0o600 and (tmp_path / 'key').read_bytes() == b'secret'


def test_a_new_file_replaces_none(path):
    with pytest.raises(StorageError) as caught:
        write_new(str(path), b'new')
    assert caught.value.code == 'file-exists'
    assert_untouched(path)


@pytest.mark.parametrize('call', ['write', 'fsync'])
@pytest.mark.parametrize('number, code', DISK_ERRORS)
def test_a_new_file_is_whole_or_not_there(tmp_path, monkeypatch, call, number, code):
    monkeypatch.setattr(durable.os, call, failing(number))
    with pytest.raises(StorageError) as caught:
        write_new(str(tmp_path / 'key'), b'secret')
    monkeypatch.undo()
    assert caught.value.code == code and os.listdir(str(tmp_path)) == []
