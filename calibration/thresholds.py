"""Probabilities that mean what they say, and the thresholds to call them by."""
import numpy as np

from service.messages import InputError

#: Temperatures that are looked at. Beyond them nothing is left of the ranking that a person could see.
TEMPERATURES = (0.05, 20.0)

#: Probabilities nearer to 0 or 1 are taken for this: float32 has rounded them already.
_NEAREST = 1e-7

#: What is reached at the operating points, by default.
SENSITIVITY, SPECIFICITY = 0.9, 0.9

#: Share of the search interval that golden-section search keeps: (sqrt(5) - 1) / 2.
_GOLDEN = 0.6180339887498949

#: 97.5 % point of the standard normal distribution, for two-sided 95 % intervals.
_Z = 1.959963984540054


def fit_temperature(scores, labels, logits=False):
    """The temperature that makes probabilities of a finding most likely, given what was true.

    ``sigmoid(logit / T)`` with the T that minimises the mean negative log-likelihood (C. Guo et al., "On Calibration
    of Modern Neural Networks", ICML 2017, section 4.2). In 1 / T that is convex, so it has one valley in log T as well
    and golden-section search finds its floor; the result is cut to `TEMPERATURES`, where it lies for answers that are
    all right or no better than chance.

    Args:
        scores (array_like): float N, probabilities or, with `logits`, logits of the finding.
        labels (array_like): bool N; both kinds occur.
        logits (bool): the scores are logits.
    Returns:
        float: to four significant digits. 1 changes nothing, above it probabilities move towards a half.
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


def to_logits(probabilities):
    """log(p / (1 - p)), float64; finite also for 0 and 1."""
    p = np.clip(np.asarray(probabilities, np.float64), _NEAREST, 1 - _NEAREST)
    return np.log(p) - np.log1p(-p)


def mean_loss(probabilities, labels):
    """Mean negative log-likelihood of labels (bool N) under probabilities (float N), in nats."""
    return float(np.mean(np.logaddexp(0, -np.where(labels, 1.0, -1.0) * to_logits(probabilities))))


def operating_points(probabilities, labels, judged=None, sensitivity=SENSITIVITY, specificity=SPECIFICITY, frames=''):
    """Thresholds for a bundle's manifest: at a sensitivity, at a specificity and at Youden's index.

    The sensitivity's point is the highest threshold that calls that share of the positives, the specificity's the
    lowest that spares that share of the negatives; Youden's has the largest sensitivity + specificity - 1 (W. J.
    Youden, "Index for rating diagnostic tests", Cancer 1950), the higher threshold where two share it.

    Args:
        probabilities (array_like): float N, already at the bundle's temperature; ``>= threshold`` is a call.
        labels (array_like): bool N; both kinds occur.
        judged (tuple or None): probabilities and labels of other frames that state what the thresholds are worth;
            None judges them by the frames that they were chosen on, and says so.
        sensitivity, specificity (float): what to reach, 0..1.
        frames (str): what the frames are, such as ``'simulated thermograms'``.
    Returns:
        list of dict: ``name``, ``threshold`` (above 0 and below 1), ``sensitivity``, ``specificity`` (on the judged
        frames), ``n`` (of the judged frames), ``basis`` (with Wilson's 95 % intervals).
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
    """The highest threshold that still calls at least `target` (0..1) of the frames with the finding.

    Lower ones reach it too and call more of the others: of all that reach it, this one has the highest specificity.

    Args:
        positive: float N, probabilities of the frames with the finding; ``>= threshold`` is a call.
    Returns:
        One of the probabilities.
    """
    positive = np.sort(positive)[::-1]
    return float(positive[max(_needed(target, len(positive)), 1) - 1])


def at_specificity(negative: np.ndarray, target: float) -> float:
    """The lowest threshold that spares at least `target` (0..1) of the frames without the finding.

    Args:
        negative: float N, probabilities of the frames without the finding.
    Returns:
        Just above one of the probabilities.
    """
    needed = _needed(target, len(negative))
    return float(np.nextafter(np.sort(negative)[needed - 1], np.inf)) if needed else 0.0


def wilson(successes, n):
    """Wilson's 95 % score interval of a proportion, ``(low, high)`` (E. B. Wilson, JASA 1927); n is 1 or more.

    The trials must be independent: one frame a patient.
    """
    share, z2 = successes / float(n), _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * np.sqrt(share * (1 - share) / n + z2 / (4.0 * n * n)) / (1 + z2 / n)
    # Rounding leaves a trace below 0 and above 1 where the share is 0 or 1.
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _loss(z, log_temperature):
    return np.mean(np.logaddexp(0, -z * np.exp(-log_temperature)))


def _at_youden(probabilities, labels):
    thresholds = np.unique(probabilities)[::-1]
    reached = [np.searchsorted(np.sort(part), thresholds, side='left') / float(len(part))
               for part in (probabilities[labels], probabilities[~labels])]
    # Sensitivity + specificity - 1 = (1 - share of positives below) + share of negatives below - 1.
    return thresholds[np.argmax(np.round(reached[1] - reached[0], 12))]


def _needed(target, n):
    """How many of n make up the target; 0.9 of 10 is 9, whatever floats make of it."""
    return int(np.ceil(round(target * n, 9)))


def _point(name, threshold, judged, where):
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


def _checked(scores, labels, logits=False):
    scores, labels = np.asarray(scores, np.float64).ravel(), np.asarray(labels).astype(bool).ravel()
    if len(scores) != len(labels):
        raise InputError('thresholds-input', 'There are %d answers for %d labels; give one each.'
                         % (len(scores), len(labels)))
    if not labels.any() or labels.all():
        raise InputError('thresholds-input', 'All %d frames are of one kind; thresholds need frames with the finding '
                         'and without.' % len(labels))
    if not np.isfinite(scores).all() or not (logits or (scores.min() >= 0 and scores.max() <= 1)):
        raise InputError('thresholds-input', 'An answer of the model is no probability; the model is damaged.')
    return scores, labels
