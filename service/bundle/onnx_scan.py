"""What an ONNX file refers to, read without running it and without the onnx package.

The board has no onnx package, and a runtime that parses a hostile file is already at its mercy. This module reads
the few fields that decide whether the file may be handed over at all. Wire format: the encoding guide of protocol
buffers; field numbers: onnx.proto3 of ONNX 1.8.
"""
from dataclasses import dataclass
from typing import FrozenSet, Iterator, Tuple, Union

from ..messages import BundleError

#: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, OperatorSetIdProto fields.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTIONS = 1, 7, 8, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: Nesting of graphs in attributes of nodes of graphs; real networks nest two or three deep.
_MAX_DEPTH = 16

#: The domains that an ONNX file for the device may use: the standard one has two names.
STANDARD_DOMAINS = ('', 'ai.onnx')

#: Value of a field: int for varints, the bytes for everything else.
_Value = Union[int, memoryview]


@dataclass
class OnnxFacts:
    """What decides whether a file may be run: versions, operators, domains, outside references."""

    ir_version: int = 0
    opset: int = 0
    operators: FrozenSet[str] = frozenset()
    domains: FrozenSet[str] = frozenset()
    external_tensors: int = 0


def scan_onnx(data: bytes) -> OnnxFacts:
    """Read the facts of a whole ONNX file; versions are 0 where the file does not state them.

    Raises:
        BundleError: ``onnx-unreadable`` where the bytes are not a protocol buffer.
    """
    facts = OnnxFacts()
    try:
        for number, value in _fields(memoryview(data)):
            if number == _MODEL_IR and isinstance(value, int):
                facts.ir_version = value
            elif number == _MODEL_OPSET:
                _opset(value, facts)
            elif number == _MODEL_GRAPH:
                _graph(value, facts, 0)
            elif number == _MODEL_FUNCTIONS:
                facts.domains |= {'model-local functions'}
    except (ValueError, TypeError, IndexError) as error:
        raise BundleError('onnx-unreadable', 'The ONNX file is damaged or not an ONNX file.',
                          'Copy the bundle again.', detail=str(error))
    return facts


def _opset(message: _Value, facts: OnnxFacts) -> None:
    domain, version = '', 0
    for number, value in _fields(message):
        if number == _OPSET_DOMAIN:
            domain = _text(value)
        elif number == _OPSET_VERSION:
            version = _number(value)
    if domain in STANDARD_DOMAINS:
        facts.opset = max(facts.opset, version)
    else:
        facts.domains |= {domain}


def _graph(message: _Value, facts: OnnxFacts, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError('graphs nested deeper than %d' % _MAX_DEPTH)
    for number, value in _fields(message):
        if number == _GRAPH_NODE:
            _node(value, facts, depth)
        elif number == _GRAPH_INITIALIZER:
            _tensor(value, facts)
        elif number == _GRAPH_SPARSE:
            _sparse(value, facts)


def _node(message: _Value, facts: OnnxFacts, depth: int) -> None:
    for number, value in _fields(message):
        if number == _NODE_OP:
            facts.operators |= {_text(value)}
        elif number == _NODE_DOMAIN:
            facts.domains |= {_text(value)}
        elif number == _NODE_ATTRIBUTE:
            for kind, part in _fields(value):
                if kind in _ATTRIBUTE_TENSORS:
                    _tensor(part, facts)
                elif kind in _ATTRIBUTE_SPARSE:
                    _sparse(part, facts)
                elif kind in _ATTRIBUTE_GRAPHS:
                    _graph(part, facts, depth + 1)


def _tensor(message: _Value, facts: OnnxFacts) -> None:
    for number, value in _fields(message):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value == 1):
            facts.external_tensors += 1
            return


def _sparse(message: _Value, facts: OnnxFacts) -> None:
    for _, part in _fields(message):
        if not isinstance(part, int):
            _tensor(part, facts)


def _fields(message: _Value) -> Iterator[Tuple[int, _Value]]:
    """Field numbers and values of a message."""
    if isinstance(message, int):
        raise ValueError('a number where a message belongs')
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError('wire type %d' % wire)
        if size > end - position:
            raise ValueError('a field of %d bytes where %d are left' % (size, end - position))
        yield number, message[position:position + size]
        position += size


def _varint(message: memoryview, position: int) -> Tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError('a number of more than ten bytes')


def _number(value: _Value) -> int:
    if not isinstance(value, int):
        raise ValueError('text where a number belongs')
    return value


def _text(value: _Value) -> str:
    if isinstance(value, int):
        raise ValueError('a number where text belongs')
    return bytes(value).decode('utf-8', 'replace')
