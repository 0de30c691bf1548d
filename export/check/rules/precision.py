"""Weights that FP16 cannot hold, on a target that computes in it."""
import numpy as np

from ..registry import rule
from ..violation import WARNING

#: Largest number of FP16, and its smallest normal one.
_LARGEST, _SMALLEST = float(np.finfo(np.float16).max), float(np.finfo(np.float16).tiny)


@rule('fp16-overflow', WARNING)
def fp16_overflow(graph):
    """Weights beyond the largest FP16 number: infinity there, and NaN soon after."""
    for name, values, node in _weights(graph):
        largest = float(np.max(np.abs(values)))
        if np.isfinite(largest) and largest > _LARGEST:
            yield (node.where, 'Its constant %s reaches %.3g, beyond the %d of FP16: an fp16 engine gives infinity or '
                   'NaN.' % (name, largest, _LARGEST),
                   'Compile it as fp32, or train with weight decay, or fold the scale into the layer before.')


@rule('fp16-underflow', WARNING)
def fp16_underflow(graph):
    """Weights that are all below the smallest normal FP16 number: imprecise, or zero."""
    for name, values, node in _weights(graph):
        largest = float(np.max(np.abs(values)))
        if 0 < largest < _SMALLEST:
            becomes = 'zero' if np.all(values.astype(np.float16) == 0) else 'a few coarse steps'
            yield (node.where, 'Its constant %s is at most %.3g, below %.3g: in FP16 it becomes %s.'
                   % (name, largest, _SMALLEST, becomes),
                   'Compile it as fp32, or use a larger constant (an epsilon of 1e-4).')


@rule('not-finite', WARNING)
def not_finite(graph):
    """Weights with NaN or infinity."""
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) in ('FP32', 'FP16') else None
        if values is not None and not np.all(np.isfinite(values)):
            readers = graph.users(name)
            yield (readers[0].where if readers else (name, 'Initializer'),
                   'Its constant %s holds NaN or infinity.' % name,
                   'Train again from a checkpoint that is whole; a mask of -infinity may be -1e4 instead.')


def _weights(graph):
    """(name, values, reader) of float weights where the target computes in FP16."""
    if graph.target.table is None or 'fp16' not in graph.target.precisions:
        return
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) in ('FP32', 'FP16') else None
        if values is not None and values.size:
            for reader in graph.users(name):
                # Scales of Q/DQ pairs are never computed with in FP16.
                if reader.operator not in ('QuantizeLinear', 'DequantizeLinear'):
                    yield name, values, reader
