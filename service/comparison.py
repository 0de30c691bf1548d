"""What a picture of an exam is compared with: that of an earlier visit, and the others of its series."""
import contextlib
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .exams import DYNAMIC, Capture, Exam, Exams, guide
from .kept_picture import kept_result, kept_thermogram
from .messages import ThermoscreenError
from .overlay import Span
from .reading import (
    CANNOT_TELL,
    NOT_ASSESSABLE,
    RULES,
    Change,
    Paired,
    Recovery,
    Rewarming,
    Scale,
    Timed,
    Visit,
    compare_visits,
    fit_series,
    grid_of,
    map_rewarming,
    rounded,
)
from .regions import REGIONS
from .result import Result
from .thermogram import CELSIUS


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


class Recoveries(NamedTuple):
    """The regions of a dynamic series over time.

    Attributes:
        times_s: of the pictures after the cooling, since its end.
        means_c: of each region that was seen, in each of them; NaN where it was not seen.
        before_c: of each region before the cooling; empty without that picture.
        fits: of each region.
        paired: left against right.
    """

    times_s: Tuple[float, ...]
    means_c: Dict[str, Tuple[float, ...]]
    before_c: Dict[str, float]
    fits: Dict[str, Recovery]
    paired: Tuple[Paired, ...]

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values: null for what was not seen or cannot be told."""
        regions = {name: dict({key: rounded(value) for key, value in fit._asdict().items()},
                              half_time_s=rounded(fit.half_time_s), before_c=self.before_c.get(name),
                              means_c=[value if value == value else None for value in self.means_c[name]])
                   for name, fit in self.fits.items()}
        return {'times_s': list(self.times_s), 'regions': regions,
                'paired': [{key: rounded(value) for key, value in pair._asdict().items()} for pair in self.paired]}


def read_series(pictures: Sequence[Kept]) -> Recoveries:
    """How the regions of a dynamic series warm again. What the quality gate refused, and grey levels, are left out.

    Args:
        pictures: of the series that counts, in order.
    """
    before, after = _told(pictures)
    times = tuple(taken_s(kept.capture) or 0.0 for kept in after)
    means = {name: tuple(_mean(kept, name) for kept in after) for name in REGIONS[1:]}
    means = {name: values for name, values in means.items() if any(value == value for value in values)}
    before_c = {name: entry['mean'] for kept in before for name, entry in kept.result['regions'].items()}
    return Recoveries(times, means, before_c, *fit_series(times, means, before_c))


def read_rewarming(exams: Exams, exam: Exam, pictures: Sequence[Kept]) -> Tuple[Optional[Result], Rewarming]:
    """How fast the places of each breast warm again, against the rest of it, and the picture that the map lies on.

    Args:
        pictures: as of `read_series`. One that cannot be read, or is of another size, is left out.
    """
    before, after = _told(pictures)
    if not before:
        return None, Rewarming(NOT_ASSESSABLE, 'There is no usable picture from before the cooling.')
    first = before[-1]
    try:
        result = kept_result(exams, exam, first.capture, first.result)
    except ThermoscreenError as error:
        return None, Rewarming(NOT_ASSESSABLE, error.message.sentence)
    if result.labels is None:
        return result, Rewarming(NOT_ASSESSABLE, 'No regions were marked.')
    scale = (first.signs or {}).get('scale')
    timed = []
    for kept in after:
        with contextlib.suppress(ThermoscreenError):
            pixels = kept_thermogram(exams, exam, kept.capture).pixels
            if pixels.shape == result.thermogram.pixels.shape:
                timed.append(Timed(taken_s(kept.capture) or 0.0, pixels))
    return result, map_rewarming(grid_of(result, scale and Scale(
        scale['mm_per_px'], scale['uncertainty'], scale['basis'])), timed)


def _told(pictures: Sequence[Kept]) -> Tuple[List[Kept], List[Kept]]:
    """Pictures with a result in °C from before the cooling, and those from after it whose time is known."""
    told = [kept for kept in pictures if kept.result['unit'] == CELSIUS and kept.result['outcome'] == 'result']
    return ([kept for kept in told if kept.capture.frame == 1],
            [kept for kept in told if kept.capture.frame > 1 and taken_s(kept.capture) is not None])


def taken_s(capture: Capture) -> Optional[float]:
    """When a picture of a series was taken, in seconds after the cooling; None before it."""
    seconds = capture.facts.get('taken_s')
    return None if seconds is None else float(seconds)


def is_late(capture: Capture) -> bool:
    """Whether a picture of a series came too long after its time."""
    return 'due_s' in capture.facts and bool(capture.facts['taken_s'] - capture.facts['due_s'] > guide.LATE_S)


def _mean(kept: Kept, region: str) -> float:
    return float(kept.result['regions'].get(region, {}).get('mean', float('nan')))


def _visit(kept: Kept, span: Optional[Span]) -> Visit:
    assert kept.signs is not None
    return Visit(kept.capture.facts.get('camera', {}).get('kind', ''), kept.result['size']['width_px'],
                 kept.capture.role, kept.signs['distance_m'], span, kept.result['unit'])
