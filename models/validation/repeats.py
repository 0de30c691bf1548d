"""Test and retest: the left-right differences of patients who were measured again soon, in one visit or another."""
import datetime
from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from models.statistics import ROUNDS, PatientBootstrap, repeatability
from service.reading import DETECTABLE_C, Visit, refusals
from service.thermogram import CELSIUS, RELATIVE

from .pictures import MEASURES, Picture

#: Kinds of repeats, and what each holds.
WITHIN, BETWEEN = 'within a visit', 'between visits'

#: What two visits are compared by in data that state no distance: these then count as alike.
_UNSTATED_M = 1.0


class Repeats(NamedTuple):
    """Pictures of one patient and view that repeat one another.

    Attributes:
        groups: of two or more, in the order in which they were taken.
        left_out: how many pictures repeat nothing, by why.
    """

    groups: Tuple[Tuple[Picture, ...], ...]
    left_out: Dict[str, int]


def find_repeats(pictures: Iterable[Picture], days: int) -> Dict[str, Repeats]:
    """The repeats among pictures, by kind.

    Within a visit they are all results of one view. Between visits they are the last result of each of several visits;
    of a patient with many visits those count that most others lie close to. Two pictures are compared on the terms of
    the station (`service.reading.refusals`): same camera, view and distance.

    Args:
        pictures: of static views; others, and those of which no visit is known, repeat nothing.
        days: from the first visit to the last one of a group.
    """
    seen: Dict[Tuple[str, Any], Dict[Any, List[Picture]]] = {}
    left_out: Counter = Counter()
    for picture in pictures:
        visit = picture.facts.get('exam') or picture.facts.get('visit')
        if picture.facts.get('kind') == 'dynamic' or visit is None:
            left_out['of a series, or of no known visit'] += 1
        elif not picture.differences:
            left_out['without a left-right difference in °C'] += 1
        else:
            seen.setdefault((picture.patient, picture.facts.get('view')), {}).setdefault(visit, []).append(picture)
    between: Counter = Counter(left_out)
    within = [_alike(visit, left_out) for visits in seen.values() for visit in visits.values()]
    across = [_alike(_close([visit[-1] for visit in visits.values()], days, between), between)
              for visits in seen.values()]
    return {WITHIN: Repeats(tuple(group for group in within if len(group) > 1), dict(+left_out)),
            BETWEEN: Repeats(tuple(group for group in across if len(group) > 1), dict(+between))}


def judge_repeats(repeats: Repeats, rounds: int = ROUNDS, seed: int = 0) -> Dict[str, Any]:
    """How far differences scatter between repeats.

    Returns:
        ``patients``, ``n`` (pictures), ``left_out``, and ``measures``: for each of `MEASURES` what
        `statistics.repeatability` gives; ``pairs``, mean and change of the first and the last value of each group;
        ``smallest_change``, what a site may rely on: the higher of the two upper ends of the repeatability coefficient;
        and ``verdict``, how that stands to the change that the station counts (`DETECTABLE_C`): ``'covered'`` (at or
        below it), ``'exceeded'`` (the lower end lies above it), ``'open'``, or None without an interval.
    """
    measures = {}
    for name in MEASURES:
        groups = [tuple(picture for picture in group if name in picture.differences) for group in repeats.groups]
        groups = [group for group in groups if len(group) > 1]
        values = [[picture.differences[name] for picture in group] for group in groups]
        figures = repeatability(values, PatientBootstrap([group[0].patient for group in groups], rounds, seed))
        ends = figures['coefficient']['ci95']
        highest = max(ends[1], figures['coefficient_upper']) if ends else None
        verdict = None if highest is None else ('covered' if highest <= DETECTABLE_C else
                                                'exceeded' if ends[0] > DETECTABLE_C else 'open')
        measures[name] = dict(figures, smallest_change=highest, verdict=verdict,
                              pairs=[[round((group[0] + group[-1]) / 2, 4), round(group[-1] - group[0], 4)]
                                     for group in values])
    return {'patients': len({group[0].patient for group in repeats.groups}),
            'n': sum(map(len, repeats.groups)), 'left_out': repeats.left_out, 'measures': measures}


def _close(visits: Sequence[Picture], days: int, left_out: Counter) -> List[Picture]:
    """The visits of the fullest span of so many days, in the order of their dates."""
    dated = sorted(((day, picture) for day, picture in ((_day(picture), picture) for picture in visits)
                    if day is not None), key=lambda entry: entry[0])
    left_out['of an unknown date'] += len(visits) - len(dated)
    spans = [[picture for day, picture in dated if first <= day <= first + days] for first, _ in dated]
    fullest = max(spans, key=len, default=[])
    left_out['of a visit too far from others'] += len(dated) - len(fullest)
    return fullest


def _day(picture: Picture) -> Optional[int]:
    """Days from any fixed day, the same for all pictures of a patient."""
    if picture.facts.get('date'):
        try:
            return datetime.date.fromisoformat(str(picture.facts['date'])).toordinal()
        except ValueError:
            return None
    day = picture.facts.get('day')
    return day if isinstance(day, int) else None


def _alike(pictures: Sequence[Picture], left_out: Counter) -> Tuple[Picture, ...]:
    """Those that may be compared with the first."""
    alike = []
    for picture in pictures:
        reasons = refusals(_taken(picture), _taken(pictures[0]))
        if reasons:
            left_out[reasons[0].rstrip('.').lower()] += 1
        else:
            alike.append(picture)
    return tuple(alike)


def _taken(picture: Picture) -> Visit:
    facts = picture.facts
    distance = facts['distance_m'] if 'distance_m' in facts else _UNSTATED_M
    return Visit(str(facts.get('camera')), picture.width_px, str(facts.get('view')), distance,
                 unit=CELSIUS if picture.is_celsius else RELATIVE)
