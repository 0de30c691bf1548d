"""A station with exams, a medium, and a key."""
import errno
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.backup import make_backup
from service.bundle import generate_key, load_key
from service.clock import Stamp
from service.exams.exam import SIGNED
from service.exams.folder import encode_exam, path_of
from service.storage import Disks, Room
from tests.service.exams.conftest import tmp_path
from tests.service.exams.making import FILES, made

__all__ = ['tmp_path']

STAMP = Stamp('2026-11-29T12:00:00.000000Z', 'ntp', 'boot-1', 5)
IDS = ['%016x' % (0x1000000000000000 * number + 0xabc) for number in range(1, 7)]


class TwoDisks(Disks):
    """The station on one disk, the medium on another."""

    def __init__(self, free_bytes=1 << 30):
        self.free_bytes = free_bytes

    def device(self, folder):
        return '8:1' if 'medium' in str(folder) else '179:1'

    def room(self, folder):
        return Room(1 << 32, self.free_bytes)


def keep(root, exam_id, files=None, state=SIGNED, number=7):
    """Put an exam into the folder of a station."""
    files = FILES if files is None else files
    exam = replace(made(state, exam_id, files), number=number)
    folder = Path(path_of(str(root), exam_id))
    folder.mkdir(parents=True)
    for name, data in dict({name: files[name] for name in exam.files}, **{'exam.json': encode_exam(exam)}).items():
        (folder / name).write_bytes(data)
    return exam


def tree(folder):
    """SHA-256 of every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(Path(str(folder)).rglob('*')) if path.is_file()}


@pytest.fixture(scope='session')
def key(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('key') / 'station.pem')
    generate_key(path)
    return load_key(path)


@pytest.fixture
def station(tmp_path):
    """A folder with exams of 3000 bytes each, an audit log, and the leavings of a program that runs."""
    root = tmp_path / 'station'
    for number, exam_id in enumerate(IDS, 1):
        files = {name: bytes([number]) * 1000 for name in FILES}
        keep(root, exam_id, files, SIGNED, number)
    (root / 'keys').mkdir()
    (root / 'keys' / 'keys.json').write_bytes(b'{"wraps": {}}')
    for name in ('exams.db', 'exams.db-wal', 'store.lock', '.hidden', 'keys/.part'):
        (root / name).write_bytes(b'not for the backup')
    return root


@pytest.fixture
def few(station):
    """The station with two exams, for tests that go through many moments."""
    for exam_id in IDS[2:]:
        shutil.rmtree(os.path.dirname(path_of(str(station), exam_id)))
    return station


@pytest.fixture
def medium(tmp_path):
    folder = tmp_path / 'medium'
    folder.mkdir()
    return folder


@pytest.fixture
def make(station, medium, key):
    """Make a backup with two exams a volume."""
    sizes = [os.path.getsize(os.path.join(path_of(str(station), IDS[0]), name)) for name in ['exam.json'] + list(FILES)]
    exam_bytes = sum(512 + -(-size // 512) * 512 for size in sizes)

    def make(**changes):
        values = dict(dict(root=str(station), medium=str(medium), key=key, stamp=STAMP, disks=TwoDisks(),
                           volume_bytes=2 * exam_bytes + 1024), **changes)
        return make_backup(**values)
    return make


def flip(path, offset):
    """Change one bit of a file."""
    with open(str(path), 'r+b') as stream:
        stream.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        value = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([value ^ 1]))


def leaving(real, medium, k):
    """A call of the system that fails on the medium from the k-th time on; how often it was made there is `calls`."""
    def call(target, *args, **kwargs):
        place = target if isinstance(target, str) else os.readlink('/proc/self/fd/%d' % target)
        if str(medium) in place:
            call.calls += 1
            if call.calls > k:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(target, *args, **kwargs)
    call.calls = 0
    return call
