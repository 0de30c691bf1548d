"""A station with exams, a medium, and a key."""
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from service.backup import make_backup
from service.bundle import generate_key, load_key
from service.clock import Stamp
from service.exams.exam import REVIEW, SIGNED, transition
from service.exams.folder import write_exam, write_files
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


def keep(root, exam_id, files=None, state=SIGNED):
    """Keep an exam in the folder of a station."""
    files = FILES if files is None else files
    whole = made(state, exam_id, files)
    for number in range(1, len(whole.events) + 1):
        events = whole.events[:number]
        if number > 1 and events[-1].kind == 'captured':
            write_files(str(root), exam_id, files)
        write_exam(str(root), made_of(whole, events))
    return whole


def made_of(exam, events):
    """An exam with some of its events."""
    short = replace(exam, state='', events=())
    for event in events:
        short = transition(short, event)
    return short


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
    for number, exam_id in enumerate(IDS):
        files = {name: bytes([number]) * 1000 for name in FILES}
        keep(root, exam_id, files, REVIEW if number == 5 else SIGNED)
    (root / 'keys').mkdir()
    (root / 'keys' / 'keys.json').write_bytes(b'{"wraps": {}}')
    for name in ('exams.db', 'exams.db-wal', 'store.lock', '.hidden', 'keys/.part'):
        (root / name).write_bytes(b'not for the backup')
    return root


@pytest.fixture
def medium(tmp_path):
    folder = tmp_path / 'medium'
    folder.mkdir()
    return folder


@pytest.fixture
def make(station, medium, key):
    """Make a backup with two exams a volume."""
    def make(**changes):
        values = dict(dict(root=str(station), medium=str(medium), key=key, stamp=STAMP, volume_bytes=16384,
                           disks=TwoDisks()), **changes)
        return make_backup(**values)
    return make


def flip(path, offset):
    """Change one bit of a file."""
    with open(str(path), 'r+b') as stream:
        stream.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        value = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([value ^ 1]))
