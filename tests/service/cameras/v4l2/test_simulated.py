"""Simulated USB cameras: they fail as real ones do, and the driver above them notices."""
import errno

import numpy as np
import pytest

from service.cameras.registry import make_camera
from service.cameras.simulated import Fault
from service.cameras.v4l2 import FAULTS, Choice, SimulatedUsbCamera, SimulatedVideoSystem, V4l2Camera
from service.cameras.wire import FORMATS
from service.messages import CameraError

from ..contract import camera_error
from .test_camera import PlainScene

CAMERAS = ['lepton-y16-telemetry', 'p2pro', 't2s', 'boson-320']


def unit_of(name, kind='none', after_s=1.0, for_s=2.0, **more):
    return SimulatedUsbCamera(FORMATS[name], fault=Fault(kind, after_s, for_s), rate_hz=10.0, scene=PlainScene, **more)


def camera_with(clock, name, kind, **more):
    system = SimulatedVideoSystem([unit_of(name, kind, **more)], clock)
    return V4l2Camera(system, Choice(), clock)


def number_of(call):
    with pytest.raises(OSError) as caught:
        call()
    return caught.value.errno


@pytest.mark.parametrize('name', CAMERAS)
@pytest.mark.parametrize('kind', ['short', 'wrong-size', 'duplicate'])
def test_bad_frames_are_refused_one_by_one_and_the_camera_comes_back(clock, name, kind):
    with camera_with(clock, name, kind, for_s=0.5) as camera:
        for _ in range(10):
            camera.read()
        for _ in range(5):
            camera_error(camera.read, 'camera-bad-frame')
        assert camera.read().sequence == 15


@pytest.mark.parametrize('name', ['lepton-y16-telemetry', 'p2pro', 't2s'])
def test_frames_that_lost_their_place_give_no_temperature(clock, name):
    with camera_with(clock, name, 'chroma', for_s=0.5) as camera:
        for _ in range(10):
            camera.read()
        for _ in range(5):
            camera_error(camera.read, 'camera-bad-frame')
        assert camera.read().sequence == 15


@pytest.mark.parametrize('name', CAMERAS)
def test_a_picture_beyond_the_scale_is_never_fit_for_a_capture(clock, name):
    with camera_with(clock, name, 'saturated') as camera:
        for _ in range(10):
            assert camera.read().condition.usable
        try:
            assert not camera.read().condition.usable
        except CameraError as error:
            assert error.code == 'camera-bad-frame'


@pytest.mark.parametrize('name', CAMERAS)
def test_a_frozen_picture_goes_on_in_the_drivers_count(clock, name):
    with camera_with(clock, name, 'freeze', for_s=0.5) as camera:
        frames = [camera.read() for _ in range(16)]
    assert [frame.sequence for frame in frames] == list(range(16))
    assert all(np.array_equal(frame.thermogram.pixels, frames[9].thermogram.pixels) for frame in frames[10:15])
    assert not np.array_equal(frames[15].thermogram.pixels, frames[9].thermogram.pixels)


def test_a_shutter_that_stays_closed_is_reported(clock):
    with camera_with(clock, 'lepton-y16-telemetry', 'ffc', for_s=0.5) as camera:
        states = [camera.read().condition.ffc for _ in range(30)]
    assert states[9] == 'complete' and set(states[10:15]) == {'running'} and states[-1] == 'complete'


def test_a_flat_field_closes_the_shutter_of_the_frames_to_come(clock):
    with camera_with(clock, 'lepton-y16-telemetry', 'none') as camera:
        assert camera.read().condition.ffc == 'complete'
        clock.pass_s(0.25)
        camera.flat_field()
        assert camera.read().condition.ffc == 'complete', 'it was taken before'
        assert [camera.read().condition.ffc for _ in range(9)] == ['running'] * 9
        assert camera.read().condition.ffc == 'complete'


@pytest.mark.parametrize('name', ['p2pro', 't2s'])
def test_the_shutter_commands_of_infiray_are_understood(clock, name):
    with camera_with(clock, name, 'none') as camera:
        camera.read()
        camera.flat_field()
        pictures = [camera.read().thermogram.pixels for _ in range(10)]
    moved_c = [float(np.abs(picture - pictures[0]).max()) for picture in pictures]
    assert max(moved_c[:9]) < 0.05 < moved_c[9], 'the picture stands while the shutter is closed'


@pytest.mark.parametrize('name', CAMERAS)
@pytest.mark.parametrize('kind, node', [('unplug', '/dev/video0'), ('replug', '/dev/video2')])
def test_a_cable_that_is_pulled(clock, name, kind, node):
    camera = camera_with(clock, name, kind)
    camera.open()
    before = camera.changes()
    camera.read()
    clock.pass_s(1.05)
    camera_error(camera.read, 'camera-gone')
    camera.close()
    camera_error(camera.open, 'camera-missing')
    gone = camera.changes()
    assert gone > before and camera.changes() == gone
    clock.pass_s(2.0)
    assert camera.changes() > gone
    with camera:
        assert camera.read().sequence == 0 and camera.describe()['node'] == node


def test_a_handle_from_before_the_cable_was_pulled_stays_dead(clock):
    system = SimulatedVideoSystem([unit_of('p2pro', 'unplug')], clock)
    device = system.open('/dev/video0')
    clock.pass_s(3.5)
    assert system.nodes() and number_of(device.query) == errno.ENODEV
    device.close()
    assert number_of(lambda: device.dequeue(0.0)) == errno.ENODEV


def test_a_camera_that_is_not_there(clock):
    assert number_of(lambda: SimulatedVideoSystem(clock=clock).open('/dev/video0')) == errno.ENODEV


def test_plugging_and_unplugging_by_hand(clock):
    unit = unit_of('p2pro')
    system = SimulatedVideoSystem([], clock)
    camera = V4l2Camera(system, Choice(), clock)
    camera_error(camera.open, 'camera-missing')
    before = camera.changes()
    system.cameras.append(unit)
    assert camera.changes() > before
    with camera:
        camera.read()
        system.cameras.remove(unit)
        camera_error(camera.read, 'camera-gone')


def test_a_camera_that_was_just_plugged_in_has_not_corrected_itself(clock):
    with camera_with(clock, 'lepton-y16-telemetry', 'none', uptime_s=0.0) as camera:
        assert camera.read().condition.ffc == 'never'


def test_it_negotiates_as_a_driver_does(clock):
    device = SimulatedVideoSystem([unit_of('lepton-y16-telemetry')], clock).open('/dev/video0')
    assert {(offer.width, offer.height) for offer in device.formats()} == {(160, 122), (160, 120)}
    assert device.set_format('Y16 ', 160, 120).image_bytes == 38400
    assert device.set_format('YUYV', 640, 480).height == 122
    assert number_of(lambda: device.dequeue(0.0)) == errno.EINVAL
    device.start()
    assert number_of(lambda: device.set_format('Y16 ', 160, 120)) == errno.EBUSY
    assert len(device.dequeue(0.0).data) == 39040
    device.stop()
    assert number_of(lambda: device.set_control(0x009A090D, 0x8004)) == errno.EINVAL
    assert number_of(lambda: device.usb_control(0x41, 0, 0, 0, b'')) == errno.EPIPE


def test_buffers_that_nobody_empties_hold_the_oldest_frames(clock):
    device = SimulatedVideoSystem([unit_of('p2pro')], clock).open('/dev/video0')
    device.start(4)
    clock.pass_s(100.0)
    found = [device.dequeue(0.0) for _ in range(5)]
    assert [buffer and buffer.sequence for buffer in found] == [0, 1, 2, 3, None]
    assert device.dequeue(1.0).sequence == 1001


@pytest.mark.parametrize('spec, format_name', [
    ('simusb:lepton', 'lepton-y16-telemetry'), ('simusb:lepton25', 'lepton25-y16-telemetry'), ('simusb:p2pro', 'p2pro'),
    ('simusb:t2s', 't2s'), ('simusb:ht301', 'ht301'), ('simusb:boson-320-tlinear', 'boson-320-tlinear'),
    ('simusb:lepton-y16', 'lepton-y16')])
def test_specifications(clock, spec, format_name):
    with make_camera(spec, clock) as camera:
        described = camera.describe()
        frame = camera.read()
    assert described['format'] == format_name and described['name'].startswith('simulated ')
    assert 'nobody' in described['accuracy'] and frame.thermogram.provenance.source == described['name']


def test_options_of_a_specification(clock):
    with make_camera('simusb:lepton?seed=5&rate=4&fault=unplug&at=2&for=3&uptime=0', clock) as camera:
        assert camera.describe()['serial'] == 'SIM0005' and camera.rate_hz == 4
        assert camera.read().condition.ffc == 'never'
        clock.pass_s(2.0)
        camera_error(camera.read, 'camera-gone')


def test_every_fault_says_what_it_is():
    assert {'freeze', 'unplug', 'replug', 'ffc', 'wrong-size', 'short', 'chroma', 'saturated', 'drift',
            'duplicate'} == set(FAULTS)
    assert all(FAULTS.values())
