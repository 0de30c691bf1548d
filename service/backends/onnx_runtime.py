"""ONNX Runtime: runs a bundle anywhere, and is the reference for every engine."""
import os

import numpy as np

from ..errors import BackendError
from .base import Backend, TensorSpec

_DTYPES = {'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(int32)': 'int32',
           'tensor(int64)': 'int64', 'tensor(uint8)': 'uint8'}


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime's CPU provider.

    Args:
        threads (int): threads of one run; 0 for every core this process may use.
    """

    name = 'onnxruntime'

    def __init__(self, model, inputs, outputs, threads=0):
        super().__init__(model, inputs, outputs)
        # Counted here and not left to ONNX Runtime, so that a result and a report name the number that ran.
        self._threads = threads or len(os.sched_getaffinity(0))
        self._session = None

    def _activate(self):
        # Imported here: it costs 20 MB and a tenth of a second, which only this backend should pay.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(self._model, options, providers=['CPUExecutionProvider'])
        except Exception as error:  # its exceptions have no common base across versions
            raise BackendError('backend-load', 'ONNX Runtime %s cannot load the model; install the bundle again.'
                               % onnxruntime.__version__, str(error))
        self._model = None  # the session holds its own copy
        self._version = onnxruntime.__version__
        self._fetches = [spec.name for spec in self.outputs]

    def _deactivate(self):
        self._session = None

    def _model_inputs(self):
        return tuple(_spec(node) for node in self._session.get_inputs())

    def _model_outputs(self):
        return tuple(_spec(node) for node in self._session.get_outputs())

    def _infer(self, feed):
        try:
            arrays = self._session.run(self._fetches, feed)
        except Exception as error:
            raise BackendError('backend-run', 'The model failed on a frame; if it happens again, restart the '
                               'service.', str(error))
        return dict(zip(self._fetches, arrays))

    def describe(self):
        """Name, version, device and precision as they are shown beside a result."""
        return {'name': self.name, 'version': self._version, 'device': 'CPU', 'precision': 'fp32',
                'threads': self._threads}


def _spec(node):
    shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
    dtype = _DTYPES.get(node.type)
    return TensorSpec(node.name, shape, np.dtype(dtype).name if dtype else node.type)
