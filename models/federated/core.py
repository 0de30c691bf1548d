"""One round of federated training, as plain functions over named arrays: checks, average, quorum, gate.

No framework and no network: NumPy arrays by name go in and come out. The average is FedAvg's [McMahan2017], the
proximal term of the local step FedProx's [Li2020]. Whatever a clinic says is checked first, against the weights that it
was sent: one that lies, fails or sends nonsense is named and left out, and changes nothing.
"""
import dataclasses
import hashlib
import math
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from service.messages import InputError

from .guard import SCALARS, Arrays

#: How the updates of a round become one: a mean weighted by counts, or the median of every weight.
COMBINE = ('mean', 'median')

#: Why a clinic's answer is missing; a clinic's own words never are among the reasons.
ABSENT = ('no-answer', 'failed', 'guard', 'not-joined')

#: What became of a round: its weights were kept, too few answers were usable, or a clinic would have been worse off.
KEPT, VOID, WORSE = 'kept', 'void', 'worse'


class UpdateError(InputError):
    """An update that is not used; its sentence names the clinic and what is wrong, and repeats nothing of it."""


class Update(NamedTuple):
    """What a clinic answers.

    Attributes:
        arrays: the trained weights; empty where it was only asked for a score.
        scalars: of `models.federated.guard.SCALARS`.
    """

    arrays: Arrays
    scalars: Dict[str, float]


class Answers(NamedTuple):
    """Every clinic's answer to one question.

    Attributes:
        updates: by clinic, of those that answered in time.
        absent: why the others did not, of `ABSENT`.
    """

    updates: Dict[str, Update]
    absent: Dict[str, str]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all clinics have agreed on before the first round.

    Attributes:
        recipe: of the local training, as TOML text; its ``training.samples`` or ``epochs`` are those of one round.
        sites: every clinic, and the number of samples that it counts for at most.
        rounds: how many are tried; one that is void or not kept is one of them.
        quorum: answers without which a round is void.
        max_change: how far a clinic may move the weights in a round, as Euclidean norm.
        mu: of the proximal term; 0 is FedAvg.
        combine: one of `COMBINE`.
        tolerance: how much lower than its best score so far a clinic's score may be; below that the round is not kept.
        outlier: how many times the median change of a round an update may change the weights, from three updates on.
        statistics: names of arrays that are averaged like weights but are none: running means and variances. They
            count in no norm and no proximal term.
        seed: of everything random, together with clinic and round.

    Raises:
        InputError: ``plan-invalid``.
    """

    recipe: str
    sites: Dict[str, int]
    rounds: int
    quorum: int
    max_change: float
    mu: float = 0.0
    combine: str = 'mean'
    tolerance: float = 0.02
    outlier: float = 5.0
    statistics: Tuple[str, ...] = ()
    seed: int = 2021

    def __post_init__(self) -> None:
        object.__setattr__(self, 'statistics', tuple(self.statistics))
        numbers = (self.max_change, self.mu, self.tolerance, self.outlier)
        for wrong, sentence in (
                (len(self.sites) < 2, 'A federation needs two clinics at least.'),
                (any(not name or type(cap) is not int or cap < 1 for name, cap in self.sites.items()),
                 'Every clinic needs a name and a largest number of samples, 1 or more.'),
                (not 1 <= self.quorum <= len(self.sites), 'The quorum is %s of %d clinics.'
                 % (self.quorum, len(self.sites))),
                (self.rounds < 1, 'A federation needs a round at least.'),
                (self.combine not in COMBINE, 'Updates are combined by %s.' % ' or '.join(COMBINE)),
                (self.combine == 'median' and self.quorum < 3, 'A median needs a quorum of 3 at least.'),
                (not all(math.isfinite(number) and number >= 0 for number in numbers),
                 'Limits, tolerance and mu are numbers, 0 or more.')):
            if wrong:
                raise InputError('plan-invalid', sentence, 'Correct the plan.')

    def to_dict(self) -> Dict[str, Any]:
        """The plan as JSON."""
        return dict(dataclasses.asdict(self), statistics=list(self.statistics))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> 'Plan':
        """The plan of `to_dict`.

        Raises:
            InputError: ``plan-invalid``.
        """
        try:
            return cls(**values)
        except (TypeError, AttributeError) as error:
            raise InputError('plan-invalid', 'This is no plan of a federation.', detail=repr(error))

    @property
    def site_names(self) -> List[str]:
        """The clinics, sorted: the order of every sum."""
        return sorted(self.sites)


class Decision(NamedTuple):
    """What the updates of a round amount to.

    Attributes:
        arrays: the new weights; None where the round is void.
        record: JSON: of every clinic ``state`` (``'used'``, ``'refused'``, ``'absent'``), ``code`` of what is wrong,
            ``count`` as it says, ``counted`` as it counts, ``change`` (Euclidean norm). ``used``: how many were;
            ``strangers``: how many answered that are not in the plan.
    """

    arrays: Optional[Arrays]
    record: Dict[str, Any]


class Verdict(NamedTuple):
    """What the clinics say of new weights.

    Attributes:
        kept: whether no clinic is worse off, and enough of them answered.
        scores: by clinic.
        below: clinics whose score is below their floor.
        missing: clinics without a usable score, and why.
    """

    kept: bool
    scores: Dict[str, float]
    below: List[str]
    missing: Dict[str, str]


# -- arrays


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes, hexadecimal."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(repr((name, array.dtype.str, array.shape)).encode('utf-8'))
        total.update(array.tobytes())
    return total.hexdigest()


def change(arrays: Mapping[str, np.ndarray], start: Mapping[str, np.ndarray], without: Tuple[str, ...] = ()) -> float:
    """Euclidean norm of how far weights have moved, over all arrays but those in `without`."""
    total = 0.0
    for name in sorted(set(start) - set(without)):
        moved = arrays[name].astype(np.float64) - start[name].astype(np.float64)
        total += float(np.vdot(moved, moved))
    return math.sqrt(total)


def proximal_term(weights: Mapping[str, Any], start: Mapping[str, Any], mu: float) -> Any:
    """FedProx's term of the local loss: mu/2 times the squared distance from the weights of the round [Li2020].

    Of NumPy arrays, or of PyTorch tensors, whose gradient it then has.

    Args:
        weights: by name; those that learn.
        start: the same at the beginning of the round; not changed since, and without gradient.
        mu: 0 adds nothing to the gradient.
    """
    return 0.5 * mu * sum(((weights[name] - start[name]) ** 2).sum() for name in weights)


# -- updates


def check_update(update: Update, site: str, start: Mapping[str, np.ndarray], plan: Plan) -> Update:
    """An update that may be averaged, with the count that it counts for.

    Args:
        update: as it came.
        site: whose it is.
        start: the weights that the clinic was sent.
    Raises:
        UpdateError: ``site-unknown``, ``update-names``, ``update-type``, ``update-shape``, ``update-not-finite``,
            ``update-scalars``, ``update-count`` or ``update-change``.
    """
    if site not in plan.sites:
        raise UpdateError('site-unknown', 'A clinic answered that is not in the plan.')
    if set(update.arrays) != set(start):
        raise _wrong('names', site, 'other arrays than it was sent')
    for name in sorted(start):
        array, sent = update.arrays[name], start[name]
        if not isinstance(array, np.ndarray) or array.dtype != sent.dtype:
            raise _wrong('type', site, 'an array of another type than it was sent, %s' % name)
        # Compared before anything is computed: NumPy would stretch an array of one number over the others.
        if array.shape != sent.shape:
            raise _wrong('shape', site, 'an array of another shape than it was sent, %s' % name)
        if not np.isfinite(array).all():
            raise _wrong('not-finite', site, 'NaN or infinity in %s' % name)
    scalars = dict(update.scalars)
    if not SCALARS['count'].allows(scalars.get('count')):
        raise _wrong('count', site, 'a number of samples that is none')
    _check_scalars(scalars, site)
    if change(update.arrays, start, plan.statistics) > plan.max_change:
        raise _wrong('change', site, 'weights that moved further than the plan allows')
    return Update(update.arrays, dict(scalars, count=min(int(scalars['count']), plan.sites[site])))


def _check_scalars(scalars: Mapping[str, Any], site: str) -> None:
    if any(key not in SCALARS or not SCALARS[key].allows(value) for key, value in scalars.items()):
        raise _wrong('scalars', site, 'a number that no clinic is asked for, or one out of its range')


def _wrong(code: str, site: str, what: str) -> UpdateError:
    return UpdateError('update-' + code, '%s sent %s.' % (site, what))


def aggregate(updates: Mapping[str, Update], combine: str = 'mean') -> Arrays:
    """One set of weights of several, in a fixed order and in float64, so that the same updates give the same bytes.

    Args:
        updates: checked, by clinic; sums go by the clinics' sorted names.
        combine: ``'mean'``, weighted by counts (FedAvg), or ``'median'`` of every number, which ignores counts.
    Returns:
        Of the types of the arrays.
    """
    order = sorted(updates)
    first = updates[order[0]].arrays
    combined: Arrays = {}
    for name in sorted(first):
        if combine == 'median':
            whole = np.median(np.stack([updates[site].arrays[name].astype(np.float64) for site in order]), axis=0)
        else:
            whole = np.zeros(first[name].shape, np.float64)
            for site in order:
                whole = whole + updates[site].scalars['count'] * updates[site].arrays[name].astype(np.float64)
            whole = whole / float(sum(updates[site].scalars['count'] for site in order))
        combined[name] = np.asarray(whole, first[name].dtype)
    return combined


def decide_round(plan: Plan, start: Mapping[str, np.ndarray], answers: Answers) -> Decision:
    """Check the updates of a round and combine those that are in order.

    Args:
        start: the weights that the clinics were sent.
        answers: of the clinics; one that is in neither part counts as ``'no-answer'``.
    """
    rows: Dict[str, Dict[str, Any]] = {}
    usable: Dict[str, Update] = {}
    for site in plan.site_names:
        update = answers.updates.get(site)
        if update is None:
            reason = answers.absent.get(site, 'no-answer')
            rows[site] = {'state': 'absent', 'code': reason if reason in ABSENT else 'failed'}
            continue
        try:
            usable[site] = check_update(update, site, start, plan)
        except UpdateError as error:
            rows[site] = {'state': 'refused', 'code': error.code, 'sentence': error.message.sentence}
            continue
        rows[site] = {'state': 'used', 'count': int(update.scalars['count']),
                      'counted': int(usable[site].scalars['count']),
                      'change': change(update.arrays, start, plan.statistics)}
    for site in _outliers(rows, plan.outlier):
        del usable[site]
        rows[site].update(state='refused', code='update-outlier', sentence='%s changed the weights more than %g times '
                          'as much as the clinics usually did in this round.' % (site, plan.outlier))
    unknown = sorted(set(answers.updates) - set(plan.sites))
    record: Dict[str, Any] = {'sites': rows, 'used': len(usable), 'strangers': len(unknown)}
    return Decision(aggregate(usable, plan.combine) if len(usable) >= plan.quorum else None, record)


def _outliers(rows: Mapping[str, Mapping[str, Any]], factor: float) -> List[str]:
    """Clinics whose change is out of proportion; with fewer than three nobody can say who is."""
    changes = {site: row['change'] for site, row in rows.items() if row['state'] == 'used'}
    if len(changes) < 3:
        return []
    usual = float(np.median(list(changes.values())))
    return [site for site, moved in changes.items() if moved > factor * usual > 0]


def judge(plan: Plan, best: Mapping[str, float], answers: Answers) -> Verdict:
    """Whether new weights may be kept: the accuracy gate.

    A mean over clinics would hide the one that gets worse. So each has a floor of its own, its best score so far less
    `Plan.tolerance`, and one clinic below it is enough.

    Args:
        best: best score of every clinic so far; one that is not in it has no floor yet.
        answers: of the clinics to the new weights.
    """
    scores: Dict[str, float] = {}
    missing: Dict[str, str] = {}
    for site in plan.site_names:
        update = answers.updates.get(site)
        if update is None:
            reason = answers.absent.get(site, 'no-answer')
            missing[site] = reason if reason in ABSENT else 'failed'
        elif update.arrays or not SCALARS['score'].allows(update.scalars.get('score')):
            missing[site] = 'update-scalars'
        else:
            scores[site] = float(update.scalars['score'])
    below = [site for site, score in scores.items() if score < best.get(site, -math.inf) - plan.tolerance]
    return Verdict(not below and len(scores) >= plan.quorum, scores, below, missing)
