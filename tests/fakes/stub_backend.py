"""A backend that answers what a test tells it to."""
import numpy as np

from service.backends import Backend, TensorSpec
from service.views import VIEWS

INPUTS = (TensorSpec('thermogram', (1, 1, 240, 320), 'float32'),)
OUTPUTS = (TensorSpec('labels', (1, 240, 320), 'int32'), TensorSpec('confidence', (1, 240, 320), 'float32'),
           TensorSpec('finding', (1, 1), 'float32'))
VIEW = TensorSpec('view', (1, len(VIEWS)), 'float32')


def outputs_of(finding, view):
    """The outputs of a network with or without a finding and views."""
    return (OUTPUTS if finding else OUTPUTS[:2]) + ((VIEW,) if view else ())


class StubBackend(Backend):
    """Gives fixed labels, confidence, finding and view for every frame; without those of the latter that are None.

    `view` names one of `VIEWS`, or gives a probability per view; the others have 0.
    """

    name = 'stub'

    def __init__(self, labels=None, confidence=0.9, finding=0.2, view=None):
        super().__init__(b'', INPUTS, outputs_of(finding is not None, view is not None))
        labels = np.zeros((240, 320), np.int32) if labels is None else labels
        self.answer = {
            'labels': labels.astype(np.int32)[np.newaxis],
            'confidence': np.full((1, 240, 320), confidence, np.float32),
        }
        if finding is not None:
            self.answer['finding'] = np.float32([[finding]])
        if view is not None:
            given = {view: 1.0} if isinstance(view, str) else view
            self.answer['view'] = np.float32([[given.get(name, 0.0) for name in VIEWS]])
        self.runs = 0

    def describe(self):
        return {'name': self.name, 'version': '1', 'device': 'none', 'precision': 'fp32', 'threads': 1}

    def _activate(self):
        pass

    def _deactivate(self):
        pass

    def _model_inputs(self):
        return INPUTS

    def _model_outputs(self):
        return self.outputs

    def _infer(self, feed):
        self.runs += 1
        return self.answer


class StubClassifier(StubBackend):
    """Gives a fixed finding and nothing else; keeps what it was fed last."""

    def __init__(self, finding=0.2):
        super().__init__(finding=finding)
        self.outputs = OUTPUTS[2:]
        self.answer = {'finding': self.answer['finding']}
        self.seen = None

    def _infer(self, feed):
        self.seen = feed['thermogram'].copy()
        return super()._infer(feed)
