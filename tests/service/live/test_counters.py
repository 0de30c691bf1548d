"""Rates and drops."""
from service.live.counters import WINDOW_S, Counters


def test_rate_is_over_the_last_seconds():
    counters = Counters()
    assert counters.rate_hz(0.0) is None
    for tick in range(101):
        counters.shown_at(tick * 0.125)
    assert counters.rate_hz(12.5) == 8.0
    assert counters.rate_hz(12.5 + WINDOW_S + 0.1) is None
    assert counters.shown == 101


def test_a_reopened_camera_counts_from_the_start():
    counters = Counters()
    for sequence in (7, 8, 11):
        counters.received(sequence)
    assert counters.dropped == 2
    counters.reopened()
    counters.received(0)
    assert counters.dropped == 2
