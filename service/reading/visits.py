"""The signs of two visits beside each other: changed, not changed, or nobody can tell."""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..thermogram import CELSIUS
from .sign import CELSIUS as DEGREES
from .sign import NOT_ASSESSABLE, RULES

CHANGED, NOT_CHANGED, CANNOT_TELL = 'changed', 'not changed', 'cannot tell'

#: Smallest change of a difference that counts. Two readings of the *same* pictures a week apart have a minimum
#: detectable change of up to 0.78 °C [Guirro2017], of which a summary was read. A second visit adds camera, room, pose
#: and cycle, so that this is a floor, until a site has measured its own.
DETECTABLE_C = 0.8

#: Share by which the distances of two visits may differ (our own).
_SAME_DISTANCE = 0.1


class Visit(NamedTuple):
    """How a picture was taken.

    Attributes:
        camera: its kind.
        width_px: of the frame.
        role: view, or ``dynamic``.
        distance_m: None where it is not known.
        span: low and high end of the colours in which it was read; None where no picture was looked at.
        unit: of the picture.
    """

    camera: str
    width_px: int
    role: str
    distance_m: Optional[float]
    span: Optional[Tuple[float, float]] = None
    unit: str = CELSIUS


class Change(NamedTuple):
    """One sign in two visits.

    Attributes:
        name: of the sign.
        verdict: `CHANGED`, `NOT_CHANGED` or `CANNOT_TELL`.
        change: now minus before, of the part that changed most; None where there is none.
        detectable: smallest change that counts; None where none is known.
        reason: why nobody can tell, as a sentence; empty where somebody can.
    """

    name: str
    verdict: str
    change: Optional[float] = None
    detectable: Optional[float] = None
    reason: str = ''


def refusals(now: Visit, before: Visit) -> Tuple[str, ...]:
    """Why two pictures are not compared, as sentences; empty where they are."""
    found: List[str] = []
    found += ['%s picture has no temperatures.' % which for visit, which in ((now, 'This'), (before, 'The earlier'))
              if visit.unit != CELSIUS]
    if (now.camera, now.width_px) != (before.camera, before.width_px):
        found.append('Another camera took the earlier picture.')
    if now.role != before.role:
        found.append('The earlier picture is another view.')
    if now.distance_m is None or before.distance_m is None:
        found.append('The distance of one visit is not known.')
    elif abs(now.distance_m - before.distance_m) > _SAME_DISTANCE * before.distance_m:
        found.append('The distances are %.2f and %.2f m.' % (now.distance_m, before.distance_m))
    if now.span != before.span:
        found.append('The pictures were read with other spans of colour.')
    return tuple(found)


def compare_visits(now: Mapping[str, Any], before: Mapping[str, Any], now_taken: Visit, before_taken: Visit
                   ) -> Tuple[Change, ...]:
    """Every sign of a picture against that of an earlier one.

    Only differences are compared, never temperatures: those follow the room, the hour and the cycle.

    Args:
        now, before: as of `Reading.to_dict`, of one patient.
        now_taken, before_taken: how they were taken.
    """
    reasons = refusals(now_taken, before_taken)
    if now.get('schema') != before.get('schema'):
        reasons += ('The signs of the earlier picture are of another version of the program.',)
    signs = [{sign['name']: sign for sign in document['signs']} for document in (now, before)]
    if reasons:
        return tuple(Change(name, CANNOT_TELL, reason=reasons[0]) for name in RULES)
    return tuple(_change(name, *(by_name[name] for by_name in signs)) for name in RULES)


def _change(name: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> Change:
    rule = RULES[name]
    if NOT_ASSESSABLE in (now['state'], before['state']):
        return Change(name, CANNOT_TELL, reason='It could not be assessed in both visits.')
    parts: Dict[str, Tuple[Any, Any]] = {part: (now['numbers'][part], before['numbers'][part]) for part in rule.parts}
    changes = [late - early for late, early in (parts or {'': (now['value'], before['value'])}).values()
               if late is not None and early is not None]
    if not changes:
        return Change(name, CANNOT_TELL, reason='It was not found in both visits.')
    change = max(changes, key=abs)
    if rule.unit != DEGREES:
        return Change(name, CANNOT_TELL, change, reason='Nobody knows how much it changes by itself.')
    return Change(name, CHANGED if abs(change) > DETECTABLE_C else NOT_CHANGED, change, DETECTABLE_C)
