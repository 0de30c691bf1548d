"""What the double reads from an ONNX file, changes in it, and computes with ONNX Runtime on one core.

It does without the onnx package, which Python 3.6 may lack. Field numbers: onnx.proto3. Weights are edited in place: a
half-precision engine computes nearly what the same network computes in single precision with weights rounded to half.
"""
import numpy as np

from ..onnx_builder import chunk

_GRAPH, _NODE, _INITIALIZER, _OUTPUT = 7, 1, 5, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE_TENSOR = 5
_DIMS, _TYPE, _FLOATS, _NAME, _RAW = 1, 2, 4, 8, 9
_FLOAT, _INT64 = 1, 7
_VARINT, _BYTES = 0, 2
#: Bytes of a value by wire type; None where its length stands before it.
_SIZES = {1: 8, 2: None, 5: 4}


class Node:
    """One operator of a graph: type, name, domain, names of inputs and outputs."""

    def __init__(self, message, position):
        self.inputs, self.outputs, self.operator, self.name, self.domain = [], [], '', '', ''
        for number, _, value, _ in _fields(message):
            if number == _NODE_INPUT:
                self.inputs.append(bytes(value).decode())
            elif number == _NODE_OUTPUT:
                self.outputs.append(bytes(value).decode())
            elif number in (_NODE_NAME, _NODE_OP, _NODE_DOMAIN):
                setattr(self, {_NODE_NAME: 'name', _NODE_OP: 'operator', _NODE_DOMAIN: 'domain'}[number],
                        bytes(value).decode())
        self.name = self.name or '%s_%d' % (self.operator, position)


def read_nodes(data):
    """The operators of a model's main graph, in order (list of Node); ValueError where the bytes are no model."""
    return [Node(message, position) for position, message in enumerate(_of_graph(data, _NODE))]


def has_int64_weights(data):
    """Whether any weight is a 64-bit integer."""
    return any(number == _TYPE and value == _INT64 for tensor in _of_graph(data, _INITIALIZER)
               for number, _, value, _ in _fields(tensor))


def with_outputs(data, names):
    """The model with further values of its graph among its outputs."""
    added = b''.join(chunk(_OUTPUT, chunk(1, name)) for name in names)
    return _edit(data, {_GRAPH: lambda graph: bytes(graph) + added}) if names else data


def round_weights(data, rounding):
    """The model with every single-precision weight put through a function of an array of its own shape."""
    def tensor(message):
        return _rounded(message, rounding)

    def node(message):
        return _edit(message, {_NODE_ATTRIBUTE: lambda attribute: _edit(attribute, {_ATTRIBUTE_TENSOR: tensor})})

    return _edit(data, {_GRAPH: lambda graph: _edit(graph, {_INITIALIZER: tensor, _NODE: node})})


def to_half(array):
    """Values as half precision holds them; what is too large becomes infinite."""
    with np.errstate(over='ignore'):
        return array.astype(np.float16).astype(np.float32)


def to_int8(array):
    """Values as 8 bits with one scale for each of the first axis hold them; vectors (biases) stay."""
    if array.ndim < 2:
        return array
    largest = np.abs(array).reshape(len(array), -1).max(axis=1).reshape((-1,) + (1,) * (array.ndim - 1))
    scale = np.where(largest > 0, largest, 1) / 127
    return (np.clip(np.rint(array / scale), -127, 127) * scale).astype(np.float32)


def _rounded(message, rounding):
    dims, kind, values, others = [], 0, [], []
    for number, wire, value, raw in _fields(message):
        if number == _DIMS:
            dims += _packed(value) if wire == _BYTES else [value]
        elif number == _TYPE:
            kind = value
        if number in (_RAW, _FLOATS):
            values.append(bytes(value))
        else:
            others.append(bytes(raw))
    if kind != _FLOAT or not values:
        return bytes(message)
    array = np.frombuffer(b''.join(values), '<f4').reshape(dims)
    return b''.join(others) + chunk(_RAW, rounding(array).astype('<f4').tobytes())


def _packed(message):
    found, position = [], 0
    while position < len(message):
        value, position = _varint(message, position)
        found.append(value)
    return found


def _of_graph(data, wanted):
    for number, _, value, _ in _fields(memoryview(data)):
        if number == _GRAPH:
            for inner, _, part, _ in _fields(value):
                if inner == wanted:
                    yield part


def _edit(message, editors):
    """A message with the fields of some numbers put through functions; the others byte for byte."""
    out = []
    for number, wire, value, raw in _fields(memoryview(message)):
        out.append(chunk(number, editors[number](value)) if number in editors and wire == _BYTES else bytes(raw))
    return b''.join(out)


def _fields(message):
    """(number, wire type, value, raw bytes) of every field: int for varints, memoryview for everything else."""
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
        else:
            if wire not in _SIZES:
                raise ValueError('wire type %d' % wire)
            size = _SIZES[wire]
            if size is None:
                size, position = _varint(message, position)
            value = message[position:position + size]
            position += size
            if position > len(message):
                raise ValueError('a field that is cut off')
        yield number, wire, value, message[start:position]


def _varint(message, position):
    end = position
    while end < len(message) and message[end] >= 0x80:
        end += 1
    if end - position > 9 or end == len(message):
        raise ValueError('a number that is cut off or too long')
    return sum((message[place] & 0x7F) << 7 * (place - position) for place in range(position, end + 1)), end + 1


_NUMPY = {'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(int32)': 'int32', 'tensor(int64)': 'int64',
          'tensor(int8)': 'int8', 'tensor(uint8)': 'uint8', 'tensor(bool)': 'bool'}
_DATA_TYPE = {'float32': 'FLOAT', 'float16': 'HALF', 'int32': 'INT32', 'int64': 'INT64', 'int8': 'INT8',
              'uint8': 'UINT8', 'bool': 'BOOL'}


def open_session(model):
    """ONNX Runtime's session of a model (bytes)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def tensors_of(library, session):
    """Inputs and outputs of a session as (name, shape, DataType); -1 for an open side, None for a foreign type.

    Releases before 10 have no 64-bit integers and narrow them.
    """
    def spec(node):
        kind = _DATA_TYPE.get(_NUMPY.get(node.type))
        if kind == 'INT64' and library.release < (10,):
            kind = 'INT32'
        shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
        return node.name, shape, getattr(library.enums['DataType'], kind, None) if kind else None

    return [spec(node) for node in session.get_inputs()], [spec(node) for node in session.get_outputs()]


def numpy_type(dtype):
    """numpy dtype of a DataType."""
    return np.dtype({kind: name for name, kind in _DATA_TYPE.items()}[dtype._name])


def run(session, feed, wanted):
    """Run a session; values are turned into the types that it takes (dict name to array)."""
    types = {node.name: np.dtype(_NUMPY[node.type]) for node in session.get_inputs()}
    fed = {name: np.ascontiguousarray(array, types[name]) for name, array in feed.items()}
    return dict(zip(wanted, session.run(list(wanted), fed)))
