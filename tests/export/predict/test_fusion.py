"""What becomes one kernel: TensorRT's rules on graphs that are known, and on its own published lists of layers."""
import numpy as np
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.predict.fusion import UnknownShapeError  # noqa: E402
from export.predict.kernel import count_layers, total_macs, total_weights  # noqa: E402
from export.predict.published import figures, tables  # noqa: E402
from tests.export import onnx_files  # noqa: E402

from .networks import SIZE, conv, fused, kinds, network, node, weights  # noqa: E402

_SCALE = {name: np.ones(8, np.float32) for name in ('s', 'b', 'm', 'v')}


def test_convolution_takes_normalisation_and_activation():
    data = network([conv('x', 'a'), node('BatchNormalization', ['a', 's', 'b', 'm', 'v'], ['n']),
                    node('Relu', ['n'], ['y'])], dict(_SCALE, w=weights()))
    assert kinds(data) == ['conv3']
    kernel = fused(data).kernels[0]
    assert (kernel.macs, kernel.read, kernel.weights, kernel.write) == (SIZE * 72, SIZE, 8 * 72 + 32, SIZE)
    assert (kernel.depth, kernel.columns, kernel.rows) == (72, 8, 256)


def test_a_residual_is_added_by_the_later_convolution():
    data = network([conv('x', 'a'), node('Relu', ['a'], ['r']), conv('r', 'b'), node('Add', ['b', 'x'], ['s']),
                    node('Relu', ['s'], ['y'])], {'w': weights()})
    assert kinds(data) == ['conv3', 'conv3']
    assert fused(data).kernels[1].read == 2 * SIZE


def test_two_convolutions_that_meet_are_two_kernels():
    data = network([conv('x', 'a'), conv('x', 'b'), node('Add', ['a', 'b'], ['y'])], {'w': weights()})
    assert kinds(data) == ['conv3', 'conv3']


def test_an_addition_after_an_activation_stays_apart():
    data = network([conv('x', 'a'), node('Relu', ['a'], ['r']), node('Add', ['r', 'x'], ['y'])], {'w': weights()})
    assert kinds(data) == ['conv3', 'elementwise']


def test_an_output_in_the_middle_is_written():
    data = network([conv('x', 'a'), node('Relu', ['a'], ['y'])], {'w': weights()}, outputs={'a': (1, 8, 16, 16),
                                                                                          'y': (1, 8, 16, 16)})
    assert kinds(data) == ['conv3', 'elementwise']


def test_element_wise_neighbours_are_one_kernel():
    data = network([conv('x', 'a'), node('Sigmoid', ['a'], ['g']), node('Mul', ['a', 'g'], ['y'])], {'w': weights()})
    assert kinds(data) == ['conv3', 'elementwise']
    kernel = fused(data).kernels[1]
    assert (kernel.read, kernel.write) == (SIZE, SIZE)


def test_every_input_of_a_concatenation_is_copied():
    data = network([node('Relu', ['x'], ['a']), node('Concat', ['x', 'a'], ['y'], axis=1)],
                   outputs={'y': (1, 16, 16, 16)})
    assert kinds(data) == ['elementwise', 'copy', 'copy']


@pytest.mark.parametrize(('weight', 'attributes', 'kind', 'macs'), [
    ((8, 8, 1), {'size': 1}, 'pointwise', SIZE * 8), ((8, 1, 3), {'group': 8}, 'depthwise', SIZE * 9),
    ((8, 4, 3), {'group': 2}, 'conv', SIZE * 36), ((8, 8, 3), {'dilations': [2, 2]}, 'conv', None)])
def test_kinds_of_convolutions(weight, attributes, kind, macs):
    shape = (1, 8, 14, 14) if 'dilations' in attributes else (1, 8, 16, 16)
    data = network([conv('x', 'y', **attributes)], {'w': weights(*weight)}, outputs={'y': shape})
    kernel = fused(data).kernels[0]
    assert kernel.kind == kind and kernel.macs == (14 * 14 * 8 * 72 if macs is None else macs)


def test_a_pointwise_beside_a_depthwise_is_separable():
    data = network([conv('x', 'a', 'd', group=8), node('Relu', ['a'], ['r']), conv('r', 'y', 'p', size=1)],
                   {'d': weights(8, 1), 'p': weights(size=1)})
    assert kinds(data) == ['depthwise', 'separable']


def test_transposed_convolution_counts_every_input_pixel():
    data = network([node('ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2])],
                   {'w': np.ones((8, 4, 2, 2), np.float32)}, outputs={'y': (1, 4, 32, 32)})
    assert fused(data).kernels[0].macs == 16 * 16 * 8 * 4 * 4


def test_what_the_builder_computes_costs_nothing():
    data = network([node('Shape', ['x'], ['s']), node('Add', ['k', 'k'], ['c']), node('Mul', ['x', 'c'], ['m']),
                    node('Reshape', ['m', 's'], ['y'])], {'k': np.float32(1)})
    assert kinds(data) == ['elementwise']


def test_resize_that_repeats_is_a_copy():
    scales = {'scales': np.float32([1, 1, 2, 2])}
    for mode, kind in (('nearest', 'copy'), ('linear', 'resize')):
        data = network([node('Resize', ['x', '', 'scales'], ['y'], mode=mode)], scales,
                       outputs={'y': (1, 8, 32, 32)})
        assert kinds(data) == [kind]


def test_operators_that_nobody_knows_are_named():
    data = network([node('CumSum', ['x', 'axis'], ['y'])], {'axis': np.int64(1)})
    assert fused(data).unknown == ('CumSum',) and kinds(data) == ['copy']


def test_a_size_that_is_open_is_refused():
    data = onnx_files.build([node('Relu', ['x'], ['y'])], inputs={'x': (onnx_files.FLOAT, (None, 8, 16, 16))},
                        outputs={'y': (onnx_files.FLOAT, (None, 8, 16, 16))})
    with pytest.raises(UnknownShapeError):
        fused(data)


def test_contradicting_shapes_are_refused():
    data = network([node('Conv', ['x', 'w'], ['y'])], {'w': np.float32(1)})
    with pytest.raises(UnknownShapeError):
        fused(data)


@pytest.mark.parametrize('figure', [one for one in figures() if 'layers' in one.more and one.precision == 'fp16'],
                         ids=lambda one: one.graph)
def test_counts_are_near_those_that_tensorrt_printed(figure):
    """Fast-SCNN's list has the same 60 layers; others differ where siblings are merged or reshapes listed."""
    found, printed = tables()[figure.graph]['layers'], figure.more['layers']
    assert found == printed if figure.graph.startswith('fast_scnn') else abs(found / printed - 1) < 0.12


@pytest.mark.parametrize('graph', sorted(tables()))
def test_rebuilt_networks_have_the_published_size(graph):
    table = tables()[graph]
    assert total_macs(table['kernels']) / 1e9 == pytest.approx(table['gmac'], abs=1e-4)
    assert count_layers(table['kernels']) == table['layers']
    assert total_weights(table['kernels']) >= 0.98 * table['weights']
    if table['published_gmac']:
        assert table['gmac'] == pytest.approx(table['published_gmac'], rel=0.02)
    if table['published_million_weights']:
        assert table['weights'] / 1e6 == pytest.approx(table['published_million_weights'], rel=0.03)
