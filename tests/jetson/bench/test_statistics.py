"""Percentiles, histograms, intervals and slopes against known values."""
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from jetson.bench.statistics import blocks, histogram, interval, percentile_draws, slope, summarise


def test_summary():
    found = summarise(list(range(1, 102)))
    assert (found['n'], found['min_ms'], found['max_ms'], found['mean_ms']) == (101, 1, 101, 51)
    assert [found[name] for name in ('p50_ms', 'p90_ms', 'p95_ms', 'p99_ms')] == [51, 91, 96, 100]
    assert found['sd_ms'] == pytest.approx(np.sqrt(101 * 102 / 12.0)) and found['variation'] == pytest.approx(
        found['sd_ms'] / 51)


def test_one_slow_frame_is_never_left_out():
    found = summarise([10.0] * 999 + [5000.0])
    assert found['max_ms'] == 5000 and found['histogram']['counts'][-1] == 1 and found['n'] == 1000


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=200))
def test_every_value_is_in_a_bar(values):
    bars = histogram(values)
    assert sum(bars['counts']) == len(values) and len(bars['edges_ms']) == len(bars['counts']) + 1
    assert all(low <= high for low, high in zip(bars['edges_ms'], bars['edges_ms'][1:]))


def test_zeros_have_no_variation():
    assert summarise([0.0, 0.0])['variation'] is None and histogram([3.0] * 5)['counts'] == [5]


@pytest.mark.parametrize('count', [1, 2, 3, 10, 1000])
def test_blocks_are_consecutive_and_inside(count):
    chosen = blocks(count, np.random.RandomState(0))
    assert len(chosen) == count and chosen.min() >= 0 and chosen.max() < count
    assert count < 10 or np.mean(np.diff(chosen) == 1) > 0.5


def test_interval_contains_the_percentile_and_narrows_with_more_frames():
    random = np.random.RandomState(5)
    widths = []
    for count in (200, 5000):
        low, high = interval(percentile_draws(random.normal(100, 10, (count, 1)), 90))
        assert low[0] < 100 + 12.816 < high[0]
        widths.append(high[0] - low[0])
    assert widths[1] < widths[0] / 3


def test_a_rare_stage_is_resampled():
    table = np.full((400, 2), np.nan)
    table[:, 0] = 5.0
    table[7, 1] = 3.0
    draws = percentile_draws(table, 90)
    low, high = interval(draws)
    assert low[0] == high[0] == 5.0 and low[1] == high[1] == 3.0


def test_slope_with_its_interval():
    times = np.arange(20.0)
    assert slope(times, 3 * times + 7) == pytest.approx((3, 3, 3))
    found, low, high = slope(times, 3 * times + np.random.RandomState(1).normal(0, 1, 20))
    assert low < 3 < high and high - low == pytest.approx(2 * (found - low)) and 0.05 < high - low < 1


def test_sessions_have_their_own_intercepts():
    times, values = np.arange(20.0), np.r_[np.arange(10.0), np.arange(10.0)]
    assert slope(times, values, [1] * 10 + [2] * 10)[0] == pytest.approx(1)
    assert slope(times, values)[0] < 0.5, 'without sessions the step back would hide the growth'


@pytest.mark.parametrize('times', [[], [1.0], [1.0, 2.0, 3.0], [5.0] * 10])
def test_too_few_points_have_no_slope(times):
    assert slope(times, [float(index) for index in range(len(times))]) is None
