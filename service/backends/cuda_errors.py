"""CUDA errors after which nothing in the process can use the GPU again."""
import logging
import os
import sys

#: Exit code of a process whose CUDA context is lost, so that its supervisor starts it again. sysexits.h ends at 78.
LOST_EXIT_CODE = 79

#: What the driver, the runtime and pycuda call errors that stay until the process ends (CUDA runtime API,
#: "the only way to return to a consistent state is to terminate the process"), in their own words.
_LASTING = ('illegal address', 'illegal memory access', 'illegal instruction', 'launch failed', 'launch failure',
            'launch timed out', 'launch timeout', 'misaligned address', 'invalid program counter', 'device-side assert',
            'hardware stack error', 'uncorrectable', 'context is destroyed', 'context has been destroyed',
            'context was destroyed', 'invalid device context', 'device unavailable', 'driver shutting down')

_log = logging.getLogger(__name__)


def is_lasting(text):
    """Whether an error's words mean that the context is lost."""
    text = text.lower()
    return any(words in text for words in _LASTING)


def end_process(reason):
    """Log one line and end the process at once.

    Not by an exception: clean-up would call CUDA again, which hangs or fails on a lost context, and the
    worker's thread could not end the process anyway.
    """
    _log.critical('The GPU is lost (%s); the process ends with code %d and must be started again.', reason,
                  LOST_EXIT_CODE)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(LOST_EXIT_CODE)
