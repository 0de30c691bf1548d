"""The pycuda double: devices, errors, and contexts, which belong to threads."""
import threading

import numpy as np
import pytest

from .steps import current_context


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
