"""Small networks whose kernels, work and memory are known by hand."""
import numpy as np

from export.check.graph import Graph, read_model
from export.predict.fusion import fuse
from export.targets import load_target
from tests.export import onnx_files

#: Shape of the picture, and its elements.
SHAPE = (1, 8, 16, 16)
SIZE = 8 * 16 * 16


def fused(data):
    """A network as kernels."""
    return fuse(Graph(read_model(data), load_target('jetson-nano'), len(data)))


def kinds(data):
    """Kinds of the kernels, in order."""
    return [kernel.kind for kernel in fused(data).kernels]


def network(nodes, constants=None, shape=SHAPE, outputs=None):
    """A network of one picture x and, unless told otherwise, one output y of the same shape."""
    return onnx_files.build(nodes, constants, inputs={'x': (onnx_files.FLOAT, shape)},
                        outputs={name: (onnx_files.FLOAT, size) for name, size in (outputs or {'y': shape}).items()})


def conv(read, write, weight='w', size=3, **attributes):
    """A convolution that keeps the size."""
    return onnx_files.onnx.helper.make_node('Conv', [read, weight], [write], name='conv_%s' % write,
                                        pads=[size // 2] * 4, **attributes)


def weights(outputs=8, inputs=8, size=3):
    """Weights of a convolution."""
    return np.full((outputs, inputs, size, size), 0.1, np.float32)


def node(operator, inputs, outputs, **attributes):
    """A node that is named after what it gives."""
    return onnx_files.onnx.helper.make_node(operator, inputs, outputs, name='%s_%s' % (operator, outputs[0]),
                                        **attributes)


def chain(channels=8, side=16, steps=3):
    """Some 3x3 convolutions with ReLU, one after another."""
    nodes, last = [], 'x'
    for step in range(steps):
        nodes += [conv(last, 'c%d' % step), node('Relu', ['c%d' % step], ['y' if step == steps - 1 else 'r%d' % step])]
        last = 'r%d' % step
    return network(nodes, {'w': weights(channels, channels)}, (1, channels, side, side))
