"""What the driver tells a camera: to send temperatures, and to even its picture out."""
import errno

import pytest

from service.cameras.wire import FORMATS

from ..contract import camera_error
from .scripted import ScriptedSystem, camera_of, frame_of, opened


def test_counts_are_never_shown_as_temperatures(system):
    system.fail.update({'xu 5': errno.ENOENT, 'xu 21': errno.EIO})
    system.send(frame_of(system.wire, tlinear=False))
    camera = opened(system)
    assert not camera.read().thermogram.is_celsius and camera.describe()['unit'] == 'relative'
    assert ('xu', 21, 19, 1, b'\1\0\0\0') in system.asked, 'asked as older and as newer firmware'


def test_a_lepton_is_asked_for_temperatures(system):
    system.send(frame_of(system.wire, tlinear=False))
    system.send(frame_of(system.wire, tlinear=False))
    system.send(frame_of(system.wire, 33.0))
    camera = opened(system)
    assert camera.read().thermogram.is_celsius and camera.describe()['unit'] == 'celsius'
    asked = [entry for entry in system.asked if entry[0] == 'xu']
    assert asked == [('xu', 5, 50, 1, b'\1\0\0\0'), ('xu', 5, 49, 1, b'\1\0\0\0')]


def test_a_lepton_that_takes_the_wish_and_goes_on_with_counts(system):
    for _ in range(30):
        system.send(frame_of(system.wire, tlinear=False))
    assert not opened(system).read().thermogram.is_celsius


def test_temperatures_that_become_counts_are_refused(system):
    camera = opened(system)
    camera.read()
    system.send(frame_of(system.wire, tlinear=False), sequence=1)
    assert 'changed' in camera_error(camera.read, 'camera-bad-frame').message.text


def test_a_t2s_is_told_to_send_raw_values_before_it_streams(clock):
    system = ScriptedSystem(clock, FORMATS['t2s'])
    opened(system)
    told = [entry for entry in system.asked if entry[0] == 'control']
    assert told == [('control', 0x009A090D, 0x8004), ('control', 0x009A090D, 0x8020)]
    assert system.asked.index(told[-1]) < system.asked.index('start')


def test_a_t2s_that_cannot_be_told_so_is_not_shown(clock):
    system = ScriptedSystem(clock, FORMATS['t2s'])
    system.fail['set_control'] = errno.EINVAL
    camera_error(camera_of(system).open, 'camera-failed')


@pytest.mark.parametrize('name', ['lepton-y16-telemetry', 'p2pro', 't2s'])
def test_a_flat_field_is_asked_for(clock, name):
    system = ScriptedSystem(clock, FORMATS[name])
    camera = opened(system)
    before = len(system.asked)
    camera.flat_field()
    assert {'lepton-y16-telemetry': ('xu', 6, 17, 1, b'\1'), 't2s': ('control', 0x009A090D, 0x8000),
            'p2pro': ('usb', 0x41, 0x45, 0x78, 0x1D00, b'\x0d\xc1\0\0\0\0\0\0')}[name] in system.asked[before:]


@pytest.mark.parametrize('name, call, number, code', [
    ('lepton-y16-telemetry', 'xu 6', errno.ENODEV, 'camera-gone'), ('p2pro', 'usb', errno.EACCES, 'camera-permission'),
    ('lepton-y16-telemetry', 'xu 6', errno.EPIPE, 'camera-no-ffc'), ('p2pro', 'usb', errno.ENOTTY, 'camera-no-ffc'),
    ('boson-320', '', 0, 'camera-no-ffc')])
def test_a_flat_field_that_is_not_taken(clock, name, call, number, code):
    system = ScriptedSystem(clock, FORMATS[name])
    camera = opened(system)
    system.fail[call] = number
    camera_error(camera.flat_field, code)
