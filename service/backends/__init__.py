"""Backends: what runs a network, the worker that owns it, and what to choose from."""
from .base import Backend, TensorSpec
from .choose import BACKENDS, PRECISIONS, Runtime, candidates, every_candidate, plan, reference
from .from_logits import FromLogits
from .offers import Candidate
from .onnx_runtime import OnnxRuntimeBackend
from .worker import Worker

__all__ = ['BACKENDS', 'Backend', 'Candidate', 'FromLogits', 'OnnxRuntimeBackend', 'PRECISIONS', 'Runtime',
           'TensorSpec', 'Worker', 'candidates', 'every_candidate', 'plan', 'reference']
