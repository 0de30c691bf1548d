"""The guided exam: which step comes next, from the events of an exam and from nothing else.

Because nothing else is kept, an exam is on the same step after a power cut as before it.
"""
import math
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..clock import UNSYNCHRONISED, Stamp, seconds_between
from ..gate import LIMITS
from ..views import (
    FRONTAL,
    LEFT_LATERAL,
    LEFT_OBLIQUE,
    RAISED_ARMS,
    RIGHT_LATERAL,
    RIGHT_OBLIQUE,
)
from .exam import (
    ACQUIRING,
    CAPTURED,
    CORRECTED,
    CREATED,
    DEVIATED,
    DISCARDED,
    DRAFT,
    DYNAMIC,
    NOTED,
    RESUMED,
    REVIEW,
    REVIEWED,
    STARTED,
    Capture,
    Event,
    Exam,
    ExamError,
)

#: Steps of an exam, in order. The first seven are done while it is a draft; `PICTURE`, `COOLING` and `SERIES` come as
#: often as the protocol and the retakes ask for them.
STEPS = ('checklist', 'room', 'humidity', 'purpose', 'mammogram', 'acclimatisation', 'protocol', 'picture', 'cooling',
         'series', 'pictures', 'result', 'signature', 'locked', 'given-up')
(CHECKLIST, ROOM, HUMIDITY, PURPOSE, MAMMOGRAM, ACCLIMATISATION, PROTOCOL, PICTURE, COOLING, SERIES, PICTURES, RESULT,
 SIGNATURE, LOCKED, GIVEN_UP) = STEPS

#: Steps of the preparation; the time of the acclimatisation runs since the checklist.
_PREPARATION = STEPS[:STEPS.index(PROTOCOL)]

#: What an event ``noted`` may state to have done, as its fact ``step``: a step of the preparation (the event that made
#: the exam as well, where the worklist said what it is for), a view that is to be
#: taken again, the beginning and the end of a dynamic series, and that the result was looked at.
RETAKE, SERIES_OVER = 'retake', 'series-over'

#: Views of each protocol, in the order in which they are taken; the first of the static ones is the one that decides.
STATIC, ARMS, SERIAL = 'static', 'static-arms', 'dynamic'
_FIVE = (FRONTAL, RIGHT_OBLIQUE, LEFT_OBLIQUE, RIGHT_LATERAL, LEFT_LATERAL)
PROTOCOLS: Dict[str, Tuple[str, ...]] = {STATIC: _FIVE, ARMS: _FIVE + (RAISED_ARMS,), SERIAL: (DYNAMIC,)}

#: Without it there is nothing to compare.
NEEDED = FRONTAL

#: What is asked before an exam, and the deviation where it is not so [Iact], [ThermEval], [ViewOnHealth].
CHECKS: Dict[str, Tuple[str, str]] = {
    'sun': ('Windows are shielded', 'A window is not shielded.'),
    'draught': ('No draught is felt', 'A draught is felt.'),
    'floor': ('Carpet or slippers', 'The floor under the feet is bare.'),
    'bare': ('Bare to the waist', 'The patient is not bare to the waist.'),
    'treatment': ('No treatment of the breast for 12 weeks', 'The breast was treated within 12 weeks.'),
    'cycle': ('Not in days 6 to 13 of the cycle', 'It is one of the days 6 to 13 of the cycle.')}

#: Temperatures of the room, °C.
ROOM_C = tuple(LIMITS[name].value for name in ('room-low', 'room-high'))
#: By how many °C the room may change during an exam [Iact].
ROOM_CHANGE_C = 1.0

#: What an exam is for.
PURPOSES = ('It is the first exam, to compare later ones with.', 'It follows an earlier exam.',
            'Another examination has found something.', 'The patient has noticed a change.', 'It is part of a study.')

#: Why the pictures begin before the patient has acclimatised, why a view is left out, and why an exam is given up.
EARLY = ('The patient feels cold.', 'The patient cannot wait.', 'She waited before, without the station.')
LEFT_OUT = ('The patient cannot turn so far.', 'The patient cannot raise her arms.', 'The patient asked to stop.',
            'The station takes it for another view.')
GIVEN_UP_BECAUSE = ('The patient asked to stop.', 'It is the wrong patient.', 'The camera does not work.')

#: Why outlines are corrected by hand, and why a correction is taken back.
CORRECTED_BECAUSE = ('An outline leaves out a part of its region.', 'An outline takes in what is not its region.',
                     'A nipple is marked at the wrong place.')
TAKEN_BACK = ('The outlines of the model are right.', 'The wrong picture was corrected.', 'It will be corrected anew.')

#: A picture of a series that comes later than this after its time is marked.
LATE_S = 1.0

#: Nothing that began longer ago is an acclimatisation.
LONGEST_S = 4 * 3600.0


class Step(NamedTuple):
    """Where an exam is.

    Attributes:
        name: one of `STEPS`.
        role: of the picture that comes next, for `PICTURE`.
        frame: of the series, counted from 1 for the one before the cooling; 0 for every other picture.
        again: whether the picture is a retake.
    """

    name: str
    role: str = ''
    frame: int = 0
    again: bool = False


class Waited(NamedTuple):
    """For how long something has lasted.

    Attributes:
        seconds: at least.
        certain: whether that is all; False where the machine was off meanwhile and no date can be relied on.
    """

    seconds: float
    certain: bool


class Series(NamedTuple):
    """The dynamic series of an exam, as its beginning was noted.

    Attributes:
        begun: when its first picture after the cooling was due.
        frames: pictures after the cooling.
        interval_s: between two of them.
        taken: numbers of the pictures that were kept; 1 is the one before the cooling, 2 the first after it.
    """

    begun: Stamp
    frames: int
    interval_s: float
    taken: Tuple[int, ...]

    def due_s(self, frame: int) -> float:
        """When a picture is due, in seconds after the beginning."""
        return (frame - 2) * self.interval_s

    def next(self, elapsed_s: float) -> Optional[int]:
        """The picture that is due now, or the next one where that was taken; None after the last one.

        Args:
            elapsed_s: seconds since the beginning.
        """
        number = max(2 + math.floor(elapsed_s / self.interval_s), (self.taken or (1,))[-1] + 1)
        return number if number <= self.frames + 1 else None

    def missing(self) -> List[int]:
        """Numbers of the pictures that were not taken, counted from the first after the cooling."""
        return [frame - 1 for frame in range(2, self.frames + 2) if frame not in self.taken]


def step_of(exam: Exam) -> Step:
    """The step that an exam is on."""
    if exam.state == DRAFT:
        done = _noted(exam.events)
        return Step(next((step for step in _PREPARATION if step not in done), PROTOCOL))
    if exam.state == ACQUIRING:
        return _taking(exam)
    if exam.state == REVIEW:
        last = max(number for number, event in enumerate(exam.events) if event.kind in (REVIEWED, CORRECTED))
        return Step(SIGNATURE if RESULT in _noted(exam.events[last:]) else RESULT)
    return Step(GIVEN_UP if exam.state == DISCARDED else LOCKED)


def protocol_of(exam: Exam) -> str:
    """The protocol of an exam: that of five views, where none was chosen."""
    chosen = [event.facts.get('protocol') for event in exam.events if event.kind == STARTED]
    return next((name for name in chosen if name in PROTOCOLS), STATIC)


def views_of(exam: Exam) -> Tuple[str, ...]:
    """The roles that the protocol of an exam asks for."""
    return PROTOCOLS[protocol_of(exam)]


def pictures_of(exam: Exam) -> List[Capture]:
    """The pictures that count, in the order of the protocol and then of their taking: of each view the last one."""
    newest = {(capture.role, capture.frame): capture for capture in exam.captures}
    views = views_of(exam)
    order = {role: place for place, role in enumerate(views)}
    return sorted(newest.values(), key=lambda capture: (order.get(capture.role, len(views)), capture.frame))


def left_out(exam: Exam) -> Set[str]:
    """Views that were left out with a reason, and not taken since."""
    roles: Set[str] = set()
    for event in exam.events:
        role = event.facts.get('role')
        if event.kind == DEVIATED and role:
            roles.add(role)
        elif event.kind == CAPTURED:
            roles.discard(role)
    return roles


def check_protocol(name: str) -> str:
    """The protocol, if there is one of that name.

    Raises:
        ExamError: ``exam-protocol``.
    """
    if name not in PROTOCOLS:
        raise ExamError('exam-protocol', 'There is no protocol %s.' % name[:40],
                        'Choose one of %s.' % ', '.join(PROTOCOLS))
    return name


def check_whole(exam: Exam) -> None:
    """Whether the pictures may end: of a static exam the frontal view is needed, and whoever cannot take it gives up.

    Raises:
        ExamError: ``exam-frontal``.
    """
    if NEEDED in views_of(exam) and all(capture.role != NEEDED for capture in exam.captures):
        raise ExamError('exam-frontal', 'The frontal view is missing.', 'Take it, or discard the exam with a reason.')


def waited(exam: Exam, now: Stamp) -> Waited:
    """How long the patient has acclimatised: since the checklist, which says that she is bare to the waist.

    Within one start of the machine that is exact. Over a restart it is the difference of the dates, if both can be
    relied on. Otherwise what is certain is what the station saw before it went off, and the time since its new start.
    """
    begun = next((event.stamp for event in exam.events if event.facts.get('step') == CHECKLIST), exam.events[0].stamp)
    if begun.boot_id == now.boot_id or UNSYNCHRONISED not in (begun.clock, now.clock):
        seconds = seconds_between(begun, now)
        if seconds >= 0:
            return Waited(seconds, True)
    seen: Dict[str, List[int]] = {}
    for stamp in [begun] + [event.stamp for event in exam.events if event.stamp.boot_id != begun.boot_id
                            or event.stamp.boottime_ns > begun.boottime_ns] + [now]:
        seen.setdefault(stamp.boot_id, []).append(stamp.boottime_ns)
    first = max(seen[begun.boot_id]) - begun.boottime_ns
    return Waited((first + sum(max(times) for boot, times in seen.items() if boot != begun.boot_id)) / 1e9, False)


def series_of(exam: Exam) -> Optional[Series]:
    """The dynamic series that was begun last; None before its beginning."""
    begun: Optional[Event] = None
    taken: List[int] = []
    for event in exam.events:
        step = event.facts.get('step')
        if step == RETAKE and event.facts.get('role') == DYNAMIC:
            begun, taken = None, []
        elif step == SERIES:
            begun = event
        elif event.kind == CAPTURED and event.facts['role'] == DYNAMIC:
            taken.append(event.facts['frame'])
    if begun is None:
        return None
    return Series(begun.stamp, begun.facts['frames'], begun.facts['interval_s'], tuple(taken))


def since(begun: Stamp, now: Stamp) -> Optional[float]:
    """Seconds since a stamp; None where nothing tells."""
    if begun.boot_id != now.boot_id and UNSYNCHRONISED in (begun.clock, now.clock):
        return None
    seconds = seconds_between(begun, now)
    return seconds if seconds >= 0 else None


def _noted(events: Sequence[Event]) -> Set[str]:
    return {event.facts['step'] for event in events if event.kind in (CREATED, NOTED) and 'step' in event.facts}


def _taking(exam: Exam) -> Step:
    done: Set[Tuple[str, int]] = set()
    said: Set[str] = set()
    again = ''
    for event in exam.events:
        facts: Mapping[str, object] = event.facts
        role, step = str(facts.get('role', '')), str(facts.get('step', ''))
        if event.kind == CAPTURED or (event.kind == DEVIATED and role):
            done.add((role, int(event.facts.get('frame', 0))))
            again = '' if again == role else again
        elif event.kind in (NOTED, RESUMED) and step == RETAKE:
            again = role
            if role == DYNAMIC:
                done, said, again = {entry for entry in done if entry[0] != DYNAMIC}, set(), ''
        elif event.kind == NOTED and step:
            said.add(step)
    if again:
        return Step(PICTURE, again, again=True)
    for role in views_of(exam):
        if role == DYNAMIC:
            if (DYNAMIC, 1) not in done:
                return Step(PICTURE, DYNAMIC, 1)
            if SERIES not in said:
                return Step(COOLING)
            if SERIES_OVER not in said:
                return Step(SERIES)
        elif (role, 0) not in done:
            return Step(PICTURE, role)
    return Step(PICTURES)
