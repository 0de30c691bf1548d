"""Thresholds whose best values are known from the calculus, and ones that must keep their promise."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.metrics import at_sensitivity, at_specificity, mean_iou_sweep


def calibrated(levels=1000, pixels=200):
    """Pixels whose probabilities are uniform and right: of those called p, the share p is true."""
    centres = (np.arange(levels) + 0.5) / levels
    truth = np.arange(pixels) < np.rint(centres * pixels)[:, np.newaxis]
    return np.repeat(centres, pixels).reshape(levels, pixels), truth


def test_analytic_optimum_of_calibrated_probabilities():
    """IoU(t) = (1 - t2) / (2 - 2t + t2), which is highest at t = (3 - sqrt 5) / 2, where it is 0.618."""
    probability, truth = calibrated()
    threshold, score = mean_iou_sweep([probability], [truth]).best
    assert threshold == pytest.approx((3 - 5 ** 0.5) / 2, abs=0.01)
    assert score == pytest.approx((5 ** 0.5 - 1) / 2, abs=0.005)


def test_the_whole_curve_is_the_analytic_one():
    probability, truth = calibrated()
    sweep = mean_iou_sweep([probability], [truth])
    t = sweep.thresholds
    assert sweep.scores == pytest.approx((1 - t ** 2) / (2 - 2 * t + t ** 2), abs=0.01)


def test_it_is_the_mean_over_maps():
    rng = np.random.default_rng(0)
    maps = [(rng.random((9, 7)), rng.random((9, 7)) < share) for share in (0.1, 0.8)]
    sweep = mean_iou_sweep(*zip(*maps))
    called = [probability >= 0.4 for probability, _ in maps]
    ious = [(c & truth).sum() / (c | truth).sum() for c, (_, truth) in zip(called, maps)]
    assert sweep.scores[40] == pytest.approx(np.mean(ious))


def test_maps_without_the_target_are_left_out():
    probability, truth = np.full((4, 4), 0.6), np.eye(4, dtype=bool)
    empty = np.zeros((4, 4), bool)
    assert mean_iou_sweep([probability] * 2, [truth, empty]).best == mean_iou_sweep([probability], [truth]).best
    assert np.isnan(mean_iou_sweep([probability], [empty]).scores).all()


SCORES = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40).filter(
    lambda pairs: len({truth for truth, _ in pairs}) == 2)
TARGETS = st.floats(0.01, 0.99)


@given(SCORES, TARGETS)
def test_sensitivity_is_reached_and_no_higher_threshold_does(pairs, target):
    truth, scores = (np.array(column) for column in zip(*pairs))
    threshold = at_sensitivity(truth, scores, target)
    assert (scores[truth] >= threshold).mean() >= target - 1e-9
    assert (scores[truth] >= np.nextafter(threshold, 2)).mean() < target


@given(SCORES, TARGETS)
def test_specificity_is_reached_and_no_lower_threshold_does(pairs, target):
    truth, scores = (np.array(column) for column in zip(*pairs))
    threshold = at_specificity(truth, scores, target)
    assert (scores[~truth] < threshold).mean() >= target - 1e-9
    assert (scores[~truth] < np.nextafter(threshold, -1)).mean() < target


def test_nine_of_ten_is_ninety_percent():
    scores = np.arange(10) / 10
    assert at_sensitivity(np.ones(10, bool), scores, 0.9) == 0.1
    assert at_specificity(np.zeros(10, bool), scores, 0.9) == pytest.approx(0.8)
