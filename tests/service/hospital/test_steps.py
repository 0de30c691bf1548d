"""What the hospital is told of an exam under way, against a small server of procedure steps."""
import json
from pathlib import Path

import pytest

from service.exams.exam import DISCARDED, REVIEW, SIGNED, Patient
from service.hospital import calls
from service.hospital.dicom import uid_of
from service.hospital.site import Peer, Site
from service.hospital.steps import FILE, Steps
from tests.service.exams.station import ORDER, REAL, Station

from .peers import StepServer
from .test_calls import InThread


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path / 'store', picture=REAL)
    yield made
    made.close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    made = StepServer()
    yield made
    made.close()


@pytest.fixture
def now_s():
    return [1.8e9]


@pytest.fixture
def steps(station, server, now_s):
    site = Site('THERMO', mpps=Peer('127.0.0.1', server.port, 'RIS', 'THERMO'), station_name='TROLLEY 3')
    return lambda: Steps(site, station.exams, now_s=lambda: now_s[0])


def test_an_exam_is_told_of_with_its_first_picture_and_once_at_its_end(station, server, steps):
    before = station.exam(SIGNED)
    telling, exams = steps(), station.exams
    telling.tell()
    assert server.asked == [], 'nobody told of it when it began'
    done = []
    exam = exams.create(Patient('P-1', 'Παπαδοπούλου Ελένη', '1970-12-31'), 'op', None, ORDER)
    exams.start(exam.id, 'op')
    telling.changed(exam.id, lambda: done.append(1))
    telling.tell()
    assert server.asked == [] and done == [1]
    exams.add_capture(exam.id, 'op', 'frontal', REAL)
    telling.tell()
    uid = uid_of(exam.id, 'step')
    begun = server.steps[uid]
    assert (str(begun.PatientName), begun.PatientID, begun.PerformedProcedureStepStatus) == (
        'Παπαδοπούλου^Ελένη', 'P-1', 'IN PROGRESS')
    scheduled = begun.ScheduledStepAttributesSequence[0]
    assert (scheduled.StudyInstanceUID, scheduled.AccessionNumber, scheduled.RequestedProcedureID,
            scheduled.ScheduledProcedureStepID) == ('1.2.840.1.77', 'ACC-4711', 'RP-1', 'SPS-1')
    assert len(begun.PerformedSeriesSequence or []) == 0 and not begun.PerformedProcedureStepEndDate
    telling = steps()  # after a restart
    telling.tell()
    exams.review(exam.id, 'op')
    exams.sign(exam.id, 'chief')
    for _ in range(2):
        telling.tell()
        telling = steps()
    ended = server.steps[uid]
    assert ended.PerformedProcedureStepStatus == 'COMPLETED' and ended.PerformedProcedureStepEndDate
    series = ended.PerformedSeriesSequence
    assert [len(one.ReferencedImageSequence) for one in series] == [1, 1], 'temperatures, and the picture'
    assert server.asked == [('create', uid), ('set', uid)] and telling.message.severity == 'ok'
    assert before.id not in json.loads((Path(station.folder) / FILE).read_text())['exams']


def test_an_exam_that_was_given_up_is_discontinued_and_one_without_a_picture_never_was(station, server, steps):
    telling = steps()
    station.exam(DISCARDED)
    exam = station.exam(REVIEW, Patient('P-2', 'Lind, Anna'))
    station.exams.discard(exam.id, 'op', 'she left')
    steps().tell()
    uid = uid_of(exam.id, 'step')
    assert server.asked == [('create', uid), ('set', uid)], 'and the one of before the first start was left out'
    step = server.steps[uid]
    assert step.PerformedProcedureStepStatus == 'DISCONTINUED' and not step.PerformedSeriesSequence
    assert step.ScheduledStepAttributesSequence[0].StudyInstanceUID == uid_of(exam.id, 'study')
    assert telling.message.severity == 'ok'


@pytest.mark.parametrize('verb', ['create', 'set'])
def test_what_nobody_knows_the_outcome_of_is_told_again_as_the_same(station, server, steps, now_s, verb):
    steps()
    exam = station.exam(SIGNED)
    broken = []

    def turn(event):
        if not broken and server.asked[-1][0] == verb:
            broken.append(event.assoc.abort())
    server.turn = turn
    telling = steps()
    telling.tell()
    assert telling.message.code == 'hospital-aborted' and telling.message.next_step
    count = len(server.asked)
    telling.tell()
    assert len(server.asked) == count, 'not before a minute has passed'
    now_s[0] += 61
    steps().tell()
    uid = uid_of(exam.id, 'step')
    assert server.steps[uid].PerformedProcedureStepStatus == 'COMPLETED'
    assert server.asked == {'create': [('create', uid)] * 2 + [('set', uid)],
                            'set': [('create', uid)] + [('set', uid)] * 2}[verb]
    now_s[0] += 1e6
    steps().tell()
    assert len(server.asked) == 3


def test_a_server_that_cannot_now_is_asked_later_and_one_that_never_takes_it_is_left(station, server, steps, now_s):
    steps()
    station.exam(SIGNED)
    server.turn = lambda event: server.steps.clear() or 0x0213
    telling = steps()
    for minutes, count in ((0, 1), (0.9, 1), (1.1, 2), (4, 2), (6.2, 3), (21.3, 4), (81.4, 5), (141.5, 6)):
        now_s[0] = 1.8e9 + 60 * minutes
        telling.tell()
        assert len(server.asked) == count, minutes
    server.turn = lambda event: 0x0106
    now_s[0] += 3601
    telling.tell()
    assert telling.message.code == 'hospital-failed' and '0106' in telling.message.facts['figures']
    now_s[0] += 1e6
    steps().tell()
    assert len(server.asked) == 7
    station.exam(SIGNED)
    station.exams.sealer, key = None, station.exams.sealer
    telling = steps()
    telling.tell()
    assert len(server.asked) == 7, 'exams are locked'
    station.exams.sealer = key
    telling.tell()
    assert len(server.asked) == 8
