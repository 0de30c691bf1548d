"""Small ONNX files, written node by node."""
import numpy as np
import onnx.helper
import onnx.numpy_helper
from onnx import TensorProto

FLOAT, HALF, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE
INT8, UINT8, INT32, INT64, BOOL = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64,
                                   TensorProto.BOOL)
#: Shape of the picture that every network here takes unless it says otherwise.
PICTURE = (1, 2, 8, 12)


def node(operator, inputs, outputs, domain='', **attributes):
    """A node named after its operator."""
    return onnx.helper.make_node(operator, inputs, outputs, name='the_' + operator.lower(), domain=domain,
                                 **attributes)


def build(nodes, constants=None, inputs=None, outputs=None, opset=13, ir_version=7, domains=()):
    """An ONNX file as bytes.

    Args:
        nodes (list of onnx.NodeProto): in order.
        constants (dict): initializer name to values; arrays keep their type, lists of int become int64.
        inputs, outputs (dict): name to (type, shape); default x and y, float32 of `PICTURE`.
        opset, ir_version (int): stated versions.
        domains (tuple of str): further domains that are imported.
    """
    inputs = {'x': (FLOAT, PICTURE)} if inputs is None else inputs
    outputs = {'y': (FLOAT, PICTURE)} if outputs is None else outputs
    graph = onnx.helper.make_graph(
        nodes, 'graph',
        [onnx.helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [onnx.helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [onnx.numpy_helper.from_array(np.asarray(values), name) for name, values in (constants or {}).items()])
    imports = [onnx.helper.make_opsetid(domain, 1 if domain else opset) for domain in ('', *domains)]
    model = onnx.helper.make_model(graph, opset_imports=imports)
    model.ir_version = ir_version
    return model.SerializeToString()


def identity():
    """A network that every target takes."""
    return build([node('Relu', ['x'], ['y'])])


def conv(weights=None, bias=None):
    """A 3x3 convolution from two channels to two."""
    weights = np.full((2, 2, 3, 3), 0.1, np.float32) if weights is None else weights
    return build([node('Conv', ['x', 'w', 'b'], ['y'], pads=[1, 1, 1, 1])],
                 {'w': weights, 'b': np.zeros(2, np.float32) if bias is None else bias})


def resize(constants, inputs=('x', '', 'scales'), shape=(1, 2, 16, 24), opset=13, **attributes):
    """A Resize of the picture."""
    return build([node('Resize', list(inputs), ['y'], **attributes)], constants, outputs={'y': (FLOAT, shape)},
                 opset=opset)


def pair(scale=0.5, zero=None, **options):
    """A Q/DQ pair over the picture."""
    zero = np.int8(0) if zero is None else zero
    return build([node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
                 {'s': np.float32(scale), 'z': zero}, **options)


def graph(nodes, weights=(), shape=(1, 1, 4, 4), output='finding'):
    """An ONNX file of nodes from ``thermogram`` to one output, opset 13, IR version 7.

    Args:
        nodes (list): (operator, inputs, output) each.
        weights (dict): name to array_like.
    """
    made = [onnx.helper.make_node(operator, inputs, [result], name='%s_%03d' % (operator, place))
            for place, (operator, inputs, result) in enumerate(nodes)]
    initializers = [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name)
                    for name, value in dict(weights).items()]
    ends = [onnx.helper.make_tensor_value_info(name, FLOAT, shape) for name in ('thermogram', output)]
    model = onnx.helper.make_model(onnx.helper.make_graph(made, 'graph', ends[:1], ends[1:], initializers),
                              opset_imports=[onnx.helper.make_opsetid('', 13)], ir_version=7)
    return model.SerializeToString()


def overflowing():
    """The picture times 60000, twice that, a thousandth of it: 120 for ones; in FP16 infinite at the second node."""
    return graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Mul', ['b', 'small'], 'finding')],
                 {'large': 60000.0, 'small': 0.001})


def undefined():
    """The picture times 60000 twice, and one minus the other: zero, NaN in FP16."""
    return graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Sub', ['b', 'b'], 'finding')],
                 {'large': 60000.0})
