"""A Q/DQ file as `export.quantisation` writes it runs on this interpreter's ONNX Runtime, 1.10 on the board included.

``expected/qdq.onnx`` is the network of tests/export/shallow.py with its ranges by min-max, and ``expected/qdq.npz``
four frames with the answers of the network in FP32; tests/export/test_quantisation.py compares the file with what is
written today.
"""
import os

import numpy as np
import pytest

from calibration import compare_answers, gate, summarise
from service.backends import OnnxRuntimeBackend
from service.backends.base import TensorSpec
from service.bundle import scan_onnx

FOLDER = os.path.join(os.path.dirname(__file__), 'expected')


@pytest.fixture(scope='module')
def stored():
    with open(os.path.join(FOLDER, 'qdq.onnx'), 'rb') as stream:
        return stream.read()


def test_device_takes_the_file(stored):
    facts = scan_onnx(stored)
    assert (facts.opset, facts.ir_version) == (13, 7) and facts.domains <= {''}
    assert {'QuantizeLinear', 'DequantizeLinear'} <= facts.operators


def test_runs_and_gives_the_answers_of_fp32(stored):
    with np.load(os.path.join(FOLDER, 'qdq.npz'), allow_pickle=False) as known:
        frames, roles = known['frames'], ('labels', 'confidence', 'finding')
        answers = [{role: known[role][number] for role in roles} for number in range(len(frames))]
    inputs = (TensorSpec('thermogram', frames[0].shape, 'float32'),)
    outputs = tuple(TensorSpec(role, answers[0][role].shape, str(answers[0][role].dtype)) for role in roles)
    with OnnxRuntimeBackend(stored, inputs, outputs) as backend:
        found = summarise([compare_answers(answer, backend.infer({'thermogram': frame}))
                           for frame, answer in zip(frames, answers)])
    gate(found, 'int8')
    assert found.finding_error < 0.02
