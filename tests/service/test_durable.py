"""A file or a folder is the old one or the new one, whole, whatever the disk does and whoever is killed."""
import contextlib
import ctypes
import errno
import json
import os
import shutil
import threading
from types import SimpleNamespace

import pytest

from service import durable
from service.durable import (
    atomic_write,
    atomic_write_json,
    clear_parts,
    held,
    hidden_file,
    hidden_name,
    make_folders,
    recover_folder,
    recover_folders,
    replace_folder,
    write_folder,
    write_new,
)
from service.messages import StorageError
from tests.fakes.killing import CALLS, killed_at

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
    assert calls == ['fsync', 'replace', 'fsync', 'fsync']


class Stick:
    """vfat as Linux writes it: the entry of a new name is empty until what it names is synced again."""

    def __init__(self, monkeypatch):
        self.empty = set()
        self.fsync, self.rename, self.exchange = os.fsync, os.rename, durable._exchange
        monkeypatch.setattr(durable.os, 'rename', self._rename)
        monkeypatch.setattr(durable.os, 'replace', self._rename)
        monkeypatch.setattr(durable.os, 'link', failing(errno.EPERM))
        monkeypatch.setattr(durable.os, 'fsync', self._fsync)
        monkeypatch.setattr(durable, '_exchange', self._exchange)

    def _rename(self, old, new):
        self.rename(old, new)
        self.empty.add(os.lstat(new).st_ino)

    def _exchange(self, one, other):
        if not self.exchange(one, other):
            return False
        self.empty |= {os.lstat(one).st_ino, os.lstat(other).st_ino}
        return True

    def _fsync(self, descriptor):
        self.fsync(descriptor)
        self.empty.discard(os.fstat(descriptor).st_ino)

    def lost(self, folder):
        """What a power cut would empty."""
        return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if not path.is_symlink()
                      and (path.is_file() or path.is_dir()) and path.stat().st_ino in self.empty)


def test_a_file_on_a_stick_is_there_once_it_is_acknowledged(tmp_path, monkeypatch):
    stick = Stick(monkeypatch)
    (tmp_path / 'old').write_bytes(b'old')
    for call, name in ((atomic_write, 'new'), (atomic_write, 'old'), (write_new, 'key')):
        call(str(tmp_path / name), b'whole')
        assert stick.lost(tmp_path) == []
    durable.move(str(tmp_path / 'new'), str(tmp_path / 'moved'))
    assert stick.lost(tmp_path) == [] and (tmp_path / 'moved').read_bytes() == b'whole'
    os.replace(str(tmp_path / 'moved'), str(tmp_path / 'careless'))
    assert stick.lost(tmp_path) == ['careless'], 'the model itself loses what is not synced'


def test_what_is_moved_is_durable_in_both_folders(tmp_path, monkeypatch):
    synced = []
    for name in ('from', 'to'):
        (tmp_path / name).mkdir()
    (tmp_path / 'from' / 'exam').mkdir()
    monkeypatch.setattr(durable.os, 'fsync', lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    durable.move(str(tmp_path / 'from' / 'exam'), str(tmp_path / 'to' / 'exam'))
    assert set(synced) == {(tmp_path / name).stat().st_ino for name in ('from', 'to', 'to/exam')}
    assert synced[0] == (tmp_path / 'to' / 'exam').stat().st_ino


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
    for write in (write_new, atomic_write):
        write(str(tmp_path / write.__name__), b'secret', 0o600)
        assert (tmp_path / write.__name__).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / write.__name__).read_bytes() == b'secret'


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


def test_a_writer_of_a_new_file_killed_at_any_call_leaves_it_whole_or_absent(tmp_path):
    outcomes, killed = [], True
    while killed:
        target = tmp_path / ('key%d' % len(outcomes))
        killed = killed_at(len(outcomes), lambda path=str(target): write_new(path, b'secret'),
                           CALLS + ((os, 'link'),))
        assert not target.exists() or target.read_bytes() == b'secret'
        outcomes.append(target.exists())
    assert outcomes[0] is False and outcomes[-1] is True


def test_a_killed_writers_file_is_cleared_away_and_a_living_ones_is_not(tmp_path):
    left = hidden_name(str(tmp_path))
    with open(left, 'wb') as stream:
        stream.write(b'half')
    with hidden_file(str(tmp_path), b'whole') as living:
        clear_parts(str(tmp_path))
        assert [str(tmp_path / name) for name in os.listdir(str(tmp_path))] == [living]
        os.replace(living, str(tmp_path / 'file'))
    clear_parts(str(tmp_path))
    assert (tmp_path / 'file').read_bytes() == b'whole'


def test_a_file_that_was_moved_aside_is_not_cleared_away(path):
    hidden = hidden_name(str(path.parent))
    with held(str(path)):
        os.rename(str(path), hidden)
        clear_parts(str(path.parent))
        assert os.path.exists(hidden)
    clear_parts(str(path.parent))
    assert not os.path.exists(hidden)


@pytest.mark.parametrize('name', ['.part', '.notes.part', '.%s.part.txt' % ('0' * 32), 'x.%s.part' % ('0' * 32)])
def test_what_is_not_surely_ours_is_not_cleared_away(tmp_path, name):
    (tmp_path / name).write_bytes(b'mine')
    (tmp_path / ('.%s.part' % ('0' * 32))).mkdir()
    os.mkfifo(str(tmp_path / ('.%s.part' % ('1' * 32))))
    os.symlink(name, str(tmp_path / ('.%s.part' % ('2' * 32))))
    clear_parts(str(tmp_path))
    clear_parts(str(tmp_path / 'nowhere'))
    assert len(os.listdir(str(tmp_path))) == 4 and (tmp_path / name).read_bytes() == b'mine'


def test_a_writer_whose_new_file_was_cleared_away_at_once_makes_another(tmp_path, monkeypatch):
    """Another process clears away between the making of the file and its lock."""
    flock, removed = durable.fcntl.flock, []

    def late(descriptor, operation):
        removed.extend(str(path) for path in tmp_path.iterdir() if not removed)
        for path in tmp_path.iterdir():
            if str(path) in removed:
                path.unlink()
        flock(descriptor, operation)
    monkeypatch.setattr(durable.fcntl, 'flock', late)
    atomic_write(str(tmp_path / 'file'), b'whole')
    assert len(removed) == 1 and (tmp_path / 'file').read_bytes() == b'whole'


FILES = {'a.txt': b'new a', 'b.txt': b'new b' * 1000}


def owns(name):
    return name in ('a.txt', 'b.txt', 'old.txt')


@pytest.fixture(params=['exchange', 'rename-twice'])
def way(request, monkeypatch):
    """Both ways of putting a folder in place: the kernel's, and that of machines without it."""
    if request.param == 'rename-twice':
        monkeypatch.setattr(durable, '_exchange', lambda one, other: False)
    return request.param


@pytest.fixture
def folder(tmp_path):
    """A folder of which three entries go with it and two do not."""
    folder = tmp_path / 'exam'
    (folder / 'kept').mkdir(parents=True)
    for name in ('a.txt', 'b.txt', 'old.txt', 'notes.md', 'kept/inner.txt'):
        (folder / name).write_bytes(b'old ' + name.encode())
    return folder


def content(folder):
    """Content per file of a folder, with the files of its folders."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_a_new_folder_is_whole(tmp_path):
    write_folder(str(tmp_path / 'new'), FILES)
    assert content(tmp_path / 'new') == FILES and os.listdir(str(tmp_path)) == ['new']


def test_a_replaced_folder_is_the_new_one(folder, way):
    write_folder(str(folder), FILES)
    assert content(folder) == FILES and os.listdir(str(folder.parent)) == ['exam']


def test_a_folder_on_a_stick_is_there_once_it_is_acknowledged(folder, way, monkeypatch):
    """And what is moved to it, and what was moved aside."""
    os.symlink('nowhere', str(folder / 'link'))
    os.mkfifo(str(folder / 'pipe'))
    stick = Stick(monkeypatch)
    write_folder(str(folder.parent / 'fresh'), FILES)
    write_folder(str(folder), FILES, owns)
    assert content(folder)['kept/inner.txt'] and os.path.lexists(str(folder / 'link'))
    os.rename(str(folder), str(folder.parent / '.exam.previous.staged'))
    recover_folders(str(folder.parent), owns)
    assert folder.is_dir() and stick.lost(folder.parent) == []


def test_the_old_folder_is_whole_on_a_stick_before_the_new_one_takes_its_name(folder, monkeypatch):
    monkeypatch.setattr(durable, '_exchange', lambda one, other: False)
    stick, lost = Stick(monkeypatch), []
    monkeypatch.setattr(durable, '_exchange', lambda one, other: False)
    rename = os.rename

    def noting(old, new):
        lost.extend(stick.lost(folder.parent))
        rename(old, new)
    monkeypatch.setattr(durable.os, 'rename', noting)
    write_folder(str(folder), FILES)
    assert lost == [] and content(folder) == FILES


def test_a_file_that_is_gone_or_closed_to_us_needs_no_sync(tmp_path, monkeypatch):
    durable.sync_moved(str(tmp_path / 'gone'))
    (tmp_path / 'closed').write_bytes(b'')
    monkeypatch.setattr(durable.os, 'open', failing(errno.EACCES))
    durable.sync_moved(str(tmp_path / 'closed'))


def test_a_replaced_folder_keeps_what_it_does_not_own_and_its_permissions(folder, way):
    os.chmod(str(folder), 0o750)
    write_folder(str(folder), FILES, owns)
    assert content(folder) == dict(FILES, **{'notes.md': b'old notes.md', 'kept/inner.txt': b'old kept/inner.txt'})
    assert folder.stat().st_mode & 0o777 == 0o750 and os.listdir(str(folder.parent)) == ['exam']


@pytest.mark.parametrize('start', ['over', 'fresh'])
def test_a_writer_killed_at_any_call_leaves_the_old_folder_or_the_new_one(folder, tmp_path, way, start):
    """And what it does not own, always; the next writer clears away what the killed one left."""
    def owned(files):
        return {name: data for name, data in files.items() if owns(name)}

    old = content(folder)
    new = dict(FILES, **{name: data for name, data in old.items() if not owns(name)})
    saved = tmp_path / 'saved'
    shutil.copytree(str(folder), str(saved))
    if start == 'fresh':
        shutil.rmtree(str(folder))
        old, new = {}, FILES
    outcomes, killed = [], True
    while killed:
        killed = killed_at(len(outcomes), lambda: write_folder(str(folder), FILES, owns),
                           CALLS + ((durable, '_exchange'),))
        if folder.exists():
            assert owned(content(folder)) in (owned(old), FILES)
        else:
            assert start == 'fresh' or way == 'rename-twice'
        recover_folders(str(folder.parent), owns)
        recovered = content(folder) if folder.exists() else {}
        assert recovered in (old, new)
        assert set(os.listdir(str(folder.parent))) <= {'exam', 'saved'}
        outcomes.append(recovered == new)
        shutil.rmtree(str(folder), ignore_errors=True)
        if start == 'over':
            shutil.copytree(str(saved), str(folder))
    assert len(outcomes) > 12 and outcomes[0] is False and outcomes[-1] is True
    assert outcomes == sorted(outcomes), 'once the new folder is in place it stays'


@pytest.mark.parametrize('name', ['.config.previous', '.notes.staged', '.x.0123456.staged', 'x.01234567.staged'])
def test_a_folder_that_is_not_surely_ours_is_left_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'mine').write_text('')
    recover_folders(str(tmp_path))
    assert os.listdir(str(tmp_path)) == [name] and (tmp_path / name / 'mine').exists()


class Turns:
    """Two threads that make their calls of the system in turns, the first some calls ahead."""

    def __init__(self, ahead):
        self.ahead, self.turn, self.done = ahead, 0, set()
        self.changed = threading.Condition()

    def call(self, real):
        def turned(*args, **kwargs):
            number = int(threading.current_thread().name)
            with self.changed:
                self.changed.wait_for(lambda: self.turn == number or 1 - number in self.done, timeout=10)
            try:
                return real(*args, **kwargs)
            finally:
                with self.changed:
                    self.ahead -= 1
                    self.turn = 0 if self.ahead > 0 else 1 - number
                    self.changed.notify_all()
        return turned

    def run(self, *works):
        def run(number):
            with contextlib.suppress(OSError):
                works[number]()
            with self.changed:
                self.done.add(number)
                self.changed.notify_all()
        threads = [threading.Thread(target=run, args=(number,), name=str(number)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize('ahead', range(14))
def test_two_writers_in_turns_mix_nothing(folder, monkeypatch, way, ahead):
    """On file systems whose locks do not work, as on some network ones; one of the two may fail."""
    other = {'a.txt': b'other a', 'b.txt': b'other b' * 1000}
    turns = Turns(ahead)
    with monkeypatch.context() as patch:
        for name in ('mkdir', 'open', 'write', 'fsync', 'rename', 'unlink', 'rmdir'):
            patch.setattr(durable.os, name, turns.call(getattr(os, name)))
        turns.run(lambda: write_folder(str(folder), FILES), lambda: write_folder(str(folder), other))
    recover_folders(str(folder.parent))
    assert content(folder) in (FILES, other)


def failing_from(k, real, number):
    """A call that fails from the k-th time on; how often it was made is its `calls`."""
    def call(*args, **kwargs):
        call.calls += 1
        if call.calls > k:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)
    call.calls = 0
    return call


@pytest.mark.parametrize('name', ['mkdir', 'open', 'write', 'fsync', 'rename'])
@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_leaves_one_whole_folder(folder, monkeypatch, way, name, number):
    old, new = content(folder), dict(FILES, **{'notes.md': b'old notes.md', 'kept/inner.txt': b'old kept/inner.txt'})
    for k in range(30):
        call = failing_from(k, getattr(os, name), number)
        with monkeypatch.context() as patch:
            patch.setattr(durable.os, name, call)
            try:
                write_folder(str(folder), FILES, owns)
            except OSError as error:
                assert error.errno == number
        recover_folder(str(folder), owns)
        assert content(folder) in (old, new) and os.listdir(str(folder.parent)) == ['exam']
        if call.calls <= k:
            break
        for path, data in old.items():
            (folder / path).write_bytes(data)
    assert call.calls <= k and k > 0 and content(folder) == new


def test_nothing_old_goes_before_the_new_name_is_durable(folder, monkeypatch):
    monkeypatch.setattr(durable.os, 'fsync', fsync_failing_for_folders(errno.EIO))
    (folder.parent / 'new').mkdir()
    with pytest.raises(OSError):
        replace_folder(str(folder.parent / 'new'), str(folder))
    assert (folder.parent / 'new' / 'old.txt').read_bytes() == b'old old.txt'


def test_new_parents_are_made_durable(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(durable, 'sync_folder', synced.append)
    make_folders(str(tmp_path / 'one' / 'two'))
    make_folders(str(tmp_path / 'one' / 'two'))
    assert (tmp_path / 'one' / 'two').is_dir() and synced == [str(tmp_path), str(tmp_path / 'one')]


def test_the_names_are_exchanged_in_one_step_here(tmp_path):
    """On Linux with ext4, xfs, btrfs, tmpfs or f2fs; elsewhere the fall-back above is what runs."""
    for name in ('one', 'other'):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text('')
    if not durable._exchange(str(tmp_path / 'one'), str(tmp_path / 'other')):
        pytest.skip('this kernel or file system cannot exchange two names')
    assert os.listdir(str(tmp_path / 'one')) == ['other'] and os.listdir(str(tmp_path / 'other')) == ['one']


def test_a_failed_exchange_says_why(tmp_path):
    (tmp_path / 'one').mkdir()
    with pytest.raises(FileNotFoundError):
        durable._exchange(str(tmp_path / 'one'), str(tmp_path / 'none'))


@pytest.fixture
def old_library(monkeypatch):
    """A C library that does not offer renameat2 by name, as glibc 2.27 of JetPack 4.6."""
    library = SimpleNamespace(syscall=ctypes.CDLL(None, use_errno=True).syscall)
    monkeypatch.setattr(durable.ctypes, 'CDLL', lambda name, use_errno: library)


def test_an_old_c_library_is_asked_by_number(tmp_path, old_library):
    for name in ('one', 'other'):
        (tmp_path / name).mkdir()
    (tmp_path / 'one' / 'file').write_text('')
    if not durable._exchange(str(tmp_path / 'one'), str(tmp_path / 'other')):
        pytest.skip('this kernel, file system or machine cannot exchange two names')
    assert os.listdir(str(tmp_path / 'other')) == ['file']


def test_a_machine_without_the_call_falls_back(tmp_path, monkeypatch, old_library):
    monkeypatch.setattr(durable.platform, 'machine', lambda: 'vax')
    assert not durable._exchange(str(tmp_path), str(tmp_path))
