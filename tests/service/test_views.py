"""Which view a network's probabilities name."""
import pytest

from service.views import FRONTAL_VIEWS, SIDE_VIEWS, VIEWS, recognise, view_label


def test_every_view_has_its_place():
    assert VIEWS == ('frontal', 'raised-arms', 'left-oblique', 'right-oblique', 'left-lateral', 'right-lateral', 'none')
    assert set(VIEWS) == set(FRONTAL_VIEWS) | set(SIDE_VIEWS) | {'none'}


@pytest.mark.parametrize('view', VIEWS)
def test_a_view_that_is_clear(view):
    assert recognise(dict.fromkeys(VIEWS, 0.0), 0.6) == 'none'
    assert recognise(dict(dict.fromkeys(VIEWS, 0.0), **{view: 1.0}), 0.6) == view


@pytest.mark.parametrize('probabilities, view', [
    ({}, None),
    ({'frontal': 0.3, 'raised-arms': 0.31, 'none': 0.39}, 'raised-arms'),
    ({'frontal': 0.59, 'none': 0.41}, 'none'),
    ({'left-oblique': 0.3, 'left-lateral': 0.2, 'right-oblique': 0.15, 'frontal': 0.35}, 'left-oblique'),
    ({'left-oblique': 0.5, 'frontal': 0.5}, 'turned'),
    ({'left-oblique': 0.31, 'frontal': 0.3, 'none': 0.39}, 'turned'),
    ({'left-oblique': 0.3, 'frontal': 0.29, 'none': 0.41}, 'none'),
])
def test_frontal_side_or_nothing_is_one_question_and_which_of_them_another(probabilities, view):
    assert recognise(probabilities, 0.6) == view


def test_a_label_is_plain_words():
    assert view_label('left-oblique') == 'left oblique view'
