"""ONNX Runtime: runs a bundle on any machine, on one of its providers; on the CPU it is the baseline."""
import os
from typing import Any, Dict, Sequence, Tuple

import numpy as np

from ..machine import board_facts
from ..messages import BackendError
from .base import Backend, Tensors, TensorSpec

TENSORRT, CUDA, CPU = 'TensorrtExecutionProvider', 'CUDAExecutionProvider', 'CPUExecutionProvider'

_DTYPES = {'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(int32)': 'int32',
           'tensor(int64)': 'int64', 'tensor(uint8)': 'uint8'}

#: Where a Jetson's onnxruntime-gpu comes from, by the major number of L4T: JetPack 4.6, 5 and 6.
_GPU_RUNTIMES = {'32': '1.11.0 (cp36) from https://elinux.org/Jetson_Zoo#ONNX_Runtime',
                 '35': '1.12.1 (cp38) from https://elinux.org/Jetson_Zoo#ONNX_Runtime',
                 '36': '(cp310) from https://pypi.jetson-ai-lab.io/jp6/cu126'}

_MIB = 1024 * 1024
#: CPU and GPU of a Nano share 4 GB. The networks need a tenth of this; a bug must not take what the page needs.
_CUDA_LIMIT_BYTES = 1024 * _MIB
#: Works for builds on a Nano; with more, tactics fail there for lack of memory.
_TENSORRT_WORKSPACE_BYTES = 256 * _MIB


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime with one provider, and the CPU for single nodes that the provider does not have.

    Args:
        model: the ONNX file.
        inputs: what the model must take.
        outputs: what the model must give.
        threads: CPU threads of one run; 0 for every core this process may use.
        provider: `TENSORRT`, `CUDA` or `CPU`. A session that ONNX Runtime silently moved elsewhere is refused.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``: what the file was made for.
        cache: folder in which the TensorRT provider keeps what it builds; ``''`` to build at every start.
    """

    name = 'onnxruntime'

    def __init__(self, model: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], threads: int = 0,
                 provider: str = CPU, precision: str = 'fp32', cache: str = '') -> None:
        super().__init__(model, inputs, outputs)
        # Counted here and not by ONNX Runtime, so that results and reports name the number that ran.
        self._threads = threads or len(os.sched_getaffinity(0))
        self._provider = provider
        self._precision = precision
        self._cache = cache
        self._session: Any = None

    def _activate(self) -> None:
        # Imported here: it costs 20 MB and a tenth of a second, which only this backend should pay.
        import onnxruntime

        require_provider(self._provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without VNNI the fast INT8 kernels saturate: a variant that is right would give wrong labels.
        options.add_session_config_entry('session.x64quantprecision', '1')
        providers = [(self._provider, provider_options(self._provider, self._precision, self._cache))]
        if self._provider != CPU:
            providers.append((CPU, {}))
        try:
            # Releases that know this argument raise where older ones go on with another provider.
            session = onnxruntime.InferenceSession(self._model, options, providers=providers, enable_fallback=0)
        except Exception as error:  # its exceptions have no common base across versions
            raise BackendError('backend-load', 'ONNX Runtime %s cannot load the model.' % onnxruntime.__version__,
                               'Install the bundle again.', detail=str(error))
        # Otherwise a run that fails moves the session to another provider, reported on standard output only.
        session.disable_fallback()
        if self._provider not in session.get_providers():
            raise BackendError('backend-provider', 'ONNX Runtime %s has %s but could not start it, and would have '
                               'used %s instead.'
                               % (onnxruntime.__version__, self._provider, ', '.join(session.get_providers())),
                               'Check that CUDA, cuDNN and TensorRT are those it was built with.')
        # The session's Python half would keep the file, to start again with other providers.
        session._model_bytes = self._model = None
        self._session = session
        self._version = onnxruntime.__version__
        self._fetches = [spec.name for spec in self.outputs]

    def _deactivate(self) -> None:
        self._session = None

    def _model_inputs(self) -> Tuple[TensorSpec, ...]:
        return tuple(_spec(node) for node in self._session.get_inputs())

    def _model_outputs(self) -> Tuple[TensorSpec, ...]:
        return tuple(_spec(node) for node in self._session.get_outputs())

    def _infer(self, feed: Tensors) -> Tensors:
        try:
            arrays = self._session.run(self._fetches, feed)
        except Exception as error:
            raise BackendError('backend-run', 'The model failed on a frame.',
                               'Restart the service if it happens again.', detail=str(error))
        return dict(zip(self._fetches, arrays))

    def describe(self) -> Dict[str, Any]:
        """Name, version, provider, device and precision, as shown beside a result."""
        return {'name': self.name, 'version': self._version, 'provider': self._provider,
                'device': 'CPU' if self._provider == CPU else 'GPU', 'precision': self._precision,
                'threads': self._threads}


def require_provider(provider: str) -> None:
    """Refuse a provider that this ONNX Runtime was built without.

    Raises:
        BackendError: ``backend-provider``.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise BackendError('backend-provider', 'ONNX Runtime %s was built without %s.'
                           % (onnxruntime.__version__, provider), _gpu_runtime_source(),
                           detail='it offers ' + ', '.join(available))


def _gpu_runtime_source() -> str:
    """Where this Jetson's ONNX Runtime with GPU providers comes from; ``''`` on other machines.

    PyPI has none for aarch64.
    """
    source = _GPU_RUNTIMES.get(board_facts()['l4t'].partition('.')[0])
    return 'To have it, replace onnxruntime with onnxruntime-gpu %s.' % source if source else ''


def provider_options(provider: str, precision: str, cache: str = '') -> Dict[str, str]:
    """Options of a provider for a board with 4 GB, as ONNX Runtime 1.10 and later take them.

    Args:
        cache: see `OnnxRuntimeBackend`.
    """
    if provider == CUDA:
        # The heuristic search makes no trial runs; the exhaustive one, ONNX Runtime's default, takes each algorithm's
        # largest workspace. The arena grows by what is needed and not to the next power of two.
        return {'cudnn_conv_algo_search': 'HEURISTIC', 'arena_extend_strategy': 'kSameAsRequested',
                'gpu_mem_limit': str(_CUDA_LIMIT_BYTES), 'do_copy_in_default_stream': 'True'}
    if provider == TENSORRT:
        options = {'trt_max_workspace_size': str(_TENSORRT_WORKSPACE_BYTES)}
        if precision != 'fp32':
            options['trt_%s_enable' % precision] = 'True'
        if cache:
            options.update(trt_engine_cache_enable='True', trt_engine_cache_path=cache)
        return options
    return {}


def _spec(node: Any) -> TensorSpec:
    shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
    dtype = _DTYPES.get(node.type)
    return TensorSpec(node.name, shape, np.dtype(dtype).name if dtype else node.type)
