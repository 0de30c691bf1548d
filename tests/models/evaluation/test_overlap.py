"""Overlap, distance and confusion of two label images, against other libraries and by hand."""
import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from models.evaluation.overlap import (
    all_background,
    dice,
    false_area,
    hd95,
    iou,
    mean_over_regions,
    mixups,
    pair_counts,
)
from service.messages import InputError
from service.regions import FLIPPED, LEFT_BREAST, LEFT_NIPPLE, NECK
from tests.fakes import frames

from .made_up import random_labels


# IoU and Dice are what scikit-learn and the shared scoring tool say they are.
def test_scikit_learn_agrees():
    found, truth = random_labels(1), random_labels(2)
    pairs = pair_counts(found, truth)
    flat = truth.ravel(), found.ravel()
    assert iou(pairs) == pytest.approx(jaccard_score(*flat, average=None))
    assert dice(pairs) == pytest.approx(f1_score(*flat, average=None))
    assert mean_over_regions(iou(pairs)) == pytest.approx(jaccard_score(*flat, average='macro'))


def test_torchmetrics_agrees():
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    functional = pytest.importorskip('torchmetrics.functional.classification', reason='torchmetrics is absent')
    found, truth = random_labels(3), random_labels(4)
    theirs = functional.multiclass_jaccard_index(torch.from_numpy(found.astype(int)),
                                                 torch.from_numpy(truth.astype(int)), 8, average=None)
    assert iou(pair_counts(found, truth)) == pytest.approx(theirs.numpy())


def test_pixels_are_pooled_over_frames():
    """The formula of the shared scoring tool: pixels in both over pixels in either, summed over all patients."""
    frames_ = [(random_labels(seed), random_labels(seed + 50)) for seed in range(5)]
    inter, union = np.zeros(8), np.zeros(8)
    for found, truth in frames_:
        for region in range(8):
            inter[region] += ((truth == region) & (found == region)).sum()
            union[region] += ((truth == region) | (found == region)).sum()
    assert iou(sum(pair_counts(*pair) for pair in frames_)) == pytest.approx(inter / union)


def test_all_background_is_worth_nothing_however_accurate():
    truth = np.zeros((100, 100), np.uint8)
    truth[:20, :30] = 2
    pairs = pair_counts(np.zeros_like(truth), truth)
    assert np.trace(pairs) / pairs.sum() > 0.9
    assert dice(pairs)[2] == 0 and iou(pairs)[2] == 0
    assert np.array_equal(all_background(pair_counts(truth, truth)), pairs)


def test_a_region_in_neither_image_has_no_figure():
    truth = np.zeros((4, 4), np.uint8)
    values = iou(pair_counts(truth, truth))
    assert values[0] == 1 and np.isnan(values[1:]).all()
    assert mean_over_regions(values) == 1
    assert np.isnan(mean_over_regions(np.full(8, np.nan)))


def test_other_labels_are_refused():
    with pytest.raises(InputError, match='320x240 pixels and the thermogram is 160x120'):
        pair_counts(frames.labels(120, 160), frames.labels())
    with pytest.raises(InputError, match='region id 9'):
        pair_counts(np.zeros((4, 4), np.uint8), np.full((4, 4), 9, np.uint8))


# Distances between outlines that can be told by hand.
def square(top, left, side, shape=(60, 60)):
    mask = np.zeros(shape, bool)
    mask[top:top + side, left:left + side] = True
    return mask


def test_the_same_outline_is_at_no_distance():
    assert hd95(square(10, 10, 20), square(10, 10, 20)) == 0


@pytest.mark.parametrize('shift', [1, 3, 8])
def test_a_shift_is_its_length(shift):
    assert hd95(square(10, 10, 20), square(10, 10 + shift, 20)) == shift


def test_single_pixels():
    assert hd95(square(0, 0, 1), square(3, 4, 1)) == 5


def test_concentric_squares():
    """Corners of the outer outline are the farthest: 5 px to either side of the inner one's."""
    distance = hd95(square(10, 10, 30), square(15, 15, 20))
    assert 5 <= distance <= 5 * 2 ** 0.5


def test_a_speck_moves_the_maximum_and_not_the_percentile():
    speckled = square(10, 10, 30)
    speckled[55, 55] = True  # one of 117 outline pixels
    assert hd95(speckled, square(10, 10, 30)) == 0
    assert hd95(square(10, 10, 30) | square(46, 46, 12), square(10, 10, 30)) > 8


def test_direction_does_not_matter():
    one, other = square(5, 5, 10) | square(30, 30, 20), square(8, 6, 11)
    assert hd95(one, other) == hd95(other, one) > 20


def test_the_edge_of_the_picture_is_an_outline():
    assert hd95(np.ones((30, 30), bool), square(5, 5, 20, (30, 30))) >= 5


@pytest.mark.parametrize('masks', [(0, 1), (1, 0), (0, 0)])
def test_an_empty_mask_has_no_distance(masks):
    assert hd95(*(square(5, 5, 10) * bool(full) for full in masks)) is None


# What wrong pixels are in truth.
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
