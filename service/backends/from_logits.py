"""Labels and confidence from a network that stops before its ArgMax."""
import cv2
import numpy as np

from .base import Backend, TensorSpec


class FromLogits(Backend):
    """A backend whose network gives logits, made to answer as the others do.

    TensorRT on a Nano may have no tactic for an ArgMax over a large map (TensorRT issue 3677); such a board runs
    the network up to its logits, and the last step here. A tie goes to the lower label, as ArgMax has it.

    Args:
        inner (Backend): its first output is the logits, float32 1xKxHxW; the others are passed on.
        outputs (tuple of TensorSpec): what to answer with: labels (int32 1xHxW), confidence (float32 1xHxW; the
            largest softmax probability) and the others.
    """

    def __init__(self, inner, outputs):
        super().__init__(b'', inner.inputs, outputs)
        self.model_bytes = inner.model_bytes
        self._inner = inner
        self._logits = inner.outputs[0]
        self._labels, self._confidence = self.outputs[:2]
        shape = self._logits.shape[2:]
        self._best = np.empty(shape, np.uint8)
        self._peaks = tuple(np.empty(shape, np.float32) for _ in range(2))
        self._below, self._power, self._sum = (np.empty(shape, np.float32) for _ in range(3))

    @property
    def name(self):
        """The name of the backend that runs the network."""
        return self._inner.name

    @property
    def parts_ms(self):
        """The copies of the backend that runs the network; what is done here counts as ``'infer'``."""
        return self._inner.parts_ms

    def describe(self):
        """As the backend that runs the network."""
        return self._inner.describe()

    def _activate(self):
        self._inner.activate()

    def _deactivate(self):
        self._inner.deactivate()

    def _model_inputs(self):
        return self._inner.inputs

    def _model_outputs(self):
        shape = self._logits.shape[:1] + self._logits.shape[2:]
        return (TensorSpec(self._labels.name, shape, 'int32'),
                TensorSpec(self._confidence.name, shape, 'float32')) + self._inner.outputs[1:]

    def _infer(self, feed):
        outputs = self._inner.infer(feed)
        # Class by class on planes that stay in the cache, and never onto the array that is read: several times as fast
        # as argmax and max along an axis, and numpy 1.19 is slow in place.
        planes = outputs[self._logits.name][0]
        best, (peak, higher) = self._best, self._peaks
        best.fill(0)
        np.copyto(peak, planes[0])
        for label, plane in enumerate(planes[1:], 1):
            # A later class has the larger number, so the largest number is the newest best.
            cv2.max(best, np.greater(plane, peak).view(np.uint8) * np.uint8(label), best)
            np.maximum(peak, plane, out=higher)
            peak, higher = higher, peak
        confidence = self._softmax(planes, peak)
        answers = {self._labels.name: best.astype(np.int32)[np.newaxis],
                   self._confidence.name: confidence[np.newaxis]}
        answers.update((spec.name, outputs[spec.name]) for spec in self.outputs[2:])
        return answers

    def _softmax(self, planes, peak):
        """Softmax probability of the largest class: 1 / sum of exp(logit - largest logit)."""
        self._sum.fill(0)
        with np.errstate(invalid='ignore'):  # infinity less infinity, of which the lines below make what it is
            for plane in planes:
                np.subtract(plane, peak, out=self._below)
                self._sum += cv2.exp(self._below, self._power)
        # The exponential above turns what is not a number into one; what cannot be trusted must not look so.
        unknown = ~np.isfinite(peak)
        if unknown.any():
            self._sum[unknown] = np.nan
        return np.reciprocal(self._sum)
