"""TensorRT: runs an engine that the store has checked."""
import contextlib
import os
import threading

import numpy as np

from ..messages import BackendError
from .base import WHOLE_RUN, Backend, TensorSpec
from .cuda_errors import end_process, is_lasting
from .cuda_memory import Buffers, CudaContext, drop_frames, quietly
from .tensorrt_api import import_tensorrt, open_engine
from .tensorrt_log import Lines, make_logger, tells_of_memory

#: The first runs of an engine load its kernels and take many times as long as the others.
WARM_UP_RUNS = 3


class TensorRTBackend(Backend):
    """Runs a plan on the first GPU, on any TensorRT from 8.0 to 11.

    Everything happens in the thread that activates it: the CUDA context is current there and nowhere else.

    Args:
        plan (bytes): a plan whose hash was checked; TensorRT executes what is in it.
        inputs, outputs (tuple of TensorSpec): what it must offer. An integer output of another width is
            converted: TensorRT before 10 makes INT64 outputs INT32, from 10 on they stay.
        precision (str): what it was built for, as it is shown.
        record (dict): its sidecar, where it has one; names the engine.
        on_lost (callable): called with the reason when CUDA reports an error that stays; must not return
            in a service. Default: end the process.
    """

    name = 'tensorrt'

    def __init__(self, plan, inputs, outputs, precision, record=None, on_lost=end_process):
        super().__init__(plan, inputs, outputs)
        self._precision = precision
        self._engine_name = os.path.splitext(record['plan']['file'])[0] if record else ''
        self._on_lost = on_lost
        self._lines = Lines()
        self._owner = None
        self._parts_ms = WHOLE_RUN
        self._context = self._runtime = self._face = self._buffers = None

    def activate(self):
        """As `Backend.activate`, then run a few times on zeros, so that the first frame is not the slow one."""
        super().activate()
        try:
            for _ in range(WARM_UP_RUNS):
                self.infer({spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs})
        except BaseException:
            self.deactivate()
            raise

    @property
    def parts_ms(self):
        """The copies of the last run apart from the rest; by CUDA events where the stream copied."""
        return self._parts_ms

    def describe(self):
        """Name, TensorRT version, GPU, precision and engine as they are shown beside a result."""
        return {'name': self.name, 'version': self._version, 'device': self._device, 'precision': self._precision,
                'engine': self._engine_name}

    def _activate(self):
        trt = import_tensorrt()
        self._version, self._owner = str(trt.__version__), threading.get_ident()
        self._context = CudaContext()
        self._context.push()
        self._device = self._context.device_name
        try:
            with self._errors('backend-load', 'TensorRT %s cannot load the engine' % self._version):
                self._load(trt)
        except BaseException as error:
            drop_frames(error)
            self._deactivate()
            raise
        self._model = None  # the engine holds its own copy

    def _load(self, trt):
        self._logger = make_logger(trt, self._lines)
        self._runtime = trt.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(self._model)
        if engine is None and tells_of_memory(self._lines.reason()):
            raise BackendError('backend-memory', 'There is not enough memory to load the engine; close other programs '
                               'or restart the device.', detail='\n'.join(self._lines.errors))
        if engine is None:
            raise BackendError('engine-refused', 'TensorRT %s refuses the engine: %s. Build it again with thermoscreen '
                               'compile.' % (self._version, self._lines.reason()), detail='\n'.join(self._lines.errors))
        self._face = open_engine(engine)
        for spec in self._face.inputs + self._face.outputs:
            if min(spec.shape, default=1) < 1:
                raise BackendError('backend-tensors', 'The engine has no fixed size for %s; the device runs fixed '
                                   'sizes only. Export the model again.' % spec)
        self._buffers = Buffers(self._face.inputs, self._face.outputs)
        self._face.prepare(self._buffers.addresses())

    def _deactivate(self):
        if self._buffers is not None:
            self._buffers.free()
        # TensorRT wants its objects gone in this order, and all of them before the context.
        self._buffers = None
        self._face = None
        self._runtime = None
        if self._context is not None:
            quietly(self._context.pop)
        self._context = None

    def _model_inputs(self):
        return self._face.inputs

    def _model_outputs(self):
        wanted = {spec.name: spec for spec in self.outputs}
        return tuple(_as_wanted(spec, wanted.get(spec.name)) for spec in self._face.outputs)

    def _infer(self, feed):
        if threading.get_ident() != self._owner:
            raise BackendError('backend-thread', 'The engine was used by another thread than the one that loaded it; '
                               'this is a fault of the program. Restart the service.')
        self._lines.errors.clear()
        with self._errors('backend-run', 'The engine failed on a frame'):
            self._buffers.send(feed)
            # 8.0's bindings answer True or False, and a newer one that answers nothing has not refused.
            if self._face.run(self._buffers.stream.handle) is False:
                raise RuntimeError(self._lines.reason())
            outputs = self._buffers.receive(self.outputs)
            self._parts_ms = self._buffers.parts_ms()
            return outputs

    @contextlib.contextmanager
    def _errors(self, code, sentence):
        """CUDA's and TensorRT's exceptions as ours; those that stay end the process."""
        try:
            yield
        except BackendError:
            raise
        except Exception as error:  # pycuda's classes have no name before it is imported, TensorRT's none at all
            said = '; '.join([str(error) or type(error).__name__] + [line for line in self._lines.errors[:1]
                                                                      if line.rstrip('. ') != str(error)])
            if is_lasting(said):
                self._on_lost(said)
                raise BackendError('cuda-lost', 'The GPU reports an error that lasts until the program is started '
                                   'again (%s).' % said, detail=repr(error))
            if tells_of_memory(said):
                raise BackendError('backend-memory', '%s for want of memory (%s); close other programs or restart the '
                                   'device.' % (sentence, said), detail=repr(error))
            raise BackendError(code, '%s (%s); if it happens again, restart the service.' % (sentence, said),
                               detail=repr(error))


def _as_wanted(found, wanted):
    """The spec with the manifest's dtype where both are integers: `Buffers.receive` converts."""
    both = wanted is not None and {np.dtype(wanted.dtype).kind, _kind(found.dtype)} == {'i'}
    return TensorSpec(found.name, found.shape, wanted.dtype) if both else found


def _kind(dtype):
    try:
        return np.dtype(dtype).kind
    except TypeError:  # FP8 and others that numpy has not
        return ''
