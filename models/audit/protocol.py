"""The one protocol: held-out scores for whatever is fed in, by the same folds and the same choices."""
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .learners import fit_table


@dataclass(frozen=True)
class Protocol:
    """How an input is judged.

    Attributes:
        folds, repeats (int): outer folds by patient, and how often the patients are dealt anew.
        inner_folds (int): folds within the training patients, for every choice.
        specificity (float): at which the threshold is set within the training patients.
        draws (int): bootstrap draws over patients.
        seed (int): of everything.
    """

    folds: int = 5
    repeats: int = 5
    inner_folds: int = 4
    specificity: float = 0.9
    draws: int = 2000
    seed: int = 2021

    def run(self, plan, fit):
        """Hold every patient out once a repetition.

        Args:
            plan (Plan): who is held out when.
            fit (callable): (train, held, seed) -> (scores, threshold, name), where train and held are
                places of samples; must not look at the targets of `held`.
        Returns:
            Outcome
        """
        means = np.full((len(plan.folds), len(plan.patients)), np.nan)
        called = np.zeros(means.shape, bool)
        chosen = Counter()
        for number, (repetition, train, held) in enumerate(plan.parts()):
            places = np.flatnonzero(train[plan.rows]), np.flatnonzero(held[plan.rows])
            scores, threshold, name = fit(*places, self.seed + number)
            chosen[name] += 1
            mean = _patient_means(scores, plan.rows[places[1]], len(plan.patients))
            means[repetition, held] = mean[held]
            called[repetition, held] = mean[held] > threshold
        return Outcome(plan, means, called, dict(chosen))

    def run_table(self, plan, table):
        """The protocol on a table of numbers.

        Args:
            plan (Plan): of the N samples.
            table (numpy.ndarray): float64 NxD, NaN where a value is missing.
        Returns:
            Outcome
        """
        targets = plan.targets

        def fit(train, held, seed):
            learner, threshold, name = fit_table(table[train], targets[train], plan.rows[train], self.specificity,
                                                 self.inner_folds, seed)
            return learner.decision_function(table[held]), threshold, name

        return self.run(plan, fit)


@dataclass(frozen=True)
class Outcome:
    """Held-out answers of one input.

    Attributes:
        plan (Plan): who was held out when.
        scores (numpy.ndarray): float64 RxP, mean over the patient's samples; comparable within a fold only.
        called (numpy.ndarray): bool RxP, whether the score passed the threshold of its training part.
        chosen (dict): learner to the number of outer folds it was chosen in.
    """

    plan: object
    scores: np.ndarray
    called: np.ndarray
    chosen: dict = field(default_factory=dict)

    @property
    def majority(self):
        """Bool P: called positive in more than half of the repetitions."""
        return self.called.mean(axis=0) > 0.5


def _patient_means(scores, rows, count):
    total = np.bincount(rows, np.asarray(scores, np.float64), count)
    return total / np.maximum(np.bincount(rows, minlength=count), 1)
