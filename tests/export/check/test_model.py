"""Networks and bundles are checked; what is not an ONNX file is refused in one line."""
import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from export.check import RULES, VIOLATION, WARNING, check_bundle, check_model, fits  # noqa: E402
from export.targets import TARGETS, load_target  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.export import onnx_files  # noqa: E402
from tests.fakes import variants  # noqa: E402

NANO = load_target('jetson-nano')


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('data', [onnx_files.identity(), onnx_files.conv(),
                                  onnx_files.resize({'scales': np.float32([1, 1, 2, 2])}, mode='linear')])
def test_a_plain_network_passes_everywhere(target, data):
    assert check_model(data, load_target(target)) == []


def test_a_finding_says_all_of_it():
    data = onnx_files.build([onnx_files.node('Mod', ['x', 'x'], ['y'], fmod=1)])
    found, = check_model(data, NANO)
    assert found.to_dict() == {
        'rule': 'operator', 'severity': VIOLATION, 'node': 'the_mod', 'operator': 'Mod',
        'reason': 'TensorRT 8.2 does not import Mod.', 'remedy': 'Write a - b * Floor(a / b).'}
    assert not fits([found])


def test_a_node_without_a_name_is_told_by_what_it_gives():
    nodes = [onnx.helper.make_node('Mod', ['x', 'x'], ['y'], fmod=1)]
    assert check_model(onnx_files.build(nodes), NANO)[0].node == 'Mod giving y'


def test_nodes_in_branches_are_judged_too():
    def branch(name, operator):
        out = onnx.helper.make_tensor_value_info(name, onnx_files.FLOAT, onnx_files.PICTURE)
        return onnx.helper.make_graph([onnx.helper.make_node(operator, ['x'], [name], name=name)], name, [], [out])
    nodes = [onnx_files.node('If', ['flag'], ['y'], then_branch=branch('then', 'Relu'),
                         else_branch=branch('else', 'HardSwish'))]
    found = check_model(onnx_files.build(nodes, {'flag': np.array(True)}, opset=14), load_target('xavier-nx'))
    assert [(one.rule, one.severity) for one in found] == [('control-flow', WARNING)] and fits(found)
    found = check_model(onnx_files.build(nodes, {'flag': np.array(True)}, opset=14), NANO)
    assert ('operator', 'the_if/else', 'HardSwish') in {(one.rule, one.node, one.operator) for one in found}


def test_what_no_rule_explains_is_left_to_the_checker_of_the_standard():
    found, = check_model(onnx_files.build([onnx_files.node('Relu', ['nowhere'], ['y'])]), NANO)
    assert (found.rule, found.severity, found.node) == ('valid', VIOLATION, 'model') and 'nowhere' in found.reason


@pytest.mark.parametrize('data, why', [
    (b'', 'an IR version'), (b'not an ONNX file', 'parsed'), (b'\x89PNG\r\n\x1a\n' + bytes(64), 'parsed'),
    (onnx_files.identity()[:-20], ''), (onnx_files.conv()[:100], 'parsed')])
def test_what_is_no_network_is_one_line(data, why):
    with pytest.raises(InputError) as caught:
        check_model(data, NANO, 'thing.onnx')
    assert caught.value.code == 'onnx-unreadable' and caught.value.message.text.startswith('thing.onnx is not a whole')
    assert '\n' not in caught.value.message.text and why in caught.value.message.text


def test_values_that_do_not_fill_their_shape_are_one_line():
    model = onnx.load_from_string(onnx_files.conv())
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-3]
    with pytest.raises(InputError) as caught:
        check_model(model.SerializeToString(), NANO)
    assert caught.value.code == 'onnx-unreadable' and 'the values of w' in caught.value.message.text


@given(st.data())
def test_a_cut_file_is_refused_and_never_judged_well(data):
    whole = onnx_files.conv()
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        found = check_model(whole[:cut], NANO)
    except InputError as error:
        assert error.code == 'onnx-unreadable'
    else:
        assert not fits(found)


@given(st.data())
def test_a_damaged_file_is_judged_or_refused_and_nothing_else(data):
    whole = bytearray(onnx_files.resize({'scales': np.float32([1, 1, 2, 2])}, mode='linear'))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = check_model(bytes(whole), NANO)
    except InputError as error:
        assert error.code == 'onnx-unreadable'
    else:
        assert all(one.rule in RULES or one.rule == 'valid' for one in found)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(variants.write_variants(tmp_path_factory.mktemp('check') / 'b'))


def test_a_nano_refuses_int8_and_takes_the_rest(bundle):
    found = check_bundle(bundle, load_target('jetson-nano'))
    assert list(found) == list(bundle.variants)
    assert [name for name, violations in found.items() if not fits(violations)] == ['int8-qdq']
    assert {one.rule for one in found['int8-qdq']} == {'int8'}
    assert 'fp16 variant' in found['int8-qdq'][0].remedy


@pytest.mark.parametrize('target', ['xavier-nx', 'orin-nano-8.6', 'orin-nano', 'desktop'])
def test_other_targets_take_them_all(bundle, target):
    assert all(map(fits, check_bundle(bundle, load_target(target)).values()))


@pytest.mark.parametrize('target', TARGETS)
def test_the_shipped_bundle_suits_every_target(root, target):
    shipped = open_bundle(str(root / 'service' / 'bundles' / 'phantom-fpn'))
    found = check_bundle(shipped, load_target(target))
    assert fits(found['fp32']), found['fp32']
    warned = {one.rule for one in found['fp32']}
    assert warned == ({'argmax'} if target.startswith('jetson-nano') else set())
