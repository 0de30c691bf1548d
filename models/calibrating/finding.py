"""The finding of a bundle on frames of known class: its temperature, its operating points, its threshold."""
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from calibration.thresholds import fit_temperature, mean_loss, operating_points
from service.decode import temper
from service.messages import InputError

from ..data import Collection, patient_split

#: Frames of each kind in each half before thresholds are set unasked. At 50 and a share of 90 % the 95 % interval is
#: 17 points wide.
LEAST_UNASKED = 50


class FittedFinding(NamedTuple):
    """A finding with thresholds of its own.

    Attributes:
        entry: the manifest's ``finding``.
        loss: mean negative log-likelihood of the judged frames at temperature 1 and at that of the entry, nats.
        chosen, judged: frames that the thresholds were chosen and judged on; no patient is in both.
    """

    entry: Dict[str, Any]
    loss: Tuple[float, float]
    chosen: int
    judged: int


def positive_class(finding: Dict[str, Any], classes: Sequence[str],
                   named: Sequence[str] = ()) -> Optional[Tuple[int, ...]]:
    """Numbers of the classes of a collection that the finding ought to call.

    Args:
        finding: the manifest's.
        classes: the collection's.
        named: as the user names them.
    Returns:
        None where nobody named any and the collection's classes are not the finding's own: a finding that was never
        meant to tell them apart gets no thresholds from them unasked.
    Raises:
        InputError: ``class-unknown`` or ``class-positive``.
    """
    if not named and tuple(classes) != tuple(finding['classes']):
        return None
    from ..evaluation.figures import positive_classes  # scikit-learn takes a second to import

    return positive_classes(tuple(classes), named)


def fit_finding(finding: Dict[str, Any], collection: Collection, probabilities: Dict[str, float],
                positive: Sequence[int], point: str = 'specificity', least: int = 1, seed: int = 0) -> FittedFinding:
    """Temperature and thresholds, chosen on one half of the patients and judged on the other.

    A temperature that makes the answers of the other half no more likely is discarded: it is 1 then.

    Args:
        finding: the manifest's.
        collection: frames of known class.
        probabilities: by key of every frame what the network answers, before any temperature.
        positive: class numbers that the finding ought to call.
        point: beginning of the name of the operating point that becomes the threshold: ``'specificity'``,
            ``'sensitivity'`` or ``'youden'``.
        least: frames of each class that each half must have.
        seed: of the halves.
    Raises:
        InputError: ``thresholds-few``, ``thresholds-input``, or too few patients for `models.data.patient_split`.
    """
    halves = [_scores(half, probabilities, positive) for half in patient_split(collection, share=0.5, seed=seed)]
    fewest = min(int(side.sum()) for _, labels in halves for side in (labels, ~labels))
    if fewest < least:
        raise InputError('thresholds-few', 'One half of the patients has %d frames of a class, and thresholds need %d.'
                         % (fewest, least), 'Name more data, or name the class with --positive to use these anyway.')
    temperature = fit_temperature(*halves[0])
    loss = mean_loss(*halves[1]), mean_loss(*_tempered(halves[1], temperature))
    if not loss[1] < loss[0]:
        temperature, loss = 1.0, (loss[0], loss[0])
    (scores, labels), judged = (_tempered(half, temperature) for half in halves)
    points = operating_points(scores, labels, judged=judged, frames='frames of %s' % collection.name)
    chosen, = (entry for entry in points if entry['name'].startswith(point))
    entry = dict(finding, temperature=temperature, threshold=chosen['threshold'], operating_points=points,
                 threshold_basis='Operating point %s, at temperature %g. %s'
                                 % (chosen['name'], temperature, chosen['basis']))
    return FittedFinding(entry, loss, len(halves[0][1]), len(halves[1][1]))


Scores = Tuple[np.ndarray, np.ndarray]


def _tempered(half: Scores, temperature: float) -> Scores:
    """Scores as the service shows them, to the last bit, with their labels."""
    scores, labels = half
    return np.array([temper(float(score), temperature) for score in scores]), labels


def _scores(half: Collection, probabilities: Dict[str, float], positive: Sequence[int]) -> Scores:
    return (np.array([probabilities[sample.key] for sample in half]),
            np.array([sample.klass in positive for sample in half], bool))
