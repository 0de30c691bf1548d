"""A whole benchmark: conditions, both runs, and what is left after Ctrl-C and failures."""
import pytest

from jetson.bench.record import check_document
from jetson.bench.session import Protocol
from jetson.platform import SimulatedPlatform
from service.messages import BackendError, CameraError
from tests.jetson.bench.conftest import run_session
from tests.jetson.bench.stubs import STAGES_MS, WHOLE_MS, Hand, StubCamera, gone

#: Frames before the measured part of the closed loop: 16 are only loaded, 25 are its warm-up.
WARM_UP = 25


def test_a_whole_benchmark_is_valid_and_fits_its_schema(sound):
    check_document(sound)
    assert sound['verdict']['valid'], sound['verdict']
    closed, paced = sound['runs']
    assert closed['n'] >= 200 and closed['duration_s'] >= 8 and closed['rate_hz'] == pytest.approx(25)
    assert closed['end_to_end']['p90_ms'] == pytest.approx(WHOLE_MS)
    assert closed['end_to_end']['p90_low_ms'] == pytest.approx(WHOLE_MS)
    assert 'capture' not in closed['stages'] and paced['stages']['capture']['p50_ms'] == pytest.approx(5)
    for run in sound['runs']:
        assert abs(run['sum']['missing_share']) < 1e-6 and run['no_results'] == 0
        assert all(len(values) == run['n'] for values in run['samples']['stages_ms'].values())
        assert len(run['samples']['end_to_end_ms']) == run['n']


def test_the_board_is_watched(sound):
    assert len(sound['telemetry']) == 2, 'one reading at the begin and one at the end, taken by hand'
    assert all(reading['power_mw'] > 1000 and reading['hottest_c'] > 25 and reading['power_mode'] == 'MAXN'
               for reading in sound['telemetry'])
    assert 'energy' not in sound['runs'][0], 'no reading fell into the run, so that there is no energy and not zero'


def test_conditions_are_stated(sound):
    here = sound['environment']
    assert here['other_share'] == 0.01 and here['power_mode'] == 'MAXN' and here['threads'] >= 1
    assert {'python', 'numpy', 'opencv', 'thermoscreen'} <= set(here['versions'])
    assert sound['bundle']['onnx_sha256'] == 'a' * 64 and sound['protocol']['queries'] == 50
    assert sound['protocol']['picture']['jpeg_quality'] == 85


def test_ctrl_c_keeps_what_was_measured_and_says_so(monkeypatch):
    def plan(number):
        if number == WARM_UP + 120:
            raise KeyboardInterrupt
        return STAGES_MS

    session = run_session(monkeypatch, plan)
    document = session.document()
    check_document(document)
    assert session.interrupted and document['interrupted'] and len(document['runs']) == 1
    assert 110 <= document['runs'][0]['n'] <= 121 and not document['verdict']['valid']
    assert 'incomplete' in {reason['code'] for reason in document['verdict']['reasons']}


def test_ctrl_c_before_the_first_frame_leaves_nothing(monkeypatch):
    def plan(number):
        raise KeyboardInterrupt

    session = run_session(monkeypatch, plan)
    assert session.interrupted and session.document() is None


def test_a_lost_camera_keeps_the_closed_loop(monkeypatch):
    clock = Hand()
    camera = StubCamera(clock, trouble=lambda sequence: gone() if camera.opened == 2 and sequence > 20 else None)
    session = run_session(monkeypatch, camera=camera, clock=clock)
    document = session.document()
    check_document(document)
    assert session.error.code == 'camera-gone' and document['trouble']['code'] == 'camera-gone'
    assert [run['complete'] for run in document['runs']] == [True, False]
    assert 'The stub camera is gone' in document['verdict']['reasons'][0]['sentence']


@pytest.mark.parametrize('camera_fails', [True, False])
def test_failures_before_the_first_frame_are_raised(monkeypatch, camera_fails):
    def plan(number):
        raise BackendError('backend-run', 'It failed.')

    clock = Hand()
    camera = StubCamera(clock, trouble=lambda sequence: gone() if camera_fails else None)
    with pytest.raises((CameraError, BackendError)):
        run_session(monkeypatch, plan, camera=camera, clock=clock)


def test_the_camera_is_closed_during_the_closed_loop(monkeypatch):
    clock, open_now = Hand(), []

    class Watched(StubCamera):
        def __enter__(self):
            open_now.append(self)
            return super().__enter__()

        def __exit__(self, *exc_info):
            open_now.pop()

    def plan(number):
        seen.append(len(open_now))
        return STAGES_MS

    seen = []
    run_session(monkeypatch, plan, camera=Watched(clock), clock=clock)
    assert seen[0] == 0 and seen[-1] == 1 and sorted(seen) == seen


def test_figures_of_a_simulated_board_are_never_valid(monkeypatch):
    clock = Hand()
    document = run_session(monkeypatch, platform=SimulatedPlatform(clock=clock), clock=clock).document()
    assert 'not-real' in {reason['code'] for reason in document['verdict']['reasons']}
    assert 'simulated board' in document['environment']['machine']


def test_without_paced_and_variants_there_is_one_run(monkeypatch):
    document = run_session(monkeypatch, protocol=Protocol(1.0, 10, 0.0, 'sim', 0)).document()
    assert [run['mode'] for run in document['runs']] == ['closed'] and document['variants'] == []


def test_the_document_reports_the_capture(sound):
    assert sound['capture']['received'] >= 16 and 'capture' not in sound['runs'][0]
    assert sound['runs'][1]['capture']['dropped'] == sound['runs'][1]['dropped'] == 0
    assert sound['runs'][1]['capture']['denoised'] is False
