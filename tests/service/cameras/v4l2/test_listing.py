"""What is plugged in, and what it delivers."""
import errno
import json

import pytest

from service.cameras.v4l2 import LinuxVideoSystem, Node, SimulatedUsbCamera, SimulatedVideoSystem, list_cameras
from service.cameras.v4l2.unusable import UNUSABLE
from service.cameras.wire import FORMATS, formats_for

from ..fake_clock import FakeClock
from .scripted import ScriptedSystem
from .test_linux import Tree


def plugged(*names):
    cameras = [SimulatedUsbCamera(FORMATS[name], number=number) for number, name in enumerate(names)]
    return SimulatedVideoSystem(cameras, FakeClock())


def test_nothing():
    assert list_cameras(SimulatedVideoSystem(clock=FakeClock())) == []


def test_what_each_delivers():
    lepton, small, p2pro, boson = list_cameras(plugged('lepton-y16-telemetry', 'lepton25-y16-telemetry', 'p2pro',
                                                       'boson-640'))
    assert (lepton.title, lepton.spec) == ('FLIR Lepton 3.5', 'usb')
    assert lepton.delivers['unit'] == 'celsius' and '+-5 C' in lepton.delivers['accuracy']
    assert lepton.delivers['netd_mk'] == 50 and lepton.delivers['width'] == 160 and lepton.delivers['height'] == 120
    assert (small.title, small.spec) == ('FLIR Lepton 2.5', 'v4l2:/dev/video1'), 'ids alone would mean the first'
    assert (p2pro.delivers['rate_hz'], p2pro.spec) == (25, 'usb:0bda:5830')
    assert (boson.title, boson.delivers['unit']) == ('FLIR Boson 640', 'relative')
    assert json.loads(json.dumps(lepton.to_dict()))['delivers']['format'] == 'lepton-y16-telemetry'


def test_an_unknown_video_device_is_named_as_such():
    system = ScriptedSystem(FakeClock(), node=Node('/dev/video0', 'HD Webcam', '046d', '0825'))
    found, = list_cameras(system)
    assert (found.title, found.spec, found.delivers) == ('HD Webcam', '', {})
    assert found.problem.code == 'camera-unknown' and system.asked == [], 'it is not even opened'


def test_metadata_is_no_camera():
    system = ScriptedSystem(FakeClock(), node=Node('/dev/video1', 'PureThermal', '1e4e', '0100', capture=False))
    assert list_cameras(system) == []


@pytest.mark.parametrize('number, code', [(errno.EACCES, 'camera-permission'), (errno.EBUSY, 'camera-busy'),
                                          (errno.ENODEV, 'camera-missing')])
def test_a_camera_that_cannot_be_asked(number, code):
    system = ScriptedSystem(FakeClock())
    system.fail['open'] = number
    found, = list_cameras(system)
    assert (found.title, found.spec, found.delivers) == ('FLIR Lepton 3.5', 'usb', {})
    assert found.problem.code == code


def test_a_camera_that_offers_nothing_known():
    system = ScriptedSystem(FakeClock())
    system.offers = [system.offers[0].__class__('MJPG', 640, 480)]
    found, = list_cameras(system)
    assert found.problem.code == 'camera-format' and not found.spec


def test_cameras_that_cannot_be_used_say_why(tmp_path):
    tree = Tree(tmp_path)
    tree.plug(0, 'HIK Camera', '2bdf', '0102', usb='sys/devices/usb1/1-1')
    (tmp_path / 'sys/bus/usb/devices').mkdir(parents=True)
    (tmp_path / 'sys/bus/usb/devices/1-1').symlink_to(tmp_path / 'sys/devices/usb1/1-1')
    for name, vid, pid in (('1-2', '289d', '0010'), ('1-3', '1d6b', '0002')):
        folder = tmp_path / 'sys/bus/usb/devices' / name
        folder.mkdir()
        (folder / 'idVendor').write_text(vid)
        (folder / 'idProduct').write_text(pid)
    hikmicro, seek = list_cameras(LinuxVideoSystem(str(tmp_path)))
    assert hikmicro.problem.code == seek.problem.code == 'camera-unusable'
    assert 'Hikmicro' in hikmicro.problem.text and '8 bits' in hikmicro.problem.text
    assert seek.node.path == '' and 'formula' in seek.problem.text


@pytest.mark.parametrize('ids', sorted(UNUSABLE))
def test_no_camera_is_both_usable_and_not(ids):
    assert formats_for(int(ids[0], 16), int(ids[1], 16)) == ()
