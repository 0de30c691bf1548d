"""Sides, names and boxes of the regions."""
import numpy as np

from service.regions import FLIPPED, PAIRS, REGIONS, bounding_boxes, pair_name, region_label
from tests.fakes import frames

LABELS = frames.labels()


def test_flipping_swaps_sides_and_nothing_else():
    for right, left in PAIRS:
        assert FLIPPED[right] == left and FLIPPED[left] == right
        assert region_label(right) == 'right ' + pair_name(right)
    assert sorted(FLIPPED) == list(range(len(REGIONS)))
    assert FLIPPED[0] == 0 and FLIPPED[7] == 7


def test_boxes_are_tight():
    for region, (rows, columns) in bounding_boxes(LABELS).items():
        mask = LABELS == region
        assert mask[rows, columns].sum() == mask.sum()
        assert mask[rows.start].any() and mask[:, columns.stop - 1].any()
    assert bounding_boxes(np.zeros((5, 5), np.uint8)) == {}
