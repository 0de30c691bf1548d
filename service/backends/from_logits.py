"""Labels and confidence from a network that stops before its ArgMax."""
from typing import Any, Dict, Sequence, Tuple

import cv2
import numpy as np

from .base import Backend, Parts, Tensors, TensorSpec


class FromLogits(Backend):
    """Adapts a backend whose network gives logits to one that gives labels and confidence.

    TensorRT on a Nano may have no tactic for an ArgMax over a large map ([Bourrieau2024]). Such a board runs the
    network up to its logits, and the last step here. A tie goes to the lower label, as with ArgMax.

    Args:
        inner: its first output is the logits, float32 1xKxHxW; the others are passed on.
        outputs: labels (int32 1xHxW), confidence (float32 1xHxW; the largest softmax probability) and the others.
    """

    def __init__(self, inner: Backend, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(b'', inner.inputs, outputs)
        self.name = inner.name
        self.model_bytes = inner.model_bytes
        self._inner = inner
        self._logits = inner.outputs[0]
        self._labels, self._confidence = self.outputs[:2]
        shape = self._logits.shape[2:]
        self._best = np.empty(shape, np.uint8)
        self._peaks = tuple(np.empty(shape, np.float32) for _ in range(2))
        self._below, self._power, self._sum = (np.empty(shape, np.float32) for _ in range(3))

    @property
    def parts_ms(self) -> Parts:
        """As the backend that runs the network; the time spent here counts as ``'infer'``."""
        return self._inner.parts_ms

    def describe(self) -> Dict[str, Any]:
        """As the backend that runs the network."""
        return self._inner.describe()

    def _activate(self) -> None:
        self._inner.activate()

    def _deactivate(self) -> None:
        self._inner.deactivate()

    def _model_inputs(self) -> Tuple[TensorSpec, ...]:
        return self._inner.inputs

    def _model_outputs(self) -> Tuple[TensorSpec, ...]:
        shape = self._logits.shape[:1] + self._logits.shape[2:]
        return (TensorSpec(self._labels.name, shape, 'int32'),
                TensorSpec(self._confidence.name, shape, 'float32')) + self._inner.outputs[1:]

    def _infer(self, feed: Tensors) -> Tensors:
        outputs = self._inner.infer(feed)
        # Class by class on planes that fit the cache is several times as fast as argmax and max along an axis. Never
        # onto the array that is read: numpy 1.19 is slow in place.
        planes = outputs[self._logits.name][0]
        best, (peak, higher) = self._best, self._peaks
        best.fill(0)
        np.copyto(peak, planes[0])
        for label, plane in enumerate(planes[1:], 1):
            # A later class has the larger number, so the maximum is the latest best.
            cv2.max(best, np.greater(plane, peak).view(np.uint8) * np.uint8(label), best)
            np.maximum(peak, plane, out=higher)
            peak, higher = higher, peak
        confidence = self._softmax(planes, peak)
        answers = {self._labels.name: best.astype(np.int32)[np.newaxis],
                   self._confidence.name: confidence[np.newaxis]}
        answers.update((spec.name, outputs[spec.name]) for spec in self.outputs[2:])
        return answers

    def _softmax(self, planes: np.ndarray, peak: np.ndarray) -> np.ndarray:
        """Softmax probability of the largest class: 1 / sum of exp(logit - largest logit)."""
        self._sum.fill(0)
        with np.errstate(invalid='ignore'):  # infinity minus infinity; handled below
            for plane in planes:
                np.subtract(plane, peak, out=self._below)
                self._sum += cv2.exp(self._below, self._power)
        # cv2.exp turns NaN into a number; an unknown confidence must not look like a known one.
        unknown = ~np.isfinite(peak)
        if unknown.any():
            self._sum[unknown] = np.nan
        return np.reciprocal(self._sum)
