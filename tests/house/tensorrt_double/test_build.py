"""Parsing and building: what the doubles refuse, say and make."""
import numpy as np
import pytest

from tests.fakes import onnx_builder
from tests.fakes.onnx_builder import FLOAT, INT32, integer, node, tiny_model

from .steps import VERSIONS, build, current_context, infer, load, make_logger, parse, quantised_model, weighted_model

FRAME = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)


def argmax_model():
    return onnx_builder.model([node('ArgMax', ['thermogram'], ['labels'], integer('axis', 1) + integer('keepdims', 0))],
                              [('thermogram', FLOAT, (1, 3, 2, 2))], [('labels', onnx_builder.INT64, (1, 2, 2))])


def refusal(double, model, flags=1):
    """(code name, text, node) of what the parser refuses a model with."""
    logger = make_logger(double.tensorrt)
    network = double.tensorrt.Builder(logger).create_network(flags)
    parser = double.tensorrt.OnnxParser(network, logger)
    assert not parser.parse(model)
    assert parser.num_errors == 1 and logger.said[-1][0] == double.tensorrt.Logger.ERROR
    error = parser.get_error(0)
    return error.code().name, error.desc(), error.node()


@pytest.mark.parametrize('version', VERSIONS)
def test_builds_and_loads(tensorrt_double, version):
    double = tensorrt_double(version, sm=72)
    engine = load(double, build(double, tiny_model()))
    assert engine.num_layers == 4 and engine.num_optimization_profiles == 1
    assert double.builds == 1 and not double.messages('ERROR')


def test_parser_needs_an_explicit_batch(tensorrt_double):
    code, text, _ = refusal(tensorrt_double('8.2.1'), tiny_model(), flags=0)
    assert code == 'INVALID_VALUE' and 'EXPLICIT_BATCH' in text
    builder, network, _ = parse(tensorrt_double('10.3.0', sm=87), tiny_model(), flags=0)
    assert not network.has_implicit_batch_dimension


def test_parser_refuses_what_is_no_model(tensorrt_double):
    double = tensorrt_double()
    for data in (b'', b'\xff' * 40, tiny_model()[:50]):
        assert refusal(double, data)[0] == 'MODEL_DESERIALIZE_FAILED'
    with pytest.raises(TypeError):
        parse(double, 'model.onnx')


def test_parser_names_the_operator_that_a_release_lacks(tensorrt_double):
    model = onnx_builder.model([node('HardSwish', ['thermogram'], ['y'])], [('thermogram', FLOAT, (1, 1, 2, 2))],
                               [('y', FLOAT, (1, 1, 2, 2))], opset=14)
    code, text, where = refusal(tensorrt_double('8.2.1'), model)
    assert (code, where) == ('UNSUPPORTED_NODE', 0) and 'HardSwish' in text
    parse(tensorrt_double('8.5.2', sm=72), model)
    foreign = onnx_builder.model([node('Relu', ['thermogram'], ['y'], domain='com.example')],
                                 [('thermogram', FLOAT, (1, 1, 2, 2))], [('y', FLOAT, (1, 1, 2, 2))],
                                 domains=[('com.example', 1)])
    assert refusal(tensorrt_double('8.5.2'), foreign)[0] == 'UNSUPPORTED_NODE'


def test_network_shows_inputs_outputs_and_layers(tensorrt_double):
    trt = tensorrt_double().tensorrt
    _, network, _ = parse(tensorrt_double(), tiny_model())
    shown = network.get_input(0)
    assert (network.num_inputs, network.num_outputs, network.num_layers, len(network)) == (1, 3, 4, 4)
    assert shown.name == 'thermogram' and tuple(shown.shape) == (1, 1, 48, 64) and shown.dtype.name == 'FLOAT'
    assert shown.is_network_input and not shown.is_network_output
    assert [network.get_output(index).dtype.name for index in range(3)] == ['INT32', 'FLOAT', 'FLOAT']
    assert network.get_layer(0).get_output(0).name == 'confidence' and network.get_output(3) is None
    assert [layer.num_inputs for layer in network] == [1, 1, 1, 1]
    assert trt.volume(shown.shape) == 48 * 64


def test_64_bit_integers_are_narrowed_before_release_10(tensorrt_double):
    frame = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    for version, kind in (('8.2.1', np.int32), ('10.3.0', np.int64)):
        double = tensorrt_double(version, sm=87)
        labels = infer(double, build(double, argmax_model()), frame)['labels']
        assert labels.dtype == kind and (labels == 2).all()


def test_half_precision_rounds_the_weights(tensorrt_double):
    double = tensorrt_double('8.2.1')
    weights = [1 / 3, 1e-3, 3.0, 7e4]
    whole, half = (infer(double, build(double, weighted_model(weights), flags), FRAME)['logits']
                   for flags in ([], ['FP16']))
    expected = np.float32(weights).reshape(1, 4, 1, 1) * FRAME
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    with np.errstate(over='ignore', invalid='ignore'):
        rounded = np.float32(weights).astype(np.float16).astype(np.float32).reshape(1, 4, 1, 1) * FRAME
    np.testing.assert_allclose(half, rounded, rtol=1e-6)
    assert not np.array_equal(half[0, 0], whole[0, 0])
    assert np.isinf(half[0, 3, 1, 2]) and np.isfinite(whole).all()


def test_constants_are_rounded_as_well(tensorrt_double):
    value = onnx_builder.chunk(5, onnx_builder.chunk(1, 'value')
                               + onnx_builder.chunk(5, onnx_builder.tensor('c', np.full((1,), 1 / 3, np.float32)))
                               + onnx_builder.number(20, 4))
    model = onnx_builder.model([node('Constant', [], ['c'], value), node('Mul', ['thermogram', 'c'], ['y'])],
                               [('thermogram', FLOAT, (1, 1, 2, 3))], [('y', FLOAT, (1, 1, 2, 3))])
    double = tensorrt_double()
    answer = infer(double, build(double, model, ['FP16']), FRAME)['y']
    np.testing.assert_array_equal(answer, FRAME * np.float32(np.float16(1 / 3)))


def test_quantised_network_needs_the_chip_and_the_flag(tensorrt_double):
    nano = tensorrt_double('8.2.1', sm=53)
    assert build(nano, quantised_model(), ['INT8']) is None
    assert any('Error Code 9' in text and 'require hardware with Int8 support' in text
               for text in nano.messages('ERROR'))
    xavier = tensorrt_double('8.2.1', sm=72)
    assert build(xavier, quantised_model()) is None and 'int8 is not configured' in xavier.messages('ERROR')[0]
    answer = infer(xavier, build(xavier, quantised_model(), ['INT8']), FRAME * 0.3)['logits']
    np.testing.assert_array_equal(answer, np.rint(FRAME * 0.6) / 2)


def test_half_precision_on_a_chip_without_it_is_warned_of(tensorrt_double):
    double = tensorrt_double('8.6.1', sm=61)
    build(double, tiny_model(), ['FP16'])
    assert 'Half2 support requested' in double.messages('WARNING')[0]
    assert not double.tensorrt.Builder(make_logger(double.tensorrt)).platform_has_fast_fp16


def test_host_memory_is_a_buffer_and_no_sequence(tensorrt_double):
    double = tensorrt_double()
    builder, network, _ = parse(double, tiny_model())
    memory = builder.build_serialized_network(network, builder.create_builder_config())
    data = bytes(memory)
    assert memory and memory.nbytes == len(data) == memoryview(memory).nbytes
    assert np.frombuffer(memory, np.uint8).tobytes() == data
    for wrong in (len, iter, lambda plan: plan[0], lambda plan: b'' + plan.decode()):
        with pytest.raises((TypeError, AttributeError)):
            wrong(memory)
    assert load(double, memory) is not None


def test_outputs_can_be_taken_away_and_added(tensorrt_double):
    double = tensorrt_double()
    builder, network, _ = parse(double, tiny_model())
    network.unmark_output(network.get_output(1))
    network.mark_output(network.get_layer(2).get_output(0))
    plan = bytes(builder.build_serialized_network(network, builder.create_builder_config()))
    engine = load(double, plan)
    assert [name for name in engine] == ['thermogram', 'labels', 'finding', 'mean']
    frame = np.ones((1, 1, 48, 64), np.float32)
    answers = infer(double, plan, frame)
    assert answers['mean'].shape == (1, 1, 1, 1) or answers['mean'].shape == (1, 1)
    assert answers['mean'].ravel() == [1] and (answers['labels'] == 1).all()


def test_timing_cache_saves_the_next_build_and_holds_for_one_device(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=53)
    builder, network, _ = parse(double, tiny_model())
    config = builder.create_builder_config()
    cache = config.create_timing_cache(b'')
    assert config.set_timing_cache(cache, False)
    builder.build_serialized_network(network, config)
    assert len(double.timed) == 4
    saved = bytes(config.get_timing_cache().serialize())
    build(double, tiny_model(), cache=builder.create_builder_config().create_timing_cache(saved))
    assert double.timed == []
    build(double, weighted_model([1]), cache=builder.create_builder_config().create_timing_cache(saved))
    assert double.timed == ['logits']
    for other in (double.move(sm=72), double.move(version='8.5.2')):
        config = other.tensorrt.Builder(make_logger(other.tensorrt)).create_builder_config()
        assert not config.set_timing_cache(config.create_timing_cache(saved), False)
        assert config.set_timing_cache(config.create_timing_cache(saved), True)
        assert config.create_timing_cache(b'rubbish') is None and 'Error Code 4' in other.messages('ERROR')[0]


def test_tactic_sources_decide_what_is_loaded(tensorrt_double):
    double = tensorrt_double()
    builder, network, _ = parse(double, tiny_model())
    config = builder.create_builder_config()
    assert config.get_tactic_sources() == 7
    assert config.set_tactic_sources(1 << int(double.tensorrt.TacticSource.CUDNN))
    plan = bytes(builder.build_serialized_network(network, config))
    assert not any('cuBLAS' in text for text in double.messages('INFO'))
    assert any('cuDNN' in text for text in double.messages('INFO'))
    assert load(double, plan).tactic_sources == 4


def test_open_shapes_need_a_profile(tensorrt_double):
    double = tensorrt_double('8.2.1')
    open_side = 2 ** 64 - 1  # -1 as protocol buffers write it
    model = onnx_builder.model([node('Relu', ['thermogram'], ['y'])], [('thermogram', FLOAT, (open_side, 1, 2, 3))],
                               [('y', FLOAT, (open_side, 1, 2, 3))])
    builder, network, _ = parse(double, model)
    config = builder.create_builder_config()
    assert builder.build_serialized_network(network, config) is None
    assert 'no optimization profile' in double.messages('ERROR')[0]
    profile = builder.create_optimization_profile()
    profile.set_shape('thermogram', (1, 1, 2, 3), (2, 1, 2, 3), (4, 1, 2, 3))
    assert config.add_optimization_profile(profile) == 0
    engine = load(double, builder.build_serialized_network(network, config))
    assert [tuple(shape) for shape in engine.get_profile_shape(0, 'thermogram')] == [
        (1, 1, 2, 3), (2, 1, 2, 3), (4, 1, 2, 3)]
    with current_context(double):
        context = engine.create_execution_context()
        assert not context.all_binding_shapes_specified and tuple(context.get_binding_shape(1)) == (-1, 1, 2, 3)
        assert not context.set_binding_shape(0, (2, 3, 2, 3))
        assert context.set_binding_shape(0, (2, 1, 2, 3))
        assert context.all_binding_shapes_specified and tuple(context.get_binding_shape(1)) == (2, 1, 2, 3)
        assert tuple(context.get_strides(1)) == (6, 6, 3, 1)
        del context


def test_progress_monitor_sees_and_stops_a_build(tensorrt_double):
    double = tensorrt_double('10.3.0', sm=87)

    class Monitor(double.tensorrt.IProgressMonitor):
        def __init__(self, last):
            double.tensorrt.IProgressMonitor.__init__(self)
            self.last, self.steps = last, []

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.steps.append((phase_name, num_steps))

        def step_complete(self, phase_name, step):
            self.steps.append(step)
            return step < self.last

        def phase_finish(self, phase_name):
            self.steps.append('finished')

    for last, done in ((9, [('Building Engine', 4), 0, 1, 2, 3, 'finished']), (1, [('Building Engine', 4), 0, 1])):
        builder, network, _ = parse(double, tiny_model())
        config, monitor = builder.create_builder_config(), Monitor(last)
        config.progress_monitor = monitor
        assert (builder.build_serialized_network(network, config) is None) == (last == 1)
        assert monitor.steps == done


def test_old_ways_warn_where_the_release_warns(tensorrt_double):
    double = tensorrt_double('8.5.2', sm=72)
    builder, network, _ = parse(double, tiny_model())
    config = builder.create_builder_config()
    with pytest.warns(DeprecationWarning, match='set_memory_pool_limit'):
        config.max_workspace_size = 1 << 20
    assert config.get_memory_pool_limit(double.tensorrt.MemoryPoolType.WORKSPACE) == 1 << 20
    with pytest.warns(DeprecationWarning, match='build_serialized_network'):
        engine = builder.build_engine(network, config)
    with pytest.warns(DeprecationWarning, match='get_tensor_mode'):
        assert engine.binding_is_input('thermogram')
    with pytest.warns(DeprecationWarning):
        with builder:
            pass


def test_tensor_of_32_bit_integers_stays_one(tensorrt_double):
    model = onnx_builder.model([node('Cast', ['thermogram'], ['y'], integer('to', INT32))],
                               [('thermogram', FLOAT, (1, 1, 2, 3))], [('y', INT32, (1, 1, 2, 3))])
    double = tensorrt_double()
    assert infer(double, build(double, model, ['FP16']), FRAME)['y'].dtype == np.int32
