"""The pycuda double: contexts belong to threads, copies to streams, and nothing is forgotten."""
import threading

import numpy as np
import pytest

from .steps import current_context


@pytest.fixture
def double(tensorrt_double):
    return tensorrt_double('8.2.1', sm=53)


@pytest.fixture
def driver(double):
    return double.driver


def test_nothing_works_before_init(double, driver):
    for call in (driver.Device.count, lambda: driver.Device(0), lambda: driver.mem_alloc(1)):
        with pytest.raises(driver.LogicError, match='initialization error'):
            call()
    driver.init()
    assert driver.Device.count() == 1
    device = driver.Device(0)
    assert device.compute_capability() == (5, 3) and device.name() == 'NVIDIA Tegra X1'
    assert device.total_memory() == 3956 << 20
    assert driver.get_version() == (10, 2, 0) and driver.get_driver_version() == 10020
    with pytest.raises(driver.LogicError, match='ordinal'):
        driver.Device(1)


def test_errors_are_pycuda_s(driver):
    assert issubclass(driver.MemoryError, (MemoryError, driver.Error))
    assert driver.MemoryError.__mro__[1:3] == (driver.Error, MemoryError)
    for name in ('LogicError', 'LaunchError', 'RuntimeError'):
        assert getattr(driver, name).__bases__ == (driver.Error,)


def test_memory_needs_a_current_context(driver):
    driver.init()
    for call in (lambda: driver.mem_alloc(8), lambda: driver.pagelocked_empty(2, np.float32), driver.Stream,
                 driver.Event, driver.mem_get_info, driver.Context.synchronize):
        with pytest.raises(driver.LogicError, match='no currently active context'):
            call()


def test_contexts_are_a_stack(double, driver):
    driver.init()
    assert driver.Context.get_current() is None
    first = driver.Device(0).make_context()
    second = driver.Device(0).make_context()
    assert driver.Context.get_current() is second and driver.Context.get_device() == driver.Device(0)
    driver.Context.pop()
    assert driver.Context.get_current() is first
    second.push()
    second.pop()
    first.pop()
    with pytest.raises(driver.LogicError, match='cannot pop'):
        first.pop()
    assert double.leaks() == ['a context was never detached'] * 2
    first.detach()
    second.detach()
    assert double.leaks() == []
    with pytest.raises(driver.LogicError, match='invalid context'):
        first.detach()
    with pytest.raises(driver.LogicError):
        first.push()


def test_every_thread_has_its_own_stack(double, driver):
    seen = {}
    with current_context(double) as context:
        def elsewhere():
            seen['before'] = driver.Context.get_current()
            context.push()
            seen['after'] = driver.Context.get_current()
            context.pop()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert seen == {'before': None, 'after': context}
    assert double.leaks() == []


def test_context_left_behind_by_a_thread(double, driver):
    driver.init()
    kept = []
    thread = threading.Thread(target=lambda: kept.append(driver.Device(0).make_context()), name='worker')
    thread.start()
    thread.join()
    assert double.leaks() == ['a context is still pushed on thread worker', 'a context was never detached']
    kept[0].detach()
    assert 'a context was detached by a thread that did not make it' in double.leaks()


def test_primary_context_is_one(double, driver):
    driver.init()
    first, second = driver.Device(0).retain_primary_context(), driver.Device(0).retain_primary_context()
    assert first is second and driver.Context.get_current() is None
    first.push()
    driver.mem_alloc(8).free()
    first.pop()
    first.detach()
    assert double.leaks() == []


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
        stream, memory = driver.Stream(), driver.mem_alloc(4)
        there, back = driver.pagelocked_zeros(1, np.float32), np.zeros(1, np.float32)
        there[0] = 5
        driver.memcpy_htod_async(memory, there, stream)
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


def test_automatic_context_fails_the_test(double):
    for name in ('pycuda.autoinit', 'pycuda.autoprimaryctx'):
        with pytest.raises(pytest.fail.Exception, match='a context belongs to the thread'):
            __import__(name)


def test_modules_are_gone_after_the_test():
    with pytest.MonkeyPatch.context() as patch:
        from tests.fakes.tensorrt_double import install

        double = install(patch)
        import pycuda.driver
        import tensorrt

        assert tensorrt is double.tensorrt and pycuda.driver is double.driver
    import sys

    assert sys.modules.get('tensorrt') is not double.tensorrt
