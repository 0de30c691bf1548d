"""What a simulated camera sends."""
import numpy as np
import pytest

from service.cameras.wire import FORMATS, WireError
from service.cameras.wire.simulated import (
    DRIFT_C,
    FAULTS,
    LENGTH_S,
    NOTICE_S,
    PERIOD_S,
    START_S,
    FfcCycle,
    FrameMaker,
    fpa_c,
)
from service.condition import Condition

LEPTON = FORMATS['lepton-y16-telemetry']
SPOKEN = ('lepton-y16-telemetry', 'lepton-y16', 'p2pro', 'thermal-master-p2', 't2s', 'boson-320')


class Plain:
    """A patient who is as warm as the seed says and moves a little every second."""

    def __init__(self, seed, height, width):
        self._celsius = np.tile(np.linspace(20 + seed, 34, width), (height, 1)).astype(np.float32)

    def frame(self, t_s):
        return np.roll(self._celsius, int(t_s * 9), axis=0) + np.float32(0.01 * t_s)


def maker(name, **options):
    return FrameMaker(FORMATS[name], scene=Plain, **options)


@pytest.mark.parametrize('name', SPOKEN)
def test_it_sends_its_format(name):
    frames = [maker(name, uptime_s=20.0).frame(tick) for tick in range(3)]
    for tick, frame in enumerate(frames):
        decoded = FORMATS[name].decode(frame.data)
        assert frame.sequence == tick and decoded.unit == FORMATS[name].unit and decoded.condition.usable


def test_the_same_seed_sends_the_same_bytes():
    def sent(seed):
        camera = FrameMaker(LEPTON, seed)
        return [camera.frame(tick, fault).data for tick, fault in ((0, None), (5, 'chroma'), (9, None))]
    assert sent(4) == sent(4) != sent(5)


def test_the_picture_is_the_scene_and_little_drift():
    decoded = LEPTON.decode(maker('lepton-y16-telemetry', uptime_s=30.0).frame(18).data)
    error = decoded.pixels - Plain(1, *LEPTON.shape).frame(2.0)
    assert 0 < error.mean() < 0.2 * DRIFT_C and error.std() < 0.01


def test_telemetry_counts_frames_and_time():
    camera = maker('lepton-y16-telemetry', uptime_s=100.0, rate_hz=4.5)
    condition = LEPTON.decode(camera.frame(9).data).condition
    assert condition.frame_number == 9 and condition.uptime_s == pytest.approx(102.0, abs=0.001)
    assert condition.fpa_c == pytest.approx(fpa_c(102.0), abs=0.01)


def states(camera, seconds, rate_hz=4.0):
    return [LEPTON.decode(camera.frame(tick).data).condition for tick in range(int(seconds * rate_hz))]


def test_it_corrects_itself_when_it_starts():
    conditions = states(maker('lepton-y16-telemetry', rate_hz=4.0), 4)
    assert [condition.ffc for condition in conditions[:2]] == ['never'] * 2
    assert [condition.ffc for condition in conditions[2:5]] == ['running', 'running', 'running']
    assert all(condition.ffc == 'complete' and condition.usable for condition in conditions[6:])


def test_the_picture_stands_still_while_the_shutter_is_closed():
    camera = maker('lepton-y16-telemetry', uptime_s=100.0)
    open_ = LEPTON.decode(camera.frame(0).data).pixels
    camera.flat_field(1)
    closed = [LEPTON.decode(camera.frame(tick).data) for tick in (1, 5)]
    assert all(np.array_equal(frame.pixels, open_) and frame.condition.ffc == 'running' for frame in closed)
    after = LEPTON.decode(camera.frame(20).data)
    assert after.condition.usable and not np.array_equal(after.pixels, open_)


@pytest.mark.parametrize('fault', sorted(FAULTS))
def test_a_fault_passes(fault):
    camera = maker('lepton-y16-telemetry', uptime_s=100.0)
    camera.frame(0)
    for tick in range(1, 10):
        camera.frame(tick, fault)
    healthy = camera.frame(30)
    assert healthy.sequence == 30 and LEPTON.decode(healthy.data).condition.usable
    assert LEPTON.decode(healthy.data).condition.frame_number == 30


@pytest.mark.parametrize('name', SPOKEN)
def test_what_each_fault_does(name):
    wire = FORMATS[name]
    camera = maker(name, uptime_s=100.0)
    first = camera.frame(0)
    again = camera.frame(1, 'freeze')
    assert again.data == first.data and again.sequence == 1
    assert camera.frame(2, 'duplicate') == again
    for fault in ('short', 'wrong-size', 'chroma'):
        with pytest.raises(WireError):
            wire.decode(camera.frame(3, fault).data)
    assert len(camera.frame(4, 'short').data) != len(camera.frame(4, 'wrong-size').data)
    hot = wire.decode(camera.frame(5, 'saturated').data).condition
    assert hot.saturated == pytest.approx(1 / 3.0, abs=0.01) and not hot.usable


def test_duplicates_keep_their_number():
    camera = maker('p2pro')
    first = camera.frame(0)
    assert [camera.frame(tick, 'duplicate') for tick in (1, 2)] == [first, first]
    assert camera.frame(3).sequence == 3


def test_an_ffc_that_does_not_end():
    camera = maker('lepton-y16-telemetry', uptime_s=100.0)
    camera.frame(0)
    conditions = [LEPTON.decode(camera.frame(tick, 'ffc').data).condition for tick in range(1, 40)]
    assert all(condition.ffc == 'running' for condition in conditions)


def test_drift_raises_everything():
    camera = maker('p2pro', rate_hz=10.0)
    wire = FORMATS['p2pro']

    def mean_at(tick, fault):
        return float(wire.decode(camera.frame(tick, fault).data).pixels.mean())
    calm = mean_at(50, None)
    assert mean_at(51, 'drift') == pytest.approx(calm, abs=0.05)
    assert mean_at(251, 'drift') - calm > 1.0
    assert mean_at(252, None) == pytest.approx(calm, abs=0.5)


def test_damage_is_refused_whatever_is_lost():
    for name in SPOKEN:
        camera = maker(name, seed=2)
        for tick in range(8):
            with pytest.raises(WireError):
                FORMATS[name].decode(camera.frame(tick, 'chroma').data)


def test_a_fault_that_does_not_exist():
    with pytest.raises(ValueError, match='no fault'):
        maker('p2pro').frame(0, 'smoke')


class TestFfcCycle:
    def test_it_comes_often_while_the_sensor_warms_and_every_three_minutes_then(self):
        cycle = FfcCycle()
        began = []
        for second in range(0, 3600 * 4):
            state, age_s = cycle.at(second / 4.0)
            if state == 'running' and (not began or second / 4.0 - age_s > began[-1] + 1):
                began.append(second / 4.0 - age_s)
        gaps = np.diff(began)
        assert began[0] == START_S and (gaps <= PERIOD_S + 1e-9).all()
        assert gaps[0] < PERIOD_S / 2 and gaps[-1] == pytest.approx(PERIOD_S)
        warmed = [fpa_c(later) - fpa_c(earlier) for earlier, later in zip(began, began[1:])]
        assert max(warmed) < DRIFT_C + 0.05

    def test_it_is_announced_two_seconds_before(self):
        cycle = FfcCycle()
        seen = {}
        for step in range(2000):
            state, _ = cycle.at(step / 10.0)
            seen.setdefault(state, []).append(step / 10.0)
        first = seen['imminent'][0]
        ends = next(t for t in seen['running'] if t > first)
        assert ends - first == pytest.approx(NOTICE_S, abs=0.11)

    def test_a_request_is_answered_at_once_and_not_twice(self):
        cycle = FfcCycle()
        assert cycle.at(60.0)[0] == 'complete'
        cycle.request(60.0)
        cycle.request(60.5)
        assert cycle.at(60.6) == ('running', pytest.approx(0.6))
        assert cycle.at(60.0 + LENGTH_S)[0] == 'complete'

    def test_drift_is_counted_from_the_last(self):
        cycle = FfcCycle()
        cycle.at(60.0)
        assert cycle.drift_c(60.0) > 0
        cycle.request(60.0)
        assert cycle.drift_c(60.0) == pytest.approx(0.0)


def test_conditions_that_are_made_are_conditions():
    camera = maker('lepton-y16-telemetry', rate_hz=1.0)
    for tick in range(0, 400, 3):
        assert isinstance(LEPTON.decode(camera.frame(tick).data).condition, Condition)
