"""Which parts are stuck and which only wait; a disk that accepts writes beats, and one that does not is silent."""
import errno
import json
import os
from types import SimpleNamespace

import pytest

from service.messages import Message
from service.supervise import CAPTURE, INFERENCE, STORAGE, Heartbeats, StorageBeat
from service.supervise import heartbeats as heartbeats_module


@pytest.fixture
def heartbeats(clock):
    return Heartbeats({CAPTURE: 10.0, INFERENCE: 5.0, STORAGE: 60.0}, clock)


def test_a_part_that_beats_is_fresh_and_one_that_does_not_hangs(heartbeats, clock):
    heartbeats.beat(CAPTURE)
    heartbeats.beat(STORAGE)
    clock.now_s += 10.0
    assert heartbeats.stale() == {}
    clock.now_s += 2.5
    assert heartbeats.stale() == {CAPTURE: 12.5}
    heartbeats.beat(CAPTURE)
    assert heartbeats.stale() == {}
    assert heartbeats.stale(clock.now_s + 70) == {CAPTURE: 70.0, STORAGE: 82.5}


def test_rest_is_no_hang_and_work_that_waits_is_one(heartbeats, clock):
    heartbeats.expect(INFERENCE)
    heartbeats.rest(INFERENCE)
    clock.now_s += 1000
    assert heartbeats.stale() == {} and heartbeats.answered(INFERENCE) == 1
    for _ in range(4):  # frame after frame that gets no answer: the first one counts
        heartbeats.expect(INFERENCE)
        clock.now_s += 2
    assert heartbeats.stale() == {INFERENCE: 8.0} and heartbeats.answered(INFERENCE) == 1


def test_report_and_words_name_what_hangs_longest(heartbeats, clock):
    assert heartbeats.report() == {} and heartbeats.trouble() is None
    heartbeats.beat(CAPTURE)
    heartbeats.rest(INFERENCE)
    clock.now_s += 20
    heartbeats.beat(STORAGE)
    assert heartbeats.report() == {'capture': {'fresh': False, 'limit_s': 10.0, 'age_s': 20.0},
                                   'inference': {'fresh': True, 'limit_s': 5.0, 'age_s': None},
                                   'storage': {'fresh': True, 'limit_s': 60.0, 'age_s': 0.0}}
    assert heartbeats.trouble() == Message('capture-stuck', 'The camera does not answer any more.',
                                           'Restart the station.', subject='capture')
    heartbeats.watched = True
    assert heartbeats.trouble().next_step == 'The station restarts itself within a minute.'


@pytest.fixture
def storage_beats(clock):
    return Heartbeats({STORAGE: 30.0}, clock)


@pytest.fixture
def beat(tmp_path, storage_beats, clock):
    return StorageBeat(str(tmp_path), storage_beats, clock=clock)


def test_it_writes_durably_now_and_then_and_looks_in_between(beat, clock, storage_beats, tmp_path):
    path = tmp_path / heartbeats_module.FILE
    assert beat.check()
    known = json.loads(path.read_text())
    assert known['utc'].endswith('Z') and known['monotonic_s'] > 0
    path.unlink()
    clock.now_s += heartbeats_module.WRITE_EVERY_S - 1
    assert beat.check() and not path.exists()
    clock.now_s += 1
    assert beat.check() and path.exists()
    assert storage_beats.stale() == {}


@pytest.mark.parametrize('number, code', [(errno.EROFS, 'disk-read-only'), (errno.ENOSPC, 'disk-full'),
                                          (errno.EIO, 'disk-failing')])
def test_a_disk_that_refuses_does_not_beat_until_it_takes_again(beat, clock, storage_beats, monkeypatch, number, code,
                                                                caplog):
    assert beat.check()
    real = os.open

    def refuse(path, flags, *mode, **options):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, 'open', refuse)
    for clock.now_s in (160.0, 165.0, 191.0):
        assert not beat.check()
    assert STORAGE in storage_beats.stale() and caplog.text.count(code) == 1
    monkeypatch.undo()
    assert beat.check() and storage_beats.stale() == {}


def test_what_follows_a_check_belongs_to_the_beat(tmp_path, storage_beats, clock):
    beat = StorageBeat(str(tmp_path), storage_beats, lambda: 1 // 0, clock)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            beat.check()
    assert storage_beats.report() == {}, 'what cannot be recorded is a missed beat'


@pytest.mark.parametrize('system', [SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=9),
                                    SimpleNamespace(f_flag=0, f_bavail=0)])
def test_a_file_system_that_says_so_itself_is_proven_at_once(beat, monkeypatch, system, tmp_path):
    assert beat.check()
    before = (tmp_path / heartbeats_module.FILE).stat().st_ino
    monkeypatch.setattr(os, 'statvfs', lambda path: system)
    assert beat.check()  # it took the file after all
    assert (tmp_path / heartbeats_module.FILE).stat().st_ino != before


def test_a_disk_that_gives_back_something_else_is_failing(beat, monkeypatch):
    monkeypatch.setattr(heartbeats_module, 'atomic_write', lambda path, data: open(path, 'wb').close())
    assert not beat.check()


def test_a_disk_that_left_is_not_made_again(tmp_path, storage_beats):
    folder = tmp_path / 'gone'
    assert not StorageBeat(str(folder), storage_beats).check()
    assert not folder.exists()
