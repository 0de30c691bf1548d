"""Exams made of events, without a disk."""
import json

from service.clock import Stamp
from service.exams.exam import (
    ACQUIRING,
    AMENDED,
    CAPTURED,
    CORRECTED,
    CREATED,
    DISCARDED,
    DRAFT,
    NOTED,
    REVIEW,
    REVIEWED,
    SIGNED,
    STARTED,
    Event,
    Exam,
    transition,
)
from service.exams.folder import stored

ID = 'a1b2c3d4e5f60718'
FILES = {'0001.tscap': b'counts', '0001.result.json': b'{}', '0001.overlay.png': b'picture'}

#: Events that lead to each state.
WAY = {
    DRAFT: (CREATED,), ACQUIRING: (CREATED, STARTED, CAPTURED), REVIEW: (CREATED, STARTED, CAPTURED, NOTED, REVIEWED),
    SIGNED: (CREATED, STARTED, CAPTURED, REVIEWED, SIGNED),
    AMENDED: (CREATED, STARTED, CAPTURED, REVIEWED, SIGNED, AMENDED), DISCARDED: (CREATED, DISCARDED)}


def event_for(exam, kind, **facts):
    """The next event of an exam."""
    number = len(exam.events) + 1
    if kind == CAPTURED:
        facts = dict({'role': 'frontal', 'frame': 0, 'files': {}}, **facts)
    if kind == CORRECTED:
        facts = {'picture': 1, 'files': {}}
    return Event(number, 10 * number, kind, 'op-1', Stamp('2026-11-29T12:00:00.000000Z', 'ntp', 'boot-1', number),
                 facts, json.dumps({'reason': 'Ärmel'}) if kind in (AMENDED, DISCARDED) else '')


def made(state, exam_id=ID, files=None):
    """An exam in a state; its capture has the files, if it has one."""
    exam = Exam(exam_id, 7, json.dumps({'id': 'P-1', 'name': 'Zoë'}), ('p-1', 'zoë'))
    for kind in WAY[state]:
        facts = {'files': {name: list(file) for name, file in stored(files or {}).items()}} if kind == CAPTURED else {}
        exam = transition(exam, event_for(exam, kind, **facts))
    return exam
