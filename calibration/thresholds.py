"""Calibrated probabilities of a finding, and the thresholds that decide on it."""
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from service.messages import InputError

Numbers = Union[Sequence[float], np.ndarray]
#: Labels: whether a frame has the finding.
Flags = Union[Sequence[bool], np.ndarray]

#: Range of the search. Beyond it a person could no longer see the ranking in the probabilities.
TEMPERATURES = (0.05, 20.0)

#: Probabilities are kept this far from 0 and 1: float32 has rounded closer ones already.
_NEAREST = 1e-7

#: Default targets of the operating points.
SENSITIVITY, SPECIFICITY = 0.9, 0.9

#: Share of the search interval that golden-section search keeps: (sqrt(5) - 1) / 2.
_GOLDEN = 0.6180339887498949

#: 97.5 % point of the standard normal distribution, for two-sided 95 % intervals.
_Z = 1.959963984540054


def fit_temperature(scores: Numbers, labels: Flags, logits: bool = False) -> float:
    """The temperature under which the labels are most likely.

    ``sigmoid(logit / T)`` with the T that minimises the mean negative log-likelihood ([Guo2017], section 4.2). That is
    convex in 1 / T, so it has one minimum in log T as well, which golden-section search finds. The result is limited to
    `TEMPERATURES`, whose ends it reaches for answers that are all right or no better than chance.

    Args:
        scores: N probabilities or, with `logits`, logits of the finding.
        labels: N; both kinds occur.
        logits: the scores are logits.

    Returns:
        Four significant digits. 1 changes nothing; above 1 probabilities move towards a half.

    Raises:
        InputError: ``thresholds-input``.
    """
    scores, labels = _checked(scores, labels, logits)
    z = np.where(labels, 1.0, -1.0) * (scores if logits else to_logits(scores))
    low, high = np.log(TEMPERATURES)
    while high - low > 1e-6:
        lower, upper = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _loss(z, lower) <= _loss(z, upper):
            high = upper
        else:
            low = lower
    return float('%.4g' % np.exp((low + high) / 2))


def to_logits(probabilities: Numbers) -> np.ndarray:
    """Logits log(p / (1 - p)), float64; finite also for 0 and 1."""
    p = np.clip(np.asarray(probabilities, np.float64), _NEAREST, 1 - _NEAREST)
    return np.log(p) - np.log1p(-p)


def mean_loss(probabilities: Numbers, labels: Flags) -> float:
    """Mean negative log-likelihood of N labels under N probabilities, in nats."""
    return float(np.mean(np.logaddexp(0, -np.where(labels, 1.0, -1.0) * to_logits(probabilities))))


def operating_points(probabilities: Numbers, labels: Flags, judged: Optional[Tuple[Numbers, Flags]] = None,
                     sensitivity: float = SENSITIVITY, specificity: float = SPECIFICITY,
                     frames: str = '') -> List[Dict[str, Any]]:
    """Thresholds for a bundle's manifest: at a sensitivity, at a specificity and at Youden's index.

    The point of a sensitivity is the highest threshold that calls that share of the positives, the point of a
    specificity the lowest that spares that share of the negatives. Youden's index is the largest
    sensitivity + specificity - 1 [Youden1950]; of two equal ones the higher threshold counts.

    Args:
        probabilities: N, already at the bundle's temperature; ``>= threshold`` is a call.
        labels: N; both kinds occur.
        judged: probabilities and labels of other frames to judge the thresholds on. Without them they are judged on the
            frames that they were chosen on, and the basis says so.
        sensitivity, specificity: targets, 0..1.
        frames: what the frames are, such as ``'simulated thermograms'``.

    Returns:
        ``name``, ``threshold`` (above 0 and below 1), ``sensitivity``, ``specificity`` and ``n`` (of the judged frames)
        and ``basis`` (with Wilson's 95 % intervals) of each.

    Raises:
        InputError: ``thresholds-input``.
    """
    probabilities, labels = _checked(probabilities, labels)
    chosen = (
        ('sensitivity %g %%' % round(100 * sensitivity, 4), at_sensitivity(probabilities[labels], sensitivity)),
        ('specificity %g %%' % round(100 * specificity, 4), at_specificity(probabilities[~labels], specificity)),
        ('youden', _at_youden(probabilities, labels)))
    where = 'chosen on %d %s' % (len(labels), frames or 'frames')
    if judged is None:
        where += ' and judged on the same'
        judged = probabilities, labels
    else:
        judged = _checked(*judged)
        where += ', judged on %d others' % len(judged[1])
    return [_point(name, threshold, judged, where) for name, threshold in chosen]


def at_sensitivity(positive: np.ndarray, target: float) -> float:
    """The highest threshold that calls at least a share of the frames with the finding.

    Of all thresholds that reach it, this one has the highest specificity.

    Args:
        positive: float N, probabilities of the frames with the finding; ``>= threshold`` is a call.
        target: share to reach, 0..1.

    Returns:
        One of the probabilities.
    """
    positive = np.sort(positive)[::-1]
    return float(positive[max(_needed(target, len(positive)), 1) - 1])


def at_specificity(negative: np.ndarray, target: float) -> float:
    """The lowest threshold that spares at least a share of the frames without the finding.

    Args:
        negative: float N, probabilities of the frames without the finding.
        target: share to reach, 0..1.

    Returns:
        Just above one of the probabilities.
    """
    needed = _needed(target, len(negative))
    return float(np.nextafter(np.sort(negative)[needed - 1], np.inf)) if needed else 0.0


def wilson(successes: int, n: int) -> Tuple[float, float]:
    """Wilson's 95 % score interval of a proportion, ``(low, high)`` [Wilson1927]; n is 1 or more.

    The trials must be independent: one frame per patient.
    """
    share, z2 = successes / float(n), _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * np.sqrt(share * (1 - share) / n + z2 / (4.0 * n * n)) / (1 + z2 / n)
    # Where the share is 0 or 1, rounding may leave the interval slightly below 0 or above 1.
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _loss(z: np.ndarray, log_temperature: float) -> float:
    return float(np.mean(np.logaddexp(0, -z * np.exp(-log_temperature))))


def _at_youden(probabilities: np.ndarray, labels: np.ndarray) -> float:
    thresholds = np.unique(probabilities)[::-1]
    below = [np.searchsorted(np.sort(part), thresholds, side='left') / float(len(part))
             for part in (probabilities[labels], probabilities[~labels])]
    # Sensitivity + specificity - 1 = (1 - share of positives below) + share of negatives below - 1.
    return float(thresholds[np.argmax(np.round(below[1] - below[0], 12))])


def _needed(target: float, n: int) -> int:
    """How many of n make up the target; 0.9 of 10 is 9, in spite of rounding."""
    return int(np.ceil(round(target * n, 9)))


def _point(name: str, threshold: float, judged: Tuple[np.ndarray, np.ndarray], where: str) -> Dict[str, Any]:
    probabilities, labels = judged
    # The manifest holds thresholds strictly between 0 and 1.
    threshold = float(np.clip(threshold, _NEAREST, 1 - _NEAREST))
    called = probabilities >= threshold
    hits, spared = int(called[labels].sum()), int((~called[~labels]).sum())
    positive, negative = int(labels.sum()), int((~labels).sum())
    return {
        'name': name, 'threshold': threshold, 'sensitivity': round(hits / float(positive), 4),
        'specificity': round(spared / float(negative), 4), 'n': len(labels),
        'basis': 'Threshold %s; sensitivity %d/%d (95 %% interval %.3f to %.3f), specificity %d/%d (%.3f to %.3f), '
                 'Wilson.' % ((where, hits, positive) + wilson(hits, positive) + (spared, negative)
                              + wilson(spared, negative))}


def _checked(scores: Numbers, labels: Flags, logits: bool = False) -> Tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores, np.float64).ravel(), np.asarray(labels).astype(bool).ravel()
    if len(scores) != len(labels):
        raise InputError('thresholds-input', 'There are %d answers for %d labels.' % (len(scores), len(labels)),
                         'Give one answer for each label.')
    if not labels.any() or labels.all():
        raise InputError('thresholds-input', 'All %d frames are of one kind.' % len(labels),
                         'Give frames with the finding and frames without it.')
    if not np.isfinite(scores).all() or not (logits or (scores.min() >= 0 and scores.max() <= 1)):
        raise InputError('thresholds-input', 'An answer of the model is not a probability; the model is damaged.')
    return scores, labels
