"""Bland and Altman on numbers done by hand."""
import pytest

from models.evaluation.metrics import bland_altman


def test_by_hand():
    """Differences 1, 3 and 2: mean 2, standard deviation 1."""
    result = bland_altman([11, 23, 32], [10, 20, 30])
    assert result['n'] == 3 and result['bias'] == 2 and result['sd'] == pytest.approx(1)
    assert result['limits'] == pytest.approx([2 - 1.959964, 2 + 1.959964])


def test_too_few_have_no_spread():
    assert bland_altman([], [])['bias'] is None
    assert bland_altman([3], [1]) == {'n': 1, 'bias': 2, 'sd': None, 'limits': None}
