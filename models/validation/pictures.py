"""What validation needs of every picture that was analysed: whether it was taken rightly, and its differences."""
import hashlib
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from models.data import Sample
from models.statistics import ROUNDS, PatientBootstrap
from service.condition import Condition
from service.gate import Wanted, check_gate
from service.messages import PROBLEM, InputError
from service.quality import QualityLimits
from service.regions import LEFT_BREAST, RIGHT_BREAST
from service.result import Result
from service.views import FRONTAL_VIEWS, SIDE_VIEWS

#: Left minus right, °C, by what is compared; the keys of `Picture.differences` in their order.
MEASURES = ('breast', 'nipple', 'armpit', 'hottest spot of the breast')

FRONT, SIDE = 'front', 'side'


class Picture(NamedTuple):
    """One picture, analysed.

    Attributes:
        key, patient, facts: of the sample.
        width_px: of the frame.
        is_celsius: whether it has temperatures.
        stated: which side of the patient it is of, `FRONT` or `SIDE`, as the data say; None where they do not.
        answered: whether there was a result.
        view: as the bundle names it; None where it names none.
        says: codes of what the gate would have had mended, the first one first.
        blocked: whether one of these stands in the way of a picture.
        differences: by `MEASURES`, as far as both sides were found; empty without a result or temperatures.
        digest: of the values, by which the same picture is known under another name.
    """

    key: str
    patient: str
    facts: Dict[str, Any]
    width_px: int
    is_celsius: bool
    stated: Optional[str]
    answered: bool
    view: Optional[str]
    says: Tuple[str, ...]
    blocked: bool
    differences: Dict[str, float]
    digest: bytes


def picture_of(sample: Sample, result: Result) -> Picture:
    """What is kept of a result."""
    view = sample.facts.get('view')
    wanted = view if view in FRONTAL_VIEWS + SIDE_VIEWS else None
    checks = [check for check in check_gate(result, Condition(), Wanted(wanted), QualityLimits()) if check.holds_up]
    differences = {}
    if result.thermogram.is_celsius and not result.refusals:
        differences = {entry.pair: entry.mean for entry in result.differences}
        spots = {spot.region: spot.value for spot in result.spots}
        if result.differences and LEFT_BREAST in spots and RIGHT_BREAST in spots:
            differences[MEASURES[-1]] = spots[LEFT_BREAST] - spots[RIGHT_BREAST]
    return Picture(sample.key, sample.patient, sample.facts, result.thermogram.width, result.thermogram.is_celsius,
                   _stated(view), not result.refusals, result.view, tuple(check.message.code for check in checks),
                   any(check.message.severity == PROBLEM for check in checks), differences,
                   hashlib.sha256(result.thermogram.pixels.tobytes()).digest())


def check_patients(pictures: Sequence[Picture]) -> None:
    """Refuse one patient under two ids, as far as the same picture gives it away: no interval would hold then.

    Raises:
        InputError: ``patient-two-ids``.
    """
    owners: Dict[bytes, Picture] = {}
    for picture in pictures:
        first = owners.setdefault(picture.digest, picture)
        if first.patient != picture.patient:
            raise InputError('patient-two-ids', 'The pictures %s and %s are the same, but of the patients %s and %s.'
                             % (first.key, picture.key, first.patient, picture.patient),
                             'Give each patient one id, and each picture once.')


def gate_figures(pictures: Sequence[Picture], rounds: int = ROUNDS, seed: int = 0) -> Dict[str, Any]:
    """How the quality gate does on these pictures.

    Args:
        pictures: all that were analysed.
        rounds, seed: of the bootstrap over patients.

    Returns:
        ``front`` (pictures that the data call frontal): ``n``, ``patients``, the estimates ``answered`` (a result) and
        ``named`` (frontal, by the bundle; None where it names no views); ``side``: ``n``, ``patients`` and the estimate
        ``stopped`` (refused, or named a side view, so that left and right are not compared). ``unstated`` pictures of
        which the data say no view; ``relative`` ones without temperatures; ``green`` ones of which the gate asks
        nothing, and ``says``: code and ``n`` of what it would say first to the others.
    """
    front, side = ([picture for picture in pictures if picture.stated == stated] for stated in (FRONT, SIDE))
    firsts = Counter(picture.says[0] for picture in pictures if picture.says)
    names = any(picture.view is not None for picture in pictures)
    return {
        'front': dict(_counts(front), answered=_share(front, [one.answered for one in front], rounds, seed),
                      named=_share(front, [one.view in FRONTAL_VIEWS for one in front], rounds, seed) if names
                      else None),
        'side': dict(_counts(side), stopped=_share(side, [not one.answered or one.view in SIDE_VIEWS for one in side],
                                                   rounds, seed)),
        'unstated': len(pictures) - len(front) - len(side),
        'relative': sum(not picture.is_celsius for picture in pictures),
        'green': sum(not picture.says for picture in pictures),
        'blocked': sum(picture.blocked for picture in pictures),
        'says': [{'code': code, 'n': n} for code, n in firsts.most_common()]}


def _counts(pictures: Sequence[Picture]) -> Dict[str, int]:
    return {'n': len(pictures), 'patients': len({picture.patient for picture in pictures})}


def _share(pictures: Sequence[Picture], hits: List[bool], rounds: int, seed: int) -> Dict[str, Any]:
    bootstrap = PatientBootstrap([picture.patient for picture in pictures], rounds, seed)
    return bootstrap.proportion(np.array(hits, bool), np.ones(len(hits), bool))


def _stated(view: Any) -> Optional[str]:
    """`FRONT` or `SIDE` of a view by its name, or by its number in DMR-IR [Silva2014]."""
    if view in FRONTAL_VIEWS or view == 1:
        return FRONT
    return SIDE if view in SIDE_VIEWS or view in (2, 3, 4, 5) else None
