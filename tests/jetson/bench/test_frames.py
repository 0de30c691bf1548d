"""One frame: what its stages are, and that they add up."""
import pytest

from jetson.bench.frames import STAGES, Timing, add_up, in_order, load_frames
from tests.jetson.bench.pretence import STAGES_MS, WHOLE_MS, Hand, StubCamera, StubPipeline, timer


@pytest.fixture
def clock():
    return Hand()


def test_stages_of_a_frame_from_memory_are_in_their_order_and_none_is_made_up(clock):
    timing = timer(StubPipeline(clock)).from_memory(None)
    assert list(timing.stages_ms) == [stage for stage in STAGES if stage != 'capture']
    assert timing.stages_ms == pytest.approx(STAGES_MS) and timing.end_to_end_ms == pytest.approx(WHOLE_MS)
    assert timing.started_s == 1000.0 and timing.result


def test_a_backend_that_copies_nothing_has_no_copies(clock):
    plan = {stage: took_ms for stage, took_ms in STAGES_MS.items() if not stage.startswith('copy')}
    timing = timer(StubPipeline(clock, lambda number: plan)).from_memory(None)
    assert 'copy_in' not in timing.stages_ms and 'copy_out' not in timing.stages_ms


def test_capture_is_the_age_of_the_frame_and_not_the_wait_for_it(clock):
    camera = StubCamera(clock, late_ms=5.0)
    with camera:
        clock.spend(130)  # the tick at 100 ms waits since 30 ms; the one at 0 is lost
        timing, sequence = timer(StubPipeline(clock)).from_camera(camera, 1.0)
        assert sequence == 1 and timing.stages_ms['capture'] == pytest.approx(30.0)
        assert timing.end_to_end_ms == pytest.approx(30.0 + WHOLE_MS)
        timing, sequence = timer(StubPipeline(clock)).from_camera(camera, 1.0)
        assert sequence == 2 and timing.stages_ms['capture'] == pytest.approx(5.0), 'the wait is none of it'


def test_stages_are_held_against_a_time_measured_apart_from_them(clock):
    pipeline = StubPipeline(clock, between_ms=10.0)
    found = add_up([timer(pipeline).from_memory(None) for _ in range(4)])
    assert found['stages_ms'] == pytest.approx(40.0) and found['end_to_end_ms'] == pytest.approx(50.0)
    assert found['missing_share'] == pytest.approx(0.2) == found['worst_share']


def test_the_worst_frame_is_not_hidden_by_the_mean():
    fine = Timing(0.0, 100.0, {'infer': 100.0}, True)
    found = add_up([fine] * 99 + [Timing(0.0, 100.0, {'infer': 40.0}, True)])
    assert found['missing_share'] == pytest.approx(0.006) and found['worst_share'] == pytest.approx(0.6)


def test_a_frame_of_no_result_lacks_its_later_stages(clock):
    pipeline = StubPipeline(clock, lambda number: {'quality': 1.0, 'overlay': 2.0, 'encode': 1.0}, outcome='no-result')
    timing = timer(pipeline).from_memory(None)
    assert not timing.result and list(timing.stages_ms) == ['quality', 'overlay', 'encode']
    assert add_up([timing])['missing_share'] == pytest.approx(0.0, abs=1e-9)


def test_frames_are_loaded_before_any_clock_runs(clock):
    camera = StubCamera(clock)
    with camera:
        assert len(load_frames(camera, 3, 1.0)) == 3


def test_order_is_that_of_a_frame_and_not_of_the_alphabet():
    assert in_order({'analyse': 1, 'infer': 2, 'capture': 3}) == ['capture', 'infer', 'analyse']
