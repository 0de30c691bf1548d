"""A camera on USB that is no video device: its commands, its frames, and frames that are none."""
import ctypes
import errno
import os
import struct

import numpy as np
import pytest

from service.cameras.base import EVERY
from service.cameras.v4l2 import Choice, LinuxVideoSystem, V4l2Camera, list_cameras
from service.cameras.v4l2.bulk import SHUTTER, BulkVideoDevice
from service.cameras.wire import FORMATS

from ..fake_clock import FakeClock
from .fake_kernel import CLAIM_INTERFACE, RELEASE_INTERFACE, SET_INTERFACE, USB_BULK, USB_CONTROL, error
from .scripted import frame_of

P3 = FORMATS['thermal-master-p3']
PATH = '/dev/bus/usb/001/007'
START = bytes.fromhex('012f81000000000000000000010000004930')
HIGH_GAIN = bytes.fromhex('012f41000100000000000000000000004939')


def marks(number, time_ms, odd=0):
    return (struct.pack('<BBIIH', 12, 0x8C + odd, number, 0, time_ms),
            struct.pack('<BBIIH', 12, 0x8E + odd, number, 0, (time_ms + 40) % 2048))


def transfers(picture, number=1, time_ms=0):
    """What a P3 sends for one frame."""
    first, last = marks(number, time_ms, number % 2)
    return [first + picture, last]


class FakeUsb:
    """One USB device with the calls of `KernelCalls`; it reads structures at the offsets of a C compiler.

    Attributes:
        coming (list): transfers that the device will send, or errors.
        refuse (dict): request to error number.
        log (list): what was asked, in order.
    """

    def __init__(self, clock, path=PATH):
        self.clock, self.path = clock, path
        self.coming, self.refuse, self.log, self.open_count = [], {}, [], 0

    def now(self):
        return self.clock.now()

    def sleep(self, seconds):
        self.log.append(('wait', seconds))
        self.clock.sleep(seconds)

    def open(self, path):
        if path != self.path:
            raise error(errno.ENOENT)
        self.open_count += 1
        return 50

    def close(self, descriptor):
        self.open_count -= 1

    def ioctl(self, descriptor, request, structure):
        assert request >> 16 & 0x3FFF == ctypes.sizeof(structure)
        if request in self.refuse:
            raise error(self.refuse[request])
        raw = bytes(structure)
        if request == USB_BULK:
            return self._bulk(*struct.unpack('<IIIxxxxQ', raw))
        if request == USB_CONTROL:
            *fields, length, timeout_ms, address = struct.unpack('<BBHHHIxxxxQ', raw)
            assert timeout_ms > 0
            self.log.append(tuple(fields) + (ctypes.string_at(address, length),))
        else:
            name = {SET_INTERFACE: 'set', CLAIM_INTERFACE: 'claim', RELEASE_INTERFACE: 'release'}[request]
            self.log.append((name,) + struct.unpack('<%dI' % (len(raw) // 4), raw))
        return 0

    def _bulk(self, endpoint, length, timeout_ms, address):
        assert endpoint == 0x81 and 0 < length <= 16384 and timeout_ms > 0
        if not self.coming:
            self.clock.sleep(timeout_ms / 1000.0)
            raise error(errno.ETIMEDOUT)
        if isinstance(self.coming[0], OSError):
            raise self.coming.pop(0)
        chunk, rest = self.coming[0][:length], self.coming[0][length:]
        self.coming[0:1] = [rest] if rest else []
        ctypes.memmove(address, chunk, len(chunk))
        self.clock.sleep(0.001)
        return len(chunk)


@pytest.fixture
def kernel():
    return FakeUsb(FakeClock())


@pytest.fixture
def device(kernel):
    """A device that streams and has just ended a frame."""
    device = BulkVideoDevice(PATH, P3, kernel)
    device.start()
    kernel.coming = transfers(frame_of(P3))
    assert device.dequeue(0.2) is None and not kernel.coming, 'nobody knows where the first one began'
    return device


def test_it_is_told_what_the_maker_s_program_tells_it(kernel):
    device = BulkVideoDevice(PATH, P3, kernel)
    device.start()
    state, answer = (0xC1, 0x22, 0, 0, b'\0'), (0xC1, 0x21, 0, 0, b'\0')
    started = [(0x41, 0x20, 0, 0, START), state, answer, state]
    assert kernel.log == [('claim', 0), ('claim', 1), (0x41, 0x20, 0, 0, HIGH_GAIN), state] + started + \
        [('wait', 1.0), ('set', 1, 1), (0x40, 0xEE, 0, 1, b''), ('wait', 2.0)] + started
    kernel.log.clear()
    device.close()
    assert kernel.log == [('set', 1, 0), ('release', 0), ('release', 1)] and kernel.open_count == 0
    device.close()
    assert kernel.open_count == 0


def test_frames_come_without_their_marks(kernel, device):
    pictures = [frame_of(P3, celsius) for celsius in (30.0, 33.0)]
    kernel.coming = transfers(pictures[0], 5, 80) + transfers(pictures[1], 6, 120)
    first, second = device.dequeue(1.0), device.dequeue(1.0)
    assert (first.data, second.data) == tuple(pictures) and not first.error and not second.error
    assert second.sequence == first.sequence + 1 and second.t_monotonic == kernel.clock.now()
    assert P3.decode(second.data).pixels.mean() == pytest.approx(33.0, abs=1 / 64.0)


@pytest.mark.parametrize('passed_ms, frames', [(40, 1), (38, 1), (0, 1), (80, 2), (400, 10), (2048 - 40, 50)])
def test_what_was_lost_is_counted(kernel, device, passed_ms, frames):
    kernel.coming = transfers(frame_of(P3), 5, 1000) + transfers(frame_of(P3), 6, (1000 + passed_ms) % 2048)
    assert -device.dequeue(1.0).sequence + device.dequeue(1.0).sequence == frames


def test_a_frame_of_two_halves_is_damaged(kernel, device):
    whole = transfers(frame_of(P3), 7, 40)
    kernel.coming = [whole[0], marks(8, 80)[1]]
    assert device.dequeue(1.0).error


@pytest.mark.parametrize('broken', [
    [b'\x0c\x8c' + bytes(500), marks(2, 0)[1]],
    [marks(2, 0)[0] + bytes(204788), marks(2, 0)[0] + bytes(2048), marks(2, 0)[1]],
    [bytes(400000), marks(2, 0)[1]],
    [marks(2, 0)[1]]])
def test_what_is_no_frame_is_passed_over(kernel, device, broken):
    """Half a frame; one while the shutter closes; one that never ends; a mark alone."""
    kernel.coming = broken + transfers(frame_of(P3, 31.0), 9, 200)
    buffer = device.dequeue(1.0)
    assert not buffer.error and P3.decode(buffer.data).pixels.mean() == pytest.approx(31.0, abs=1 / 64.0)


def test_a_frame_that_waited_is_old_and_left_out(kernel, device):
    kernel.clock.pass_s(0.5)
    kernel.coming = transfers(frame_of(P3, 20.0), 9, 200) + transfers(frame_of(P3, 31.0), 10, 240)
    buffer = device.dequeue(1.0)
    assert P3.decode(buffer.data).pixels.mean() == pytest.approx(31.0, abs=1 / 64.0) and buffer.missed == EVERY


def test_a_camera_that_is_silent_or_gone(kernel, device):
    before = kernel.clock.now()
    assert device.dequeue(0.0) is None and kernel.clock.now() == before
    assert device.dequeue(0.3) is None and kernel.clock.now() == pytest.approx(before + 0.3, abs=0.01)
    kernel.coming = [error(errno.ENODEV)]
    with pytest.raises(OSError) as caught:
        device.dequeue(0.3)
    assert caught.value.errno == errno.ENODEV


def test_what_a_video_device_could(kernel, device):
    for call in (lambda: device.set_control(1, 2), lambda: device.xu_query(1, 2, 3, b'')):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.ENOTTY
    device.stop()
    with pytest.raises(OSError):
        device.dequeue(0.1)
    device.close()
    with pytest.raises(OSError):
        device.query()


def test_a_camera_that_another_program_holds(kernel):
    kernel.refuse[CLAIM_INTERFACE] = errno.EBUSY
    device = BulkVideoDevice(PATH, P3, kernel)
    with pytest.raises(OSError) as caught:
        device.start()
    assert caught.value.errno == errno.EBUSY
    device.close()
    assert kernel.open_count == 0


def plug(root, name='1-2', vid='3474', pid='45a2', number=7):
    folder = root / 'sys/bus/usb/devices' / name
    folder.mkdir(parents=True)
    for attribute, value in (('idVendor', vid), ('idProduct', pid), ('busnum', 1), ('devnum', number),
                             ('product', 'P3'), ('serial', 'S1')):
        (folder / attribute).write_text('%s\n' % value)
    (root / 'dev/bus/usb/001').mkdir(parents=True, exist_ok=True)
    (root / ('dev/bus/usb/001/%03d' % number)).write_bytes(b'')


def test_it_is_found_listed_and_opened(tmp_path):
    plug(tmp_path, '1-1', '1d6b', '0002', 1)
    plug(tmp_path)
    os.symlink(str(tmp_path / 'dev/bus/usb/001/007'), str(tmp_path / 'dev/thermal-master-p3'))
    clock = FakeClock()
    kernel = FakeUsb(clock, str(tmp_path / 'dev/bus/usb/001/007'))
    system = LinuxVideoSystem(str(tmp_path), kernel)
    listed, = list_cameras(system)
    assert (listed.node.path, listed.title, listed.spec) == (PATH, 'Thermal Master P3', 'usb')
    assert listed.problem is None and listed.delivers['unit'] == 'celsius'
    kernel.coming = transfers(frame_of(P3)) * 3
    system.open('/dev/thermal-master-p3').close()
    camera = V4l2Camera(system, Choice(ids=('3474', '45a2')), clock)
    camera.open()
    assert camera.read().thermogram.pixels.shape == (192, 256) and camera.describe()['usb'] == '3474:45a2'
    camera.flat_field()
    assert (0x41, 0x20, 0, 0, SHUTTER) in kernel.log
    camera.close()
    assert kernel.open_count == 0


def test_it_comes_and_goes(tmp_path):
    system = LinuxVideoSystem(str(tmp_path))
    before = system.generation()
    plug(tmp_path)
    after = system.generation()
    assert after > before and system.generation() == after
    (tmp_path / 'sys/bus/usb/devices/1-2/devnum').write_text('8\n')
    assert system.generation() > after


def test_pictures_and_rates_are_those_of_the_camera(kernel):
    device = BulkVideoDevice(PATH, P3, kernel)
    offer, = device.formats()
    assert (offer.fourcc, offer.width, offer.height, offer.rates) == ('YUYV', 256, 386, (25.0,))
    assert device.set_format('Y16 ', 640, 480)[:3] == offer[:3] and device.set_rate(9.0) == 25.0
    assert np.prod(P3.shape) * 4 + 1024 == P3.frame_bytes
