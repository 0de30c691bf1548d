"""Each group of descriptors answers to what it is named after, and to nothing else."""
import cv2
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.active.answers import Look  # noqa: E402
from models.active.descriptors import GROUPS, NOISE, PATCH, PLACE, SHARPNESS, SIZE, WHOLE, describe  # noqa: E402
from service.chains import Fit  # noqa: E402
from service.regions import LEFT_ARMPIT, LEFT_BREAST, NECK, RIGHT_ARMPIT, RIGHT_BREAST  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402

SHAPE = 120, 160


def person(shift=0, radius=18):
    """A warm torso, and labels: two round breasts, armpits, a neck that may lie to the side."""
    celsius = np.full(SHAPE, 22, np.float32)
    celsius[10:, 30:130] = 33
    celsius += np.random.default_rng(0).normal(0, 0.03, SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, np.uint8)
    for region, column in ((RIGHT_BREAST, 58), (LEFT_BREAST, 102)):
        cv2.circle(labels, (column, 70), radius, region, -1)
    for region, column in ((RIGHT_ARMPIT, 38), (LEFT_ARMPIT, 122)):
        labels[35:45, column - 4:column + 4] = region
    labels[12:25, 70 + shift:90 + shift] = NECK
    return celsius, labels


def described(celsius, labels):
    seen = Look(np.zeros(4, np.float32), labels, np.zeros(SHAPE, np.float32), np.zeros(8), 0.0)
    return describe(Thermogram.from_celsius(celsius, 'drawn'), seen, Fit.of(SHAPE, SHAPE))


def dressed():
    celsius, labels = person()
    celsius[64:74, 54:64] -= 4
    labels[64:74, 54:64] = 0
    return celsius, labels


def moved():
    celsius, labels = person()
    return cv2.blur(celsius, (9, 1)), labels


def noisy():
    celsius, labels = person()
    return celsius + np.random.default_rng(1).normal(0, 0.2, SHAPE).astype(np.float32), labels


@pytest.mark.parametrize('changed, group, others', [
    (person(shift=14), PLACE, (SIZE, PATCH, SHARPNESS, NOISE)), (person(radius=10), SIZE, (PLACE, SHARPNESS, NOISE)),
    (dressed(), PATCH, (NOISE,)), (moved(), SHARPNESS, (PLACE, SIZE)), (noisy(), NOISE, (PLACE, SIZE))])
def test_a_change_is_seen_in_its_group(changed, group, others):
    before, after = described(*person()), described(*changed)
    assert tuple(before) == GROUPS and np.isfinite(np.concatenate(list(before.values()))).all()
    assert np.abs(after[group] - before[group]).max() > 0.05
    for other in others:
        assert np.abs(after[other] - before[other]).max() < 0.05


def test_a_frame_without_regions_has_no_place_and_no_patch():
    celsius, _ = person()
    groups = described(celsius, np.zeros(SHAPE, np.uint8))
    assert np.isnan(groups[PLACE]).all() and np.isnan(groups[PATCH]).all() and not groups[SIZE].any()
    assert np.isfinite(groups[NOISE]).all() and groups[WHOLE].shape == (4,)
