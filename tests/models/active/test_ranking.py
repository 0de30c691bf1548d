"""The order of a queue: far from what has labels, unlike each other, hard for the network, patient by patient."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.active.ranking import BOTH, FAR, TYPICAL, UNSURE, WAYS, rank, shares_below  # noqa: E402


def crowd(count=20, seed=0):
    """Frames of a crowd about 0, in two groups of descriptors, and as many patients."""
    rng = np.random.default_rng(seed)
    return ([{'shape': rng.normal(0, 1, 6), 'noise': rng.normal(0, 1, 2)} for _ in range(count)],
            ['p%d' % number for number in range(count)])


def plain(points):
    return [{'shape': np.array(point, float)} for point in points]


def places(choices):
    return [choice.place for choice in choices]


def test_odd_frames_come_first_with_the_group_in_which_they_are_odd():
    pool, patients = crowd()
    pool[3]['noise'] += 9
    pool[11]['shape'] += 9
    first = rank(pool, np.full(20, 0.5), patients, count=2)
    assert {choice.place: choice.group for choice in first} == {3: 'noise', 11: 'shape'}
    assert min(choice.distance for choice in first) > 1


def test_a_group_of_many_numbers_drowns_no_other():
    pool, patients = crowd()
    for frame, wide in zip(pool, np.random.default_rng(1).normal(0, 1, (20, 200))):
        frame['shape'] = wide
    pool[7]['noise'][0] = 8
    assert rank(pool, np.ones(20), patients, count=1)[0].place == 7


def test_what_is_not_measured_is_usual():
    pool, patients = crowd()
    pool[4]['noise'][:] = np.nan
    for frame in pool:
        frame['absent'] = np.full(1, np.nan)
    order = rank(pool, np.ones(20), patients, way=FAR)
    assert sorted(places(order)) == list(range(20)) and np.isfinite([choice.score for choice in order]).all()


def test_what_is_like_a_labelled_frame_comes_last():
    pool, patients = crowd()
    order = rank(pool, np.ones(20), patients, [pool[7]], ['other'])
    assert sorted(places(order)) == list(range(20)) and order[-1].place == 7


def test_of_two_equal_frames_one_is_enough():
    pool, patients = crowd()
    pool[4]['shape'] += 9
    pool[5] = pool[4]
    choices = rank(pool, np.ones(20), patients)
    assert places(choices)[0] in (4, 5) and places(choices)[-1] in (4, 5) and choices[-1].distance < 1e-6


def test_uncertainty_decides_between_frames_that_are_as_far():
    pool = plain([1, 0, 0, 0, 0] for _ in range(4)) + plain(np.zeros((6, 5)))
    unsure = np.array([0.1, 0.2, 0.9, 0.3] + [0.0] * 6)
    patients = list('abcdefghij')
    assert places(rank(pool, unsure, patients, plain(np.zeros((1, 5))), ['k'], 1, BOTH)) == [2]
    assert places(rank(pool, unsure, patients, way=UNSURE))[:4] == [2, 3, 1, 0]
    assert places(rank(pool, unsure, patients, plain(np.zeros((1, 5))), ['k'], 1, FAR)) == [0]


def test_a_second_frame_of_a_patient_waits():
    pool = plain([[0, 0], [10, 0], [0, 9], [9, 9.0], [0, 8.5]])
    patients = ['usual', 'a', 'b', 'a', 'c']
    order = places(rank(pool, np.ones(5), patients, pool[:1], ['usual'], way=FAR))
    first = order.index(1) if order.index(1) < order.index(3) else order.index(3)
    assert first == 0 and abs(order.index(1) - order.index(3)) > 1, 'patient a has had a turn'


def crowds():
    """Crowds of 7, 13 and 1 far from each other, the most central frame of each first."""
    rng = np.random.default_rng(0)
    around = [np.vstack([np.zeros((1, 2)), half, -half]) for half in
              (rng.normal(0, 1, (size, 2)) for size in (3, 6))] + [np.zeros((1, 2))]
    return plain(np.vstack([points + centre for points, centre in zip(around, ((60, 60), (0, 0), (30, 200)))]))


def test_a_typical_frame_of_each_crowd_comes_first_and_the_largest_crowd_before_the_others():
    pool, patients = crowds(), ['p%d' % number for number in range(21)]
    first = rank(pool, np.ones(21), patients, count=3, way=TYPICAL)
    assert places(first) == [7, 0, 20], 'no second frame of a crowd before the first one of each'
    assert [choice.stands_for for choice in first] == [12, 6, 0]
    further = rank(pool, np.ones(21), patients, pool[8:10], ['a', 'b'], 1, TYPICAL)
    assert places(further) == [0], 'the largest crowd has labels'
    assert rank(pool, np.ones(21), patients, count=1, way=FAR)[0].stands_for is None


@pytest.mark.parametrize('way', WAYS)
def test_one_frame_and_frames_that_are_all_the_same(way):
    (only,) = rank(plain(np.ones((1, 3))), np.zeros(1), ['p'], way=way)
    assert only.place == 0 and np.isfinite(only.score)
    assert sorted(places(rank(plain(np.ones((4, 3))), np.zeros(4), list('abcd'), way=way))) == [0, 1, 2, 3]
    assert rank([], np.zeros(0), [], way=way) == []


def test_shares():
    assert shares_below(np.array([5, 1, 3])).tolist() == [1, 0, 0.5]
    assert shares_below(np.array([2, 2])).tolist() == [0.5, 0.5]
