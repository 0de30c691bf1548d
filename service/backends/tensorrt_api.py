"""TensorRT as it is installed: its import, its log, and its two interfaces for running an engine.

Up to 8.6 an engine's tensors are numbered bindings, from 8.5 on they have names, and from 10 on names only. The engine
is asked what it offers, not for its release: JetPack's TensorRT and a PC's of the same number differ in patches.
"""
import abc
import importlib.util
import logging
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from ..messages import BackendError
from .base import TensorSpec

#: Numpy dtypes of TensorRT's types. Before 8.6 `tensorrt.nptype` needs `numpy.bool`, which numpy 1.24 removed.
_DTYPES = {'FLOAT': 'float32', 'HALF': 'float16', 'INT32': 'int32', 'INT64': 'int64', 'INT8': 'int8',
           'UINT8': 'uint8', 'BOOL': 'bool'}

#: The builder logs these when it skips kernels for lack of memory; the engine is correct but may be slower. Wordings
#: of TensorRT 8.0 to 8.6, including their spelling.
_LOW_MEMORY = ('Device memory is insufficient', 'due to insuficient memory', 'due to insufficient memory')

#: The same where not the machine's memory is too small but what a kernel may take of it.
_LOW_WORKSPACE = 'sufficient workspace'

#: How TensorRT, CUDA and C++ say that memory ran out.
_NO_MEMORY = ('out of memory', 'outofmemory', 'bad_alloc', 'memoryerror', 'not be enough free memory')

#: How CUDA says that it stopped a kernel that ran too long (error 702).
_TIMEOUT = ('launch timed out', 'launch timeout')

#: Lines kept of each kind, and characters of each line: a failing build repeats itself thousands of times.
KEPT_LINES, KEPT_CHARACTERS = 50, 400

_log = logging.getLogger(__name__)


def import_tensorrt(next_step: str = '') -> Any:
    """The `tensorrt` module of this machine.

    Args:
        next_step: what to do on a machine without it.
    Raises:
        BackendError: ``tensorrt-missing``; ``tensorrt-broken``: it is installed in part, or its libraries are not.
    """
    if not tensorrt_installed():
        raise BackendError('tensorrt-missing', 'This machine has no TensorRT for this Python; engines cannot run here.',
                           next_step)
    try:
        import tensorrt
        # A folder without the package's files imports as well, as an empty namespace.
        reason = '' if hasattr(tensorrt, '__version__') else 'its package is empty'
    except Exception as error:  # OSError comes from libraries that it loads itself
        reason = ' '.join(str(error).split()) or type(error).__name__
    if reason:
        raise BackendError('tensorrt-broken', 'TensorRT is installed but cannot be loaded (%s); engines cannot run '
                           'here.' % reason, 'Install it again: on a Jetson, sudo apt install --reinstall '
                           'tensorrt python3-libnvinfer.', detail=reason)
    return tensorrt


def tensorrt_installed() -> bool:
    """Whether this Python has a package of TensorRT, without the seconds and the memory of its import."""
    if 'tensorrt' in sys.modules:
        return sys.modules['tensorrt'] is not None
    return importlib.util.find_spec('tensorrt') is not None


class LogLines:
    """What TensorRT logged, by kind, from whichever thread it logs on: its calls return None and explain nothing.

    Args:
        heard: called with every message, to show what a build is doing.
        write: called with severity and text of every message, to keep them all.
    Attributes:
        errors: the first ones since the list was cleared; later ones follow from these.
        warnings: each line with how often it came.
        low_memory: as `warnings`, for lines about kernels skipped for lack of memory.
        low_workspace: as `low_memory`, where a larger workspace would help.
        problem: the first exception inside the logger, which must not reach TensorRT; None where there was none.
    """

    def __init__(self, heard: Optional[Callable[[str], None]] = None,
                 write: Optional[Callable[[str, str], None]] = None) -> None:
        self.errors: List[str] = []
        self.warnings: Dict[str, int] = {}
        self.low_memory: Dict[str, int] = {}
        self.low_workspace: Dict[str, int] = {}
        self.problem: Optional[Exception] = None
        self._heard, self._write = heard, write

    def take(self, severity: str, message: str) -> None:
        """Keep one message; `severity` is TensorRT's name of it."""
        message = ' '.join(str(message).split())[:KEPT_CHARACTERS]
        # What matters of it reaches the user once, in an error or in an engine's record.
        _log.debug('TensorRT %s: %s', severity, message)
        if any(words in message for words in _LOW_MEMORY):
            _count(self.low_memory, message)
        elif _LOW_WORKSPACE in message:
            _count(self.low_workspace, message)
        elif severity == 'WARNING':
            _count(self.warnings, message)
        elif severity in ('ERROR', 'INTERNAL_ERROR') and len(self.errors) < KEPT_LINES:
            self.errors.append(message)
        if self._write is not None:
            self._write(severity, message)
        if self._heard is not None:
            self._heard(message)

    def reason(self) -> str:
        """The first error, for use in a sentence."""
        return self.errors[0].rstrip('. ') if self.errors else 'it gave no reason'


def tells_of_memory(text: str) -> bool:
    """Whether the wording of an error means that memory ran out."""
    return any(words in text.lower() for words in _NO_MEMORY)


def tells_of_timeout(text: str) -> bool:
    """Whether the wording of an error means that CUDA stopped a kernel that ran too long.

    A Nano's GPU draws the screen too, so no kernel may keep it for seconds. Timing a TopK, which is what an ArgMax
    becomes, takes one that long, and TensorRT 7 and 8 then abort the process ([OnnxTensorrt671]).
    """
    return any(words in text.lower() for words in _TIMEOUT)


def make_logger(trt: Any, lines: LogLines) -> Any:
    """A `tensorrt.ILogger` that fills `lines`; it must outlive everything that was created with it."""
    class Collecting(trt.ILogger):
        """TensorRT calls `log` from its own threads, and up to 8.2 an exception in it ends the process."""

        def __init__(self) -> None:
            # pybind11 refuses an object whose base was not initialised by name.
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            try:
                lines.take(getattr(severity, 'name', str(severity)).rpartition('.')[2], msg)
            except Exception as error:
                lines.problem = lines.problem or error

    logger = Collecting()
    # Without this, TensorRT refuses a plan or model that needs one of its own plugins (InstanceNormalization in 8.x).
    trt.init_libnvinfer_plugins(logger, '')
    return logger


def open_engine(engine: Any) -> 'EngineInterface':
    """The newest interface that a deserialised `tensorrt.ICudaEngine` offers.

    Raises:
        BackendError: ``backend-memory`` where there is no memory for an execution context; ``backend-load`` where the
            engine offers neither interface.
    """
    if hasattr(engine, 'num_io_tensors'):
        return NamedTensors(engine)
    if hasattr(engine, 'num_bindings'):
        return Bindings(engine)
    raise BackendError('backend-load', 'This TensorRT offers no known way of running an engine.',
                       'Use the TensorRT of a JetPack release.', detail=type(engine).__name__)


class EngineInterface(abc.ABC):
    """An engine with its execution context: tensors by name, their addresses, and a run."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.context = engine.create_execution_context()
        if self.context is None:
            raise BackendError('backend-memory', 'There is not enough memory to run the engine.',
                               'Close other programs or restart the device.')
        tensors = list(self._tensors())
        self.inputs = tuple(spec for spec, is_input in tensors if is_input)
        self.outputs = tuple(spec for spec, is_input in tensors if not is_input)

    @abc.abstractmethod
    def prepare(self, addresses: Dict[str, int]) -> None:
        """Set the device address of every tensor, once."""

    @abc.abstractmethod
    def run(self, stream: int) -> Any:
        """Enqueue one run on the stream with this handle; False where TensorRT refuses."""

    @abc.abstractmethod
    def _tensors(self) -> Iterator[Tuple[TensorSpec, bool]]:
        """Every tensor, and whether it is an input."""


class NamedTensors(EngineInterface):
    """TensorRT 8.5 and later: addresses by name, then ``execute_async_v3``."""

    def prepare(self, addresses: Dict[str, int]) -> None:
        """See `EngineInterface.prepare`."""
        for name, address in addresses.items():
            self.context.set_tensor_address(name, address)

    def run(self, stream: int) -> Any:
        """See `EngineInterface.run`."""
        return self.context.execute_async_v3(stream)

    def _tensors(self) -> Iterator[Tuple[TensorSpec, bool]]:
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            yield (_spec(name, self.engine.get_tensor_shape(name), self.engine.get_tensor_dtype(name)),
                   self.engine.get_tensor_mode(name).name == 'INPUT')


class Bindings(EngineInterface):
    """TensorRT up to 8.4: addresses by number, then ``execute_async_v2``."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self._addresses: List[int] = []

    def prepare(self, addresses: Dict[str, int]) -> None:
        """See `EngineInterface.prepare`."""
        self._addresses = [addresses[self.engine.get_binding_name(index)]
                           for index in range(self.engine.num_bindings)]

    def run(self, stream: int) -> Any:
        """See `EngineInterface.run`."""
        return self.context.execute_async_v2(self._addresses, stream)

    def _tensors(self) -> Iterator[Tuple[TensorSpec, bool]]:
        for index in range(self.engine.num_bindings):
            yield (_spec(self.engine.get_binding_name(index), self.engine.get_binding_shape(index),
                         self.engine.get_binding_dtype(index)), bool(self.engine.binding_is_input(index)))


def _spec(name: str, shape: Any, dtype: Any) -> TensorSpec:
    numpy_name = _DTYPES.get(dtype.name)
    return TensorSpec(name, tuple(int(side) for side in shape),
                      np.dtype(numpy_name).name if numpy_name else dtype.name)


def _count(table: Dict[str, int], message: str) -> None:
    if message in table or len(table) < KEPT_LINES:
        table[message] = table.get(message, 0) + 1
