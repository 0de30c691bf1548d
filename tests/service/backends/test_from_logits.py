"""A network without ArgMax gives the same answers as the one with it."""
import numpy as np
import pytest

from service.backends import Backend, FromLogits, OnnxRuntimeBackend, TensorSpec
from service.bundle import open_bundle, prove
from service.messages import BackendError
from tests.fakes.variants import HEIGHT, WIDTH, write_variants

INPUTS = (TensorSpec('thermogram', (1, 1, 2, 3), 'float32'),)
LOGITS = (TensorSpec('logits', (1, 8, 2, 3), 'float32'), TensorSpec('finding', (1, 1), 'float32'))
ANSWERS = (TensorSpec('labels', (1, 2, 3), 'int32'), TensorSpec('confidence', (1, 2, 3), 'float32'), LOGITS[1])
FEED = {'thermogram': np.zeros((1, 1, 2, 3), np.float32)}


class Fixed(Backend):
    """Gives the logits it was made with."""

    name = 'fixed'

    def __init__(self, logits):
        super().__init__(b'plan', INPUTS, LOGITS)
        self.logits = logits
        self.loaded = False

    def describe(self):
        return {'name': self.name, 'precision': 'fp16'}

    def _activate(self):
        self.loaded = True

    def _deactivate(self):
        self.loaded = False

    def _model_inputs(self):
        return INPUTS

    def _model_outputs(self):
        return LOGITS

    def _infer(self, feed):
        return {'logits': self.logits, 'finding': np.float32([[0.25]])}


def answer(logits):
    with FromLogits(Fixed(logits), ANSWERS) as backend:
        return backend.infer(FEED)


def logits(**pixels):
    """Zeros, and at pixel 0..5 (``p0`` ..) what is given: class to logit."""
    array = np.zeros((1, 8, 6), np.float32)
    for name, classes in pixels.items():
        for label, value in classes.items():
            array[0, label, int(name[1:])] = value
    return array.reshape(1, 8, 2, 3)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(write_variants(tmp_path_factory.mktemp('variants') / 'bundle'))


@pytest.mark.parametrize('name', ['fp32', 'fp16'])
def test_it_equals_the_variant_that_answers_itself(bundle, name):
    outputs = {}
    for variant in (bundle.variants[name], bundle.variants[name + '-logits']):
        backend = OnnxRuntimeBackend(bundle.read_model(variant.name), bundle.inputs, variant.outputs, threads=1)
        if not variant.answers:
            backend = FromLogits(backend, bundle.outputs)
        with backend:
            outputs[variant.answers] = [backend.infer({'thermogram': frame}) for frame in frames()]
            prove(bundle, backend.infer, variant.name)
    for there, here in zip(outputs[True], outputs[False]):
        assert set(there) == set(here)
        assert np.array_equal(there['labels'], here['labels']) and len(np.unique(here['labels'])) == 8
        assert np.abs(there['confidence'] - here['confidence']).max() < (1e-5 if name == 'fp32' else 5e-3)
        assert np.array_equal(there['finding'], here['finding'])
        for role in there:
            assert there[role].dtype == here[role].dtype and there[role].shape == here[role].shape


def frames():
    random = np.random.RandomState(3)
    return [random.rand(1, 1, HEIGHT, WIDTH).astype(np.float32) for _ in range(3)]


def test_largest_class_and_its_probability():
    outputs = answer(logits(p0={3: np.log(9.0)}, p4={7: 200.0, 6: -200.0}))
    assert outputs['labels'].ravel().tolist() == [3, 0, 0, 0, 7, 0]
    assert outputs['confidence'].ravel() == pytest.approx([9 / 16.0, 1 / 8.0, 1 / 8.0, 1 / 8.0, 1.0, 1 / 8.0])
    assert outputs['finding'] == 0.25


def test_tie_goes_to_the_lower_label_as_in_argmax():
    assert answer(logits(p2={2: 5.0, 6: 5.0}))['labels'].ravel()[2] == 2


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_not_finite_logits_give_no_confidence(value):
    outputs = answer(logits(p1={4: value}))
    assert np.isnan(outputs['confidence'].ravel()[1])
    assert np.isfinite(np.delete(outputs['confidence'].ravel(), 1)).all()


def test_one_answer_does_not_change_with_the_next():
    inner = Fixed(logits(p0={5: 3.0}))
    with FromLogits(inner, ANSWERS) as backend:
        first = backend.infer(FEED)
        kept = {role: array.copy() for role, array in first.items()}
        inner.logits = logits(p0={1: 9.0})
        backend.infer(FEED)
    assert all(np.array_equal(first[role], kept[role]) for role in first)


def test_it_describes_itself_as_the_backend_that_runs_the_network():
    inner = Fixed(logits())
    with FromLogits(inner, ANSWERS) as backend:
        assert inner.loaded and backend.name == 'fixed' and backend.describe() == inner.describe()
        assert backend.model_bytes == 4
    assert not inner.loaded


def test_answers_of_another_size_are_refused_and_nothing_stays_loaded():
    inner = Fixed(logits())
    wanted = (TensorSpec('labels', (1, 4, 6), 'int32'),) + ANSWERS[1:]
    with pytest.raises(BackendError) as caught:
        FromLogits(inner, wanted).activate()
    assert caught.value.code == 'backend-tensors' and not inner.loaded
