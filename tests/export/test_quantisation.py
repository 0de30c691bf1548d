"""What is quantised is what TensorRT accepts, runs where the device runs it, and answers as the network does."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
onnx = pytest.importorskip('onnx', reason='onnx is not installed here')

from onnx import numpy_helper  # noqa: E402

from calibration import compare_answers, read_cache, scale_of, summarise, write_cache  # noqa: E402
from export.quantisation import METHODS, insert_pairs, measure_ranges, quantise  # noqa: E402
from export.runners import open_session, run_session  # noqa: E402
from service.bundle import scan_onnx  # noqa: E402
from service.messages import InputError  # noqa: E402

from .shallow import Shallow, export, frames, plain, transformer  # noqa: E402


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return export(Shallow(), tmp_path_factory.mktemp('onnx'))


@pytest.fixture(scope='module', params=METHODS)
def quantised(model, request):
    return quantise(model, frames(), request.param)


def _parts(data):
    """(nodes, constants by name, maker of every tensor)."""
    graph = onnx.load_from_string(data).graph
    return graph.node, {t.name: numpy_helper.to_array(t) for t in graph.initializer}, {
        name: node for node in graph.node for name in node.output}


def _weighted(nodes):
    return [node for node in nodes if node.op_type in ('Conv', 'ConvTranspose')]


def test_scales_are_amax_divided_by_127_to_the_last_bit(model):
    ranges = measure_ranges(model, frames(), 'minmax')
    data, scales = quantise(model, frames(), 'minmax')
    nodes, constants, _ = _parts(data)
    pairs = [node for node in nodes if node.op_type == 'QuantizeLinear' and node.input[0] not in constants]
    assert pairs
    for node in pairs:
        name = node.input[0]
        assert constants[node.input[1]].tobytes() == scales[name].tobytes()
    relus = {node.input[0]: node.output[0] for node in nodes if node.op_type == 'Relu'}
    assert scales['thermogram'] == scale_of(max(frame.max() for frame in frames())) == scale_of(1)
    assert all(scales[name] == scale_of(ranges[name]) for name in scales
               if name + '_DequantizeLinear_Output' not in relus)


def test_cache_takes_the_scales(quantised):
    _, scales = quantised
    cache = read_cache(write_cache(scales), {'thermogram': 1.0})
    assert cache.scales == scales and {'thermogram', 'confidence', 'finding'} <= set(scales)


def test_only_what_tensorrt_takes(quantised):
    nodes, constants, _ = _parts(quantised[0])
    for node in nodes:
        if node.op_type in ('QuantizeLinear', 'DequantizeLinear'):
            assert len(node.input) == 3 and (constants[node.input[1]] > 0).all()
            assert constants[node.input[2]].dtype == np.int8 and not constants[node.input[2]].any()


def test_weights_have_pairs_on_their_own_axis(quantised):
    nodes, constants, makers = _parts(quantised[0])
    seen = set()
    for node in _weighted(nodes):
        if node.input[1] in constants:
            continue
        axis = 0 if node.op_type == 'Conv' else 1
        back = makers[node.input[1]]
        there = makers[back.input[0]]
        assert (back.op_type, there.op_type) == ('DequantizeLinear', 'QuantizeLinear')
        weights, scales = constants[there.input[0]], constants[there.input[1]]
        for pair in (back, there):
            stated = [entry.i for entry in pair.attribute if entry.name == 'axis']
            assert stated == [axis]
        largest = np.abs(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)).max(1)
        np.testing.assert_allclose(scales, largest / 127, rtol=1e-6)
        assert node.input[2] in constants and constants[node.input[2]].dtype == np.float32
        seen.add(node.op_type)
    assert seen == {'Conv', 'ConvTranspose'}


def test_first_convolution_and_heads_stay_in_floating_point(quantised, model):
    nodes, constants, _ = _parts(quantised[0])
    plain = [node.name for node in _weighted(nodes) if node.input[1] in constants]
    names = [node.name for node in _weighted(_parts(model)[0])]
    # In the graph's order: first, second, third, fourth, up, scores, features.
    assert len(plain) == 3 and names[0] in plain
    outputs = {'labels', 'confidence', 'finding'}
    readers = {name: node for node in nodes for name in node.input}
    assert not any(readers[name].op_type == 'QuantizeLinear' for name in outputs if name in readers)


def test_every_reader_has_a_pair_of_its_own(quantised):
    nodes, constants, _ = _parts(quantised[0])
    pairs = [node for node in nodes if node.op_type in ('QuantizeLinear', 'DequantizeLinear')]
    assert len(pairs) % 2 == 0
    for pair in pairs:
        assert sum(pair.output[0] in node.input for node in nodes) == 1


def test_relu_takes_nothing_that_was_not_lost_already(quantised):
    """Pairs before and behind a ReLU have one range, so that the second one changes nothing."""
    nodes, constants, makers = _parts(quantised[0])
    readers = {name: node for node in nodes for name in node.input}
    checked = 0
    for node in nodes:
        if node.op_type == 'Relu' and makers[node.input[0]].op_type == 'DequantizeLinear':
            before, behind = makers[node.input[0]], readers[node.output[0]]
            assert behind.op_type == 'QuantizeLinear'
            assert constants[before.input[1]] == constants[behind.input[1]]
            checked += 1
    assert checked


def test_file_is_one_that_the_device_takes(quantised, model):
    data, _ = quantised
    facts = scan_onnx(data)
    assert (facts.opset, facts.ir_version, facts.external_tensors) == (13, 7, 0) and facts.domains <= {''}
    before, after = onnx.load_from_string(model), onnx.load_from_string(data)
    assert [(entry.domain, entry.version) for entry in after.opset_import] == [('', 13)]
    assert list(after.graph.input) == list(before.graph.input)
    assert [output.name for output in after.graph.output] == [output.name for output in before.graph.output]
    assert after.producer_name == 'thermoscreen' and not after.metadata_props
    onnx.checker.check_model(after, full_check=True)


def test_answers_stay(quantised, model):
    sessions = open_session(model), open_session(quantised[0])
    found = summarise([compare_answers(*(run_session(session, {'thermogram': frame}) for session in sessions))
                       for frame in frames(8, seed=9)])
    assert found.label_agreement > 0.97 and found.finding_error < 0.02 and found.not_finite == 0


def test_stored_file_is_what_is_written_today(model, root):
    """The file that the device half's tests run, on interpreters that cannot make one."""
    stored = (root / 'tests' / 'calibration' / 'expected' / 'qdq.onnx').read_bytes()
    today = insert_pairs(model, measure_ranges(model, frames(), 'minmax'))
    for part in (0, 2):
        assert str(_parts(stored)[part]) == str(_parts(today)[part])
    for name, array in _parts(today)[1].items():
        np.testing.assert_allclose(_parts(stored)[1][name], array, rtol=1e-5, atol=1e-6)


def test_one_input_one_file(model):
    assert quantise(model, frames(), 'percentile')[0] == quantise(model, iter(frames()), 'percentile')[0]


def test_nodes_can_be_left_in_floating_point(model):
    ranges = measure_ranges(model, frames(2), 'minmax')
    name = next(node.name for node in _parts(model)[0] if node.op_type == 'ConvTranspose')
    nodes, constants, _ = _parts(insert_pairs(model, ranges, [name]))
    assert next(node for node in nodes if node.name == name).input[1] in constants


def test_imports_that_nothing_uses_are_dropped(model):
    proto = onnx.load_from_string(model)
    proto.opset_import.append(onnx.helper.make_opsetid('ai.onnx.ml', 5))
    data = insert_pairs(proto.SerializeToString(), measure_ranges(model, frames(1), 'minmax'))
    assert [entry.domain for entry in onnx.load_from_string(data).opset_import] == ['']


@pytest.mark.parametrize('method', METHODS)
def test_tensors_of_zeros_have_a_range(method):
    conv = [onnx.helper.make_node('Conv', [source, weight], [to], name=to) for source, weight, to in
            (('x', 'w1', 'a'), ('a', 'w2', 'b'), ('b', 'w3', 'y'))]
    model = plain(conv, {'w1': np.zeros((2, 2, 1, 1)), 'w2': np.ones((2, 2, 1, 1)), 'w3': np.ones((2, 2, 1, 1))})
    data, scales = quantise(model, [np.ones((1, 2, 6, 6), np.float32)], method)
    assert scales['a'] == scale_of(1)
    assert not run_session(open_session(data), {'x': np.ones((1, 2, 6, 6), np.float32)})['y'].any()


@pytest.mark.parametrize('given, method, code', [
    ([], 'minmax', 'calibration-empty'), (frames(1), 'guess', 'calibration-method'),
    ([np.zeros((1, 1, 4, 4), np.float32)], 'minmax', 'calibration-frame'),
    ([frames(1)[0].astype(np.float64)], 'minmax', 'calibration-frame'),
    ([frames(1)[0] * np.float32('nan')], 'entropy', 'calibration-frame')])
def test_what_cannot_be_calibrated_with(model, given, method, code):
    with pytest.raises(InputError) as caught:
        quantise(model, given, method)
    assert caught.value.code == code


def test_node_that_is_not_there(model):
    with pytest.raises(InputError) as caught:
        insert_pairs(model, measure_ranges(model, frames(1), 'minmax'), ['Conv_999'])
    assert caught.value.code == 'nodes-unknown'


def test_network_without_anything_to_quantise():
    with pytest.raises(InputError) as caught:
        insert_pairs(transformer(), {})
    assert caught.value.code == 'nothing-to-quantise'


def test_entropy_forgets_a_lone_outlier():
    """The reason for more bins than onnxruntime takes: with its own number every range is the largest value."""
    conv = [onnx.helper.make_node('Conv', [source, 'w'], [to], name=to) for source, to in
            (('x', 'a'), ('a', 'b'), ('b', 'y'))]
    model = plain(conv, {'w': np.eye(2)[:, :, np.newaxis, np.newaxis]}, (1, 2, 60, 60))
    frame = np.random.RandomState(0).normal(0, 1, (1, 2, 60, 60)).astype(np.float32)
    frame[0, 0, 0, 0] = 10
    ranges = {method: measure_ranges(model, [frame], method)['a'] for method in METHODS}
    assert ranges['minmax'] == 10 and 3 < ranges['entropy'] < 7


def test_first_frame_says_nothing_about_the_later_ones():
    """A tensor that is nearly zero in the first frame keeps a histogram of a sane size."""
    conv = [onnx.helper.make_node('Conv', [source, 'w'], [to], name=to) for source, to in
            (('x', 'a'), ('a', 'b'), ('b', 'y'))]
    model = plain(conv, {'w': np.eye(2)[:, :, np.newaxis, np.newaxis]})
    small = np.full((1, 2, 6, 6), 1e-7, np.float32)
    for method in ('percentile', 'entropy'):
        ranges = measure_ranges(model, [small, small * np.float32(1e9)], method)
        assert 10 < ranges['a'] <= 100.001
