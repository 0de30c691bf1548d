"""Nothing goes by itself: what a policy removes, what stays, and that a removal is whole after a kill."""
import os

import pytest

from service.clock import Stamp
from service.exams import Policy, Reader, plan_retention, verify_store
from service.exams.exam import AMENDED, DISCARDED, DRAFT, REVIEW, SIGNED, ExamError
from service.exams.folder import EXAM_NAME, REMOVED, path_of, quarantine
from service.exams.library import Exams
from service.messages import StorageError
from service.sealing import PlainSealer
from tests.fakes.killing import killed_at
from tests.service.exams.station import Station, the_clock

#: The station's clock says 2027-01-15.
NOW = Stamp('2037-01-16T00:00:00.000000Z', 'ntp', 'boot', 9)
EVER = Policy(0, 0)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    yield station
    station.close()


def read(path):
    if not os.path.exists(path):
        return ''
    with open(path) as stream:
        return stream.read()


def planned(station, policy, now=NOW):
    return [due.exam.id for due in plan_retention(station.folder, policy, now).due]


def test_the_settings_alone_say_how_long(station):
    exams = {state: station.exam(state).id for state in (SIGNED, AMENDED, DISCARDED, DRAFT, REVIEW)}
    station.exam(DISCARDED)  # the newest one stays
    for policy, states in ((EVER, []), (Policy(10, 0), [SIGNED, AMENDED]), (Policy(11, 0), []),
                           (Policy(0, 3650), [DISCARDED]), (Policy(0, 3660), []),
                           (Policy(10, 30), [SIGNED, AMENDED, DISCARDED])):
        assert planned(station, policy) == [exams[state] for state in states], policy
    assert planned(station, Policy(10, 30), NOW._replace(utc='2037-01-15T07:59:59.000000Z')) == [exams[DISCARDED]]
    assert planned(station, Policy(10, 30), NOW._replace(utc='2020-01-01T00:00:00.000000Z')) == []


def test_holds_uncertain_dates_and_damage_keep_an_exam(station):
    held, plain, damaged = [station.exam(SIGNED).id for _ in range(3)]
    station.exams.hold(held, 'chief', 'court')
    os.unlink(os.path.join(path_of(station.folder, damaged), EXAM_NAME))
    with open(os.path.join(path_of(station.folder, damaged), EXAM_NAME), 'wb') as stream:
        stream.write(b'{}')
    exams = station.start(clock=the_clock(synchronised=lambda: False))
    uncertain = station.exam(DISCARDED).id
    station.exam(DRAFT)
    plan = plan_retention(station.folder, Policy(10, 30), NOW)
    assert ([due.exam.id for due in plan.due], plan.held, plan.uncertain, plan.unreadable) == (
        [plain], (held,), (uncertain,), (damaged,))
    exams.release(held, 'chief', 'closed')
    assert planned(station, Policy(10, 30)) == [held, plain]
    with pytest.raises(ExamError) as caught:
        planned(station, Policy(10, 30), NOW._replace(clock='unsynchronised'))
    assert caught.value.code == 'date-uncertain'


def test_a_removal_leaves_nothing_but_the_line_in_the_log(station):
    gone, kept = station.exam(AMENDED), station.exam(SIGNED)
    station.exam(DRAFT)
    station.exams.remove(gone.id, 'chief', {'signed_years': 10})
    assert station.log[-1] == ('exam-deleted', 'chief', {'exam': gone.id, 'state': AMENDED, 'signed_years': 10})
    assert [entry.row.number for entry in station.exams.list()] == [3, 2]
    assert [entry.row.id for entry in station.exams.list('zoë')][1:] == [kept.id]
    left = [os.path.join(folder, name) for folder, folders, names in os.walk(station.folder)
            for name in folders + names]
    assert not [path for path in left if gone.id in path] and list(station.exams.verify()) == []
    assert station.exams.rebuild() == 2 and list(station.exams.verify()) == [] and station.exams.messages == []
    station.start()
    assert station.exams.create(station.exams.patient(kept), 'op').number == 4


def test_what_must_stay_is_not_removed(station):
    held, draft, newest = station.exam(SIGNED), station.exam(DRAFT), station.exam(SIGNED)
    station.exams.hold(held.id, 'chief', 'court')
    log = len(station.log)
    for exam, code in ((held, 'exam-held'), (draft, 'exam-state'), (newest, 'exam-newest')):
        with pytest.raises(ExamError) as caught:
            station.exams.remove(exam.id, 'chief', {})
        assert caught.value.code == code and caught.value.message.next_step
    assert len(station.exams.list()) == 3 and len(station.log) == log and station.exams.failure is None


def test_a_removal_that_the_log_does_not_take_does_not_happen(station):
    exam = station.exam(SIGNED)
    station.exam(DRAFT)

    def dead(event, operator, **facts):
        raise StorageError('audit-failed', 'The disk failed.')
    station.start(record=dead)
    with pytest.raises(StorageError):
        station.exams.remove(exam.id, 'chief', {})
    assert station.exams.get(exam.id) == exam
    station.start()
    assert station.log[-1][0] == 'exam-reconciled' and len(station.exams.list()) == 2


def test_what_the_disk_does_not_let_go_is_told_and_goes_at_the_next_start(station, monkeypatch):
    exam = station.exam(SIGNED)
    station.exam(DRAFT)
    with monkeypatch.context() as patch:
        patch.setattr('shutil.rmtree', lambda path, ignore_errors: None)
        station.exams.remove(exam.id, 'chief', {})
    assert [message.code for message in station.exams.messages] == ['removal-unfinished']
    assert len(os.listdir(os.path.join(station.folder, REMOVED))) == 1
    assert station.start().messages == [] and os.listdir(os.path.join(station.folder, REMOVED)) == []


def test_a_removal_killed_at_any_call_is_whole_or_did_not_happen(tmp_path):
    k, killed, ends = 0, True, set()
    while killed:
        folder, log = str(tmp_path / ('store-%d' % k)), str(tmp_path / ('log-%d' % k))
        station = Station(folder)
        gone, kept = station.exam(SIGNED), station.exam(SIGNED)
        station.close()

        def work(station=station, gone=gone, log=log):
            def record(event, operator, **facts):
                with open(log, 'a') as stream:
                    stream.write('%s %s %s\n' % (event, operator, facts['exam']))
                return 1, 'head'
            station.start(record=record).remove(gone.id, 'chief', {})
        killed = killed_at(k, work, tuple((os, name) for name in ('mkdir', 'rename', 'fsync', 'unlink', 'rmdir')))
        noted = read(log)
        exams = station.start()
        listed = [entry.row.id for entry in exams.list()]
        assert listed in ([kept.id], [kept.id, gone.id]) and list(verify_store(folder)) == [] and exams.messages == []
        assert gone.id in listed or noted == 'exam-deleted chief %s\n' % gone.id, 'never gone without a line'
        assert not os.path.exists(os.path.join(folder, REMOVED)) or not os.listdir(os.path.join(folder, REMOVED))
        if gone.id in listed and noted:
            assert station.log[-1][0] == 'exam-reconciled', 'the log says that it stayed'
        assert exams.rebuild() == len(listed)
        ends.add((gone.id in listed, bool(noted)))
        station.close()
        k += 1
    assert ends == {(True, False), (True, True), (False, True)}


def test_a_database_that_goes_while_an_exam_is_removed_does_not_bring_it_back(station):
    gone, kept = station.exam(SIGNED), station.exam(SIGNED)
    station.close()
    quarantine(station.folder, path_of(station.folder, gone.id), REMOVED)
    for name in os.listdir(station.folder):
        if name.startswith('exams.db'):
            os.unlink(os.path.join(station.folder, name))
    with_index = Exams(station.folder, PlainSealer(), None, the_clock())
    with_index.close()
    assert [row.id for row, _ in Reader(station.folder).rows()] == [kept.id]
    assert os.listdir(os.path.join(station.folder, REMOVED)) == [] and list(verify_store(station.folder)) == []
