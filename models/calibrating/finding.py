"""The finding of a bundle on frames of known class: its temperature, its operating points, its threshold."""
from typing import NamedTuple

import numpy as np

from calibration.thresholds import fit_temperature, mean_loss, operating_points
from service.decode import temper
from service.messages import InputError

from ..data import patient_split

#: Which operating point becomes the threshold: the word on the command line to the beginning of the point's name.
POINTS = ('specificity', 'sensitivity', 'youden')


#: Frames of each kind in each half before thresholds are set unasked. At 50 and a share of 90 % the 95 % interval is
#: 17 points wide.
LEAST_UNASKED = 50


class FittedFinding(NamedTuple):
    """A finding with thresholds of its own.

    Attributes:
        entry (dict): the manifest's ``finding``.
        loss (tuple): mean negative log-likelihood of the judged frames at temperature 1 and at that of the entry,
            nats.
        chosen, judged (int): frames that the thresholds were chosen and judged on; no patient is in both.
    """

    entry: dict
    loss: tuple
    chosen: int
    judged: int


def positive_class(finding, classes, named=()):
    """Which classes of a collection the finding ought to call.

    Args:
        finding (dict): the manifest's.
        classes (tuple of str): the collection's.
        named (sequence of str): as the user names them.

    Returns:
        tuple of int: class numbers; None where nobody named any and the collection's classes are not the finding's
        own: a finding that was never meant to tell them apart gets no thresholds from them unasked.

    Raises:
        InputError: ``class-unknown`` or ``class-positive``.
    """
    if not named and tuple(classes) != tuple(finding['classes']):
        return None
    from ..evaluation.figures import positive_classes  # scikit-learn takes a second to import

    return positive_classes(tuple(classes), named)


def fit_finding(finding, collection, probabilities, positive, point='specificity', least=1, seed=0):
    """Temperature and thresholds, chosen on one half of the patients and judged on the other.

    A temperature that makes the other half's answers no likelier is not taken: it is 1 then.

    Args:
        finding (dict): the manifest's.
        collection (Collection): frames of known class.
        probabilities (dict): key of every frame to what the network gives, before any temperature.
        positive (tuple of int): class numbers that the finding ought to call.
        point (str): the operating point that becomes the threshold, of `POINTS`.
        least (int): frames of each kind that each half must have.
        seed (int): of the halves.

    Returns:
        FittedFinding

    Raises:
        InputError: ``thresholds-few``, ``thresholds-input``, or too few patients for `models.data.patient_split`.
    """
    halves = [_scores(half, probabilities, positive) for half in patient_split(collection, share=0.5, seed=seed)]
    fewest = min(int(kind.sum()) for _, labels in halves for kind in (labels, ~labels))
    if fewest < least:
        raise InputError('thresholds-few', 'A half of the patients has %d frames of a kind, and thresholds need %d; '
                         'name more data, or say with --positive that it has to do.' % (fewest, least))
    temperature = fit_temperature(*halves[0])
    loss = mean_loss(*halves[1]), mean_loss(*_tempered(halves[1], temperature))
    if not loss[1] < loss[0]:
        temperature, loss = 1.0, (loss[0], loss[0])
    shown = [_tempered(half, temperature) for half in halves]
    points = operating_points(*shown[0], judged=shown[1], frames='frames of %s' % collection.name)
    chosen, = (entry for entry in points if entry['name'].startswith(point))
    entry = dict(finding, temperature=temperature, threshold=chosen['threshold'], operating_points=points,
                 threshold_basis='Operating point %s, at temperature %g. %s'
                                 % (chosen['name'], temperature, chosen['basis']))
    return FittedFinding(entry, loss, len(halves[0][1]), len(halves[1][1]))


def _tempered(half, temperature):
    """Scores as the service shows them, to the last bit, with their labels."""
    scores, labels = half
    return np.array([temper(float(score), temperature) for score in scores]), labels


def _scores(half, probabilities, positive):
    return (np.array([probabilities[sample.key] for sample in half]),
            np.array([sample.klass in positive for sample in half], bool))
