"""CUDA's driver API through ctypes, under the names that `pycuda.driver` gives it.

There is no wheel of pycuda for ARM, and a stock board cannot build one. ``libcuda.so.1`` is part of every driver, and
the functions used here have kept their signatures since CUDA 4. Only the names that the station uses are here; what
each of them does is what pycuda's does. Contexts belong to their creator: nothing is created by the import.
"""
import builtins
import contextlib
import ctypes
import functools
import os
import platform
import struct
import weakref
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple, Type, Union

import numpy as np

from ..messages import BackendError

#: The driver's library, as the loader finds it.
LIBRARY = 'libcuda.so.1'

_Handle, _Address, _Size, _Int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
_Text, _Pointer = ctypes.c_char_p, ctypes.POINTER

#: Arguments of the functions. Each returns an int: 0, or the number of an error.
_SIGNATURES: Dict[str, Sequence[Any]] = {
    'cuInit': (ctypes.c_uint,),
    'cuDeviceGet': (_Pointer(_Int), _Int),
    'cuDeviceGetName': (_Text, _Int, _Int),
    'cuDeviceGetAttribute': (_Pointer(_Int), _Int, _Int),
    'cuDeviceTotalMem_v2': (_Pointer(_Size), _Int),
    'cuCtxCreate_v2': (_Pointer(_Handle), ctypes.c_uint, _Int),
    'cuCtxDestroy_v2': (_Handle,),
    'cuCtxGetCurrent': (_Pointer(_Handle),),
    'cuCtxPushCurrent_v2': (_Handle,),
    'cuCtxPopCurrent_v2': (_Pointer(_Handle),),
    'cuMemGetInfo_v2': (_Pointer(_Size), _Pointer(_Size)),
    'cuMemAlloc_v2': (_Pointer(_Address), _Size),
    'cuMemFree_v2': (_Address,),
    'cuMemHostAlloc': (_Pointer(_Handle), _Size, ctypes.c_uint),
    'cuMemFreeHost': (_Handle,),
    'cuStreamCreate': (_Pointer(_Handle), ctypes.c_uint),
    'cuStreamDestroy_v2': (_Handle,),
    'cuStreamSynchronize': (_Handle,),
    'cuEventCreate': (_Pointer(_Handle), ctypes.c_uint),
    'cuEventDestroy_v2': (_Handle,),
    'cuEventRecord': (_Handle, _Handle),
    'cuEventElapsedTime': (_Pointer(ctypes.c_float), _Handle, _Handle),
    'cuMemcpyHtoD_v2': (_Address, _Handle, _Size),
    'cuMemcpyHtoDAsync_v2': (_Address, _Handle, _Size, _Handle),
    'cuMemcpyDtoHAsync_v2': (_Handle, _Address, _Size, _Handle),
    'cuGetErrorName': (_Int, _Pointer(_Text)),
    'cuGetErrorString': (_Int, _Pointer(_Text)),
}

_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR = 75, 76

#: Errors of cuda.h that this module raises itself.
_INVALID_VALUE, _INVALID_CONTEXT = 1, 201

#: ELF's numbers of the processors that a driver exists for, by `platform.machine`.
_ELF_MACHINES = {'x86_64': 0x3E, 'aarch64': 0xB7, 'armv7l': 0x28, 'i686': 0x03}
_ELF_HEADER = struct.Struct('<4s14xH')


class Error(Exception):
    """A call that failed; its text names the call, what the driver says, and the error of cuda.h."""


class MemoryError(Error, builtins.MemoryError):
    """Memory of the device, or pinned memory, ran out."""


class LogicError(Error):
    """A wrong call, or any call after the device has failed."""


class LaunchError(Error):
    """A kernel that failed."""


class RuntimeError(Error):
    """There is no device, or it is not ready."""


#: pycuda's order of the errors of cuda.h: out of memory; no device, no binary, uncorrectable ECC error, file not found,
#: not ready; launch out of resources, timeout, incompatible texturing, failed; unknown.
_CLASSES: Dict[int, Type[Error]] = dict(
    [(2, MemoryError)] + [(status, RuntimeError) for status in (100, 209, 214, 301, 600)]
    + [(status, LaunchError) for status in (701, 702, 703, 719)] + [(999, Error)])


class _Library:
    """The loaded library; `contexts` holds the living ones by handle."""

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise _not_loaded(path, str(error))
        self.contexts: 'weakref.WeakValueDictionary[int, Context]' = weakref.WeakValueDictionary()
        self._functions = {}
        for name, arguments in _SIGNATURES.items():
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise BackendError('cuda-missing', '%s is not the library of a CUDA driver: it has no %s.'
                                   % (path, name), 'Install the NVIDIA driver again.')
            function.argtypes, function.restype = list(arguments), ctypes.c_int
            self._functions[name] = function

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function; raises `Error` unless it returns 0."""
        status = self._functions[name](*arguments)
        if status:
            raise self.failure(name, status)

    def failure(self, name: str, status: int, detail: str = '') -> Error:
        """The exception of a failed call."""
        sentence = self._text('cuGetErrorString', status) or 'error %d' % status
        constant = self._text('cuGetErrorName', status) or str(status)
        return _CLASSES.get(status, LogicError)('%s failed: %s%s (%s)' % (
            name.replace('_v2', ''), sentence, ' - ' + detail if detail else '', constant))

    def current(self) -> 'Context':
        """The context of the calling thread."""
        handle = _Handle()
        self.call('cuCtxGetCurrent', ctypes.byref(handle))
        if not handle.value:
            raise self.failure('cuCtxGetCurrent', _INVALID_CONTEXT, 'no context is current in this thread')
        return self.contexts.get(handle.value) or Context(self, handle.value)

    def _text(self, name: str, status: int) -> str:
        text = _Text()
        self._functions[name](status, ctypes.byref(text))
        return (text.value or b'').decode('utf-8', 'replace')


@functools.lru_cache(maxsize=None)
def _open(path: str) -> _Library:
    return _Library(path)


def _library() -> _Library:
    return _open(LIBRARY)


def init() -> None:
    """Load and initialise the driver.

    Raises:
        BackendError: ``cuda-missing``: there is no driver, or none for this machine.
    """
    _library().call('cuInit', 0)


class Device:
    """A GPU.

    Args:
        number: 0 for the first.
    """

    def __init__(self, number: int) -> None:
        self._library = _library()
        device = _Int()
        self._library.call('cuDeviceGet', ctypes.byref(device), number)
        self._device = device.value

    def name(self) -> str:
        """As the driver calls it, such as ``'NVIDIA Tegra X1'``."""
        text = ctypes.create_string_buffer(256)
        self._library.call('cuDeviceGetName', text, len(text), self._device)
        return text.value.decode('utf-8', 'replace')

    def compute_capability(self) -> Tuple[int, int]:
        """Major and minor number."""
        return self._attribute(_COMPUTE_CAPABILITY_MAJOR), self._attribute(_COMPUTE_CAPABILITY_MINOR)

    def total_memory(self) -> int:
        """Memory in bytes."""
        total = _Size()
        self._library.call('cuDeviceTotalMem_v2', ctypes.byref(total), self._device)
        return total.value

    def make_context(self) -> 'Context':
        """A new context, current in the calling thread."""
        handle = _Handle()
        self._library.call('cuCtxCreate_v2', ctypes.byref(handle), 0, self._device)
        return Context(self._library, handle.value or 0)

    def _attribute(self, number: int) -> int:
        value = _Int()
        self._library.call('cuDeviceGetAttribute', ctypes.byref(value), number, self._device)
        return value.value


class Context:
    """A context of a device; `detach` ends it, with everything that is left in it."""

    def __init__(self, library: _Library, handle: int) -> None:
        self.library, self.handle, self.alive = library, handle, True
        library.contexts[handle] = self

    def push(self) -> None:
        """Make it current in the calling thread."""
        self._check()
        self.library.call('cuCtxPushCurrent_v2', self.handle)

    def pop(self) -> None:
        """Take the current context off the calling thread."""
        self.library.call('cuCtxPopCurrent_v2', ctypes.byref(_Handle()))

    def detach(self) -> None:
        """Destroy it."""
        self._check()
        self.alive = False
        self.library.call('cuCtxDestroy_v2', self.handle)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Current for a moment, in whichever thread drops the last reference to a resource."""
        self.push()
        try:
            yield
        finally:
            self.pop()

    def _check(self) -> None:
        if not self.alive:
            raise self.library.failure('Context', _INVALID_CONTEXT, 'it was detached')


class _Resource:
    """What belongs to the current context. It goes with the last reference, or before with its context.

    Args:
        creator: function that writes a handle to its first argument.
        destroyer: function that takes the handle.
    """

    def __init__(self, handle: Any, creator: str, destroyer: str, *arguments: Any) -> None:
        self._handle, self._destroyer = 0, destroyer
        self._context = _library().current()
        self._context.library.call(creator, ctypes.byref(handle), *arguments)
        self._handle = handle.value or 0

    def release(self) -> None:
        """Give it back, unless that was done or its context took it along: a stale handle crashes the driver."""
        handle, self._handle = self._handle, 0
        if handle and self._context.alive:
            with self._context.active():
                self._context.library.call(self._destroyer, handle)

    def __del__(self) -> None:
        try:
            self.release()
        except Exception:  # on a lost device this fails, as everything does; nobody could act on it here
            pass


class DeviceAllocation(_Resource):
    """Memory of the device; `int` gives its address."""

    def __init__(self, nbytes: int) -> None:
        super().__init__(_Address(), 'cuMemAlloc_v2', 'cuMemFree_v2', nbytes)

    def __int__(self) -> int:
        return self._handle

    __index__ = __int__

    def free(self) -> None:
        """Give the memory back."""
        if not self._handle:
            raise self._context.library.failure('cuMemFree', _INVALID_VALUE, 'it was freed before')
        self.release()


class _PinnedMemory(_Resource):
    """Memory of the CPU that the GPU copies without the CPU's help; the base of a numpy array."""

    def __init__(self, nbytes: int) -> None:
        super().__init__(_Handle(), 'cuMemHostAlloc', 'cuMemFreeHost', nbytes, 0)
        self.__array_interface__ = {'shape': (nbytes,), 'typestr': '|u1', 'data': (self._handle, False), 'version': 3}


class Stream(_Resource):
    """A queue of work on the device."""

    def __init__(self) -> None:
        super().__init__(_Handle(), 'cuStreamCreate', 'cuStreamDestroy_v2', 0)

    @property
    def handle(self) -> int:
        """As TensorRT takes it."""
        return self._handle

    def synchronize(self) -> None:
        """Wait until its work is done."""
        self._context.library.call('cuStreamSynchronize', self._handle)


class Event(_Resource):
    """A mark in a stream, with its time."""

    def __init__(self) -> None:
        super().__init__(_Handle(), 'cuEventCreate', 'cuEventDestroy_v2', 0)

    def record(self, stream: Optional[Stream] = None) -> 'Event':
        """Put the mark behind what the stream holds now."""
        self._context.library.call('cuEventRecord', self._handle, _stream_handle(stream))
        return self

    def time_till(self, later: 'Event') -> float:
        """Milliseconds to another mark; the device must have passed both."""
        took_ms = ctypes.c_float()
        self._context.library.call('cuEventElapsedTime', ctypes.byref(took_ms), self._handle, later._handle)
        return took_ms.value


def mem_alloc(nbytes: int) -> DeviceAllocation:
    """Memory of the device, in the current context."""
    return DeviceAllocation(nbytes)


def mem_get_info() -> Tuple[int, int]:
    """Free and total memory of the device in bytes."""
    free, total = _Size(), _Size()
    _library().call('cuMemGetInfo_v2', ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value


def pagelocked_empty(shape: Union[int, Sequence[int]], dtype: Any) -> np.ndarray:
    """An array in pinned memory, in the current context; freed with the last view of it."""
    nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return np.asarray(_PinnedMemory(nbytes)).view(dtype).reshape(shape)


def memcpy_htod(dest: Any, src: np.ndarray) -> None:
    """Copy an array to the device, and wait for it."""
    _library().call('cuMemcpyHtoD_v2', int(dest), _pointer(src), src.nbytes)


def memcpy_htod_async(dest: Any, src: np.ndarray, stream: Optional[Stream] = None) -> None:
    """Enqueue a copy to the device; keep the array until the stream has done it."""
    _library().call('cuMemcpyHtoDAsync_v2', int(dest), _pointer(src), src.nbytes, _stream_handle(stream))


def memcpy_dtoh_async(dest: np.ndarray, src: Any, stream: Optional[Stream] = None) -> None:
    """Enqueue a copy from the device; keep the array until the stream has done it."""
    if not dest.flags.writeable:
        raise ValueError('The array is read-only.')
    _library().call('cuMemcpyDtoHAsync_v2', _pointer(dest), int(src), dest.nbytes, _stream_handle(stream))


def _stream_handle(stream: Optional[Stream]) -> int:
    return 0 if stream is None else stream.handle


def _pointer(array: np.ndarray) -> int:
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        raise ValueError('The array is not contiguous.')
    return int(array.__array_interface__['data'][0])


def _not_loaded(path: str, reason: str) -> BackendError:
    """Why the loader does not take the library. It says "No such file" of a library for another processor too."""
    machine = platform.machine()
    foreign = _foreign_library(path, machine)
    if foreign is not None:
        return BackendError('cuda-missing', '%s is a driver for %s; this machine is %s.' % (foreign + (machine,)),
                            'Install the NVIDIA driver of this machine.', detail=reason)
    if path in reason and 'No such file' in reason:
        return BackendError('cuda-missing', 'There is no NVIDIA driver: the loader does not find %s.' % path,
                            'Install it: on a Jetson, sudo apt install nvidia-l4t-cuda; in a container, start it with '
                            '--runtime nvidia.', detail=reason)
    return BackendError('cuda-missing', 'The NVIDIA driver cannot be loaded (%s).' % reason,
                        'Install it again; in a container, start it with --runtime nvidia.', detail=reason)


def _foreign_library(name: str, machine: str) -> Optional[Tuple[str, str]]:
    """Path of a library for another processor, and that processor; None where the library is not of that kind."""
    for folder in _library_folders(machine):
        path = os.path.join(folder, name)
        try:
            with open(path, 'rb') as stream:
                magic, number = _ELF_HEADER.unpack(stream.read(_ELF_HEADER.size))
        except (OSError, struct.error):
            continue
        if magic == b'\x7fELF' and number != _ELF_MACHINES.get(machine, number):
            names = [known for known, other in _ELF_MACHINES.items() if other == number]
            return path, names[0] if names else 'another processor'
    return None


def _library_folders(machine: str) -> Sequence[str]:
    """Where the loader looks for a driver's library; the first ones are those of the environment."""
    triplet = '/usr/lib/%s-linux-gnu' % machine
    return [folder for folder in os.environ.get('LD_LIBRARY_PATH', '').split(':') if folder] + [
        triplet + '/tegra', triplet + '/nvidia', triplet, '/usr/lib64', '/usr/lib', '/usr/local/cuda/compat']
