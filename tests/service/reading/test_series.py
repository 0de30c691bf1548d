"""The recovery after cooling against curves of known time constant, and against a plain search."""
import math

import numpy as np
import pytest

from service.reading import fit_recovery, fit_series, fitted

TIMES = [15.0 * picture for picture in range(20)]


def curve(tau, start=28.0, end=31.0, noise=0.0, seed=0, times=TIMES):
    clean = [end - (end - start) * math.exp(-(t - times[0]) / tau) for t in times]
    return np.array(clean) + np.random.RandomState(seed).normal(0, noise, len(times)) if noise else clean


@pytest.mark.parametrize('before', [None, 31.0])
@pytest.mark.parametrize('tau', [30.0, 120.0, 250.0])
def test_an_exact_curve_is_found_again(tau, before):
    found = fit_recovery([t + 4.0 for t in TIMES], curve(tau), before)
    assert found.refusal == '' and found.tau_s == pytest.approx(tau, rel=1e-3)
    assert (found.start_c, found.end_c) == (pytest.approx(28, abs=0.01), pytest.approx(31, abs=0.01))
    assert fitted(found, [0.0, tau]) == pytest.approx([28, 31 - 3 / math.e], abs=0.01)
    gap = fit_recovery(TIMES, [float('nan')] * 3 + list(curve(tau))[3:], before)
    assert gap.tau_s == pytest.approx(tau, rel=2e-3)
    assert found.half_time_s == pytest.approx(math.log(2) * tau, rel=1e-3)
    assert found.slope_c_per_s == pytest.approx(3 / tau, rel=2e-3)
    assert found.recovered == (None if before is None else pytest.approx(1 - math.exp(-285 / tau), abs=1e-3))


def test_noise_gives_the_interval_that_theory_says():
    """At 180 s and 0.03 °C the time constant has a standard error of about 5 %, with a fixed end much less."""
    free, fixed = ([fit_recovery(TIMES, curve(180, noise=0.03, seed=seed), before) for seed in range(12)]
                   for before in (None, 31.0))
    assert np.std([one.tau_s for one in free]) / 180 == pytest.approx(0.05, abs=0.02)
    half = np.mean([(one.high_s - one.low_s) / 2 for one in free]) / 180
    assert half == pytest.approx(2.11 * 0.05, abs=0.03)
    assert np.mean([(one.high_s - one.low_s) / 2 for one in fixed]) / 180 < half / 2
    assert sum(one.low_s <= 180 <= one.high_s for one in free) >= 10
    # A plain search for one of them.
    means = curve(180, noise=0.03, seed=3)
    best = min((sum((mean - (end - (end - start) * math.exp(-t / tau))) ** 2 for t, mean in zip(TIMES, means)), tau)
               for tau in range(150, 216, 5) for end in np.arange(30.7, 31.31, 0.05)
               for start in np.arange(27.9, 28.11, 0.05))
    assert free[3].tau_s == pytest.approx(best[1], abs=8)


@pytest.mark.parametrize('times, means, sentence', [
    (TIMES[:5], curve(60)[:5], 'A recovery needs at least 6 pictures'),
    (TIMES, curve(60)[:5] + [float('nan')] * 15, 'A recovery needs at least 6 pictures'),
    (TIMES[::-1], curve(60), 'A recovery needs at least 6 pictures'),
    (TIMES, curve(100, 31.0, 31.01, noise=0.05), 'The region warmed by no more than its noise'),
    (TIMES, curve(100, 31.0, 29.0), 'The region warmed by no more than its noise'),
    (TIMES, curve(310), 'The region warms more slowly than 285 seconds of pictures can tell.'),
    (TIMES, curve(900, noise=0.01), 'The region warms more slowly than 285 seconds'),
])
def test_what_cannot_be_told_is_refused(times, means, sentence):
    found = fit_recovery(times, means)
    assert found.refusal.startswith(sentence)
    assert found.tau_s is found.low_s is found.high_s is found.half_time_s is found.slope_c_per_s is None


def test_sides_are_compared():
    means = {'right_breast': curve(120), 'left_breast': curve(90), 'left_nipple': curve(60), 'right_nipple': curve(600),
             'neck': curve(100)}
    found, pairs = fit_series(TIMES, means, dict.fromkeys(means, 31.0))
    assert set(found) == set(means) and [pair.pair for pair in pairs] == ['breast', 'nipple']
    breast, nipple = pairs
    assert breast.tau_s == pytest.approx(-30, abs=0.2) and breast.within_s < 1
    assert breast.recovered == pytest.approx(math.exp(-285 / 120) - math.exp(-285 / 90), abs=1e-3)
    assert nipple.tau_s is None and nipple.within_s is None and nipple.recovered > 0.5
    assert fit_series(TIMES, means)[1][0].recovered is None
