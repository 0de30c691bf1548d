"""What cameras are told: to send temperatures, to run a flat-field correction, and what they may answer."""
import errno

import pytest

from service.cameras.v4l2.commands import InfirayP2Commands, commands_for
from service.cameras.wire import FORMATS

from ..contract import camera_error
from ..fake_clock import FakeClock
from .scripted import ScriptedDevice, ScriptedSystem, camera_of, frame_of, opened


class P2Device(ScriptedDevice):
    """Answers its status from a list, the last one for ever."""

    def __init__(self, *statuses):
        super().__init__(ScriptedSystem(FakeClock(), FORMATS['p2pro']))
        self.statuses = list(statuses)

    def usb_control(self, request_type, *more):
        super().usb_control(request_type, *more)
        if request_type != 0xC1:
            return more[-1]
        return bytes([self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]])


def test_a_p2_pro_is_asked_until_it_is_done():
    slept = []
    device = P2Device(1, 3, 0)
    InfirayP2Commands(slept.append).flat_field(device)
    told = [entry for entry in device.system.asked if entry[0] == 'usb']
    assert told[0] == ('usb', 0x41, 0x45, 0x78, 0x1D00, b'\x0d\xc1\0\0\0\0\0\0')
    assert told[1:] == [('usb', 0xC1, 0x44, 0x78, 0x0200, b'\0')] * 3 and len(slept) == 2


@pytest.mark.parametrize('status, asked', [(1, 50), (0x82, 1)])
def test_a_p2_pro_that_refuses_or_never_answers(status, asked):
    device = P2Device(status)
    with pytest.raises(OSError) as caught:
        InfirayP2Commands(lambda seconds: None).flat_field(device)
    assert caught.value.errno == errno.EIO
    assert sum(entry[:2] == ('usb', 0xC1) for entry in device.system.asked) == asked


def test_a_lepton_that_was_pulled_while_it_was_asked_for_temperatures():
    system = ScriptedSystem(FakeClock())
    system.fail['xu 5'] = errno.ENODEV
    with pytest.raises(OSError) as caught:
        commands_for(system.wire).want_temperatures(ScriptedDevice(system))
    assert caught.value.errno == errno.ENODEV


def test_cameras_that_take_no_request():
    commands = commands_for(FORMATS['boson-320'])
    device = ScriptedDevice(ScriptedSystem(FakeClock(), FORMATS['boson-320']))
    commands.prepare(device)
    assert not commands.has_flat_field and not commands.want_temperatures(device) and not device.system.asked
    with pytest.raises(OSError):
        commands.flat_field(device)


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


def test_a_t2s_is_set_to_raw_values_before_it_streams(clock):
    system = ScriptedSystem(clock, FORMATS['t2s'])
    opened(system)
    told = [entry for entry in system.asked if entry[0] == 'control']
    assert told == [('control', 0x009A090D, 0x8004), ('control', 0x009A090D, 0x8020)]
    assert system.asked.index(told[-1]) < system.asked.index('start')


def test_a_t2s_that_refuses_raw_values_is_not_shown(clock):
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
