"""A model as rules look at it: nodes in subgraphs too, types and shapes inferred, constants by value."""
from dataclasses import dataclass

import onnx
import onnx.numpy_helper
import onnx.shape_inference

from .read import opset_of, unreadable_tensor

_Kind = onnx.AttributeProto

#: ONNX element types by the names that tables of TensorRT use.
_TYPE_NAMES = {'FLOAT': 'FP32', 'FLOAT16': 'FP16', 'DOUBLE': 'FP64', 'BFLOAT16': 'BF16'}


@dataclass(frozen=True)
class Node:
    """One node of a graph or subgraph.

    Attributes:
        proto (onnx.NodeProto): the node.
        name (str): its own, or one that tells it apart.
    """

    proto: onnx.NodeProto
    name: str

    @property
    def operator(self):
        """Operator with its domain where that is a foreign one (str)."""
        domain = self.proto.domain
        return self.proto.op_type if domain in ('', 'ai.onnx') else '%s::%s' % (domain, self.proto.op_type)

    @property
    def where(self):
        """(name, operator), as a rule reports the node."""
        return self.name, self.operator

    def input(self, index):
        """Name of an input, or ``''`` where it is left out."""
        return self.proto.input[index] if index < len(self.proto.input) else ''

    def output(self, index):
        """Name of an output, or ``''`` where it is left out."""
        return self.proto.output[index] if index < len(self.proto.output) else ''

    def has(self, name):
        """Whether an attribute is there."""
        return any(attribute.name == name for attribute in self.proto.attribute)

    def number(self, name, default=None):
        """Value of an attribute (int or float); `default` where it is absent or no number."""
        return self._value(name, default, {_Kind.INT: 'i', _Kind.FLOAT: 'f'})

    def numbers(self, name):
        """Values of an attribute (list of int or float); empty where it is absent or no list of numbers."""
        return list(self._value(name, (), {_Kind.INTS: 'ints', _Kind.FLOATS: 'floats'}))

    def text(self, name, default=None):
        """Value of an attribute (str); `default` where it is absent or no text."""
        value = self._value(name, default, {_Kind.STRING: 's'})
        return value.decode('utf-8', 'replace') if isinstance(value, bytes) else value

    def _value(self, name, default, fields):
        # A damaged file may give an attribute another type than the standard does; its checker says so later.
        found = (attribute for attribute in self.proto.attribute if attribute.name == name)
        return next((getattr(attribute, fields[attribute.type]) for attribute in found if attribute.type in fields),
                    default)


class Graph:
    """A model and the target it is checked against.

    Args:
        model (onnx.ModelProto): as `read_model` gives it.
        target (export.targets.Target): what it shall run on.
        size (int): bytes of its file.
    """

    #: How a rule reports the file as a whole.
    whole = ('model', 'Model')

    def __init__(self, model, target, size):
        self.model, self.target, self.size = model, target, size
        self.opset = opset_of(model)
        self.nodes, self.tensors = [], {}
        self._types, self._shapes, self._givers, self._users, self._values = {}, {}, {}, {}, {}
        self._collect(_inferred(model).graph, '')
        initializers = {tensor.name for tensor in model.graph.initializer}
        #: Inputs that a caller feeds, and outputs, as ``onnx.ValueInfoProto``.
        self.inputs = [value for value in model.graph.input if value.name not in initializers]
        self.outputs = list(model.graph.output)

    def _collect(self, graph, inside):
        for tensor in graph.initializer:
            self.tensors[tensor.name] = tensor
            self._types[tensor.name], self._shapes[tensor.name] = tensor.data_type, tuple(tensor.dims)
        for value in (*graph.input, *graph.value_info, *graph.output):
            self._value(value)
        for proto in graph.node:
            name = proto.name or '%s giving %s' % (proto.op_type, next(filter(None, proto.output), 'nothing'))
            node = Node(proto, inside + name)
            self.nodes.append(node)
            self._givers.update(dict.fromkeys(proto.output, node))
            for read in set(proto.input):
                self._users.setdefault(read, []).append(node)
            for attribute in proto.attribute:
                if node.operator == 'Constant' and proto.output and attribute.HasField('t'):
                    self.tensors[proto.output[0]] = attribute.t
                    self._types.setdefault(proto.output[0], attribute.t.data_type)
                for subgraph in ([attribute.g] if attribute.HasField('g') else []) + list(attribute.graphs):
                    self._collect(subgraph, '%s%s/' % (inside, name))

    def _value(self, value):
        kind = value.type.tensor_type
        self._types.setdefault(value.name, kind.elem_type)
        if kind.HasField('shape'):
            self._shapes.setdefault(value.name, tuple(
                side.dim_value if side.HasField('dim_value') else None for side in kind.shape.dim))

    def of(self, *operators):
        """Nodes of these standard operators."""
        return [node for node in self.nodes if node.operator in operators]

    def type_of(self, name):
        """Type of a tensor by the name that tables use, such as ``'FP32'`` or ``'INT64'``; None where unknown."""
        return type_name(self._types.get(name, 0))

    def shape_of(self, name):
        """Shape of a tensor, tuple of int with None for a side that is not fixed; None where unknown."""
        return self._shapes.get(name)

    def is_constant(self, name):
        """Whether a tensor is an initializer or comes of a Constant."""
        giver = self._givers.get(name)
        return name in self.tensors or giver is not None and giver.operator == 'Constant'

    def value_of(self, name):
        """Values of a constant (numpy.ndarray), or None where it is none or lies in another file.

        Raises:
            InputError: ``onnx-unreadable``: bytes that do not fit type and shape.
        """
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
            return None
        if name not in self._values:
            try:
                self._values[name] = onnx.numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError) as error:
                raise unreadable_tensor(name, str(error))
        return self._values[name]

    def users(self, name):
        """Nodes that read a tensor."""
        return self._users.get(name, [])

    def giver(self, name):
        """The node that a tensor comes of, or None."""
        return self._givers.get(name)


def type_name(element_type):
    """Name of an ONNX element type as tables use it; None for 0 and for numbers that ONNX has not."""
    if not element_type or element_type not in onnx.TensorProto.DataType.values():
        return None
    name = onnx.TensorProto.DataType.Name(element_type)
    return _TYPE_NAMES.get(name, name)


def _inferred(model):
    """The model with inferred types and shapes; as it is where inference gives up, such as on foreign operators."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError):
        return model
