"""Stages on a clock that only a test moves."""
import pytest

from service.stopwatch import Stopwatch


class Hand:
    """A clock that is moved by hand."""

    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def hand():
    return Hand()


def test_laps_add_up_and_a_name_used_twice_adds(hand):
    watch = Stopwatch(hand)
    for stage, took_s in (('quality', 0.5), ('infer', 2.0), ('quality', 0.25)):
        hand.now_s += took_s
        watch.lap(stage)
    assert watch.read_ms() == {'quality': 750.0, 'infer': 2000.0, 'total': 2750.0}


def test_parts_in_their_order_and_one_of_them_takes_the_rest(hand):
    watch = Stopwatch(hand)
    hand.now_s += 1.0
    watch.lap_parts((('copy_in', 100.0), ('infer', None), ('copy_out', 250.0)))
    laps_ms = watch.read_ms()
    assert list(laps_ms) == ['copy_in', 'infer', 'copy_out', 'total']
    assert laps_ms == {'copy_in': 100.0, 'infer': 650.0, 'copy_out': 250.0, 'total': 1000.0}


def test_parts_that_claim_more_than_there_was_leave_no_negative_rest(hand):
    watch = Stopwatch(hand)
    hand.now_s += 0.1
    watch.lap_parts((('copy_in', 150.0), ('infer', None)))
    assert watch.read_ms()['infer'] == 0.0
