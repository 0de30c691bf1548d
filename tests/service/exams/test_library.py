"""The exams of a station: durable before acknowledged, audited, sealed, compared with their folders at the start."""
import errno
import json
import os
import shutil
import sqlite3
import threading
from dataclasses import replace

import pytest

from service.durable import atomic_write
from service.exams import library, store
from service.exams.exam import (
    ACQUIRING,
    AMENDED,
    DISCARDED,
    DRAFT,
    KINDS,
    REVIEW,
    ROLES,
    SIGNED,
    Anchor,
    ExamError,
    ExamMissingError,
    ExamUnreadableError,
    Patient,
)
from service.exams.folder import EXAM_NAME, QUARANTINE, encode_exam, path_of, write_files
from service.exams.library import AUDITED, Exams
from service.exams.order import Order
from service.exams.store import DATABASE
from service.exams.verification import verify_store
from service.messages import PROBLEM, WARNING, InputError, Message, StorageError
from service.operators import EVENTS
from service.sealing import PlainSealer, Sealer
from tests.service.exams.station import CONDITIONS, ORDER, PICTURE, ZOE, Station, the_clock


@pytest.fixture(params=['plain', 'encrypted'])
def sealer(request):
    return PlainSealer() if request.param == 'plain' else Sealer(b'k' * 32)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    yield station
    station.close()


def code_of(call, *args, **kwargs):
    with pytest.raises((ExamError, StorageError, InputError)) as caught:
        call(*args, **kwargs)
    assert caught.value.message.sentence
    return caught.value.code


def codes(messages):
    return [message.code for message in messages]


def test_an_exam_of_the_wrong_patient_is_moved_with_all_that_happened(tmp_path, sealer):
    station = Station(tmp_path, sealer)
    exams, wrong, right = station.exams, station.exam(AMENDED, order=ORDER), Patient('P-9', 'Ida', '1960-06-15')
    moved = exams.move(wrong.id, 'chief', right, 'Wrong row of the list.', 'Chief')
    assert exams.patient(moved) == right and moved.state == AMENDED and moved.number == wrong.number + 1
    assert not moved.scheduled and exams.order(moved) is None and exams.conditions(moved) == CONDITIONS
    assert exams.read_file(moved, '0001.tscap') == PICTURE.capture
    assert moved.events[-1].facts == {'moved_from': wrong.id}
    old = exams.get(wrong.id)
    assert (old.state, old.moved_to) == (DISCARDED, moved.id) and exams.patient(old) == ZOE
    assert exams.private(old, old.moved.number) == {'reason': 'Wrong row of the list.', 'name': 'Chief'}
    told = [(event, facts.get('moved_from'), facts.get('moved_to')) for event, _, facts in station.log[-2:]]
    assert told == [('exam-imported', wrong.id, None), ('exam-moved', None, moved.id)]
    assert [entry.row.id for entry in exams.list('Ida')] == [moved.id]
    assert list(verify_store(station.folder)) == []
    assert code_of(exams.move, wrong.id, 'chief', right, 'again') == 'exam-state'
    assert code_of(exams.move, moved.id, 'chief', right, 'again') == 'exam-patient'
    station.close()


def test_a_move_that_was_killed_in_the_middle_makes_no_second_exam(tmp_path, monkeypatch):
    station = Station(tmp_path)
    exams, wrong = station.exams, station.exam(SIGNED)
    add = exams._add
    monkeypatch.setattr(exams, '_add', lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        exams.move(wrong.id, 'chief', Patient('P-9', 'Ida'), 'Wrong row of the list.')
    monkeypatch.setattr(exams, '_add', add)
    moved = exams.move(wrong.id, 'chief', Patient('P-9', 'Ida'), 'Wrong row of the list.')
    assert len(exams.list()) == 2 and exams.get(wrong.id).moved_to == moved.id
    station.close()


def test_an_exam_from_the_patient_to_the_amendment(tmp_path, sealer):
    station = Station(tmp_path, sealer)
    exams, exam = station.exams, station.exam(AMENDED)
    assert [event.kind for event in exam.events] == ['created', 'started', 'captured', 'reviewed', 'signed', 'amended']
    assert [event.operator for event in exam.events] == ['op'] * 4 + ['chief'] * 2
    assert exams.patient(exam) == ZOE and exams.conditions(exam) == CONDITIONS
    assert exams.private(exam, 6) == {'reason': 'typing error', 'text': 'It was the left side.'}
    assert exams.read_file(exam, '0001.tscap') == b'counts'
    assert json.loads(exams.read_file(exam, '0001.result.json').decode()) == PICTURE.result
    facts = exam.captures[0].facts
    assert (facts['checks'], facts['bundle'], facts['software']) == (['focus'], {'id': 'm'}, '0.1.0')
    assert list(exams.verify()) == [] and exams.counts() == {AMENDED: 1}
    station.close()
    before = station.start().list()
    assert [(entry.row.id, entry.patient) for entry in before] == [(exam.id, ZOE)]
    station.close()


def test_without_the_key_nothing_tells_who_it_is(tmp_path):
    station = Station(tmp_path, Sealer(b'k' * 32))
    exam = station.exam(AMENDED)
    station.close()
    held = b''.join(path.read_bytes() for path in tmp_path.rglob('*') if path.is_file())
    for word in ('Zoë'.encode(), b'Hara', b'"P-1"', b'1970-12', b'typing', b'left side', b'lotion', b'room_c',
                 b'counts', b'picture'):
        assert word not in held, word
    exams = station.start(sealer=None)
    assert exams.list()[0].patient is None and list(exams.verify()) == [] and exams.get(exam.id) == exam
    for call in (lambda: exams.patient(exam), lambda: exams.read_file(exam, '0001.tscap'), lambda: exams.list('zoë'),
                 lambda: exams.create(ZOE, 'op'), lambda: exams.amend(exam.id, 'op', 'a', 'b')):
        assert code_of(call) == 'exams-locked'
    exams.sealer = Sealer(b'K' * 32)
    assert exams.list()[0].patient is None and exams.list('zoë') == []
    exams.sealer = station.sealer
    assert exams.list('ZOË')[0].patient == ZOE
    station.close()


def test_the_audit_log_knows_everything_that_it_is_told():
    told = set(AUDITED.values()) | {library.RECONCILED, library.QUARANTINED, library.REBUILT, library.DELETED}
    assert told <= set(EVENTS)


def test_exams_from_before_a_station_encrypted_stay_plain_and_go_on(tmp_path):
    station = Station(tmp_path)
    plain = station.exam(REVIEW)
    station.close()
    station.sealer = Sealer(b'k' * 32)
    exams = station.start()
    sealed = station.exam(SIGNED, Patient('P-2', 'Noor'))
    signed = exams.sign(plain.id, 'op')
    exams.amend(plain.id, 'op', 'why', 'what')
    assert exams.patient(signed) == ZOE and exams.conditions(signed) == CONDITIONS and not signed.encrypted
    assert exams.read_file(signed, '0001.tscap') == b'counts' == exams.read_file(sealed, '0001.tscap')
    assert [entry.patient and entry.patient.id for entry in exams.list()] == ['P-2', 'P-1'] and sealed.encrypted
    exams.create(Patient('P-1', 'Noor'), 'op')
    assert [[entry.row.number for entry in exams.list(query, limit=limit)] for query, limit in (
        ('p-1', 9), ('p-1', 1), ('noor', 9), ('zoë', 9), ('P-1 noor', 9))] == [[3, 1], [3], [3, 2], [1], [3]]
    assert [entry.row.number for entry in exams.list('p-1', after=3)] == [1]
    assert b'what' in (tmp_path / os.path.relpath(path_of(station.folder, plain.id), station.folder)
                       / EXAM_NAME).read_bytes()
    exams.sealer = PlainSealer()
    assert code_of(exams.patient, sealed) == code_of(exams.amend, sealed.id, 'op', 'a', 'b') == 'seal-key'
    assert list(exams.verify()) == [] and exams.failure is None
    station.close()


def test_the_log_is_told_of_every_step_and_of_nobody(station):
    exam = station.exam(AMENDED)
    assert [event for event, _, _ in station.log] == [
        'exam-created', 'exam-started', 'capture-added', 'exam-reviewed', 'exam-signed', 'exam-amended']
    assert all(set(facts) == {'exam', 'number', 'seq', 'state', 'sha256'} and facts['exam'] == exam.id
               for _, _, facts in station.log)
    assert exam.anchors == (Anchor(5, 5, 'head-5'), Anchor(6, 6, 'head-6'))
    assert set(AUDITED) == set(KINDS)


def test_what_does_not_fit_touches_nothing(station):
    exam = station.exam(SIGNED)
    log = len(station.log)
    before = {name: os.stat(os.path.join(path_of(station.folder, exam.id), name)).st_mtime_ns
              for name in os.listdir(path_of(station.folder, exam.id))}
    for call in (lambda: station.exams.add_capture(exam.id, 'op', 'frontal', PICTURE),
                 lambda: station.exams.discard(exam.id, 'op', 'no'), lambda: station.exams.sign(exam.id, 'op'),
                 lambda: station.exams.note(exam.id, 'op', {'room_c': 20})):
        assert code_of(call) == 'exam-state'
    assert {name: os.stat(os.path.join(path_of(station.folder, exam.id), name)).st_mtime_ns
            for name in os.listdir(path_of(station.folder, exam.id))} == before
    assert len(station.log) == log and station.exams.get(exam.id) == exam


def test_every_view_and_a_dynamic_series_are_kept_in_order(station):
    exam_id = station.exam(DRAFT).id
    station.exams.start(exam_id, 'op', {'distance_m': 0.8})
    for role in ROLES[:-1]:
        station.exams.add_capture(exam_id, 'op', role, PICTURE, conditions={'distance_m': 1})
    for frame in (1, 2):
        exam = station.exams.add_capture(exam_id, 'op', 'dynamic', PICTURE._replace(labels=b'ids'), frame)
    assert [(capture.role, capture.frame) for capture in exam.captures] == [
        (role, 0) for role in ROLES[:-1]] + [('dynamic', 1), ('dynamic', 2)]
    assert sorted(exam.captures[7].files) == ['0008.labels.png', '0008.overlay.png', '0008.result.json', '0008.tscap']
    assert [event.seq for event in exam.events] == sorted({event.seq for event in exam.events})
    assert code_of(station.exams.add_capture, exam_id, 'op', 'profile', PICTURE) == 'exam-capture'
    station.exams.review(exam_id, 'op')
    assert station.exams.resume(exam_id, 'op').state == ACQUIRING
    station.exams.deviation(exam_id, 'op', 'She could not raise her arms.')
    assert list(station.exams.verify(exam_id)) == []


@pytest.mark.parametrize('patient', [
    Patient(''), Patient(' '), Patient('P', 'two\nlines'), Patient('P\x00'), Patient('P' * 201), Patient('P', '\ud800'),
    Patient('P', '', '31.12.1970'), Patient('P', '', '1970-02-30'), Patient('P', '', '1970-1-1')])
def test_a_patient_that_cannot_be_is_refused(station, patient):
    assert code_of(station.exams.create, patient, 'op') == 'exam-patient'
    assert station.exams.list() == [] and station.log == []


@pytest.mark.parametrize('patient', [
    Patient("Robert'); DROP TABLE exam;--"), Patient('P', '<script>alert(1)</script>'), Patient('P', '李 小龍'),
    Patient('P', 'نرگس\u200cسادات'), Patient('P', 'Ṩ̷', '2000-02-29'), Patient('../../etc/passwd', '%s %n {0}')])
def test_names_in_any_script_are_kept_as_they_are(station, patient):
    exam = station.exam(DRAFT, patient)
    assert station.exams.patient(exam) == patient
    for word in patient.id.split() + patient.name.split():
        assert [entry.patient for entry in station.exams.list(word)] == [patient]


@pytest.mark.parametrize('conditions', [
    {'room_c': 'warm'}, {'room_c': float('nan')}, {'room_c': 51}, {'room_c': True}, {'rooms': 1}, {'notes': ' '},
    {'notes': 'x' * 4001}, {'notes': '\x1b[2J'}, {'humidity_percent': None}, {'purpose': 'a\nb'}, {'purpose': ' '},
    {'last_mammogram': '2024-13'}, {'last_mammogram': '2024-05-01'}, {'last_mammogram': 'yesterday'},
    {'last_mammogram': '2027-02'}, {'last_mammogram': '2028'}])  # it is January 2027
def test_conditions_that_cannot_be_are_refused(station, conditions):
    assert code_of(station.exams.create, ZOE, 'op', conditions) in ('exam-condition', 'exam-text')
    assert station.log == []


def test_a_mammogram_of_this_month_is_kept_and_of_any_while_nobody_knows_which_month_it_is(station):
    exam = station.exams.create(ZOE, 'op', {'last_mammogram': '2027-01'})
    assert station.exams.conditions(exam) == {'last_mammogram': '2027-01'}
    station.exams._clock = the_clock(synchronised=lambda: False)
    exam = station.exams.note(exam.id, 'op', {'last_mammogram': '2031'})
    assert station.exams.conditions(exam) == {'last_mammogram': '2031'}


@pytest.mark.parametrize('order', [
    Order('1.2.03'), Order('study'), Order('1.' + '2' * 63), Order(accession='A\nB'), Order(accession='\ud800'),
    Order(step='x' * 1001), Order(accession=7)])
def test_an_order_that_cannot_be_kept_is_refused(station, order):
    assert code_of(station.exams.create, ZOE, 'op', None, order) == 'exam-order'
    assert station.exams.list() == [] and station.log == []


def test_what_the_worklist_said_stays_with_the_exam_and_is_no_condition(tmp_path):
    station = Station(tmp_path / 'sealed', Sealer(b'k' * 32))
    exam = station.exam(SIGNED, ZOE, ORDER)
    assert exam.scheduled and station.exams.order(exam) == ORDER
    assert station.exams.conditions(exam) == CONDITIONS
    assert exam.events[0].facts == {'scheduled': True, 'step': 'purpose'}, 'nobody is asked what it is for'
    with open(os.path.join(path_of(station.folder, exam.id), EXAM_NAME), 'rb') as stream:
        data = stream.read()
    assert b'"version":4' in data and not any(text.encode('utf-8') in data for text in ORDER if len(text) > 4)
    station.start()
    assert station.exams.rebuild() == 1 and list(station.exams.verify()) == []
    assert station.exams.order(station.exams.get(exam.id)) == ORDER
    plain = station.exam(SIGNED)
    assert not plain.scheduled and station.exams.order(plain) is None
    station.close()


def test_reasons_are_asked_for(station):
    for text in ('', ' \n', 'x' * 4001, '\x00'):
        assert code_of(station.exams.discard, station.exam(DRAFT).id, 'op', text) == 'exam-text'
        assert code_of(station.exams.amend, station.exam(SIGNED).id, 'op', 'reason', text) == 'exam-text'
    exam = station.exam(DRAFT)
    discarded = station.exams.discard(exam.id, 'op', 'one\r\ntwo')
    assert station.exams.private(discarded, 2) == {'reason': 'one\ntwo'} and discarded.state == DISCARDED


def test_signing_waits_for_a_date_that_somebody_stands_for(station):
    clock = the_clock(synchronised=lambda: False)
    exam = station.exam(REVIEW)
    exams = station.start(clock=clock)
    assert code_of(exams.sign, exam.id, 'op') == 'date-uncertain'
    clock.confirm()
    signed = exams.sign(exam.id, 'op')
    assert [event.stamp.clock for event in signed.events][-2:] == ['ntp', 'operator']


def test_order_is_by_number_whatever_the_clock_says(station):
    times = iter([3e9, 2e9, 1e9, 1.5e9])
    exams = station.start(clock=the_clock(utc_s=lambda: next(times)))
    ids = [station.exams.create(ZOE, 'op').id for _ in range(3)]
    assert [entry.row.id for entry in exams.list()] == ids[::-1]
    assert [entry.row.number for entry in exams.list()] == [3, 2, 1]


def test_a_list_comes_in_pages_and_refuses_what_makes_no_sense(station):
    for number in range(5):
        station.exam(DRAFT if number % 2 else SIGNED, Patient('P-%d' % number, 'Anna Berg'))
    first = station.exams.list(limit=2)
    assert [entry.row.number for entry in station.exams.list(after=first[-1].row.number, limit=9)] == [3, 2, 1]
    assert [entry.row.number for entry in station.exams.list('berg ANNA', SIGNED)] == [5, 3, 1]
    assert station.exams.list('Ann') == [] and station.exams.list('anna P-9') == []
    for wrong in ({'state': 'x'}, {'after': -1}, {'limit': 0}, {'limit': 1001}, {'query': 'x' * 201}):
        assert code_of(station.exams.list, **wrong) == 'exam-query'


def test_no_exam_begins_without_room_and_a_begun_one_goes_on(station):
    exam = station.exam(DRAFT)
    exams = station.start(room=lambda folder: Message('room-none', 'Full.', 'Back up.', PROBLEM))
    assert code_of(exams.create, ZOE, 'op') == 'room-none'
    assert exams.start(exam.id, 'op').state == ACQUIRING
    exams = station.start(room=lambda folder: Message('room-low', 'Nearly full.', '', WARNING))
    assert exams.create(ZOE, 'op').state == DRAFT


def test_threads_change_exams_one_after_another(station):
    exam_id, refused = station.exam(ACQUIRING).id, []

    def work(number):
        try:
            station.exams.deviation(exam_id, 'op-%d' % number, 'late')
            station.exams.add_capture(exam_id, 'op-%d' % number, 'frontal', PICTURE)
            station.exams.create(ZOE, 'op')
        except Exception as error:
            refused.append(error)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [] and len(station.exams.get(exam_id).captures) == 9
    assert [entry.row.number for entry in station.exams.list()] == list(range(9, 0, -1))
    assert list(station.exams.verify()) == []


def test_a_second_program_is_refused(station):
    assert code_of(Exams, station.folder, PlainSealer(), None, the_clock()) == 'store-busy'


def test_an_exam_that_is_not_there(station):
    for exam_id in ('f' * 16, '../../x', ''):
        for call in (station.exams.get, lambda exam_id: station.exams.start(exam_id, 'op'),
                     lambda exam_id: list(station.exams.verify(exam_id or 'x'))):
            with pytest.raises(ExamMissingError):
                call(exam_id)


# What a kill, a bad disk or a hand leaves

def test_after_a_kill_the_folder_is_right_and_strangers_are_put_aside(station):
    exam, other = station.exam(ACQUIRING), station.exam(ACQUIRING)
    station.crash(exam.id)
    write_files(station.folder, exam.id, {'0002.tscap': b'never acknowledged'})
    write_files(station.folder, other.id, {'0002.tscap': b'not looked for'})
    exams = station.start()
    assert codes(exams.messages) == ['exam-quarantined'] and exams.messages[0].facts == {'exam': exam.id}
    assert os.listdir(path_of(station.folder, other.id)).count('0002.tscap') == 1
    aside = os.listdir(os.path.join(station.folder, QUARANTINE))
    assert len(aside) == 1 and '0002.tscap' in aside[0]
    assert [event for event, _, _ in station.log[-2:]] == ['exam-quarantined', 'exam-reconciled']
    assert list(exams.verify(exam.id)) == [] and exams.add_capture(exam.id, 'op', 'frontal', PICTURE)
    station.close()
    assert station.start().messages == []


def test_a_signature_without_its_anchor_gets_it_at_the_start(station):
    exam = station.exam(REVIEW)

    def dead(event, operator, **facts):
        raise StorageError('audit-failed', 'The disk failed.')
    exams = station.start(record=dead)
    assert code_of(exams.sign, exam.id, 'op') == 'audit-failed'
    assert code_of(exams.create, ZOE, 'op') == 'storage-failed' and exams.failure is not None
    assert exams.get(exam.id).state == SIGNED and exams.get(exam.id).anchors == ()
    exams = station.start()
    assert station.log[-1][0] == 'exam-reconciled' and station.log[-1][2]['state'] == SIGNED
    assert exams.get(exam.id).anchors == (Anchor(5, len(station.log), 'head-%d' % len(station.log)),)
    assert list(exams.verify()) == []


def failing(monkeypatch, module, name, number, after=0):
    """Have a function of a module fail once, after it was called so many times; it then works again."""
    real, calls = getattr(module, name), []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == after + 1:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)
    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize('call, after', [('write', 0), ('write', 1), ('write', 2), ('write', 3), ('link', 0),
                                         ('link', 1), ('replace', 0)])
def test_a_full_disk_refuses_one_change_and_nothing_is_lost(station, monkeypatch, call, after):
    exam = station.exam(ACQUIRING)
    failing(monkeypatch, os, call, errno.ENOSPC, after)
    assert code_of(station.exams.add_capture, exam.id, 'op', 'frontal', PICTURE) == 'disk-full'
    assert station.exams.get(exam.id) == exam and station.exams.failure is None
    again = station.exams.add_capture(exam.id, 'op', 'left-oblique', PICTURE)
    assert [capture.role for capture in again.captures] == ['frontal', 'left-oblique']
    assert list(station.exams.verify()) == []
    assert [event for event, _, _ in station.log][-2:] == ['exam-reconciled', 'capture-added']


@pytest.mark.parametrize('act, states', [('create', [DRAFT, SIGNED]), ('amend', [AMENDED])])
def test_a_list_says_what_a_full_disk_kept_of_a_change_that_it_ended(station, monkeypatch, act, states):
    exams, exam = station.exams, station.exam(SIGNED)
    call = {'create': lambda: exams.create(ZOE, 'op'), 'amend': lambda: exams.amend(exam.id, 'op', 'why', 'what')}[act]

    def full(exam):
        raise StorageError('disk-full', 'It is full.')
    with monkeypatch.context() as patch:
        patch.setattr(exams._store, 'put', full)
        assert code_of(call) == 'disk-full'
        assert [entry.row.state for entry in exams.list()] == [SIGNED], 'it is still full'
    assert [entry.row.state for entry in exams.list()] == states == [
        exams.get(entry.row.id).state for entry in exams.list()]
    assert list(exams.verify()) == [] and station.log[-1][0] == 'exam-reconciled' and exams.failure is None


def syncs_of_a_capture(station, exam, monkeypatch):
    """How many fsyncs one more capture takes; every further one takes as many."""
    calls = []
    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', calls.append)
        station.exams.add_capture(exam.id, 'op', 'frontal', PICTURE)
    return len(calls)


@pytest.mark.parametrize('call, after', [('write', 0), ('fsync', 0), ('fsync', 1), ('fsync', -1), ('replace', 0)])
def test_a_failing_disk_ends_the_keeping_until_a_restart(station, monkeypatch, call, after):
    exam = station.exam(ACQUIRING)
    syncs = syncs_of_a_capture(station, exam, monkeypatch)
    failing(monkeypatch, os, call, errno.EIO, after % syncs)
    assert code_of(station.exams.add_capture, exam.id, 'op', 'frontal', PICTURE) == 'disk-failing'
    for change in (lambda: station.exams.add_capture(exam.id, 'op', 'frontal', PICTURE),
                   lambda: station.exams.create(ZOE, 'op'), station.exams.rebuild):
        assert code_of(change) == 'storage-failed'
    assert station.exams.get(exam.id).id == exam.id and len(station.exams.list()) == 1
    exams = station.start()
    # Where only the last fsync of the folder failed, the capture is there and was not acknowledged.
    assert len(exams.get(exam.id).captures) == (3 if after == -1 else 2)
    exams.add_capture(exam.id, 'op', 'frontal', PICTURE)
    assert list(exams.verify()) == []


def test_a_folder_fsync_that_says_full_after_the_rename_ends_the_keeping_too(station, monkeypatch):
    exam = station.exam(ACQUIRING)
    failing(monkeypatch, os, 'fsync', errno.ENOSPC, syncs_of_a_capture(station, exam, monkeypatch) - 1)
    assert code_of(station.exams.add_capture, exam.id, 'op', 'frontal', PICTURE) == 'disk-full'
    assert code_of(station.exams.create, ZOE, 'op') == 'storage-failed'


def test_an_index_that_is_behind_follows_the_folder(station, monkeypatch):
    exam = station.exam(ACQUIRING)

    def full(self, exam):
        raise StorageError('disk-full', 'The disk is full.')
    with monkeypatch.context() as patch:
        patch.setattr(store.Store, 'put', full)
        assert code_of(station.exams.review, exam.id, 'op') == 'disk-full'
    assert station.exams.get(exam.id).state == REVIEW
    assert station.exams.sign(exam.id, 'op').state == SIGNED
    assert station.exams.list()[0].row.state == SIGNED and list(station.exams.verify()) == []


def test_a_corrupted_row_is_made_anew(station):
    exam = station.exam(SIGNED)
    station.close()
    base = sqlite3.connect(os.path.join(station.folder, DATABASE))
    base.execute("UPDATE exam SET state = 'draft', operator = 'nobody'")
    base.commit()
    base.close()
    assert codes(verify_store(station.folder)) == ['exam-row']
    exams = station.start()
    assert [(entry.row.state, entry.row.operator) for entry in exams.list()] == [(SIGNED, 'op')]
    assert list(exams.verify()) == [] and exams.get(exam.id).state == SIGNED


@pytest.mark.parametrize('damage', [os.unlink, lambda path: atomic_write(path, b'no database' * 999)])
def test_the_index_comes_back_from_the_folders_alone(station, damage):
    for number in range(3):
        station.exam((DRAFT, SIGNED, DISCARDED)[number], Patient('P-%d' % number, 'Anna'))
    before = station.exams.list()
    station.close()
    damage(os.path.join(station.folder, DATABASE))
    exams = station.start()
    assert exams.list() == before and codes(exams.messages) == [
        'store-missing' if damage is os.unlink else 'store-damaged']
    assert [entry.row.number for entry in exams.list('anna')] == [3, 2, 1]
    assert exams.create(ZOE, 'op').number == 4 and list(exams.verify()) == []


def test_rebuild_gives_the_same_list_and_puts_aside_what_is_no_exam(station):
    for state in (DRAFT, ACQUIRING, SIGNED):
        station.exam(state)
    before, exam = station.exams.list(), station.exams.list()[0].row
    write_files(station.folder, exam.id, {'0002.tscap': b'a stranger'})
    os.mkdir(os.path.join(station.folder, 'exams', 'zz'))
    os.mkdir(os.path.join(station.folder, 'exams', 'zz', 'holiday'))
    assert codes(station.exams.verify()) == ['exam-stray', 'exam-stray']
    assert station.exams.rebuild() == 3
    assert station.exams.list() == before and list(station.exams.verify()) == []
    assert codes(station.exams.messages) == ['exam-quarantined'] * 2 and station.log[-1][0] == 'exams-rebuilt'
    assert len(os.listdir(os.path.join(station.folder, QUARANTINE))) == 2


def test_two_folders_with_one_number_are_told(station):
    first, second = station.exam(DRAFT), station.exam(DRAFT)
    path = os.path.join(path_of(station.folder, second.id), EXAM_NAME)
    atomic_write(path, encode_exam(replace(second, number=1)))
    assert station.exams.rebuild() == 1 and codes(station.exams.messages) == ['exam-number']
    assert len(station.exams.list()) == 1 and first.number == 1


def test_a_damaged_exam_is_named_and_stays_where_it_is(station):
    exam, other = station.exam(SIGNED), station.exam(SIGNED)
    path = os.path.join(path_of(station.folder, exam.id), EXAM_NAME)
    with open(path, 'r+b') as stream:
        stream.seek(40)
        stream.write(b'!')
    station.crash(exam.id)
    exams = station.start()
    assert codes(exams.messages) == ['exam-damaged'] and exams.messages[0].facts == {'exam': exam.id}
    assert os.path.exists(path) and len(exams.list()) == 2 and exams.get(other.id) == other
    with pytest.raises(ExamUnreadableError):
        exams.amend(exam.id, 'op', 'a', 'b')
    assert [(message.code, message.facts['exam']) for message in exams.verify()] == [('exam-damaged', exam.id)]
    assert codes(exams.verify(exam.id)) == ['exam-damaged'] and list(exams.verify(other.id)) == []


def test_an_exam_that_was_rewritten_with_fitting_hashes_is_found_by_what_the_log_was_told(station):
    kept, rewritten, removed, cut = [station.exam(AMENDED) for _ in range(4)]
    told = {facts['exam']: (facts['number'], facts['sha256']) for _, _, facts in station.log}
    assert list(station.exams.verify(told=told)) == []
    station.exams.amend(kept.id, 'op', 'more', 'text')
    events = rewritten.events[:4] + (replace(rewritten.events[4], operator='somebody'),) + rewritten.events[5:]
    for exam in (replace(rewritten, events=events), replace(cut, events=cut.events[:-1], state=SIGNED)):
        atomic_write(os.path.join(path_of(station.folder, exam.id), EXAM_NAME), encode_exam(exam))
    shutil.rmtree(path_of(station.folder, removed.id))
    station.exams.rebuild()
    assert list(station.exams.verify()) == []
    found = [(message.code, message.facts['exam']) for message in station.exams.verify(told=told)]
    assert sorted(found) == sorted([('exam-rewritten', rewritten.id), ('exam-gone', removed.id),
                                    ('exam-rewritten', cut.id)])
    assert codes(station.exams.verify(removed.id, told)) == ['exam-gone']


def test_a_missing_folder_is_told_at_the_start(station):
    exam = station.exam(SIGNED)
    station.crash(exam.id)
    os.rename(path_of(station.folder, exam.id), os.path.join(station.folder, 'gone'))
    exams = station.start()
    assert codes(exams.messages) == ['exam-gone'] and len(exams.list()) == 1
