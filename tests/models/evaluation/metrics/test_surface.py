"""Distances between outlines that can be told by hand."""
import numpy as np
import pytest

from models.evaluation.metrics import hd95


def square(top, left, side, shape=(60, 60)):
    mask = np.zeros(shape, bool)
    mask[top:top + side, left:left + side] = True
    return mask


def test_the_same_outline_is_at_no_distance():
    assert hd95(square(10, 10, 20), square(10, 10, 20)) == 0


@pytest.mark.parametrize('shift', [1, 3, 8])
def test_a_shift_is_its_length(shift):
    assert hd95(square(10, 10, 20), square(10, 10 + shift, 20)) == shift


def test_single_pixels():
    assert hd95(square(0, 0, 1), square(3, 4, 1)) == 5


def test_concentric_squares():
    """Corners of the outer outline are the farthest: 5 px to either side of the inner one's."""
    distance = hd95(square(10, 10, 30), square(15, 15, 20))
    assert 5 <= distance <= 5 * 2 ** 0.5


def test_a_speck_moves_the_maximum_and_not_the_percentile():
    speckled = square(10, 10, 30)
    speckled[55, 55] = True  # one of 117 outline pixels
    assert hd95(speckled, square(10, 10, 30)) == 0
    assert hd95(square(10, 10, 30) | square(46, 46, 12), square(10, 10, 30)) > 8


def test_direction_does_not_matter():
    one, other = square(5, 5, 10) | square(30, 30, 20), square(8, 6, 11)
    assert hd95(one, other) == hd95(other, one) > 20


def test_the_edge_of_the_picture_is_an_outline():
    assert hd95(np.ones((30, 30), bool), square(5, 5, 20, (30, 30))) >= 5


@pytest.mark.parametrize('masks', [(0, 1), (1, 0), (0, 0)])
def test_an_empty_mask_has_no_distance(masks):
    assert hd95(*(square(5, 5, 10) * bool(full) for full in masks)) is None
