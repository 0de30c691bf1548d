"""One face for TensorRT's two ways of running an engine, chosen by what the engine offers.

Up to 8.6 tensors are bindings with a number; from 8.5 on they have names; from 10 on only names are left.
Release numbers are not looked at: JetPack's TensorRT and a PC's of the same number differ in patches.
"""
import numpy as np

from ..messages import BackendError
from .base import TensorSpec

#: numpy's name of TensorRT's types. `tensorrt.nptype` is not used: before 8.6 it needs `numpy.bool`, which
#: numpy 1.24 no longer has.
_DTYPES = {'FLOAT': 'float32', 'HALF': 'float16', 'INT32': 'int32', 'INT64': 'int64', 'INT8': 'int8',
           'UINT8': 'uint8', 'BOOL': 'bool'}


def import_tensorrt(instead=''):
    """The `tensorrt` module of this machine.

    Args:
        instead (str): what the sentence says of a machine without it.
    Raises:
        BackendError: ``tensorrt-missing``.
    """
    try:
        import tensorrt
    except (ImportError, OSError) as error:  # the latter from libraries that it loads itself
        raise BackendError('tensorrt-missing', 'This machine has no TensorRT for this Python%s.'
                           % (instead or '; engines cannot run here'), detail=str(error))
    return tensorrt


def open_engine(engine):
    """The engine behind the newest face it offers.

    Args:
        engine (tensorrt.ICudaEngine): deserialised.
    Returns:
        NamedTensors or Bindings: not yet able to run; see `prepare`.
    Raises:
        BackendError: ``backend-memory`` where there is no memory for an execution context; ``backend-load``
            where the engine offers neither face.
    """
    for face in (NamedTensors, Bindings):
        if hasattr(engine, face.MARK):
            return face(engine)
    raise BackendError('backend-load', 'This TensorRT offers no way of running an engine that the program knows; '
                       'use the TensorRT of a JetPack release.', detail=type(engine).__name__)


class _Face:
    """What both have: tensors with their specs, an execution context, addresses, a run."""

    MARK = ''

    def __init__(self, engine):
        self.engine = engine
        self.context = engine.create_execution_context()
        if self.context is None:
            raise BackendError('backend-memory', 'There is not enough memory to run the engine; close other programs '
                               'or restart the device.')
        self.inputs, self.outputs = self._specs(True), self._specs(False)

    def _specs(self, wanted):
        return tuple(spec for spec, is_input in self._tensors() if is_input is wanted)

    def _tensors(self):
        raise NotImplementedError('%s._tensors' % type(self).__name__)


class NamedTensors(_Face):
    """TensorRT 8.5 and later: addresses by name, then ``execute_async_v3``."""

    MARK = 'num_io_tensors'

    def prepare(self, addresses):
        """Tell TensorRT once where every tensor lies.

        Args:
            addresses (dict): device address (int) by tensor name.
        """
        for name, address in addresses.items():
            self.context.set_tensor_address(name, address)

    def run(self, stream):
        """Enqueue one run on a stream (its handle); False where TensorRT refuses."""
        return self.context.execute_async_v3(stream)

    def _tensors(self):
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            yield (_spec(name, self.engine.get_tensor_shape(name), self.engine.get_tensor_dtype(name)),
                   self.engine.get_tensor_mode(name).name == 'INPUT')


class Bindings(_Face):
    """TensorRT up to 8.4: addresses by number, then ``execute_async_v2``."""

    MARK = 'num_bindings'

    def __init__(self, engine):
        super().__init__(engine)
        self._addresses = []

    def prepare(self, addresses):
        """As `NamedTensors.prepare`."""
        self._addresses = [addresses[self.engine.get_binding_name(index)]
                           for index in range(self.engine.num_bindings)]

    def run(self, stream):
        """As `NamedTensors.run`."""
        return self.context.execute_async_v2(self._addresses, stream)

    def _tensors(self):
        for index in range(self.engine.num_bindings):
            yield (_spec(self.engine.get_binding_name(index), self.engine.get_binding_shape(index),
                         self.engine.get_binding_dtype(index)), self.engine.binding_is_input(index))


def _spec(name, shape, dtype):
    known = _DTYPES.get(dtype.name)
    return TensorSpec(name, tuple(int(side) for side in shape), np.dtype(known).name if known else dtype.name)
