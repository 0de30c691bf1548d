"""The scanner finds in an ONNX file what decides whether it may be run."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import scan_onnx
from service.messages import BundleError
from tests.fakes import onnx_builder as build


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


def test_a_foreign_domain_is_seen_in_opsets_and_nodes():
    assert scan_onnx(build.tiny_model(domains=(('com.example', 1),))).domains >= {'com.example'}
    foreign = build.node('Evil', ['x'], ['y'], domain='com.example')
    assert scan_onnx(build.model([foreign], [], [])).domains >= {'com.example'}


def test_a_graph_nested_without_end_is_refused():
    graph = b''
    for _ in range(40):
        attribute = build.chunk(5, build.chunk(6, graph))
        graph = build.chunk(1, build.chunk(4, 'If') + attribute)
    with pytest.raises(BundleError) as caught:
        scan_onnx(build.chunk(7, graph))
    assert caught.value.code == 'onnx-unreadable'


def test_a_number_where_text_belongs_allocates_nothing():
    hostile = build.chunk(7, build.chunk(1, build.number(4, 2 ** 40)))
    with pytest.raises(BundleError):
        scan_onnx(hostile)


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
