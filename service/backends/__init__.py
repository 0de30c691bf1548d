"""Backends: what runs a network, and the worker that owns it."""
from .base import Backend, TensorSpec
from .onnx_runtime import OnnxRuntimeBackend
from .worker import Worker

__all__ = ['Backend', 'OnnxRuntimeBackend', 'TensorSpec', 'Worker']
