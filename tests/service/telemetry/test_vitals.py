"""Readings are taken beside everything else, and one that is too old says nothing."""
import collections
import threading

import pytest

from service.messages import OK, Message
from service.settings import Settings
from service.telemetry import Reading, Sources, Vitals, vitals

#: Far beyond what anything here takes; a test that needs it has failed.
PATIENCE_S = 20.0

System = collections.namedtuple('System', 'f_bavail f_blocks f_frsize f_flag')


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Given(Sources):
    """Sources that give what a test says."""

    def __init__(self, values):
        super().__init__({})
        self._opened = {'given': self}
        self.values = values

    def read(self):
        return dict(self.values)

    def close(self):
        self._opened = {}


@pytest.fixture
def clock():
    return Clock()


def test_before_the_first_reading_nothing_is_known():
    assert Vitals(Settings()).newest == Reading()


def test_a_reading_has_values_disk_reports_and_age(tmp_path, clock):
    watched = Vitals(Settings(threads=3), str(tmp_path), clock=clock)
    watched.look(Given({'power_mw': 5000.0}), [
        lambda settings: Message('clock-ok', 'It is %d.' % settings.threads, severity=OK), lambda settings: None])
    clock.now_s += 7
    newest = watched.newest
    assert newest.values == {'power_mw': 5000.0} and newest.age_s == 7 and newest.offered and not newest.silent
    assert 0 < newest.disk.free_bytes <= newest.disk.total_bytes and not newest.disk.read_only
    assert [report.sentence for report in newest.reports] == ['It is 3.']


def test_an_old_reading_is_silent(tmp_path, clock):
    watched = Vitals(Settings(), str(tmp_path), clock=clock)
    watched.look(Given({'power_mw': 5000.0}))
    clock.now_s += vitals.STALE_S + 1
    assert watched.newest == Reading(age_s=vitals.STALE_S + 1, offered=True, silent=True)


def test_a_disk_that_is_gone_is_absent_and_one_that_takes_nothing_says_so(monkeypatch, tmp_path, clock):
    watched = Vitals(Settings(), str(tmp_path / 'gone'), clock=clock)
    watched.look(Given({}))
    assert watched.newest.disk is None
    monkeypatch.setattr(vitals.os, 'statvfs', lambda folder: System(10, 100, 4096, vitals.os.ST_RDONLY))
    watched.look(Given({}))
    assert watched.newest.disk == vitals.Disk(40960, 409600, True)


def test_a_sensor_that_never_answers_keeps_nobody_waiting():
    reached, let_go = threading.Event(), threading.Event()

    class Hanging(Given):
        def read(self):
            reached.set()
            let_go.wait(PATIENCE_S)
            return {'power_mw': 1.0}

    with Vitals(Settings(), open_sources=lambda: Hanging({})) as watched:
        assert reached.wait(PATIENCE_S)
        assert watched.newest == Reading()
    assert not let_go.is_set()
    let_go.set()


def test_the_thread_reads_again_and_again_and_lets_go_at_the_end():
    given = Given({'power_mw': 1.0})
    taken = []

    class Counted(Vitals):
        def look(self, sources, checks=()):
            took_s = super().look(sources, checks)
            taken.append(threading.current_thread().name)
            if len(taken) == 3:
                enough.set()
            return took_s

    enough = threading.Event()
    with Counted(Settings(), open_sources=lambda: given, period_s=0.0) as watched:
        assert enough.wait(PATIENCE_S)
        thread = watched._thread
        assert watched.newest.values == {'power_mw': 1.0}
    thread.join(PATIENCE_S)
    assert not given and set(taken) == {'telemetry'}


def test_a_reading_that_takes_long_is_taken_seldom(monkeypatch, clock):
    waits = []

    class Slow(Given):
        def read(self):
            clock.now_s += 2.0
            return {}

    watched = Vitals(Settings(), open_sources=lambda: Slow({}), clock=clock, period_s=5.0)

    def wait(seconds):
        waits.append(seconds)
        watched._stop.set()

    monkeypatch.setattr(watched._stop, 'wait', wait)
    watched._run()
    assert waits == [2.0 * vitals.REST]
