"""What wrong pixels are in truth."""
import numpy as np
import pytest

from models.evaluation.metrics import false_area, mixups, pair_counts
from service.regions import FLIPPED, LEFT_BREAST, LEFT_NIPPLE, NECK
from tests.fakes import frames


def share(rows, called, other):
    return next(row for row in rows if (row['called'], row['is']) == (called, other))


def test_a_nipple_drawn_into_the_breast():
    truth, found = frames.labels(), frames.labels()
    rows, columns = np.nonzero(truth == LEFT_BREAST)
    found[rows[:30], columns[:30]] = LEFT_NIPPLE
    background = np.argwhere(truth == 0)[:10]
    found[background[:, 0], background[:, 1]] = LEFT_NIPPLE
    row = share(mixups(pair_counts(found, truth)), 'left_nipple', 'left_breast')
    assert row['n'] == 40 and row['share'] == pytest.approx(0.75) and row['kind'] == 'nipple and breast'


def test_swapped_sides_show():
    truth = frames.labels()
    rows = mixups(pair_counts(FLIPPED[truth], truth))
    assert all(row['share'] == 1 for row in rows if row['kind'] == 'sides')
    assert {row['share'] for row in mixups(pair_counts(truth, truth))} == {None}


def test_false_area_counts_only_frames_without_the_region():
    with_neck, without = frames.labels(), frames.labels()
    without[without == NECK] = 0
    found = without.copy()
    found[:2, :5] = NECK
    pairs = np.array([pair_counts(with_neck, with_neck), pair_counts(found, without), pair_counts(without, without)])
    assert false_area(pairs, NECK) == {'n': 2, 'frames': 1, 'mean_px': 5, 'max_px': 10}
    assert false_area(pairs[:1], NECK) == {'n': 0, 'frames': 0, 'mean_px': None, 'max_px': None}
