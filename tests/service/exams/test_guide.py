"""The steps of an exam are what its events say, and nothing is concluded that they do not tell."""
import pytest

from service.clock import NTP, OPERATOR, UNSYNCHRONISED, Stamp
from service.exams import DRAFT, DYNAMIC, Exam, ExamError, guide, transition
from service.exams.exam import (
    CAPTURED,
    CREATED,
    DEVIATED,
    DISCARDED,
    NOTED,
    RESUMED,
    REVIEWED,
    SIGNED,
    STARTED,
    Event,
)
from service.views import FRONTAL, LEFT_LATERAL, LEFT_OBLIQUE, RAISED_ARMS, RIGHT_LATERAL, RIGHT_OBLIQUE

PREPARED = [(NOTED, {'step': 'checklist'}), (NOTED, {'step': 'room'}), (NOTED, {'step': 'humidity'}),
            (NOTED, {'step': 'purpose'}), (NOTED, {'step': 'mammogram'}), (NOTED, {'step': 'acclimatisation'})]
FIVE = [(CAPTURED, {'role': role}) for role in (FRONTAL, RIGHT_OBLIQUE, LEFT_OBLIQUE, RIGHT_LATERAL, LEFT_LATERAL)]
SERIES = (NOTED, {'step': 'series', 'frames': 3, 'interval_s': 10.0})


def stamp(seconds, boot='one', clock=NTP, date_s=None):
    """So many seconds after the start of a machine, and on another date of 2026 if that is given."""
    date_s = seconds if date_s is None else date_s
    return Stamp('2026-03-01T%02d:%02d:%02d.000000Z' % (date_s // 3600, date_s // 60 % 60, date_s % 60), clock, boot,
                 int(seconds * 1e9))


def exam_of(events, stamps=()):
    """An exam with these events, each a kind and its facts; capture files are left out."""
    exam = Exam('0123456789abcdef', 1, '')
    stamps = list(stamps) + [stamp(number) for number in range(len(stamps), len(events) + 1)]
    for number, (kind, facts) in enumerate([(CREATED, {})] + list(events), 1):
        if kind == CAPTURED:
            facts = dict({'frame': 0, 'files': {}}, **facts)
        exam = transition(exam, Event(number, number, kind, 'op', stamps[number - 1], facts))
    return exam


def steps(*events):
    """The step after each event: name, role, frame."""
    exam = exam_of(events)
    found = []
    for count in range(1, len(exam.events) + 1):
        step = guide.step_of(exam_of(events[:count - 1]))
        found.append((step.name, step.role, step.frame) if step.role else step.name)
    return found


def picture(role, frame=0):
    return guide.PICTURE, role, frame


def test_a_static_exam_goes_from_the_checklist_to_the_lock():
    assert steps(*PREPARED, (STARTED, {'protocol': 'static-arms'}), *FIVE, (CAPTURED, {'role': RAISED_ARMS}),
                 (REVIEWED, {}), (NOTED, {'step': 'result'}), (SIGNED, {})) == [
        'checklist', 'room', 'humidity', 'purpose', 'mammogram', 'acclimatisation', 'protocol', picture(FRONTAL),
        picture(RIGHT_OBLIQUE), picture(LEFT_OBLIQUE), picture(RIGHT_LATERAL), picture(LEFT_LATERAL),
        picture(RAISED_ARMS), 'pictures', 'result', 'signature', 'locked']


def test_views_are_left_out_taken_again_and_reviewed_again():
    frontal, rest = FIVE[0], FIVE[2:]
    assert steps((STARTED, {}), frontal, (NOTED, {'step': 'retake', 'role': FRONTAL}), frontal,
                 (DEVIATED, {}), (DEVIATED, {'role': RIGHT_OBLIQUE}), *rest, (REVIEWED, {}),
                 (NOTED, {'step': 'result'}), (RESUMED, {}), (REVIEWED, {}))[1:] == [
        picture(FRONTAL), picture(RIGHT_OBLIQUE), picture(FRONTAL), picture(RIGHT_OBLIQUE), picture(RIGHT_OBLIQUE),
        picture(LEFT_OBLIQUE), picture(RIGHT_LATERAL), picture(LEFT_LATERAL), 'pictures', 'result', 'signature',
        'pictures', 'result']
    exam = exam_of([(STARTED, {}), frontal, (DEVIATED, {'role': RIGHT_OBLIQUE}), (DEVIATED, {'role': LEFT_OBLIQUE}),
                    FIVE[2]])
    assert guide.left_out(exam) == {RIGHT_OBLIQUE}
    assert guide.step_of(exam_of([(DISCARDED, {})])).name == 'given-up'


def test_a_dynamic_exam_has_a_picture_before_the_cooling_and_then_its_series():
    taken = [(CAPTURED, {'role': DYNAMIC, 'frame': frame}) for frame in (1, 2, 4)]
    events = [(STARTED, {'protocol': 'dynamic'}), taken[0], SERIES, taken[1], taken[2],
              (NOTED, {'step': 'series-over'}), (NOTED, {'step': 'retake', 'role': DYNAMIC}), taken[0]]
    assert steps(*events)[1:] == [picture(DYNAMIC, 1), 'cooling', 'series', 'series', 'series', 'pictures',
                                  picture(DYNAMIC, 1), 'cooling']
    series = guide.series_of(exam_of(events[:5]))
    assert series.taken == (1, 2, 4) and series.missing() == [2]
    assert guide.series_of(exam_of(events[:2])) is None and guide.series_of(exam_of(events)) is None


@pytest.mark.parametrize('taken, elapsed_s, expected', [
    ((1,), 0.0, 2), ((1,), 9.9, 2), ((1,), 10.0, 3), ((1, 2), 0.1, 3), ((1, 2), 25.0, 4), ((1, 2, 3, 4), 20.0, None),
    ((1,), 29.9, 4), ((1,), 30.0, None)])
def test_the_next_picture_of_a_series_is_the_one_whose_time_it_is(taken, elapsed_s, expected):
    assert guide.Series(stamp(0), 3, 10.0, taken).next(elapsed_s) == expected


#: Stamps of an exam, its checklist and its room, and of now; seconds of acclimatisation, and whether that is all.
WAITED = [
    ([stamp(100), stamp(160), stamp(200)], stamp(460), 300, True),
    ([stamp(100, clock=UNSYNCHRONISED), stamp(160, clock=UNSYNCHRONISED), stamp(200)], stamp(460), 300, True),
    # The machine was off, and both dates can be relied on.
    ([stamp(100), stamp(160), stamp(200)], stamp(30, 'two', OPERATOR, 760), 600, True),
    # It was off, and nothing has set its clock since: what it saw before, and the time since its start.
    ([stamp(100), stamp(160), stamp(200)], stamp(30, 'two', UNSYNCHRONISED, 165), 70, False),
    ([stamp(100, clock=UNSYNCHRONISED), stamp(160, clock=UNSYNCHRONISED), stamp(200)], stamp(30, 'two'), 70, False),
    ([stamp(100), stamp(160), stamp(50, 'two', UNSYNCHRONISED)], stamp(30, 'three', UNSYNCHRONISED), 80, False),
    # A date that somebody set back.
    ([stamp(100), stamp(160), stamp(200)], stamp(30, 'two', OPERATOR, 10), 70, False)]


@pytest.mark.parametrize('stamps, now, seconds, certain', WAITED)
def test_acclimatisation_counts_what_is_certain(stamps, now, seconds, certain):
    exam = exam_of([(NOTED, {'step': 'checklist'}), (NOTED, {'step': 'room'})], stamps)
    assert exam.state == DRAFT and guide.waited(exam, now) == (seconds, certain)


def test_a_series_goes_on_only_where_its_time_is_known():
    assert guide.since(stamp(10), stamp(25)) == 15.0
    assert guide.since(stamp(10), stamp(5, 'two', NTP, 40)) == 30.0
    assert guide.since(stamp(10), stamp(5, 'two', UNSYNCHRONISED, 40)) is None
    assert guide.since(stamp(10), stamp(5, 'two', NTP, 0)) is None


def test_the_frontal_view_is_needed_and_protocols_have_names():
    assert guide.protocol_of(exam_of([(STARTED, {'protocol': 'of tomorrow'})])) == 'static'
    for name in ('', 'of tomorrow'):
        with pytest.raises(ExamError, match='protocol'):
            guide.check_protocol(name)
    guide.check_whole(exam_of([(STARTED, {}), FIVE[0]]))
    guide.check_whole(exam_of([(STARTED, {'protocol': 'dynamic'})]))
    with pytest.raises(ExamError) as refused:
        guide.check_whole(exam_of([(STARTED, {}), FIVE[1]]))
    assert refused.value.code == 'exam-frontal'
