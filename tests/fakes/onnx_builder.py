"""Builds small ONNX files byte by byte.

The device half's tests run where no onnx package can be installed, and some of the files they need
are ones that the package would refuse to write. Field numbers: onnx.proto3.
"""
import numpy as np

FLOAT, INT8, INT32, INT64, FLOAT16 = 1, 3, 6, 7, 10
#: ONNX's number of an element type per numpy dtype name.
TYPES = {'float32': FLOAT, 'int8': INT8, 'int32': INT32, 'int64': INT64, 'float16': FLOAT16}


def varint(value):
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def padded(value, size):
    """A varint of more bytes than its value needs."""
    return bytes([value >> 7 * place & 0x7F | 0x80 for place in range(size - 1)] + [value >> 7 * (size - 1) & 0x7F])


def wide_key(field, data):
    """A chunk whose key has bit 32 set, which parsers of protocol buffers with 32-bit keys cut off."""
    return varint(field << 3 | 2 | 1 << 32) + varint(len(data)) + data


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def value_info(name, dtype, shape):
    dims = b''.join(chunk(1, number(1, side)) for side in shape)
    return chunk(1, name) + chunk(2, chunk(1, number(1, dtype) + chunk(2, dims)))


def ints(name, values):
    return chunk(5, chunk(1, name) + b''.join(number(8, value) for value in values) + number(20, 7))


def integer(name, value):
    return chunk(5, chunk(1, name) + number(3, value) + number(20, 2))


def node(operator, inputs, outputs, attributes=b'', domain=''):
    return (b''.join(chunk(1, name) for name in inputs) + b''.join(chunk(2, name) for name in outputs)
            + chunk(3, outputs[0]) + chunk(4, operator) + attributes + (chunk(7, domain) if domain else b''))


def tensor(name, array):
    """An initializer with the values of a numpy array."""
    return (b''.join(number(1, side) for side in array.shape) + number(2, TYPES[array.dtype.name]) + chunk(8, name)
            + chunk(9, array.tobytes()))


def external_tensor(name):
    location = chunk(1, 'location') + chunk(2, '../../etc/passwd')
    return number(1, 1) + number(2, FLOAT) + chunk(8, name) + chunk(13, location) + number(14, 1)


def model(nodes, inputs, outputs, initializers=(), opset=13, ir_version=7, domains=()):
    graph = (b''.join(chunk(1, entry) for entry in nodes) + chunk(2, 'graph')
             + b''.join(chunk(5, tensor) for tensor in initializers)
             + b''.join(chunk(11, value_info(*entry)) for entry in inputs)
             + b''.join(chunk(12, value_info(*entry)) for entry in outputs))
    opsets = b''.join(chunk(8, chunk(1, domain) + number(2, version))
                      for domain, version in (('', opset),) + tuple(domains))
    return number(1, ir_version) + chunk(7, graph) + opsets


def tiny_model(height=48, width=64, channels=1, finding=True, views=False, **options):
    """A network of four nodes with the product's inputs and outputs, or of two without the finding.

    Labels are 1 where the largest input is exactly 1 and 0 elsewhere, confidence is the largest input, the
    finding is the input's mean for each channel. With views, the first of two is as probable as the finding.
    """
    nodes = [
        node('ReduceMax', ['thermogram'], ['confidence'], ints('axes', [1]) + integer('keepdims', 0)),
        node('Cast', ['confidence'], ['labels'], integer('to', INT32)),
    ]
    outputs = [('labels', INT32, (1, height, width)), ('confidence', FLOAT, (1, height, width))]
    if finding:
        nodes += [
            node('ReduceMean', ['thermogram'], ['mean'], ints('axes', [2, 3]) + integer('keepdims', 0)),
            node('Identity', ['mean'], ['finding']),
        ]
        outputs.append(('finding', FLOAT, (1, channels)))
    if views:
        nodes += [node('Mul', ['mean', 'signs'], ['signed']), node('Add', ['signed', 'offsets'], ['view'])]
        options['initializers'] = [tensor('signs', np.float32([[1, -1]])), tensor('offsets', np.float32([[0, 1]]))]
        outputs.append(('view', FLOAT, (1, 2)))
    return model(nodes, [('thermogram', FLOAT, (1, channels, height, width))], outputs, **options)


def tiny_classifier(height=24, width=32, channels=1, **options):
    """A network of two nodes whose finding is the input's mean for each channel."""
    nodes = [node('ReduceMean', ['thermogram'], ['mean'], ints('axes', [2, 3]) + integer('keepdims', 0)),
             node('Identity', ['mean'], ['finding'])]
    return model(nodes, [('thermogram', FLOAT, (1, channels, height, width))], [('finding', FLOAT, (1, channels))],
                 **options)
