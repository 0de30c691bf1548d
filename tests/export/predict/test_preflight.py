"""What a preflight predicts for targets and networks, what it refuses, and memory by hand."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.check import check_model  # noqa: E402
from export.predict import preflight  # noqa: E402
from export.predict.kernel import Kernel  # noqa: E402
from export.predict.latency import departures  # noqa: E402
from export.predict.preflight import (  # noqa: E402
    CUBLAS_MIB,
    CUDA_MIB,
    CUDNN_MIB,
    NO_FIGURES,
    MemoryNeed,
    memory_need,
    peak_elements,
)
from export.predict.published import tables  # noqa: E402
from export.predict.report import describe, to_dict  # noqa: E402
from export.targets import TARGETS, load_target  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.export import onnx_files  # noqa: E402

from .networks import SIZE, chain, conv, fused, network, node, weights  # noqa: E402

_NANO = load_target('jetson-nano')


def report(data, target=_NANO, **options):
    """(text, JSON) of a network."""
    variants = {'net.onnx': check_model(data, target)}
    found = preflight(data, target, **options)
    return describe('net.onnx', found, variants), to_dict('net.onnx', found, variants)


def test_every_target_has_what_is_predicted_by_default():
    assert all(preflight(chain(), _NANO).precision in load_target(name).precisions for name in TARGETS)


@pytest.mark.parametrize('name', TARGETS)
def test_latency_only_where_figures_were_published(name):
    found = preflight(chain(), load_target(name))
    assert (found.latency is not None) == (found.pipeline is not None) == name.startswith('jetson-nano')
    assert found.memory.weights > 0 and found.fits_memory in (True, None)


def test_other_boards_are_told_why_and_get_a_lower_limit():
    text, document = report(chain(), load_target('orin-nano'))
    assert NO_FIGURES in text and 'Lower limit' in text and 'It is no prediction.' in text
    assert document['latency'] is None and document['lower_limit_ms'] > 0
    text, document = report(chain(), load_target('xavier-nx'))
    assert NO_FIGURES in text and 'Lower limit' not in text and document['lower_limit_ms'] is None


def test_everything_of_a_board_is_called_predicted():
    text, document = report(chain())
    assert 'Predicted, not measured: no board was asked.' in text
    for word in ('build       predicted', 'latency     predicted', 'on the PC'):
        assert word in text
    assert document['kind'] == 'predicted' and document['latency_ms']['typical'][0] < \
        document['latency_ms']['predicted'] < document['latency_ms']['typical'][1]


def test_a_network_that_violates_says_so_first_and_is_predicted():
    data = onnx_files.build([onnx_files.node('Mod', ['x', 'x'], ['y'], fmod=1)])
    text, document = report(data)
    assert text.splitlines()[0].startswith('Does not fit jetson-nano: 1 violation')
    assert text.splitlines()[1].startswith('VIOLATION net.onnx operator at the_mod (Mod): ')
    assert document['fits'] is False and document['latency_ms']['predicted'] > 0
    assert 'counted as memory traffic alone: Mod' in text and document['network']['unknown_operators'] == ('Mod',)


def test_an_open_size_is_explained():
    data = onnx_files.build([onnx_files.node('Relu', ['x'], ['y'])], inputs={'x': (onnx_files.FLOAT, (1, None, 8, 8))},
                        outputs={'y': (onnx_files.FLOAT, (1, None, 8, 8))})
    found = preflight(data, _NANO)
    assert found.fused is found.memory is found.latency is found.fits_memory is None
    text, document = report(data)
    assert 'The size of tensor y is not fixed' in text and document['not_predicted'] == found.reason


@pytest.mark.parametrize(('side', 'room'), [(2048, True), (6144, False)])
def test_room_in_memory(side, room):
    shape = (1, 16, side, side)
    data = onnx_files.build([onnx_files.node('Relu', ['x'], ['y'])], inputs={'x': (onnx_files.FLOAT, shape)},
                        outputs={'y': (onnx_files.FLOAT, shape)})
    text, document = report(data, precision='fp32')
    assert document['memory']['fits'] is room and ('NO ROOM' in text) is not room


def test_layers_are_listed_where_asked():
    data = chain()
    found, variants = preflight(data, _NANO), {'net.onnx': check_model(data, _NANO)}
    assert describe('n', found, variants, True).count('conv_c') == 3
    assert len(to_dict('n', found, variants, True)['layers']) == 3


def test_a_cut_file_is_refused():
    data = chain()
    for end in (0, 10, len(data) // 2):
        with pytest.raises(InputError) as caught:
            preflight(data[:end], _NANO)
        assert caught.value.code == 'onnx-unreadable'


_DATA = chain(4, 8)


@given(st.lists(st.tuples(st.integers(0, len(_DATA) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_files_are_refused_or_predicted(changes):
    damaged = np.frombuffer(_DATA, np.uint8).copy()
    for place, value in changes:
        damaged[place] = value
    try:
        found = preflight(damaged.tobytes(), _NANO)
    except InputError:
        return
    assert found.fused is not None or found.reason


def test_a_network_that_computes_nothing_takes_no_time():
    data = onnx_files.build([onnx_files.node('Relu', ['c'], ['y'])], {'c': np.zeros(onnx_files.PICTURE, np.float32)})
    text, document = report(data)
    assert document['latency_ms']['predicted'] == 0 and document['network']['layers'] == 0
    assert 'to picture' in text


# -- memory


def test_a_chain_holds_input_output_and_what_is_between():
    # While the second of three convolutions runs: its two ends, and the input and the output that stay bound.
    assert peak_elements(fused(chain(steps=3))) == 4 * SIZE
    assert peak_elements(fused(chain(steps=1))) == 2 * SIZE


def test_a_skip_is_held_until_it_is_added():
    nodes = [node('Relu', ['x'], ['s']), conv('s', 'a'), node('Relu', ['a'], ['b']), conv('b', 'c'),
             node('Relu', ['c'], ['d']), node('Add', ['d', 's'], ['e']), conv('e', 'y')]
    # s, b and d are held when the second convolution writes d; x and y are bound.
    assert peak_elements(fused(network(nodes, {'w': weights()}))) == 5 * SIZE


def test_reshaping_takes_no_room():
    nodes = [node('Relu', ['x'], ['r']), node('Reshape', ['r', 'shape'], ['f']), node('Sigmoid', ['f'], ['g']),
             node('Reshape', ['g', 'back'], ['y'])]
    data = network(nodes, {'shape': np.int64([1, SIZE]), 'back': np.int64([1, 8, 16, 16])})
    assert peak_elements(fused(data)) == 3 * SIZE


def test_precision_halves_weights_and_activations():
    kernels = fused(chain())
    full, half = memory_need(kernels, 'fp32'), memory_need(kernels, 'fp16')
    assert (full.weights, full.activations) == (4 * 3 * 8 * 72, 16 * SIZE)
    assert (half.weights, half.activations) == (full.weights // 2, full.activations // 2)


def test_libraries_come_on_top():
    found = MemoryNeed(2 ** 20, 3 * 2 ** 20)
    assert found.total_mib(False) == (CUDA_MIB[0] + 4, CUDA_MIB[1] + 4)
    assert found.total_mib() == tuple(CUDA_MIB[end] + CUBLAS_MIB[end] + CUDNN_MIB[end] + 4 for end in (0, 1))


def test_a_network_that_the_fit_never_saw_is_said_to_be_one():
    data = chain()
    text, document = report(data)
    found = {row['feature']: row for row in document['outside_fit']}
    assert 'differs from those that the prediction was fitted to' in text
    assert found['layers']['value'] < found['layers']['low'] and found['layers']['sentence'] in text
    assert [one.feature for one in preflight(data, _NANO).latency.outside] == list(found)


def test_a_fitted_network_lies_inside():
    assert all(departures(table['kernels']) == [] for name, table in tables().items()
               if name in ('fast_scnn-384x384', 'yolov8s_4-640', 'efficientdet-d0'))


def test_share_of_depthwise_work_beyond_the_fit_is_named():
    kernels = [*tables()['fast_scnn-384x384']['kernels'],
               Kernel('depthwise', 1, 10 ** 9, 10 ** 7, 9, 10 ** 7, 9, 1, 10 ** 5)]
    found = {one.feature: one for one in departures(kernels)}
    assert found['depthwise'].value > found['depthwise'].high
    assert '% of the multiply-accumulates in depthwise convolutions; the fitted networks have 0.0 to' in \
        found['depthwise'].sentence
