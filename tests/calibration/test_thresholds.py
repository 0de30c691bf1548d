"""Temperature and operating points, against arithmetic by hand and against scipy and scikit-learn where they are."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.thresholds import (
    TEMPERATURES,
    at_sensitivity,
    at_specificity,
    fit_temperature,
    mean_loss,
    operating_points,
    to_logits,
    wilson,
)
from service.messages import InputError

kinds = st.lists(st.booleans(), min_size=4, max_size=60).filter(lambda labels: 0 < sum(labels) < len(labels))


def _drawn(n=3000, temperature=2.5, seed=0):
    """Logits that are `temperature` times too sure, and labels."""
    random = np.random.RandomState(seed)
    logits = random.normal(0, 1.5, n)
    return logits * temperature, random.rand(n) < 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize('temperature', [0.4, 1.0, 2.5])
def test_the_temperature_that_was_put_in_comes_out(temperature):
    logits, labels = _drawn(temperature=temperature)
    assert fit_temperature(logits, labels, logits=True) == pytest.approx(temperature, rel=0.1)


def test_probabilities_and_logits_give_the_same():
    logits, labels = _drawn(500)
    assert fit_temperature(1 / (1 + np.exp(-logits)), labels) == fit_temperature(logits, labels, logits=True)


def test_no_other_temperature_is_better():
    logits, labels = _drawn(400)
    best = fit_temperature(logits, labels, logits=True)
    losses = [mean_loss(1 / (1 + np.exp(-logits / t)), labels) for t in (best, best * 0.9, best * 1.1, 0.2, 10)]
    assert min(losses) == losses[0]


@pytest.mark.parametrize('sign, end', [(1, 0), (-1, 1)])
def test_answers_all_right_or_all_wrong_end_at_the_limits(sign, end):
    labels = np.arange(40) % 2 == 0
    logits = sign * np.where(labels, 2.0, -2.0)
    assert fit_temperature(logits, labels, logits=True) == pytest.approx(TEMPERATURES[end], rel=1e-3)


def test_scipy_finds_the_same_temperature():
    optimize = pytest.importorskip('scipy.optimize', reason='scipy is not installed here')
    for seed in range(4):
        logits, labels = _drawn(200, seed=seed)
        signed = np.where(labels, 1, -1) * logits
        found = optimize.minimize_scalar(lambda b, z=signed: np.logaddexp(0, -b * z).mean(), bounds=(0.05, 20),
                                         method='bounded', options={'xatol': 1e-9})
        assert fit_temperature(logits, labels, logits=True) == pytest.approx(1 / found.x, rel=1e-3)


def test_scikit_learn_has_the_same_loss_and_the_same_youden():
    metrics = pytest.importorskip('sklearn.metrics', reason='scikit-learn is not installed here')
    logits, labels = _drawn(300)
    probabilities = 1 / (1 + np.exp(-logits / 3))
    assert mean_loss(probabilities, labels) == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-9)
    false, true, thresholds = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    point = operating_points(probabilities, labels)[2]
    assert point['threshold'] == thresholds[np.argmax(np.round(true - false, 12))]
    assert point['sensitivity'] + point['specificity'] - 1 == pytest.approx((true - false).max(), abs=1e-4)


@pytest.mark.parametrize('successes, n', [(0, 7), (1, 9), (45, 50), (12, 12), (997, 1000)])
def test_scipy_has_the_same_interval(successes, n):
    stats = pytest.importorskip('scipy.stats', reason='scipy is not installed here')
    known = stats.binomtest(successes, n).proportion_ci(0.95, method='wilson')
    assert wilson(successes, n) == pytest.approx((known.low, known.high), abs=1e-9)


def test_interval_by_hand():
    # Wilson 1927 for 8 of 10 with z = 1.96.
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_points_by_hand():
    positive, negative = np.arange(11, 21) / 20.0, np.arange(0, 10) / 20.0
    mixed = np.concatenate([positive - 0.25, negative])
    points = {point['name']: point for point in operating_points(mixed, np.arange(20) < 10)}
    # Positives lie at 0.30 to 0.75, nine of ten at 0.35 or above; negatives at 0 to 0.45, nine of ten up to 0.40.
    assert points['sensitivity 90 %']['threshold'] == pytest.approx(0.35)
    assert (points['sensitivity 90 %']['sensitivity'], points['sensitivity 90 %']['specificity']) == (0.9, 0.7)
    assert points['specificity 90 %']['threshold'] == pytest.approx(0.40) and (
        points['specificity 90 %']['threshold'] > 0.40)
    assert (points['specificity 90 %']['sensitivity'], points['specificity 90 %']['specificity']) == (0.7, 0.9)
    assert points['youden']['sensitivity'] + points['youden']['specificity'] == pytest.approx(1.7)
    assert all(point['n'] == 20 for point in points.values())
    assert '9/10' in points['sensitivity 90 %']['basis'] and 'judged on the same' in points['youden']['basis']


@given(kinds, st.integers(0, 1000))
def test_points_reach_what_they_say(labels, seed):
    labels = np.array(labels)
    probabilities = np.random.RandomState(seed).randint(0, 6, len(labels)) / 5.0
    sensitive, specific, youden = operating_points(probabilities, labels)
    assert all(0 < point['threshold'] < 1 for point in (sensitive, specific, youden))
    if (probabilities[labels] > 0).mean() >= 0.9:
        assert sensitive['sensitivity'] >= 0.9
    if (probabilities[~labels] < 1).mean() >= 0.9:
        assert specific['specificity'] >= 0.9
    both = [point['sensitivity'] + point['specificity'] for point in (youden, sensitive, specific)]
    assert max(both) <= both[0] + 2e-4 or youden['threshold'] < 1e-6


def test_judged_on_others():
    logits, labels = _drawn(400)
    probabilities = 1 / (1 + np.exp(-logits / 2.5))
    points = operating_points(probabilities[:200], labels[:200], (probabilities[200:], labels[200:]), frames='phantoms')
    called = probabilities[200:] >= points[0]['threshold']
    assert points[0]['n'] == 200 and 'chosen on 200 phantoms, judged on 200 others' in points[0]['basis']
    assert points[0]['sensitivity'] == pytest.approx(called[labels[200:]].mean(), abs=1e-4)
    assert points[0]['specificity'] == pytest.approx((~called[~labels[200:]]).mean(), abs=1e-4)


@pytest.mark.parametrize('scores, labels', [
    ([0.1, 0.9], [1, 1]), ([0.1, 0.9], [0, 0]), ([], []), ([0.1], [0, 1]), ([0.1, np.nan], [0, 1]),
    ([0.1, 1.2], [0, 1]), ([-0.1, 0.5], [0, 1])])
@pytest.mark.parametrize('fit', [fit_temperature, operating_points])
def test_what_no_threshold_comes_from(fit, scores, labels):
    with pytest.raises(InputError) as caught:
        fit(scores, labels)
    assert caught.value.code == 'thresholds-input'


def test_logits_of_certainty_are_finite():
    assert np.isfinite(to_logits([0, 1])).all() and to_logits([0.5])[0] == 0


SCORES = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40).filter(
    lambda pairs: len({truth for truth, _ in pairs}) == 2)
TARGETS = st.floats(0.01, 0.99)


@given(SCORES, TARGETS)
def test_sensitivity_is_reached_and_no_higher_threshold_does(pairs, target):
    truth, scores = (np.array(column) for column in zip(*pairs))
    threshold = at_sensitivity(scores[truth], target)
    assert (scores[truth] >= threshold).mean() >= target - 1e-9
    assert (scores[truth] >= np.nextafter(threshold, 2)).mean() < target


@given(SCORES, TARGETS)
def test_specificity_is_reached_and_no_lower_threshold_does(pairs, target):
    truth, scores = (np.array(column) for column in zip(*pairs))
    threshold = at_specificity(scores[~truth], target)
    assert (scores[~truth] < threshold).mean() >= target - 1e-9
    assert (scores[~truth] < np.nextafter(threshold, -1)).mean() < target


def test_nine_of_ten_is_ninety_percent():
    scores = np.arange(10) / 10
    assert at_sensitivity(scores, 0.9) == 0.1
    assert at_specificity(scores, 0.9) == pytest.approx(0.8)
