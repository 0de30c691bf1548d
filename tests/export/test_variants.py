"""Variants answer as their model does, keep its names and are reproducible; what FP16 cannot hold is counted."""
import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='onnx is not installed here')
torch = pytest.importorskip('torch', reason='PyTorch is not installed here')

from export.onnx_export import make_onnx  # noqa: E402
from export.runners import open_session, run_session  # noqa: E402
from export.variants import (  # noqa: E402
    FILES,
    LARGEST,
    SMALLEST,
    describe_weights,
    make_fp16,
    make_logits,
    make_variants,
)
from service.bundle import PROMISES, scan_onnx  # noqa: E402
from service.messages import InputError  # noqa: E402

from .onnx_files import graph  # noqa: E402
from .test_onnx_export import Finding  # noqa: E402


@pytest.fixture(scope='module')
def variants(small_model):
    return make_variants(small_model)


def answer(model):
    picture = np.random.RandomState(0).rand(1, 1, 48, 64).astype(np.float32)
    return run_session(open_session(model), {'thermogram': picture})


def test_every_name_of_a_manifest_has_a_file():
    assert set(FILES) == set(PROMISES) and len(set(FILES.values())) == len(FILES)


def test_variants_are_those_that_need_no_data(variants):
    assert set(variants) == set(PROMISES) - {'int8-qdq'}


def test_logits_are_the_scores_of_the_network(small_network, small_model, variants):
    found, whole = answer(variants['fp32-logits']), answer(small_model)
    assert list(found) == ['logits', 'finding'] and found['logits'].shape == (1, 8, 48, 64)
    with torch.no_grad():
        scores = small_network(torch.from_numpy(np.random.RandomState(0).rand(1, 1, 48, 64).astype(np.float32)))[0]
    assert np.abs(found['logits'] - scores.numpy()).max() < 1e-5
    assert np.array_equal(found['logits'].argmax(1), whole['labels'])
    assert np.array_equal(found['finding'], whole['finding'])


def test_half_logits_leave_as_float32(small_model, variants):
    found, whole = answer(variants['fp16-logits']), answer(small_model)
    assert found['logits'].dtype == np.float32
    assert np.mean(found['logits'].argmax(1) == whole['labels']) > 0.99


def test_no_variant_has_argmax_where_it_should_not(variants):
    for name, data in variants.items():
        facts = scan_onnx(data)
        assert ('ArgMax' in facts.operators) == PROMISES[name][1], name
        assert (facts.opset, facts.ir_version, facts.external_tensors) == (13, 7, 0) and facts.domains <= {''}


def test_names_are_those_of_the_model(small_model, variants):
    def tensors(data):
        return {name for node in onnx.load_from_string(data).graph.node for name in node.input}

    assert tensors(variants['fp32-logits']) - {'logits'} < tensors(small_model), 'a calibration cache of the model fits'


def test_two_exports_of_one_network_are_the_same_bytes(small_network, small_model, variants):
    again = make_onnx(small_network, 48, 64).SerializeToString()
    assert again == small_model
    assert make_variants(again) == variants


def test_a_network_without_regions_has_no_logits():
    torch.manual_seed(0)
    model = make_onnx(Finding(1), 16, 24).SerializeToString()
    assert list(make_variants(model)) == ['fp16']


@pytest.mark.parametrize('options, names', [
    ({'fp16': False}, ['fp32-logits']), ({'logits': False}, ['fp16']), ({'fp16': False, 'logits': False}, [])])
def test_what_is_not_wanted_is_not_made(small_model, options, names):
    assert list(make_variants(small_model, **options)) == names


def test_other_ways_to_labels_are_refused():
    model = graph([('Relu', ['thermogram'], 'labels')], output='labels')
    with pytest.raises(InputError, match='--no-logits') as caught:
        make_logits(model)
    assert caught.value.code == 'logits-none'


# -- FP16


def values(model):
    return {tensor.name: onnx.numpy_helper.to_array(tensor)
            for tensor in onnx.load_from_string(model).graph.initializer}


def ends(model):
    graph = onnx.load_from_string(model).graph
    return [(value.name, value.type.tensor_type.elem_type) for value in list(graph.input) + list(graph.output)]


def test_what_leaves_and_enters_stays_and_so_do_names(small_model):
    half = make_fp16(small_model)
    assert ends(half) == ends(small_model)
    before, after = (onnx.load_from_string(data).graph for data in (small_model, half))
    named = {node.name for node in before.node if node.op_type not in ('Constant', 'Cast')}
    assert named <= {node.name for node in after.node}
    facts = scan_onnx(half)
    assert (facts.opset, facts.ir_version, facts.external_tensors) == (13, 7, 0) and facts.domains <= {''}


def test_weights_are_half_and_factors_of_a_resize_exact(small_model):
    found = values(make_fp16(small_model))
    resize, = (node for node in onnx.load_from_string(make_fp16(small_model)).graph.node if node.op_type == 'Resize')
    assert found[resize.input[2]].dtype == np.float32, 'TensorRT takes factors that are weights only'
    assert {found[name].dtype for name in found if name != resize.input[2]} <= {np.dtype('float16'), np.dtype('int64')}
    for name, value in values(small_model).items():
        if value.dtype == np.float32 and name in found:
            assert np.abs(found[name].astype(np.float32) - value).max() <= np.abs(value).max() * 2 ** -11


def test_it_answers_nearly_the_same(small_model):
    picture = {'thermogram': np.random.RandomState(0).rand(1, 1, 48, 64).astype(np.float32)}
    whole, half = (run_session(open_session(data), picture) for data in (small_model, make_fp16(small_model)))
    assert np.mean(whole['labels'] == half['labels']) > 0.99
    assert 0 < np.abs(whole['confidence'] - half['confidence']).max() < 0.01


def test_two_conversions_are_one_file(small_model):
    assert make_fp16(small_model) == make_fp16(small_model)


def test_weights_beyond_the_range_are_clipped_and_counted():
    model = graph([('Mul', ['thermogram', 'weights'], 'finding')],
                  {'weights': [[[[1e6, -1e6, 1e-9, -1e-9]] + [[1, 2, 3, 0]] * 3]]})
    found = describe_weights(model)
    assert (found.count, found.clipped, found.raised, found.clipped_names) == (16, 2, 2, ('weights',))
    first = values(make_fp16(model))['weights'].astype(np.float64)[0, 0, 0]
    assert first.tolist() == [LARGEST, -LARGEST, SMALLEST, -SMALLEST]


def test_what_fits_is_not_reported(small_model):
    found = describe_weights(small_model)
    assert found.count == sum(value.size for value in values(small_model).values() if value.dtype == np.float32)
    assert (found.clipped, found.clipped_names) == (0, ())


@pytest.mark.parametrize('share', [0.2, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_a_line(small_model, share):
    with pytest.raises(InputError) as caught:
        make_fp16(small_model[:int(len(small_model) * share)])
    assert caught.value.code == 'onnx-unreadable'
