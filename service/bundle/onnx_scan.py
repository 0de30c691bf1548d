"""What an ONNX file refers to, read without running it and without the onnx package.

The board has no onnx package, and a runtime that parses a hostile file is already at its mercy. This module reads the
few fields that decide whether the file may be handed over at all, and reads them as every parser of protocol buffers
does. Where parsers could differ, or writers never do what is found (a field of an unexpected kind, a group, a number
that does not fit, one message stated in two parts, which parsers merge), the file is refused: a runtime must not see
anything else in a file than was checked. Wire format [ProtobufEncoding]; field numbers: onnx.proto3 of ONNX 1.8.
"""
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterator, Optional, Set, Tuple

from ..messages import BundleError

#: Kinds of fields on the wire.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: What a varint may hold: a key has 32 bits, a length 31, a value 64.
_MAX_KEY, _MAX_LENGTH, _MAX_VALUE = (1 << 32) - 1, (1 << 31) - 1, (1 << 64) - 1

#: Fields that are read, by number: their kind, and whether they may be repeated.
_Followed = Dict[int, Tuple[int, bool]]

_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTIONS = 1, 7, 8, 20, 25
_MODEL: _Followed = {_MODEL_IR: (_VARINT, False), _MODEL_GRAPH: (_BYTES, False), _MODEL_OPSET: (_BYTES, True),
                     _MODEL_TRAINING: (_BYTES, True), _MODEL_FUNCTIONS: (_BYTES, True)}
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_OPSET: _Followed = {_OPSET_DOMAIN: (_BYTES, False), _OPSET_VERSION: (_VARINT, False)}
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_GRAPH: _Followed = {_GRAPH_NODE: (_BYTES, True), _GRAPH_INITIALIZER: (_BYTES, True), _GRAPH_SPARSE: (_BYTES, True)}
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_NODE: _Followed = {_NODE_OP: (_BYTES, False), _NODE_ATTRIBUTE: (_BYTES, True), _NODE_DOMAIN: (_BYTES, False)}
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_ATTRIBUTE: _Followed = {5: (_BYTES, False), 6: (_BYTES, False), 10: (_BYTES, True), 11: (_BYTES, True),
                         22: (_BYTES, False), 23: (_BYTES, True)}
_SPARSE: _Followed = {1: (_BYTES, False), 2: (_BYTES, False)}
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TENSOR: _Followed = {_TENSOR_EXTERNAL: (_BYTES, True), _TENSOR_LOCATION: (_VARINT, False)}

#: Nesting of graphs in attributes of nodes of graphs; real networks nest two or three deep.
_MAX_DEPTH = 16

#: The shipped networks have 2,100 to 4,200 fields.
_MAX_FIELDS = 250000

#: A file that begins like this after four bytes is taken by ONNX Runtime for one in its own format, however well it
#: reads as ONNX.
_ORT_FORMAT = b'ORTM'

#: The domains that an ONNX file for the device may use: the standard one has two names.
STANDARD_DOMAINS = ('', 'ai.onnx')


@dataclass(frozen=True)
class OnnxFacts:
    """What decides whether a file may be run: versions, operators, domains, outside references."""

    ir_version: int
    opset: int
    operators: FrozenSet[str]
    domains: FrozenSet[str]
    external_tensors: int


def scan_onnx(data: bytes) -> OnnxFacts:
    """Read the facts of a whole ONNX file; versions are 0 where the file does not state them.

    The time it takes is proportional to the number of fields, of which 250,000 are read at most.

    Raises:
        BundleError: ``onnx-unreadable`` where the bytes are not a protocol buffer, or one that parsers could
            understand differently.
    """
    scan = _Scan(data)
    try:
        scan.model()
    except (ValueError, IndexError) as error:
        raise BundleError('onnx-unreadable', 'The ONNX file is damaged or not an ONNX file.',
                          'Copy the bundle again.', detail=str(error))
    return OnnxFacts(scan.ir_version, scan.opset or 0, frozenset(scan.operators), frozenset(scan.domains),
                     scan.external)


class _Scan:
    """One pass over a file. A message is given as where it begins and where it ends."""

    def __init__(self, data: bytes) -> None:
        self.ir_version = 0
        self.opset: Optional[int] = None
        self.operators: Set[str] = set()
        self.domains: Set[str] = set()
        self.external = 0
        self._data = data
        self._left = _MAX_FIELDS

    def model(self) -> None:
        """Read the whole file."""
        if self._data[4:8] == _ORT_FORMAT:
            raise ValueError('a file in the format of ONNX Runtime')
        for number, value in self._fields((0, len(self._data)), _MODEL):
            if number == _MODEL_IR:
                self.ir_version = _signed(value)
            elif number == _MODEL_OPSET:
                self._opset(value)
            elif number == _MODEL_GRAPH:
                self._graph(value, 0)
            elif number == _MODEL_TRAINING:
                self.domains.add('training information')
            else:
                self.domains.add('model-local functions')

    def _opset(self, message: Tuple[int, int]) -> None:
        domain, version = '', 0
        for number, value in self._fields(message, _OPSET):
            if number == _OPSET_DOMAIN:
                domain = self._text(value)
            else:
                version = _signed(value)
        self.domains.add(domain)
        if domain in STANDARD_DOMAINS:
            # Some parsers take the first of two versions and some the last.
            if self.opset not in (None, version):
                raise ValueError('two versions of the standard operators')
            self.opset = version

    def _graph(self, message: Tuple[int, int], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError('graphs nested deeper than %d' % _MAX_DEPTH)
        for number, value in self._fields(message, _GRAPH):
            if number == _GRAPH_NODE:
                self._node(value, depth)
            elif number == _GRAPH_INITIALIZER:
                self._tensor(value)
            else:
                self._sparse(value)

    def _node(self, message: Tuple[int, int], depth: int) -> None:
        operator, domain = '', ''
        for number, value in self._fields(message, _NODE):
            if number == _NODE_OP:
                operator = self._text(value)
            elif number == _NODE_DOMAIN:
                domain = self._text(value)
            else:
                self._attribute(value, depth)
        self.operators.add(operator)
        self.domains.add(domain)

    def _attribute(self, message: Tuple[int, int], depth: int) -> None:
        for number, value in self._fields(message, _ATTRIBUTE):
            if number in _ATTRIBUTE_TENSORS:
                self._tensor(value)
            elif number in _ATTRIBUTE_SPARSE:
                self._sparse(value)
            else:
                self._graph(value, depth + 1)

    def _sparse(self, message: Tuple[int, int]) -> None:
        for _, value in self._fields(message, _SPARSE):
            self._tensor(value)

    def _tensor(self, message: Tuple[int, int]) -> None:
        external = False
        for number, value in self._fields(message, _TENSOR):
            # Any location but 0: one that ONNX does not know yet may be elsewhere too.
            external = external or number == _TENSOR_EXTERNAL or value != 0
        self.external += external

    def _fields(self, message: Tuple[int, int], followed: _Followed) -> Iterator[Tuple[int, Any]]:
        """Numbers and values of the fields that are followed: an integer, or where the bytes begin and end."""
        position, end = message
        seen: Set[int] = set()
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError('more than %d fields' % _MAX_FIELDS)
            key, position = self._varint(position, end, _MAX_KEY)
            number, wire = key >> 3, key & 7
            value: Any
            if wire == _VARINT:
                value, position = self._varint(position, end, _MAX_VALUE)
            else:
                size = 8
                if wire == _BYTES:
                    size, position = self._varint(position, end, _MAX_LENGTH)
                elif wire == _FIXED32:
                    size = 4
                elif wire != _FIXED64:
                    raise ValueError('wire type %d' % wire)
                value = position, position + size
                position += size
                if position > end:
                    raise ValueError('a field of %d bytes where %d are left' % (size, end - position + size))
            if number == 0:
                raise ValueError('a field without a number')
            if number not in followed:
                continue
            kind, repeated = followed[number]
            if wire != kind:
                raise ValueError('field %d is of kind %d instead of %d' % (number, wire, kind))
            if number in seen and not repeated:
                raise ValueError('field %d twice in a message' % number)
            seen.add(number)
            yield number, value

    def _varint(self, position: int, end: int, highest: int) -> Tuple[int, int]:
        """A number and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise ValueError('a number of more than ten bytes')
        if value > highest:
            raise ValueError('a number that does not fit')
        if position > end:
            raise ValueError('a number that is cut off')
        return value, position

    def _text(self, place: Tuple[int, int]) -> str:
        begin, end = place
        return self._data[begin:end].decode('utf-8')


def _signed(value: int) -> int:
    """A 64-bit value as protocol buffers store a negative one."""
    return value - (1 << 64) if value >> 63 else value
