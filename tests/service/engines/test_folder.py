"""The folder is asked before a build, and one program builds at a time."""
import errno
import os
import subprocess
import sys

import pytest

from service.engines import EngineStore, default_folder
from service.engines import folder as module
from service.messages import BackendError, StorageError

HOLDER = '''
import sys
from service.engines import EngineStore
with EngineStore(sys.argv[1]).lock('fp16 of tiny'):
    sys.stdout.write('locked\\n')
    sys.stdout.flush()
    sys.stdin.read()
'''


@pytest.fixture
def store(tmp_path):
    made = EngineStore(str(tmp_path / 'engines'))
    made.check_writable()
    return made


def test_the_folder_is_made_and_nothing_is_left_in_it(store):
    assert os.listdir(store.folder) == []


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_built(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError) as caught:
        EngineStore(str(tmp_path / 'file' / 'engines')).check_writable()
    assert caught.value.code == 'engine-store-unwritable' and '--engines' in caught.value.message.text


@pytest.mark.parametrize('number, code', [(errno.EROFS, 'engine-store-unwritable'), (errno.EACCES,
                                          'engine-store-unwritable'), (errno.ENOSPC, 'disk-full')])
def test_what_the_system_refuses_is_said(store, monkeypatch, number, code):
    def refuse(descriptor, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, 'write', refuse)
    with pytest.raises(StorageError) as caught:
        store.check_writable()
    assert caught.value.code == code
    monkeypatch.undo()
    assert os.listdir(store.folder) == []


def test_too_little_space_is_said_with_both_figures(store, monkeypatch):
    real = os.statvfs(store.folder)

    class Little:
        f_frsize, f_bavail = real.f_frsize, (100 << 20) // real.f_frsize

    monkeypatch.setattr(module.os, 'statvfs', lambda path: Little)
    store.check_writable(30 << 20)
    with pytest.raises(StorageError) as caught:
        store.check_writable(50 << 20)
    assert caught.value.code == 'disk-full' and '100 MiB' in caught.value.message.text
    assert '150' in caught.value.message.text


def test_a_second_builder_in_this_process_is_told_who_builds(store):
    with store.lock('int8 of tiny'):
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert caught.value.code == 'engine-store-busy'
        assert 'int8 of tiny, process %d, since 20' % os.getpid() in caught.value.message.text
    with store.lock():
        pass


def test_a_second_process_is_told_and_a_killed_one_holds_nothing(store, root):
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, store.folder], cwd=str(root), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b'locked\n'
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert 'fp16 of tiny, process %d' % holder.pid in caught.value.message.text
    finally:
        holder.kill()
        holder.communicate()
    with store.lock():
        pass


def test_a_lock_file_that_says_nothing_is_still_a_lock(store):
    with store.lock():
        with open(os.path.join(store.folder, '.lock'), 'w'):
            pass
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert caught.value.code == 'engine-store-busy'


def test_a_failing_builder_lets_go(store):
    with pytest.raises(ZeroDivisionError):
        with store.lock():
            raise ZeroDivisionError
    with store.lock():
        pass


def test_the_default_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_folder() == str(tmp_path / 'thermoscreen' / 'engines')
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', '/home/somebody')
    assert default_folder() == '/home/somebody/.cache/thermoscreen/engines'
