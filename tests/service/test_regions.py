"""Sides, names and boxes of the regions."""
import numpy as np
import pytest

from service.regions import FLIPPED, PAIRS, REGIONS, pair_name, region_label, region_masks, resize_labels
from tests.fakes import frames

LABELS = frames.labels()


def test_flipping_swaps_sides_and_nothing_else():
    for right, left in PAIRS:
        assert FLIPPED[right] == left and FLIPPED[left] == right
        assert region_label(right) == 'right ' + pair_name(right)
    assert sorted(FLIPPED) == list(range(len(REGIONS)))
    assert FLIPPED[0] == 0 and FLIPPED[7] == 7


@pytest.mark.parametrize('labels', [LABELS, LABELS[:, ::-1], LABELS[100:, 50:]], ids=['whole', 'flipped', 'cut'])
def test_boxes_are_tight_and_hold_the_region(labels):
    masks = region_masks(labels)
    assert sorted(masks) == sorted(set(np.unique(labels)) - {0})
    for region, ((rows, columns), inside) in masks.items():
        mask = labels == region
        assert mask[rows, columns].sum() == mask.sum() and np.array_equal(inside > 0, mask[rows, columns])
        assert all(line.any() for line in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_only_what_is_looked_for_has_a_box():
    masks, every = region_masks(LABELS, (1, 7)), region_masks(LABELS)
    assert list(masks) == [1, 7] and all(masks[region][0] == every[region][0] for region in masks)


@pytest.mark.parametrize('size', [(240, 320), (480, 640), (120, 160), (481, 640), (97, 131)])
def test_every_pixel_takes_its_nearest_label(size):
    rows, columns = (np.arange(side) * given // side for side, given in zip(size, LABELS.shape))
    assert np.array_equal(resize_labels(LABELS, size), LABELS[rows][:, columns])


def test_what_is_no_region_has_no_box():
    assert region_masks(np.zeros((5, 5), np.uint8)) == {} == region_masks(np.full((5, 5), 8, np.uint8))
