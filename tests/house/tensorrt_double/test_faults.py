"""The faults that a test can choose happen where and how they would on a board."""
import numpy as np
import pytest

from tests.fakes import onnx_builder
from tests.fakes.onnx_builder import FLOAT, INT64, integer, node, tiny_model

from .steps import build, current_context, infer, load, loaded, weighted_model

FRAME = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)


def argmax_model():
    return onnx_builder.model([node('ArgMax', ['thermogram'], ['labels'], integer('axis', 1))],
                              [('thermogram', FLOAT, (1, 3, 2, 2))], [('labels', INT64, (1, 1, 2, 2))])


def test_unknown_fault(tensorrt_double):
    with pytest.raises(TypeError, match='no fault low_disk'):
        tensorrt_double(low_disk=True)


def test_low_memory_builds_and_says_so(tensorrt_double):
    double = tensorrt_double(low_memory=True)
    assert build(double, tiny_model()) is not None
    assert double.messages('WARNING') == [
        'Tactic Device request: 538MB Available: 166MB. Device memory is insufficient to use tactic.',
        'Skipping tactic 3 due to insuficient memory on requested size of 538 detected for tactic 4.']


def test_build_that_fails(tensorrt_double):
    double = tensorrt_double(build_fails=True)
    assert build(double, tiny_model()) is None
    assert 'Could not find any implementation for node' in double.messages('ERROR')[0]


def test_no_argmax_hits_networks_with_one(tensorrt_double):
    double = tensorrt_double(no_argmax=True)
    assert build(double, tiny_model()) is not None
    assert build(double, argmax_model()) is None
    assert 'Could not find any implementation for node labels' in double.messages('ERROR')[0]


def test_slow_build_speaks_meanwhile(tensorrt_double):
    double = tensorrt_double(slow_build=0.02)
    assert build(double, tiny_model()) is not None
    spoken = [text for text in double.messages('INFO') if text.startswith('Timing layer')]
    assert spoken[0] == 'Timing layer 1 of 4: confidence' and len(spoken) == 4


def test_bad_plan(tensorrt_double):
    double = tensorrt_double()
    plan = build(double, tiny_model())
    double.faults.bad_plan = True
    assert load(double, plan) is None and 'Error Code 1' in double.messages('ERROR')[0]
    double.faults.bad_plan = False
    assert load(double, plan) is not None


@pytest.mark.parametrize('fault, kind, text', [
    ('illegal address', 'LogicError', 'an illegal memory access was encountered'),
    ('launch failed', 'LaunchError', 'unspecified launch failure'),
    ('the launch timed out and was terminated', 'LogicError', 'timed out')])
def test_cuda_error_stays(tensorrt_double, fault, kind, text):
    double = tensorrt_double()
    plan = build(double, weighted_model([1.0]))
    kind = getattr(double.driver, kind)
    with loaded(double, plan) as buffers:
        double.faults.cuda_error = fault
        assert buffers.start(FRAME)
        with pytest.raises(kind, match=text):
            buffers.stream.synchronize()
        double.faults.cuda_error = ''
        for call in (double.driver.Context.synchronize, lambda: double.driver.mem_alloc(4),
                     buffers.stream.synchronize):
            with pytest.raises(kind, match=text):
                call()
        assert not buffers.run(buffers.stream.handle)
        assert text in double.messages('ERROR')[-1]
        assert build(double, weighted_model([1.0])) is None


def test_nan_from_half_precision_only(tensorrt_double):
    double = tensorrt_double(nan=True)
    assert np.isfinite(infer(double, build(double, tiny_model()), np.ones((1, 1, 48, 64)))['confidence']).all()
    answers = infer(double, build(double, tiny_model(), ['FP16']), np.ones((1, 1, 48, 64)))
    assert np.isnan(answers['confidence']).all() and (answers['labels'] == 0).all()


def test_out_of_memory(tensorrt_double):
    double = tensorrt_double()
    with current_context(double):
        double.faults.out_of_memory = 100
        kept = double.driver.mem_alloc(60)
        with pytest.raises(double.driver.MemoryError, match='out of memory'):
            double.driver.mem_alloc(60)
        assert double.driver.mem_get_info() == (40, 3956 << 20)
        kept.free()
        double.faults.out_of_memory = True
        with pytest.raises(MemoryError):
            double.driver.mem_alloc(1)


def test_no_context(tensorrt_double):
    double = tensorrt_double(no_context=True)
    engine = load(double, build(double, tiny_model()))
    assert engine.create_execution_context() is None
    assert 'could not be allocated' in double.messages('ERROR')[0]
