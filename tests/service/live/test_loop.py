"""The loop: every frame to a state, and every failure to a sentence that it survives."""
import json
import queue
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from service.cameras.capture import MAX_SILENT_READS
from service.condition import Condition
from service.live import loop
from service.messages import BackendError, CameraError
from service.supervise import INFERENCE, LIVE, threads

from .conftest import PATIENCE_S, running, stopped, until

GONE = CameraError('camera-gone', 'The played camera is gone; plug it in.')


class Failing:
    """A pipeline that fails first, and then is another pipeline."""

    def __init__(self, pipeline, *failures):
        self._pipeline = pipeline
        self._failures = list(failures)

    def analyse(self, thermogram):
        if self._failures:
            raise self._failures.pop(0)
        return self._pipeline.analyse(thermogram)


def test_says_that_the_camera_starts(play):
    state = play().state
    assert (state.status.code, state.picture, state.jpeg) == ('camera-starting', 0, b'')
    assert json.loads(state.text)['live']['status']['sentence'] == 'The camera is starting.'


def test_a_frame_becomes_a_picture_and_values(play, camera):
    live = play()
    camera.frame()
    state = until(live, running)
    picture = cv2.imdecode(np.frombuffer(state.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 240 and picture.std() > 10
    values = json.loads(state.text)
    assert values == state.values
    assert values['outcome'] == 'result'
    assert values['live']['picture'] == state.picture == 1
    assert values['live']['camera'] == {'name': 'played'}


def test_stages_are_those_of_the_frame(play, camera):
    live = play()
    camera.frame()
    timings_ms = until(live, running).values['timings_ms']
    assert list(timings_ms) == ['capture', 'quality', 'preprocess', 'infer', 'decode', 'analyse', 'overlay', 'encode',
                                'total']
    work_ms = sum(value for stage, value in timings_ms.items() if stage not in ('capture', 'total'))
    assert 0 < work_ms <= timings_ms['total'] * 1.01 + 0.1


def test_nothing_is_drawn_while_nobody_watches(play, camera, monkeypatch):
    monkeypatch.setattr(loop, '_WATCHED_S', PATIENCE_S)
    live = play()
    camera.frame()
    assert until(live, running).values['timings_ms']['overlay'] > 0
    camera.frame()
    unseen = until(live, lambda state: state.picture == 2)
    assert 'overlay' not in unseen.values['timings_ms'] and unseen.values['timings_ms']['total'] > 0
    picture = cv2.imdecode(np.frombuffer(unseen.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.std() > 10 and unseen.jpeg is unseen.jpeg
    camera.frame()
    assert until(live, lambda state: state.picture == 3).values['timings_ms']['overlay'] > 0
    assert sum(live.latencies.read()['page'].counts) == 2 and sum(live.latencies.read()['total'].counts) == 3


def test_the_gate_is_that_of_the_picture(play, camera):
    live = play()
    live.expect('left-oblique', room_c=30.0)
    camera.frame()
    told = until(live, running).values['live']
    assert (told['picture'], told['gate_role'], told['gate_ready']) == (1, 'left-oblique', False)
    assert told['gate_says']['code'] == 'room-warm' and told['gate_says'] in told['gate']
    camera.fail(GONE)
    gone = until(live, stopped('camera-gone')).values['live']
    assert (gone['picture'], gone['gate'], gone['gate_ready'], gone['gate_says']) == (1, [], False, None)


@pytest.mark.parametrize('condition, code, ends', [
    (Condition(), 'lens-covered', 'unplug the camera and plug it in again.'),
    (Condition(ffc='running', ffc_age_s=0.2), 'camera-calibrating', 'The picture comes back by itself.')])
def test_pictures_of_a_closed_shutter_are_not_the_patient(play, camera, condition, code, ends):
    """A camera that goes on sending pictures while its shutter is closed: each is another one, and none is live."""
    live = play(clock=lambda: 0.0)
    camera.frame()
    until(live, running)
    shutter = 25 + np.random.RandomState(0).normal(0, 0.05, (240, 320))
    camera.frame(shutter if code == 'lens-covered' else None, condition=condition)
    state = until(live, stopped(code))
    assert state.picture == 2 and state.status.subject == 'camera' and state.status.text.endswith(ends)
    assert state.values['live']['gate'] == []
    camera.frame()
    until(live, running)


def test_viewers_share_one_state(play, camera):
    live, seen = play(), []
    viewers = [threading.Thread(target=lambda: seen.append(until(live, running))) for _ in range(5)]
    for viewer in viewers:
        viewer.start()
    camera.frame()
    for viewer in viewers:
        viewer.join(PATIENCE_S)
    assert len(seen) == 5 and len({id(state.jpeg) for state in seen}) == len({id(state.text) for state in seen}) == 1


def test_age_and_latency_are_of_the_camera_clock(play, camera):
    live = play(clock=lambda: 100.25)
    camera.frame(t_monotonic=100.0)
    state = until(live, running)
    assert state.values['live']['latency_ms'] == 250.0
    assert state.age_ms(100.5) == 500.0
    assert live.pulse()['age_ms'] == 250


def test_camera_that_goes_is_told_and_comes_back(play, camera):
    live = play()
    camera.frame()
    before = until(live, running)
    camera.fail(GONE)
    state = until(live, stopped('camera-gone'))
    assert state.status.subject == 'camera' and state.status.next_step
    assert state.status.sentence == 'The played camera is gone; plug it in.'
    assert state.jpeg is before.jpeg and state.picture == before.picture
    assert state.values['outcome'] == 'result' and state.values['live']['status']['severity'] == 'problem'
    camera.frame()
    after = until(live, running)
    assert after.picture == before.picture + 1
    assert camera.opened == 2


def test_camera_that_is_not_there_is_tried_again(play, camera):
    camera.open_errors = [CameraError('camera-missing', 'There is no camera; plug it in.')] * 4
    live = play()
    camera.frame()
    until(live, running)
    assert camera.opened == 5


def test_silence_is_told_before_the_camera_is_opened_again(play, camera):
    silent = CameraError('camera-silent', 'The played camera gave no frame; check its cable.')
    live = play()
    for _ in range(MAX_SILENT_READS - 1):
        camera.fail(silent)
    camera.frame()
    until(live, running)
    assert camera.opened == 1
    for _ in range(MAX_SILENT_READS):
        camera.fail(silent)
    until(live, stopped('camera-silent'))
    camera.frame()
    until(live, running)
    assert camera.opened == 2


def test_busy_backend_drops_the_frame_only(play, camera, stub):
    live = play(Failing(stub, BackendError('backend-busy', 'Others wait.')))
    camera.frame()
    while live._busy == 0:  # nothing is published for a frame that was left out
        time.sleep(0.001)
    camera.frame()
    state = until(live, running)
    assert (state.values['live']['shown'], state.values['live']['dropped']) == (1, 1)


def test_failed_analysis_keeps_the_picture_and_says_so(play, camera, stub):
    live = play(Failing(stub, BackendError('backend-stuck', 'The model gave no answer; restart the service.')))
    camera.frame()
    state = until(live, stopped('backend-stuck'))
    assert state.status.subject == 'analysis'
    assert state.status.sentence == 'The model gave no answer; restart the service.'
    camera.frame()
    until(live, running)
    assert camera.opened == 1


def test_every_picture_that_was_analysed_or_could_not_be_is_told(play, camera, stub):
    told = queue.Queue()
    failures = BackendError('backend-busy', 'Others wait.'), BackendError('backend-stuck', 'No answer.'), ValueError()
    live, heard = play(Failing(stub, *failures), analysed=lambda error: told.put(error and error.code)), []
    camera.frame()
    while live._busy == 0:  # a frame that was left out says nothing of the model
        time.sleep(0.001)
    for _ in range(3):
        camera.frame()
        heard.append(told.get(timeout=PATIENCE_S))
    assert heard == ['backend-stuck', 'analysis-unexpected', None]


def test_the_unexpected_is_logged_and_survived(play, camera, stub, caplog):
    live = play(Failing(stub, ZeroDivisionError('by zero')))
    camera.frame()
    state = until(live, stopped('analysis-unexpected'))
    assert 'zero' not in state.status.sentence and 'rror' not in state.status.sentence
    assert 'ZeroDivisionError' in caplog.text
    camera.frame()
    until(live, running)


@pytest.mark.parametrize('error', [SystemExit(), MemoryError()], ids=repr)
def test_whatever_a_library_raises_is_survived(play, camera, stub, error):
    live = play(Failing(stub, error))
    camera.frame()
    until(live, stopped('analysis-unexpected'))
    camera.frame()
    until(live, running)


@pytest.mark.parametrize('error', [ZeroDivisionError(), SystemExit(), MemoryError()], ids=repr)
@pytest.mark.parametrize('place', ['take', 'report'])
def test_a_fault_of_the_loop_itself_is_survived(play, camera, monkeypatch, error, place):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.01)
    live = play()
    camera.frame()
    until(live, running)
    faults, real = [error], getattr(live.capture, place)

    def fail(*arguments):
        if faults and threading.current_thread().name == 'live':
            raise faults.pop()
        return real(*arguments)

    monkeypatch.setattr(live.capture, place, fail)
    while faults:
        camera.frame()
        time.sleep(0.01)
    camera.frame()
    until(live, lambda state: running(state) and state.picture >= 2)


def test_a_fault_of_the_loop_that_stays_is_a_missed_beat(play, camera, monkeypatch):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.001)
    live, tried = play(read_timeout_s=0.01), threading.Semaphore(0)
    monkeypatch.setattr(live.capture, 'take', lambda timeout_s: tried.release() or 1 / 0)
    for _ in range(3):
        assert tried.acquire(timeout=PATIENCE_S)
    assert LIVE in live.heartbeats.stale(now=time.monotonic() + 100.0)
    live.stop(PATIENCE_S)


def test_a_loop_that_was_told_to_stop_rests(play):
    live = play(read_timeout_s=0.01)
    live.stop(PATIENCE_S)
    assert live.heartbeats.report()[LIVE]['age_s'] is None


def test_numbers_that_json_lacks_stop_one_frame_only(play, camera, stub):
    class Nowhere:
        confidences = [float('nan')]

        def analyse(self, thermogram):
            result = stub.analyse(thermogram)
            return replace(result, confidence=self.confidences.pop()) if self.confidences else result

    live = play(Nowhere())
    camera.frame()
    until(live, stopped('analysis-unexpected'))
    camera.frame()
    state = until(live, running)
    json.loads(state.text, parse_constant=pytest.fail)


def test_a_camera_that_describes_itself_wrongly_is_told(play, camera, caplog):
    camera.description = {'name': object()}
    live = play()
    until(live, stopped('camera-unexpected'))
    camera.description = {'name': 'mended'}
    camera.frame()
    assert until(live, running).values['live']['camera'] == {'name': 'mended'}


def test_frames_that_never_came_are_counted(play, camera):
    live = play()
    camera.frame()
    until(live, running)
    camera.frame(skipped=3)
    state = until(live, lambda state: state.picture == 2)
    assert state.values['live']['capture']['lost'] == 3 and state.values['live']['dropped'] == 0


def test_frames_that_came_while_another_was_analysed_are_left_out(play, camera, stub):
    released, analysed = threading.Event(), []

    class Slow:
        def analyse(self, thermogram):
            analysed.append(thermogram)
            assert released.wait(PATIENCE_S)
            return stub.analyse(thermogram)

    live = play(Slow())
    camera.frame()
    while not analysed:
        time.sleep(0.001)
    for number in range(5):
        camera.frame(np.full((240, 320), 20.0 + number))
    while live.capture.counts.received < 6:
        time.sleep(0.001)
    released.set()
    state = until(live, lambda state: state.picture == 2)
    assert analysed[1].pixels[0, 0] == 24 and state.values['live']['dropped'] == 4


def test_an_analysis_that_hangs_keeps_its_pipeline_to_itself(play, camera, stub):
    """A loop that is started again beside a thread that still hangs waits for it."""
    released, analysed, most = threading.Event(), [], []

    class Hanging:
        def analyse(self, thermogram):
            analysed.append(thermogram)
            most.append(len(analysed))
            assert released.wait(PATIENCE_S)
            analysed.pop()
            return stub.analyse(thermogram)

    live = play(Hanging(), read_timeout_s=0.01)
    camera.frame()
    while not analysed:
        time.sleep(0.001)
    live.stop(0.01)
    live.start()
    camera.frame()
    while live.capture.counts.received < 2:
        time.sleep(0.001)
    for _ in range(100):  # long enough for a second thread to take the frame, if there were one
        time.sleep(0.001)
    assert INFERENCE in live.heartbeats.stale(now=time.monotonic() + 600.0), 'the watchdog must see that it hangs'
    released.set()
    until(live, lambda state: state.picture >= 1)
    assert max(most) == 1


def test_stop_ends_viewers_and_thread(play, camera):
    live = play(read_timeout_s=0.05)
    thread = live._thread
    live.stop(PATIENCE_S)
    assert not thread.is_alive()
    assert live.stopped and live.wait_for(-1, PATIENCE_S) is None
    live.stop()
