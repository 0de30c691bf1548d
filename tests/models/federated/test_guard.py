"""What leaves a clinic, and what does not."""
import json

import numpy as np
import pytest

from models.federated.guard import GuardError, Rule, check_leaving, shapes_of

ARRAYS = {'w': np.zeros((2, 3), np.float32), 'b': np.zeros(3, np.float32)}
#: As the clinic reads it back from its own file.
SHAPES = json.loads(json.dumps(shapes_of(ARRAYS)))
HEADERS = {'task': frozenset(['train', 'score']), 'round': Rule(0, 1000, whole=True)}


class Labelled(np.ndarray):
    """An array that carries more than its numbers."""


def test_weights_count_score_and_what_the_transport_needs_pass():
    check_leaving(SHAPES, ARRAYS, {'count': 12, 'score': np.float64(0.5)}, {'task': 'train', 'round': 3}, HEADERS)
    check_leaving(SHAPES, {}, {'count': np.int64(3), 'score': 1})


@pytest.mark.parametrize('what, arrays, scalars, headers', [
    ('array', dict(ARRAYS, picture=np.zeros((480, 640), np.float32)), {}, {}),
    ('array', {'w': ARRAYS['w']}, {}, {}),
    ('array', dict(ARRAYS, w=np.zeros((480, 640), np.float32)), {}, {}),
    ('array', dict(ARRAYS, w=np.zeros((2, 3))), {}, {}),
    ('array', dict(ARRAYS, b=np.array(['a', 'b', 'c'], object)), {}, {}),
    ('array', dict(ARRAYS, b=[0, 0, 0]), {}, {}),
    ('array', dict(ARRAYS, b=ARRAYS['b'].view(Labelled)), {}, {}),
    ('array', dict(ARRAYS, b=np.array([0, np.nan, 0], np.float32)), {}, {}),
    ('number', ARRAYS, {'count': 1, 'note': 'patient 4711'}, {}),
    ('number', ARRAYS, {'patient 4711': 1}, {}),
    ('number', ARRAYS, {'count': '4711'}, {}),
    ('number', ARRAYS, {'count': 1.5}, {}),
    ('number', ARRAYS, {'count': 10 ** 400}, {}),
    ('number', ARRAYS, {'count': True}, {}),
    ('number', ARRAYS, {'score': float('nan')}, {}),
    ('number', ARRAYS, {4711: 1}, {}),
    ('header', ARRAYS, {}, {'task': 'patient 4711'}),
    ('header', ARRAYS, {}, {'task': ['train']}),
    ('header', ARRAYS, {}, {'error': 'RuntimeError: patient 4711 unreadable'}),
    ('header', ARRAYS, {}, {'round': 4711}),
])
def test_everything_else_stays_and_the_refusal_repeats_nothing(what, arrays, scalars, headers):
    with pytest.raises(GuardError) as caught:
        check_leaving(SHAPES, arrays, scalars, headers, HEADERS)
    assert caught.value.code == 'leaving-' + what
    assert '4711' not in str(caught.value) + caught.value.detail and 'picture' not in str(caught.value)
