"""The finding's figures: which class is positive, and what a refused frame costs."""
import numpy as np
import pytest

from models.evaluation import judge_finding
from models.evaluation.judge import positive_classes
from service.messages import InputError

from ..made_up import outcome


def classified(probability, klass, refused=False):
    name = '%s-%s-%s' % (probability, klass, refused)
    found = outcome(name, probability=None if refused else probability, klass=klass)
    return found if not refused else outcome(name, klass=klass, truth=np.zeros((4, 4), np.uint8), refused=True)


OUTCOMES = [classified(p, 1) for p in (0.9, 0.8, 0.3)] + [classified(p, 0) for p in (0.1, 0.2, 0.4, 0.7)]


def test_by_hand():
    figures = judge_finding(OUTCOMES, (1,), 0.5, rounds=100)
    assert figures['answered']['confusion'] == [[3, 1], [1, 2]]
    assert figures['answered']['sensitivity']['value'] == pytest.approx(2 / 3, abs=1e-4)
    assert figures['roc']['auc']['value'] == pytest.approx(10 / 12, abs=1e-4)
    assert figures['n'] == 7 and figures['n_positive'] == 3


def test_a_refused_frame_counts_as_called_wrongly():
    outcomes = OUTCOMES + [classified(0, 1, refused=True), classified(0, 0, refused=True)]
    figures = judge_finding(outcomes, (1,), 0.5, rounds=100)
    assert figures['refused'] == {'positive': 1, 'negative': 1}
    assert figures['answered'] == judge_finding(OUTCOMES, (1,), 0.5, rounds=100)['answered']
    assert figures['all']['sensitivity']['value'] == 0.5 and figures['all']['sensitivity']['n'] == 4
    assert figures['all']['specificity']['value'] == pytest.approx(3 / 5)


def test_frames_of_unknown_class_are_left_out():
    assert judge_finding(OUTCOMES + [outcome('x', probability=0.9)], (1,), 0.5, rounds=100)['n'] == 7
    assert judge_finding([outcome('x', probability=0.9)], (1,), 0.5) is None
    assert judge_finding([outcome('x', klass=1)], (1,), 0.5) is None


def test_positive_classes():
    assert positive_classes(('Healthy', 'Sick')) == (1,)
    assert positive_classes(('Healthy', 'Sick'), ('Healthy',)) == (0,)
    three = ('normal', 'benign', 'malignant')
    assert positive_classes(three, ('malignant', 'benign')) == (1, 2)
    for classes, names, code in ((three, (), 'class-positive'), (three, three, 'class-positive'),
                                 (three, ('sick',), 'class-unknown')):
        with pytest.raises(InputError) as caught:
            positive_classes(classes, names)
        assert caught.value.code == code
