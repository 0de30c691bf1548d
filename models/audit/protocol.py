"""The one protocol: who is held out when, and held-out scores for whatever is fed in, by the same folds and choices."""
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.data import Collection, patient_folds
from models.statistics import specificity_quantile
from service.messages import InputError

#: Inverse penalties that are tried. Forests were left out for their cost alone: a few dozen patients and twenty inputs
#: would take half an hour with them.
_LINEAR, _RBF = (0.03, 1.0), (1.0,)

#: Places of training samples, places of held-out samples, seed -> scores of the held-out samples, threshold, name of
#: what was fitted.
Fit = Callable[[np.ndarray, np.ndarray, int], Tuple[np.ndarray, float, str]]


@dataclass(frozen=True, eq=False)
class Plan:
    """Repeated folds over the patients of one collection.

    Attributes:
        patients: P patients, sorted.
        classes: bool P, True for the positive class.
        rows: intp N, the patient of each sample.
        folds: intp RxP, the fold in which a repetition holds a patient out.
        names: negative and positive class.
    """

    patients: Tuple[str, ...]
    classes: np.ndarray
    rows: np.ndarray
    folds: np.ndarray
    names: Tuple[str, str]

    @property
    def targets(self) -> np.ndarray:
        """Bool N, True for samples of the positive class."""
        return self.classes[self.rows]

    def parts(self) -> Iterator[Tuple[int, np.ndarray, np.ndarray]]:
        """Repetition number, and bool P masks of the training and the held-out patients."""
        for repetition, folds in enumerate(self.folds):
            for fold in np.unique(folds):
                yield repetition, folds != fold, folds == fold


def make_plan(collection: Collection, folds: int = 5, repeats: int = 5, seed: int = 2021,
              positive: Optional[str] = None) -> Plan:
    """Repeated stratified folds by patient.

    Args:
        collection: samples of known class; those of unknown class must be gone.
        folds: 2 or more.
        repeats: how many times all patients are dealt into folds anew.
        seed: of the first repetition; the others follow it.
        positive: name of the class that counts as positive; of two classes the second by default.
    Raises:
        InputError: ``one-class``, ``class-unknown``, ``patient-two-classes``, and what `patient_folds` refuses.
    """
    number = _positive(collection, positive)
    patients = collection.patients
    rows = np.searchsorted(patients, [sample.patient for sample in collection])
    targets = np.array([sample.klass == number for sample in collection])
    classes = np.zeros(len(patients), bool)
    classes[rows[targets]] = True
    mixed = np.unique(rows[classes[rows] != targets])
    if mixed.size:
        raise InputError('patient-two-classes', 'Patient %s has pictures of both classes (%d patients do).'
                         % (patients[mixed[0]], mixed.size), 'Restrict the data to one visit with --where.')
    if len(set(classes)) < 2:
        raise InputError('one-class', 'All %d patients of %s are of one class.' % (len(patients), collection.name),
                         'Name data with two classes, such as healthy and sick.')
    dealt = np.zeros((repeats, len(patients)), np.intp)
    for repetition in range(repeats):
        for fold, (_, held) in enumerate(patient_folds(collection, folds, seed + repetition)):
            dealt[repetition, np.searchsorted(patients, held.patients)] = fold
    others = '/'.join(name for index, name in enumerate(collection.classes) if index != number)
    return Plan(patients, classes, rows, dealt, (others, collection.classes[number]))


@dataclass(frozen=True, eq=False)
class Outcome:
    """Held-out answers of one input.

    Attributes:
        plan: who was held out when.
        scores: float64 RxP, mean over the patient's samples; comparable within a fold only.
        called: bool RxP, whether the score passed the threshold of its training part.
        chosen: learner to the number of outer folds it was chosen in.
    """

    plan: Plan
    scores: np.ndarray
    called: np.ndarray
    chosen: Dict[str, int] = field(default_factory=dict)

    @property
    def majority(self) -> np.ndarray:
        """Bool P: called positive in more than half of the repetitions."""
        return self.called.mean(axis=0) > 0.5


@dataclass(frozen=True)
class Protocol:
    """How an input is judged.

    Attributes:
        folds, repeats: outer folds by patient, and how often the patients are dealt anew.
        inner_folds: folds within the training patients, for every choice.
        specificity: at which the threshold is set within the training patients.
        draws: bootstrap draws over patients.
        seed: of everything.
    """

    folds: int = 5
    repeats: int = 5
    inner_folds: int = 4
    specificity: float = 0.9
    draws: int = 2000
    seed: int = 2021

    def run(self, plan: Plan, fit: Fit) -> Outcome:
        """Hold every patient out once a repetition.

        Args:
            plan: who is held out when.
            fit: fits on training samples and scores held-out ones; must not look at the targets of the latter.
        """
        means = np.full((len(plan.folds), len(plan.patients)), np.nan)
        called = np.zeros(means.shape, bool)
        chosen: Dict[str, int] = Counter()
        for number, (repetition, train, held) in enumerate(plan.parts()):
            places = np.flatnonzero(train[plan.rows]), np.flatnonzero(held[plan.rows])
            scores, threshold, name = fit(places[0], places[1], self.seed + number)
            chosen[name] += 1
            mean = _patient_means(scores, plan.rows[places[1]], len(plan.patients))
            means[repetition, held] = mean[held]
            called[repetition, held] = mean[held] > threshold
        return Outcome(plan, means, called, dict(chosen))

    def run_table(self, plan: Plan, table: np.ndarray) -> Outcome:
        """The protocol on a table of numbers.

        Args:
            plan: of the N samples.
            table: float64 NxD, NaN where a value is missing.
        """
        targets = plan.targets

        def fit(train: np.ndarray, held: np.ndarray, seed: int) -> Tuple[np.ndarray, float, str]:
            learner, threshold, name = fit_table(table[train], targets[train], plan.rows[train], self.specificity,
                                                 self.inner_folds, seed)
            return learner.decision_function(table[held]), threshold, name

        return self.run(plan, fit)


def fit_table(table: np.ndarray, targets: np.ndarray, patients: np.ndarray, specificity: float, folds: int,
              seed: int) -> Tuple[Any, float, str]:
    """Choose, set and fit a learner on training samples, without looking at any other.

    The candidate with the best mean AUC over inner folds by patient wins, the simpler one in a tie; its inner held-out
    scores give the threshold.

    Args:
        table: float64 NxD, NaN where a value is missing.
        targets: bool N, both values present.
        patients: N, whose sample each is.
        specificity: wanted at the threshold.
        folds: inner folds, fewer where a class has fewer patients.
        seed: of the folds.
    Returns:
        Fitted classifier with a ``decision_function``, threshold, name of the learner.
    """
    candidates = _candidates()
    held = np.full((len(candidates), len(targets)), np.nan)
    aucs: List[List[float]] = [[] for _ in candidates]
    for train, test in _inner_folds(targets, patients, folds, seed):
        scaler = _make_scaler()
        scaled, scaled_test = scaler.fit_transform(table[train]), scaler.transform(table[test])
        for place, (_, learner) in enumerate(candidates):
            held[place, test] = learner.fit(scaled, targets[train]).decision_function(scaled_test)
            if 0 < targets[test].sum() < len(test):
                aucs[place].append(roc_auc_score(targets[test], held[place, test]))
    means = [round(float(np.mean(values)), 9) if values else 0.5 for values in aucs]
    best = int(np.argmax(means))  # the first in a tie
    name, learner = candidates[best]
    fitted = make_pipeline(_make_scaler(), learner).fit(table, targets)
    healthy = held[best, ~targets]
    if not np.isfinite(healthy).any():
        healthy = fitted.decision_function(table[~targets])
    return fitted, specificity_quantile(healthy, specificity), name


def _candidates() -> List[Tuple[str, Any]]:
    """Names and unfitted scikit-learn classifiers with a decision function, simplest first."""
    linear = [('logistic regression', LogisticRegression(C=inverse, class_weight='balanced', max_iter=2000))
              for inverse in _LINEAR]
    return linear + [('support vectors, RBF', SVC(C=inverse, class_weight='balanced')) for inverse in _RBF]


def _make_scaler() -> Any:
    """What precedes every candidate, unfitted.

    A gap in the table becomes the median of the training samples, and a column says so; then every column gets mean 0
    and variance 1.
    """
    return make_pipeline(SimpleImputer(strategy='median', add_indicator=True, keep_empty_features=True),
                         StandardScaler())


def _inner_folds(targets: np.ndarray, patients: np.ndarray, folds: int,
                 seed: int) -> Sequence[Tuple[np.ndarray, np.ndarray]]:
    """Pairs of train and test places; none where a class has a single patient."""
    fewest = min(len(np.unique(patients[targets == side])) for side in (False, True))
    if fewest < 2:
        return []
    splitter = StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
    parts = list(splitter.split(patients, targets, patients))
    return [(train, test) for train, test in parts if 0 < targets[train].sum() < len(train)]


def _positive(collection: Collection, name: Optional[str]) -> int:
    """Index of the positive class."""
    classes = collection.classes
    present = sorted({sample.klass for sample in collection if sample.klass is not None})
    if name is not None:
        if name not in classes:
            raise InputError('class-unknown', '%s has no class %s; it has %s.'
                             % (collection.name, name, ', '.join(classes) or 'none'))
        return classes.index(name)
    if len(present) < 2:
        raise InputError('one-class', '%s has %s.'
                         % (collection.name, 'pictures of %s only' % classes[present[0]] if present
                            else 'no picture of known class'),
                         'Name data with two classes, such as healthy and sick.')
    if len(present) > 2:
        raise InputError('class-unknown', '%s has the classes %s.'
                         % (collection.name, ', '.join(classes[index] for index in present)),
                         'Say with --positive which one to tell from the others.')
    return present[-1]


def _patient_means(scores: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    total = np.bincount(rows, np.asarray(scores, np.float64), count)
    return total / np.maximum(np.bincount(rows, minlength=count), 1)
