"""ONNX Runtime as a backend."""
import os

import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend, TensorSpec, onnx_runtime
from service.backends.onnx_runtime import CPU, CUDA, TENSORRT, provider_options
from service.messages import BackendError
from tests.fakes.onnx_builder import tiny_model

INPUTS = (TensorSpec('thermogram', (1, 1, 48, 64), 'float32'),)
OUTPUTS = (TensorSpec('labels', (1, 48, 64), 'int32'), TensorSpec('confidence', (1, 48, 64), 'float32'),
           TensorSpec('finding', (1, 1), 'float32'))


def test_it_computes():
    tensor = np.random.RandomState(0).rand(1, 1, 48, 64).astype(np.float32)
    tensor[0, 0, 0, 0] = 1
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS) as backend:
        outputs = backend.infer({'thermogram': tensor})
    assert outputs['labels'].sum() == 1 and outputs['labels'].dtype == np.int32
    assert np.array_equal(outputs['confidence'], tensor[0])
    assert outputs['finding'][0, 0] == pytest.approx(tensor.mean(), abs=1e-5)


def test_it_describes_itself():
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS, threads=1) as backend:
        described = backend.describe()
    assert described['name'] == 'onnxruntime' and described['device'] == 'CPU' and described['threads'] == 1


def test_every_core_is_counted():
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS) as backend:
        assert backend.describe()['threads'] == len(os.sched_getaffinity(0))


def test_rubbish_is_refused_in_one_line():
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(b'not a model', INPUTS, OUTPUTS).activate()
    assert caught.value.code == 'backend-load' and '\n' not in caught.value.message.text


def test_a_model_with_other_tensors_is_refused():
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(tiny_model(24, 32), INPUTS, OUTPUTS).activate()
    assert caught.value.code == 'backend-tensors'


@pytest.fixture
def with_cuda(monkeypatch):
    """An ONNX Runtime that offers CUDA; `sessions` holds what sessions were asked for. They run on the CPU."""
    import onnxruntime

    class Asked:
        sessions = []
        runs_on = 'CUDAExecutionProvider'

    real = onnxruntime.InferenceSession

    def make(model, options, providers, **words):
        Asked.sessions.append(providers)
        session = real(model, options, providers=['CPUExecutionProvider'])
        session.get_providers = lambda: [Asked.runs_on, 'CPUExecutionProvider']
        return session

    monkeypatch.setattr(onnxruntime, 'get_available_providers',
                        lambda: ['CUDAExecutionProvider', 'CPUExecutionProvider'])
    monkeypatch.setattr(onnxruntime, 'InferenceSession', make)
    Asked.sessions = []
    return Asked


def test_a_provider_is_requested_before_the_cpu_and_named(with_cuda):
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS, provider=CUDA, precision='fp16') as backend:
        described = backend.describe()
    assert [name for name, _ in with_cuda.sessions[0]] == [CUDA, CPU]
    assert described['provider'] == CUDA and described['device'] == 'GPU' and described['precision'] == 'fp16'


def test_a_session_that_was_moved_to_the_cpu_is_refused(with_cuda):
    with_cuda.runs_on = CPU
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS, provider=CUDA).activate()
    assert caught.value.code == 'backend-provider' and 'could not start it' in caught.value.message.text


def test_a_provider_that_is_not_built_in_is_refused_before_anything_is_loaded(with_cuda):
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS, provider=TENSORRT).activate()
    assert caught.value.code == 'backend-provider' and TENSORRT in caught.value.message.text
    assert with_cuda.sessions == []


def test_a_failed_run_is_not_repeated_on_another_provider():
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS) as backend:
        assert backend._session._enable_fallback is False
        backend._session.run = lambda fetches, feed: 1 / 0
        with pytest.raises(BackendError) as caught:
            backend.infer({'thermogram': np.zeros((1, 1, 48, 64), np.float32)})
    assert caught.value.code == 'backend-run'


def test_providers_leave_room_on_a_board_of_4_gb():
    assert int(provider_options(CUDA, 'fp32')['gpu_mem_limit']) <= 1 << 30
    options = provider_options(TENSORRT, 'fp32')
    assert int(options['trt_max_workspace_size']) <= 1 << 28 and 'trt_engine_cache_path' not in options
    assert provider_options(TENSORRT, 'fp16')['trt_fp16_enable'] == 'True'
    kept = provider_options(TENSORRT, 'int8', '/cache')
    assert kept['trt_int8_enable'] == 'True' and 'trt_fp16_enable' not in kept
    assert (kept['trt_engine_cache_enable'], kept['trt_engine_cache_path']) == ('True', '/cache')
    assert provider_options(CPU, 'fp16') == {}
    assert all(isinstance(value, str) for value in list(kept.values()) + list(provider_options(CUDA, 'fp32').values()))


@pytest.mark.parametrize('l4t, words', [('32.7.1', '1.11.0 (cp36) from https://elinux.org/Jetson_Zoo'),
                                        ('35.4.1', '1.12.1 (cp38)'), ('36.4', 'jetson-ai-lab.io/jp6'), ('99.1', ''),
                                        ('none', '')])
def test_a_jetson_is_told_where_its_gpu_runtime_comes_from(monkeypatch, l4t, words):
    monkeypatch.setattr(onnx_runtime, 'board_facts', lambda: {'l4t': l4t})
    with pytest.raises(BackendError) as caught:
        onnx_runtime.require_provider('MissingExecutionProvider')
    assert words in caught.value.message.next_step and bool(caught.value.message.next_step) is bool(words)
