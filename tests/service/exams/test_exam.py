"""The state machine of an exam: what may happen to it, and what it is then."""
from dataclasses import replace

import pytest

from service.exams.exam import (
    ACQUIRING,
    AMENDED,
    CAPTURED,
    CORRECTED,
    CREATED,
    DEVIATED,
    DISCARDED,
    DRAFT,
    DYNAMIC,
    HELD,
    IMPORTED,
    KINDS,
    MAX_CAPTURES,
    MOVED,
    NOTED,
    RELEASED,
    RESUMED,
    REVIEW,
    REVIEWED,
    ROLES,
    SIGNED,
    STARTED,
    STATES,
    Exam,
    ExamError,
    ExamMissingError,
    check_id,
    new_id,
    transition,
)
from service.views import NO_TORSO, VIEWS
from tests.service.exams.making import ID, WAY, event_for, made

#: Every step that there is, written down a second time.
ALLOWED = {
    (DRAFT, STARTED): ACQUIRING, (DRAFT, NOTED): DRAFT, (DRAFT, DEVIATED): DRAFT, (DRAFT, DISCARDED): DISCARDED,
    (ACQUIRING, CAPTURED): ACQUIRING, (ACQUIRING, NOTED): ACQUIRING, (ACQUIRING, DEVIATED): ACQUIRING,
    (ACQUIRING, CORRECTED): ACQUIRING, (REVIEW, CORRECTED): REVIEW,
    (ACQUIRING, REVIEWED): REVIEW, (ACQUIRING, DISCARDED): DISCARDED,
    (REVIEW, NOTED): REVIEW, (REVIEW, DEVIATED): REVIEW, (REVIEW, RESUMED): ACQUIRING, (REVIEW, SIGNED): SIGNED,
    (REVIEW, DISCARDED): DISCARDED, (SIGNED, AMENDED): AMENDED, (AMENDED, AMENDED): AMENDED,
    (SIGNED, MOVED): DISCARDED, (AMENDED, MOVED): DISCARDED}
ALLOWED.update({(state, kind): state for state in STATES for kind in (HELD, IMPORTED)})


def code_of(exam, event):
    with pytest.raises(ExamError) as caught:
        transition(exam, event)
    assert caught.value.message.sentence
    return caught.value.code


@pytest.mark.parametrize('state', STATES)
@pytest.mark.parametrize('kind', KINDS)
def test_a_step_is_allowed_or_refused_in_words(state, kind):
    exam = made(state)
    event = event_for(exam, kind)
    if (state, kind) in ALLOWED:
        after = transition(exam, event)
        assert after.state == ALLOWED[state, kind] and after.events == exam.events + (event,)
    else:
        assert code_of(exam, event) == ('exam-hold' if kind == RELEASED else 'exam-state')
    assert exam == made(state), 'the exam before is as it was'


def test_an_exam_begins_by_being_made():
    exam = Exam(ID, 1, '{}')
    assert [kind for kind in KINDS if kind == CREATED or code_of(exam, event_for(exam, kind)) != 'exam-state'] == [
        CREATED]


def test_signed_is_locked():
    assert [state for state in WAY if made(state).locked] == [SIGNED, AMENDED]


def test_a_hold_is_set_and_released_once_each():
    exam, held = made(SIGNED), []
    for kind in (HELD, RELEASED, HELD):
        exam = transition(exam, event_for(exam, kind))
        assert code_of(exam, event_for(exam, kind)) == 'exam-hold' and exam.state == SIGNED
        held.append(exam.held)
    assert held == [True, False, True]


@pytest.mark.parametrize('changes', [{'number': 5}, {'number': 3}, {'seq': 30}, {'seq': 1}])
def test_an_event_out_of_order_is_refused(changes):
    exam = made(ACQUIRING)
    assert code_of(exam, replace(event_for(exam, NOTED), **changes)) == 'exam-state'


def test_an_exam_without_a_picture_is_not_reviewed():
    exam = transition(made(DRAFT), event_for(made(DRAFT), STARTED))
    assert code_of(exam, event_for(exam, REVIEWED)) == 'exam-empty'


def test_roles_are_every_view_and_the_dynamic_series():
    assert set(ROLES) == set(VIEWS) - {NO_TORSO} | {DYNAMIC}


def test_captures_are_numbered_and_keep_role_frame_and_files():
    exam, roles = made(DRAFT), [('frontal', 0), ('left-oblique', 0), ('frontal', 0), (DYNAMIC, 1), (DYNAMIC, 2)]
    exam = transition(exam, event_for(exam, STARTED))
    for number, (role, frame) in enumerate(roles, 1):
        files = {'%04d.tscap' % number: [number, '0' * 64]}
        exam = transition(exam, event_for(exam, CAPTURED, role=role, frame=frame, files=files))
    assert [(capture.number, capture.role, capture.frame) for capture in exam.captures] == [
        (number, role, frame) for number, (role, frame) in enumerate(roles, 1)]
    assert {name: file.size for name, file in exam.files.items()} == {'%04d.tscap' % n: n for n in range(1, 6)}


@pytest.mark.parametrize('facts', [
    {'role': 'profile'}, {'role': None}, {'role': DYNAMIC}, {'frame': 1}, {'frame': -1}, {'frame': 'first'},
    {'role': DYNAMIC, 'frame': 0}, {'files': ['0002.tscap']}, {'files': {'0001.tscap': [1, '0' * 64]}},
    {'files': {'0002.tscap/../x': [1, '0' * 64]}}, {'files': {'../exam.json': [1, '0' * 64]}}])
def test_a_capture_that_makes_no_sense_is_refused(facts):
    exam = made(ACQUIRING)
    assert code_of(exam, event_for(exam, CAPTURED, **facts)) == 'exam-capture'


def test_an_exam_has_room_for_so_many_pictures_only(monkeypatch):
    assert MAX_CAPTURES == 9999
    monkeypatch.setattr('service.exams.exam.MAX_CAPTURES', 1)
    exam = made(ACQUIRING)
    assert code_of(exam, event_for(exam, CAPTURED)) == 'exam-capture'


def test_ids_are_random_and_nothing_else_is_one():
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100 and all(check_id(exam_id) == exam_id for exam_id in ids)
    for text in ('', '..', ID[:-1], ID + '0', ID.upper(), ID + '\n', '../' + ID, 'x' * 1000):
        with pytest.raises(ExamMissingError) as caught:
            check_id(text)
        assert caught.value.code == 'exam-missing' and len(caught.value.message.sentence) < 80
