"""Every rule finds what it is there for, names it, and finds nothing in the network beside it that is right."""
import numpy as np
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.check import (  # noqa: E402
    RULES,
    VIOLATION,
    WARNING,
    Rule,
    check_model,
    file_rules,
    fits,
    operator_rules,
    value_rules,
)
from export.targets import TARGETS, load_target  # noqa: E402
from tests.export.onnx_files import FLOAT, INT32, INT64, PICTURE, build, conv, node, pair, resize  # noqa: E402

from .breaking import BREAKING, argmax, clip  # noqa: E402

_WARNINGS = {'experimental', 'control-flow', 'argmax', 'fp16-overflow', 'fp16-underflow', 'not-finite'}


@pytest.mark.parametrize('rule, target, name, operator, data', [
    pytest.param(*case, id='%s-%s-%s' % case[:3]) for case in BREAKING])
def test_a_broken_network_is_named(rule, target, name, operator, data):
    found = check_model(data, load_target(target))
    hits = [one for one in found if (one.rule, one.node, one.operator) == (rule, name, operator)]
    assert hits, found
    assert hits[0].severity == (WARNING if rule in _WARNINGS else VIOLATION)
    for words in (hits[0].reason, hits[0].remedy):
        assert words.endswith('.') and len(words) > 10 and '\n' not in words
    assert fits(found) == all(one.rule in _WARNINGS for one in found)


def test_every_rule_is_asked():
    defined = [entry for module in (file_rules, operator_rules, value_rules) for entry in vars(module).values()
               if isinstance(entry, Rule)]
    assert sorted(rule.id for rule in defined) == sorted(RULES)


def test_what_concerns_the_whole_file_is_listed_first():
    found = check_model(build([node('Mod', ['x', 'x'], ['y'], fmod=1)], opset=14), load_target('jetson-nano'))
    assert [one.rule for one in found] == ['opset', 'operator']


def test_every_rule_has_a_network_that_breaks_it():
    assert {case[0] for case in BREAKING} == set(RULES) - {'size'} | {'valid'}
    assert {name for name, rule in RULES.items() if rule.severity == WARNING} == _WARNINGS


@pytest.mark.parametrize('target', TARGETS)
def test_every_broken_network_is_judged_on_every_target(target):
    for rule, _, _, _, data in BREAKING:
        assert all(one.rule in RULES or one.rule == 'valid' for one in check_model(data, load_target(target))), rule


@pytest.mark.parametrize('target', TARGETS)
def test_a_file_larger_than_a_bundle_may_hold(target, monkeypatch):
    data = conv()
    monkeypatch.setattr('export.check.file_rules.MAX_FILE_BYTES', len(data))
    assert check_model(data, load_target(target)) == []
    monkeypatch.setattr('export.check.file_rules.MAX_FILE_BYTES', len(data) - 1)
    found, = check_model(data, load_target(target))
    assert (found.rule, found.node, found.severity) == ('size', 'model', VIOLATION) and str(len(data)) in found.reason


def _slice():
    return build([node('Slice', ['x', 'starts', 'ends', 'axes'], ['y'])],
                 {'starts': [0], 'ends': [2 ** 62], 'axes': [3]})


WHOLE = {
    'slice to an open end': ('jetson-nano', _slice()),
    'clip of floats': ('jetson-nano', clip(FLOAT, 0, 5)),
    'clip of int32': ('jetson-nano', clip(INT32, 0, 5)),
    'clip without limits': ('jetson-nano', build([node('Clip', ['x'], ['y'])])),
    'argmax over few': ('jetson-nano', argmax((1, 8, 16, 16))),
    'argmax over a map elsewhere': ('xavier-nx', argmax((1, 8, 240, 320))),
    'cubic resize where it came': ('xavier-nx', resize({'scales': np.float32([1, 1, 2, 2])}, mode='cubic')),
    'resize by sizes': ('jetson-nano', resize({'sizes': [1, 2, 16, 24]}, ('x', '', '', 'sizes'), mode='linear')),
    'resize of opset 10': ('jetson-nano', resize({'scales': np.float32([1, 1, 2, 2])}, ('x', 'scales'), opset=10)),
    'quantised where INT8 is': ('xavier-nx', pair()),
    'quantised with 2 inputs': ('desktop', build([node('QuantizeLinear', ['x', 's'], ['q']),
                                                  node('DequantizeLinear', ['q', 's'], ['y'])],
                                                 {'s': np.float32(0.5)})),
    'tiny scales of pairs': ('xavier-nx', pair(scale=1e-6)),
    'quantised weights': ('xavier-nx', build(
        [node('DequantizeLinear', ['q', 's', 'z'], ['w']), node('Conv', ['x', 'w'], ['y'])],
        {'q': np.ones((2, 2, 1, 1), np.int8), 's': np.float32(0.1), 'z': np.int8(0)})),
    'mod where it came': ('xavier-nx', build([node('Mod', ['x', 'x'], ['y'], fmod=1)])),
    'reduce with axes as an attribute': ('jetson-nano', build(
        [node('ReduceMean', ['x'], ['y'], axes=[2, 3])], outputs={'y': (FLOAT, (1, 2, 1, 1))})),
    'reduce sum with axes as an input': ('jetson-nano', build(
        [node('ReduceSum', ['x', 'axes'], ['y'])], {'axes': [2, 3]}, outputs={'y': (FLOAT, (1, 2, 1, 1))})),
    'reduce with axes as an input': ('orin-nano', build(
        [node('ReduceMean', ['x', 'axes'], ['y'])], {'axes': [2, 3]}, outputs={'y': (FLOAT, (1, 2, 1, 1))},
        opset=18)),
    'slice with computed axes where it came': ('orin-nano', BREAKING[[case[:3] for case in BREAKING].index(
        ('constant-input', 'jetson-nano', 'the_slice'))][-1]),
    'int64 inside': ('jetson-nano', build(
        [node('Shape', ['x'], ['s']), node('Reshape', ['x', 's'], ['y'])])),
    'int64 out': ('orin-nano', build([node('Cast', ['x'], ['y'], to=INT64)], outputs={'y': (INT64, PICTURE)})),
    'einsum': ('jetson-nano', build([node('Einsum', ['x', 'w'], ['y'], equation='abcd,de->abce')],
                                    {'w': np.ones((12, 12), np.float32)})),
    'small and large weights': ('jetson-nano', conv(np.geomspace(1e-9, 6e4, 36, dtype=np.float32)
                                                    .reshape(2, 2, 3, 3))),
    'no fp16 there': ('desktop', conv(np.full((2, 2, 3, 3), 7e4, np.float32))),
    'range of integers': ('jetson-nano', build(
        [node('Range', ['zero', 'end', 'one'], ['y'])], {'zero': np.int32(0), 'one': np.int32(1)},
        inputs={'end': (INT32, ())}, outputs={'y': (INT32, (4,))})),
    'weights as a Constant': ('jetson-nano', build(
        [node('Constant', [], ['low'], value_float=0.0), node('Clip', ['x', 'low'], ['y'])])),
}


@pytest.mark.parametrize('case', sorted(WHOLE))
def test_what_is_right_is_let_through(case):
    target, data = WHOLE[case]
    assert check_model(data, load_target(target)) == []


def test_8_0_is_judged_by_the_table_of_8_2():
    for _, target, _, _, data in BREAKING:
        if target == 'jetson-nano':
            one, other = (check_model(data, load_target(name)) for name in ('jetson-nano-8.0', 'jetson-nano'))
            assert [(a.rule, a.node) for a in one] == [(b.rule, b.node) for b in other]
