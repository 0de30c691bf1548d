"""Which devices the kernel has, in pretended /sys and /dev trees."""
import errno
import os

import pytest

from service.cameras.v4l2 import LinuxVideoSystem, Node, sysfs
from service.cameras.v4l2.calls import KernelCalls

from ..fake_clock import FakeClock
from .fake_kernel import FakeKernel

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


def test_a_device_that_is_on_no_usb_and_names_that_are_none(tree):
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
    assert sysfs.usb_path('video0', str(tree.root)) == '/dev/bus/usb/001/004'
    assert sysfs.usb_path('video1', str(tree.root)) == sysfs.usb_path('video9', str(tree.root)) == ''


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
