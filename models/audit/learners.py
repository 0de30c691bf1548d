"""What learns from a table of numbers: a straight and a bent border, chosen and set inside the training patients."""
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

#: Inverse penalties that are tried. Forests were left out for their cost alone: a few dozen patients and twenty
#: inputs would take half an hour with them.
_STRAIGHT, _BENT = (0.03, 1.0), (1.0,)

STRAIGHT, BENT = 'logistic regression', 'support vectors, RBF'


def candidates():
    """Pairs of (name, unfitted scikit-learn classifier with a decision function), simplest first."""
    straight = [(STRAIGHT, LogisticRegression(C=inverse, class_weight='balanced', max_iter=2000))
                for inverse in _STRAIGHT]
    return straight + [(BENT, SVC(C=inverse, class_weight='balanced')) for inverse in _BENT]


def make_scaler():
    """What stands before every candidate, unfitted.

    A gap in the table becomes the median of the training samples and a column that says so; then every
    column gets mean 0 and variance 1.
    """
    return make_pipeline(SimpleImputer(strategy='median', add_indicator=True, keep_empty_features=True),
                         StandardScaler())


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
    choices = candidates()
    held, aucs = np.full((len(choices), len(targets)), np.nan), [[] for _ in choices]
    for train, test in _inner_folds(targets, patients, folds, seed):
        scaler = make_scaler()
        scaled, shown = scaler.fit_transform(table[train]), scaler.transform(table[test])
        for place, (_, learner) in enumerate(choices):
            held[place, test] = learner.fit(scaled, targets[train]).decision_function(shown)
            if 0 < targets[test].sum() < len(test):
                aucs[place].append(roc_auc_score(targets[test], held[place, test]))
    best = int(np.argmax([round(np.mean(values), 9) if values else 0.5 for values in aucs]))  # the first in a tie
    name, learner = choices[best]
    learner = make_pipeline(make_scaler(), learner).fit(table, targets)
    healthy = held[best, ~targets]
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
