"""The emulation rounds where a device with FP16 does, and names the node that overflows."""
import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='onnx is not installed here')

from export.check.read import read_model  # noqa: E402
from export.emulate import SUMS, HalfEmulation, emulate  # noqa: E402
from export.half import make_fp16  # noqa: E402
from export.session import open_session, run_session  # noqa: E402
from service.messages import BundleError  # noqa: E402

from .graphs import graph, overflowing, undefined  # noqa: E402

ONES = {'thermogram': np.ones((1, 1, 4, 4), np.float32)}


def test_what_overflows_is_infinite_although_onnx_runtime_alone_lets_it_pass():
    half = make_fp16(overflowing())
    # The reason why there is an emulation: between operators ONNX Runtime takes the casts out.
    assert run_session(open_session(half), ONES)['finding'] == pytest.approx(120, rel=0.01)
    assert np.isinf(HalfEmulation(half).run(ONES)['finding']).all()


@pytest.mark.parametrize('make', [overflowing, undefined])
def test_the_first_node_that_overflows_is_named(make):
    emulation = HalfEmulation(make_fp16(make()))
    assert emulation.overflow(ONES) == 'Add_001 (Add, output b)'
    with pytest.raises(BundleError, match='node Add_001.*--no-fp16') as caught:
        emulation.answer(ONES)
    assert caught.value.code == 'fp16-overflow' and caught.value.exit_code == 3


def test_an_overflow_that_the_outputs_hide_is_found():
    model = graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Sigmoid', ['b'], 'finding')],
                  {'large': 60000.0})
    emulation = HalfEmulation(make_fp16(model))
    assert (emulation.run(ONES)['finding'] == 1).all()
    assert emulation.overflow(ONES) == 'Add_001 (Add, output b)'


def test_smaller_numbers_pass():
    emulation = HalfEmulation(make_fp16(overflowing()))
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
    found = HalfEmulation(make_fp16(model)).run({'thermogram': picture})['finding']
    assert found.dtype == np.float32 and np.array_equal(found, (b * b).astype(np.float32))


def test_the_graph_has_a_cast_to_half_behind_every_operator_that_computes():
    evaluation, rounded = emulate(read_model(make_fp16(overflowing())))
    casts = [node for node in evaluation.graph.node
             if node.op_type == 'Cast' and node.attribute[0].i == onnx.TensorProto.FLOAT16]
    assert len(casts) == len(rounded) == 4, 'the input and three operators'
    onnx.checker.check_model(evaluation, full_check=True)
