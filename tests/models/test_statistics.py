"""Figures and their intervals, against published values, other libraries and counting by hand."""
import itertools

import numpy as np
import pytest

pytest.importorskip('sklearn', reason='the training extra is not installed: this is the device half')

from scipy.stats import f_oneway  # noqa: E402
from sklearn import metrics as sklearn_metrics  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from calibration.thresholds import wilson  # noqa: E402
from models.statistics import (  # noqa: E402
    FoldwiseAuc,
    PatientBootstrap,
    auc_n,
    bland_altman,
    class_figures,
    confusion_matrix,
    estimate,
    percentile_interval,
    repeatability,
    roc,
    spread_n,
    wilson_n,
)


# Intervals: published values, and that a patient's frames do not count as patients.
def test_wilson_as_published():
    """43 of 47; 0 of 10 from Wilson's formula by hand: z2 / (n + z2)."""
    assert wilson(43, 47) == pytest.approx([0.80, 0.97], abs=0.005)
    assert wilson(0, 10) == pytest.approx([0, 3.8415 / 13.8415], abs=1e-4)


def test_mean_of_normal_numbers():
    """The bootstrap of a mean comes to the textbook interval: 1.96 standard errors."""
    values = np.random.default_rng(3).normal(5, 2, 400)
    low, high = percentile_interval(PatientBootstrap(range(400)).means(values))
    error = values.std(ddof=1) / 20
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.05)


def test_copies_of_a_frame_narrow_nothing():
    values = np.random.default_rng(4).normal(0, 1, 30)
    once = PatientBootstrap(range(30), 500, seed=1)
    tenfold = PatientBootstrap(np.repeat(range(30), 10), 500, seed=1)
    assert once.one_frame_each and not tenfold.one_frame_each
    # The names sort as words, so that the draws agree patient by patient.
    repeated = percentile_interval(tenfold.means(np.repeat(values, 10)))
    assert repeated == pytest.approx(percentile_interval(once.means(values)))


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
    assert percentile_interval(np.array([np.nan] * 60 + [0.5] * 40)) is None
    assert percentile_interval(np.array([np.nan] * 40 + [0.5] * 60)) == [0.5, 0.5]
    assert estimate(np.nan, 0, None, 'x') == {'value': None, 'n': 0, 'ci95': None, 'interval': None}
    assert percentile_interval(PatientBootstrap([]).means([])) is None


# Calls against the truth, with a confusion matrix done by hand.
#: Ten patients: 3 of 4 sick are called, 2 of 6 healthy are called too.
TRUTH = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
CALLED = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], bool)
BY_HAND = {'sensitivity': (3 / 4, 4), 'specificity': (4 / 6, 6), 'precision': (3 / 5, 5), 'f1': (6 / 9, 10),
           'accuracy': (7 / 10, 10)}


@pytest.fixture(scope='module')
def figures():
    return class_figures(TRUTH, CALLED, PatientBootstrap(range(10), 500))


def test_by_hand(figures):
    assert figures['confusion'] == [[4, 2], [1, 3]]
    for name, (value, n) in BY_HAND.items():
        assert figures[name]['value'] == pytest.approx(value, abs=1e-4), name
        assert figures[name]['n'] == n, name


def test_scikit_learn_agrees(figures):
    theirs = {'sensitivity': 'recall_score', 'precision': 'precision_score', 'f1': 'f1_score',
              'accuracy': 'accuracy_score'}
    for name, function in theirs.items():
        assert figures[name]['value'] == pytest.approx(getattr(sklearn_metrics, function)(TRUTH, CALLED), abs=1e-4)


def test_accuracy_comes_last(figures):
    assert list(figures)[-1] == 'accuracy'


def test_every_interval_holds_its_figure(figures):
    for name in BY_HAND:
        low, high = figures[name]['ci95']
        assert 0 <= low < figures[name]['value'] < high <= 1, name
    assert figures['sensitivity']['interval'] == 'Wilson'
    assert figures['f1']['interval'].startswith('bootstrap over 10 patients')


def test_frames_of_one_patient_are_not_independent():
    """Ten frames of each patient: ten times the n, and an interval that stays as wide."""
    truth, called, patients = (np.repeat(values, 10) for values in (TRUTH, CALLED, range(10)))
    repeated = class_figures(truth, called, PatientBootstrap(patients, 500))['sensitivity']
    assert repeated['n'] == 40 and repeated['interval'].startswith('bootstrap')
    assert repeated['ci95'][1] - repeated['ci95'][0] > 0.5


def test_undefined_figures_have_no_value():
    figures = class_figures(np.zeros(5, bool), np.zeros(5, bool), PatientBootstrap(range(5), 100))
    assert figures['sensitivity']['value'] is None and figures['precision']['value'] is None
    assert figures['specificity']['value'] == 1


def test_three_classes_by_hand():
    table = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 0, 2], 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


# AUC against scikit-learn, against torchmetrics and against counting pairs.
RNG = np.random.default_rng(5)
RANKED = RNG.random(80) < 0.4
PROBABILITIES = np.round(np.clip(0.3 * RANKED + RNG.random(80) * 0.7, 0, 1), 2)  # rounded: ties occur


@pytest.fixture(scope='module')
def curve():
    return roc(RANKED, PROBABILITIES, PatientBootstrap(range(80), 300))


def test_auc_is_the_share_of_pairs_ranked_rightly(curve):
    differences = PROBABILITIES[RANKED][:, np.newaxis] - PROBABILITIES[~RANKED]
    pairs = (differences > 0).mean() + (differences == 0).mean() / 2
    assert curve['auc']['value'] == pytest.approx(pairs, abs=1e-4)
    assert curve['auc']['value'] == pytest.approx(roc_auc_score(RANKED, PROBABILITIES), abs=1e-4)


def test_torchmetrics_agrees(curve):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    functional = pytest.importorskip('torchmetrics.functional.classification', reason='torchmetrics is absent')
    theirs = functional.binary_auroc(torch.from_numpy(PROBABILITIES), torch.from_numpy(RANKED.astype(int)))
    assert curve['auc']['value'] == pytest.approx(float(theirs), abs=1e-4)


def test_interval_is_about_what_hanley_and_mcneil_give(curve):
    auc, positive, negative = curve['auc']['value'], RANKED.sum(), (~RANKED).sum()
    first, second = auc / (2 - auc), 2 * auc ** 2 / (1 + auc)
    variance = (auc * (1 - auc) + (positive - 1) * (first - auc ** 2) + (negative - 1) * (second - auc ** 2)) / (
        positive * negative)
    low, high = curve['auc']['ci95']
    assert low < auc < high
    assert high - low == pytest.approx(2 * 1.96 * variance ** 0.5, rel=0.2)


def test_the_band_holds_the_curve(curve):
    band = curve['band']
    middle = np.interp(band['false_positive_rate'], curve['false_positive_rate'], curve['sensitivity'])
    inside = (np.array(band['low']) <= middle + 0.02) & (middle <= np.array(band['high']) + 0.02)
    assert inside.mean() > 0.95


def test_one_class_alone_has_no_auc():
    curve = roc(np.ones(4, bool), np.linspace(0, 1, 4), PatientBootstrap(range(4), 100))
    assert curve['auc']['value'] is None and curve['auc']['n'] == 4 and curve['band'] is None


# Bland and Altman on numbers done by hand.
def test_bland_altman_by_hand():
    """Differences 1, 3 and 2: mean 2, standard deviation 1."""
    result = bland_altman([11, 23, 32], [10, 20, 30])
    assert result['n'] == 3 and result['bias'] == 2 and result['sd'] == pytest.approx(1)
    assert result['limits'] == pytest.approx([2 - 1.959964, 2 + 1.959964])


def test_too_few_have_no_spread():
    assert bland_altman([], [])['bias'] is None
    assert bland_altman([3], [1]) == {'n': 1, 'bias': 2, 'sd': None, 'limits': None}


# The AUC counts pairs that met in a fold; draws are paired between inputs.
CLASSES = np.array([1, 1, 1, 0, 0, 0, 0], bool)
FOLDS = np.array([[0, 0, 1, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0, 1]])


def table(scores):
    return FoldwiseAuc(np.asarray(scores, np.float64), CLASSES, FOLDS)


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
    low, high = percentile_interval(drawn)
    assert low < table(SCORES).auc < high and len(drawn) == 2000
    assert np.array_equal(drawn, table(2 * SCORES + 1).drawn(2000, 7))
    assert not np.array_equal(drawn, table(SCORES).drawn(2000, 8))


def test_a_perfect_input_has_no_spread():
    assert set(table(np.tile(CLASSES.astype(float), (2, 1))).drawn(200, 0)) <= {1.0, 0.5}


# Repeats: the analysis of variance of others, planted spreads, and the sizes of studies.
def test_repeatability_is_that_of_a_one_way_analysis_of_variance():
    """Mean squares from scipy's F and the definition; unequal numbers of repeats."""
    groups = [[1.0, 1.2], [2.1, 1.8, 2.0], [0.4, 0.5], [3.0, 2.7, 2.9, 3.1]]
    within = sum(np.var(group) * len(group) for group in groups) / 7
    f = f_oneway(*groups).statistic
    size = (11 - (4 + 9 + 4 + 16) / 11) / 3
    between = (f - 1) * within / size
    figures = repeatability(groups, PatientBootstrap(list('abcd'), 100))
    assert figures['patients'] == 4 and figures['n'] == 11
    assert figures['sd']['value'] == pytest.approx(np.sqrt(within), abs=1e-4)
    assert figures['icc']['value'] == pytest.approx(between / (between + within), abs=1e-4)
    assert figures['coefficient']['value'] == pytest.approx(1.959964 * np.sqrt(2 * within), abs=1e-4)
    assert figures['change']['value'] == pytest.approx(np.mean([0.2, -0.1, 0.1, 0.1]), abs=1e-4)


def test_repeatability_finds_what_was_planted():
    """Spreads of 0.3 between and 0.2 within 400 patients, far from zero."""
    rng = np.random.default_rng(5)
    groups = 31 + rng.normal(0, 0.3, (400, 1)) + rng.normal(0, 0.2, (400, 2))
    figures = repeatability(groups.tolist(), PatientBootstrap(range(400), 300))
    for name, planted in (('sd', 0.2), ('coefficient', 2.772 * 0.2), ('icc', 0.09 / 0.13)):
        low, high = figures[name]['ci95']
        assert low < planted < high and high - low < 0.25 * planted
    assert figures['coefficient_upper'] == pytest.approx(figures['coefficient']['ci95'][1], rel=0.03)


def test_nothing_repeated_has_no_value():
    figures = repeatability([], PatientBootstrap([], 100))
    assert figures['patients'] == 0 and figures['coefficient_upper'] is None
    assert [figures[name]['value'] for name in ('sd', 'coefficient', 'icc', 'change')] == [None] * 4


def test_sizes_of_studies():
    """A proportion around one half: 96 by the normal formula; 48 pairs for a fifth [Bland2010]; AUC by simulation."""
    assert wilson_n(0.5, 0.1) == pytest.approx(96, abs=5)
    low, high = wilson(round(0.85 * wilson_n(0.85, 0.05)), wilson_n(0.85, 0.05))
    assert high - low <= 0.1
    assert spread_n(0.2) == 49 and spread_n(0.2, 3) == 25
    n, rng = auc_n(0.76, 0.1), np.random.default_rng(6)
    aucs = [roc_auc_score(np.repeat([0, 1], n), np.r_[rng.normal(0, 1, n), rng.normal(1, 1, n)]) for _ in range(400)]
    assert 1.96 * np.std(aucs) == pytest.approx(0.1, rel=0.15)


def test_all_right_is_not_certain():
    """Every draw says 1; with ten patients of three frames each that is Wilson's of ten."""
    patients, all_of_them = np.repeat(range(10), 3), np.ones(30, bool)
    share = PatientBootstrap(patients, 100).proportion(all_of_them, all_of_them)
    assert (share['value'], share['n'], share['interval']) == (1, 30, 'Wilson over patients')
    assert share['ci95'] == pytest.approx(wilson(10, 10), abs=1e-4)
    none = PatientBootstrap(patients, 100).proportion(~all_of_them, all_of_them)
    assert none['ci95'] == pytest.approx(wilson(0, 10), abs=1e-4)
