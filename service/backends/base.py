"""The interface of what runs a network. It checks the tensors that go in and the model that was loaded."""
import abc
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Dict, Optional, Sequence, Tuple, Type, TypeVar

import numpy as np

from ..messages import BackendError

#: Values of the settings `backend`, `precision` and `cuda`.
BACKENDS = ('auto', 'onnxruntime', 'tensorrt')
PRECISIONS = ('auto', 'fp32', 'fp16', 'int8')
CUDA_INTERFACES = ('auto', 'driver', 'pycuda')

#: Array per tensor name.
Tensors = Dict[str, np.ndarray]

#: Stages of a run as `Stopwatch.lap_parts` takes them: name and milliseconds, None for what the others leave over.
Parts = Tuple[Tuple[str, Optional[float]], ...]

#: A run that copies nothing to another device and back.
WHOLE_RUN: Parts = (('infer', None),)

_Self = TypeVar('_Self', bound='Backend')


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and numpy dtype name of one tensor."""

    name: str
    shape: Tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return '%s %s%s' % (self.name, self.dtype, list(self.shape))


class Backend(abc.ABC):
    """Base of the backends: checks inputs and outputs, and leaves running to `_infer`.

    Only the thread that activated a backend may use it, since a CUDA context belongs to a thread; `Worker` takes care
    of that.

    Args:
        model: the ONNX file, or the engine compiled from it.
        inputs: what the model must take, from the manifest.
        outputs: what the model must give.
    Attributes:
        name: short name for results and reports.
        chosen: what the selection adds to the description, such as the variant of the bundle.
        model_bytes: size of what is loaded.
    """

    name = ''

    def __init__(self, model: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.chosen: Dict[str, Any] = {}
        self.model_bytes = len(model)
        self._model: Optional[bytes] = model
        self._active = False

    def __enter__(self: _Self) -> _Self:
        self.activate()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.deactivate()

    def activate(self) -> None:
        """Load the model and compare its tensors with the manifest's.

        Raises:
            BackendError: the model cannot be loaded or is not the one described.
        """
        self._activate()
        try:
            self._compare('input', self._model_inputs(), self.inputs)
            self._compare('output', self._model_outputs(), self.outputs)
        except BackendError:
            self._deactivate()
            raise
        self._active = True

    def deactivate(self) -> None:
        """Release what `activate` took. May be called twice."""
        if self._active:
            self._active = False
            self._deactivate()

    def infer(self, feed: Tensors) -> Tensors:
        """Run the network once.

        Args:
            feed: exactly the names, shapes and dtypes of `inputs`.
        Returns:
            Array per output name, valid until the next call.
        Raises:
            BackendError: not active, a wrong feed, or a run that failed.
        """
        if not self._active:
            raise BackendError('backend-inactive', 'The %s backend was used before it was loaded.' % self.name)
        if set(feed) != set(spec.name for spec in self.inputs):
            raise BackendError('backend-feed', 'The model takes %s, not %s.'
                               % (_names(self.inputs), ', '.join(sorted(feed)) or 'nothing'))
        for spec in self.inputs:
            array = feed[spec.name]
            if array.shape != spec.shape or array.dtype != np.dtype(spec.dtype):
                raise BackendError('backend-feed', 'The model takes %s, not %s%s.'
                                   % (spec, array.dtype, list(array.shape)))
        return self._infer(feed)

    @property
    def parts_ms(self) -> Parts:
        """Stages of the last run; copies are listed apart where there are any."""
        return WHOLE_RUN

    @abc.abstractmethod
    def describe(self) -> Dict[str, Any]:
        """Name, version, precision and device for results and reports."""

    @abc.abstractmethod
    def _activate(self) -> None:
        """Load the model."""

    @abc.abstractmethod
    def _deactivate(self) -> None:
        """Release the model; also called where `_activate` succeeded and the model is another one."""

    @abc.abstractmethod
    def _model_inputs(self) -> Tuple[TensorSpec, ...]:
        """What the loaded model takes."""

    @abc.abstractmethod
    def _model_outputs(self) -> Tuple[TensorSpec, ...]:
        """What the loaded model gives."""

    @abc.abstractmethod
    def _infer(self, feed: Tensors) -> Tensors:
        """Run the network on a checked feed."""

    @staticmethod
    def _compare(kind: str, model: Sequence[TensorSpec], expected: Sequence[TensorSpec]) -> None:
        if set(model) != set(expected):
            raise BackendError('backend-tensors', 'The model has %ss %s where its manifest says %s.'
                               % (kind, _names(model), _names(expected)))


def _names(specs: Sequence[TensorSpec]) -> str:
    return ', '.join(sorted(str(spec) for spec in specs)) or 'none'
