"""The thread's steps, one by one on a fake clock; frames to keep; and a few tests with the thread itself."""
import sys
import threading
import time

import numpy as np
import pytest

from service.cameras.base import EVERY
from service.cameras.capture import BACKOFF_S, MAX_BAD_FRAMES, MAX_SILENT_READS, Capture
from service.cameras.capture.quality import FROZEN_S
from service.messages import CameraError
from service.supervise import CAPTURE, Heartbeats, threads

from ..contract import camera_error
from .conftest import DAMAGED, GONE, RATE_HZ, SILENT, codes, picture, read_all, steps, thermogram

#: Far beyond what anything here takes.
PATIENCE_S = 20.0


def test_the_newest_frame_wins(make, camera):
    capture = make()
    camera.frames(5)
    steps(capture, 6)
    assert capture.take(0).sequence == 4
    assert capture.report()['dropped'] == 4
    assert capture.take(0) is None


def test_frames_lost_on_the_way_are_counted(make, camera):
    capture = make()
    camera.items = [{}, {'lost': 3}, {}]
    read_all(capture, camera)
    assert (capture.counts.received, capture.counts.lost) == (3, 3)


def test_frames_that_a_busy_computer_missed_are_told_apart(make, camera):
    capture = make()
    camera.items = [{'missed': 5}, {'lost': 1, 'missed': 2}, {'missed': EVERY}, {}]
    read_all(capture, camera)
    assert (capture.counts.lost, capture.counts.missed) == (1, 2 + 9), 'those before the first frame do not count'
    assert capture.report()['missed'] == 11


def test_a_camera_that_is_gone_is_opened_again_with_growing_pauses(make, camera, clock):
    capture = make()
    camera.open_errors = [GONE] * 6
    opened_s = []
    while camera.opened < 7:
        before = camera.opened
        capture.step()
        if camera.opened > before:
            opened_s.append(clock.now())
    assert np.allclose(np.diff(opened_s), [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]) and BACKOFF_S == (0.5, 3.0)


def test_pauses_are_short_again_after_a_picture(make, camera, clock):
    capture = make()
    camera.open_errors = [GONE] * 4
    while camera.opened < 5:
        capture.step()
    camera.items = [{}]
    steps(capture, 2)  # a frame, and gone again
    lost_s = clock.now()
    while camera.opened < 6:
        capture.step()
    assert clock.now() - lost_s == pytest.approx(BACKOFF_S[0])
    assert capture.counts.reconnects == 1


def test_a_plug_is_noticed_during_a_pause(make, camera, clock):
    capture = make()
    camera.open_errors = [GONE] * 5
    while camera.opened < 5:
        capture.step()
    steps(capture, 2)
    camera.plugs += 1
    before_s = clock.now()
    capture.step()
    assert camera.opened == 6 and clock.now() == before_s


def test_an_error_is_raised_once_and_after_the_last_frame(make, camera):
    capture = make()
    camera.items = [{}]
    steps(capture, 3)
    assert capture.take(0).sequence == 0
    camera_error(lambda: capture.take(0), 'camera-gone')
    assert capture.report()['quality']['grade'] == 'unusable' and codes(capture) == ['camera-gone']


def test_silence_is_reported_at_once_and_the_camera_reopened_after_a_while(make, camera):
    capture = make()
    camera.items = [{}] + [SILENT] * MAX_SILENT_READS + [{}]
    steps(capture, 3)
    capture.take(0)
    camera_error(lambda: capture.take(0), 'camera-silent')
    assert camera.opened == 1
    read_all(capture, camera)
    assert camera.opened == 2 and capture.counts.stalls == MAX_SILENT_READS


def test_a_slow_camera_is_silent_once_two_frames_are_due(make, camera):
    camera.description = dict(camera.description, rate_hz=0.5)
    capture = make()
    camera.items = [{}, SILENT, {}] + [SILENT] * 4
    steps(capture, 7)
    assert (capture.counts.received, capture.counts.stalls) == (2, 0)
    capture.step()
    assert capture.counts.stalls == 1


def test_a_damaged_frame_is_left_out(make, camera):
    capture = make()
    camera.items = [{}, DAMAGED, {}]
    assert len(read_all(capture, camera)) == 2
    assert camera.opened == 1 and capture.counts.bad == 1 and codes(capture) == ['frames-damaged']


def test_a_camera_that_sends_damaged_frames_is_reported_and_reopened(make, camera):
    capture = make()
    camera.items = [{}] + [DAMAGED] * MAX_BAD_FRAMES + [{}]
    steps(capture, 2 + MAX_BAD_FRAMES)
    capture.take(0)
    assert camera_error(lambda: capture.take(0), 'camera-bad-frame') is DAMAGED
    read_all(capture, camera)
    assert camera.opened == 2


def test_a_picture_that_comes_twice_is_not_handed_out(make, camera):
    capture = make()
    camera.items = [{'celsius': picture(1)}] * 3 + [{'celsius': picture(2)}]
    assert [frame.sequence for frame in read_all(capture, camera)] == [0, 3]
    assert capture.counts.repeated == 2


@pytest.mark.parametrize('said', [None, {'frame_number': 7}])
def test_a_frozen_camera_is_reported_and_its_picture_is_never_shown_again(make, camera, said):
    capture = make()
    frozen = {'celsius': picture(1)}
    if said:
        camera.frames(1, **said)
        frozen = dict(camera.items.pop())
    camera.items = [frozen] * int(FROZEN_S * RATE_HZ + 2)
    read_all(capture, camera)
    assert camera_error(lambda: capture.take(0), 'camera-frozen').message.text.startswith('The scripted camera')
    camera.items = [frozen] * 3
    while camera.items:
        capture.step()
    camera_error(lambda: capture.take(0), 'camera-frozen')
    assert camera.opened >= 4 and capture.counts.received == 1
    camera.items = [{'celsius': picture(2)}]
    assert len(read_all(capture, camera)) == 1


def test_a_closed_shutter_is_no_freeze(make, camera):
    capture = make()
    camera.frames(1)
    for item in camera.items:
        item['celsius'] = picture(1)
    camera.frames(int(FROZEN_S * RATE_HZ) + 5, ffc='running')
    camera.items = [dict(item, celsius=picture(1)) for item in camera.items]
    read_all(capture, camera)
    assert capture.counts.received == 1 and camera.opened == 1


@pytest.mark.parametrize('recorded', [False, True])
def test_a_recording_and_a_picture_of_one_value_may_repeat(make, camera, recorded):
    camera.description['never_repeats'] = not recorded
    capture = make()
    camera.items = [{'celsius': picture(1) if recorded else np.full((60, 80), 40.0, np.float32)}] * 50
    assert len(read_all(capture, camera)) == 50


def _raise(error):
    raise error


@pytest.mark.parametrize('error', [ZeroDivisionError('by zero'), SystemExit('by zero'), MemoryError('by zero')],
                         ids=repr)
@pytest.mark.parametrize('stage', ['open', 'describe', 'read', 'close'])
def test_the_unexpected_is_survived(make, camera, stage, error, caplog):
    capture = make()
    camera.items = [{}]
    if stage == 'open':
        camera.open_errors = [error]
    elif stage == 'describe':
        camera.description['name'] = object()
    elif stage == 'read':
        camera.items.insert(0, error)
    else:
        camera.__class__ = type('Sticky', (type(camera),), {'__exit__': lambda self, *exc_info: _raise(error)})
        camera.items.insert(0, GONE)
    steps(capture, 2)
    told = camera_error(lambda: capture.take(0), 'camera-gone' if stage == 'close' else 'camera-unexpected')
    assert 'zero' not in told.message.text
    assert (type(error).__name__ if stage != 'describe' else 'TypeError') in caplog.text
    camera.description['name'] = 'scripted camera'
    assert len(read_all(capture, camera)) == 1


def test_every_step_beats(make, camera, clock):
    heartbeats = Heartbeats(clock=clock.now)
    capture = make(heartbeats=heartbeats)
    camera.items = [{}, SILENT, {}, GONE]
    for _ in range(20):
        before_s = clock.now()
        capture.step()
        assert heartbeats.report()[CAPTURE]['age_s'] == pytest.approx(clock.now() - before_s, abs=0.06)


def test_a_failure_that_nobody_understands_is_no_progress(make, camera, clock):
    heartbeats = Heartbeats({CAPTURE: 10.0}, clock.now)
    capture = make(heartbeats=heartbeats)
    camera.items = [{}]
    capture.step()
    camera.open_errors = [SystemExit()] * 1000
    while not heartbeats.stale():
        capture.step()
    assert codes(capture) == ['camera-unexpected'], 'said, and the watchdog gets no ping'
    camera.open_errors = [GONE]
    while codes(capture) != ['camera-gone']:
        capture.step()
    capture.step()
    assert not heartbeats.stale(), 'a camera that is merely gone is looked for'
    camera.open_errors = [ZeroDivisionError()]
    camera.items = [{}]
    while capture.counts.received < 2:
        capture.step()
    clock.sleep(9)
    capture.step()
    assert heartbeats.report()[CAPTURE]['age_s'] < 1, 'a picture makes good for it'


@pytest.mark.parametrize('error', [ZeroDivisionError(), SystemExit(), MemoryError()], ids=repr)
def test_the_thread_survives_a_fault_of_the_capture_itself(make, camera, monkeypatch, error):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.01)
    heartbeats, faults = Heartbeats(), [error]
    capture = make(heartbeats=heartbeats)
    step = capture.step
    monkeypatch.setattr(capture, 'step', lambda: _raise(faults.pop()) if faults else step())
    camera.frames(1)
    with capture:
        assert capture.take(PATIENCE_S)
    assert CAPTURE in heartbeats.report() and not heartbeats.stale(time.monotonic() + 100), 'told to stop, it rests'


def test_a_fault_of_the_capture_that_stays_is_a_missed_beat(make, monkeypatch):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.001)
    heartbeats, tried = Heartbeats(), threading.Semaphore(0)
    capture = make(heartbeats=heartbeats)
    heartbeats.expect(CAPTURE)
    monkeypatch.setattr(capture, 'step', lambda: tried.release() or sys.exit())
    with capture:
        for _ in range(3):
            assert tried.acquire(timeout=PATIENCE_S)
        assert CAPTURE in heartbeats.stale(time.monotonic() + 100)


def test_the_age_of_a_frame_is_the_cameras(make, camera, clock):
    capture = make()
    camera.items = [{'late_s': 0.7}] * 12
    frames = read_all(capture, camera)
    assert clock.now() - frames[-1].t_monotonic == pytest.approx(0.7) and codes(capture) == ['frames-late']


def test_before_the_first_frame_the_camera_starts(make):
    assert make().report()['quality'] == {'grade': 'unusable', 'messages': [
        {'code': 'camera-starting', 'severity': 'problem', 'sentence': 'The camera is starting.', 'next_step': ''}]}


def test_the_thread_reads_and_ends(make, camera):
    camera.frames(3)
    with make() as capture:
        assert capture.take(PATIENCE_S).thermogram.unit == 'celsius'
        thread = capture._thread
    assert not thread.is_alive() and camera.closed
    capture.stop()


def test_a_corrected_frame_says_so(make, camera):
    class Warmer:
        def reset(self):
            pass

        def apply(self, frame, t_s):
            return thermogram(frame.pixels + 1)

        def messages(self):
            return []

        def to_dict(self):
            return {'bad_pixels': 3}

    capture = make(corrections=Warmer())
    camera.items = [{'celsius': picture(1)}]
    frame, = read_all(capture, camera)
    assert np.allclose(frame.thermogram.pixels, picture(1) + 1) and capture.report()['bad_pixels'] == 3
    assert np.allclose(frame.measured.pixels, picture(1))


class HangingCamera:
    """Its reads hang until they are released; counts threads that read at the same time."""

    def __init__(self, camera):
        self._camera = camera
        self._reading = threading.Lock()
        self.hangs = threading.Event()
        self.released = threading.Event()
        self.opened = self.collisions = 0

    def __enter__(self):
        self.opened += 1
        return self

    def __exit__(self, *exc_info):
        pass

    def describe(self):
        return self._camera.describe()

    def changes(self):
        return 0

    def read(self, timeout_s):
        if not self._reading.acquire(blocking=False):
            self.collisions += 1
            raise SILENT
        try:
            self.hangs.set()
            self.released.wait(PATIENCE_S)
            self._camera.items = [{}]
            return self._camera.read(timeout_s)
        finally:
            self._reading.release()


def test_a_hung_read_keeps_its_camera_to_itself(camera, clock):
    hanging = HangingCamera(camera)
    heartbeats = Heartbeats(clock=clock.now)
    capture = Capture(lambda: hanging, clock=clock.now, read_timeout_s=0.01, heartbeats=heartbeats)
    try:
        for _ in range(3):
            capture.start()
            assert hanging.hangs.wait(PATIENCE_S)
            capture.stop(timeout_s=0.01)
        capture.start()
        with pytest.raises(CameraError) as caught:
            capture.take(PATIENCE_S)
        assert (hanging.collisions, hanging.opened) == (0, 1)
        assert caught.value.code == 'camera-hung' and caught.value.message.next_step
        assert codes(capture) == ['camera-hung']
        clock.pass_s(60.0)
        assert CAPTURE in heartbeats.stale(), 'the watchdog must see that the camera hangs'
        hanging.released.set()
        assert capture.take(PATIENCE_S) is not None
        assert (hanging.collisions, hanging.opened) == (0, 2), 'closed by the old thread, opened by the new one'
    finally:
        hanging.released.set()
        capture.stop(PATIENCE_S)


class Asking:
    """A thread that asks a capture for something while the test moves it."""

    def __init__(self, call):
        self.answer = self.error = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.answer = self._call()
        except CameraError as error:
            self.error = error

    def while_it_waits(self, capture):
        while self._thread.is_alive():
            capture.step()
            self._thread.join(0.002)
        return self


def test_a_still_is_a_frame_that_may_be_kept(make, camera):
    capture = make()
    camera.frames(40, ffc='running')
    camera.frames(200, ffc='complete')
    steps(capture, 2)
    asked = Asking(lambda: capture.still(PATIENCE_S)).while_it_waits(capture)
    assert asked.answer.condition.ffc == 'complete'


def test_a_still_says_what_is_in_its_way(make, camera):
    capture = make()
    camera.frames(2000, over_temperature=True)
    steps(capture, 2)
    asked = Asking(lambda: capture.still(0.1)).while_it_waits(capture)
    assert asked.error.code == 'capture-not-ready' and 'overheating' in asked.error.message.text
    camera.items = []
    steps(capture, 2)
    # At once, without a turn of the thread: whoever waits could do something meanwhile.
    assert camera_error(lambda: capture.still(PATIENCE_S), 'camera-gone') is GONE
    assert camera_error(lambda: capture.still(PATIENCE_S, calibrate=True), 'camera-gone') is GONE


def test_a_still_is_not_waited_for_from_a_camera_that_is_lost_meanwhile(make, camera):
    capture = make()
    camera.frames(30, ffc='running')
    steps(capture, 2)
    asked = Asking(lambda: capture.still(10 * PATIENCE_S)).while_it_waits(capture)
    assert asked.error is GONE


@pytest.mark.parametrize('tells', [True, False])
def test_a_still_after_calibrating_is_younger_than_that(make, camera, clock, tells):
    capture = make()
    camera.frames(5)
    steps(capture, 3)
    began_s = clock.now()
    for number in range(400):
        camera.frames(1, **({'ffc': 'complete', 'ffc_age_s': 60.0 if number < 30 else 0.1 * (number - 30)}
                            if tells else {}))
    asked = Asking(lambda: capture.still(PATIENCE_S, calibrate=True)).while_it_waits(capture)
    assert camera.flat_fields == 1
    if tells:
        assert asked.answer.condition.ffc_age_s < 60
    else:
        assert asked.answer.t_monotonic - began_s > 2.0


def test_a_camera_that_cannot_calibrate_says_so(make, camera):
    capture = make()
    camera.no_ffc = CameraError('camera-no-ffc', 'The scripted camera does not; take the picture without.')
    camera.frames(500)
    steps(capture, 2)
    assert Asking(lambda: capture.flat_field(PATIENCE_S)).while_it_waits(capture).error is camera.no_ffc


def test_nobody_to_ask(make):
    camera_error(lambda: make().flat_field(0.01), 'camera-busy')


def test_what_was_asked_of_a_lost_camera_is_refused(make, camera):
    capture = make()
    camera.frames(1)
    steps(capture, 2)
    waiting = Asking(lambda: capture.flat_field(PATIENCE_S))
    while not capture._requests._pending:
        waiting._thread.join(0.001)
    capture.close()
    waiting._thread.join(PATIENCE_S)
    assert waiting.error.code == 'camera-closed'
