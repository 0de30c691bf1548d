"""What runs a network: one small interface, its edges checked."""
from dataclasses import dataclass

import numpy as np

from ..messages import BackendError

#: A run that copies nothing to another device and back.
WHOLE_RUN = (('infer', None),)


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape (tuple of int) and numpy dtype name of one tensor."""

    name: str
    shape: tuple
    dtype: str

    def __str__(self):
        return '%s %s%s' % (self.name, self.dtype, list(self.shape))


class Backend:
    """Base of the backends: checks what goes in and what comes out, and leaves running to `_infer`.

    A backend is used by the thread that activated it and by no other, since a CUDA context belongs
    to a thread; `Worker` sees to that.

    Args:
        model (bytes): the ONNX file, or what was made of it.
        inputs, outputs (tuple of TensorSpec): what the model must offer, from the manifest.

    Attributes:
        model_bytes (int): size of what is loaded.
    """

    #: Short name for results and reports.
    name = ''

    #: What whoever chose this backend adds to its description, such as the variant of the bundle that it runs.
    chosen = {}

    def __init__(self, model, inputs, outputs):
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.model_bytes = len(model)
        self._model = model
        self._active = False

    def __enter__(self):
        self.activate()
        return self

    def __exit__(self, *exc_info):
        self.deactivate()

    def activate(self):
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

    def deactivate(self):
        """Release what `activate` took. May be called twice."""
        if self._active:
            self._active = False
            self._deactivate()

    def infer(self, feed):
        """Run the network once.

        Args:
            feed (dict): array per input name, exactly the names, shapes and dtypes of `inputs`.
        Returns:
            dict: array per output name, valid until the next call.
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
    def parts_ms(self):
        """What the last run consisted of, as `Stopwatch.lap_parts` takes it: copies apart where there are any."""
        return WHOLE_RUN

    def describe(self):
        """What a result and a report say of this backend: name, version, precision, device."""
        raise NotImplementedError('%s.describe' % type(self).__name__)

    def _activate(self):
        raise NotImplementedError('%s._activate' % type(self).__name__)

    def _deactivate(self):
        raise NotImplementedError('%s._deactivate' % type(self).__name__)

    def _model_inputs(self):
        raise NotImplementedError('%s._model_inputs' % type(self).__name__)

    def _model_outputs(self):
        raise NotImplementedError('%s._model_outputs' % type(self).__name__)

    def _infer(self, feed):
        raise NotImplementedError('%s._infer' % type(self).__name__)

    def _compare(self, kind, found, expected):
        if set(found) != set(expected):
            raise BackendError('backend-tensors', 'The model has %ss %s where its manifest says %s.'
                               % (kind, _names(found), _names(expected)))


def _names(specs):
    return ', '.join(sorted(str(spec) for spec in specs)) or 'none'
