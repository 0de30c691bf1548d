"""While the service runs the audit log is signed every day, told when the clock became right, and takes up notes."""
import json
import os

import pytest

from service.clock import Clock, seconds_moved
from service.messages import StorageError
from service.operators import Audit, Keeper, Signer, last_entry
from service.operators.audit import leave_note
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


def test_what_a_verb_left_is_added_within_a_turn(log, signer, time):
    keeper = Keeper(log, time.clock())
    keeper.turn()
    for name in ('first', 'second'):
        leave_note(log.folder, time.clock(), 'token-made', token=name, user='ida')
        time.wait(7)
    with open(os.path.join(log.folder, 'notes', '0.json'), 'w') as stream:
        stream.write('{')
    keeper.turn()
    keeper.turn()
    assert [(entry['event'], entry['operator'], entry['facts']['token']) for entry in entries(log)[1:]] == [
        ('token-made', '', 'first'), ('token-made', '', 'second')]
    assert os.listdir(os.path.join(log.folder, 'notes')) == ['0.json.refused']


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
