"""What time it is, and who stands for it."""
import ctypes
import re
import time
from types import SimpleNamespace

import pytest

from service import clock
from service.clock import (
    NTP,
    OPERATOR,
    UNSYNCHRONISED,
    Clock,
    Stamp,
    boottime_ns,
    corrected,
    kernel_synchronised,
    shown_day,
    shown_time,
)
from service.messages import WARNING, StorageError

START_S = 1795961400.0  # 2026-11-29 14:10:00 UTC


class Machine:
    """A machine with a clock of its own."""

    def __init__(self, tmp_path):
        self.path = str(tmp_path / 'confirmed.json')
        self.utc_s, self.since_boot_ns, self.synchronised, self.boot_id = START_S, 60 * 10 ** 9, False, 'first'

    def clock(self, path=None):
        return Clock(self.path if path is None else path, lambda: self.utc_s, lambda: self.synchronised, self.boot_id,
                     lambda: self.since_boot_ns)

    def wait(self, seconds):
        self.utc_s += seconds
        self.since_boot_ns += int(seconds * 1e9)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def in_zone(monkeypatch):
    """Has the machine stand in a zone, by its rules."""
    def move(rules):
        monkeypatch.setenv('TZ', rules)
        time.tzset()
    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize('rules, utc, shown', [
    ('UTC0', '2026-11-30T08:12:00.000000Z', '2026-11-30 08:12 UTC'),
    ('CET-1CEST,M3.5.0,M10.5.0/3', '2026-11-30T23:12:00.000000Z', '2026-12-01 00:12 +01:00'),
    ('CET-1CEST,M3.5.0,M10.5.0/3', '2026-10-25T00:59:59.999999Z', '2026-10-25 02:59 +02:00'),
    ('CET-1CEST,M3.5.0,M10.5.0/3', '2026-10-25T01:00:00.000000Z', '2026-10-25 02:00 +01:00'),
    ('NST3:30NDT,M3.2.0,M11.1.0', '2026-03-08T05:29:59Z', '2026-03-08 01:59 -03:30'),
    ('NST3:30NDT,M3.2.0,M11.1.0', '2026-03-08T05:30:00Z', '2026-03-08 03:00 -02:30')])
def test_people_read_the_time_of_the_place(in_zone, rules, utc, shown):
    in_zone(rules)
    assert shown_time(utc) == shown and shown_day(utc) == shown[:10]
    assert shown_time(utc, seconds=True) == shown[:16] + utc[16:19] + shown[16:]


def test_a_stamp_says_all_that_is_known(machine):
    machine.utc_s += 0.25
    assert machine.clock().now() == Stamp('2026-11-29T14:10:00.250000Z', UNSYNCHRONISED, 'first', 60 * 10 ** 9)


def test_the_date_is_uncertain_until_a_server_sets_it(machine):
    station = machine.clock()
    message = station.message()
    assert not station.trusted
    assert (message.code, message.severity, message.subject) == ('date-uncertain', WARNING, 'clock')
    assert '2026-11-29 14:10 UTC' in message.sentence and message.facts['boot_id'] == 'first'
    machine.synchronised = True
    assert station.trusted and station.message() is None and station.now().clock == NTP


def test_a_person_confirms_the_date_for_this_start_only(machine):
    station = machine.clock()
    station.confirm()
    machine.wait(86400)
    assert station.now().clock == OPERATOR and station.trusted and station.message() is None
    assert machine.clock().now().clock == OPERATOR, 'also after a restart of the service'
    machine.boot_id, machine.since_boot_ns = 'second', 10 ** 9
    assert machine.clock().now().clock == UNSYNCHRONISED


def test_without_a_file_it_holds_for_this_service(machine):
    station = machine.clock('')
    station.confirm()
    assert station.now().clock == OPERATOR and machine.clock('').now().clock == UNSYNCHRONISED


@pytest.mark.parametrize('seconds', [-86400, -121, 121, 86400 * 365])
def test_a_clock_that_jumps_is_not_the_one_that_was_confirmed(machine, seconds):
    station = machine.clock()
    station.confirm()
    machine.utc_s += seconds
    assert not station.trusted
    station.confirm()
    assert station.trusted


def test_a_clock_that_is_nudged_is(machine):
    station = machine.clock()
    station.confirm()
    machine.utc_s -= 119
    assert station.now().clock == OPERATOR


def test_a_confirmation_that_cannot_be_kept_is_none(machine, tmp_path):
    station = machine.clock(str(tmp_path / 'nowhere' / 'confirmed.json'))
    with pytest.raises(StorageError):
        station.confirm()
    assert not station.trusted


@pytest.mark.parametrize('kept', ['', '[]', '{}', '{"boot_id": "first"}', '{"boot_id": "first", "started_ns": "x"}',
                                  '{"boot_id": "first", "started_ns": null}', '\x00' * 20, '\u00fc'])
def test_a_confirmation_that_cannot_be_read_is_none(machine, kept):
    with open(machine.path, 'wb') as stream:
        stream.write(kept.encode('latin-1'))
    assert not machine.clock().trusted


def test_records_of_a_start_get_the_date_that_was_found_later(machine):
    station = machine.clock()
    machine.utc_s = 1517000000.0
    wrong = station.now()
    machine.wait(90.5)
    machine.utc_s, machine.synchronised = START_S, True
    right = station.now()
    assert corrected(wrong, right) == '2026-11-29T14:08:29.500000Z'
    assert corrected(right, right) == right.utc
    with pytest.raises(ValueError):
        corrected(wrong._replace(boot_id='second'), right)


def test_a_clock_before_1970_is_shown_as_it_is(machine):
    machine.utc_s = -1.5
    assert machine.clock().now().utc == '1969-12-31T23:59:58.500000Z'


@pytest.mark.parametrize('answer, known', [(0, True), (4, True), (5, False), (-1, False)])
def test_what_the_kernel_answers(monkeypatch, answer, known):
    asked = []
    library = SimpleNamespace(adjtimex=lambda structure: asked.append(structure.raw) or answer)
    monkeypatch.setattr(clock.ctypes, 'CDLL', lambda name: library)
    assert kernel_synchronised() is known
    assert len(asked[0]) >= 208 and set(asked[0]) == {0}, 'modes 0: nothing is changed'


def test_a_library_without_the_call_knows_nothing(monkeypatch):
    monkeypatch.setattr(clock.ctypes, 'CDLL', lambda name: SimpleNamespace())
    assert kernel_synchronised() is False


def test_this_machine():
    answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    assert kernel_synchronised() is (answer in range(5))
    before, stamp, after = boottime_ns(), Clock().now(), boottime_ns()
    assert before <= stamp.boottime_ns <= after and stamp.boot_id == Clock().now().boot_id
    assert re.match(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z', stamp.boot_id)
    assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z', stamp.utc)
