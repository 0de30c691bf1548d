"""The outbox without a network: a receiver that answers as a test says, and a clock that a test moves."""
import contextlib
import os
import sqlite3
from collections import namedtuple

import pytest

from service.clock import Stamp
from service.exams import Policy, plan_retention
from service.exams.exam import AMENDED, SIGNED, Patient
from service.exams.store import OUTBOX
from service.hospital.archive import NOTE
from service.hospital.outbox import Outbox, has_arrived
from service.hospital.outbox_rows import (
    COMMITTED,
    FAILED,
    MIGRATIONS,
    MOST_LOSSES,
    QUEUED,
    REJECTED,
    SENT,
    Row,
    after_sending,
)
from service.kept_checks import check_outbox
from service.messages import Message, StorageError
from service.sealing import Sealer
from service.settings import Settings
from tests.service.exams.station import Station, the_clock

Made = namedtuple('Made', 'name sop_class sop_uid series_uid study_uid data')

OK, FULL, MISMATCH, WARNED, NOT_UNDERSTOOD = ({'status': status} for status in (0, 0xA700, 0xA900, 0xB007, 0xC001))
DOWN, LOST_ANSWER = {'fault': 'unreachable', 'detail': ''}, {'fault': 'silent', 'detail': '', 'unknown': True}
CONTEXT = {'fault': 'context', 'detail': ''}


class Archive:
    """A receiver in memory.

    Attributes:
        has (list): UIDs that it stored, each as often as it came.
        answers (list): to the next objects; then it stores them.
        finds, commits (bool): whether it can be asked.
        forgets (set): UIDs that it denies in commitments.
        asked (list): what it was asked, in order.
    """

    name, keeps_all = 'archive', True

    def __init__(self, station):
        self._station = station
        self.has, self.answers, self.asked, self.forgets, self.tells = [], [], [], set(), True
        self.finds = self.commits = True
        self.down = False
        self.pending = []

    def objects(self, exam):
        self._station.exams.patient(exam)  # raises while the exams are locked
        for event in exam.events:
            if event.kind in ('captured', 'amended'):
                uid = '2.25.%d%s' % (event.number, int(exam.id, 16))
                yield Made('object/%d' % event.number, 'class', uid, 'series', 'study', b'data')

    def note(self, exam, rows):
        yield Made('note', NOTE, '2.25.9%d' % int(exam.id, 16), 'series', 'study',
                   ' '.join(sorted(row.uid for row in rows)).encode('ascii'))

    @contextlib.contextmanager
    def call(self, take):
        self.take = take
        yield Call(self)

    def listener(self, take):
        return None

    def message(self, answer):
        return Message('answer', repr(answer))


class Call:
    """A call to an `Archive`."""

    def __init__(self, archive):
        self._archive = archive

    def stop(self):
        pass

    def has(self, rows):
        archive = self._archive
        archive.asked.append('has')
        if archive.down:
            return DOWN
        return dict(OK, found=[uid for uid in archive.has if uid not in archive.forgets]) if archive.finds else CONTEXT

    def send(self, made):
        archive = self._archive
        archive.asked.append(made.name)
        answer = DOWN if archive.down else archive.answers.pop(0) if archive.answers else OK
        if callable(answer):
            return answer(made)
        if answer == LOST_ANSWER or answer.get('status') in (0, 0xB007):
            archive.has.append(made.sop_uid)
        return answer

    def commit(self, transaction, rows):
        archive = self._archive
        archive.asked.append('commit')
        if archive.down or not archive.commits:
            return DOWN if archive.down else CONTEXT
        stored = [row.uid for row in rows if row.uid in archive.has and row.uid not in archive.forgets]
        archive.pending.append({'transaction': transaction, 'stored': stored,
                                'failed': {row.uid: 0x0112 for row in rows if row.uid not in stored}})
        if archive.tells:
            archive.take(archive.pending[-1])
        return OK


class Rig:
    """A station, its outbox and its archive; `passes(minutes)` moves the clock and does what is due."""

    def __init__(self, folder, sealer=None, keep_days=0):
        self.station = Station(folder, sealer)
        self.archive, self.now_s, self.keep_days = Archive(self.station), 0.0, keep_days
        self.utc_s = 1.8e9
        self.begin()

    def begin(self):
        clock = the_clock(utc_s=lambda: self.utc_s)
        self.outbox = Outbox(self.station.exams, [self.archive], clock, self.station.record,
                             self.keep_days, lambda: self.now_s)

    def sign(self, state=SIGNED):
        exam = self.station.exam(state)
        self.outbox.changed(exam.id)
        return exam.id

    def turn(self, count=1):
        for _ in range(count):
            self.outbox.turn()

    def passes(self, minutes):
        self.now_s += 60 * minutes
        self.turn()

    def restart(self):
        """End as a kill does, and begin again as the thread does."""
        self.outbox._store.close()
        self.begin()
        self.outbox._find()

    def states(self, exam_id=''):
        return [row.state for row in self.outbox.rows(exam_id)]

    def close(self):
        self.outbox._store.close()
        self.station.close()


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.mark.parametrize('answer, state, unknown, rests', [
    (OK, SENT, False, False), (WARNED, SENT, False, False), ({'status': 0x0111}, SENT, False, False),
    (FULL, QUEUED, False, True), ({'status': 0x0110}, QUEUED, False, True), (MISMATCH, FAILED, False, False),
    (NOT_UNDERSTOOD, FAILED, False, False), ({'status': 0x0124}, FAILED, False, False),
    (CONTEXT, FAILED, False, False), (DOWN, QUEUED, False, True), (LOST_ANSWER, QUEUED, True, True),
    ({'fault': 'aborted', 'unknown': True}, QUEUED, True, True)])
def test_what_an_answer_to_an_object_means(answer, state, unknown, rests):
    row, leaves = after_sending(Row('archive', '1', 'e', 'n', 'c', 's', 't'), answer)
    assert (row.state, row.unknown, leaves, row.attempts) == (state, unknown, rests, 1)


def test_what_is_signed_is_sent_once_committed_and_told_to_the_audit_log(rig):
    exam_id = rig.sign(AMENDED)
    rig.turn(3)
    assert rig.archive.asked == ['object/3', 'object/6', 'commit']
    assert rig.states() == [COMMITTED] * 2 and rig.outbox.has_arrived(exam_id)
    assert [entry for entry in rig.station.log if entry[0] == 'exam-committed'] == [
        ('exam-committed', '', {'exam': exam_id, 'receiver': 'archive', 'objects': 2})]
    rig.restart()
    rig.turn(2)
    assert len(rig.archive.asked) == 3  # nothing is asked about what has arrived


def test_an_archive_that_is_down_is_tried_again_after_1_5_15_and_60_minutes_then_hourly(rig):
    rig.sign()
    rig.archive.down = True
    tries = []
    for minute in range(0, 205):
        before = len(rig.archive.asked)
        rig.now_s = 60.0 * minute
        rig.turn()
        if len(rig.archive.asked) > before:
            tries.append(minute)
    assert tries == [0, 1, 6, 21, 81, 141, 201]
    assert rig.outbox.summary().code == 'outbox-waits'
    rig.archive.down = False
    rig.outbox.try_again()
    rig.turn()
    assert rig.states() == [COMMITTED] and len(rig.archive.has) == 1


def test_after_an_unknown_outcome_the_archive_is_asked_before_anything_is_sent_again(rig):
    rig.archive.answers = [LOST_ANSWER]
    rig.sign(AMENDED)
    rig.turn()
    assert rig.archive.asked == ['object/3']  # the rest waits with it
    assert rig.outbox.message(rig.outbox.rows()[0]).code == 'outbox-unknown'
    rig.passes(1)
    assert rig.archive.asked == ['object/3', 'has', 'object/6', 'commit']
    assert rig.states() == [COMMITTED] * 2 and len(rig.archive.has) == 2


def test_one_that_did_not_arrive_is_sent_again_after_the_question(rig):
    rig.archive.answers = [lambda made: {'fault': 'aborted', 'unknown': True}]
    rig.sign()
    rig.turn()
    rig.passes(1)
    assert rig.archive.asked == ['object/3', 'has', 'object/3', 'commit'] and rig.states() == [COMMITTED]


def test_an_archive_that_cannot_be_asked_what_it_has_is_asked_what_it_keeps(rig):
    rig.archive.finds = False
    rig.archive.answers = [LOST_ANSWER, lambda made: {'fault': 'aborted', 'unknown': True}]
    rig.sign()
    rig.turn()
    rig.passes(1)
    assert rig.archive.asked == ['object/3', 'has', 'commit'] and rig.states() == [COMMITTED]
    rig.sign()
    rig.turn()
    rig.passes(1)
    rig.turn()
    assert rig.archive.asked[3:] == ['object/3', 'has', 'commit', 'object/3', 'commit']
    assert rig.states() == [COMMITTED] * 2 and len(rig.archive.has) == 2


def test_one_that_can_be_asked_nothing_gets_nothing_twice_unless_a_person_says_so(rig):
    rig.archive.finds = rig.archive.commits = False
    rig.archive.answers = [LOST_ANSWER]
    exam_id = rig.sign()
    rig.turn()
    for _ in range(5):
        rig.passes(60)
    assert rig.states() == [FAILED] and rig.archive.asked.count('object/3') == 1
    assert rig.outbox.message(rig.outbox.rows()[0]).code == 'outbox-not-asked'
    rig.outbox.try_again(exam_id)
    rig.turn()
    assert rig.states() == [SENT] and rig.archive.asked.count('object/3') == 2


@pytest.mark.parametrize('answer, after, later', [
    (FULL, QUEUED, COMMITTED), (MISMATCH, FAILED, FAILED), (NOT_UNDERSTOOD, FAILED, FAILED),
    (WARNED, COMMITTED, COMMITTED),
    (CONTEXT, FAILED, FAILED)])
def test_refusals(rig, answer, after, later):
    rig.archive.answers = [answer]
    exam_id = rig.sign()
    rig.turn(2)
    assert rig.states() == [after]
    rig.passes(1)
    assert rig.states() == [later]
    if later == FAILED:
        assert not rig.outbox.has_arrived(exam_id) and rig.outbox.summary().code == 'outbox-failed'
        rig.outbox.try_again(exam_id)
        rig.turn()
        assert rig.states() == [COMMITTED]


def test_what_the_archive_does_not_keep_is_sent_again_unchanged_but_not_for_ever(rig):
    exam = rig.station.exams.get(rig.sign())
    rig.archive.forgets = {made.sop_uid for made in rig.archive.objects(exam)}
    for _ in range(20):
        rig.passes(1)
    sent = rig.archive.asked.count('object/3')
    assert rig.states() == [FAILED] and sent == MOST_LOSSES == len(rig.archive.has)
    assert rig.outbox.message(rig.outbox.rows()[0]).code == 'outbox-lost'
    rig.archive.forgets = set()
    rig.outbox.try_again()
    rig.turn()
    assert rig.states() == [COMMITTED] and len(set(rig.archive.has)) == 1


def test_a_commitment_that_comes_late_or_after_a_restart_counts_and_a_strange_one_does_not(rig):
    rig.archive.tells = False
    rig.sign()
    rig.turn()
    assert rig.states() == [SENT]
    assert rig.outbox.take({'transaction': '2.25.1', 'stored': rig.archive.has, 'failed': {}})
    assert rig.states() == [SENT]
    rig.restart()
    assert rig.outbox.take(rig.archive.pending[0]) and rig.states() == [COMMITTED]
    assert rig.outbox.take(rig.archive.pending[0])  # told once more


def test_a_commitment_that_never_comes_is_asked_for_hourly_and_the_page_says_so_after_a_day(rig):
    rig.archive.tells = False
    rig.sign()
    rig.turn(3)
    assert rig.archive.asked.count('commit') == 1
    rig.passes(61)
    assert rig.archive.asked.count('commit') == 2 and rig.outbox.summary().code == 'outbox-sending'
    rig.utc_s += 86401
    assert rig.outbox.summary().code == 'outbox-late'


def test_what_the_disk_refuses_is_not_taken(rig, monkeypatch):
    rig.archive.tells = False
    rig.sign()
    rig.turn()

    def refuse(*unused):
        raise StorageError('disk-full', 'The disk is full.')
    monkeypatch.setattr(rig.outbox._store, 'answered', refuse)
    assert not rig.outbox.take(rig.archive.pending[0])


def test_after_a_crash_or_without_its_database_the_archive_is_asked_first(rig):
    """Wherever the last work ended: every object is there once."""
    rig.sign(AMENDED)

    def killed(made):
        rig.archive.has.append(made.sop_uid)
        raise KeyboardInterrupt
    rig.archive.answers = [killed]
    with pytest.raises(KeyboardInterrupt):
        rig.turn()
    for lost in (False, True):
        rig.outbox._store.close()
        if lost:
            for suffix in ('', '-wal', '-shm'):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(rig.station.folder, OUTBOX + suffix))
        rig.begin()
        rig.outbox._find()
        rig.turn(3)
        assert rig.states() == [COMMITTED] * 2 and len(rig.archive.has) == 2, lost


def test_a_damaged_database_is_put_aside_and_made_anew(rig):
    rig.sign()
    rig.turn()
    rig.outbox._store.close()
    with open(os.path.join(rig.station.folder, OUTBOX), 'r+b') as stream:
        stream.write(b'x' * 200)
    rig.begin()
    rig.outbox._find()
    rig.turn(2)
    assert [message.code for message in rig.outbox.messages] == ['outbox-damaged']
    assert rig.states() == [COMMITTED] and len(rig.archive.has) == 1


def test_a_correction_is_a_new_object_and_what_it_replaced_before_it_left_never_leaves(rig):
    rig.archive.down = True
    exam_id = rig.sign()
    rig.turn()
    rig.station.exams.amend(exam_id, 'chief', 'typing error', 'It was the left side.')
    rig.outbox.changed(exam_id)
    rig.turn()
    assert len(rig.states()) == 2 and not rig.outbox.has_arrived(exam_id)
    rig.archive.down = False
    rig.passes(1)
    assert rig.states() == [COMMITTED] * 2 and rig.outbox.has_arrived(exam_id)
    original = rig.archive.objects
    rig.archive.objects = lambda exam: list(original(exam))[1:]
    rig.archive.down = True
    other = rig.sign(AMENDED)
    rig.turn()
    rig.archive.objects = original
    assert len(rig.states(other)) == 1
    rig.archive.objects = lambda exam: list(original(exam))[:1]
    rig.archive.down = False
    rig.outbox.changed(other)
    rig.passes(1)
    rig.turn()
    assert [row.name for row in rig.outbox.rows(other)] == ['object/3'] and rig.states(other) == [COMMITTED]


def test_an_exam_of_the_wrong_patient_leaves_again_as_another_one_and_a_note_takes_the_old_objects_back(rig):
    rig.archive.answers = [OK, MISMATCH]
    wrong = rig.sign(AMENDED)
    rig.turn()
    old = {row.uid for row in rig.outbox.rows(wrong)}
    right = rig.station.exams.move(wrong, 'chief', Patient('P-9', 'Ida'), 'Wrong row of the list.', 'Chief').id
    for exam_id in (right, wrong):
        rig.outbox.changed(exam_id)
    rig.turn(2)
    rig.outbox.try_again()
    rig.passes(60)
    assert sorted(rig.states(wrong)) == [COMMITTED, REJECTED, REJECTED] and rig.states(right) == [COMMITTED] * 2
    assert not old & {row.uid for row in rig.outbox.rows(right)} and rig.archive.asked.count('note') == 1
    assert rig.archive.asked.count('object/6') == 2  # of either exam once: what was refused is not tried again
    assert rig.outbox.arrival(wrong).code == 'outbox-taken-back'
    rig.restart()
    rig.turn(2)
    assert rig.archive.asked.count('note') == 1


def test_nothing_takes_back_what_never_left(rig):
    rig.archive.down = True
    wrong = rig.station.exam(SIGNED).id
    rig.outbox._rest('archive', '', 60.0)
    rig.outbox.changed(wrong)
    rig.turn()
    assert rig.states(wrong) == [QUEUED]
    rig.station.exams.move(wrong, 'chief', Patient('P-9', 'Ida'), 'Wrong row of the list.')
    rig.archive.down = False
    rig.outbox.changed(wrong)
    rig.passes(2)
    assert rig.archive.has == [] and rig.states(wrong) == []


def test_without_the_key_it_waits_and_somebody_logs_in(tmp_path):
    rig = Rig(tmp_path, Sealer(b'k' * 32))
    let_go = []
    exam_id = rig.station.exam(SIGNED).id
    rig.station.exams.sealer = None
    rig.outbox.changed(exam_id, lambda: let_go.append(True))
    rig.turn()
    assert rig.archive.asked == [] and let_go == [True] and rig.outbox.summary().code == 'outbox-ok'
    rig.station.exams.sealer = Sealer(b'k' * 32)
    rig.turn(2)
    assert rig.states() == [COMMITTED]
    with open(os.path.join(str(tmp_path), OUTBOX), 'rb') as stream:
        assert b'P-1' not in stream.read()
    rig.close()


def test_an_exam_goes_only_after_it_was_committed_for_so_long_and_the_archive_says_so_once_more(tmp_path):
    rig = Rig(tmp_path, keep_days=30)
    gone, held, lost = (rig.sign() for _ in range(3))
    rig.sign()  # the newest one stays
    rig.turn(6)
    rig.station.exams.hold(held, 'chief', 'court')
    assert rig.states() == [COMMITTED] * 4
    rig.utc_s += 30.5 * 86400
    rig.archive.forgets = {row.uid for row in rig.outbox.rows(lost)}
    asked = len(rig.archive.asked)
    rig.turn(2)
    assert rig.archive.asked[asked:].count('commit') >= 3
    assert sorted(entry.row.id for entry in rig.station.exams.list() if entry.row.id in (gone, held, lost)) == sorted(
        [held, lost])
    rig.archive.forgets = set()
    rig.turn(2)
    assert rig.states(lost) == [COMMITTED] and rig.states(gone) == []  # sent again, and committed from today
    rig.close()


def test_retention_and_the_doctor_ask_what_has_arrived(rig):
    arrived, other = rig.sign(), rig.sign()
    rig.archive.answers = [OK, MISMATCH]
    rig.turn(2)
    rig.sign()  # the newest one stays anyway
    settings = Settings(exams_folder=rig.station.folder, archive_host='pacs.example.org', archive_ae_title='ARCHIVE')
    now = Stamp('2057-01-01T00:00:00.000000Z', 'ntp', 'boot', 9)
    for asked in (rig.outbox.has_all, has_arrived(rig.station.folder, settings.site())):
        plan = plan_retention(rig.station.folder, Policy(10, 30), now, arrived=asked)
        assert ([due.exam.id for due in plan.due], list(plan.unsent)) == ([arrived], [other])
    assert has_arrived(rig.station.folder, Settings().site()) is None
    assert check_outbox(settings).code == 'outbox-failed' and check_outbox(Settings()) is None
    rig.outbox.try_again()
    rig.turn(2)
    assert check_outbox(settings).sentence == 'Objects that wait for the hospital: 0; that have arrived: 3.'


def test_the_database_is_one_that_old_versions_of_sqlite_read(rig):
    with contextlib.closing(sqlite3.connect(os.path.join(rig.station.folder, OUTBOX))) as base:
        assert base.execute('PRAGMA user_version').fetchone()[0] == len(MIGRATIONS)
        assert base.execute('PRAGMA journal_mode').fetchone()[0] == 'wal'
