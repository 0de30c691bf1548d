"""INT8: ranges of a network's tensors, and its Q/DQ form, as TensorRT takes them.

onnx and onnxruntime's quantisation take a second to import, so that each name is imported when it is asked for.
"""
import importlib

_PUBLIC = {'METHODS': 'ranges', 'measure_ranges': 'ranges', 'quantise': 'qdq', 'insert_pairs': 'qdq',
           'weighted_nodes': 'placement'}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    return getattr(importlib.import_module('%s.%s' % (__name__, _PUBLIC[name])), name)
