"""What learns from a table of numbers: a straight and a bent border, chosen and set inside the training patients."""
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

#: Inverse penalties that are tried, simplest first. Forests were left out for their cost alone: a few dozen
#: patients and twenty inputs would take half an hour with them.
_STRAIGHT, _BENT = (0.01, 0.1, 1.0), (0.3, 3.0)

STRAIGHT, BENT = 'logistic regression', 'support vectors, RBF'


def candidates():
    """Pairs of (name, unfitted scikit-learn classifier with a decision function), simplest first.

    A gap in the table becomes the median of the training patients and a column that says so.
    """
    straight = [(STRAIGHT, LogisticRegression(C=inverse, class_weight='balanced', max_iter=2000))
                for inverse in _STRAIGHT]
    bent = [(BENT, SVC(C=inverse, class_weight='balanced')) for inverse in _BENT]
    return [(name, make_pipeline(SimpleImputer(strategy='median', add_indicator=True, keep_empty_features=True),
                                 StandardScaler(), classifier)) for name, classifier in straight + bent]


def fit_table(table, targets, patients, specificity, folds, seed):
    """Choose, set and fit a learner on training samples, without a look at any other.

    The candidate with the best mean AUC over inner folds by patient wins, the simpler one in a tie; its
    inner held-out scores give the threshold.

    Args:
        table (numpy.ndarray): float64 NxD, NaN where a value is missing.
        targets (numpy.ndarray): bool N, both values present.
        patients (numpy.ndarray): N, whose sample each is.
        specificity (float): wanted at the threshold.
        folds (int): inner folds, fewer where a class has fewer patients.
        seed (int): of the folds.
    Returns:
        tuple: (fitted classifier with a ``decision_function``, threshold, name of the learner).
    """
    parts = _inner_folds(targets, patients, folds, seed)
    best = (-1.0, None, None, None)
    for name, learner in candidates():
        held, aucs = np.full(len(targets), np.nan), []
        for train, test in parts:
            held[test] = learner.fit(table[train], targets[train]).decision_function(table[test])
            if 0 < targets[test].sum() < len(test):
                aucs.append(roc_auc_score(targets[test], held[test]))
        score = float(np.mean(aucs)) if aucs else 0.5
        if score > best[0] + 1e-9:
            best = (score, name, learner, held)
    _, name, learner, held = best
    learner.fit(table, targets)
    healthy = held[~targets]
    if not np.isfinite(healthy).any():
        healthy = learner.decision_function(table[~targets])
    return learner, float(np.nanquantile(healthy, specificity)), name


def _inner_folds(targets, patients, folds, seed):
    """Pairs of (train, test) places; none where a class has a single patient."""
    fewest = min(len(np.unique(patients[targets == side])) for side in (False, True))
    if fewest < 2:
        return []
    splitter = StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
    parts = list(splitter.split(patients, targets, patients))
    return [(train, test) for train, test in parts if 0 < targets[train].sum() < len(train)]
