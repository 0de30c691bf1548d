"""Memory by hand: what is held at once on small graphs, and the sums of MiB."""
import numpy as np
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.predict.memory import CUBLAS_MIB, CUDA_MIB, CUDNN_MIB, Need, need, peak  # noqa: E402

from .networks import SIZE, chain, conv, fused, network, node, weights  # noqa: E402


def test_a_chain_holds_input_output_and_what_is_between():
    # While the second of three convolutions runs: its two ends, and the input and the output that stay bound.
    assert peak(fused(chain(steps=3))) == 4 * SIZE
    assert peak(fused(chain(steps=1))) == 2 * SIZE


def test_a_skip_is_held_until_it_is_added():
    nodes = [node('Relu', ['x'], ['s']), conv('s', 'a'), node('Relu', ['a'], ['b']), conv('b', 'c'),
             node('Relu', ['c'], ['d']), node('Add', ['d', 's'], ['e']), conv('e', 'y')]
    # s, b and d are held when the second convolution writes d; x and y are bound.
    assert peak(fused(network(nodes, {'w': weights()}))) == 5 * SIZE


def test_reshaping_takes_no_room():
    nodes = [node('Relu', ['x'], ['r']), node('Reshape', ['r', 'shape'], ['f']), node('Sigmoid', ['f'], ['g']),
             node('Reshape', ['g', 'back'], ['y'])]
    data = network(nodes, {'shape': np.int64([1, SIZE]), 'back': np.int64([1, 8, 16, 16])})
    assert peak(fused(data)) == 3 * SIZE


def test_precision_halves_weights_and_activations():
    found = fused(chain())
    full, half = need(found, 'fp32'), need(found, 'fp16')
    assert (full.weights, full.activations) == (4 * 3 * 8 * 72, 16 * SIZE)
    assert (half.weights, half.activations) == (full.weights // 2, full.activations // 2)


def test_libraries_come_on_top():
    found = Need(2 ** 20, 3 * 2 ** 20)
    assert found.total_mib(False) == (CUDA_MIB[0] + 4, CUDA_MIB[1] + 4)
    assert found.total_mib() == tuple(CUDA_MIB[end] + CUBLAS_MIB[end] + CUDNN_MIB[end] + 4 for end in (0, 1))
