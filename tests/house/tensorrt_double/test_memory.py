"""The pycuda double: memory, copies, streams and events, and what is not given back."""
import numpy as np
import pytest

from .steps import current_context


def test_copies_there_and_back(double, driver):
    frame = np.arange(12, dtype=np.float32).reshape(3, 4)
    with current_context(double):
        memory = driver.mem_alloc(frame.nbytes)
        driver.memcpy_htod(memory, frame)
        back = np.zeros_like(frame)
        driver.memcpy_dtoh(back, memory)
        np.testing.assert_array_equal(back, frame)
        row = np.zeros(4, np.float32)
        driver.memcpy_dtoh(row, int(memory) + 16)
        np.testing.assert_array_equal(row, frame[1])
        other = driver.mem_alloc(frame.nbytes)
        driver.memcpy_dtod(other, memory, frame.nbytes)
        driver.memset_d8(memory, 0, 16)
        driver.memcpy_dtoh(back, memory)
        assert (back[0] == 0).all() and (back[1:] == frame[1:]).all()
        driver.memcpy_dtoh(back, other)
        np.testing.assert_array_equal(back, frame)
        memory.free()
        other.free()


def test_fresh_memory_is_not_zero(double, driver):
    with current_context(double):
        memory, host = driver.mem_alloc(8), np.zeros(8, np.uint8)
        driver.memcpy_dtoh(host, memory)
        assert host.all() and driver.pagelocked_empty(3, np.float32).all()
        assert not driver.pagelocked_zeros((2, 2), np.float32).any()
        memory.free()


def test_addresses_are_checked(double, driver):
    with current_context(double):
        memory = driver.mem_alloc(16)
        for address, size in ((memory, 17), (int(memory) + 8, 16), (int(memory) + 16, 1), (12345, 1), (0, 4)):
            with pytest.raises(driver.LogicError, match='cuMemcpyHtoD failed: invalid argument'):
                driver.memcpy_htod(address, np.zeros(size, np.uint8))
        with pytest.raises(TypeError):
            driver.memcpy_htod('there', np.zeros(1, np.uint8))
        address = int(memory)
        memory.free()
        with pytest.raises(driver.LogicError, match='invalid argument'):
            driver.memcpy_htod(address, np.zeros(16, np.uint8))
        with pytest.raises(driver.LogicError):
            memory.free()
        with pytest.raises(driver.LogicError):
            driver.mem_alloc(0)
        again = driver.mem_alloc(16)
        assert int(again) != address
        again.free()


def test_buffers_must_be_whole_and_writable(double, driver):
    with current_context(double):
        memory, host = driver.mem_alloc(64), np.zeros((4, 4), np.float32)
        with pytest.raises(ValueError, match='contiguous'):
            driver.memcpy_htod(memory, host[:, ::2])
        host.flags.writeable = False
        with pytest.raises((BufferError, ValueError)):
            driver.memcpy_dtoh(host, memory)
        memory.free()


def test_asynchronous_copies_wait_for_somebody_who_waits(double, driver):
    with current_context(double):
        stream, memory = driver.Stream(), driver.mem_alloc(4)
        there, back = driver.pagelocked_zeros(1, np.float32), driver.pagelocked_zeros(1, np.float32)
        there[0] = 1
        driver.memcpy_htod_async(memory, there, stream)
        driver.memcpy_dtoh_async(back, memory, stream)
        assert back[0] == 0 and double.leaks()
        there[0] = 2
        stream.synchronize()
        assert back[0] == 2
        there[0] = 3
        driver.memcpy_htod_async(memory, there, stream)
        driver.memcpy_dtoh_async(back, memory, stream)
        while not stream.is_done():
            pass
        assert back[0] == 3
        memory.free()
        del there, back


def test_ordinary_memory_is_copied_aside_on_the_way_in_and_waited_for_on_the_way_out(double, driver):
    with current_context(double):
        stream, memory = driver.Stream(), driver.mem_alloc(4)
        there, back = np.ones(1, np.float32), np.zeros(1, np.float32)
        driver.memcpy_htod_async(memory, there, stream)
        there[0] = 2
        driver.memcpy_dtoh_async(back, memory, stream)
        assert back[0] == 1
        memory.free()


def test_synchronous_copies_wait_for_every_stream(double, driver):
    with current_context(double):
        there, back = driver.pagelocked_zeros(1, np.float32), np.zeros(1, np.float32)
        there[0] = 5
        memory = driver.mem_alloc(4)
        driver.memcpy_htod_async(memory, there, driver.Stream())
        driver.memcpy_dtoh(back, memory)
        assert back[0] == 5
        memory.free()
        del there


def test_memory_freed_under_a_copy_breaks_the_device(double, driver):
    with current_context(double):
        stream, memory = driver.Stream(), driver.mem_alloc(4)
        there = driver.pagelocked_zeros(1, np.float32)
        driver.memcpy_htod_async(memory, there, stream)
        memory.free()
        with pytest.raises(driver.LogicError, match='illegal memory access'):
            stream.synchronize()
        del there


def test_events_mark_a_place_in_a_stream(double, driver):
    with current_context(double):
        stream, start, end = driver.Stream(), driver.Event(), driver.Event()
        with pytest.raises(driver.LogicError):
            end.time_since(start)
        memory, host = driver.mem_alloc(4), driver.pagelocked_zeros(1, np.float32)
        start.record(stream)
        driver.memcpy_dtoh_async(host, memory, stream)
        end.record(stream)
        with pytest.raises(driver.RuntimeError, match='not ready'):
            end.time_since(start)
        assert not end.query()
        start.synchronize()
        assert host[0] == 0 and not end.query()
        end.synchronize()
        assert host[0] != 0 and end.query()
        assert end.time_since(start) == start.time_till(end) >= 0
        memory.free()
        del host


def test_stream_waits_for_another_s_event(double, driver):
    with current_context(double):
        one, two, event = driver.Stream(), driver.Stream(), driver.Event()
        memory, there, back = driver.mem_alloc(4), np.ones(1, np.float32), driver.pagelocked_zeros(1, np.float32)
        driver.memcpy_htod_async(memory, there, one)
        event.record(one)
        two.wait_for_event(event)
        driver.memcpy_dtoh_async(back, memory, two)
        two.synchronize()
        assert back[0] == 1
        memory.free()
        del back


def test_what_is_not_given_back_is_told(double, driver):
    driver.init()
    context = driver.Device(0).make_context()
    memory, pinned, stream = driver.mem_alloc(32), driver.pagelocked_empty(4, np.float32), driver.Stream()
    driver.memcpy_dtoh_async(pinned, memory, stream)
    assert any('32 bytes' in text for text in double.leaks())
    context.pop()
    context.detach()
    told = ' / '.join(double.leaks())
    for text in ('32 bytes of device memory', 'PagelockedHostAllocation outlived', '1 operations of a stream'):
        assert text in told


def test_allocation_that_nobody_holds_is_freed(double, driver):
    with current_context(double):
        free = driver.mem_get_info()[0]
        memory = driver.mem_alloc(1 << 20)
        assert free - driver.mem_get_info()[0] == 1 << 20
        del memory
        assert driver.mem_get_info()[0] == free
    assert double.leaks() == []
