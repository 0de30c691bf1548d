"""Features as one more output: nothing else changes, and what has none says so."""
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.features import with_features, with_latents
from export.runners import open_session, run_session
from export.variants import make_logits
from service.bundle import BASE, open_bundle
from service.messages import InputError
from service.settings import SHIPPED_BUNDLE

from ..fakes.onnx_builder import tiny_model


@pytest.fixture(scope='module')
def without():
    """The shipped network without its features."""
    proto = onnx.load_from_string(open_bundle(SHIPPED_BUNDLE).read_model(BASE))
    del proto.graph.output[-1], proto.graph.node[-3:], proto.graph.initializer[-1]
    return proto.SerializeToString()


def weights(model):
    return {tensor.name: numpy_helper.to_array(tensor).tobytes()
            for tensor in onnx.load_from_string(model).graph.initializer if not tensor.name.startswith('features')}


def test_features_change_no_weight_and_no_other_answer(without):
    more = with_features(without)
    assert weights(more) == weights(without) and with_features(more) == more
    tensor = {'thermogram': np.random.RandomState(3).uniform(size=(1, 1, 240, 320)).astype(np.float32)}
    before, after = (run_session(open_session(model), tensor) for model in (without, more))
    features = after.pop('features')
    assert features.shape == (1, 128) and np.linalg.norm(features) == pytest.approx(1, abs=1e-5)
    assert list(before) == list(after) and all(np.array_equal(before[name], after[name]) for name in before)


def test_a_network_that_decides_by_no_vector_has_none():
    with pytest.raises(InputError) as raised:
        with_features(tiny_model())
    assert raised.value.code == 'features-none'


def test_latents_are_of_the_deepest_tensor(without):
    logits = make_logits(without)
    more = with_latents(logits)
    assert weights(more) == weights(logits)
    tensor = {'thermogram': np.random.RandomState(3).uniform(size=(1, 1, 240, 320)).astype(np.float32)}
    answer = run_session(open_session(more), tensor)
    assert answer['latents'].shape == (1, 2 * 128), 'mean and deviation at the encoder\'s end, not of what narrows it'
    assert (answer['latents'] >= 0).all(), 'after the last activation'
    assert answer['logits'].shape == (1, 8, 240, 320)
