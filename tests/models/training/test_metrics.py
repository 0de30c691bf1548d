"""Figures of the finding on made-up probabilities whose answers are known."""
import numpy as np
import pytest

pytest.importorskip('torchmetrics', reason='the training extra is not installed')

from models.training.metrics import auc_by_pattern, finding_metrics, threshold_at  # noqa: E402

ABNORMAL = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], np.float32)


def test_a_perfect_finding():
    result = finding_metrics(np.linspace(0.1, 0.9, 10), ABNORMAL, 0.5, seed=0, rounds=50)
    assert result['auc'] == result['sensitivity'] == result['specificity'] == 1
    assert result['n'] == 10 and result['n_abnormal'] == 5


def test_a_useless_finding():
    rng = np.random.default_rng(0)
    abnormal = (rng.random(1000) < 0.5).astype(np.float32)
    result = finding_metrics(rng.random(1000), abnormal, 0.9, seed=0, rounds=200)
    low, high = result['auc_ci95']
    assert low < 0.5 < high


def test_patterns_are_judged_against_the_healthy():
    result = auc_by_pattern([0.1, 0.2, 0.9, 0.15], ['', '', 'vascular', 'focal'])
    assert result == {'focal': {'n': 1, 'auc': 0.5}, 'vascular': {'n': 1, 'auc': 1.0}}


def test_the_threshold_keeps_its_specificity():
    normal = np.linspace(0.02, 0.98, 1000)
    threshold = threshold_at(normal, np.zeros(1000), 0.9)
    assert np.mean(normal < threshold) == pytest.approx(0.9, abs=0.002)
