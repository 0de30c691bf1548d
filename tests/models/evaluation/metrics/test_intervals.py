"""Intervals: published values, and that a patient's frames do not count as patients."""
import numpy as np
import pytest

from models.evaluation.metrics import PatientBootstrap, estimate, spread, wilson


def test_wilson_as_published():
    """43 of 47, for which `facts` gives 80 to 97 %; 0 of 10 from Wilson's formula by hand: z2 / (n + z2)."""
    assert wilson(43, 47) == pytest.approx([0.80, 0.97], abs=0.005)
    assert wilson(0, 10) == pytest.approx([0, 3.8415 / 13.8415], abs=1e-4)
    assert wilson(0, 0) is None


def test_mean_of_normal_numbers():
    """The bootstrap of a mean comes to the textbook interval: 1.96 standard errors."""
    values = np.random.default_rng(3).normal(5, 2, 400)
    low, high = spread(PatientBootstrap(range(400)).means(values))
    error = values.std(ddof=1) / 20
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.05)


def test_copies_of_a_frame_narrow_nothing():
    values = np.random.default_rng(4).normal(0, 1, 30)
    once = PatientBootstrap(range(30), 500, seed=1)
    tenfold = PatientBootstrap(np.repeat(range(30), 10), 500, seed=1)
    assert once.one_frame_each and not tenfold.one_frame_each
    # The names sort as words, so that the draws agree patient by patient.
    assert spread(tenfold.means(np.repeat(values, 10))) == pytest.approx(spread(once.means(values)))


def test_sums_are_those_of_the_drawn_frames():
    patients, values = ['b', 'a', 'b', 'c'], np.array([1.0, 10, 100, 1000])
    bootstrap = PatientBootstrap(patients, 50)
    expected = [sum(value * weight for value, weight in zip(values, weights)) for weights in bootstrap.weights()]
    assert bootstrap.sums(values) == pytest.approx(expected)
    assert (bootstrap.counts.sum(1) == 3).all() and len(set(map(tuple, bootstrap.counts))) > 3


def test_a_seed_repeats_itself():
    one, same, other = (PatientBootstrap(list('abcde'), 100, seed).counts for seed in (7, 7, 8))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_no_interval_from_figures_that_mostly_do_not_exist():
    assert spread([np.nan] * 60 + [0.5] * 40) is None
    assert spread([np.nan] * 40 + [0.5] * 60) == [0.5, 0.5]
    assert estimate(np.nan, 0, None, 'x') == {'value': None, 'n': 0, 'ci95': None, 'interval': None}
    assert spread(PatientBootstrap([]).means([])) is None
