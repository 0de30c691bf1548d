"""The fake GPU behind a loaded stand-in: what TensorRT's double asks of `pycuda_double.World`, from its books."""
import ctypes
import itertools
import weakref

import numpy as np

from ..pycuda_double import BadAddressError, errors

_HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_uint64)
_RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)

#: What must be 0 when everything was given back, and how it is told.
_LEAKS = {'contexts': 'contexts were never destroyed', 'buffers': 'buffers of device memory were never freed',
          'pinned': 'pinned buffers were never freed', 'streams': 'streams were never destroyed',
          'events': 'events were never destroyed', 'pushed': 'contexts are still pushed on a thread',
          'orphans': 'resources went with their context', 'unwaited': 'operations were never waited for',
          'misuses': 'calls took a handle that was gone, in use or of another context'}

#: Number in cuda.h of what the double makes the device fail with.
_STATUS = {errors.ILLEGAL_ADDRESS: 700, errors.LAUNCH_FAILED: 719, errors.OUT_OF_MEMORY: 2, 'invalid value': 1}
_NO_DEVICE, _NO_LIMIT = 100, (1 << 63) - 1
_CUDA_ERRORS = {'illegal address': errors.ILLEGAL_ADDRESS, 'launch failed': errors.LAUNCH_FAILED}


class _Context:
    """A context of the library, one object as long as it lives."""

    def __init__(self, world, handle):
        self.handle = handle
        self._default = _Queue(world, self, 0)


class _Queue:
    """A stream of the library as TensorRT's double takes it."""

    def __init__(self, world, context, handle):
        self._world, self.context, self._handle = world, context, handle

    def add(self, operation):
        self._world.enqueue(self._handle, operation)


class _Streams:
    """Streams by handle."""

    def __init__(self, world):
        self._world = world

    def get(self, handle):
        home = self._world.library.standin_context_of(handle or 0)
        return _Queue(self._world, self._world.context(home), handle) if home else None

    __getitem__ = get


class LibraryWorld:
    """State behind one loaded copy of the stand-in.

    Args:
        board (Board): name, compute capability and memory of the fake device.
        faults (Faults): what goes wrong; looked at on every call, so that a test may change it in between.
        path (str): of the copy.
    """

    def __init__(self, board, faults, path):
        self.board, self.faults, self.path = board, faults, path
        #: Error that the device has run into; every later call fails with it, as on a real one.
        self.sticky = None
        self.primary_used, self.reserved, self.notes = False, 0, []
        self.dependants, self.streams = weakref.WeakSet(), _Streams(self)
        self._contexts, self._waiting, self._tokens = {}, {}, itertools.count(1)
        self.library = ctypes.CDLL(path)
        for name, result, arguments in (
                ('set', None, (ctypes.c_char_p, ctypes.c_uint64)), ('name', None, (ctypes.c_char_p,)),
                ('callbacks', None, (_HOOK, _RUN)), ('count', ctypes.c_uint64, (ctypes.c_char_p,)),
                ('current', ctypes.c_uint64, ()), ('context_of', ctypes.c_uint64, (ctypes.c_uint64,)),
                ('view', ctypes.c_void_p, (ctypes.c_uint64,) * 3),
                ('enqueue', ctypes.c_int, (ctypes.c_uint64,) * 2)):
            function = getattr(self.library, 'standin_' + name)
            function.restype, function.argtypes = result, arguments
        self._callbacks = _HOOK(self._before), _RUN(self._run)  # ctypes keeps no reference
        self.library.standin_callbacks(*self._callbacks)
        self.library.standin_set(b'capability', board.sm)
        self.library.standin_set(b'total_bytes', board.total_bytes)
        self.library.standin_name(board.device.encode())

    def count(self, name):
        return self.library.standin_count(name.encode())

    def alive(self):
        """What is not given back yet (dict name to number)."""
        return {name: self.count(name) for name in ('contexts', 'buffers', 'pinned', 'streams', 'events')}

    def current(self):
        handle = self.library.standin_current()
        return self.context(handle) if handle else None

    def context(self, handle):
        return self._contexts.setdefault(handle, _Context(self, handle))

    def enqueue(self, stream, operation):
        token = next(self._tokens)
        self._waiting[token] = operation
        assert self.library.standin_enqueue(stream or 0, token) == 0

    def free_bytes(self):
        """Device memory left: what the board has free, or what the fault leaves of it."""
        return self._limit() - self.count('bytes')

    def view(self, address, nbytes, context=None):
        """Bytes of device memory (uint8 array), as `pycuda_double.World.view`."""
        place = self.library.standin_view(address, nbytes, context.handle if context is not None else 0)
        if not place:
            raise BadAddressError('%d bytes at 0x%x' % (nbytes, address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(place))

    def fail(self, reason=None):
        """Break the device for good, as an error inside a kernel does."""
        self.sticky = _CUDA_ERRORS.get(reason, reason) or errors.ILLEGAL_ADDRESS
        self.library.standin_set(b'broken', _STATUS.get(self.sticky, 999))

    def leaks(self):
        """What should have been released by now (list of str)."""
        return list(self.notes) + ['%d %s' % (self.count(name), text) for name, text in _LEAKS.items()
                                   if self.count(name)]

    def _limit(self):
        limit = self.faults.out_of_memory
        if limit is False:
            return self.board.free_bytes - self.reserved
        return -1 if limit is True else limit - self.reserved

    def _before(self, call, subject):
        """Called before every call of the library; gives the error that it fails with, or 0."""
        if call == b'cuCtxDestroy':
            gone = self._contexts.pop(subject, None)
            self.notes += ['%s outlived its CUDA context' % type(thing).__name__ for thing in list(self.dependants)
                           if gone is not None and thing._home_of() is gone]
        self.library.standin_set(b'free_bytes', min(max(self._limit(), 0), _NO_LIMIT))
        return _NO_DEVICE if self.faults.no_device else 0

    def _run(self, token):
        """What TensorRT has enqueued, in its turn; gives the error that the device breaks with, or 0."""
        try:
            self._waiting.pop(token)()
        except BadAddressError:
            self.fail()
        return _STATUS.get(self.sticky, 999) if self.sticky else 0
