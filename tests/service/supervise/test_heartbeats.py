"""Which parts hang, and which only wait."""
import pytest

from service.supervise import CAPTURE, INFERENCE, STORAGE, Heartbeats


@pytest.fixture
def heartbeats(clock):
    return Heartbeats({CAPTURE: 10.0, INFERENCE: 5.0, STORAGE: 60.0}, clock)


def test_a_part_that_beats_is_fresh_and_one_that_does_not_hangs(heartbeats, clock):
    heartbeats.beat(CAPTURE)
    heartbeats.beat(STORAGE)
    clock.now_s += 10.0
    assert heartbeats.stale() == {}
    clock.now_s += 2.5
    assert heartbeats.stale() == {CAPTURE: 12.5}
    heartbeats.beat(CAPTURE)
    assert heartbeats.stale() == {}
    assert heartbeats.stale(clock.now_s + 70) == {CAPTURE: 70.0, STORAGE: 82.5}


def test_rest_is_no_hang_and_work_that_waits_is_one(heartbeats, clock):
    heartbeats.expect(INFERENCE)
    heartbeats.rest(INFERENCE)
    clock.now_s += 1000
    assert heartbeats.stale() == {} and heartbeats.answered(INFERENCE) == 1
    for _ in range(4):  # frame after frame that gets no answer: the first one counts
        heartbeats.expect(INFERENCE)
        clock.now_s += 2
    assert heartbeats.stale() == {INFERENCE: 8.0} and heartbeats.answered(INFERENCE) == 1


def test_report_and_words_name_what_hangs_longest(heartbeats, clock):
    assert heartbeats.report() == {} and heartbeats.trouble() is None
    heartbeats.beat(CAPTURE)
    heartbeats.rest(INFERENCE)
    clock.now_s += 20
    heartbeats.beat(STORAGE)
    assert heartbeats.report() == {'capture': {'fresh': False, 'limit_s': 10.0, 'age_s': 20.0},
                                   'inference': {'fresh': True, 'limit_s': 5.0, 'age_s': None},
                                   'storage': {'fresh': True, 'limit_s': 60.0, 'age_s': 0.0}}
    assert heartbeats.trouble() == {'code': 'capture-stuck', 'sentence': 'The camera does not answer any more.',
                                    'next_step': 'Restart the station.'}
    heartbeats.watched = True
    assert 'by' not in heartbeats.trouble()['next_step'].split() and 'itself' in heartbeats.trouble()['next_step']
