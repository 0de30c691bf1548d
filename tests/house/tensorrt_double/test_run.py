"""Running an engine: order, addresses, contexts, threads."""
import threading

import numpy as np
import pytest

from tests.fakes.onnx_builder import tiny_model

from .steps import VERSIONS, Buffers, build, current_context, infer, load, loaded, weighted_model

FRAME = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)


@pytest.fixture(params=['8.2.1', '10.3.0'])
def double(request, tensorrt_double):
    """Both interfaces: bindings by number and tensors by name."""
    return tensorrt_double(request.param, sm=53 if request.param == '8.2.1' else 87)


@pytest.mark.parametrize('version', VERSIONS)
def test_answers_are_onnx_runtime_s(tensorrt_double, version):
    double = tensorrt_double(version, sm=72)
    frame = np.random.RandomState(1).rand(1, 1, 48, 64).astype(np.float32)
    answers = infer(double, build(double, tiny_model()), frame)
    np.testing.assert_array_equal(answers['confidence'], frame[0])
    np.testing.assert_allclose(answers['finding'], frame.mean().reshape(1, 1), rtol=1e-5)
    assert answers['labels'].dtype == np.int32 and double.executions == 1 and double.leaks() == []


def test_nothing_is_there_before_somebody_waits(double):
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        rubbish = buffers.answers()['logits']
        assert buffers.start(FRAME)
        np.testing.assert_array_equal(buffers.answers()['logits'], rubbish)
        assert double.executions == 0
        buffers.stream.synchronize()
        np.testing.assert_array_equal(buffers.answers()['logits'], 2 * FRAME)


def test_pinned_input_is_read_when_its_turn_comes(double):
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        buffers.start(FRAME)
        buffers.host['thermogram'][...] = 1  # too early: the copy has not happened yet
        buffers.stream.synchronize()
        np.testing.assert_array_equal(buffers.answers()['logits'], np.full_like(FRAME, 2))


def test_synchronous_run(tensorrt_double):
    double = tensorrt_double('8.2.1')
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        double.driver.memcpy_htod(buffers.device['thermogram'], FRAME)
        assert buffers.context.execute_v2(buffers.addresses())
        out = np.empty_like(FRAME)
        double.driver.memcpy_dtoh(out, buffers.device['logits'])
        np.testing.assert_array_equal(out, 2 * FRAME)
        assert not buffers.context.execute_v2([int(buffers.device['thermogram']), 0])
        assert 'logits' in double.messages('ERROR')[-1]


def test_address_that_was_never_set(tensorrt_double):
    double = tensorrt_double('8.5.2', sm=72)
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        assert buffers.context.set_tensor_address('thermogram', int(buffers.device['thermogram']))
        assert not buffers.context.set_tensor_address('thermograms', 1)
        assert not buffers.context.execute_async_v3(buffers.stream.handle)
        assert 'logits' in double.messages('ERROR')[-1] and buffers.context.get_tensor_address('logits') == 0


def test_wrong_address_breaks_the_device_when_it_is_waited_for(double):
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        buffers.device['logits'].free()
        with pytest.raises(double.driver.LogicError, match='invalid argument'):
            buffers.start(FRAME)
        with pytest.raises(double.driver.LogicError, match='illegal memory access'):
            buffers.stream.synchronize()
        with pytest.raises(double.driver.LogicError, match='illegal memory access'):
            double.driver.mem_alloc(8)
        assert double.broken
        assert load(double, plan) is None


def test_too_small_a_buffer_breaks_the_device(double):
    plan = build(double, weighted_model([2, 3]))
    with loaded(double, plan) as buffers:
        buffers.device['logits'].free()
        buffers.device['logits'] = double.driver.mem_alloc(24)
        buffers.host['logits'] = np.empty(6, np.float32)
        with pytest.raises(double.driver.LogicError, match='illegal memory access'):
            buffers.start(FRAME)


def test_another_thread_without_the_context(double):
    plan = build(double, weighted_model([2]))
    seen = []
    with loaded(double, plan) as buffers:
        def elsewhere():
            try:
                buffers.start(FRAME)
            except double.driver.LogicError as error:
                seen.append(str(error))
            seen.append(buffers.run(buffers.stream.handle))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert 'no currently active context' in seen[0] and seen[1] is False
        assert 'invalid resource handle' in double.messages('ERROR')[-1]
        assert double.primary_used


def test_engine_made_without_a_context_does_not_fit_one_made_later(double):
    plan = build(double, weighted_model([2]))
    context = load(double, plan).create_execution_context()
    assert double.primary_used
    with current_context(double):
        buffers = Buffers(double, context)
        assert not buffers.start(FRAME)
        buffers.stream.synchronize()
        buffers.free()


def test_stream_that_does_not_exist(tensorrt_double):
    double = tensorrt_double('8.2.1')
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        assert not buffers.context.execute_async_v2(buffers.addresses(), 12345)


def test_default_stream(double):
    plan = build(double, weighted_model([2]))
    with loaded(double, plan) as buffers:
        double.driver.memcpy_htod(buffers.device['thermogram'], FRAME)
        assert buffers.run(0)
        assert any('default stream' in text for text in double.messages('WARNING')) == (
            double.tensorrt.__version__ == '10.3.0')
        double.driver.memcpy_dtoh(buffers.host['logits'], buffers.device['logits'])
        np.testing.assert_array_equal(buffers.answers()['logits'], 2 * FRAME)


def test_engine_tells_its_bindings(tensorrt_double):
    double = tensorrt_double('8.2.1')
    engine = load(double, build(double, tiny_model()))
    assert [engine.binding_is_input(index) for index in range(engine.num_bindings)] == [True, False, False, False]
    assert engine.get_binding_index('finding') == 3 == engine['finding'] and engine[3] == 'finding'
    assert engine.get_binding_index('nothing') == -1 and 'nothing' in double.messages('ERROR')[-1]
    assert tuple(engine.get_binding_shape('labels')) == (1, 48, 64) == engine.get_binding_shape(1)
    assert double.tensorrt.nptype(engine.get_binding_dtype('labels')) == np.int32
    assert len(engine) == 4 and engine.max_batch_size == 1 and engine.serialize().nbytes > 100


def test_engine_tells_its_tensors(tensorrt_double):
    double = tensorrt_double('10.3.0', sm=87)
    engine, modes = load(double, build(double, tiny_model())), double.tensorrt.TensorIOMode
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    assert names == ['thermogram', 'labels', 'confidence', 'finding'] == [engine[index] for index in range(4)]
    assert [engine.get_tensor_mode(name) for name in names] == [modes.INPUT] + [modes.OUTPUT] * 3
    assert engine.get_tensor_mode('nothing') == modes.NONE
    assert engine.get_tensor_dtype('labels') == double.tensorrt.int32
    assert engine.get_tensor_location('labels') == double.tensorrt.TensorLocation.DEVICE
    with pytest.raises(TypeError):
        len(engine)


def test_profiler_hears_of_every_layer(tensorrt_double):
    double = tensorrt_double()
    plan = build(double, tiny_model())

    class Profiler(double.tensorrt.IProfiler):
        def __init__(self):
            double.tensorrt.IProfiler.__init__(self)
            self.times = {}

        def report_layer_time(self, layer_name, ms):
            self.times[layer_name] = ms

    with loaded(double, plan) as buffers:
        buffers.context.profiler = profiler = Profiler()
        buffers.start(np.zeros((1, 1, 48, 64), np.float32))
        buffers.stream.synchronize()
    assert sorted(profiler.times) == ['confidence', 'finding', 'labels', 'mean']
    assert all(ms >= 0 for ms in profiler.times.values())


def test_inspector_names_the_layers(tensorrt_double):
    double = tensorrt_double()
    engine = load(double, build(double, tiny_model()))
    text = engine.create_engine_inspector().get_engine_information(
        double.tensorrt.LayerInformationFormat.ONELINE)
    assert text.split() == ['Layers:', 'confidence', 'labels', 'mean', 'finding']
