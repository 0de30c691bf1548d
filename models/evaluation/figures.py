"""From what the pipeline answered to figures, each with its n and interval: regions, finding, chosen thresholds."""
from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from calibration.thresholds import at_sensitivity, at_specificity
from models.data import Collection, patient_split
from models.statistics import ROUNDS, PatientBootstrap, bland_altman, class_figures, roc, rounded
from service.messages import InputError
from service.regions import BACKGROUND, REGIONS

from .outcomes import Outcome
from .overlap import dice, false_area, iou, mean_over_regions, mixups

#: Certainties at which regions are left out: a hundredth apart, as fine as a threshold needs to be.
_STEPS = np.linspace(0, 1, 101)

#: A fact with more values than this is a number or a date rather than a category.
_MANY = 12

#: A category with fewer frames of known class says nothing about the class.
_FEW = 5


def judge_regions(outcomes: Iterable[Outcome], rounds: int = ROUNDS, seed: int = 0) -> Optional[Dict[str, Any]]:
    """Region figures of the frames with true labels.

    Args:
        outcomes: those without labels are left out.
        rounds, seed: of the bootstrap over patients.
    Returns:
        ``answered``, the figures of the frames that got a result, and ``all``, where a refused frame counts as all
        background; each as `region_figures` returns them. None without labelled frames.
    """
    labelled = [outcome for outcome in outcomes if outcome.overlap is not None]
    if not labelled:
        return None
    answered = [outcome for outcome in labelled if outcome.answered]
    return {'all': region_figures(labelled, rounds, seed), 'answered': region_figures(answered, rounds, seed)}


def region_figures(outcomes: Sequence[Outcome], rounds: int = ROUNDS, seed: int = 0) -> Dict[str, Any]:
    """Figures of labelled frames.

    Args:
        outcomes: with an overlap.
        rounds, seed: of the bootstrap over patients.
    Returns:
        ``n`` frames, ``patients``; ``miou``, the mean over the regions of IoU over the pixels of all frames together,
        background included; ``regions``, per name: ``iou`` (same pixels), ``dice`` (mean over the frames that have the
        region), ``hd95_px`` (mean over the frames where both label images have it), ``missed`` (frames that have it and
        where none of it was predicted: ``n``, ``frames``), ``area`` (share of the picture in percent, predicted minus
        true, in the frames that have it) and ``false`` (as `overlap.false_area`); ``pixels``, the 8x8 table;
        ``mixups``.
    """
    bootstrap = PatientBootstrap([outcome.patient for outcome in outcomes], rounds, seed)
    overlaps = [outcome.overlap for outcome in outcomes if outcome.overlap is not None]
    pairs = np.array([overlap.pairs for overlap in overlaps], np.int64).reshape(-1, len(REGIONS), len(REGIONS))
    distances = np.array([overlap.hd95_px for overlap in overlaps], np.float64).reshape(-1, len(REGIONS))
    pooled, drawn = iou(pairs.sum(0)), iou(bootstrap.sums(pairs))
    return {
        'n': len(outcomes), 'patients': len(bootstrap.names),
        'miou': bootstrap.estimate(float(mean_over_regions(pooled)), len(outcomes), mean_over_regions(drawn)),
        'regions': {name: dict({'iou': bootstrap.estimate(pooled[region], len(outcomes), drawn[:, region])},
                               **_region(region, pairs, distances[:, region], bootstrap))
                    for region, name in enumerate(REGIONS)},
        'pixels': pairs.sum(0).tolist(),
        'mixups': mixups(pairs.sum(0)),
    }


def _region(region: int, pairs: np.ndarray, distances: np.ndarray, bootstrap: PatientBootstrap) -> Dict[str, Any]:
    true, predicted = pairs[:, region].sum(-1), pairs[:, :, region].sum(-1)
    present = true > 0
    figures: Dict[str, Any] = {'dice': bootstrap.mean(np.where(present, dice(pairs)[:, region], np.nan))}
    if region == BACKGROUND:
        return figures
    percent = 100.0 / np.maximum(pairs.sum((1, 2)), 1)
    return dict(figures, hd95_px=bootstrap.mean(distances),
                missed={'n': int(present.sum()), 'frames': int((present & (predicted == 0)).sum())},
                area=_area(predicted * percent, true * percent, present, bootstrap),
                false=false_area(pairs, region))


def _area(predicted: np.ndarray, true: np.ndarray, present: np.ndarray,
          bootstrap: PatientBootstrap) -> Dict[str, Any]:
    figures = bland_altman(predicted[present], true[present])
    return dict(figures, bias=bootstrap.mean(np.where(present, predicted - true, np.nan)),
                sd=None if figures['sd'] is None else round(figures['sd'], 4),
                limits=figures['limits'] and rounded(figures['limits']),
                found=rounded(predicted[present]), true=rounded(true[present]))


def positive_classes(classes: Tuple[str, ...], names: Sequence[str] = ()) -> Tuple[int, ...]:
    """Numbers of the classes that the finding ought to call.

    Args:
        classes: the collection's.
        names: as the user gives them; empty means the second of two classes.
    Raises:
        InputError: ``class-unknown``; ``class-positive`` where the user has to say which, or names every class.
    """
    listed = ', '.join(classes)
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise InputError('class-unknown', 'There is no class %s in this data; it has %s.'
                         % (unknown[0], listed or 'none'))
    if not names and len(classes) == 2:
        return (1,)
    if not 0 < len(set(names)) < len(classes):
        raise InputError('class-positive', 'It is not clear which of the classes %s the finding should call.' % listed,
                         'Name them with --positive, and leave at least one out.')
    return tuple(number for number, name in enumerate(classes) if name in names)


def with_class(outcomes: Iterable[Outcome], positive: Sequence[int]) -> Tuple[List[Outcome], np.ndarray]:
    """Frames of known class, and whether each is of a positive one (bool N)."""
    classified = [outcome for outcome in outcomes if outcome.klass is not None]
    return classified, np.array([outcome.klass in positive for outcome in classified], bool)


def judge_finding(outcomes: Iterable[Outcome], positive: Sequence[int], threshold: float, rounds: int = ROUNDS,
                  seed: int = 0) -> Optional[Dict[str, Any]]:
    """Figures of the finding on every frame of known class.

    Args:
        outcomes: those of unknown class are left out.
        positive: classes that the finding ought to call.
        threshold: the bundle's own.
        rounds, seed: of the bootstrap over patients.
    Returns:
        ``n`` frames, ``patients``, ``n_positive``, ``refused`` (frames: ``positive``, ``negative``), ``roc`` (over the
        answered), ``threshold``, ``answered`` and ``all`` (calls at the threshold, as `statistics.class_figures`; in
        ``all`` a refused frame counts as called wrongly). None where no frame has a class or the bundle has no finding.
    """
    classified, truth = with_class(outcomes, positive)
    answered = np.array([outcome.probability is not None for outcome in classified], bool)
    if not answered.any():
        return None
    probabilities = _probabilities(classified)
    patients = np.array([outcome.patient for outcome in classified])
    everyone = PatientBootstrap(patients, rounds, seed)
    of_answered = PatientBootstrap(patients[answered], rounds, seed)
    called = ~truth
    called[answered] = probabilities >= threshold
    return {
        'n': len(classified), 'patients': len(everyone.names), 'n_positive': int(truth.sum()),
        'refused': {'positive': int((truth & ~answered).sum()), 'negative': int((~truth & ~answered).sum())},
        'roc': roc(truth[answered], probabilities, of_answered),
        'threshold': threshold,
        'answered': class_figures(truth[answered], called[answered], of_answered),
        'all': class_figures(truth, called, everyone),
    }


def operating_points(outcomes: Iterable[Outcome], collection: Collection, positive: Sequence[int],
                     targets: Dict[str, float], rounds: int = ROUNDS, seed: int = 0) -> Dict[str, Any]:
    """Thresholds that reach a sensitivity or specificity on one half of the patients, judged on the other.

    Args:
        outcomes: those without a probability or class are left out.
        collection: where they come from; it is split by patient and class.
        positive: classes that the finding ought to call.
        targets: ``'sensitivity'`` and ``'specificity'`` to the share to reach.
        rounds, seed: of the bootstrap; the seed draws the halves too.
    Returns:
        ``halves`` (``chosen_on``, ``judged_on``: n and patients), ``points`` (per target: ``reach``, ``target``,
        ``threshold``, ``chosen`` and ``judged`` figures). ``reason`` alone where the patients cannot be halved.
    """
    usable = [outcome for outcome in outcomes if outcome.probability is not None and outcome.klass is not None]
    try:
        halves = _halves(usable, collection, seed)
    except InputError as error:
        return {'reason': error.message.text}
    truths = [with_class(half, positive)[1] for half in halves]
    if any(len(set(truth)) < 2 for truth in truths):
        return {'reason': 'One half of the patients would have frames of one class only.'}
    scores = [_probabilities(half) for half in halves]
    thresholds = {'sensitivity': at_sensitivity(scores[0][truths[0]], targets['sensitivity']),
                  'specificity': at_specificity(scores[0][~truths[0]], targets['specificity'])}
    bootstraps = [PatientBootstrap([outcome.patient for outcome in half], rounds, seed) for half in halves]
    points = []
    for reach, threshold in thresholds.items():
        chosen, judged = (class_figures(truth, probabilities >= threshold, bootstrap)
                          for truth, probabilities, bootstrap in zip(truths, scores, bootstraps))
        points.append({'reach': reach, 'target': targets[reach], 'threshold': threshold, 'chosen': chosen,
                       'judged': judged})
    return {'halves': _sizes(halves), 'points': points}


class Sweep(NamedTuple):
    """A score per threshold.

    Attributes:
        thresholds: float T, rising.
        scores: float T.
    """

    thresholds: np.ndarray
    scores: np.ndarray

    @property
    def best(self) -> float:
        """The lowest threshold with the highest score."""
        return float(self.thresholds[int(np.nanargmax(self.scores))])


def certainty_threshold(outcomes: Iterable[Outcome], collection: Collection, seed: int = 0) -> Dict[str, Any]:
    """Would it help to leave out the regions that the network is least certain of?

    A region whose mean certainty lies below a threshold becomes background. The threshold with the best mean IoU on one
    half of the labelled patients is judged on the other.

    Args:
        outcomes: those without labels are left out.
        collection: where they come from.
        seed: of the halves.
    Returns:
        ``halves``, ``thresholds`` and mean IoU at them (``chosen_curve``, ``judged_curve``), ``best`` threshold, mean
        IoU of the other half with it (``judged``) and with none (``judged_without``). ``reason`` alone where the
        patients cannot be halved.
    """
    try:
        halves = _halves([outcome for outcome in outcomes if outcome.overlap is not None], collection, seed)
    except InputError as error:
        return {'reason': error.message.text}
    chosen, judged = (certainty_sweep(half) for half in halves)
    return {'halves': _sizes(halves), 'thresholds': rounded(_STEPS), 'chosen_curve': rounded(chosen.scores),
            'judged_curve': rounded(judged.scores), 'best': chosen.best,
            'judged': round(float(judged.scores[np.searchsorted(_STEPS, chosen.best)]), 4),
            'judged_without': round(float(judged.scores[0]), 4)}


def certainty_sweep(outcomes: Sequence[Outcome], thresholds: np.ndarray = _STEPS) -> Sweep:
    """Mean IoU of labelled frames without the regions below each certainty."""
    pairs = np.array([outcome.overlap.pairs for outcome in outcomes if outcome.overlap is not None])
    certainties = np.zeros(pairs.shape[::2])
    for row, outcome in zip(certainties, outcomes):
        row[BACKGROUND] = np.inf  # stays at every threshold
        for region, certainty in outcome.certainties.items():
            row[region] = certainty
    scores = []
    for threshold in thresholds:
        kept = np.einsum('nij,nj->ij', pairs, certainties >= threshold)
        kept[:, BACKGROUND] += pairs.sum((0, 2)) - kept.sum(1)
        scores.append(mean_over_regions(iou(kept)))
    return Sweep(np.asarray(thresholds), np.array(scores))


def composition(outcomes: Sequence[Outcome], classes: Tuple[str, ...]) -> List[Dict[str, Any]]:
    """Frames by fact and class.

    Returns:
        One dict per value of a fact that differs between frames: ``fact``, ``value``, ``n`` and ``classes`` (name to
        frames).
    """
    rows = []
    for fact in sorted({fact for outcome in outcomes for fact in outcome.facts}):
        values = Counter(str(outcome.facts.get(fact, '')) for outcome in outcomes)
        if not 1 < len(values) <= _MANY:
            continue
        for value, n in sorted(values.items()):
            kinds = Counter(classes[outcome.klass] for outcome in outcomes
                            if outcome.klass is not None and str(outcome.facts.get(fact, '')) == value)
            rows.append({'fact': fact, 'value': value, 'n': n,
                         'classes': {name: kinds.get(name, 0) for name in classes}})
    return rows


def giveaways(rows: List[Dict[str, Any]]) -> List[str]:
    """Sentences on values that occur with one class only, where the others do not.

    Args:
        rows: as `composition` returns them.
    """
    sentences = []
    for row in rows:
        present = [name for name, n in row['classes'].items() if n]
        if len(row['classes']) > 1 and len(present) == 1 and row['classes'][present[0]] >= _FEW:
            sentences.append('All %d frames of known class with %s = %s are %s: a classifier can use that instead of '
                             'the patient. Choose one value, such as --where %s=%s.'
                             % (row['classes'][present[0]], row['fact'], row['value'], present[0], row['fact'],
                                _mixed(rows, row['fact']) or row['value']))
    return sentences


def _mixed(rows: List[Dict[str, Any]], fact: str) -> Optional[str]:
    """A value of a fact that occurs with several classes, the most frequent one."""
    mixed = [row for row in rows if row['fact'] == fact and sum(n > 0 for n in row['classes'].values()) > 1]
    return max(mixed, key=lambda row: row['n'])['value'] if mixed else None


def _halves(outcomes: Sequence[Outcome], collection: Collection, seed: int) -> List[List[Outcome]]:
    """Two lists of outcomes that share no patient."""
    by_key = {outcome.key: outcome for outcome in outcomes}
    parts = patient_split(collection.subset(by_key), share=0.5, seed=seed)
    return [[by_key[sample.key] for sample in part] for part in parts]


def _sizes(halves: List[List[Outcome]]) -> Dict[str, Dict[str, int]]:
    return {name: {'n': len(half), 'patients': len({outcome.patient for outcome in half})}
            for name, half in zip(('chosen_on', 'judged_on'), halves)}


def _probabilities(outcomes: Sequence[Outcome]) -> np.ndarray:
    """Probabilities of the outcomes that have one: float N."""
    return np.array([outcome.probability for outcome in outcomes if outcome.probability is not None])
