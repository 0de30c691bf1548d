"""An ONNX file as rules and predictions see it: parsed, with subgraphs, inferred types and shapes, and constants."""
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.shape_inference
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from export.targets import Target
from service.messages import InputError

STANDARD_DOMAINS = ('', 'ai.onnx')

#: Sides of a tensor; None for a side that is not fixed.
Shape = Tuple[Optional[int], ...]

_Kind = onnx.AttributeProto

#: Names of ONNX element types in TensorRT's tables, where they differ.
_TYPE_NAMES = {'FLOAT': 'FP32', 'FLOAT16': 'FP16', 'DOUBLE': 'FP64', 'BFLOAT16': 'BF16'}


def read_model(data: bytes, name: str = 'The file') -> onnx.ModelProto:
    """Parse an ONNX file.

    Args:
        data: the whole file.
        name: what to call it in a message.

    Returns:
        A model with at least one node and one output.

    Raises:
        InputError: ``onnx-unreadable``: truncated, damaged, or not ONNX.
    """
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise _unreadable(name, 'it cannot be parsed', str(error))
    if not _is_text(model):
        raise _unreadable(name, 'a name in it is not text')
    # A protocol buffer that was cut between two fields still parses, and so do many files that are not ONNX.
    for part, present in (('an IR version', model.ir_version > 0), ('a node', len(model.graph.node)),
                          ('an output', len(model.graph.output)), ('an opset', len(model.opset_import))):
        if not present:
            raise _unreadable(name, 'it lacks %s' % part)
    return model


@dataclass(frozen=True)
class Node:
    """One node of a graph or subgraph.

    Attributes:
        proto: the node.
        name: its own, or a made-up one that identifies it.
    """

    proto: onnx.NodeProto
    name: str

    @property
    def operator(self) -> str:
        """Operator, with its domain unless that is the standard one."""
        domain = self.proto.domain
        return self.proto.op_type if domain in STANDARD_DOMAINS else '%s::%s' % (domain, self.proto.op_type)

    @property
    def where(self) -> Tuple[str, str]:
        """(name, operator), as rules report the node."""
        return self.name, self.operator

    def input(self, index: int) -> str:
        """Name of an input; empty where it is omitted."""
        return self.proto.input[index] if index < len(self.proto.input) else ''

    def output(self, index: int) -> str:
        """Name of an output; empty where it is omitted."""
        return self.proto.output[index] if index < len(self.proto.output) else ''

    def has(self, name: str) -> bool:
        """Whether the node has an attribute."""
        return any(attribute.name == name for attribute in self.proto.attribute)

    def number(self, name: str, default: Any = None) -> Any:
        """Value of an int or float attribute; `default` where it is absent or of another type."""
        return self._attribute(name, default, {_Kind.INT: 'i', _Kind.FLOAT: 'f'})

    def numbers(self, name: str) -> List[Any]:
        """Values of an int or float list attribute; empty where it is absent or of another type."""
        return list(self._attribute(name, (), {_Kind.INTS: 'ints', _Kind.FLOATS: 'floats'}))

    def text(self, name: str, default: Any = None) -> Any:
        """Value of a string attribute; `default` where it is absent or of another type."""
        value = self._attribute(name, default, {_Kind.STRING: 's'})
        return value.decode('utf-8', 'replace') if isinstance(value, bytes) else value

    def _attribute(self, name, default, fields):
        # In a damaged file an attribute may have the wrong type; the ONNX checker reports that later.
        named = (attribute for attribute in self.proto.attribute if attribute.name == name)
        return next((getattr(attribute, fields[attribute.type]) for attribute in named if attribute.type in fields),
                    default)


class Graph:
    """A model and the target that it is checked against.

    Args:
        model: from `read_model`.
        target: what it should run on.
        size: of its file, bytes.
    Attributes:
        opset: version of the standard operators; 0 where the file names none.
        nodes: in the order of the file, each followed by those of its subgraphs.
        tensors: initializers and values of Constant nodes by name.
        inputs: inputs that a caller feeds.
        outputs: outputs.
    """

    #: How a rule reports the file as a whole.
    whole = ('model', 'Model')

    def __init__(self, model: onnx.ModelProto, target: Target, size: int) -> None:
        self.model, self.target, self.size = model, target, size
        self.opset: int = max((entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS),
                              default=0)
        self.nodes: List[Node] = []
        self.tensors: Dict[str, onnx.TensorProto] = {}
        self._types: Dict[str, int] = {}
        self._shapes: Dict[str, Shape] = {}
        self._producers: Dict[str, Node] = {}
        self._consumers: Dict[str, List[Node]] = {}
        self._values: Dict[str, np.ndarray] = {}
        self._collect(_with_inferred_shapes(model).graph, '')
        initializers = {tensor.name for tensor in model.graph.initializer}
        self.inputs: List[onnx.ValueInfoProto] = [value for value in model.graph.input
                                                  if value.name not in initializers]
        self.outputs: List[onnx.ValueInfoProto] = list(model.graph.output)

    def _collect(self, graph, prefix):
        for tensor in graph.initializer:
            self.tensors[tensor.name] = tensor
            self._types[tensor.name], self._shapes[tensor.name] = tensor.data_type, tuple(tensor.dims)
        for value in (*graph.input, *graph.value_info, *graph.output):
            self._collect_value(value)
        for proto in graph.node:
            name = proto.name or '%s giving %s' % (proto.op_type, next(filter(None, proto.output), 'nothing'))
            node = Node(proto, prefix + name)
            self.nodes.append(node)
            self._producers.update(dict.fromkeys(proto.output, node))
            for tensor in set(proto.input):
                self._consumers.setdefault(tensor, []).append(node)
            for attribute in proto.attribute:
                if node.operator == 'Constant' and proto.output and attribute.HasField('t'):
                    self.tensors[proto.output[0]] = attribute.t
                    self._types.setdefault(proto.output[0], attribute.t.data_type)
                for subgraph in ([attribute.g] if attribute.HasField('g') else []) + list(attribute.graphs):
                    self._collect(subgraph, '%s%s/' % (prefix, name))

    def _collect_value(self, value):
        tensor_type = value.type.tensor_type
        self._types.setdefault(value.name, tensor_type.elem_type)
        if tensor_type.HasField('shape'):
            self._shapes.setdefault(value.name, tuple(
                side.dim_value if side.HasField('dim_value') else None for side in tensor_type.shape.dim))

    def of(self, *operators: str) -> List[Node]:
        """Nodes of these standard operators."""
        return [node for node in self.nodes if node.operator in operators]

    def type_of(self, name: str) -> Optional[str]:
        """Type of a tensor as TensorRT's tables name it, such as ``'FP32'`` or ``'INT64'``; None where unknown."""
        return type_name(self._types.get(name, 0))

    def shape_of(self, name: str) -> Optional[Shape]:
        """Shape of a tensor; None where unknown."""
        return self._shapes.get(name)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is an initializer or the output of a Constant."""
        producer = self._producers.get(name)
        return name in self.tensors or producer is not None and producer.operator == 'Constant'

    def value_of(self, name: str) -> Optional[np.ndarray]:
        """Values of a constant; None for other tensors and for values in another file.

        Raises:
            InputError: ``onnx-unreadable``: the bytes do not fit type and shape.
        """
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
            return None
        if name not in self._values:
            try:
                self._values[name] = onnx.numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError) as error:
                raise _unreadable('The file', 'the values of %s do not fit its type and shape' % name, str(error))
        return self._values[name]

    def consumers(self, name: str) -> List[Node]:
        """Nodes that read a tensor."""
        return self._consumers.get(name, [])

    def producer(self, name: str) -> Optional[Node]:
        """The node that writes a tensor; None for inputs and initializers."""
        return self._producers.get(name)


def type_name(element_type: int) -> Optional[str]:
    """Name of an ONNX element type in TensorRT's tables; None for 0 and for numbers unknown to ONNX."""
    if not element_type or element_type not in onnx.TensorProto.DataType.values():
        return None
    name: str = onnx.TensorProto.DataType.Name(element_type)
    return _TYPE_NAMES.get(name, name)


def _with_inferred_shapes(model):
    """The model with inferred types and shapes; unchanged where inference fails, as on foreign operators."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError):
        return model


def _is_text(message):
    """Whether every name in a message is text; protobuf returns invalid UTF-8 as bytes."""
    for field, value in message.ListFields():
        parts = [value] if isinstance(value, (str, bytes, Message)) else value
        if field.type == FieldDescriptor.TYPE_STRING and any(isinstance(part, bytes) for part in parts):
            return False
        if field.type == FieldDescriptor.TYPE_MESSAGE and not all(map(_is_text, parts)):
            return False
    return True


def _unreadable(name, why, detail=''):
    return InputError('onnx-unreadable', '%s is not a whole ONNX file: %s.' % (name, why),
                      'Export it or copy it again.', detail=detail)
