"""What cameras are told: the bytes, and what they may answer."""
import errno

import pytest

from service.cameras.v4l2.commands import InfirayP2Commands, commands_for
from service.cameras.wire import FORMATS

from ..fake_clock import FakeClock
from .scripted import ScriptedDevice, ScriptedSystem


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
