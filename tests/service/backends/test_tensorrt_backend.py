"""TensorRT as a backend, on both of its interfaces for running an engine, with pycuda and without."""
import functools
import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from service.backends import TensorSpec, Worker, cuda_driver
from service.backends.cuda import LOST_EXIT_CODE
from service.backends.tensorrt_backend import WARM_UP_RUNS, TensorRTBackend
from service.messages import BackendError
from service.stopwatch import Stopwatch
from tests.fakes.engines import make_plan
from tests.fakes.libcuda import library_folder
from tests.fakes.onnx_builder import FLOAT, integer, model, node, tiny_model

INPUTS = (TensorSpec('thermogram', (1, 1, 48, 64), 'float32'),)
OUTPUTS = (TensorSpec('labels', (1, 48, 64), 'int32'), TensorSpec('confidence', (1, 48, 64), 'float32'),
           TensorSpec('finding', (1, 1), 'float32'))
INT64 = 7

RELEASES = [('8.0.1', 53), ('8.2.1', 53), ('8.5.2', 72), ('8.6.1', 87), ('10.3.0', 87), ('11.4.0', 90)]


@pytest.fixture(params=['pycuda', 'driver'])
def tensorrt_double(request, tensorrt_double):
    """The double over each of the ways to CUDA."""
    return functools.partial(tensorrt_double, cuda=request.param)


def frame(seed):
    """A frame with one pixel of label 1."""
    tensor = np.random.RandomState(seed).rand(1, 1, 48, 64).astype(np.float32)
    tensor[0, 0, 0, 0] = 1
    return {'thermogram': tensor}


def make(plan, outputs=OUTPUTS, **options):
    return TensorRTBackend(plan, INPUTS, outputs, 'fp32', **options)


def refused(backend):
    with pytest.raises(BackendError) as caught:
        backend.activate()
    assert '\n' not in caught.value.message.text
    return caught.value


@pytest.mark.parametrize('version, sm', RELEASES)
def test_it_computes_and_releases_everything(tensorrt_double, version, sm):
    double = tensorrt_double(version=version, sm=sm)
    plan = make_plan(double, tiny_model())
    with make(plan) as backend:
        assert double.executions == WARM_UP_RUNS
        one, two = backend.infer(frame(1)), backend.infer(frame(2))
        described = backend.describe()
    for outputs, seed in ((one, 1), (two, 2)):
        tensor = frame(seed)['thermogram']
        # Also after the backend is gone: nothing here looks at memory that was its own.
        assert outputs['labels'].sum() == 1 and outputs['labels'].dtype == np.int32
        assert np.array_equal(outputs['confidence'], tensor[0])
        assert outputs['finding'][0, 0] == pytest.approx(tensor.mean(), abs=1e-5)
    assert described['version'] == double.tensorrt.__version__ and described['precision'] == 'fp32'
    assert described['name'] == 'tensorrt' and described['device'] == double.driver.Device(0).name()
    assert double.leaks() == [] and not double.primary_used


def test_copies_are_timed_apart(tensorrt_double):
    plan = make_plan(tensorrt_double(), tiny_model())
    watch = Stopwatch()
    with Worker(lambda: make(plan)) as worker:
        worker.infer(frame(1), watch)
    laps_ms = watch.read_ms()
    assert list(laps_ms) == ['copy_in', 'infer', 'copy_out', 'total']
    total_ms = laps_ms.pop('total')
    assert all(took_ms > 0 for took_ms in laps_ms.values()) and sum(laps_ms.values()) == pytest.approx(total_ms)


def test_it_names_the_engine_it_runs(tensorrt_double):
    plan = make_plan(tensorrt_double(), tiny_model())
    with make(plan, record={'plan': {'file': 'fp32-abc.123.plan'}}) as backend:
        assert backend.describe()['engine'] == 'fp32-abc.123'


@pytest.mark.parametrize('version, sm', [('8.2.1', 53), ('10.3.0', 87), ('11.4.0', 90)])
def test_integers_come_as_the_manifest_says(tensorrt_double, version, sm):
    # ArgMax gives INT64: TensorRT 8 narrows it, 10 keeps it.
    onnx = model([node('ArgMax', ['thermogram'], ['labels'], integer('axis', 3) + integer('keepdims', 0))],
                 [('thermogram', FLOAT, (1, 1, 48, 64))], [('labels', INT64, (1, 1, 48))])
    plan = make_plan(tensorrt_double(version=version, sm=sm), onnx)
    with make(plan, (TensorSpec('labels', (1, 1, 48), 'int32'),)) as backend:
        labels = backend.infer(frame(3))['labels']
    assert labels.dtype == np.int32 and np.array_equal(labels, frame(3)['thermogram'].argmax(axis=3))


@pytest.mark.parametrize('version, sm', [('8.2.1', 53), ('10.3.0', 87)])
def test_an_engine_with_other_tensors_is_refused_and_released(tensorrt_double, version, sm):
    double = tensorrt_double(version=version, sm=sm)
    error = refused(make(make_plan(double, tiny_model(24, 32))))
    assert error.code == 'backend-tensors' and 'labels int32[1, 24, 32]' not in error.message.text
    error = refused(make(make_plan(double, tiny_model()), (TensorSpec('labels', (1, 48, 64), 'float32'),)))
    assert error.code == 'backend-tensors' and double.leaks() == []


@pytest.mark.parametrize('version, sm, asked', [('8.2.1', 53, 'get_binding_shape'), ('10.3.0', 87, 'get_tensor_shape')])
def test_an_engine_without_a_fixed_size_is_refused(tensorrt_double, monkeypatch, version, sm, asked):
    double = tensorrt_double(version=version, sm=sm)
    plan = make_plan(double, tiny_model())
    monkeypatch.setattr(double.tensorrt.ICudaEngine, asked, lambda self, which: (1, 1, -1, 64))
    error = refused(make(plan))
    assert error.code == 'backend-tensors' and 'no fixed size' in error.message.text and double.leaks() == []


def test_an_invalid_plan_is_refused_with_tensorrts_reason(tensorrt_double):
    double = tensorrt_double()
    for plan in (b'not a plan', b''):
        error = refused(make(plan))
        assert error.code == 'engine-refused' and 'TensorRT 8.2.1.8 refuses the engine: ' in error.message.text
    assert double.leaks() == []


def test_a_missing_tensorrt_is_reported(tensorrt_double, monkeypatch):
    tensorrt_double()
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    assert refused(make(b'any')).code == 'tensorrt-missing'


@pytest.mark.parametrize('cuda, word', [('auto', 'There is no NVIDIA driver'), ('driver', 'There is no NVIDIA driver'),
                                        ('pycuda', 'pycuda cannot be used')])
def test_a_missing_cuda_is_reported(tensorrt_double, monkeypatch, cuda, word):
    tensorrt_double()
    monkeypatch.setitem(sys.modules, 'pycuda.driver', None)
    monkeypatch.setattr(cuda_driver, 'LIBRARY', 'libcuda-not-here.so.1')
    error = refused(make(b'any', cuda=cuda))
    assert error.code == 'cuda-missing' and word in error.message.sentence and error.message.next_step


def test_a_thousand_inferences_take_no_more_than_one(tensorrt_double):
    double = tensorrt_double()
    with make(make_plan(double, tiny_model())) as backend:
        backend.infer(frame(0))
        alive = double.alive()
        assert alive['contexts'] == 1 and alive['buffers'] == alive['pinned'] == len(INPUTS + OUTPUTS)
        for _ in range(1000):
            backend.infer(frame(0))
        assert double.alive() == alive
    gc.collect()
    assert not any(double.alive().values()) and double.leaks() == []


@pytest.mark.parametrize('fault, code', [
    ({'no_device': True}, 'cuda-missing'),
    ({'no_context': True}, 'backend-memory'),
    ({'out_of_memory': True}, 'backend-memory'),
    ({'cuda_error': 'out of memory'}, 'backend-memory'),
    ({'cuda_error': 'invalid value'}, 'backend-run'),
])
def test_a_failed_load_releases_everything(tensorrt_double, fault, code):
    double = tensorrt_double()
    plan = make_plan(double, tiny_model())
    for name, value in fault.items():
        setattr(double.faults, name, value)
    lost = []
    backend = make(plan, on_lost=lost.append)
    assert refused(backend).code == code and lost == [] and double.leaks() == []
    with pytest.raises(BackendError) as caught:
        backend.infer(frame(0))
    assert caught.value.code == 'backend-inactive'


def test_too_little_memory_for_the_buffers_is_reported(tensorrt_double, monkeypatch):
    double = tensorrt_double()
    plan = make_plan(double, tiny_model())
    real, calls = double.driver.mem_alloc, []

    def full(size):
        calls.append(size)
        if len(calls) == 3:
            raise double.driver.MemoryError('cuMemAlloc failed: out of memory')
        return real(size)

    monkeypatch.setattr(double.driver, 'mem_alloc', full)
    error = refused(make(plan))
    assert error.code == 'backend-memory' and 'out of memory' in error.message.text and double.leaks() == []


@pytest.mark.parametrize('version, sm', [('8.2.1', 53), ('10.3.0', 87)])
@pytest.mark.parametrize('error', ['illegal address', 'launch failed'])
def test_an_error_that_lasts_ends_the_process(tensorrt_double, version, sm, error):
    double = tensorrt_double(version=version, sm=sm)
    lost = []
    with make(make_plan(double, tiny_model()), on_lost=lost.append) as backend:
        backend.infer(frame(0))
        double.faults.cuda_error = error
        with pytest.raises(BackendError) as caught:
            backend.infer(frame(0))
    assert caught.value.code == 'cuda-lost' and len(lost) == 1 and double.broken


LOST = '''
import logging, sys
import numpy as np
import pytest
from service.backends import Worker
from tests.fakes.onnx_builder import tiny_model
from tests.fakes.tensorrt_double import install
from tests.service.backends.test_tensorrt_backend import frame, make, make_plan
logging.basicConfig(format='%(levelname)s %(message)s')
double = install(pytest.MonkeyPatch(), cuda=sys.argv[1])
plan = make_plan(double, tiny_model())
with Worker(lambda: make(plan)) as worker:
    worker.infer(frame(0))
    double.faults.cuda_error = 'illegal address'
    worker.infer(frame(0))
'''


@pytest.mark.parametrize('cuda', ['pycuda', 'driver'])
def test_a_lost_gpu_ends_the_process_from_the_worker_thread(root, cuda):
    if cuda == 'driver':
        library_folder()  # skips where it cannot be built
    process = subprocess.run([sys.executable, '-c', LOST, cuda], cwd=str(root), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=60)
    assert process.returncode == LOST_EXIT_CODE, process.stderr
    assert process.stderr.decode().count('\n') == 1 and b'CRITICAL The GPU is lost' in process.stderr


def test_the_context_belongs_to_the_worker(tensorrt_double):
    double = tensorrt_double()
    plan = make_plan(double, tiny_model())
    made = []

    def factory():
        made.append((make(plan), threading.current_thread()))
        return made[-1][0]

    with Worker(factory) as worker:
        worker.infer(frame(0))
        backend, thread = made[0]
        assert thread is not threading.current_thread()
        # On this thread no context is current, and the backend is not to be used.
        assert double.current() is None
        with pytest.raises(BackendError) as caught:
            backend.infer(frame(0))
        assert caught.value.code == 'backend-thread'
    assert double.leaks() == []


def test_a_context_of_the_caller_is_current_again_afterwards(tensorrt_double):
    double = tensorrt_double()
    plan = make_plan(double, tiny_model())
    context = double.driver.Device(0).make_context()
    mine = double.current()
    with make(plan) as backend:
        backend.infer(frame(0))
    assert double.current() is mine
    context.pop()
    context.detach()
    assert double.leaks() == []


def test_an_engine_without_a_known_interface_is_refused():
    from service.backends.tensorrt_api import open_engine

    with pytest.raises(BackendError) as caught:
        open_engine(object())
    assert caught.value.code == 'backend-load'
