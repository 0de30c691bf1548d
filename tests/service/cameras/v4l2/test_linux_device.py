"""The device of the kernel, over a pretended kernel that looks at bytes."""
import errno

import pytest

from service.cameras.v4l2.linux_device import LinuxVideoDevice
from service.cameras.v4l2.seam import Chosen, Offer

from ..fake_clock import FakeClock
from .fake_kernel import DQBUF, ERROR, QBUF, REQBUFS, S_PARM, STREAMOFF, STREAMON, FakeKernel

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
    assert buffer.data == b'\1\2' * (SIZE // 2) and buffer.bytesused == SIZE
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
    assert buffer.error and buffer.bytesused == 100 and len(buffer.data) == 100


def test_more_than_fits_is_cut_where_the_buffer_ends(kernel, device):
    device.start()
    kernel.send(bytes(SIZE + 50), 0)
    buffer = device.dequeue(0.0)
    assert buffer.bytesused == SIZE + 50 and len(buffer.data) == SIZE


def test_a_stamp_of_another_clock_is_the_time_of_delivery(kernel, device):
    device.start()
    kernel.send(bytes(SIZE), 0, kernel.now() + 0.1, flags=0, stamp_s=12.0)
    assert device.dequeue(1.0).t_monotonic == kernel.now()


@pytest.mark.parametrize('off_s', [-500.0, 3.0])
def test_a_broken_clock_is_seen_in_a_frame_that_was_waited_for(kernel, device, off_s):
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
    assert device.get_control(0x009A090D) == 0x8004
    assert number_of(lambda: device.get_control(5)) == errno.EINVAL


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
