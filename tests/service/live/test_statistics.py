"""Rates and stage times."""
import pytest

from service.live import BOUNDS_MS, RECENT, Counters, Latencies
from service.live.statistics import WINDOW_S

from .conftest import running, until


def test_rate_is_over_the_last_seconds():
    counters = Counters()
    assert counters.rate_hz(0.0) is None
    for tick in range(101):
        counters.shown_at(tick * 0.125)
    assert counters.rate_hz(12.5) == 8.0
    assert counters.rate_hz(12.5 + WINDOW_S + 0.1) is None
    assert counters.shown == 101


def test_a_reopened_camera_starts_its_rate_anew():
    counters = Counters()
    for tick in range(9):
        counters.shown_at(tick * 0.125)
    counters.reopened()
    counters.shown_at(3.0)
    assert counters.rate_hz(3.0) is None and counters.shown == 10


def test_nothing_was_noted_yet():
    assert Latencies().read() == {}


@pytest.mark.parametrize('took_ms, bin_number', [
    (0.0, 0), (1.0, 0), (1.01, 1), (BOUNDS_MS[-1], len(BOUNDS_MS) - 1), (1e9, len(BOUNDS_MS))])
def test_upper_bounds_belong_to_their_bin(took_ms, bin_number):
    latencies = Latencies()
    latencies.observe({'infer': took_ms})
    counts = latencies.read()['infer'].counts
    assert sum(counts) == 1 and counts[bin_number] == 1


def test_stages_keep_their_order_and_newest_pictures_stay():
    latencies = Latencies()
    for number in range(RECENT + 5):
        latencies.observe({'quality': float(number), 'infer': 2.0})
    read = latencies.read()
    assert list(read) == ['quality', 'infer']
    assert read['quality'].recent_ms == tuple(float(number) for number in range(5, RECENT + 5))
    assert sum(read['infer'].counts) == RECENT + 5
    assert read['infer'].sum_ms == 2.0 * (RECENT + 5)


def test_the_loop_notes_every_picture(play, camera):
    live = play(clock=lambda: 0.25)
    for number in (1, 2, 3):
        camera.frame(t_monotonic=0.1)
        state = until(live, lambda state, number=number: running(state) and state.picture == number)
        assert state.jpeg  # somebody watches
    camera.frame()
    until(live, lambda state: state.picture == 4)
    read = live.latencies.read()
    assert set(read) == set(state.values['timings_ms']) | {'page'}
    assert read['page'].recent_ms[:3] == (150.0,) * 3
    assert all(sum(times.counts) >= 3 for times in read.values())
