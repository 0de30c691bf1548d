"""Small ONNX graphs that go wrong in FP16 in a known place."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper


def graph(nodes, weights=(), shape=(1, 1, 4, 4), output='finding'):
    """An ONNX file of nodes from ``thermogram`` to one output, opset 13, IR version 7.

    Args:
        nodes (list): (operator, inputs, output) each.
        weights (dict): name to array_like.
    """
    made = [helper.make_node(operator, inputs, [result], name='%s_%03d' % (operator, place))
            for place, (operator, inputs, result) in enumerate(nodes)]
    initializers = [numpy_helper.from_array(np.asarray(value, np.float32), name)
                    for name, value in dict(weights).items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ('thermogram', output)]
    model = helper.make_model(helper.make_graph(made, 'graph', ends[:1], ends[1:], initializers),
                              opset_imports=[helper.make_opsetid('', 13)], ir_version=7)
    return model.SerializeToString()


def overflowing():
    """The picture times 60000, twice that, a thousandth of it: 120 for ones; in FP16 infinite at the second node."""
    return graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Mul', ['b', 'small'], 'finding')],
                 {'large': 60000.0, 'small': 0.001})


def undefined():
    """The picture times 60000 twice, and one minus the other: zero, NaN in FP16."""
    return graph([('Mul', ['thermogram', 'large'], 'a'), ('Add', ['a', 'a'], 'b'), ('Sub', ['b', 'b'], 'finding')],
                 {'large': 60000.0})
