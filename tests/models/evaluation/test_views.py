"""The table of views: what is shown, what the station answers, and in which order both stand."""
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from models.evaluation.views import answered, markdown, measure, shown
from service.messages import PROBLEM, Message


@pytest.mark.parametrize('planted, view, expected', [
    ({'thing': 'mug'}, 'none', 'mug'), ({'thing': None, 'defocus': 0.01}, 'left-oblique', 'left-oblique'),
    ({'motion': 0.02, 'absent_breasts': ['left'], 'out_of_frame': 'right'}, 'frontal',
     'frontal, blurred, breast absent, breast out of the picture'),
    ({'defocus': 0.0, 'motion': 0.0, 'absent_breasts': [], 'out_of_frame': None}, 'raised-arms', 'raised-arms')])
def test_what_a_frame_shows(planted, view, expected):
    assert shown(planted, view) == expected


def test_an_answer_is_the_first_refusal_or_the_view():
    def result(view, *codes):
        return SimpleNamespace(view=view, refusals=tuple(Message(code, 'No.', severity=PROBLEM) for code in codes))
    assert [answered(result('frontal', 'focus', 'turned')), answered(result('frontal')), answered(result(None))] == [
        'focus', 'frontal', 'result']


def test_every_frame_is_counted_under_what_it_shows():
    phantoms = SimpleNamespace(planted=[{'thing': 'mug'}, {}, {}], views=np.array(['none', 'frontal', 'frontal']),
                               celsius=lambda index: np.full((60, 80), 20 + index, np.float32))
    pipeline = SimpleNamespace(analyse=lambda thermogram: SimpleNamespace(
        refusals=(), view='frontal' if thermogram.pixels[0, 0] > 20 else 'none'))
    assert measure(pipeline, phantoms, range(3)) == {'mug': Counter({'none': 1}), 'frontal': Counter({'frontal': 2})}


def test_views_come_first():
    text = markdown({'mug': Counter({'no-torso': 2}), 'frontal': Counter({'focus': 1, 'frontal': 3})})
    assert text.splitlines() == ['| shown | n | frontal | focus | no-torso |', '| --- | --- | --- | --- | --- |',
                                 '| frontal | 4 | 3 | 1 |  |', '| mug | 2 |  |  | 2 |']
