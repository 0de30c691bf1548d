"""The scanner finds in an ONNX file what decides whether it may be run."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import scan_onnx
from service.bundle.load import check_model
from service.messages import BundleError
from tests.fakes import onnx_builder as build

FOREIGN = build.chunk(1, build.node('Evil', ['x'], ['y'], domain='com.example'))
OPSET_17 = build.chunk(1, '') + build.number(2, 17)


def refused(data):
    with pytest.raises(BundleError) as caught:
        scan_onnx(data)
    assert caught.value.code == 'onnx-unreadable'
    return caught.value.detail


def test_a_plain_model_has_its_versions_and_operators():
    facts = scan_onnx(build.tiny_model())
    assert (facts.opset, facts.ir_version, facts.external_tensors) == (13, 7, 0)
    assert facts.operators == {'ReduceMax', 'Cast', 'ReduceMean', 'Identity'}
    assert facts.domains <= {''}


def test_a_model_that_the_onnx_package_writes_reads_the_same():
    onnx = pytest.importorskip('onnx', reason='the onnx package is not installed here')
    parsed = onnx.load_model_from_string(build.tiny_model())
    onnx.checker.check_model(parsed)
    facts = scan_onnx(parsed.SerializeToString())
    assert (facts.opset, facts.ir_version) == (13, 7)
    assert facts.operators == {entry.op_type for entry in parsed.graph.node}


def test_external_weights_are_seen_wherever_they_hide():
    tensor = build.external_tensor('weight')
    assert scan_onnx(build.tiny_model(initializers=[tensor])).external_tensors == 1
    constant = build.node('Constant', [], ['c'], build.chunk(5, build.chunk(1, 'value') + build.chunk(5, tensor)))
    inner = build.chunk(1, constant)
    branch = build.node('If', ['c'], ['d'], build.chunk(5, build.chunk(1, 'then_branch') + build.chunk(6, inner)))
    assert scan_onnx(build.model([constant], [], [])).external_tensors == 1
    assert scan_onnx(build.model([branch], [], [])).external_tensors == 1
    sparse = build.chunk(15, build.chunk(1, tensor))
    assert scan_onnx(build.chunk(7, sparse)).external_tensors == 1


def test_a_location_that_nobody_knows_yet_is_elsewhere():
    assert scan_onnx(build.tiny_model(initializers=[build.number(14, 2)])).external_tensors == 1
    assert scan_onnx(build.tiny_model(initializers=[build.number(14, 0)])).external_tensors == 0


def test_a_foreign_domain_is_seen_in_opsets_and_nodes():
    assert scan_onnx(build.tiny_model(domains=(('com.example', 1),))).domains >= {'com.example'}
    foreign = build.node('Evil', ['x'], ['y'], domain='com.example')
    assert scan_onnx(build.model([foreign], [], [])).domains >= {'com.example'}


@pytest.mark.parametrize('hidden', [
    build.wide_key(7, FOREIGN), build.wide_key(8, OPSET_17),
    build.wide_key(7, build.chunk(5, build.external_tensor('w'))),
    build.wide_key(7, build.chunk(1, build.node('Conv', ['x'], ['y'])))])
def test_a_key_of_more_than_32_bits_hides_nothing(hidden):
    assert 'does not fit' in refused(build.tiny_model() + hidden)
    assert 'does not fit' in refused(hidden + build.tiny_model())


@pytest.mark.parametrize('twice', [
    build.chunk(7, FOREIGN), build.number(1, 8),
    build.chunk(7, build.chunk(1, build.chunk(4, 'Add') + build.chunk(4, 'Mul')))])
def test_what_parsers_merge_is_refused(twice):
    assert 'twice' in refused(build.tiny_model() + twice)


def test_two_versions_of_the_standard_operators_are_refused_and_one_stated_twice_is_not():
    assert 'two versions' in refused(build.tiny_model() + build.chunk(8, OPSET_17))
    assert 'two versions' in refused(build.tiny_model(domains=[('ai.onnx', 12)]))
    assert scan_onnx(build.tiny_model(domains=[('ai.onnx', 13)])).opset == 13


@pytest.mark.parametrize('field', [
    build.varint(99 << 3 | 3) + build.varint(99 << 3 | 4), build.varint(99 << 3 | 4), b'\x0e\x00', b'\x00\x01',
    build.varint(7 << 3 | 5) + b'1234', build.number(7, 1), build.chunk(1, '7')])
def test_groups_and_fields_of_another_kind_are_refused(field):
    refused(build.tiny_model() + field)


def test_what_onnx_runtime_takes_for_its_own_format_is_refused():
    # Field 15 of 79 bytes puts the mark of that format where ONNX Runtime looks for it.
    model = build.chunk(15, b'\0\0' + b'ORTM' + bytes(73)) + build.tiny_model()
    assert model[4:8] == b'ORTM' and 'ONNX Runtime' in refused(model)


def test_a_file_of_too_many_fields_is_refused(monkeypatch):
    monkeypatch.setattr('service.bundle.onnx_scan._MAX_FIELDS', 1000)
    assert scan_onnx(build.tiny_model()).opset == 13
    assert 'more than 1000 fields' in refused(build.tiny_model() + build.number(99, 1) * 1000)


def test_long_forms_of_numbers_read_the_same():
    tag, opset = build.padded(8 << 3 | 2, 4), build.chunk(1, '') + build.number(2, 13)
    model = build.number(1, 7) + tag + build.padded(len(opset), 5) + opset
    assert scan_onnx(model).opset == 13
    assert scan_onnx(build.chunk(8, build.varint(2 << 3) + build.varint(2 ** 64 - 3))).opset == -3


def test_training_graphs_and_functions_are_not_for_the_device():
    for field in (20, 25):
        with pytest.raises(BundleError) as caught:
            check_model(build.tiny_model() + build.chunk(field, b''), {'opset': 13, 'ir_version': 7})
        assert caught.value.code == 'onnx-domain'


def test_a_graph_nested_without_end_is_refused():
    graph = b''
    for _ in range(40):
        attribute = build.chunk(5, build.chunk(6, graph))
        graph = build.chunk(1, build.chunk(4, 'If') + attribute)
    refused(build.chunk(7, graph))


def test_a_number_where_text_belongs_allocates_nothing():
    refused(build.chunk(7, build.chunk(1, build.number(4, 2 ** 40))))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_read_or_refused_and_never_crashes(data):
    model = bytearray(build.tiny_model(initializers=[build.external_tensor('w')]))
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(model)))
    try:
        scan_onnx(bytes(model[:cut]))
    except BundleError as error:
        assert error.code == 'onnx-unreadable'
