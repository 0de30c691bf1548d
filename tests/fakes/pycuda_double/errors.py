"""pycuda's exceptions, and which of them a CUDA error becomes."""
import builtins

#: What the driver calls the errors that the double can give; kept apart from the call that failed.
INVALID_CONTEXT = 'invalid device context'
INVALID_VALUE = 'invalid argument'
INVALID_HANDLE = 'invalid resource handle'
OUT_OF_MEMORY = 'out of memory'
ILLEGAL_ADDRESS = 'an illegal memory access was encountered'
LAUNCH_FAILED = 'unspecified launch failure'
NO_DEVICE = 'no CUDA-capable device is detected'
NOT_INITIALISED = 'initialization error'
NOT_READY = 'device not ready'
UNKNOWN = 'unknown error'


class Error(Exception):
    """Base of pycuda's exceptions."""


class MemoryError(Error, builtins.MemoryError):  # noqa: A001, this is its name in pycuda
    """The device has no memory left."""


class LogicError(Error):
    """A call that is wrong, or one after the device has failed."""


class LaunchError(Error):
    """A kernel that failed."""


class RuntimeError(Error):  # noqa: A001, this is its name in pycuda
    """No device, or not ready."""


#: pycuda's own order: everything that is not named here is a LogicError.
_CLASSES = {OUT_OF_MEMORY: MemoryError, LAUNCH_FAILED: LaunchError, NO_DEVICE: RuntimeError, NOT_READY: RuntimeError,
            UNKNOWN: Error}


def failure(call, reason, detail=''):
    """The exception of a failed driver call, worded as pycuda words it."""
    text = '%s failed: %s' % (call, reason)
    return _CLASSES.get(reason, LogicError)(text + (' - ' + detail if detail else ''))
