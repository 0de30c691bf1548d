"""One fake GPU: current contexts by thread, allocations, and leaks."""
import threading
import weakref

import numpy as np

from .errors import (
    ILLEGAL_ADDRESS,
    INVALID_CONTEXT,
    INVALID_VALUE,
    LAUNCH_FAILED,
    NO_DEVICE,
    NOT_INITIALISED,
    OUT_OF_MEMORY,
    failure,
)

#: Start of device memory, and the gap between two allocations, so that an overrun never hits the next one.
_FIRST_ADDRESS, _ALIGNMENT, _GAP = 0x700000000, 512, 4096
_CUDA_ERRORS = {'illegal address': ILLEGAL_ADDRESS, 'launch failed': LAUNCH_FAILED}


class BadAddressError(Exception):
    """An address outside allocated device memory."""


class Block:
    """One allocation of device memory; `data` is None once it is freed."""

    def __init__(self, address, nbytes, context):
        self.address, self.nbytes, self.context = address, nbytes, context
        # Unwritten memory is never zero, so that a forgotten copy does not pass.
        self.data = np.full(nbytes, 0xCB, np.uint8)


class World:
    """State behind one installed double.

    Args:
        board (Board): name, compute capability and memory of the fake device.
        faults (Faults): what goes wrong; looked at on every call, so that a test may change it in between.
    """

    def __init__(self, board, faults):
        self.board, self.faults = board, faults
        self.initialised = False
        #: Error that the device has run into; every later call fails with it, as on a real one.
        self.sticky = None
        #: Whether TensorRT had to make a context of its own because none was current.
        self.primary_used = False
        self.primary = None
        self.contexts, self.streams, self.notes = [], {}, []
        self.stacks = {}
        self.blocks = {}
        self.pinned = weakref.WeakSet()
        #: TensorRT objects alive, so that one that outlives its context is seen.
        self.dependants = weakref.WeakSet()
        self.reserved = 0
        self._next_address, self._next_handle = _FIRST_ADDRESS, 0x55000000
        self._lock = threading.RLock()

    @property
    def stack(self):
        """Contexts of this thread, the current one last."""
        return self.stacks.setdefault(threading.current_thread(), [])

    def current(self):
        return self.stack[-1] if self.stack else None

    def check(self, call):
        """Refuse a call where there is no device, before `init`, or after the device has failed."""
        if self.faults.no_device:
            raise failure(call, NO_DEVICE)
        if not self.initialised:
            raise failure(call, NOT_INITIALISED)
        if self.sticky:
            raise failure(call, self.sticky)

    def need_context(self, call):
        """The current context of this thread; without one the call fails as it does in pycuda."""
        self.check(call)
        context = self.current()
        if context is None:
            raise failure(call, INVALID_CONTEXT, 'no currently active context?')
        return context

    def allocate(self, nbytes, context, call='cuMemAlloc'):
        """Take device memory, bytes."""
        if nbytes <= 0:
            raise failure(call, INVALID_VALUE)
        with self._lock:
            if nbytes > self.free_bytes():
                raise failure(call, OUT_OF_MEMORY)
            block = Block(self._next_address, nbytes, context)
            self._next_address += -(-(nbytes + _GAP) // _ALIGNMENT) * _ALIGNMENT
            self.blocks[block.address] = block
        return block

    def release(self, block):
        """Give device memory back; its address is never used again."""
        self.blocks.pop(block.address, None)
        block.data = None

    def free_bytes(self):
        """Device memory left: what the board has free, or what the fault leaves of it."""
        used = self.reserved + sum(block.nbytes for block in list(self.blocks.values()))
        limit = self.faults.out_of_memory
        if limit is False:
            return self.board.free_bytes - used
        return -1 if limit is True else limit - used

    def view(self, address, nbytes, context=None):
        """Bytes of device memory (uint8 array) that a kernel or a copy works on.

        Raises:
            BadAddressError: not memory, freed memory, more than was allocated there, or memory of another context where
                the caller names its own.
        """
        for block in list(self.blocks.values()):
            start = address - block.address
            if 0 <= start < block.nbytes:
                if start + nbytes <= block.nbytes and (context is None or block.context is context):
                    return block.data[start:start + nbytes]
                break
        raise BadAddressError('%d bytes at 0x%x' % (nbytes, address))

    def handle(self):
        with self._lock:
            self._next_handle += 0x10
            return self._next_handle

    def fail(self, reason=None):
        """Break the device for good, as an error inside a kernel does."""
        self.sticky = _CUDA_ERRORS.get(reason, reason) or ILLEGAL_ADDRESS

    def leave(self, context):
        """A context is destroyed: what still lives in it is noted, and its memory is gone."""
        for block in list(self.blocks.values()):
            if block.context is context:
                self.notes.append('%d bytes of device memory at 0x%x went with their context' %
                                  (block.nbytes, block.address))
                self.release(block)
        for thing in list(self.dependants) + list(self.pinned):
            if thing._home_of() is context:
                self.notes.append('%s outlived its CUDA context' % type(thing).__name__)
        for stream in list(self.streams.values()):
            if stream.context is context and stream.waiting:
                self.notes.append('%d operations of a stream were never waited for' % len(stream.waiting))
                stream.waiting[:] = []

    def alive(self):
        """What is not given back yet (dict name to number)."""
        return {'contexts': sum(context._alive for context in self.contexts), 'buffers': len(self.blocks),
                'pinned': len(self.pinned), 'streams': len(self.streams)}

    def leaks(self):
        """What should have been released by now (list of str)."""
        found = list(self.notes)
        found += ['%d bytes of device memory at 0x%x were never freed' % (block.nbytes, block.address)
                  for block in list(self.blocks.values())]
        found += ['a context is still pushed on thread %s' % thread.name
                  for thread, stack in self.stacks.items() for _ in stack]
        found += ['a context was never detached' for context in self.contexts if context._alive]
        found += ['%d operations of a stream were never waited for' % len(stream.waiting)
                  for stream in list(self.streams.values()) if stream.waiting]
        return found
