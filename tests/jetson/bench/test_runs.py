"""Closed loop and paced: how long, how many, and what is left when it is broken off."""
import pytest

from jetson.bench.runs import CLOSED, MAX_SILENT_READS, PACED, WARM_UP_FRAMES, WARM_UP_S, Run, run_closed, run_paced
from service.messages import BackendError, CameraError
from tests.jetson.bench.pretence import STAGES_MS, WHOLE_MS, Hand, StubCamera, StubPipeline, gone, silent, timer

WARM_UP = int(WARM_UP_S * 1e3 / WHOLE_MS)  # 25 frames of 40 ms


@pytest.fixture
def clock():
    return Hand()


def closed(pipeline, seconds, queries, **options):
    run = Run(CLOSED)
    run_closed(run, timer(pipeline), [None, None], seconds, queries, **options)
    return run


@pytest.mark.parametrize('seconds, queries, frames', [(2.0, 1, 50), (0.001, 80, 80)])
def test_at_least_so_long_and_at_least_so_many(clock, seconds, queries, frames):
    run = closed(StubPipeline(clock), seconds, queries)
    assert len(run.timings) in (frames, frames + 1) and run.complete and run.trouble is None
    assert run.ended_s - run.began_s == pytest.approx(len(run.timings) * WHOLE_MS / 1e3)


def test_warm_up_is_apart_and_its_first_frame_first(clock):
    slow_first = StubPipeline(clock, lambda number: dict(STAGES_MS, infer=500.0 if number == 0 else 20.0))
    run = closed(slow_first, 0.1, 5)
    assert run.warm_up[0].end_to_end_ms == pytest.approx(520.0) and len(run.warm_up) >= WARM_UP_FRAMES
    assert max(timing.end_to_end_ms for timing in run.timings) == pytest.approx(WHOLE_MS)


@pytest.mark.parametrize('error', [KeyboardInterrupt(), BackendError('cuda-lost', 'The GPU is lost.')])
def test_what_was_measured_before_the_end_is_kept(clock, error):
    def plan(number):
        if number == WARM_UP + 10:
            raise error
        return STAGES_MS

    run = Run(CLOSED)
    with pytest.raises(type(error)):
        run_closed(run, timer(StubPipeline(clock, plan)), [None], 60.0, 1)
    assert len(run.timings) in (9, 10, 11) and not run.complete
    assert run.ended_s - run.began_s == pytest.approx(len(run.timings) * WHOLE_MS / 1e3)
    assert (run.trouble and run.trouble['code']) == getattr(error, 'code', None)


def test_progress_is_the_slower_of_both_demands(clock):
    shares = []
    closed(StubPipeline(clock), 0.4, 20, progress=lambda share, timings: shares.append(share))
    assert shares[9] == pytest.approx(0.5) and shares[-1] == pytest.approx(1.0)


def test_paced_takes_every_frame_it_can_keep_up_with(clock):
    run, camera = Run(PACED), StubCamera(clock, late_ms=5.0)
    with camera:
        run_paced(run, timer(StubPipeline(clock)), camera, 3.0)
    assert run.complete and run.dropped == 0 and len(run.timings) in (30, 31)
    assert {round(timing.end_to_end_ms, 6) for timing in run.timings} == {45.0}


def test_frames_that_come_meanwhile_are_counted_as_dropped(clock):
    run, camera = Run(PACED), StubCamera(clock)
    with camera:
        run_paced(run, timer(StubPipeline(clock, lambda number: dict(STAGES_MS, infer=180.0))), camera, 2.0)
    assert run.dropped == len(run.timings), '200 ms of work at 10 Hz: every other one'


def test_a_silent_moment_is_counted_and_the_run_goes_on(clock):
    run, camera = Run(PACED), StubCamera(clock, trouble=lambda sequence: silent() if sequence == 20 else None)
    with camera:
        run_paced(run, timer(StubPipeline(clock)), camera, 3.0)
    assert run.complete and run.silent == 1


@pytest.mark.parametrize('error, code, reads', [(gone, 'camera-gone', 1), (silent, 'camera-silent', MAX_SILENT_READS)])
def test_a_camera_that_is_lost_ends_the_run_with_its_reason(clock, error, code, reads):
    run, camera = Run(PACED), StubCamera(clock, trouble=lambda sequence: error() if sequence >= 20 else None)
    with camera, pytest.raises(CameraError):
        run_paced(run, timer(StubPipeline(clock)), camera, 30.0)
    assert run.trouble['code'] == code and run.silent == reads and not run.complete and run.timings
