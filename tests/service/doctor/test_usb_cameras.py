"""What the doctor says of USB cameras: one that is there and not used, one that may not be used, none."""
import errno

from service.cameras.v4l2 import Node, SimulatedUsbCamera, SimulatedVideoSystem
from service.cameras.wire import FORMATS
from service.doctor.checks import camera
from service.messages import OK, PROBLEM
from service.settings import Settings
from tests.service.cameras.fake_clock import FakeClock
from tests.service.cameras.v4l2.scripted import ScriptedSystem


def system_of(*names):
    return SimulatedVideoSystem([SimulatedUsbCamera(FORMATS[name]) for name in names], FakeClock())


def test_a_simulated_camera_says_how_its_frame_was():
    report = camera.check(Settings(camera='simusb:lepton'), system_of())
    assert report.severity == OK and '160x120 frames in degrees Celsius' in report.sentence and not report.next_step
    assert report.facts['condition']['usable'] and report.facts['plugged_in'] == []


def test_a_camera_that_is_plugged_in_and_not_used():
    report = camera.check(Settings(camera='sim:1'), system_of('p2pro'))
    assert report.severity == OK and 'not used: --camera usb' in report.next_step
    assert report.facts['plugged_in'][0]['vid'] == '0bda'


def test_a_camera_under_another_name():
    report = camera.check(Settings(camera='v4l2:/dev/video9'), system_of('p2pro'))
    assert report.severity == PROBLEM and report.code == 'camera-missing'
    assert 'P2 Pro' in report.next_step and '--camera usb' in report.next_step


def test_a_camera_that_cannot_be_used_is_told_where_one_is_missing():
    system = ScriptedSystem(FakeClock(), node=Node('/dev/video0', 'HD Webcam', '046d', '0825'))
    report = camera.check(Settings(camera='usb:1e4e:0100'), system)
    assert report.severity == PROBLEM and 'HD Webcam' in report.next_step


def test_group_video_is_what_it_takes():
    system = ScriptedSystem(FakeClock())
    system.fail['open'] = errno.EACCES
    report = camera.check(Settings(camera='v4l2:/dev/video9'), system)
    assert 'usermod -aG video' in report.next_step


def test_nothing_at_all():
    report = camera.check(Settings(camera='v4l2:/dev/video9'), system_of())
    assert report.severity == PROBLEM and report.next_step.startswith('Plug it in')
