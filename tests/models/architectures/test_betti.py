"""Betti curves: known shapes, known topology, and a classifier on top."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('sklearn', reason='the training extra is not installed')
pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.architectures import build  # noqa: E402
from models.architectures.betti import BettiFeatures, betti_classifier, betti_curves  # noqa: E402
from service.messages import InputError  # noqa: E402

LEVELS = np.linspace(0, 255, 100)


def disc(radius, inside, outside=255, side=40):
    rows, columns = np.mgrid[:side, :side] - side // 2
    return np.where(rows ** 2 + columns ** 2 <= radius ** 2, inside, outside).astype(np.uint8)


def test_a_disc_is_one_component_without_a_hole():
    beta0, beta1 = betti_curves(disc(12, 100)).reshape(2, 100)
    assert np.array_equal(beta0, (LEVELS >= 100).astype(int))
    assert not beta1.any()


def test_a_ring_has_a_hole_until_its_middle_is_reached():
    ring = disc(12, 60)
    ring[disc(5, 1, 0) == 1] = 200
    beta0, beta1 = betti_curves(ring).reshape(2, 100)
    assert np.array_equal(beta0, (LEVELS >= 60).astype(int))
    assert np.array_equal(beta1, ((LEVELS >= 60) & (LEVELS < 200)).astype(int))


def test_dark_touches_at_corners_and_bright_does_not():
    corners = np.full((4, 4), 255, np.uint8)
    corners[1, 1] = corners[2, 2] = 0
    assert betti_curves(corners, 2)[0] == 1
    # A dark diamond closes around its middle.
    diamond = np.full((5, 5), 255, np.uint8)
    diamond[1, 2] = diamond[2, 1] = diamond[2, 3] = diamond[3, 2] = 0
    assert betti_curves(diamond, 2).tolist() == [1, 1, 1, 0]


def test_a_bay_open_to_the_border_is_no_hole():
    bay = np.zeros((5, 5), np.uint8)
    bay[0:3, 2] = 255
    assert betti_curves(bay, 2).tolist() == [1, 1, 0, 0]


@given(st.integers(0, 2 ** 32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_the_curves_obey_euler(seed, height, width):
    picture = np.random.RandomState(seed).randint(0, 4, (height, width)).astype(np.uint8) * 85
    curves = betti_curves(picture, 4).reshape(2, 4)
    for i, level in enumerate(np.linspace(0, 255, 4)):
        assert curves[0, i] - curves[1, i] == euler(picture <= level)


def euler(inside):
    """Corners minus edges plus squares of the union of closed pixels."""
    cells = np.pad(inside, 1)
    across, along = cells[:, :-1] | cells[:, 1:], cells[:-1] | cells[1:]
    corners = along[:, :-1] | along[:, 1:]
    return int(corners.sum()) - int(across.sum()) - int(along.sum()) + int(inside.sum())


def test_lengths_of_grey_and_colour_features():
    grey, colour = disc(9, 30), np.stack([disc(9, 30), disc(5, 90), disc(3, 20)], 2)
    features = BettiFeatures()
    assert features.transform([grey]).shape == (1, 200) and features.transform([colour]).shape == (1, 800)
    assert features.transform([colour]).dtype == np.float32
    parts = features.transform([colour])[0].reshape(4, 200)
    assert np.array_equal(parts[0], betti_curves(np.rint(colour.mean(2)).astype(np.uint8)))
    assert np.array_equal(parts[2], betti_curves(disc(5, 90)))


@pytest.mark.parametrize('picture', [
    np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)])
def test_another_kind_of_picture_is_refused(picture):
    with pytest.raises(InputError) as caught:
        betti_curves(picture)
    assert caught.value.code == 'picture-kind'


def discs_and_rings(seed, count):
    rng = np.random.RandomState(seed)
    pictures, classes = [], []
    for i in range(count):
        picture = disc(rng.randint(9, 14), rng.randint(20, 80), side=32)
        if i % 2:
            picture[disc(4, 1, 0, 32) == 1] = rng.randint(150, 220)
        pictures.append(picture)
        classes.append(i % 2)
    return pictures, np.array(classes)


def test_the_classifier_tells_rings_from_discs_and_is_repeatable():
    train, truth = discs_and_rings(0, 30)
    test, answers = discs_and_rings(1, 20)
    first, again = (betti_classifier(seed=4, thresholds=30, trees=20).fit(train, truth) for _ in range(2))
    assert np.array_equal(first.predict(test), answers)
    assert np.array_equal(first.predict_proba(test), again.predict_proba(test))
    assert 0 < first.named_steps['select'].get_support().sum() < 60


def test_the_registry_builds_it():
    assert list(build('betti', seed=1).named_steps) == ['curves', 'select', 'classify']
