"""Choosing a threshold: by mean IoU over probability maps, or by the sensitivity or specificity to reach.

A threshold belongs to the frames it was chosen on and says nothing until it is judged on others.
"""
from typing import NamedTuple

import numpy as np

#: A hundredth apart, as fine as a threshold needs to be.
STEPS = np.linspace(0, 1, 101)


class Sweep(NamedTuple):
    """A figure per threshold.

    Attributes:
        thresholds (numpy.ndarray): float T, rising.
        scores (numpy.ndarray): float T.
    """

    thresholds: np.ndarray
    scores: np.ndarray

    @property
    def best(self):
        """The lowest of the thresholds with the highest score, and that score: ``(float, float)``."""
        place = int(np.nanargmax(self.scores))
        return float(self.thresholds[place]), float(self.scores[place])


def mean_iou_sweep(probabilities, truths, thresholds=STEPS):
    """Mean IoU of ``probability >= threshold`` with the truth, over probability maps.

    Args:
        probabilities (iterable of numpy.ndarray): float maps, 0..1, of any shape.
        truths (iterable of numpy.ndarray): bool, of the same shapes. Maps without a true pixel are left
            out: their IoU is 0 at any threshold that calls a single pixel and undefined at the others.
        thresholds (numpy.ndarray): float T, rising.

    Returns:
        Sweep: the mean over the maps, NaN where none has a true pixel.
    """
    curves = []
    for probability, truth in zip(probabilities, truths):
        truth = np.asarray(truth, bool).ravel()
        if not truth.any():
            continue
        # How many thresholds a pixel reaches; counted from the top that gives the pixels at each.
        reached = np.searchsorted(thresholds, np.ravel(probability), side='right')
        called = _at_least(reached, len(thresholds))
        both = _at_least(reached[truth], len(thresholds))
        curves.append(both / (called + truth.sum() - both))
    return Sweep(np.asarray(thresholds), np.mean(curves, 0) if curves else np.full(len(thresholds), np.nan))


def at_sensitivity(truth, probabilities, target):
    """The highest threshold that still calls at least `target` of the positives.

    Lower ones reach it too, and call more of the healthy: of all that reach the target this one has the
    highest specificity.

    Args:
        truth (array_like): bool N with a positive.
        probabilities (array_like): float N; ``probability >= threshold`` is a call.
        target (float): 0..1.

    Returns:
        float: one of the positives' probabilities.
    """
    positive = np.sort(np.asarray(probabilities, np.float64)[np.asarray(truth, bool)])[::-1]
    return float(positive[max(_needed(target, len(positive)), 1) - 1])


def at_specificity(truth, probabilities, target):
    """The lowest threshold that calls at most ``1 - target`` of the negatives: the highest sensitivity there.

    Args:
        truth (array_like): bool N with a negative.
        probabilities (array_like): float N; ``probability >= threshold`` is a call.
        target (float): 0..1.

    Returns:
        float: just above one of the negatives' probabilities.
    """
    negative = np.sort(np.asarray(probabilities, np.float64)[~np.asarray(truth, bool)])
    needed = _needed(target, len(negative))
    return float(np.nextafter(negative[needed - 1], np.inf)) if needed else 0.0


def _needed(target, n):
    """How many of n make up the target; 0.9 of 10 is 9, whatever floats make of it."""
    return int(np.ceil(round(target * n, 9)))


def _at_least(reached, count):
    """Pixels that reach each threshold: int T."""
    return np.bincount(reached, minlength=count + 1)[::-1].cumsum()[::-1][1:]
