"""The report is read by people and by grep: what against what, a few lines a violation, the sum last."""
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.check import VIOLATION, WARNING, Violation  # noqa: E402
from export.check.report import describe, describe_targets  # noqa: E402
from export.targets import TARGETS, load_target  # noqa: E402

NANO = load_target('jetson-nano')


def found(node, severity=VIOLATION, reason='It is so.'):
    return Violation('some-rule', severity, node, 'Mod', reason, 'Do this.')


def test_it_begins_with_what_was_checked_and_ends_with_the_sum():
    lines = describe('model.onnx', NANO, {'model.onnx': []}).splitlines()
    assert lines[0] == 'checked    model.onnx' and 'jetson-nano: Jetson Nano 4 GB' in lines[1]
    text = ' '.join(' '.join(lines).split())
    assert 'TensorRT 8.2, SM 5.3, opset up to 13, IR version up to 7' in text
    assert '130, from github.com/onnx/onnx-tensorrt at e9456d5' in text
    assert lines[-1] == 'Fits jetson-nano: no violations, no warnings.'


def test_a_violation_is_one_line_to_grep_and_two_to_read():
    lines = describe('model.onnx', NANO, {'fp16': [found('the_mod')]}).splitlines()
    at = lines.index('VIOLATION fp16 some-rule at the_mod (Mod)')
    assert lines[at + 1:at + 3] == ['  reason  It is so.', '  remedy  Do this.']
    assert lines[-1] == 'Does not fit jetson-nano: 1 violation, no warnings.'


def test_alike_ones_are_said_once_and_counted():
    variants = {'fp32': [found('a', WARNING)], 'fp16': [found('a', WARNING)],
                'int8-qdq': [found('a'), found('b'), found('c', reason='Else.')]}
    lines = describe('bundle', NANO, variants).splitlines()
    assert 'VIOLATION int8-qdq some-rule at a (Mod) and 1 more' in lines
    assert 'VIOLATION int8-qdq some-rule at c (Mod)' in lines and 'WARNING fp32,fp16 some-rule at a (Mod)' in lines
    assert 'fp32      fits, 1 warning' in lines and 'int8-qdq  does not fit, 3 violations' in lines
    # What stops a build stands before what may.
    assert [line.split()[0] for line in lines if ' some-rule at ' in line] == ['VIOLATION', 'VIOLATION', 'WARNING']
    assert lines[-1] == '2 of 3 variants fit jetson-nano: fp32, fp16; 3 violations, 2 warnings.'


def test_no_variant_fits():
    lines = describe('bundle', NANO, {'fp32': [found('a')], 'fp16': [found('a')]}).splitlines()
    assert lines[-1] == 'No variant fits jetson-nano: 2 violations, no warnings.'


def test_what_to_bear_in_mind_is_said():
    assert 'No operator table of TensorRT 8.0' in describe('x', load_target('jetson-nano-8.0'), {'x': []})
    assert 'every one of the standard' in describe('x', load_target('desktop'), {'x': []})


def test_long_reasons_stay_within_the_page():
    text = describe('bundle', NANO, {'fp32': [found('a', reason='word ' * 80)]})
    assert max(map(len, text.splitlines())) <= 100


def test_targets_in_a_table():
    lines = describe_targets([load_target(name) for name in TARGETS]).splitlines()
    assert len(lines) == 1 + len(TARGETS) and len({line.index(word) for line, word in zip(
        lines[:3], ('parser', 'TensorRT', 'TensorRT'))}) == 1
