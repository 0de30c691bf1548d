"""A conversion that is killed or fails never leaves data beside the sidecar of other data, nor half a file."""
import errno
import json
import os
import resource
import signal

import numpy as np
import pytest

from service.conversion import convert
from service.messages import StorageError
from service.readers import read_thermogram
from tests.fakes.killing import killed_at
from tests.service.readers.files import body_c, matrix

pytestmark = pytest.mark.slow

#: What was there before: another patient's, mirrored.
OLD, OLD_SIDECAR = matrix(body_c(seed=7), ','), b'{"mirrored": true}'
NOTHING, DATA_ONLY, PAIR = (None, None), ('old', None), ('old', 'old')
COMPLETE = {'.csv': ('new', 'new'), '.tif': ('new', 'new'), '.tscap': ('new', None)}

#: What changes a folder or a file in it.
CALLS = ('open', 'write', 'fsync', 'rename', 'replace', 'link', 'unlink')


def content(path):
    if not os.path.lexists(path):
        return None
    with open(path, 'rb') as stream:
        return stream.read()


def state_of(source, target):
    """What lies under the name of the data and of the sidecar: None, 'old', 'new', or 'half'."""
    data, sidecar = content(target), content(target + '.json')
    if data is not None and data != OLD:
        apart = os.path.join(os.path.dirname(target), 'apart')
        os.makedirs(apart, exist_ok=True)
        copy = os.path.join(apart, os.path.basename(target))
        with open(copy, 'wb') as stream:
            stream.write(data)
        try:
            scale = 'centikelvin' if target.endswith('.tif') else None
            pixels = read_thermogram(copy, scale).pixels
            whole = np.abs(pixels - read_thermogram(source).pixels).max() < 0.006
        except Exception:
            whole = False
        data = 'new' if whole else 'half'
    if sidecar is not None and sidecar != OLD_SIDECAR:
        try:
            sidecar = 'new' if json.loads(sidecar.decode()) else 'half'
        except ValueError:
            sidecar = 'half'
    return tuple('old' if part in (OLD, OLD_SIDECAR) else part for part in (data, sidecar))


def put_back(target, state):
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        if name != 'visit.txt' and os.path.isfile(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    for path, part, old in zip((target, target + '.json'), state, (OLD, OLD_SIDECAR)):
        if part:
            with open(path, 'wb') as stream:
                stream.write(old)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'visit.txt'
    path.write_bytes(matrix(body_c(), digits=2))
    return str(path)


@pytest.fixture(params=[(suffix, before) for suffix in ('.csv', '.tif') for before in (NOTHING, DATA_ONLY, PAIR)] +
                [('.tscap', NOTHING), ('.tscap', DATA_ONLY)], ids=lambda case: '%s-%s-%s' % ((case[0],) + case[1]))
def target(request, source):
    suffix, before = request.param
    path = os.path.join(os.path.dirname(source), 'out' + suffix)
    put_back(path, before)
    return path


def allowed(suffix, before):
    """Every state that may be seen after a kill: nothing old beside anything new."""
    if suffix == '.tscap':
        return {before, ('new', None)}
    return {before, (None, before[1]), (None, None), (None, 'new'), ('new', 'new')}


def test_killed_before_any_call(source, target):
    before, suffix = state_of(source, target), os.path.splitext(target)[1]
    states, killed = [], True
    while killed:
        put_back(target, before)
        killed = killed_at(len(states), lambda: convert(source, target, replace=before != NOTHING),
                           tuple((os, name) for name in CALLS))
        states.append(state_of(source, target))
    assert states[0] == before and states[-1] == COMPLETE[suffix] and len(states) > 5
    assert set(states) <= allowed(suffix, before)


def convert_failing_at(number, source, target, replace):
    """Convert with one system call of those that write failing; returns (error, whether the call was reached)."""
    calls = [0]

    def failing(name, call):
        def counted(*args, **options):
            if name != 'open' or args[1] & os.O_CREAT:
                calls[0] += 1
                if calls[0] == number:
                    raise OSError(errno.EIO, 'Input/output error')
            return call(*args, **options)
        return counted

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, failing(name, getattr(os, name)))
        try:
            convert(source, target, replace=replace)
            error = None
        except StorageError as refusal:
            error = refusal
    return error, calls[0] >= number


def test_any_failing_call_leaves_all_old_or_all_new(source, target):
    before, suffix = state_of(source, target), os.path.splitext(target)[1]
    folder, number, reached = os.path.dirname(target), 0, True
    while reached:
        number += 1
        put_back(target, before)
        names = sorted(os.listdir(folder))
        error, reached = convert_failing_at(number, source, target, before != NOTHING)
        if error is None:
            assert state_of(source, target) == COMPLETE[suffix], number
        elif state_of(source, target) != COMPLETE[suffix] or suffix != '.tscap':
            # Of a single file that was replaced, the last fsync of the folder may fail when it is in place.
            assert state_of(source, target) == before, number
            assert sorted(set(os.listdir(folder)) - {'apart'}) == sorted(set(names) - {'apart'}), number
            assert (error.code, os.path.basename(target) in error.message.text) == ('disk-failing', True)
    assert number >= 5


def cramped(limit, source, target, replace):
    """Convert in a process in which no file may grow beyond some bytes; whether that was refused."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
            convert(source, target, replace=replace)
        except StorageError as error:
            status = 0 if error.code == 'write-failed' else 2
        finally:
            os._exit(status)
    return os.waitpid(process, 0)[1] == 0


@pytest.mark.parametrize('limit', [0, 10, 4000])
def test_a_disk_that_is_full(source, target, limit):
    before, names = state_of(source, target), sorted(os.listdir(os.path.dirname(target)))
    assert cramped(limit, source, target, before != NOTHING)
    assert state_of(source, target) == before and sorted(os.listdir(os.path.dirname(target))) == names


def test_a_file_that_appears_meanwhile_is_not_replaced(source, monkeypatch):
    """Somebody else takes the name between the look and the rename."""
    target = os.path.join(os.path.dirname(source), 'out.csv')
    fsync = os.fsync

    def taken(descriptor):
        with open(target, 'wb') as stream:
            stream.write(b'precious')
        fsync(descriptor)
    monkeypatch.setattr(os, 'fsync', taken)
    with pytest.raises(StorageError) as caught:
        convert(source, target)
    monkeypatch.undo()
    assert caught.value.code == 'file-exists' and content(target) == b'precious'
    assert sorted(os.listdir(os.path.dirname(source))) == ['out.csv', 'visit.txt']


def test_a_disk_without_hard_links(source, target, monkeypatch):
    """As on the memory sticks that pictures are carried on."""
    def refuse(*args, **options):
        raise OSError(errno.EPERM, 'Operation not permitted')
    monkeypatch.setattr(os, 'link', refuse)
    before = state_of(source, target)
    convert(source, target, replace=before != NOTHING)
    assert state_of(source, target) == COMPLETE[os.path.splitext(target)[1]]
    assert not [name for name in os.listdir(os.path.dirname(target)) if name.startswith('.')]
