"""Backends: what runs a network, and the worker thread that owns it."""
from .base import BACKENDS, CUDA_INTERFACES, PRECISIONS, Backend, Parts, Tensors, TensorSpec
from .from_logits import FromLogits
from .onnx_runtime import OnnxRuntimeBackend
from .tensorrt_backend import TensorRTBackend
from .worker import Worker

__all__ = ['BACKENDS', 'Backend', 'CUDA_INTERFACES', 'FromLogits', 'OnnxRuntimeBackend', 'PRECISIONS', 'Parts',
           'TensorRTBackend', 'TensorSpec', 'Tensors', 'Worker']
