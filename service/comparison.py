"""What a picture of an exam is compared with: that of an earlier visit."""
from typing import Any, List, Mapping, NamedTuple, Optional, Tuple

from .exams import DYNAMIC, Capture, Exam, guide
from .overlay import Span
from .reading import CANNOT_TELL, RULES, Change, Visit, compare_visits


class Pair(NamedTuple):
    """One view in two visits; None where it was not taken.

    Attributes:
        role: of both pictures. A dynamic series is compared by its picture from before the cooling.
    """

    role: str
    now: Optional[Capture]
    before: Optional[Capture]


class Kept(NamedTuple):
    """What was kept with a picture.

    Attributes:
        capture: of an exam.
        result: its ``result.json``.
        signs: its ``signs.json``; None where none were computed.
    """

    capture: Capture
    result: Mapping[str, Any]
    signs: Optional[Mapping[str, Any]]


def pairs_of(now: Exam, before: Exam) -> List[Pair]:
    """The views of two visits beside each other, in the order of the protocol of the later one."""
    taken, earlier = ({capture.role: capture for capture in reversed(guide.pictures_of(exam))
                       if capture.role != DYNAMIC or capture.frame == 1} for exam in (now, before))
    roles = [role for role in guide.views_of(now) if role in taken or role in earlier]
    others = sorted(role for role in set(taken) | set(earlier) if role not in roles)
    return [Pair(role, taken.get(role), earlier.get(role)) for role in roles + others]


def compare_pictures(now: Kept, before: Kept, span: Optional[Span]) -> Tuple[Change, ...]:
    """What changed from a picture to the same view of a later visit: one entry per sign.

    Args:
        now, before: of one patient.
        span: in which both are shown; None for pictures without temperatures.
    """
    if now.signs is None or before.signs is None:
        return tuple(Change(name, CANNOT_TELL, reason='The signs of one visit were not computed.') for name in RULES)
    return compare_visits(now.signs, before.signs, _visit(now, span), _visit(before, span))


def is_other_model(now: Kept, before: Kept) -> bool:
    """Whether another model marked the regions of the two pictures."""
    return bool(now.result['bundle']['hash'] != before.result['bundle']['hash'])


def _visit(kept: Kept, span: Optional[Span]) -> Visit:
    assert kept.signs is not None
    return Visit(kept.capture.facts.get('camera', {}).get('kind', ''), kept.result['size']['width_px'],
                 kept.capture.role, kept.signs['distance_m'], span, kept.result['unit'])
