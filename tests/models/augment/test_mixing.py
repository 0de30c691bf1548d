"""Blended labels stay shares of a whole; a few pictures of another camera come in, and it is said."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.augment import mix_in, mixup  # noqa: E402
from models.data import Collection, Sample  # noqa: E402
from service.messages import InputError  # noqa: E402


def collection(name, count, classes=('a', 'b'), regions=('background', 'lesion')):
    samples = [Sample('%s-%d' % (name, i), '%s-%d' % (name, i), {'camera': name}, i % 2, read=None)
               for i in range(count)]
    return Collection(name, samples, classes, regions)


@given(st.integers(0, 10 ** 6), st.integers(1, 6))
def test_shares_sum_to_one(seed, count):
    rng = np.random.default_rng(seed)
    samples = rng.random((count, 1, 4, 5), np.float32)
    labels, klass = rng.integers(0, 8, (count, 4, 5)), rng.integers(0, 3, count)
    mixed = mixup(rng, samples, labels, klass, classes=3)
    assert mixed.samples.shape == samples.shape and mixed.samples.dtype == np.float32
    assert mixed.labels.shape == (count, 8, 4, 5) and mixed.klass.shape == (count, 3)
    assert np.allclose(mixed.labels.sum(1), 1, atol=1e-6) and np.allclose(mixed.klass.sum(1), 1, atol=1e-6)
    assert mixed.labels.min() >= 0 and sorted(mixed.partner) == list(range(count))
    expected = mixed.weight * samples + (1 - mixed.weight) * samples[mixed.partner]
    assert np.allclose(mixed.samples, expected, atol=1e-6)


def test_the_label_follows_the_picture():
    """Pictures that show nothing but their class: blended, they show the blended class."""
    klass = np.array([0, 1, 1, 0, 1])
    mixed = mixup(np.random.default_rng(1), klass[:, None, None, None].astype(np.float32), klass=klass)
    assert mixed.labels is None
    assert np.allclose(mixed.samples[:, 0, 0, 0], mixed.klass[:, 1], atol=1e-6)


def test_weights_are_spread_evenly():
    weights = [mixup(np.random.default_rng(seed), np.zeros((2, 1, 1, 1))).weight for seed in range(400)]
    assert np.histogram(weights, 4, (0, 1))[0].min() > 70


@pytest.mark.parametrize('klass', [[0, 2], [-1, 0], [0]])
def test_unknown_classes_are_no_classes(klass):
    with pytest.raises(ValueError):
        mixup(np.random.default_rng(0), np.zeros((2, 1, 4, 4)), klass=klass)


@pytest.mark.parametrize('share', [0.07, 12 / 162])
def test_twelve_of_162(share):
    mixed = mix_in(collection('ours', 150), collection('theirs', 40), share)
    assert len(mixed) == 162
    drawn = mixed.where(mixed_in='theirs')
    assert len(drawn) == 12 and {sample.facts['camera'] for sample in drawn} == {'theirs'}
    assert mixed.keys[:150] == collection('ours', 150).keys
    assert '12 of 162' in mixed.notes[0]
    assert {sample.klass for sample in drawn} == {0, 1}


def test_the_draw_hangs_on_the_seed_alone():
    ours, theirs = collection('ours', 50), collection('theirs', 40)
    assert mix_in(ours, theirs, seed=1).keys == mix_in(ours, theirs, seed=1).keys
    assert mix_in(ours, theirs, seed=1).keys != mix_in(ours, theirs, seed=2).keys


def test_classes_of_another_set_are_not_ours():
    mixed = mix_in(collection('ours', 50), collection('theirs', 40, classes=('b', 'a')))
    assert {sample.klass for sample in mixed.where(mixed_in='theirs')} == {None}


@pytest.mark.parametrize('others, share, code', [
    (collection('theirs', 3), 0.07, 'mix-too-few'),
    (collection('theirs', 90), 1.0, 'mix-share'),
    (collection('theirs', 90, regions=('background', 'breast')), 0.07, 'mix-regions'),
    (collection('ours', 150), 0.07, 'key-twice'),
])
def test_refusals(others, share, code):
    with pytest.raises(InputError) as caught:
        mix_in(collection('ours', 150), others, share)
    assert caught.value.code == code
