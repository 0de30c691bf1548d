"""Device and Context of the pycuda double."""
import threading

from .errors import INVALID_CONTEXT, LogicError, failure
from .streams import Queue


def make_classes(world):
    """Device and Context, bound to a world."""

    class Context:
        """A CUDA context; belongs to the thread that made it until it is popped there."""

        def __init__(self, device, primary=False):
            self._device, self._primary = device, primary
            self._thread = threading.current_thread()
            self._default = Queue(world, self, 0)
            self._alive = True
            world.contexts.append(self)

        def push(self):
            if not self._alive:
                raise failure('cuCtxPushCurrent', INVALID_CONTEXT)
            world.check('cuCtxPushCurrent')
            world.stack.append(self)

        @staticmethod
        def pop():
            if not world.stack:
                raise failure('context::pop', INVALID_CONTEXT, 'cannot pop non-current context')
            world.stack.pop()

        def detach(self):
            if not self._alive:
                raise failure('context::detach', INVALID_CONTEXT, 'cannot detach from invalid context')
            if world.current() is self:
                world.stack.pop()
            elif self._thread is not threading.current_thread():
                # The real library silently gives up here, and the context stays for the life of the process.
                world.notes.append('a context was detached by a thread that did not make it')
            if any(self in stack for stack in world.stacks.values()):
                world.notes.append('a context was detached while it was still pushed')
            self._alive = False
            world.leave(self)

        @staticmethod
        def get_current():
            return world.current()

        @staticmethod
        def get_device():
            return world.need_context('cuCtxGetDevice')._device

        @staticmethod
        def synchronize():
            context = world.need_context('cuCtxSynchronize')
            context._drain_all('cuCtxSynchronize')

        def get_api_version(self):
            return 3020

        def _drain_all(self, call):
            self._default.drain(call)
            for stream in list(world.streams.values()):
                if stream.context is self:
                    stream.drain(call)

    class Device:
        """The one fake GPU."""

        def __init__(self, number):
            if isinstance(number, str):
                raise NotImplementedError('the double knows its device by number only')
            world.check('cuDeviceGet')
            if number != 0:
                raise LogicError('cuDeviceGet failed: invalid device ordinal')
            self._number = number

        @staticmethod
        def count():
            world.check('cuDeviceGetCount')
            return 1

        def name(self):
            return world.board.device

        def compute_capability(self):
            return divmod(world.board.sm, 10)

        def total_memory(self):
            return world.board.total_bytes

        def pci_bus_id(self):
            return '0000:00:00.0'

        def make_context(self, flags=0):
            world.check('cuCtxCreate')
            context = Context(self)
            world.stack.append(context)
            return context

        def retain_primary_context(self):
            world.check('cuDevicePrimaryCtxRetain')
            if world.primary is None or not world.primary._alive:
                world.primary = Context(self, primary=True)
            return world.primary

        def __eq__(self, other):
            return isinstance(other, Device)

        def __hash__(self):
            return hash(self._number)

    return Device, Context


def plain_address(value, call):
    """The number of a device pointer as pycuda takes it: int or DeviceAllocation."""
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError('%s: %r is no device pointer' % (call, type(value).__name__))
