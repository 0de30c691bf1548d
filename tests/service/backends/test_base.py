"""Inputs and outputs are checked for every backend."""
import numpy as np
import pytest

from service.backends import TensorSpec
from service.messages import BackendError
from tests.fakes.stub_backend import INPUTS, StubBackend

RIGHT = np.zeros((1, 1, 240, 320), np.float32)


def test_a_feed_as_described_runs():
    with StubBackend() as backend:
        assert set(backend.infer({'thermogram': RIGHT})) == {'labels', 'confidence', 'finding'}


@pytest.mark.parametrize('feed', [
    {},
    {'image': RIGHT},
    {'thermogram': RIGHT, 'more': RIGHT},
    {'thermogram': RIGHT[0]},
    {'thermogram': RIGHT.astype(np.float64)},
])
def test_another_feed_never_reaches_the_network(feed):
    with StubBackend() as backend:
        with pytest.raises(BackendError) as caught:
            backend.infer(feed)
        assert caught.value.code == 'backend-feed' and 'thermogram float32[1, 1, 240, 320]' in caught.value.message.text
        assert backend.runs == 0


def test_it_is_not_used_before_or_after():
    backend = StubBackend()
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            backend.infer({'thermogram': RIGHT})
        assert caught.value.code == 'backend-inactive'
        backend.activate()
        backend.deactivate()
        backend.deactivate()


def test_a_model_that_is_not_the_one_described_is_refused():
    class Other(StubBackend):
        released = False

        def _model_inputs(self):
            return (TensorSpec('thermogram', (1, 3, 240, 320), 'float32'),)

        def _deactivate(self):
            self.released = True

    backend = Other()
    with pytest.raises(BackendError) as caught:
        backend.activate()
    assert caught.value.code == 'backend-tensors' and backend.released
    assert INPUTS[0].name in caught.value.message.text
