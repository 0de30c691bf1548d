"""While the service runs the audit log is signed every day, told when the clock became right, and takes up notes."""
import json
import os

import pytest

from service.clock import Clock, seconds_moved
from service.messages import StorageError
from service.operators import Audit, Keeper, Signer, last_entry, leave_note
from service.operators.chain import CHECKPOINTS, decode, read_lines
from service.operators.signer import BaseSigner

DAY_S = 24 * 3600
KEY = b'k' * 32


class Deaf(BaseSigner):
    """A signer that does not answer until it is told to."""

    def __init__(self, signer):
        self.signer, self.asked, self.hears = signer, 0, False

    def checkpoint(self):
        self.asked += 1
        if not self.hears:
            raise StorageError('audit-signer', 'It does not answer.')
        return self.signer.checkpoint()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / 'audit')


@pytest.fixture
def signer(tmp_path, folder, time):
    return Deaf(Signer(str(tmp_path / 'signer'), folder, time.clock()))


@pytest.fixture
def log(folder, signer, time):
    with Audit(folder, time.clock(), signer, KEY) as opened:
        yield opened


def entries(log):
    return [decode(line) for line in read_lines(log.folder)]


def signed(log):
    with open(os.path.join(log.folder, CHECKPOINTS)) as stream:
        return [json.loads(line)['count'] for line in stream]


def test_the_log_is_signed_at_the_start_and_every_day(log, signer, time):
    signer.hears, keeper = True, Keeper(log, time.clock())
    keeper.turn()
    log.append('login')
    time.wait(DAY_S - 1)
    keeper.turn()
    assert signed(log) == [1]
    time.utc_s -= 5 * DAY_S  # the date has no say in it
    time.wait(1)
    keeper.turn()
    keeper.turn()
    assert signed(log) == [1, 2]


def test_a_signer_that_does_not_answer_is_asked_again_later(log, signer, time, caplog):
    keeper = Keeper(log, time.clock())
    for _ in range(11):
        keeper.turn()
    assert signer.asked == 1 and [record.message for record in caplog.records] == [
        'It does not answer. [audit-signer]: ']
    signer.hears = True
    keeper.turn()
    keeper.turn()
    assert signed(log) == [1] and signer.asked == 2


def test_the_thread_takes_its_turns(log, signer, time):
    signer.hears = True
    with Keeper(log, time.clock(), 0.001):
        while not os.path.exists(os.path.join(log.folder, CHECKPOINTS)):
            pass
    assert signed(log) == [1]


def test_what_a_verb_left_is_added_with_its_time(log, signer, time):
    for name in ('first', 'second'):
        leave_note(log.folder, time.clock(), 'token-made', token=name, user='ida')
        time.wait(7)
    Keeper(log, time.clock()).turn()
    Keeper(log, time.clock()).turn()
    added = entries(log)[1:]
    assert [(entry['event'], entry['operator'], entry['facts']['token']) for entry in added] == [
        ('token-made', '', 'first'), ('token-made', '', 'second')]
    assert [entry['facts']['noted']['boottime_ns'] for entry in added] == [100 * 10 ** 9, 107 * 10 ** 9]
    assert added[0]['boottime_ns'] == 114 * 10 ** 9 and added[0]['facts']['user'] == 'ida'


@pytest.mark.parametrize('note', [b'', b'{', b'[1]', b'{"event":"login"}',
                                  b'{"event":"exam-invented","facts":{},"stamp":{"boot_id":"","boottime_ns":1,"clock":"","utc":""}}',
                                  b'{"event":"login","facts":{"operator":"x"},"stamp":{"boot_id":"","boottime_ns":1,"clock":"","utc":""}}'])
def test_what_is_no_note_is_put_aside_and_stops_no_other(log, signer, time, note):
    leave_note(log.folder, time.clock(), 'restored')
    path = os.path.join(log.folder, 'notes', '0.json')
    with open(path, 'wb') as stream:
        stream.write(note)
    Keeper(log, time.clock()).turn()
    assert [entry['event'] for entry in entries(log)] == ['audit-began', 'restored']
    assert os.listdir(os.path.dirname(path)) == ['0.json.refused']


def test_a_note_stays_until_it_is_in_the_log(log, signer, time, monkeypatch):
    leave_note(log.folder, time.clock(), 'restored')
    monkeypatch.setattr(log, 'append', lambda *args, **facts: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        Keeper(log, time.clock()).turn()
    monkeypatch.undo()
    Keeper(log, time.clock()).turn()
    assert entries(log)[-1]['event'] == 'restored'


def test_a_station_that_never_ran_has_no_log_to_note_in(tmp_path, time):
    leave_note(str(tmp_path / 'audit'), time.clock(), 'restored')
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match='exam-invented'):
        leave_note(str(tmp_path), time.clock(), 'exam-invented')


def test_a_note_that_cannot_be_written_is_said(log, time):
    with open(os.path.join(log.folder, 'notes'), 'w'):
        pass
    with pytest.raises(StorageError):
        leave_note(log.folder, time.clock(), 'restored')


def test_it_is_told_by_how_much_the_clock_was_wrong(log, signer, time):
    right = []
    clock = Clock('', lambda: time.utc_s, lambda: bool(right), 'one', lambda: int(time.since_boot_s * 1e9))
    keeper = Keeper(log, clock)
    keeper.turn()
    time.wait(30)
    time.utc_s += 3600.5
    right.append(True)
    keeper.turn()
    keeper.turn()
    assert [(entry['event'], entry['facts']) for entry in entries(log)[1:]] == [('clock-corrected', {'by_s': 3600.5})]
    with pytest.raises(ValueError):
        seconds_moved(clock.now(), clock.now()._replace(boot_id='another'))


def test_the_newest_entry_of_an_event_is_found(log):
    assert last_entry(log.folder, 'login') is None
    for number in range(3):
        log.append('login', 'op-%d' % number)
        log.append('logout', facts='"event":"login"')
    assert last_entry(log.folder, 'login')['operator'] == 'op-2'
    assert last_entry(log.folder, 'audit-began')['seq'] == 1
