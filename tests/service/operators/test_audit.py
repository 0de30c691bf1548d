"""What the audit log takes is there for good, in order, whatever the disk does and whoever is killed."""
import errno
import hashlib
import json
import os
import threading

import pytest

from service.messages import StorageError
from service.operators import EVENTS, Anchor, Audit, Signer, audit, verify
from service.operators.audit import leave_note
from service.operators.chain import read_lines
from tests.fakes.killing import killed_at

KEY = b'k' * 32


@pytest.fixture
def open_log(tmp_path, time):
    """Open the log; the one before it is closed."""
    opened = []

    def call(signer=None, **words):
        while opened:
            opened.pop().close()
        opened.append(Audit(str(tmp_path / 'audit'), time.clock(), signer, KEY, **words))
        return opened[0]
    yield call
    for log in opened:
        log.close()


@pytest.fixture
def log(open_log):
    return open_log()


def lines(log):
    return list(read_lines(log.folder))


def events(log):
    return [json.loads(line.decode())['event'] for line in lines(log)]


def failing(number):
    def call(*args):
        raise OSError(number, os.strerror(number))
    return call


def test_an_entry_says_what_happened_when_and_by_whom(log, time):
    time.wait(5)
    anchor = log.append('exam-signed', 'op-1', exam='e3f1', bundle='abc')
    began, signed = map(json.loads, map(bytes.decode, lines(log)))
    assert signed['event'] == 'exam-signed' and signed['operator'] == 'op-1'
    assert signed['facts'] == {'exam': 'e3f1', 'bundle': 'abc'}
    assert (signed['boot_id'], signed['boottime_ns'], signed['clock']) == ('one', 105 * 10 ** 9, 'ntp')
    assert (began['event'], began['seq'], signed['seq']) == ('audit-began', 1, 2)
    assert signed['prev'] == hashlib.sha256(lines(log)[0]).hexdigest()
    assert anchor == log.anchor == Anchor(2, hashlib.sha256(lines(log)[1]).hexdigest())


def test_the_order_is_that_of_the_numbers_though_the_clock_jumps_back(open_log, time):
    open_log().append('login')
    time.restart()
    log = open_log()
    assert log.append('login').count == 3
    assert [json.loads(line.decode())['seq'] for line in lines(log)] == [1, 2, 3]
    assert verify(log.folder, {'page': log.anchor}, mac_key=KEY).answer == 0


def test_only_listed_events_are_taken(log):
    with pytest.raises(ValueError):
        log.append('exam-invented')
    assert events(log) == ['audit-began'] and all(text.endswith('.') for text in EVENTS.values())


def test_the_log_goes_on_in_new_files(open_log, monkeypatch):
    monkeypatch.setattr(audit, '_SEGMENT_ENTRIES', 3)
    log = open_log()
    for number in range(9):
        assert log.append('login', facts=number).count == number + 2
    assert [name for name in sorted(os.listdir(log.folder)) if name[0] == '0'] == [
        '00000001.jsonl', '00000004.jsonl', '00000007.jsonl', '00000010.jsonl']
    assert open_log().append('logout').count == 11
    assert verify(log.folder, {'page': open_log().anchor}, mac_key=KEY).entries == 11


def test_a_file_that_cannot_be_begun_is_not_needed(log, monkeypatch):
    monkeypatch.setattr(audit, '_SEGMENT_ENTRIES', 1)
    monkeypatch.setattr(log, '_begin_segment', failing(errno.ENOSPC))
    assert log.append('login').count == 2 and len(lines(log)) == 2


def test_one_process_has_it(log, time):
    with pytest.raises(StorageError) as caught:
        Audit(log.folder, time.clock(), None, KEY)
    assert caught.value.code == 'audit-in-use'
    log.close()
    Audit(log.folder, time.clock(), None, KEY).close()
    with pytest.raises(StorageError) as caught:
        log.append('login')
    assert caught.value.code == 'audit-failed'


def test_threads_share_it(log):
    def add():
        for _ in range(20):
            log.append('login')
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(log.folder, {'page': Anchor(81, log.anchor.head)}, mac_key=KEY).answer == 0


@pytest.mark.parametrize('cut', [1, 30, 100])
def test_half_an_entry_is_put_aside(open_log, cut):
    log = open_log()
    kept = log.append('login')
    log.append('logout')
    path = os.path.join(log.folder, '00000001.jsonl')
    log.close()
    size = os.path.getsize(path)
    os.truncate(path, size - cut)
    assert verify(log.folder, {'page': kept}, mac_key=KEY).answer == 0
    log = open_log()
    assert events(log) == ['audit-began', 'login', 'audit-repaired']
    assert verify(log.folder, {'page': log.anchor}, mac_key=KEY).answer == 0


@pytest.mark.parametrize('left', [bytes(317), b'{"boot_id"', b'\0'])
def test_a_file_that_was_just_begun_may_hold_no_entry_yet(open_log, monkeypatch, left):
    """A power cut leaves the size of what was written, and zeros."""
    monkeypatch.setattr(audit, '_SEGMENT_ENTRIES', 3)
    log = open_log()
    for _ in range(2):
        kept = log.append('login')
    log.close()
    with open(os.path.join(log.folder, '00000004.jsonl'), 'wb') as stream:
        stream.write(left)
    log = open_log()
    assert events(log) == ['audit-began', 'login', 'login', 'audit-repaired']
    assert verify(log.folder, {'before': kept, 'page': log.anchor}, mac_key=KEY).answer == 0


def test_a_log_that_only_was_begun_begins_again(open_log):
    log = open_log()
    log.close()
    for left in (b'', b'\0' * 300):
        with open(os.path.join(log.folder, '00000001.jsonl'), 'wb') as stream:
            stream.write(left)
        log = open_log()
        assert events(log) == ['audit-began'] and verify(log.folder, {'page': log.anchor}, mac_key=KEY).answer == 0
        log.close()


def test_a_full_disk_still_takes_what_happened_then(log, monkeypatch):
    real, reserve = os.write, os.path.join(log.folder, 'reserve')

    def write(descriptor, data):
        if os.path.exists(reserve):
            real(descriptor, data[:9])
            raise OSError(errno.ENOSPC, 'full')
        return real(descriptor, data)
    monkeypatch.setattr(audit.os, 'write', write)
    assert log.append('login').count == 2 and events(log) == ['audit-began', 'login']


@pytest.mark.parametrize('number, code', [(errno.ENOSPC, 'disk-full'), (errno.EROFS, 'disk-read-only'),
                                          (errno.EIO, 'disk-failing')])
def test_what_cannot_be_written_leaves_nothing(log, monkeypatch, number, code):
    real = os.write

    def write(descriptor, data):
        real(descriptor, data[:9])
        raise OSError(number, 'no')
    monkeypatch.setattr(audit.os, 'write', write)
    with pytest.raises(StorageError) as caught:
        log.append('login')
    assert caught.value.code == code
    monkeypatch.undo()
    assert log.append('logout').count == 2 and events(log) == ['audit-began', 'logout']


def test_a_failed_fsync_is_final(open_log, monkeypatch):
    log = open_log()
    monkeypatch.setattr(audit.os, 'fsync', failing(errno.EIO))
    with pytest.raises(StorageError) as caught:
        log.append('login')
    assert caught.value.code == 'disk-failing'
    monkeypatch.undo()
    with pytest.raises(StorageError) as caught:
        log.append('login')
    assert caught.value.code == 'audit-failed' and len(lines(log)) == 2
    log = open_log()
    assert verify(log.folder, {'page': log.append('login')}, mac_key=KEY).answer == 0


def test_killed_at_every_call_nothing_acknowledged_is_lost(tmp_path, time, monkeypatch):
    monkeypatch.setattr(audit, '_SEGMENT_ENTRIES', 2)
    folder, tell = str(tmp_path / 'audit'), os.write
    told, telling = os.pipe()

    def work():
        log = Audit(folder, time.clock(), None, KEY)
        for number in range(3):
            anchor = log.append('exam-signed', exam=str(number))
            tell(telling, ('%d %s\n' % anchor).encode())

    number, ledger = 0, {}
    while killed_at(number, work):
        number += 1
        tell(telling, b'.')
        for line in os.read(told, 4096).decode().strip('.').splitlines():
            count, head = line.split()
            ledger[count] = Anchor(int(count), head)
        with Audit(folder, time.clock(), None, KEY) as log:
            assert verify(folder, dict(ledger, page=log.anchor), mac_key=KEY).answer == 0
    os.close(told)
    os.close(telling)
    assert number > 15 and len(ledger) > 15


def test_checkpoints_are_made_at_the_start_and_every_day(open_log, tmp_path, time):
    signer = Signer(str(tmp_path / 'signer'), str(tmp_path / 'audit'), time.clock())
    log = open_log(signer, anchor_file=str(tmp_path / 'boot' / 'anchor'))
    assert log.checkpoint_is_due()
    (tmp_path / 'boot').mkdir()
    assert log.checkpoint() == Anchor(1, log.anchor.head)
    assert not log.checkpoint_is_due()
    time.wait(86399)
    assert not log.checkpoint_is_due()
    time.wait(1)
    log.append('login')
    assert log.checkpoint_is_due() and log.checkpoint().count == 2
    assert not log.checkpoint_is_due()
    kept = (tmp_path / 'audit' / 'checkpoints.jsonl').read_text().splitlines()
    assert [json.loads(line)['count'] for line in kept] == [1, 2]
    assert (tmp_path / 'boot' / 'anchor').read_text() == kept[1] + '\n'
    assert verify(log.folder, {}, signer.public_key).confirmed == 2
    assert not open_log().checkpoint_is_due(), 'nobody signs'


def test_what_was_done_beside_the_service_is_added_with_the_next_checkpoint(open_log, tmp_path, time):
    log = open_log()
    for event in ('backup-made', 'backup-verified'):
        leave_note(log.folder, time.clock(), event, key='abcd')
        time.wait(1)
    leave_note(log.folder, time.clock(), 'no such event')
    (tmp_path / 'audit' / 'notes' / 'zz.json').write_text('{')
    log.checkpoint()
    added = [json.loads(line.decode()) for line in lines(log)][1:]
    assert [entry['event'] for entry in added] == ['backup-made', 'backup-verified']
    assert added[0]['facts']['key'] == 'abcd' and added[0]['facts']['noted'] < added[1]['facts']['noted']
    log.checkpoint()
    assert len(lines(log)) == 3 and len(os.listdir(str(tmp_path / 'audit' / 'notes'))) == 2
    assert verify(log.folder, {'page': log.anchor}, mac_key=KEY).answer == 0
