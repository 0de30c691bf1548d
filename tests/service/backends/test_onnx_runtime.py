"""ONNX Runtime behind the interface."""
import os

import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend, TensorSpec
from service.errors import BackendError
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


def test_it_says_what_runs():
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS, threads=1) as backend:
        described = backend.describe()
    assert described['name'] == 'onnxruntime' and described['device'] == 'CPU' and described['threads'] == 1


def test_every_core_is_a_number():
    with OnnxRuntimeBackend(tiny_model(), INPUTS, OUTPUTS) as backend:
        assert backend.describe()['threads'] == len(os.sched_getaffinity(0))


def test_rubbish_is_refused_in_one_line():
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(b'not a model', INPUTS, OUTPUTS).activate()
    assert caught.value.code == 'backend-load' and '\n' not in caught.value.message


def test_a_model_with_other_tensors_is_refused():
    with pytest.raises(BackendError) as caught:
        OnnxRuntimeBackend(tiny_model(24, 32), INPUTS, OUTPUTS).activate()
    assert caught.value.code == 'backend-tensors'
