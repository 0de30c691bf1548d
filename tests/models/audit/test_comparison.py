"""The rules of the verdict, one by one."""
import pytest

from models.audit.comparison import judge


def row(name, auc, low, high, **minus):
    return {'name': name, 'auc': auc, 'auc_ci95': [low, high],
            'minus': {name: {'difference': low + 0.05, 'ci95': [low, 0.4]} for name, low in minus.items()}}


BACKGROUND = row('background', 0.85, 0.75, 0.95)
QUIET = row('noise', 0.55, 0.4, 0.7)
CONSTANT = {'name': 'dialect', 'auc': None, 'auc_ci95': None}


@pytest.mark.parametrize('model, controls, code, words', [
    (row('skin', 0.6, 0.45, 0.75, background=-0.4), [BACKGROUND], 'chance', 'background reaches 0.850'),
    (row('skin', 0.6, 0.45, 0.75, noise=-0.2), [QUIET, CONSTANT], 'chance', 'not shown to be better than chance'),
    (row('skin', 0.8, 0.7, 0.9, background=-0.2), [BACKGROUND], 'explained', 'not evidence of a disease pattern'),
    (row('skin', 0.9, 0.8, 0.95, background=-0.01, noise=0.2), [QUIET, BACKGROUND], 'explained', 'background'),
    (row('skin', 0.7, 0.55, 0.85, noise=-0.01), [QUIET, CONSTANT], 'undecided', 'noise cannot be told from it'),
    (row('skin', 0.97, 0.93, 1.0, background=0.021, noise=0.3), [QUIET, BACKGROUND, CONSTANT], 'beats',
     'beats every control by at least 0.0210'),
    (row('skin', 0.97, 0.93, 1.0), [CONSTANT], 'undecided', 'no control had anything to learn')])
def test_rules(model, controls, code, words):
    given, sentence = judge(model, controls)
    assert given == code and words in sentence and '\n' not in sentence
    assert sentence.endswith('.')


def test_controls_that_explain_are_named_best_first_with_their_interval():
    number = row('patient number', 0.94, 0.9, 0.98)
    _, sentence = judge(row('skin', 0.8, 0.7, 0.9, background=-0.2, **{'patient number': -0.3}),
                        [BACKGROUND, number])
    assert 'patient number reaches 0.940 (0.900 to 0.980), background 0.850 (0.750 to 0.950)' in sentence
