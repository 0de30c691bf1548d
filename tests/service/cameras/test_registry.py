"""Which camera a specification means, and specifications that mean none."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cameras.clock import Pacer, SystemClock
from service.cameras.registry import KINDS, make_camera, open_camera
from service.cameras.replay import ReplayCamera
from service.cameras.simulated import SimulatedCamera
from service.messages import CameraError

from .contract import camera_error, is_closed
from .fake_clock import FakeClock


@pytest.mark.parametrize('spec, name', [
    ('sim', 'simulated camera 1'), ('sim:7', 'simulated camera 7'), ('sim?rate=5', 'simulated camera 1'),
    ('sim:', 'simulated camera 1')])
def test_simulated(spec, name):
    camera = make_camera(spec)
    assert isinstance(camera, SimulatedCamera) and camera.name == name and is_closed(camera)


def test_replay_of_an_odd_folder(tmp_path):
    folder = tmp_path / 'a: b & c?'
    folder.mkdir()
    np.save(str(folder / 'a.npy'), np.zeros((48, 64)))
    with open_camera('replay:%s?loop=1' % folder, FakeClock()) as camera:
        assert isinstance(camera, ReplayCamera) and camera.read(1.0).sequence == 0


@pytest.mark.parametrize('spec', [
    '', 'v4l2', 'simulator', 'replay', 'replay:', 'sim:x', 'sim:-1', 'sim:1.5', 'sim:99999999999',
    'sim:\u0661', 'sim:\u00b9', 'sim:7?rate=0', 'sim:7?rate=nan', 'sim:7?rate=fast', 'sim:7?rate=1000',
    'sim:7?width=80.5', 'sim:7?width=1e9', 'sim:7?speed=3', 'sim:7?rate', 'sim:7?rate=3&rate=4', 'sim:7?fault=fire',
    'replay:/tmp?loop=yes',
    'usb:1e4e', 'usb:1e4e:010g', 'usb?format=jpeg', 'usb?format=gige-10mk', 'usb:1e4e:0100?rate=3', 'v4l2:',
    'v4l2:video0', 'v4l2:/dev/video0?size=3', 'simusb', 'simusb:toaster', 'simusb:p2pro?fault=fire',
    'simusb:p2pro?at=soon', 'simusb:p2pro?seed=x', 'simusb:gige-10mk', 'raw:', 'raw:/tmp/a.raw',
    'raw:?format=p2pro', 'raw:/tmp?format=png',
    'replay:/tmp?scale=fahrenheit', 'replay:/tmp?seed=3', 'sim:7?'])
def test_specifications_that_mean_nothing(spec):
    camera_error(lambda: open_camera(spec, FakeClock()), 'camera-spec')


@given(st.text(max_size=20))
def test_any_text_is_a_camera_or_refused(text):
    for spec in (text, 'sim:' + text, 'sim:1?' + text, 'replay:/nowhere?' + text):
        try:
            make_camera(spec, FakeClock())
        except CameraError as error:
            assert error.code == 'camera-spec' and '\n' not in error.message.text


def test_every_kind_is_registered_under_its_own_word():
    assert {'sim', 'replay', 'usb', 'v4l2', 'simusb', 'raw'} <= set(KINDS)
    assert all(KINDS[kind].kind == kind for kind in KINDS)


@given(st.floats(0.1, 120), st.floats(0, 1e6), st.lists(st.floats(0, 3), max_size=40))
def test_ticks_rise_and_are_never_late(rate_hz, start_s, pauses):
    clock = FakeClock(start_s)
    pacer = Pacer(rate_hz, clock)
    last = -1
    for pause in pauses:
        clock.pass_s(pause)
        before = clock.now()
        tick = pacer.next_tick(100.0)
        assert tick > last
        last = tick
        assert clock.now() - before <= 1 / rate_hz + 1e-6
        assert -1e-6 <= clock.now() - pacer.time_of(tick) <= 1 / rate_hz + 1e-6


def test_the_system_clock_runs():
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0)
    assert clock.now() >= before
