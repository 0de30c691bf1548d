"""The order of a queue: far from what has labels, unlike each other, hard for the network, patient by patient."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.active.ranking import BOTH, FAR, UNSURE, medoid, rank, shares_below  # noqa: E402


def crowd(count=20, seed=0):
    """Points of a crowd about 0 in 8 dimensions, and as many patients."""
    return np.random.default_rng(seed).normal(0, 1, (count, 8)), ['p%d' % number for number in range(count)]


def places(choices):
    return [choice.place for choice in choices]


def test_odd_frames_come_first_whatever_the_network_says():
    latents, patients = crowd()
    latents[[3, 11]] += 12
    latents[11, :4] -= 24
    first = rank(latents, np.full(20, 0.5), patients, count=2)
    assert set(places(first)) == {3, 11} and min(choice.distance for choice in first) > 2


def test_what_is_like_a_labelled_frame_comes_last():
    latents, patients = crowd()
    order = places(rank(latents, np.ones(20), patients, latents[[7]], ['other']))
    assert sorted(order) == list(range(20)) and order[-1] == 7


def test_of_two_equal_frames_one_is_enough():
    latents, patients = crowd()
    latents[5] = latents[4] = latents[4] + 9
    choices = rank(latents, np.ones(20), patients)
    assert places(choices)[0] in (4, 5) and places(choices)[-1] in (4, 5) and choices[-1].distance == 0


def test_uncertainty_decides_between_frames_that_are_as_far():
    latents = np.concatenate([np.eye(4), np.zeros((1, 4))])
    unsure = np.array([0.1, 0.2, 0.9, 0.3, 0.0])
    patients = list('abcde')
    assert places(rank(latents, unsure, patients, np.zeros((1, 4)), ['f'], 1)) == [2]
    assert places(rank(latents, unsure, patients, way=UNSURE)) == [2, 3, 1, 0, 4]
    assert places(rank(latents, unsure, patients, np.zeros((1, 4)), ['f'], 1, FAR)) == [0]


def test_a_second_frame_of_a_patient_waits():
    latents = np.array([[0, 0], [10, 0], [0, 9], [9, 9.0], [0, 8.5]])
    patients = ['usual', 'a', 'b', 'a', 'c']
    assert places(rank(latents, np.ones(5), patients, latents[[0]], ['usual'], 3, FAR))[0] == 3
    order = places(rank(latents, np.ones(5), patients, latents[[0]], ['usual', ], way=FAR))
    assert order.index(1) > order.index(2), 'patient a has had a turn'


@pytest.mark.parametrize('way', [BOTH, UNSURE, FAR])
def test_one_frame_and_frames_that_are_all_the_same(way):
    (only,) = rank(np.ones((1, 3)), np.zeros(1), ['p'], way=way)
    assert only.place == 0 and np.isfinite(only.score)
    assert sorted(places(rank(np.ones((4, 3)), np.zeros(4), list('abcd'), way=way))) == [0, 1, 2, 3]
    assert rank(np.zeros((0, 3)), np.zeros(0), [], way=way) == []


def test_shares_and_the_most_usual_frame():
    assert shares_below(np.array([5, 1, 3])).tolist() == [1, 0, 0.5]
    assert shares_below(np.array([2, 2])).tolist() == [0.5, 0.5]
    assert medoid(np.array([[0.0], [4], [5], [6], [20]])) == 2
