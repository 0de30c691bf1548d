"""The two ways to CUDA: what both keep to, and what the driver's says where there is no driver, or a wrong one."""
import gc
import os
import platform
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest

from service.backends import cuda_driver
from service.backends.cuda import CudaContext, cuda_library, first_gpu, is_lasting
from service.engines import machine_facts
from service.messages import BackendError
from tests.fakes.libcuda import copy_library, library_folder

#: What the station uses of `pycuda.driver`.
NAMES = {'Device': ('name', 'compute_capability', 'total_memory', 'make_context'), 'Context': ('push', 'pop', 'detach'),
         'Stream': ('handle', 'synchronize'), 'Event': ('record', 'time_till'), 'DeviceAllocation': ('free', '__int__'),
         'Error': (), 'MemoryError': (), 'LogicError': (), 'LaunchError': (), 'RuntimeError': (), 'init': (),
         'mem_alloc': (), 'mem_get_info': (), 'pagelocked_empty': (), 'memcpy_htod': (), 'memcpy_htod_async': (),
         'memcpy_dtoh_async': ()}


class CudaContract:
    """What a module that reaches CUDA does, whichever it is."""

    kind = ''

    @pytest.fixture
    def double(self, tensorrt_double):
        return tensorrt_double(cuda=self.kind)

    @pytest.fixture
    def cuda(self, double):
        """The module, with a context of this thread current."""
        with CudaContext(self.kind) as context:
            yield context.cuda
        gc.collect()
        assert not any(double.alive().values()) and double.leaks() == []

    def test_it_is_chosen_by_its_name_and_by_auto(self, double):
        assert cuda_library(self.kind) is cuda_library() is double.driver
        assert first_gpu(self.kind) == first_gpu() == ('NVIDIA Tegra X1', 53)
        assert machine_facts()['sm'] == 53

    def test_it_has_every_name(self, cuda):
        for name, members in NAMES.items():
            assert all(hasattr(getattr(cuda, name), member) for member in members), name
        for name in ('MemoryError', 'LogicError', 'LaunchError', 'RuntimeError'):
            assert issubclass(getattr(cuda, name), cuda.Error) and issubclass(cuda.Error, Exception)

    def test_it_describes_the_device(self, cuda):
        device = cuda.Device(0)
        assert device.name() == 'NVIDIA Tegra X1' and device.compute_capability() == (5, 3)
        assert device.total_memory() == cuda.mem_get_info()[1] == 3956 << 20
        with pytest.raises(cuda.LogicError, match='invalid device ordinal'):
            cuda.Device(1)

    def test_nothing_works_before_init(self, double):
        with pytest.raises(double.driver.Error, match='initialization error'):
            double.driver.Device(0)

    def test_a_context_belongs_to_the_thread_that_pushed_it(self, cuda):
        failures = []

        def other():
            try:
                cuda.mem_alloc(16)
            except cuda.LogicError as error:
                failures.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert 'invalid device context' in failures[0] and is_lasting(failures[0])

    def test_a_context_is_pushed_popped_and_ends_once(self, cuda, double):
        outer = double.current()
        context = cuda.Device(0).make_context()
        inner = double.current()
        context.pop()
        assert double.current() is outer
        context.push()
        assert double.current() is inner is not outer
        context.pop()
        context.detach()
        assert double.current() is outer and double.alive()['contexts'] == 1
        for call in (context.push, context.detach):
            with pytest.raises(cuda.LogicError, match='invalid'):
                call()

    def test_copies_in_the_order_of_a_stream(self, cuda):
        stream, memory = cuda.Stream(), cuda.mem_alloc(48)
        there, back = cuda.pagelocked_empty((3, 4), np.float32), cuda.pagelocked_empty((3, 4), np.dtype('float32'))
        there[...] = np.arange(12).reshape(3, 4)
        cuda.memcpy_htod_async(memory, there, stream)
        cuda.memcpy_dtoh_async(back, memory, stream)
        assert not np.array_equal(back, there)  # nobody has waited yet
        stream.synchronize()
        assert np.array_equal(back, there) and stream.handle and int(memory)
        cuda.memcpy_htod(memory, np.ones(12, np.float32))
        cuda.memcpy_dtoh_async(back, int(memory), stream)
        stream.synchronize()
        assert (back == 1).all()

    def test_copies_check_their_arrays(self, cuda):
        stream, memory, host = cuda.Stream(), cuda.mem_alloc(64), cuda.pagelocked_empty((4, 4), np.float32)
        with pytest.raises(ValueError, match='contiguous'):
            cuda.memcpy_htod(memory, host[:, ::2])
        with pytest.raises(cuda.LogicError, match='cuMemcpyHtoD failed: invalid argument'):
            cuda.memcpy_htod(memory, np.zeros(17, np.float32))
        view = host[...]
        view.flags.writeable = False
        with pytest.raises((ValueError, BufferError)):
            cuda.memcpy_dtoh_async(view, memory, stream)

    def test_events_measure_a_stream(self, cuda):
        stream, first, second = cuda.Stream(), cuda.Event(), cuda.Event()
        with pytest.raises(cuda.Error):
            first.time_till(second)
        assert first.record(stream) is first
        second.record(stream)
        with pytest.raises(cuda.RuntimeError, match='not ready'):
            first.time_till(second)
        stream.synchronize()
        assert first.time_till(second) >= 0

    def test_memory_is_freed_once_or_with_its_last_reference(self, cuda, double):
        free = cuda.mem_get_info()[0]
        memory, other = cuda.mem_alloc(1 << 20), cuda.mem_alloc(1 << 20)
        assert cuda.mem_get_info()[0] == free - (2 << 20)
        memory.free()
        with pytest.raises(cuda.LogicError):
            memory.free()
        del other
        assert cuda.mem_get_info()[0] == free and not double.alive()['buffers']

    def test_pinned_memory_lives_as_long_as_an_array_sees_it(self, cuda, double):
        part = cuda.pagelocked_empty((2, 8), np.uint8)[1]
        part[...] = 7
        assert double.alive()['pinned'] == 1 and (part == 7).all()
        del part
        assert not double.alive()['pinned']

    def test_what_outlives_its_context_is_harmless(self, cuda):
        context = cuda.Device(0).make_context()
        things = [cuda.Stream(), cuda.Event()]
        context.pop()
        del things  # its context is not the current one
        context.detach()

    def test_out_of_memory_has_a_class_and_its_words(self, cuda, double):
        double.faults.out_of_memory = 100
        with pytest.raises(cuda.MemoryError, match='cuMemAlloc failed: out of memory'):
            cuda.mem_alloc(101)
        cuda.mem_alloc(100).free()

    @pytest.mark.parametrize('fault', ['illegal address', 'launch failed'])
    def test_a_lost_device_stays_lost(self, double, fault):
        with CudaContext(self.kind) as context:
            stream = context.cuda.Stream()
            double._world.fail(fault)
            for call in (stream.synchronize, context.cuda.Event, context.cuda.mem_get_info):
                with pytest.raises(context.cuda.Error) as caught:
                    call()
                assert is_lasting(str(caught.value))
            del stream, call  # which says nothing new

    def test_no_device_is_reported_with_a_next_step(self, double):
        double.faults.no_device = True
        for call in (CudaContext(self.kind).push, first_gpu):
            with pytest.raises(BackendError) as caught:
                call()
            assert caught.value.code == 'cuda-missing' and 'group video' in caught.value.message.next_step
            assert 'no CUDA-capable device is detected' in caught.value.message.sentence
        assert machine_facts(root=os.devnull)['sm'] is None


class TestPycuda(CudaContract):
    kind = 'pycuda'


class TestDriver(CudaContract):
    kind = 'driver'

    def test_errors_name_the_constant_of_cuda(self, cuda, double):
        double.faults.out_of_memory = True
        with pytest.raises(cuda.MemoryError) as caught:
            cuda.mem_alloc(1)
        assert str(caught.value) == 'cuMemAlloc failed: out of memory (CUDA_ERROR_OUT_OF_MEMORY)'
        assert isinstance(caught.value, MemoryError)

    def test_what_its_context_took_along_is_not_destroyed_again(self, double):
        with CudaContext(self.kind) as context:
            things = [context.cuda.Stream(), context.cuda.mem_alloc(8), context.cuda.pagelocked_empty(8, np.uint8)]
        things[1].free()
        del things
        gc.collect()
        assert double.leaks() == ['3 resources went with their context']  # and no call with a stale handle


@pytest.fixture
def driver(monkeypatch):
    """``driver(path)`` makes it the driver's library of a machine without pycuda."""
    monkeypatch.setitem(sys.modules, 'pycuda', None)
    return lambda path: monkeypatch.setattr(cuda_driver, 'LIBRARY', str(path))


def refusal():
    with pytest.raises(BackendError) as caught:
        CudaContext().push()
    assert caught.value.code == 'cuda-missing'
    assert '\n' not in caught.value.message.text and caught.value.message.next_step
    return caught.value.message


def test_pycuda_that_fails_on_import_is_passed_over_by_auto(tensorrt_double, monkeypatch):
    tensorrt_double(cuda='driver')
    assert cuda_library() is cuda_driver
    with pytest.raises(BackendError) as caught:
        cuda_library('pycuda')
    assert caught.value.code == 'cuda-missing' and 'cuda to "auto"' in caught.value.message.next_step


def test_the_driver_is_taken_although_pycuda_is_there(tensorrt_double):
    tensorrt_double(cuda='pycuda')
    assert cuda_library('driver') is cuda_driver


def test_no_library(driver):
    driver('libcuda-not-here.so.1')
    assert 'There is no NVIDIA driver' in refusal().sentence


def test_a_library_for_another_processor(driver, monkeypatch, tmp_path):
    data = bytearray((library_folder() / 'libcuda.so.1').read_bytes())
    other, number = ('aarch64', 0xB7) if platform.machine() != 'aarch64' else ('x86_64', 0x3E)
    struct.pack_into('<H', data, 18, number)
    (tmp_path / 'libcuda-other.so.1').write_bytes(bytes(data))
    monkeypatch.setenv('LD_LIBRARY_PATH', str(tmp_path))
    driver('libcuda-other.so.1')
    message = refusal()
    assert message.sentence == '%s is a driver for %s; this machine is %s.' % (tmp_path / 'libcuda-other.so.1', other,
                                                                               platform.machine())


@pytest.mark.parametrize('data', [b'', b'a page of text\n', b'\x7fELF'])
def test_a_library_that_is_none(driver, tmp_path, data):
    (tmp_path / 'libcuda.so.1').write_bytes(data)
    driver(tmp_path / 'libcuda.so.1')
    assert 'The NVIDIA driver cannot be loaded (' in refusal().sentence


def test_a_library_of_something_else(driver):
    driver('libm.so.6')
    assert refusal().sentence == 'libm.so.6 is not the library of a CUDA driver: it has no cuInit.'


SCRIPT = '''
from service.backends.cuda import CudaContext, is_lasting
from service.messages import BackendError
try:
    with CudaContext('driver') as context:
        stream = context.cuda.Stream()
        stream.synchronize()
        stream.synchronize()
        del stream
except BackendError as error:
    print(error.message.text)
except context.cuda.Error as error:
    print(error, is_lasting(str(error)))
'''


@pytest.mark.parametrize('fault, said', [
    ('', ''),
    ('cuInit=100', 'no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE)). Check that the GPU\'s kernel driver'),
    ('cuInit=803', 'CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)). Restart the device: the driver was updated.'),
    ('cuInit=34', 'CUDA driver is a stub library'),
    ('cuCtxCreate=2', 'cuCtxCreate failed: out of memory (CUDA_ERROR_OUT_OF_MEMORY)). Close other programs'),
    ('cuCtxCreate=12345', 'cuCtxCreate failed: error 12345 (12345)). Restart the device'),
    ('cuStreamSynchronize=702@2', 'the launch timed out and was terminated (CUDA_ERROR_LAUNCH_TIMEOUT) True'),
])
def test_a_process_finds_the_library_by_its_name(root, tmp_path, fault, said):
    books = tmp_path / 'books'
    environment = dict(os.environ, LD_LIBRARY_PATH=str(library_folder()), LIBCUDA_FAULT=fault, LIBCUDA_BOOKS=str(books))
    process = subprocess.run([sys.executable, '-c', SCRIPT], cwd=str(root), env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True, timeout=60)
    assert process.returncode == 0 and said in process.stdout and process.stdout.count('\n') == bool(said)
    if not fault:
        lines = books.read_text().splitlines()
        assert 'contexts made 1' in lines and all(line.endswith(' 0') for line in lines[:-1]), lines


@pytest.mark.parametrize('status', [4, 214, 700, 702, 709, 714, 715, 716, 717, 718, 719])
def test_every_error_after_which_a_context_is_unusable_is_recognised(tensorrt_double, status):
    tensorrt_double(cuda='driver')
    library = cuda_driver._open(copy_library())
    assert is_lasting(str(library.failure('cuStreamSynchronize', status)))


@pytest.mark.parametrize('status', [1, 2, 100, 400, 600])
def test_no_other_error_is(tensorrt_double, status):
    tensorrt_double(cuda='driver')
    assert not is_lasting(str(cuda_driver._open(copy_library()).failure('cuMemAlloc', status)))


@pytest.mark.gpu
def test_the_driver_of_this_machine():
    """The real library: what it gives is taken, and its memory comes back."""
    with CudaContext('driver') as context:
        cuda, frame = context.cuda, np.random.RandomState(1).rand(480, 640).astype(np.float32)
        first_gpu('driver')
        free = cuda.mem_get_info()[0]
        for _ in range(100):
            stream, marks = cuda.Stream(), [cuda.Event(), cuda.Event()]
            there, back = cuda.pagelocked_empty(frame.shape, frame.dtype), cuda.pagelocked_empty(frame.shape, 'float32')
            memory = cuda.mem_alloc(16 << 20)
            there[...], back[...] = frame, 0
            marks[0].record(stream)
            cuda.memcpy_htod_async(memory, there, stream)
            cuda.memcpy_dtoh_async(back, memory, stream)
            marks[1].record(stream)
            stream.synchronize()
            assert np.array_equal(back, frame) and marks[0].time_till(marks[1]) >= 0
            cuda.memcpy_htod(memory, frame + 1)
            cuda.memcpy_dtoh_async(back, memory, stream)
            stream.synchronize()
            assert np.array_equal(back, frame + 1)
            memory.free()
        assert cuda.mem_get_info()[0] >= free - (16 << 20)
        with pytest.raises(cuda.MemoryError):
            cuda.mem_alloc(1 << 50)
        with pytest.raises(cuda.LogicError, match='CUDA_ERROR_INVALID_VALUE'):
            cuda.mem_alloc(0)
        del stream, marks, there, back, memory
