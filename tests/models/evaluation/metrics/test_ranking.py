"""AUC against scikit-learn, against torchmetrics and against counting pairs."""
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.evaluation.metrics import PatientBootstrap, roc

RNG = np.random.default_rng(5)
TRUTH = RNG.random(80) < 0.4
PROBABILITIES = np.round(np.clip(0.3 * TRUTH + RNG.random(80) * 0.7, 0, 1), 2)  # rounded: ties occur


@pytest.fixture(scope='module')
def curve():
    return roc(TRUTH, PROBABILITIES, PatientBootstrap(range(80), 300))


def test_auc_is_the_share_of_pairs_ranked_rightly(curve):
    differences = PROBABILITIES[TRUTH][:, np.newaxis] - PROBABILITIES[~TRUTH]
    pairs = (differences > 0).mean() + (differences == 0).mean() / 2
    assert curve['auc']['value'] == pytest.approx(pairs, abs=1e-4)
    assert curve['auc']['value'] == pytest.approx(roc_auc_score(TRUTH, PROBABILITIES), abs=1e-4)


def test_torchmetrics_agrees(curve):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    functional = pytest.importorskip('torchmetrics.functional.classification', reason='torchmetrics is absent')
    theirs = functional.binary_auroc(torch.from_numpy(PROBABILITIES), torch.from_numpy(TRUTH.astype(int)))
    assert curve['auc']['value'] == pytest.approx(float(theirs), abs=1e-4)


def test_interval_is_about_what_hanley_and_mcneil_give(curve):
    auc, positive, negative = curve['auc']['value'], TRUTH.sum(), (~TRUTH).sum()
    first, second = auc / (2 - auc), 2 * auc ** 2 / (1 + auc)
    variance = (auc * (1 - auc) + (positive - 1) * (first - auc ** 2) + (negative - 1) * (second - auc ** 2)) / (
        positive * negative)
    low, high = curve['auc']['ci95']
    assert low < auc < high
    assert high - low == pytest.approx(2 * 1.96 * variance ** 0.5, rel=0.2)


def test_the_band_holds_the_curve(curve):
    band = curve['band']
    middle = np.interp(band['false_positive_rate'], curve['false_positive_rate'], curve['sensitivity'])
    inside = (np.array(band['low']) <= middle + 0.02) & (middle <= np.array(band['high']) + 0.02)
    assert inside.mean() > 0.95


def test_one_kind_alone_has_no_auc():
    curve = roc(np.ones(4, bool), np.linspace(0, 1, 4), PatientBootstrap(range(4), 100))
    assert curve['auc']['value'] is None and curve['auc']['n'] == 4 and curve['band'] is None
