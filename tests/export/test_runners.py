"""Runners of a network are compared on the same frames; the emulation rounds where a device with FP16 does."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
onnx = pytest.importorskip('onnx', reason='onnx is not installed here')

from export.check.graph import read_model  # noqa: E402
from export.onnx_export import make_onnx  # noqa: E402
from export.runners import (  # noqa: E402
    IN_RUNTIME,
    SUMS,
    Fp16Emulation,
    check_parity,
    compare_runners,
    emulation_graph,
    fp16_runner,
    onnx_runner,
    open_session,
    run_session,
    torch_runner,
    variant_runners,
    with_logits,
)
from export.variants import make_fp16, make_variants  # noqa: E402
from service.messages import BundleError  # noqa: E402

from .onnx_files import graph, overflowing, undefined  # noqa: E402
from .test_onnx_export import Finding, Small  # noqa: E402

ONES = {'thermogram': np.ones((1, 1, 4, 4), np.float32)}


def test_what_overflows_is_infinite_although_onnx_runtime_alone_lets_it_pass():
    half = make_fp16(overflowing())
    # The reason why there is an emulation: between operators ONNX Runtime takes the casts out.
    assert run_session(open_session(half), ONES)['finding'] == pytest.approx(120, rel=0.01)
    assert np.isinf(Fp16Emulation(half).run(ONES)['finding']).all()


@pytest.mark.parametrize('make', [overflowing, undefined])
def test_the_first_node_that_overflows_is_named(make):
    emulation = Fp16Emulation(make_fp16(make()))
    assert emulation.overflow(ONES) == 'Add_001 (Add, output b)'
    with pytest.raises(BundleError, match='node Add_001.*--no-fp16') as caught:
        emulation.answer(ONES)
    assert caught.value.code == 'fp16-overflow' and caught.value.exit_code == 3


def test_an_overflow_that_the_outputs_hide_is_found():
    model = graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Sigmoid', ['b'], 'finding')],
                  {'large': 60000.0})
    emulation = Fp16Emulation(make_fp16(model))
    assert (emulation.run(ONES)['finding'] == 1).all()
    assert emulation.overflow(ONES) == 'Add_001 (Add, output b)'


def test_smaller_numbers_pass():
    emulation = Fp16Emulation(make_fp16(overflowing()))
    small = {'thermogram': np.full((1, 1, 4, 4), 0.25, np.float32)}
    assert emulation.overflow(small) is None
    assert emulation.answer(small)['finding'] == pytest.approx(30, rel=0.01)
    assert SUMS not in emulation.answer(small)


def test_every_step_is_rounded_as_numpy_rounds():
    model = graph([('Mul', ['thermogram', 'third'], 'a'), ('Add', ['a', 'one'], 'b'), ('Mul', ['b', 'b'], 'finding')],
                  {'third': 1 / 3, 'one': 1.0})
    picture = np.random.RandomState(0).rand(1, 1, 4, 4).astype(np.float32)
    a = picture.astype(np.float16) * np.float16(1 / 3)
    b = a + np.float16(1)
    found = Fp16Emulation(make_fp16(model)).run({'thermogram': picture})['finding']
    assert found.dtype == np.float32 and np.array_equal(found, (b * b).astype(np.float32))


def test_the_graph_has_a_cast_to_half_behind_every_operator_that_computes():
    evaluation, rounded = emulation_graph(read_model(make_fp16(overflowing())))
    casts = [node for node in evaluation.graph.node
             if node.op_type == 'Cast' and node.attribute[0].i == onnx.TensorProto.FLOAT16]
    assert len(casts) == len(rounded) == 4, 'the input and three operators'
    onnx.checker.check_model(evaluation, full_check=True)


# -- comparison


def frames(count=3, height=48, width=64):
    random = np.random.RandomState(0)
    return [(random.rand(1, 1, height, width).astype(np.float32),
             random.randint(0, 8, (height, width)).astype(np.uint8)) for _ in range(count)]


def test_the_file_is_near_to_pytorch(small_network, small_model):
    logits = onnx_runner('logits', 'fp32', make_variants(small_model)['fp32-logits'])
    runner = with_logits(onnx_runner('fp32', 'fp32', small_model), logits)
    parity = compare_runners(torch_runner(small_network), [runner], frames())['fp32']
    assert parity.frames == parity.labelled == 3
    assert max(parity.max_abs_error, parity.finding_error, parity.logits_error) < 1e-5
    check_parity([runner], {'fp32': parity})


def test_fp16_is_compared_twice_and_differs_a_little(small_model):
    runners = variant_runners(make_variants(small_model))
    assert [runner.name for runner in runners] == ['fp16', 'fp16' + IN_RUNTIME, 'fp32-logits', 'fp16-logits',
                                             'fp16-logits' + IN_RUNTIME]
    parities = compare_runners(onnx_runner('fp32', 'fp32', small_model), runners, frames())
    assert 0 < parities['fp16'].max_abs_error < 0.01 and parities['fp16'].label_agreement > 0.99
    assert parities['fp32-logits'].max_abs_error < 1e-6 and parities['fp32-logits'].label_agreement == 1


def test_another_network_fails(small_model):
    torch.manual_seed(1)
    other = onnx_runner('fp32', 'fp32', make_onnx(Small(), 48, 64).SerializeToString())
    parities = compare_runners(onnx_runner('baseline', 'fp32', small_model), [other], frames())
    with pytest.raises(BundleError, match='labels agree') as caught:
        check_parity([other], parities)
    assert caught.value.code == 'parity-failed' and caught.value.exit_code == 3


def test_an_overflow_ends_the_comparison():
    runner = fp16_runner('fp16', make_fp16(overflowing()))
    with pytest.raises(BundleError) as caught:
        compare_runners(onnx_runner('fp32', 'fp32', overflowing()), [runner], [(ONES['thermogram'], None)])
    assert caught.value.code == 'fp16-overflow'


@pytest.mark.parametrize('classes', [1, 3])
def test_without_regions_the_decision_is_compared(classes):
    torch.manual_seed(0)
    network = Finding(classes).eval()
    runner = onnx_runner('fp32', 'fp32', make_onnx(network, 16, 24).SerializeToString())
    pictures = [(tensor, None) for tensor, _ in frames(4, 16, 24)]
    parity = compare_runners(torch_runner(network), [runner], pictures)['fp32']
    assert parity.label_agreement == 1 and parity.finding_error < 1e-6 and parity.miou is None
    opposite = runner._replace(answer=lambda tensor: {'finding': 1 - runner.answer(tensor)['finding']})
    if classes == 1:
        assert compare_runners(runner, [opposite], pictures)['fp32'].label_agreement == 0
