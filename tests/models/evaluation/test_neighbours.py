"""Precision of neighbours against chance, on features whose answer is known."""
import numpy as np
import pytest

pytest.importorskip('sklearn', reason='the training extra is not installed')

from models.evaluation.neighbours import Seen, precision, table  # noqa: E402


def seen(features, kinds):
    sides = np.where(np.array(kinds) == '', '', 'left')
    return Seen(np.float32(features), np.array(kinds), sides, 0)


def test_classes_that_lie_apart_are_found_and_features_at_random_give_chance():
    rng = np.random.default_rng(1)
    kinds = np.repeat(['focal', 'diffuse', ''], 40)
    centres = np.eye(16)[np.repeat([0, 1, 2], 40)]
    apart, random = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (
        centres + rng.normal(0, 0.02, (120, 16)), rng.normal(size=(120, 16))))
    among = kinds != ''
    found = precision(apart, kinds, among)
    assert found['precision']['value'] == 1 and found['precision']['n'] == 80
    assert found['chance'] == pytest.approx(39 / 119)
    found = precision(random, kinds, among)
    low, high = found['gain']['ci95']
    assert low < 0 < high and abs(found['gain']['value']) < 0.1
    assert '| the same pattern in the same breast | 80 | 1.000 (1.000 to 1.000) | 0.328 | +0.672' in table(
        seen(apart, kinds))
