"""CUDA: the context of the GPU, the buffers of one engine, and the errors that end the process."""
import logging
import os
import sys
import time
import traceback
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Sequence, Type

import numpy as np

from ..messages import BackendError
from .base import Parts, Tensors, TensorSpec

#: Exit code of a process whose CUDA context is lost, so that its supervisor restarts it. sysexits.h ends at 78.
LOST_EXIT_CODE = 79

#: How the driver, the runtime and pycuda word errors after which, in the words of the CUDA runtime API, "the only way
#: to return to a consistent state is to terminate the process".
_LASTING = ('illegal address', 'illegal memory access', 'illegal instruction', 'launch failed', 'launch failure',
            'launch timed out', 'launch timeout', 'misaligned address', 'invalid program counter', 'device-side assert',
            'hardware stack error', 'uncorrectable', 'context is destroyed', 'context has been destroyed',
            'context was destroyed', 'invalid device context', 'device unavailable', 'driver shutting down')

_log = logging.getLogger(__name__)


class CudaContext:
    """A context of the first GPU, current in one thread between `push` and `pop`.

    Never `pycuda.autoinit`: it creates a context in whichever thread imports it, and a TensorRT service with web
    threads then dies in the first request. Nor the device's primary context: releasing it (cuDevicePrimaryCtxRelease)
    does not take it off the thread, and neither does pycuda. TensorRT works in the current context, so there is only
    this one.
    """

    def __init__(self) -> None:
        self._context: Any = None
        self.device_name = ''

    def __enter__(self) -> 'CudaContext':
        self.push()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if error is not None:
            drop_frames(error)
        self.pop()

    def push(self) -> None:
        """Create the context and make it current in the calling thread.

        Raises:
            BackendError: ``cuda-missing`` where there is no pycuda, no driver or no GPU.
        """
        try:
            import pycuda.driver as cuda

            cuda.init()
            device = cuda.Device(0)
            self._context = device.make_context()
            self.device_name = str(device.name())
        except Exception as error:  # without a driver the import itself fails; each later step fails in its own way
            raise BackendError('cuda-missing', 'The GPU cannot be used (%s).' % (str(error) or type(error).__name__),
                               'Install pycuda and check the driver.', detail=repr(error))

    def pop(self) -> None:
        """Take the context off the thread that pushed it, and end it. May be called twice."""
        context, self._context = self._context, None
        if context is not None:
            for step in ('pop', 'detach'):
                quietly(getattr(context, step))


class Buffers:
    """Static buffers of an engine, allocated once, so that a frame allocates nothing on the device.

    On boards below compute capability 7.2 neither the CPU nor the GPU caches pinned memory ([NvidiaTegra2021]). It is
    used for the copies only, and an output is copied out of it once before numpy works on it.

    Args:
        inputs: of static shape.
        outputs: of static shape.
    """

    def __init__(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        import pycuda.driver as cuda

        self._cuda: Any = cuda
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self.stream: Any = cuda.Stream()
        # Around the copies in and the copies out: the CPU does not wait for the stream.
        self._marks: List[Any] = [cuda.Event() for _ in range(4)]
        self._host_in_ms = self._host_out_ms = 0.0
        self._pinned: Tensors = {}
        self._device: Dict[str, Any] = {}
        for spec in self._inputs + self._outputs:
            self._pinned[spec.name] = cuda.pagelocked_empty(spec.shape, np.dtype(spec.dtype))
            self._device[spec.name] = cuda.mem_alloc(self._pinned[spec.name].nbytes)

    def addresses(self) -> Dict[str, int]:
        """Device address by tensor name."""
        return {name: int(memory) for name, memory in self._device.items()}

    def send(self, feed: Tensors) -> None:
        """Copy a feed to pinned memory and enqueue its copies to the device."""
        began = time.perf_counter()
        for spec in self._inputs:
            np.copyto(self._pinned[spec.name], feed[spec.name])
        self._host_in_ms = (time.perf_counter() - began) * 1e3
        self._marks[0].record(self.stream)
        for spec in self._inputs:
            self._cuda.memcpy_htod_async(self._device[spec.name], self._pinned[spec.name], self.stream)
        self._marks[1].record(self.stream)

    def receive(self, specs: Sequence[TensorSpec]) -> Tensors:
        """Enqueue the copies of the outputs, wait for the stream, and copy them out of pinned memory.

        Args:
            specs: names and dtypes of the arrays that are returned.
        """
        self._marks[2].record(self.stream)
        for spec in self._outputs:
            self._cuda.memcpy_dtoh_async(self._pinned[spec.name], self._device[spec.name], self.stream)
        self._marks[3].record(self.stream)
        self.stream.synchronize()
        began = time.perf_counter()
        arrays = {spec.name: np.array(self._pinned[spec.name], dtype=spec.dtype) for spec in specs}
        self._host_out_ms = (time.perf_counter() - began) * 1e3
        return arrays

    def parts_ms(self) -> Parts:
        """Stages of the last run: copies to and from pinned memory and over the bus, and what was between them."""
        before, sent, done, received = self._marks
        return (('copy_in', self._host_in_ms + before.time_till(sent)), ('infer', None),
                ('copy_out', self._host_out_ms + done.time_till(received)))

    def free(self) -> None:
        """Free the memory while the context is current. May be called twice."""
        for memory in self._device.values():
            quietly(memory.free)
        self._device, self._pinned, self._marks, self.stream = {}, {}, [], None


def is_lasting(text: str) -> bool:
    """Whether the wording of an error means that the context is lost."""
    text = text.lower()
    return any(words in text for words in _LASTING)


def end_process(reason: str) -> None:
    """Log one line and end the process at once.

    An exception would not do: clean-up would call CUDA again, which hangs or fails on a lost context, and the worker's
    thread could not end the process anyway.
    """
    _log.critical('The GPU is lost (%s). The process ends with code %d and must be restarted.', reason, LOST_EXIT_CODE)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(LOST_EXIT_CODE)


def drop_frames(error: Optional[BaseException]) -> None:
    """Clear the local variables of the calls that failed: TensorRT objects must not outlive the context."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def quietly(release: Callable[[], Any]) -> None:
    """Call a release function. After a lasting CUDA error each of them fails too, and says nothing new."""
    try:
        release()
    except Exception as error:
        _log.debug('not released: %s', error)
