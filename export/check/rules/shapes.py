"""Shapes: all of them known, one picture at a time, no more dimensions than a tensor may have."""
from ..registry import rule

#: nvinfer1::Dims::MAX_DIMS, of every release of TensorRT here.
MAX_RANK = 8


@rule('dynamic-shape')
def dynamic_shape(graph):
    """Inputs and outputs whose size is open."""
    for kind, values in (('Input', graph.inputs), ('Output', graph.outputs)):
        for value in values:
            shape = graph.shape_of(value.name)
            if shape is None or None in shape:
                yield ((value.name, kind), 'Its shape is %s, and the service runs fixed shapes.' % _written(shape),
                       'Export it without dynamic_axes, at the size that the bundle feeds.')


@rule('batch')
def batch(graph):
    """Several pictures at once."""
    for value in graph.inputs:
        shape = graph.shape_of(value.name)
        if shape and shape[0] is not None and shape[0] != 1:
            yield ((value.name, 'Input'), 'Its first side is %d, and the service feeds one picture at a time.'
                   % shape[0], 'Export it with batch 1.')


@rule('rank')
def rank(graph):
    """Tensors of more dimensions than TensorRT has."""
    if graph.target.table is None:
        return
    for node in graph.nodes:
        for name in node.proto.output:
            shape = graph.shape_of(name)
            if shape and len(shape) > MAX_RANK:
                yield (node.where, 'It gives a tensor of %d dimensions, and TensorRT has at most %d.'
                       % (len(shape), MAX_RANK), 'Join dimensions with a Reshape before it.')


def _written(shape):
    if shape is None:
        return 'not stated'
    return 'x'.join('?' if side is None else str(side) for side in shape) or 'that of one number'
