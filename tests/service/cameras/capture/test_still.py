"""A frame for the record, and a camera that is asked to calibrate first."""
import threading

import pytest

from service.messages import CameraError

from ..contract import camera_error
from .conftest import GONE, steps

#: Far beyond what anything here takes.
PATIENCE_S = 20.0


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
    assert camera_error(lambda: capture.still(0.01), 'camera-gone') is GONE


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
    while not capture._requests._waiting:
        waiting._thread.join(0.001)
    capture.close()
    waiting._thread.join(PATIENCE_S)
    assert waiting.error.code == 'camera-closed'
