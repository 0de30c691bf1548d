"""CUDA: how it is reached, the context of the GPU, the buffers of one engine, and the errors that end the process.

CUDA is reached by one of two modules that offer the same names: `cuda_driver`, or `pycuda.driver`.
"""
import logging
import os
import sys
import threading
import time
import traceback
from types import ModuleType, TracebackType
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type

import numpy as np

from ..messages import BackendError
from . import cuda_driver
from .base import Parts, Tensors, TensorSpec

#: Exit code of a process whose CUDA context is lost, so that its supervisor restarts it. sysexits.h ends at 78.
LOST_EXIT_CODE = 79

#: How the driver, the runtime and pycuda word errors after which, in the words of the CUDA runtime API, "the only way
#: to return to a consistent state is to terminate the process".
_LASTING = ('illegal address', 'illegal memory access', 'illegal instruction', 'launch failed', 'launch failure',
            'launch timed out', 'launch timeout', 'misaligned address', 'global/shared address space',
            'invalid program counter', 'device-side assert', 'hardware stack error', 'uncorrectable',
            'context is destroyed', 'context has been destroyed', 'context was destroyed', 'invalid device context',
            'device unavailable', 'driver shutting down')

#: What to do where CUDA does not start, by what the driver says. Everything else gets the last entry.
_REMEDIES = (
    ('no cuda-capable device', 'Check that the GPU\'s kernel driver is loaded and that this account may use it: on a '
     'Jetson, it must be in the group video.'),
    ('out of memory', 'Close other programs, or restart the device.'),
    ('stub library', 'Take the folder "stubs" of the CUDA toolkit out of LD_LIBRARY_PATH.'),
    ('cuda driver combination', 'Restart the device: the driver was updated.'),
    ('', 'Restart the device; if that does not help, install the NVIDIA driver again.'))

_log = logging.getLogger(__name__)

#: Of each thread: the `context` that is current there, and how many `users` it has.
_current = threading.local()


def cuda_library(interface: str = 'auto') -> ModuleType:
    """The module that reaches CUDA.

    Args:
        interface: one of `base.CUDA_INTERFACES`; ``'auto'`` is pycuda where it is installed and works, else the driver.
    Raises:
        BackendError: ``cuda-missing``: pycuda is asked for and cannot be imported.
    """
    if interface != 'driver':
        try:
            import pycuda.driver
            return pycuda.driver
        except Exception as error:  # without a driver, or built for another numpy, the import itself fails
            if interface == 'pycuda':
                raise BackendError('cuda-missing', 'pycuda cannot be used (%s).' % _reason(error), 'Install it, or '
                                   'set cuda to "auto" in the settings.', detail=repr(error))
            _log.debug('pycuda is not used: %s', error)
    return cuda_driver


def first_gpu(interface: str = 'auto') -> Tuple[str, int]:
    """Name, and compute capability times ten, of the first GPU.

    Raises:
        BackendError: ``cuda-missing``.
    """
    try:
        device = _first_device(cuda_library(interface))
        major, minor = device.compute_capability()
        return str(device.name()), 10 * major + minor
    except Exception as error:
        raise _unreachable(error)


class CudaContext:
    """A context of the first GPU, current in one thread between `push` and `pop`.

    Never `pycuda.autoinit`: it creates a context in whichever thread imports it, and a TensorRT service with web
    threads then dies in the first request. Nor the device's primary context: releasing it (cuDevicePrimaryCtxRelease)
    does not take it off the thread, and neither does pycuda. TensorRT works in the current context, so there is only
    one in a thread: two engines of a bundle share it, and it ends with the last `pop`.

    Args:
        interface: as of `cuda_library`.
    Attributes:
        cuda: the module that reaches CUDA, once the context was pushed.
        device_name: name of the GPU, likewise.
    """

    def __init__(self, interface: str = 'auto') -> None:
        self._interface = interface
        self._pushed = False
        self.cuda: ModuleType = cuda_driver
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
        """Create the context and make it current in the calling thread, where it is not so already.

        Raises:
            BackendError: ``cuda-missing`` where there is no driver or no GPU, or where it has no memory left.
        """
        try:
            self.cuda = cuda_library(self._interface)
            device = _first_device(self.cuda)
            self.device_name = str(device.name())
            if not getattr(_current, 'users', 0):
                _current.context, _current.users = device.make_context(), 0
            _current.users += 1
            self._pushed = True
        except Exception as error:
            raise _unreachable(error)

    def pop(self) -> None:
        """Take the context off the thread that pushed it, and end it, unless others use it. May be called twice."""
        if not self._pushed:
            return
        self._pushed = False
        _current.users -= 1
        if not _current.users:
            context, _current.context = _current.context, None
            for step in ('pop', 'detach'):
                quietly(getattr(context, step))


class Buffers:
    """Static buffers of an engine, allocated once, so that a frame allocates nothing on the device.

    On boards below compute capability 7.2 neither the CPU nor the GPU caches pinned memory ([NvidiaTegra2021]). It is
    used for the copies only, and an output is copied out of it once before numpy works on it.

    Args:
        cuda: as of `CudaContext`.
        inputs: of static shape.
        outputs: of static shape.
    """

    def __init__(self, cuda: ModuleType, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        self._cuda = cuda
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


def _first_device(cuda: ModuleType) -> Any:
    cuda.init()
    return cuda.Device(0)


def _unreachable(error: Exception) -> BackendError:
    """Why CUDA cannot be used; each step to a context fails in its own way, and pycuda's classes may not exist."""
    if isinstance(error, BackendError):
        return error
    reason = _reason(error)
    remedy = next(remedy for words, remedy in _REMEDIES if words in reason.lower())
    return BackendError('cuda-missing', 'The GPU cannot be used (%s).' % reason, remedy, detail=repr(error))


def _reason(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
