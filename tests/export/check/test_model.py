"""What is an ONNX file is judged; what is not is one line; what is whole passes everywhere."""
import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from export.check import RULES, VIOLATION, WARNING, check_model, fits  # noqa: E402
from export.targets import TARGETS, load_target  # noqa: E402
from service.messages import InputError  # noqa: E402

from . import models  # noqa: E402

NANO = load_target('jetson-nano')


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('data', [models.identity(), models.conv(),
                                  models.resize({'scales': np.float32([1, 1, 2, 2])}, mode='linear')])
def test_a_plain_network_passes_everywhere(target, data):
    assert check_model(data, load_target(target)) == []


def test_a_finding_says_all_of_it():
    data = models.build([models.node('Mod', ['x', 'x'], ['y'], fmod=1)])
    found, = check_model(data, NANO)
    assert found.to_dict() == {
        'rule': 'operator', 'severity': VIOLATION, 'node': 'the_mod', 'operator': 'Mod',
        'reason': 'TensorRT 8.2 does not import Mod.', 'remedy': 'Write a - b * Floor(a / b).'}
    assert not fits([found])


def test_a_node_without_a_name_is_told_by_what_it_gives():
    nodes = [onnx.helper.make_node('Mod', ['x', 'x'], ['y'], fmod=1)]
    assert check_model(models.build(nodes), NANO)[0].node == 'Mod giving y'


def test_nodes_in_branches_are_judged_too():
    def branch(name, operator):
        out = onnx.helper.make_tensor_value_info(name, models.FLOAT, models.PICTURE)
        return onnx.helper.make_graph([onnx.helper.make_node(operator, ['x'], [name], name=name)], name, [], [out])
    nodes = [models.node('If', ['flag'], ['y'], then_branch=branch('then', 'Relu'),
                         else_branch=branch('else', 'HardSwish'))]
    found = check_model(models.build(nodes, {'flag': np.array(True)}, opset=14), load_target('xavier-nx'))
    assert [(one.rule, one.severity) for one in found] == [('control-flow', WARNING)] and fits(found)
    found = check_model(models.build(nodes, {'flag': np.array(True)}, opset=14), NANO)
    assert ('operator', 'the_if/else', 'HardSwish') in {(one.rule, one.node, one.operator) for one in found}


def test_what_no_rule_explains_is_left_to_the_checker_of_the_standard():
    found, = check_model(models.build([models.node('Relu', ['nowhere'], ['y'])]), NANO)
    assert (found.rule, found.severity, found.node) == ('valid', VIOLATION, 'model') and 'nowhere' in found.reason


@pytest.mark.parametrize('data, why', [
    (b'', 'an IR version'), (b'not an ONNX file', 'parsed'), (b'\x89PNG\r\n\x1a\n' + bytes(64), 'parsed'),
    (models.identity()[:-20], ''), (models.conv()[:100], 'parsed')])
def test_what_is_no_network_is_one_line(data, why):
    with pytest.raises(InputError) as caught:
        check_model(data, NANO, 'thing.onnx')
    assert caught.value.code == 'onnx-unreadable' and caught.value.message.text.startswith('thing.onnx is not a whole')
    assert '\n' not in caught.value.message.text and why in caught.value.message.text


def test_values_that_do_not_fill_their_shape_are_one_line():
    model = onnx.load_from_string(models.conv())
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-3]
    with pytest.raises(InputError) as caught:
        check_model(model.SerializeToString(), NANO)
    assert caught.value.code == 'onnx-unreadable' and 'the values of w' in caught.value.message.text


@given(st.data())
def test_a_cut_file_is_refused_and_never_judged_well(data):
    whole = models.conv()
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        found = check_model(whole[:cut], NANO)
    except InputError as error:
        assert error.code == 'onnx-unreadable'
    else:
        assert not fits(found)


@given(st.data())
def test_a_damaged_file_is_judged_or_refused_and_nothing_else(data):
    whole = bytearray(models.resize({'scales': np.float32([1, 1, 2, 2])}, mode='linear'))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = check_model(bytes(whole), NANO)
    except InputError as error:
        assert error.code == 'onnx-unreadable'
    else:
        assert all(one.rule in RULES or one.rule == 'valid' for one in found)
