"""Which device is meant and what it speaks: USB ids first, then the size of the picture."""
import pytest

from service.cameras.v4l2 import Choice, Node, Offer, formats_of
from service.cameras.v4l2.selection import choose_format, wire_named
from service.cameras.wire import FORMATS

from ..contract import camera_error

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
    assert formats_of(HIKMICRO) == ()
    assert 'Hikmicro' in camera_error(lambda: Choice().find([HIKMICRO]), 'camera-unusable').message.text


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
def test_none(nodes, code):
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
