"""A disk that takes what it is given beats; one that does not is silent, and is asked again."""
import errno
import json
import os
from types import SimpleNamespace

import pytest

from service.supervise import STORAGE, Heartbeats, StorageBeat, storage


@pytest.fixture
def heartbeats(clock):
    return Heartbeats({STORAGE: 30.0}, clock)


@pytest.fixture
def beat(tmp_path, heartbeats, clock):
    return StorageBeat(str(tmp_path), heartbeats, clock=clock)


def test_it_writes_durably_now_and_then_and_looks_in_between(beat, clock, heartbeats, tmp_path):
    path = tmp_path / storage.FILE
    assert beat.look()
    known = json.loads(path.read_text())
    assert known['utc'].endswith('Z') and known['monotonic_s'] > 0
    path.unlink()
    clock.now_s += storage.WRITE_EVERY_S - 1
    assert beat.look() and not path.exists()
    clock.now_s += 1
    assert beat.look() and path.exists()
    assert heartbeats.stale() == {}


@pytest.mark.parametrize('number, code', [(errno.EROFS, 'disk-read-only'), (errno.ENOSPC, 'disk-full'),
                                          (errno.EIO, 'disk-failing')])
def test_a_disk_that_refuses_does_not_beat_until_it_takes_again(beat, clock, heartbeats, monkeypatch, number, code,
                                                                caplog):
    assert beat.look()
    real = os.open

    def refuse(path, flags, *mode, **options):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, 'open', refuse)
    for clock.now_s in (160.0, 165.0, 191.0):
        assert not beat.look()
    assert STORAGE in heartbeats.stale() and caplog.text.count(code) == 1
    monkeypatch.undo()
    assert beat.look() and heartbeats.stale() == {}


@pytest.mark.parametrize('system', [SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=9),
                                    SimpleNamespace(f_flag=0, f_bavail=0)])
def test_a_file_system_that_says_so_itself_is_proven_at_once(beat, monkeypatch, system, tmp_path):
    assert beat.look()
    before = (tmp_path / storage.FILE).stat().st_ino
    monkeypatch.setattr(os, 'statvfs', lambda path: system)
    assert beat.look()  # it took the file after all
    assert (tmp_path / storage.FILE).stat().st_ino != before


def test_a_disk_that_gives_back_something_else_is_failing(beat, monkeypatch):
    monkeypatch.setattr(storage, 'atomic_write', lambda path, data: open(path, 'wb').close())
    assert not beat.look()


def test_a_disk_that_left_is_not_made_again(tmp_path, heartbeats):
    folder = tmp_path / 'gone'
    assert not StorageBeat(str(folder), heartbeats).look()
    assert not folder.exists()
