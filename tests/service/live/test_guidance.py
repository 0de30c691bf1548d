"""The gate on the live picture: what is shown is steady enough to be read."""
import pytest

from service.cameras import Frame
from service.condition import Condition
from service.gate import NAMES
from service.live.guidance import HOLD_S, SAY_S, Guidance
from service.quality import QualityLimits
from service.thermogram import Thermogram

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline

WELL = Condition()
RATE_HZ = 9.0
QUIET = {'quality': {'grade': 'excellent', 'messages': []}, 'notice': None, 'warming_s': None}


@pytest.fixture(scope='module')
def seen():
    """One frame, seen from the front and from a side."""
    results = {}
    for view in ('raised-arms', 'left-oblique'):
        with stub_pipeline(view=view) as pipeline:
            results[view] = pipeline.analyse(Thermogram.from_celsius(frames.torso(), 'made'))
    return results


@pytest.fixture
def follow(seen):
    """Show the gate frames of views, one after the other, and give what it says to each."""
    guidance, ticks = Guidance(QualityLimits(), 100.0), []

    def show(*views, condition=WELL, rate_hz=RATE_HZ):
        said = []
        for view in views:
            ticks.append((ticks[-1] if ticks else 0.0) + 1 / rate_hz)
            frame = Frame(seen[view].thermogram, len(ticks), ticks[-1], condition)
            said.append(guidance.follow(seen[view], frame, QUIET))
        return said

    show.guidance = guidance
    return show


def words(said):
    return [gate['gate_says'] and gate['gate_says']['code'] for gate in said]


def test_the_gate_of_a_patient_who_stands_right_is_green(follow):
    gate = follow('raised-arms', 'raised-arms')[-1]
    assert gate['gate_ready'] and gate['gate_says'] is None and gate['gate_role'] is None
    assert {'motion', 'distance', 'rotation', 'view'} <= {check['name'] for check in gate['gate']} <= set(NAMES)


def test_what_is_wanted_changes_what_is_said(follow):
    follow.guidance.expect('left-oblique', None, None, 25.0)
    gate = follow('raised-arms')[0]
    assert not gate['gate_ready'] and gate['gate_role'] == 'left-oblique'
    assert [check['code'] for check in gate['gate'] if check['severity'] == 'warning'] == ['room-warm', 'view-wrong']
    assert gate['gate_says']['code'] == 'room-warm'
    follow.guidance.expect('right-oblique', None, None, 25.0)
    assert words(follow(*['left-oblique'] * 20))[-1] == 'wrong-side'  # what blocks comes first


def test_one_frame_that_is_seen_otherwise_changes_nothing(follow):
    follow.guidance.expect('raised-arms', None, None, None)
    assert all(gate['gate_ready'] for gate in follow('raised-arms', 'left-oblique', 'raised-arms', 'left-oblique'))


def test_a_sentence_comes_late_and_stays_a_second(follow):
    follow.guidance.expect('raised-arms', None, None, None)
    follow('raised-arms')
    coming = words(follow(*['left-oblique'] * 9))
    late = coming.index('view-wrong')
    assert late / RATE_HZ >= HOLD_S - 1 / RATE_HZ and set(coming[:late]) == {None}
    going = coming[late:] + words(follow(*['raised-arms'] * 18))
    assert going.index(None) / RATE_HZ >= SAY_S - 1e-6 and set(going[going.index(None):]) == {None}


def test_a_shutter_that_closes_is_told_at_once(follow):
    follow('raised-arms', 'raised-arms')
    gate = follow('raised-arms', condition=Condition(ffc='running'))[0]
    assert not gate['gate_ready'] and gate['gate_says']['code'] == 'ffc-running'


def test_pictures_that_are_seconds_apart_are_judged_one_by_one(follow):
    follow.guidance.expect('raised-arms', None, None, None)
    said = follow('raised-arms', 'left-oblique', 'raised-arms', rate_hz=0.5)
    assert words(said) == [None, 'view-wrong', None]
    assert not any(check['name'] == 'motion' for gate in said for check in gate['gate'])


def test_a_body_that_moves(follow, seen):
    still = seen['raised-arms']
    pixels = frames.torso()
    moved = Thermogram.from_celsius(pixels[:, list(range(4, 320)) + [319] * 4], 'made')
    with stub_pipeline(view='raised-arms') as pipeline:
        other = pipeline.analyse(moved)
    guidance = Guidance(QualityLimits(), 100.0)
    for number in range(12):
        result = (still, other)[number % 2]
        gate = guidance.follow(result, Frame(result.thermogram, number, number / RATE_HZ), QUIET)
    assert gate['gate_says']['code'] == 'moves' and gate['gate_says']['unit'] == 'picture heights per second'
