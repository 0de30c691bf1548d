"""How well a probability ranks frames: ROC curve and the area under it."""
import numpy as np
from sklearn import metrics

from .intervals import estimate, spread

#: False-positive rates at which the curve's band is stated.
GRID = np.linspace(0, 1, 101)


def roc(truth, probabilities, bootstrap):
    """ROC curve with a band, and AUC with its interval.

    Args:
        truth (numpy.ndarray): bool N; both kinds occur.
        probabilities (numpy.ndarray): float N.
        bootstrap (PatientBootstrap): over the patients of these N frames.

    Returns:
        dict: ``auc`` (an estimate); ``n_positive``, ``n_negative``; ``false_positive_rate``,
        ``sensitivity`` and ``thresholds`` of the curve's corners; ``band``: ``false_positive_rate`` (101
        values), ``low`` and ``high`` sensitivity, 95 % at each. ``auc`` alone has a value of None, and the
        rest is empty, where only one kind occurs.
    """
    truth, probabilities = np.asarray(truth, bool), np.asarray(probabilities, np.float64)
    counts = {'n_positive': int(truth.sum()), 'n_negative': int((~truth).sum())}
    if not (counts['n_positive'] and counts['n_negative']):
        return dict(counts, auc=estimate(None, len(truth), None, ''), false_positive_rate=[], sensitivity=[],
                    thresholds=[], band=None)
    false_positive, sensitivity, thresholds = metrics.roc_curve(truth, probabilities)
    areas, curves = _drawn(truth, probabilities, bootstrap)
    low, high = np.quantile(curves, (0.025, 0.975), axis=0) if curves else (None, None)
    auc = estimate(metrics.roc_auc_score(truth, probabilities), len(truth), spread(areas), bootstrap.described)
    return dict(counts, auc=auc, false_positive_rate=_rounded(false_positive), sensitivity=_rounded(sensitivity),
                thresholds=_rounded(np.minimum(thresholds, 1)),  # its first corner is at infinity
                band=None if low is None else {'false_positive_rate': _rounded(GRID), 'low': _rounded(low),
                                               'high': _rounded(high)})


def _drawn(truth, probabilities, bootstrap):
    """(AUC per round, NaN where a draw holds one kind only; sensitivity on `GRID` of the other rounds)."""
    areas, curves = [], []
    for weights in bootstrap.weights():
        if not (weights[truth].any() and weights[~truth].any()):
            areas.append(np.nan)
            continue
        false_positive, sensitivity, _ = metrics.roc_curve(truth, probabilities, sample_weight=weights)
        areas.append(metrics.auc(false_positive, sensitivity))
        curves.append(np.interp(GRID, false_positive, sensitivity))
    return areas, curves


def _rounded(values):
    return np.round(np.asarray(values, np.float64), 4).tolist()
