"""Thresholds chosen on one half of the patients and judged on the other."""
import numpy as np

from models.data import patient_split
from service.messages import InputError

from ..metrics import (
    ROUNDS,
    STEPS,
    PatientBootstrap,
    Sweep,
    at_sensitivity,
    at_specificity,
    class_figures,
    iou,
    mean_over_regions,
)
from .finding import with_class

#: Ways to choose a threshold: (what it is to reach, function of (truth, probabilities, target)).
_TARGETS = (('sensitivity', at_sensitivity), ('specificity', at_specificity))


def operating_points(outcomes, collection, positive, targets, rounds=ROUNDS, seed=0):
    """Thresholds that reach a sensitivity or specificity on one half of the patients, judged on the other.

    Args:
        outcomes (iterable of Outcome): those without a probability or class are left out.
        collection (Collection): where they come from; it is split by patient and class.
        positive (tuple of int): classes that the finding ought to call.
        targets (dict): ``'sensitivity'`` and ``'specificity'`` to the share to reach.
        rounds, seed (int): of the bootstrap; the seed draws the halves too.

    Returns:
        dict: ``halves`` (``chosen_on``, ``judged_on``: n and patients), ``points`` (per target: ``reach``,
        ``target``, ``threshold``, ``chosen`` and ``judged`` figures). ``reason`` alone where the patients
        cannot be halved.
    """
    usable = [outcome for outcome in outcomes if outcome.probability is not None and outcome.klass is not None]
    try:
        halves = _halves(usable, collection, seed)
    except InputError as error:
        return {'reason': error.message.text}
    if any(len(set(with_class(half, positive)[1])) < 2 for half in halves):
        return {'reason': 'A half of the patients would have frames of one kind only.'}
    points = []
    for reach, choose in _TARGETS:
        threshold = choose(*_scores(halves[0], positive), targets[reach])
        chosen, judged = (_judged(half, positive, threshold, rounds, seed) for half in halves)
        points.append({'reach': reach, 'target': targets[reach], 'threshold': threshold, 'chosen': chosen,
                       'judged': judged})
    return {'halves': _sizes(halves), 'points': points}


def certainty_threshold(outcomes, collection, seed=0):
    """Would it help to leave out the regions that the network is least certain of?

    A region whose mean certainty lies under a threshold becomes background; the threshold with the best
    mean IoU on one half of the labelled patients is judged on the other.

    Args:
        outcomes (iterable of Outcome): those without labels are left out.
        collection (Collection): where they come from.
        seed (int): of the halves.

    Returns:
        dict: ``halves``, ``thresholds`` and mean IoU at them (``chosen_curve``, ``judged_curve``), ``best``
        threshold, mean IoU of the other half with it (``judged``) and with none (``judged_without``).
        ``reason`` alone where the patients cannot be halved.
    """
    labelled = [outcome for outcome in outcomes if outcome.overlap is not None]
    try:
        halves = _halves(labelled, collection, seed)
    except InputError as error:
        return {'reason': error.message.text}
    chosen, judged = (certainty_sweep(half) for half in halves)
    best, _ = chosen.best
    return {'halves': _sizes(halves), 'thresholds': _rounded(STEPS), 'chosen_curve': _rounded(chosen.scores),
            'judged_curve': _rounded(judged.scores), 'best': best,
            'judged': round(float(judged.scores[np.searchsorted(STEPS, best)]), 4),
            'judged_without': round(float(judged.scores[0]), 4)}


def certainty_sweep(outcomes, thresholds=STEPS):
    """Mean IoU of labelled frames without the regions under each certainty: `Sweep`."""
    pairs = np.array([outcome.overlap.pairs for outcome in outcomes])
    certainties = np.zeros(pairs.shape[::2])
    for row, outcome in zip(certainties, outcomes):
        row[0] = np.inf  # the background stays, whatever the threshold
        for region, certainty in outcome.certainties.items():
            row[region] = certainty
    scores = []
    for threshold in thresholds:
        kept = np.einsum('nij,nj->ij', pairs, certainties >= threshold)
        kept[:, 0] += pairs.sum((0, 2)) - kept.sum(1)
        scores.append(mean_over_regions(iou(kept)))
    return Sweep(np.asarray(thresholds), np.array(scores))


def _halves(outcomes, collection, seed):
    """Two lists of outcomes that share no patient."""
    by_key = {outcome.key: outcome for outcome in outcomes}
    parts = patient_split(collection.subset(by_key), share=0.5, seed=seed)
    return [[by_key[sample.key] for sample in part] for part in parts]


def _sizes(halves):
    return {name: {'n': len(half), 'patients': len({outcome.patient for outcome in half})}
            for name, half in zip(('chosen_on', 'judged_on'), halves)}


def _scores(half, positive):
    return with_class(half, positive)[1], np.array([outcome.probability for outcome in half])


def _judged(half, positive, threshold, rounds, seed):
    truth, probabilities = _scores(half, positive)
    return class_figures(truth, probabilities >= threshold,
                         PatientBootstrap([outcome.patient for outcome in half], rounds, seed))


def _rounded(values):
    return np.round(np.asarray(values, np.float64), 4).tolist()
