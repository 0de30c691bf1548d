"""Which devices are plugged in, which one is meant and what it sends: USB ids first, then the picture size."""
import errno
import json

import pytest

from service.cameras.v4l2 import (
    Choice,
    LinuxVideoSystem,
    Node,
    Offer,
    SimulatedUsbCamera,
    SimulatedVideoSystem,
    formats_of,
    list_cameras,
)
from service.cameras.v4l2.selection import UNUSABLE, choose_format, wire_named
from service.cameras.wire import FORMATS, formats_for

from ..contract import camera_error
from ..fake_clock import FakeClock
from .scripted import ScriptedSystem, camera_of, opened
from .test_linux import Tree

WEBCAM = Node('/dev/video0', 'HD Webcam', '046d', '0825')
LEPTON = Node('/dev/video1', 'PureThermal', '1e4e', '0100')
META = Node('/dev/video2', 'PureThermal', '1e4e', '0100', capture=False)
P2PRO = Node('/dev/video3', 'USB Camera', '0bda', '5830')
BARE = Node('/dev/video4', 'vi-output')
HIKMICRO = Node('/dev/video5', 'HIK Camera', '2bdf', '0102')


def names(formats):
    return [wire.name for wire in formats]


def test_ids_say_which_formats_there_may_be():
    assert names(formats_of(P2PRO)) == ['p2pro'] and formats_of(WEBCAM) == formats_of(META) == formats_of(BARE) == ()
    assert names(formats_of(LEPTON))[:2] == ['lepton-y16-telemetry', 'lepton-y16']
    assert formats_of(Node('/dev/video9', 'odd', 'zzzz', '0100')) == ()


def test_size_alone_chooses_nothing():
    # 256x196 as YUYV is a T2S+, and also a camera whose pixels have no temperatures.
    assert choose_format(formats_of(HIKMICRO), [Offer('YUYV', 256, 196)]) is None
    assert formats_of(Node('/dev/video5', 'T2S+', '04b4', '0100')) == ()


def test_the_first_known_camera():
    node, formats = Choice().find([WEBCAM, META, LEPTON, P2PRO])
    assert node == LEPTON and formats == formats_of(LEPTON)


def test_one_kind_of_camera():
    assert Choice(ids=('0BDA', '5830')).find([LEPTON, P2PRO])[0] == P2PRO
    error = camera_error(lambda: Choice(ids=('0bda', '5830')).find([LEPTON]), 'camera-missing')
    assert '0bda:5830' in error.message.text
    assert '046d:0825' in camera_error(lambda: Choice(ids=('046d', '0825')).find([WEBCAM]),
                                       'camera-unknown').message.text


@pytest.mark.parametrize('nodes, code', [([], 'camera-missing'), ([META], 'camera-missing'),
                                         ([WEBCAM], 'camera-unknown')])
def test_no_such_camera(nodes, code):
    camera_error(lambda: Choice().find(nodes), code)


def test_by_node():
    assert Choice('/dev/video3').find([LEPTON, P2PRO])[0] == P2PRO
    camera_error(lambda: Choice('/dev/video9').find([LEPTON]), 'camera-missing')
    assert 'HD Webcam' in camera_error(lambda: Choice('/dev/video0').find([WEBCAM]), 'camera-unknown').message.text


def test_by_a_link(tmp_path):
    (tmp_path / 'video7').write_bytes(b'')
    (tmp_path / 'thermal-camera').symlink_to('video7')
    node = Node(str(tmp_path / 'video7'), 'USB Camera', '0bda', '5830')
    assert Choice(str(tmp_path / 'thermal-camera')).find([LEPTON, node])[0] == node


def test_a_format_that_was_named():
    tlinear = FORMATS['boson-320-tlinear']
    boson = Node('/dev/video6', 'Boson', '09cb', '4007')
    assert Choice(wire=tlinear).find([LEPTON, boson]) == (boson, (tlinear,))
    assert Choice('/dev/video4', wire=FORMATS['p2pro']).find([BARE]) == (BARE, (FORMATS['p2pro'],))
    camera_error(lambda: Choice(wire=tlinear).find([LEPTON]), 'camera-unknown')


def test_counts_of_a_boson_are_no_temperatures_unless_somebody_says_so():
    boson = formats_of(Node('/dev/video6', 'Boson', '09cb', '4007'))
    assert choose_format(boson, [Offer('Y16 ', 320, 256)]).unit == 'relative'


@pytest.mark.parametrize('sizes, name', [
    ([(160, 120), (160, 122)], 'lepton-y16-telemetry'), ([(160, 120)], 'lepton-y16'),
    ([(80, 60), (80, 63)], 'lepton25-y16-telemetry'), ([], 'lepton-y16-telemetry'), ([(640, 480)], None)])
def test_then_the_size(sizes, name):
    found = choose_format(formats_of(LEPTON), [Offer('Y16 ', *size) for size in sizes])
    assert (found and found.name) == name


@pytest.mark.parametrize('text, name', [
    ('lepton', 'lepton-y16-telemetry'), ('lepton-y16', 'lepton-y16'), ('p2pro', 'p2pro'), ('boson', 'boson-320'),
    ('', None), ('gige', None), ('gige-10mk', None), ('zz', None)])
def test_names_and_their_beginnings(text, name):
    found = wire_named(text)
    assert (found and found.name) == name


def plugged(*names):
    cameras = [SimulatedUsbCamera(FORMATS[name], number=number) for number, name in enumerate(names)]
    return SimulatedVideoSystem(cameras, FakeClock())


def test_nothing():
    assert list_cameras(SimulatedVideoSystem(clock=FakeClock())) == []


def test_what_each_delivers():
    lepton, small, p2pro, boson = list_cameras(plugged('lepton-y16-telemetry', 'lepton25-y16-telemetry', 'p2pro',
                                                       'boson-640'))
    assert (lepton.title, lepton.spec) == ('FLIR Lepton 3.5', 'usb')
    assert lepton.delivers['unit'] == 'celsius' and '±5 °C' in lepton.delivers['accuracy']
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
    tree.plug(0, 'T2S+', '04b4', '0100', usb='sys/devices/usb1/1-1')
    (tmp_path / 'sys/bus/usb/devices').mkdir(parents=True)
    (tmp_path / 'sys/bus/usb/devices/1-1').symlink_to(tmp_path / 'sys/devices/usb1/1-1')
    for name, vid, pid in (('1-2', '289d', '0010'), ('1-3', '1d6b', '0002')):
        folder = tmp_path / 'sys/bus/usb/devices' / name
        folder.mkdir()
        (folder / 'idVendor').write_text(vid)
        (folder / 'idProduct').write_text(pid)
    infiray, seek = list_cameras(LinuxVideoSystem(str(tmp_path)))
    assert infiray.problem.code == seek.problem.code == 'camera-unusable'
    assert 'second version' in infiray.problem.text and 'unreliable' in infiray.problem.text
    assert seek.node.path == '' and 'formula' in seek.problem.text


def test_two_cameras_with_the_same_ids_are_told_apart_by_their_pictures():
    """A Hikmicro Mini has 8 bits, a Topdon TC002C Duo temperatures beside other pictures and names that are garbage."""
    sizes = [(256, 192), (256, 392), (4, 12305), (60, 3299)]
    hikmicro = ScriptedSystem(FakeClock(), node=HIKMICRO, offers=[Offer('YUYV', *size) for size in sizes])
    found, = list_cameras(hikmicro)
    assert found.problem.code == 'camera-unusable' and not found.spec
    assert 'Hikmicro' in found.problem.text and '8 bits' in found.problem.text
    camera_error(camera_of(hikmicro).open, 'camera-unusable')
    topdon = ScriptedSystem(FakeClock(), FORMATS['tc002c-duo'], node=HIKMICRO,
                            offers=[Offer('YUYV', *size) for size in sizes + [(512, 484)]])
    found, = list_cameras(topdon)
    assert found.problem is None and found.delivers['format'] == 'tc002c-duo'
    assert opened(topdon).read().thermogram.is_celsius


@pytest.mark.parametrize('ids', sorted(UNUSABLE))
def test_no_camera_is_both_usable_and_not(ids):
    assert formats_for(int(ids[0], 16), int(ids[1], 16)) == ()
