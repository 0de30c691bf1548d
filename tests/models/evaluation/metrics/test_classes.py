"""Calls against the truth, with a confusion matrix done by hand."""
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from models.evaluation.metrics import PatientBootstrap, class_figures, confusion_matrix

#: Ten patients: 3 of 4 sick are called, 2 of 6 healthy are called too.
TRUTH = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
CALLED = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], bool)
BY_HAND = {'sensitivity': (3 / 4, 4), 'specificity': (4 / 6, 6), 'precision': (3 / 5, 5), 'f1': (6 / 9, 10),
           'accuracy': (7 / 10, 10)}


@pytest.fixture(scope='module')
def figures():
    return class_figures(TRUTH, CALLED, PatientBootstrap(range(10), 500))


def test_by_hand(figures):
    assert figures['confusion'] == [[4, 2], [1, 3]]
    for name, (value, n) in BY_HAND.items():
        assert figures[name]['value'] == pytest.approx(value, abs=1e-4), name
        assert figures[name]['n'] == n, name


def test_scikit_learn_agrees(figures):
    theirs = {'sensitivity': 'recall_score', 'precision': 'precision_score', 'f1': 'f1_score',
              'accuracy': 'accuracy_score'}
    for name, function in theirs.items():
        assert figures[name]['value'] == pytest.approx(getattr(sklearn_metrics, function)(TRUTH, CALLED), abs=1e-4)


def test_accuracy_comes_last(figures):
    assert list(figures)[-1] == 'accuracy'


def test_every_interval_holds_its_figure(figures):
    for name in BY_HAND:
        low, high = figures[name]['ci95']
        assert 0 <= low < figures[name]['value'] < high <= 1, name
    assert figures['sensitivity']['interval'] == 'Wilson'
    assert figures['f1']['interval'].startswith('bootstrap over 10 patients')


def test_frames_of_one_patient_are_not_independent():
    """Ten frames of each patient: ten times the n, and an interval that stays as wide."""
    truth, called, patients = (np.repeat(values, 10) for values in (TRUTH, CALLED, range(10)))
    repeated = class_figures(truth, called, PatientBootstrap(patients, 500))['sensitivity']
    assert repeated['n'] == 40 and repeated['interval'].startswith('bootstrap')
    assert repeated['ci95'][1] - repeated['ci95'][0] > 0.5


def test_what_cannot_be_said_is_not_said():
    figures = class_figures(np.zeros(5, bool), np.zeros(5, bool), PatientBootstrap(range(5), 100))
    assert figures['sensitivity']['value'] is None and figures['precision']['value'] is None
    assert figures['specificity']['value'] == 1


def test_three_classes_by_hand():
    table = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 0, 2], 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
