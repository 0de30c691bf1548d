"""TensorRT: runs an engine that the store has checked."""
import contextlib
import os
import threading
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from ..messages import BackendError
from .base import WHOLE_RUN, Backend, Parts, Tensors, TensorSpec
from .cuda import Buffers, CudaContext, drop_frames, end_process, is_lasting, quietly
from .tensorrt_api import EngineInterface, LogLines, import_tensorrt, make_logger, open_engine, tells_of_memory

#: The first runs of an engine load its kernels and take many times as long as the others.
WARM_UP_RUNS = 3


class TensorRTBackend(Backend):
    """Runs a plan on the first GPU, on any TensorRT from 8.0 to 11.

    Everything happens in the thread that activates it: the CUDA context is current there and nowhere else.

    Args:
        plan: a plan whose hash was checked; TensorRT executes what is in it.
        inputs: what it must take.
        outputs: what it must give. An integer output of another width is converted: before 10 TensorRT makes INT64
            outputs INT32, from 10 on it keeps them.
        precision: what it was built for.
        record: its record, if it has one; names the engine.
        on_lost: called with the reason when CUDA reports a lasting error; must not return in a service. The default
            ends the process.
        cuda: how CUDA is reached, one of `base.CUDA_INTERFACES`.
    """

    name = 'tensorrt'

    def __init__(self, plan: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], precision: str,
                 record: Optional[Dict[str, Any]] = None, on_lost: Callable[[str], None] = end_process,
                 cuda: str = 'auto') -> None:
        super().__init__(plan, inputs, outputs)
        self._precision = precision
        self._engine_name = os.path.splitext(record['plan']['file'])[0] if record else ''
        self._on_lost, self._cuda = on_lost, cuda
        self._lines = LogLines()
        self._owner: Optional[int] = None
        self._parts_ms = WHOLE_RUN
        self._context: Optional[CudaContext] = None
        self._runtime: Any = None
        self._engine: Optional[EngineInterface] = None
        self._buffers: Optional[Buffers] = None

    def activate(self) -> None:
        """As `Backend.activate`, then run a few times on zeros, so that the first frame is not the slow one."""
        super().activate()
        try:
            for _ in range(WARM_UP_RUNS):
                self.infer({spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs})
        except BaseException:
            self.deactivate()
            raise

    @property
    def parts_ms(self) -> Parts:
        """The copies of the last run apart from the rest; measured by CUDA events where the stream copied."""
        return self._parts_ms

    def describe(self) -> Dict[str, Any]:
        """Name, TensorRT version, GPU, precision and engine, as shown beside a result."""
        return {'name': self.name, 'version': self._version, 'device': self._device, 'precision': self._precision,
                'engine': self._engine_name}

    def _activate(self) -> None:
        trt = import_tensorrt()
        self._version, self._owner = str(trt.__version__), threading.get_ident()
        self._context = CudaContext(self._cuda)
        self._context.push()
        self._device = self._context.device_name
        try:
            with self._errors('backend-load', 'TensorRT %s cannot load the engine' % self._version):
                self._load(trt, self._context.cuda)
        except BaseException as error:
            drop_frames(error)
            self._deactivate()
            raise
        self._model = None  # the engine holds its own copy

    def _load(self, trt: Any, cuda: ModuleType) -> None:
        self._logger = make_logger(trt, self._lines)
        self._runtime = trt.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(self._model)
        if engine is None and tells_of_memory(self._lines.reason()):
            raise BackendError('backend-memory', 'There is not enough memory to load the engine.',
                               'Close other programs or restart the device.', detail='\n'.join(self._lines.errors))
        if engine is None:
            raise BackendError('engine-refused', 'TensorRT %s refuses the engine: %s.'
                               % (self._version, self._lines.reason()), 'Build it again with thermoscreen compile.',
                               detail='\n'.join(self._lines.errors))
        self._engine = open_engine(engine)
        for spec in self._engine.inputs + self._engine.outputs:
            if min(spec.shape, default=1) < 1:
                raise BackendError('backend-tensors', 'The engine has no fixed size for %s; the device runs fixed '
                                   'sizes only.' % spec, 'Export the model again.')
        self._buffers = Buffers(cuda, self._engine.inputs, self._engine.outputs)
        self._engine.prepare(self._buffers.addresses())

    def _deactivate(self) -> None:
        if self._buffers is not None:
            self._buffers.free()
        # TensorRT wants its objects released in this order, and all of them before the context.
        self._buffers = None
        self._engine = None
        self._runtime = None
        if self._context is not None:
            quietly(self._context.pop)
        self._context = None

    def _model_inputs(self) -> Tuple[TensorSpec, ...]:
        assert self._engine is not None
        return self._engine.inputs

    def _model_outputs(self) -> Tuple[TensorSpec, ...]:
        assert self._engine is not None
        stated = {spec.name: spec for spec in self.outputs}
        return tuple(_as_stated(spec, stated.get(spec.name)) for spec in self._engine.outputs)

    def _infer(self, feed: Tensors) -> Tensors:
        assert self._engine is not None and self._buffers is not None
        if threading.get_ident() != self._owner:
            raise BackendError('backend-thread', 'The engine was used by another thread than the one that loaded it; '
                               'this is a fault of the program.', 'Restart the service.')
        self._lines.errors.clear()
        with self._errors('backend-run', 'The engine failed on a frame'):
            self._buffers.send(feed)
            # Bindings return True or False; an interface that returns None has not refused.
            if self._engine.run(self._buffers.stream.handle) is False:
                raise RuntimeError(self._lines.reason())
            outputs = self._buffers.receive(self.outputs)
            self._parts_ms = self._buffers.parts_ms()
            return outputs

    @contextlib.contextmanager
    def _errors(self, code: str, problem: str) -> Iterator[None]:
        """Raise CUDA's and TensorRT's exceptions as `BackendError`; lasting ones end the process."""
        try:
            yield
        except BackendError:
            raise
        except Exception as error:  # pycuda's classes exist only after its import; TensorRT raises RuntimeError
            drop_frames(error)  # whoever keeps the error would keep streams and memory beyond their context
            reason = '; '.join([str(error) or type(error).__name__] + [line for line in self._lines.errors[:1]
                                                                        if line.rstrip('. ') != str(error)])
            if is_lasting(reason):
                self._on_lost(reason)
                raise BackendError('cuda-lost', 'The GPU reports an error that lasts until the program is restarted '
                                   '(%s).' % reason, 'Restart the service.', detail=repr(error))
            if tells_of_memory(reason):
                raise BackendError('backend-memory', '%s for lack of memory (%s).' % (problem, reason),
                                   'Close other programs or restart the device.', detail=repr(error))
            raise BackendError(code, '%s (%s).' % (problem, reason), 'Restart the service if it happens again.',
                               detail=repr(error))


def _as_stated(spec: TensorSpec, stated: Optional[TensorSpec]) -> TensorSpec:
    """The spec with the manifest's dtype where both are integers: `Buffers.receive` converts."""
    if stated is not None and np.dtype(stated.dtype).kind == 'i' and _kind(spec.dtype) == 'i':
        return TensorSpec(spec.name, spec.shape, stated.dtype)
    return spec


def _kind(dtype: str) -> str:
    try:
        return np.dtype(dtype).kind
    except TypeError:  # FP8 and others that numpy does not have
        return ''
