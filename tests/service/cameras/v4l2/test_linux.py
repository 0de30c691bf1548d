"""The video devices of the kernel, in fake /sys and /dev trees and on a fake kernel that reads bytes."""
import errno
import os

import pytest

from service.cameras.v4l2 import Chosen, LinuxVideoSystem, Node, Offer
from service.cameras.v4l2.linux import KernelCalls, LinuxVideoDevice

from ..fake_clock import FakeClock
from .fake_kernel import DQBUF, ERROR, QBUF, REQBUFS, S_PARM, STREAMOFF, STREAMON, FakeKernel

USB = 'sys/devices/70090000.xusb/usb1/1-2/1-2.1'


class Tree:
    """A root with as many USB cameras as are plugged in."""

    def __init__(self, root):
        self.root = root
        (root / 'sys/class/video4linux').mkdir(parents=True)
        (root / 'dev').mkdir()

    def plug(self, number, name, vid='', pid='', serial='', index=0, usb=USB):
        interface = self.root / usb / '1-2.1:1.0'
        interface.mkdir(parents=True, exist_ok=True)
        for attribute, value in (('idVendor', vid), ('idProduct', pid), ('serial', serial), ('busnum', '1'),
                                 ('devnum', '4')):
            if vid:
                (self.root / usb / attribute).write_text(value + '\n')
        folder = interface / 'video4linux' / ('video%d' % number)
        folder.mkdir(parents=True)
        (folder / 'name').write_text(name + '\n')
        (folder / 'index').write_text('%d\n' % index)
        (folder / 'device').symlink_to(interface)
        (self.root / 'sys/class/video4linux' / folder.name).symlink_to(folder)
        (self.root / 'dev' / folder.name).write_bytes(b'')

    def unplug(self, number):
        (self.root / 'sys/class/video4linux' / ('video%d' % number)).unlink()
        (self.root / 'dev' / ('video%d' % number)).unlink()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_no_video_devices_at_all(tmp_path):
    system = LinuxVideoSystem(str(tmp_path))
    assert system.nodes() == [] and system.generation() == system.generation()
    with pytest.raises(OSError) as caught:
        system.open('/dev/video0')
    assert caught.value.errno == errno.ENOENT


def test_a_camera_and_its_metadata(tree):
    tree.plug(10, 'PureThermal (fw:v1.3.0)', '1E4E', '0100', '8003001b', index=1)
    tree.plug(2, 'PureThermal (fw:v1.3.0)', '1E4E', '0100', '8003001b')
    assert LinuxVideoSystem(str(tree.root)).nodes() == [
        Node('/dev/video2', 'PureThermal (fw:v1.3.0)', '1e4e', '0100', '8003001b', '1-2.1', True),
        Node('/dev/video10', 'PureThermal (fw:v1.3.0)', '1e4e', '0100', '8003001b', '1-2.1', False)]


def test_a_device_that_is_not_on_usb_and_other_names(tree):
    tree.plug(0, 'vi-output, imx219 7-0010', usb='sys/devices/platform/vi')
    (tree.root / 'sys/class/video4linux/v4l-subdev0').mkdir()
    (tree.root / 'sys/class/video4linux/video1').mkdir()
    (tree.root / 'sys/class/video4linux/video1/name').write_bytes(b'\xff\x00\n' * 500)
    first, second = LinuxVideoSystem(str(tree.root)).nodes()
    assert first == Node('/dev/video0', 'vi-output, imx219 7-0010')
    assert second.path == '/dev/video1' and len(second.name) <= 256 and second.name.isprintable()


def test_the_device_itself_knows_best_what_it_carries(tree):
    tree.plug(0, 'camera', '1e4e', '0100', index=3)
    kernel = FakeKernel(FakeClock(), path=str(tree.root / 'dev/video0'))
    system = LinuxVideoSystem(str(tree.root), kernel)
    assert system.nodes()[0].capture
    asked = len(kernel.log)
    system.nodes()
    assert len(kernel.log) == asked and kernel.open_count == 0, 'asked once, and closed'
    kernel.capabilities = 0x84A00001, 0x04A00000
    assert not LinuxVideoSystem(str(tree.root), kernel).nodes()[0].capture


def test_a_node_that_this_user_may_not_open_is_listed_all_the_same(tree):
    tree.plug(0, 'camera', '1e4e', '0100')
    kernel = FakeKernel(FakeClock(), path=str(tree.root / 'dev/video0'))
    kernel.refuse['open'] = errno.EACCES
    assert [node.capture for node in LinuxVideoSystem(str(tree.root), kernel).nodes()] == [True]


def test_a_link_opens_what_it_points_to(tree):
    tree.plug(0, 'camera', '1e4e', '0100')
    (tree.root / 'dev/thermal-camera').symlink_to('video0')
    kernel = FakeKernel(FakeClock(), path=str(tree.root / 'dev/video0'))
    device = LinuxVideoSystem(str(tree.root), kernel).open('/dev/thermal-camera')
    assert device.query().capture
    device.close()


def test_the_usb_device_of_a_camera(tree):
    tree.plug(0, 'camera', '1e4e', '0100')
    tree.plug(1, 'sensor', usb='sys/devices/platform/vi')
    system = LinuxVideoSystem(str(tree.root))
    assert system._usb_path('video0') == '/dev/bus/usb/001/004'
    assert system._usb_path('video1') == system._usb_path('video9') == ''


def test_the_generation_rises_with_every_change(tree):
    system = LinuxVideoSystem(str(tree.root))
    seen = [system.generation()]
    for change in (lambda: tree.plug(0, 'camera', '1e4e', '0100', usb='sys/devices/usb1/1-1'),
                   lambda: tree.plug(2, 'camera', '1e4e', '0100', usb='sys/devices/usb1/1-2'),
                   lambda: tree.unplug(0), lambda: os.chmod(str(tree.root / 'dev/video2'), 0o600)):
        change()
        assert system.generation() > seen[-1]
        seen.append(system.generation())
        assert system.generation() == seen[-1]


def test_the_real_calls_on_something_that_is_no_video_device(tmp_path):
    calls = KernelCalls()
    path = tmp_path / 'file'
    path.write_bytes(b'x')
    system = LinuxVideoSystem(str(tmp_path))
    device = system.open('/file')
    with pytest.raises(OSError) as caught:
        device.query()
    assert caught.value.errno == errno.ENOTTY
    device.close()
    reader, writer = os.pipe()
    assert not calls.wait(reader, 0.0)
    os.write(writer, b'x')
    assert calls.wait(reader, 60.0)
    calls.close(reader)
    os.close(writer)
    assert calls.now() <= calls.now()
    (tmp_path / 'page').write_bytes(bytes(range(256)) * 16)
    descriptor = calls.open(str(tmp_path / 'page'))
    mapped = calls.map(descriptor, 4096, 0)
    assert mapped[:3] == b'\0\1\2'
    mapped.close()
    calls.close(descriptor)


SIZE = 160 * 122 * 2


@pytest.fixture
def kernel():
    return FakeKernel(FakeClock())


@pytest.fixture
def device(kernel):
    device = LinuxVideoDevice('/dev/video0', '/dev/bus/usb/001/004', kernel)
    device.set_format('Y16 ', 160, 122)
    yield device
    device.close()


def number_of(call):
    with pytest.raises(OSError) as caught:
        call()
    return caught.value.errno


def test_what_it_is(kernel, device):
    found = device.query()
    assert (found.driver, found.card, found.bus) == ('uvcvideo', 'PureTher', 'usb-70090000')
    assert found.capture and found.streaming


def test_a_metadata_node_captures_nothing(kernel, device):
    kernel.capabilities = 0x84A00001, 0x04A00000
    assert not device.query().capture


def test_an_old_kernel_that_says_it_for_the_whole_device(kernel, device):
    kernel.capabilities = 0x04000001, 0
    assert device.query().capture and device.query().streaming


def test_what_it_offers(kernel, device):
    kernel.offers = [('Y16 ', 160, 120, (9.0, 27.0)), ('Y16 ', 160, 122, ()), ('YUYV', 256, 384, (25.0,))]
    assert device.formats() == [Offer('Y16 ', 160, 120, (27.0, 9.0)),
                                Offer('Y16 ', 160, 122, ()), Offer('YUYV', 256, 384, (25.0,))]


def test_a_driver_takes_the_nearest_format(kernel, device):
    assert device.set_format('Y16 ', 160, 122) == Chosen('Y16 ', 160, 122, 320, SIZE)
    assert device.set_format('YUYV', 999, 999).width == 160


def test_the_rate_is_asked_for_in_units_of_a_usb_frame(kernel, device):
    assert device.set_rate(9.0) == 9.0
    assert kernel.interval == (1111111, 10000000)


def test_a_frame_with_its_sequence_and_time(kernel, device):
    device.start(4)
    assert len(kernel.maps) == 4 and len(kernel.queued) == 4
    kernel.send(b'\1\2' * (SIZE // 2), 7, kernel.now() + 0.05)
    buffer = device.dequeue(1.0)
    assert buffer.data == b'\1\2' * (SIZE // 2)
    assert (buffer.sequence, buffer.error) == (7, False)
    assert buffer.t_monotonic == pytest.approx(kernel.now(), abs=1e-5)
    assert len(kernel.queued) == 4, 'the buffer went back'


def test_nothing_in_time(kernel, device):
    device.start()
    before = kernel.now()
    assert device.dequeue(0.25) is None and kernel.now() == before + 0.25
    assert device.dequeue(0.0) is None


def test_the_oldest_first(kernel, device):
    device.start(3)
    for sequence in range(5):
        kernel.send(bytes(SIZE), sequence)
    assert [device.dequeue(0.0).sequence for _ in range(3)] == [0, 1, 2]
    assert device.dequeue(0.0) is None, 'frames 3 and 4 found no empty buffer'


def test_damaged_and_short_frames(kernel, device):
    device.start()
    kernel.send(bytes(100), 0, flags=0x2000 | ERROR)
    buffer = device.dequeue(0.0)
    assert buffer.error and len(buffer.data) == 100


def test_more_than_fits_is_cut_where_the_buffer_ends(kernel, device):
    device.start()
    kernel.send(bytes(SIZE + 50), 0)
    assert len(device.dequeue(0.0).data) == SIZE


def test_a_stamp_of_another_clock_is_the_time_of_delivery(kernel, device):
    device.start()
    kernel.send(bytes(SIZE), 0, kernel.now() + 0.1, flags=0, stamp_s=12.0)
    assert device.dequeue(1.0).t_monotonic == kernel.now()


@pytest.mark.parametrize('off_s', [-500.0, 3.0])
def test_a_broken_clock_is_recognised_by_a_frame_that_was_waited_for(kernel, device, off_s):
    device.start()
    at_s = kernel.now() + 0.1
    kernel.send(bytes(SIZE), 0, at_s, stamp_s=at_s + off_s)
    assert device.dequeue(1.0).t_monotonic == kernel.now()


def test_a_frame_that_lay_there_is_as_old_as_it_says(kernel, device):
    device.start()
    taken_s = kernel.now()
    kernel.send(bytes(SIZE), 0)
    kernel._deliver()
    kernel.clock.pass_s(60.0)
    assert device.dequeue(1.0).t_monotonic == taken_s


def test_it_stops_and_starts_again(kernel, device):
    device.start()
    device.stop()
    assert not kernel.streaming and kernel.maps == []
    device.stop()
    device.start()
    kernel.send(bytes(SIZE), 0)
    assert device.dequeue(0.0).sequence == 0
    assert kernel.log.count(STREAMON) == 2 and kernel.log.count(STREAMOFF) == 1


def test_no_memory_for_buffers(kernel, device, monkeypatch):
    monkeypatch.setattr(kernel, '_reqbufs', lambda raw: raw.__setitem__(slice(0, 4), bytes(4)))
    assert number_of(device.start) == errno.ENOMEM


def test_a_buffer_that_does_not_exist(kernel, device):
    device.start(2)
    kernel.send(bytes(SIZE), 0)
    kernel._deliver()
    kernel.filled[0] = (9, kernel.filled[0][1])
    kernel.maps += [kernel.maps[0]] * 8
    assert number_of(lambda: device.dequeue(0.0)) == errno.EIO


def test_the_cable_is_pulled(kernel, device):
    device.start()
    kernel.gone = True
    assert number_of(lambda: device.dequeue(1.0)) == errno.ENODEV
    device.close()
    device.close()
    assert all(mapped.memory is None for mapped in kernel.maps) and kernel.open_count == 0
    assert number_of(device.query) == errno.EBADF


def test_what_the_kernel_refuses_reaches_the_driver(kernel, device):
    kernel.refuse = {DQBUF: errno.EIO, S_PARM: errno.ENOTTY, QBUF: errno.EINVAL}
    assert number_of(lambda: device.set_rate(9.0)) == errno.ENOTTY
    assert number_of(device.start) == errno.EINVAL
    del kernel.refuse[QBUF]
    device.start()
    kernel.send(bytes(SIZE), 0)
    assert number_of(lambda: device.dequeue(0.0)) == errno.EIO


def test_a_stream_that_does_not_start_leaves_nothing_mapped(kernel, device):
    kernel.refuse = {STREAMON: errno.ENOSPC}
    assert number_of(device.start) == errno.ENOSPC
    device.close()
    assert kernel.log[-1] == REQBUFS and kernel.maps == []


def test_controls(kernel, device):
    device.set_control(0x009A090D, 0x8004)
    assert kernel.controls == {0x009A090D: 0x8004}
    assert number_of(lambda: device.set_control(5, 1)) == errno.EINVAL


def test_extension_units(kernel, device):
    assert device.xu_query(6, 17, 0x01, b'\1') == b'\1'
    assert device.xu_query(5, 49, 0x81, bytes(4)) == b'\1\2\3\4'
    assert kernel.xu == [(6, 17, 0x01, b'\1'), (5, 49, 0x81, bytes(4))]


def test_a_request_to_the_usb_device(kernel, device):
    device.usb_control(0x41, 0x45, 0x78, 0x1D00, b'\x0d\xc1' + bytes(6))
    assert kernel.usb == [(0x41, 0x45, 0x78, 0x1D00, b'\x0d\xc1' + bytes(6))]
    assert kernel.open_count == 1, 'the USB device is closed again'


def test_a_device_that_is_on_no_usb(kernel):
    device = LinuxVideoDevice('/dev/video0', '', kernel)
    assert number_of(lambda: device.usb_control(0x41, 0x45, 0, 0, b'')) == errno.ENOTTY


def test_an_enumeration_that_never_ends_is_ended(kernel, device, monkeypatch):
    monkeypatch.setattr(kernel, '_enum_fmt', lambda raw: raw.__setitem__(slice(44, 48), b'YUYV'))
    assert len(device.formats()) == 128
