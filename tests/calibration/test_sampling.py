"""Which frames stand for the others."""
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calibration.sampling import choose_frames, describe_frame


def _frames(counts, seed=0):
    """Descriptors and patients: so many frames a patient."""
    patients = ['p%d' % number for number, count in enumerate(counts) for _ in range(count)]
    return np.random.RandomState(seed).rand(len(patients), 5), patients


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 30), st.integers(0, 99))
def test_patients_take_turns(counts, wanted, seed):
    descriptors, patients = _frames(counts)
    chosen = choose_frames(descriptors, patients, wanted, seed)
    assert len(chosen) == len(set(chosen)) == min(wanted, len(patients)) and chosen == sorted(chosen)
    taken = [sum(patients[place] == 'p%d' % number for place in chosen) for number in range(len(counts))]
    # Nobody has two frames more than another who had one left to give.
    for own in taken:
        for other, available in zip(taken, counts):
            assert own <= other + 1 or other == available


def test_one_seed_one_choice():
    descriptors, patients = _frames([3] * 10)
    first = choose_frames(descriptors, patients, 12, 5)
    assert first == choose_frames(descriptors, patients, 12, 5)
    assert len({tuple(choose_frames(descriptors, patients, 12, seed)) for seed in range(5)}) > 1


def test_looks_are_spread():
    descriptors = np.concatenate([np.random.RandomState(0).normal(0, 0.01, (97, 3)), np.eye(3) * 10])
    chosen = choose_frames(descriptors, ['p%d' % number for number in range(100)], 8, 1)
    assert {97, 98, 99} <= set(chosen)


def test_equal_frames_are_no_obstacle():
    assert len(choose_frames(np.ones((20, 4)), ['p'] * 20, 7)) == 7


def test_descriptor_tells_place_and_brightness():
    dark, bright, left = (np.zeros((1, 2, 24, 30), np.float32) for _ in range(3))
    bright[:] = 1
    left[..., :15] = 1
    shapes = {describe_frame(frame).shape for frame in (dark, bright, left)}
    assert shapes == {(52,)}
    cells = describe_frame(left)[:36].reshape(6, 6) * 6
    np.testing.assert_allclose(cells, np.repeat([[1, 1, 1, 0, 0, 0]], 6, 0))
    np.testing.assert_allclose(describe_frame(left)[[36, 51]], [0.5, 0.5])
