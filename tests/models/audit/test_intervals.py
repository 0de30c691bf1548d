"""The AUC counts pairs that met in a fold; draws are paired between inputs."""
import itertools

import numpy as np
import pytest

from models.audit import Outcome, Plan
from models.audit.intervals import PairTable, interval

CLASSES = np.array([1, 1, 1, 0, 0, 0, 0], bool)
FOLDS = np.array([[0, 0, 1, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0, 1]])


def table(scores):
    plan = Plan(tuple('abcdefg'), CLASSES, np.arange(7), FOLDS, ('Healthy', 'Sick'))
    return PairTable(Outcome(plan, np.asarray(scores, np.float64), np.zeros((2, 7), bool)))


SCORES = np.array([[3, 1, 2, 2, 1, 0, 5], [0, 4, 2, 2, 0, 3, 1]])


def test_it_is_the_share_of_pairs_within_a_fold():
    won, met = 0.0, 0
    for repetition, i, j in itertools.product(range(2), range(3), range(3, 7)):
        if FOLDS[repetition, i] == FOLDS[repetition, j]:
            a, b = SCORES[repetition, i], SCORES[repetition, j]
            won, met = won + (a > b) + 0.5 * (a == b), met + 1
    assert table(SCORES).auc == pytest.approx(won / met)


def test_another_scale_in_another_fold_changes_nothing():
    moved = SCORES + 100 * FOLDS
    assert table(moved).auc == table(SCORES).auc


def test_draws_spread_around_the_figure_and_are_paired():
    drawn = table(SCORES).drawn(2000, 7)
    low, high = interval(drawn)
    assert low < table(SCORES).auc < high and len(drawn) == 2000
    assert np.array_equal(drawn, table(2 * SCORES + 1).drawn(2000, 7))
    assert not np.array_equal(drawn, table(SCORES).drawn(2000, 8))


def test_a_perfect_input_has_no_spread():
    assert set(table(np.tile(CLASSES.astype(float), (2, 1))).drawn(200, 0)) <= {1.0, 0.5}
