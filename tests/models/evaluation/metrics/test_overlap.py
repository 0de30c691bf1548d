"""IoU and Dice are what scikit-learn and the shared scoring tool say they are."""
import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from models.evaluation.metrics import all_background, dice, iou, mean_over_regions, pair_counts
from service.messages import InputError
from tests.fakes import frames

from ..made_up import random_labels


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


def test_a_region_that_is_nowhere_has_no_figure():
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
