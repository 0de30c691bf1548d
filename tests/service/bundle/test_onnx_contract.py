"""Whatever a parser of protocol buffers accepts and the scanner accepts too, both read the same in."""
import random

import pytest

from service.bundle import scan_onnx
from service.messages import BundleError
from tests.fakes import onnx_builder as build
from tests.fakes import variants

pytest.importorskip('google.protobuf', reason='protobuf, which comes with ONNX Runtime, is not installed here')

#: The messages and fields of onnx.proto that matter here: name, number, label (1 optional, 3 repeated), type (3 int64,
#: 9 string, 11 message, 12 bytes, 14 enumeration).
MESSAGES = {
    'Entry': [('key', 1, 1, 9), ('value', 2, 1, 9)],
    'Tensor': [('external_data', 13, 3, 'Entry'), ('data_location', 14, 1, 14)],
    'Sparse': [('values', 1, 1, 'Tensor'), ('indices', 2, 1, 'Tensor')],
    'Attribute': [('t', 5, 1, 'Tensor'), ('g', 6, 1, 'Graph'), ('tensors', 10, 3, 'Tensor'),
                  ('graphs', 11, 3, 'Graph'), ('sparse_tensor', 22, 1, 'Sparse'),
                  ('sparse_tensors', 23, 3, 'Sparse')],
    'Node': [('op_type', 4, 1, 12), ('attribute', 5, 3, 'Attribute'), ('domain', 7, 1, 12)],
    'Graph': [('node', 1, 3, 'Node'), ('initializer', 5, 3, 'Tensor'), ('sparse_initializer', 15, 3, 'Sparse')],
    'Opset': [('domain', 1, 1, 12), ('version', 2, 1, 3)],
    'Model': [('ir_version', 1, 1, 3), ('graph', 7, 1, 'Graph'), ('opset_import', 8, 3, 'Opset'),
              ('functions', 25, 3, 'Entry')],
}

#: Pieces that mutations put into a model.
PIECES = (build.chunk(7, build.chunk(1, build.node('Evil', ['x'], ['y'], domain='com.example'))),
          build.chunk(8, build.chunk(1, '') + build.number(2, 17)), build.chunk(4, 'Mul'), build.chunk(7, 'ai.onnx'),
          build.chunk(5, build.external_tensor('w')), build.number(14, 1), build.number(14, 0), build.number(1, 8),
          build.wide_key(7, build.chunk(5, build.external_tensor('w'))), build.wide_key(4, b'Mul'),
          build.varint(99 << 3 | 3) + build.number(4, 4) + build.varint(99 << 3 | 4), build.padded(7 << 3 | 2, 4),
          build.padded(8 << 3 | 2, 7), build.chunk(99, b'unknown'), build.chunk(8, build.number(2, 2 ** 64 - 1)), b'\0')


@pytest.fixture(scope='module')
def parse():
    """Bytes to a parsed Model, by the library of protocol buffers."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    file = descriptor_pb2.FileDescriptorProto(name='contract.proto', package='contract', syntax='proto2')
    kinds = file.enum_type.add(name='Location')
    kinds.value.add(name='DEFAULT', number=0)
    kinds.value.add(name='EXTERNAL', number=1)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind in fields:
            entry = message.field.add(name=field, number=number, label=label, type=kind if kind in (3, 9, 12, 14)
                                      else 11)
            if entry.type in (11, 14):
                entry.type_name = '.contract.' + ('Location' if entry.type == 14 else kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, 'Add') else pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName('contract.Model')
    if hasattr(message_factory, 'GetMessageClass'):
        return message_factory.GetMessageClass(descriptor).FromString
    return message_factory.MessageFactory(pool).GetPrototype(descriptor).FromString


def facts_of(model):
    """Operators, domains, versions of the standard operators, and outside references of a parsed model."""
    operators, domains, tensors = set(), {entry.domain for entry in model.opset_import}, []

    def walk(graph):
        tensors.extend(graph.initializer)
        sparse = list(graph.sparse_initializer)
        for node in graph.node:
            operators.add(node.op_type)
            domains.add(node.domain)
            for attribute in node.attribute:
                tensors.extend([attribute.t] + list(attribute.tensors))
                sparse.extend([attribute.sparse_tensor] + list(attribute.sparse_tensors))
                for inner in ([attribute.g] if attribute.HasField('g') else []) + list(attribute.graphs):
                    walk(inner)
        tensors.extend(part for entry in sparse for part in (entry.values, entry.indices))

    walk(model.graph)
    versions = {entry.version for entry in model.opset_import if entry.domain in (b'', b'ai.onnx')}
    outside = sum(bool(tensor.external_data) or tensor.data_location == 1 for tensor in tensors)
    return operators, domains, versions, outside


def mutate(data, random):
    """A model with one to three things changed, anywhere."""
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(data) + 1)
        until = min(len(data), place + random.randint(1, 40))
        head, part, tail, piece = data[:place], data[place:until], data[until:], random.choice(PIECES)
        data = random.choice((head + piece + part + tail, data + piece, piece + data, head + part + part + tail,
                              head + tail, head + bytes([random.randrange(256)]) + part[1:] + tail))
    return data


def models():
    """Models to start from: plain ones, and one with everything that the scanner follows."""
    tensor = build.external_tensor('w')
    attributes = build.chunk(5, build.chunk(5, b'') + build.chunk(10, b'') + build.chunk(22, build.chunk(1, tensor)))
    inner = build.chunk(6, build.chunk(1, build.node('Add', ['a'], ['b'], attributes, 'ai.onnx')))
    branch = build.node('If', ['c'], ['d'], build.chunk(5, inner))
    return (build.tiny_model(), variants.network('fp32', 4, 4), build.model([branch], [], [], [tensor]),
            build.tiny_model(domains=[('com.example', 1), ('ai.onnx', 13)]))


@pytest.mark.parametrize('start', range(4))
def test_what_both_accept_reads_the_same(parse, start):
    chance, original, accepted, rejected = random.Random(start), models()[start], 0, 0
    for _ in range(2000):
        data = mutate(original, chance)
        try:
            facts = scan_onnx(data)
        except BundleError:
            rejected += 1
            continue
        try:
            model = parse(data)
            operators, domains, versions, outside = facts_of(model)
        except Exception:  # the class of its errors differs between its implementations
            continue
        accepted += 1
        assert {entry.encode() for entry in facts.operators} == operators, data
        assert {entry.encode() for entry in facts.domains} - {b'model-local functions', b'training information'} == (
            domains), data
        assert versions <= {facts.opset} and facts.ir_version == model.ir_version, data
        assert facts.external_tensors >= outside and bool(facts.external_tensors) >= bool(outside), data
    assert accepted > 100 and rejected > 100


@pytest.mark.parametrize('start', range(4))
def test_a_model_without_mutations_is_accepted(parse, start):
    facts = scan_onnx(models()[start])
    operators, _, versions, outside = facts_of(parse(models()[start]))
    assert {entry.encode() for entry in facts.operators} == operators and facts.external_tensors == outside
    assert versions == {facts.opset}
