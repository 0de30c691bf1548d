"""What the live page says of the camera: well, calibrating, warming up, lossy, gone."""
from dataclasses import replace

import pytest

from service.cameras.capture import quality
from service.condition import Condition

from .conftest import SwitchedCamera

pytestmark = pytest.mark.browser

SAYS = "(words) => document.getElementById('camera').innerText.includes(words)"
NOTES = "(words) => document.getElementById('camera-note').innerText.includes(words)"
QUIET = "() => document.getElementById('camera-note').hidden"
FITS = '''() => ['.content', '.panel'].every((name) => {
    const node = document.querySelector(name);
    return node.scrollHeight <= node.clientHeight;
})'''
#: Keeps what a screen reader is told: the next sentence may take its place within seconds.
LISTEN = '''() => {
    const told = document.getElementById('announce');
    window.said = told.innerText;
    new MutationObserver(() => { window.said += told.innerText; }).observe(
        told, {childList: true, characterData: true, subtree: true});
}'''


class TellingCamera(SwitchedCamera):
    """Says of itself what a test wants."""

    condition = Condition()
    lost = 0

    def describe(self):
        return dict(super().describe(), rate_hz=1.0)  # what a busy machine keeps up with

    def _read(self, timeout_s):
        frame = replace(super()._read(timeout_s), condition=self.condition)
        self._sequence += self.lost
        return frame


@pytest.fixture
def camera():
    return TellingCamera()


@pytest.fixture
def page(serve, stub, camera, visit):
    return visit(serve(stub, camera)).go('/')


def test_a_camera_that_is_well_takes_one_line(page):
    page.wait(SAYS, 'Camera excellent')
    page.wait(QUIET)
    page.page.click('button[data-view=timing]')
    page.wait("() => document.getElementById('timing').innerText.includes('lost, damaged')")
    page.wait(FITS)
    assert page.complaints == []


def test_calibrating_is_told_and_passes(page, camera, monkeypatch):
    monkeypatch.setattr(quality, 'FFC_STUCK_S', 600.0)  # a busy page may tell it late
    page.wait(SAYS, 'Camera excellent')
    page.page.evaluate(LISTEN)
    camera.condition = Condition(ffc='imminent')
    page.wait(NOTES, 'The camera is calibrating, ')
    page.wait(FITS)
    page.wait("() => window.said.includes('calibrating')")
    camera.condition = Condition(ffc='complete', ffc_age_s=0.5)
    page.wait(SAYS, 'Camera excellent')
    assert page.complaints == []


def test_calibrating_without_a_picture_is_no_silence(serve, stub, camera, visit):
    camera.never_repeats = True
    page = visit(serve(stub, camera)).go('/')
    page.wait(SAYS, 'Camera excellent')
    camera.condition = Condition(ffc='running', frame_number=1)  # it counts none while its shutter is closed
    page.wait("() => document.getElementById('banner-code').innerText === 'camera-calibrating'")
    assert page.text('#banner-sentence').startswith('The camera is calibrating, ')
    camera.condition = Condition(ffc='complete')
    page.wait("() => document.getElementById('banner').hidden")


def test_a_lossy_connection_says_what_to_do(page, camera):
    page.wait(SAYS, 'Camera excellent')
    camera.lost = 2
    page.wait(SAYS, 'Camera poor')
    page.wait(NOTES, 'are lost on the way. Use a shorter cable or another port.')
    page.wait(FITS)


def test_a_camera_that_is_gone_is_told_over_the_picture(page, camera):
    page.wait(SAYS, 'Camera excellent')
    camera.unplugged.set()
    page.wait(SAYS, 'Camera unusable')
    page.wait(QUIET)
    camera.unplugged.clear()
    page.wait(NOTES, 'The picture stopped once in the last minute')


def test_a_service_that_stops_is_not_the_cameras_fault(page, serve):
    page.wait(SAYS, 'Camera excellent')
    serve.server.stop()
    serve.thread.join()
    page.wait(SAYS, 'Camera not heard')
