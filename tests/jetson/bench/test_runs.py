"""Frames and runs: stages that add up, how long and how many, and what is left of a run that ends early."""
import pytest

from jetson.bench.runs import (
    CLOSED,
    MAX_SILENT_READS,
    PACED,
    STAGES,
    WARM_UP_FRAMES,
    WARM_UP_S,
    Run,
    Timing,
    add_up,
    capture_figures,
    in_order,
    load_frames,
    make_capture,
    run_closed,
    run_paced,
)
from service.cameras.registry import make_camera
from service.messages import BackendError, CameraError, InputError
from service.settings import Settings
from tests.jetson.bench.stubs import (
    STAGES_MS,
    WHOLE_MS,
    Hand,
    StubCamera,
    StubPipeline,
    capturing,
    gone,
    silent,
    timer,
)

WARM_UP = int(WARM_UP_S * 1e3 / WHOLE_MS)  # 25 frames of 40 ms


@pytest.fixture
def clock():
    return Hand()


def test_stages_of_a_frame_from_memory(clock):
    timing = timer(StubPipeline(clock)).from_memory(None)
    assert list(timing.stages_ms) == [stage for stage in STAGES if stage not in ('capture', 'infer_classifier')]
    assert timing.stages_ms == pytest.approx(STAGES_MS) and timing.end_to_end_ms == pytest.approx(WHOLE_MS)
    assert timing.started_s == 1000.0 and timing.result


def test_a_backend_that_copies_nothing_has_no_copies(clock):
    plan = {stage: took_ms for stage, took_ms in STAGES_MS.items() if not stage.startswith('copy')}
    timing = timer(StubPipeline(clock, lambda number: plan)).from_memory(None)
    assert 'copy_in' not in timing.stages_ms and 'copy_out' not in timing.stages_ms


def test_capture_is_the_age_of_the_frame_and_not_the_wait_for_it(clock):
    with capturing(StubCamera(clock, late_ms=5.0), clock) as capture:
        clock.spend(125)  # it is 130 ms: the frame taken at 100 ms has been waiting since 105 ms
        timing = timer(StubPipeline(clock)).from_capture(capture, 1.0)
        assert timing.stages_ms['capture'] == pytest.approx(30.0)
        assert timing.end_to_end_ms == pytest.approx(30.0 + WHOLE_MS)
        timing = timer(StubPipeline(clock)).from_capture(capture, 1.0)
        assert timing.stages_ms['capture'] == pytest.approx(5.0), 'the wait for the frame is not included'


def test_stages_are_compared_with_a_time_that_is_measured_independently(clock):
    pipeline = StubPipeline(clock, between_ms=10.0)
    found = add_up([timer(pipeline).from_memory(None) for _ in range(4)])
    assert found['stages_ms'] == pytest.approx(40.0) and found['end_to_end_ms'] == pytest.approx(50.0)
    assert found['missing_share'] == pytest.approx(0.2) == found['worst_share']


def test_the_worst_frame_is_not_hidden_by_the_mean():
    fine = Timing(0.0, 100.0, {'infer': 100.0}, True)
    found = add_up([fine] * 99 + [Timing(0.0, 100.0, {'infer': 40.0}, True)])
    assert found['missing_share'] == pytest.approx(0.006) and found['worst_share'] == pytest.approx(0.6)


def test_a_frame_without_result_lacks_later_stages(clock):
    pipeline = StubPipeline(clock, lambda number: {'quality': 1.0, 'overlay': 2.0, 'encode': 1.0}, outcome='no-result')
    timing = timer(pipeline).from_memory(None)
    assert not timing.result and list(timing.stages_ms) == ['quality', 'overlay', 'encode']
    assert add_up([timing])['missing_share'] == pytest.approx(0.0, abs=1e-9)


def test_frames_are_loaded_before_any_clock_runs(clock):
    with capturing(StubCamera(clock), clock) as capture:
        assert len(load_frames(capture, 3)) == 3


def test_frames_are_corrected_as_the_service_corrects_them(clock):
    settings = Settings(camera='sim:1?rate=100&width=160&height=120', denoise=True)
    with make_capture(make_camera(settings.camera), settings) as capture:
        frames = load_frames(capture, 2)
        assert capture_figures(capture)['denoised'] is True
    assert all('noise reduced over frames' in frame.provenance.notes for frame in frames)


def test_invalid_corrections_are_refused_at_once(clock, tmp_path):
    with pytest.raises(InputError):
        make_capture(StubCamera(clock), Settings(bad_pixels=str(tmp_path / 'none.txt')))


def test_order_is_that_of_a_frame():
    assert in_order({'analyse': 1, 'infer': 2, 'capture': 3}) == ['capture', 'infer', 'analyse']


def closed(pipeline, seconds, queries, **options):
    run = Run(CLOSED)
    run_closed(run, timer(pipeline), [None, None], seconds, queries, **options)
    return run


@pytest.mark.parametrize('seconds, queries, frames', [(2.0, 1, 50), (0.001, 80, 80)])
def test_minimum_duration_and_number_of_frames(clock, seconds, queries, frames):
    run = closed(StubPipeline(clock), seconds, queries)
    assert len(run.timings) in (frames, frames + 1) and run.complete and run.error is None
    assert run.ended_s - run.began_s == pytest.approx(len(run.timings) * WHOLE_MS / 1e3)


def test_warm_up_is_separate_and_in_order(clock):
    slow_first = StubPipeline(clock, lambda number: dict(STAGES_MS, infer=500.0 if number == 0 else 20.0))
    run = closed(slow_first, 0.1, 5)
    assert run.warm_up[0].end_to_end_ms == pytest.approx(520.0) and len(run.warm_up) >= WARM_UP_FRAMES
    assert max(timing.end_to_end_ms for timing in run.timings) == pytest.approx(WHOLE_MS)


@pytest.mark.parametrize('error', [KeyboardInterrupt(), BackendError('cuda-lost', 'The GPU is lost.')])
def test_an_early_end_keeps_what_was_measured(clock, error):
    def plan(number):
        if number == WARM_UP + 10:
            raise error
        return STAGES_MS

    run = Run(CLOSED)
    with pytest.raises(type(error)):
        run_closed(run, timer(StubPipeline(clock, plan)), [None], 60.0, 1)
    assert len(run.timings) in (9, 10, 11) and not run.complete
    assert run.ended_s - run.began_s == pytest.approx(len(run.timings) * WHOLE_MS / 1e3)
    assert (run.error and run.error.code) == getattr(error, 'code', None)


def test_progress_follows_the_slower_requirement(clock):
    shares = []
    closed(StubPipeline(clock), 0.4, 20, progress=lambda share, timings: shares.append(share))
    assert shares[9] == pytest.approx(0.5) and shares[-1] == pytest.approx(1.0)


def paced(pipeline, camera, seconds):
    run = Run(PACED)
    with capturing(camera, pipeline.clock) as capture:
        run_paced(run, timer(pipeline), capture, seconds)
    return run


def test_paced_takes_every_frame_it_can_keep_up_with(clock):
    run = paced(StubPipeline(clock), StubCamera(clock, late_ms=5.0), 3.0)
    assert run.complete and run.dropped == 0 and len(run.timings) in (30, 31)
    assert {round(timing.end_to_end_ms, 6) for timing in run.timings} == {45.0}


def test_frames_that_come_during_another_one_are_dropped(clock):
    run = paced(StubPipeline(clock, lambda number: dict(STAGES_MS, infer=180.0)), StubCamera(clock), 2.0)
    assert run.dropped == len(run.timings), '200 ms of work at 10 Hz: every other one'
    assert run.capture['dropped'] == run.dropped and run.capture['received'] == 2 * len(run.timings)


def test_what_the_capture_leaves_out_is_counted(clock):
    damaged = CameraError('camera-bad-frame', 'It is damaged.')
    run = paced(StubPipeline(clock), StubCamera(clock, trouble=lambda sequence: damaged if sequence == 20 else None),
                3.0)
    assert run.complete and run.capture['bad'] == 1
    assert run.capture['denoised'] is False and run.capture['offset_c'] is None


def test_a_silent_moment_is_counted_and_the_run_continues(clock):
    run = paced(StubPipeline(clock), StubCamera(clock, trouble=lambda sequence: silent() if sequence == 20 else None),
                3.0)
    assert run.complete and run.silent == 1 and run.capture['stalls'] == 1


@pytest.mark.parametrize('error, code, reads', [(gone, 'camera-gone', 1), (silent, 'camera-silent', MAX_SILENT_READS)])
def test_a_camera_that_is_lost_ends_the_run_with_its_reason(clock, error, code, reads):
    run, camera = Run(PACED), StubCamera(clock, trouble=lambda sequence: error() if sequence >= 20 else None)
    with capturing(camera, clock) as capture, pytest.raises(CameraError):
        run_paced(run, timer(StubPipeline(clock)), capture, 30.0)
    assert run.error.code == code and run.silent == reads and not run.complete and run.timings
