"""Augmented phantoms are still phantoms with labels on the right side."""
import numpy as np
import pytest

from service import regions
from service.simulator import make_phantom

pytest.importorskip('cv2', reason='OpenCV is not installed')

from models.augment import augment  # noqa: E402


def test_sides_survive_the_flip():
    phantom = make_phantom(3, 120, 160)
    columns = np.arange(160)
    for seed in range(12):
        celsius, labels = augment(np.random.default_rng(seed), phantom.celsius, phantom.labels)
        assert celsius.shape == labels.shape and celsius.dtype == np.float32 and labels.dtype == np.uint8
        assert np.isfinite(celsius).all() and labels.max() < len(regions.REGIONS)
        right, left = ((labels == k).sum(0) for k in (regions.RIGHT_BREAST, regions.LEFT_BREAST))
        assert np.average(columns, weights=right) < np.average(columns, weights=left)


def test_a_seed_repeats_itself():
    phantom = make_phantom(3, 120, 160)
    one, same = (augment(np.random.default_rng(5), phantom.celsius, phantom.labels) for _ in range(2))
    assert np.array_equal(one[0], same[0]) and np.array_equal(one[1], same[1])
