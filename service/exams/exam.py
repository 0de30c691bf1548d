"""The exam: one visit of one patient, as the events that made it what it is. No disk, no key and no clock in here."""
import re
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from ..clock import Stamp
from ..messages import InputError, StorageError
from ..views import FRONTAL_VIEWS, SIDE_VIEWS

#: States of an exam. A signed one is locked; amendments are added to it.
DRAFT, ACQUIRING, REVIEW, SIGNED, AMENDED, DISCARDED = STATES = (
    'draft', 'acquiring', 'review', 'signed', 'amended', 'discarded')

#: What happens to an exam; the last three have the name of the state that they lead to.
KINDS = ('created', 'started', 'noted', 'captured', 'deviated', 'corrected', 'reviewed', 'resumed', 'held', 'released',
         'imported', 'moved', SIGNED, AMENDED, DISCARDED)
CREATED, STARTED, NOTED, CAPTURED, DEVIATED, CORRECTED, REVIEWED, RESUMED, HELD, RELEASED, IMPORTED, MOVED = KINDS[:-3]

#: What happens in any state and leads to no other.
ANYWHERE = (HELD, RELEASED, IMPORTED)

#: Fact of the first event of an exam that the worklist scheduled; what it said of it is private.
SCHEDULED = 'scheduled'

#: What a capture may be of: a view of `service.views`, or one picture of a dynamic series.
DYNAMIC = 'dynamic'
ROLES = FRONTAL_VIEWS + SIDE_VIEWS + (DYNAMIC,)

#: State after an event, by the state before it. What is not listed does not happen.
_NEXT: Dict[str, Dict[str, str]] = {
    '': {CREATED: DRAFT},
    DRAFT: {STARTED: ACQUIRING, NOTED: DRAFT, DEVIATED: DRAFT, DISCARDED: DISCARDED},
    ACQUIRING: {NOTED: ACQUIRING, CAPTURED: ACQUIRING, DEVIATED: ACQUIRING, CORRECTED: ACQUIRING, REVIEWED: REVIEW,
                DISCARDED: DISCARDED},
    REVIEW: {NOTED: REVIEW, DEVIATED: REVIEW, CORRECTED: REVIEW, RESUMED: ACQUIRING, SIGNED: SIGNED,
             DISCARDED: DISCARDED},
    SIGNED: {AMENDED: AMENDED, MOVED: DISCARDED},
    AMENDED: {AMENDED: AMENDED, MOVED: DISCARDED},
    DISCARDED: {},
}

#: What to do where an event does not fit the state.
_NEXT_STEP = {
    DRAFT: 'Start it first.', ACQUIRING: 'Finish the captures first.', REVIEW: 'Sign it, or go back to the captures.',
    SIGNED: 'It is locked. Add an amendment.', AMENDED: 'It is locked. Add an amendment.',
    DISCARDED: 'Begin another exam.'}

_REFUSED = {
    CREATED: 'made again', STARTED: 'started', NOTED: 'given conditions', CAPTURED: 'given a capture',
    DEVIATED: 'given a deviation', CORRECTED: 'corrected', REVIEWED: 'reviewed', RESUMED: 'gone on with',
    HELD: 'held', RELEASED: 'released', IMPORTED: 'imported', MOVED: 'moved to another patient',
    SIGNED: 'signed', AMENDED: 'amended', DISCARDED: 'discarded'}

_ID = re.compile(r'[0-9a-f]{16}\Z')

#: Most captures of one exam; their names have four digits.
MAX_CAPTURES = 9999

#: Files of a picture that a correction of its outlines makes anew, beside the model's, which stay.
CORRECTED_FILES = ('result.json', 'signs.json', 'labels.png', 'overlay.png')


class ExamError(InputError):
    """What was asked does not fit the exam."""

    http_status = 409


class ExamMissingError(ExamError):
    """There is no such exam."""

    http_status = 404


class ExamUnreadableError(StorageError):
    """An exam that is not on the disk as it was written."""

    http_status = 500


class Patient(NamedTuple):
    """Who an exam is of.

    Attributes:
        id: by which the site knows her.
        name: as the site writes it; may be empty.
        birth_date: ``YYYY-MM-DD``, or empty.
    """

    id: str
    name: str = ''
    birth_date: str = ''


@dataclass(frozen=True)
class Event:
    """One thing that happened to an exam.

    Attributes:
        number: in the exam, counted from 1.
        seq: in the store. It orders the events of all exams; dates do not.
        kind: one of `KINDS`.
        operator: id of who did it.
        stamp: when, and how far the date can be trusted.
        facts: JSON values that say nothing about the patient.
        private: the other facts, as one JSON text that a sealer sealed; empty where there are none.
    """

    number: int
    seq: int
    kind: str
    operator: str
    stamp: Stamp
    facts: Mapping[str, Any] = field(default_factory=dict)
    private: str = ''


class StoredFile(NamedTuple):
    """A file of an exam as it lies on the disk, sealed or not.

    Attributes:
        size: bytes.
        sha256: in hexadecimal.
    """

    size: int
    sha256: str


class Capture(NamedTuple):
    """One picture of an exam.

    Attributes:
        number: in the exam, counted from 1.
        role: one of `ROLES`.
        frame: which picture of the dynamic series, counted from 1; 0 for every other role.
        files: by name.
        facts: of its event.
    """

    number: int
    role: str
    frame: int
    files: Dict[str, StoredFile]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Anchor:
    """Where the audit log stood when it had taken an event.

    Attributes:
        event: number of the event.
        count: entries of the log.
        head: hash of the last of them.
    """

    event: int
    count: int
    head: str


@dataclass(frozen=True)
class Exam:
    """An exam and its events, in order; `transition` adds one.

    Attributes:
        id: 16 hexadecimal digits at random; it names the folder and says nothing.
        number: in the store. It orders exams; dates do not.
        patient: a `Patient` as JSON text that a sealer sealed.
        tokens: what a search for the patient finds, as a sealer made them.
        encrypted: whether texts and files can be read without a key.
        state: one of `STATES`; empty before the first event.
        events: what happened.
        anchors: of the events that sign or amend.
    """

    id: str
    number: int
    patient: str
    tokens: Tuple[str, ...] = ()
    encrypted: bool = False
    state: str = ''
    events: Tuple[Event, ...] = ()
    anchors: Tuple[Anchor, ...] = ()

    @property
    def captures(self) -> Tuple[Capture, ...]:
        """Every picture that was taken. Of several in one role the last one counts."""
        taken = (event.facts for event in self.events if event.kind == CAPTURED)
        return tuple(Capture(number, facts['role'], facts['frame'],
                             {name: StoredFile(*values) for name, values in facts['files'].items()}, facts)
                     for number, facts in enumerate(taken, 1))

    @property
    def corrections(self) -> Tuple[Event, ...]:
        """Every correction of outlines by hand, and every return to the model's, which has no files.

        Each has the number of its ``picture`` among its facts. In a signed exam they are amendments.
        """
        return tuple(filter(is_correction, self.events))

    def outlines(self, picture: int) -> int:
        """Number of the event that changed the outlines of a picture last; 0 while nobody has."""
        return max((event.number for event in self.corrections if event.facts['picture'] == picture), default=0)

    def correction(self, picture: int) -> Optional[Event]:
        """The event whose outlines of a picture count; None where those of the model do."""
        number = self.outlines(picture)
        return self.events[number - 1] if number and self.events[number - 1].facts['files'] else None

    def counting(self, picture: int, kind: str) -> str:
        """Name of the file of a picture that counts: that of the last correction, or else that of the model.

        Args:
            kind: what stands behind the number, such as ``'result.json'``.
        """
        event, name = self.correction(picture), '%04d.%s' % (picture, kind)
        if event is None or kind not in CORRECTED_FILES:
            return name
        return corrected_prefix(picture, event.number) + kind

    @property
    def files(self) -> Dict[str, StoredFile]:
        """Every file of every capture and of every correction, by name."""
        files = {name: file for capture in self.captures for name, file in capture.files.items()}
        files.update((name, StoredFile(*values)) for event in self.corrections
                     for name, values in event.facts['files'].items())
        return files

    @property
    def locked(self) -> bool:
        """Whether it is signed."""
        return self.state in (SIGNED, AMENDED)

    @property
    def scheduled(self) -> bool:
        """Whether it was begun from the worklist."""
        return bool(self.events) and bool(self.events[0].facts.get(SCHEDULED))

    @property
    def moved_to(self) -> str:
        """Id of the exam of the right patient that took its place; empty where none did."""
        return str(self.moved.facts['moved_to']) if self.moved else ''

    @property
    def moved(self) -> Optional[Event]:
        """The event that gave its place to an exam of the right patient; None where none did."""
        return next((event for event in self.events if event.kind == MOVED), None)

    @property
    def held(self) -> bool:
        """Whether it is on legal hold, so that nobody removes it."""
        return sum((event.kind == HELD) - (event.kind == RELEASED) for event in self.events) > 0


def new_id() -> str:
    """An id for an exam."""
    return uuid.uuid4().hex[:16]


def check_id(exam_id: str) -> str:
    """The id, if it is one: nothing else becomes part of a path.

    Raises:
        ExamMissingError: ``exam-missing``.
    """
    if not _ID.match(exam_id):
        raise exam_missing(exam_id)
    return exam_id


def is_correction(event: Event) -> bool:
    """Whether an event changes the outlines of a picture; any other event with such a fact does not."""
    return event.kind == CORRECTED or (event.kind == AMENDED and 'picture' in event.facts)


def corrected_prefix(picture: int, event: int) -> str:
    """How the names of the files of a correction begin, by the numbers of its picture and of its event."""
    return '%04d.corrected-%d.' % (picture, event)


def exam_missing(exam_id: str) -> ExamMissingError:
    """The error for an id that no exam has."""
    return ExamMissingError('exam-missing', 'There is no exam %s.' % exam_id[:40], 'Choose one of the list.')


def check_outlines(exam: Exam, picture: int, version: int) -> None:
    """Whether somebody who corrects the outlines of a picture has seen the ones that count.

    Args:
        version: as `Exam.outlines` said it when they began.

    Raises:
        ExamMissingError: ``exam-picture``.
        ExamError: ``outlines-stale``.
    """
    if not 1 <= picture <= len(exam.captures):
        raise picture_missing(picture)
    if exam.outlines(picture) != version:
        raise ExamError('outlines-stale', 'Somebody else has changed these outlines meanwhile.',
                        'Look at them, and correct them again if they are still wrong.')


def picture_missing(number: int) -> ExamMissingError:
    """The error for a picture that an exam does not have."""
    return ExamMissingError('exam-picture', 'The exam has no picture %d.' % number, 'Go back to the exam.')


def transition(exam: Exam, event: Event) -> Exam:
    """The exam after an event.

    Raises:
        ExamError: ``exam-state`` for an event that does not fit the state or is not the next one; ``exam-hold`` for a
            legal hold that is there already, or the release of none; ``exam-empty`` for
            the review of an exam without a capture; ``exam-capture`` for a capture with an unknown role, with files of
            other names than its number gives, or one too many; ``exam-correction`` for a correction of no picture, or
            with other files than it has.
    """
    after = exam.state if exam.state and event.kind in ANYWHERE else _NEXT[exam.state].get(event.kind)
    if after is None:
        raise ExamError('exam-state', 'The exam is %s and cannot be %s.'
                        % (_named(exam.state), _REFUSED.get(event.kind, event.kind)), _NEXT_STEP.get(exam.state, ''))
    last_seq = exam.events[-1].seq if exam.events else 0
    if event.number != len(exam.events) + 1 or event.seq <= last_seq:
        raise ExamError('exam-state', 'The exam was changed meanwhile.', 'Look at it again.',
                        'event %d with seq %d after %d' % (event.number, event.seq, last_seq))
    if event.kind in (HELD, RELEASED) and exam.held == (event.kind == HELD):
        raise ExamError('exam-hold', 'The exam is on legal hold already.' if exam.held else 'The exam is not on legal '
                        'hold.', 'Look at it: thermoscreen exams show %s' % exam.id)
    taken = sum(earlier.kind == CAPTURED for earlier in exam.events)
    if event.kind == REVIEWED and not taken:
        raise ExamError('exam-empty', 'The exam has no picture yet.', 'Take one, or discard the exam with a reason.')
    if event.kind == CAPTURED:
        _check_capture(event.facts, taken + 1)
    if is_correction(event):
        _check_correction(event, taken)
    return replace(exam, state=after, events=exam.events + (event,))


def check_capture(exam: Exam, role: str, frame: int = 0) -> None:
    """Whether an exam takes a picture now, before one is taken.

    Args:
        role, frame: as of `Capture`.

    Raises:
        ExamError: ``exam-state`` or ``exam-capture``, as of `transition`.
    """
    last = exam.events[-1]
    transition(exam, replace(last, number=last.number + 1, seq=last.seq + 1, kind=CAPTURED,
                             facts={'role': role, 'frame': frame, 'files': {}}))


def _named(state: str) -> str:
    return {'': 'not made', DRAFT: 'a draft', ACQUIRING: 'being taken', REVIEW: 'in review'}.get(state, state)


def _check_capture(facts: Mapping[str, Any], number: int) -> None:
    role, frame, files = facts.get('role'), facts.get('frame'), facts.get('files')
    if role not in ROLES:
        raise ExamError('exam-capture', 'There is no view %s.' % role, 'Choose one of %s.' % ', '.join(ROLES))
    if not isinstance(frame, int) or frame < 0 or (role == DYNAMIC) != (frame > 0):
        raise ExamError('exam-capture', 'A picture of a series has its number, and no other picture has one.')
    if number > MAX_CAPTURES:
        raise ExamError('exam-capture', 'An exam holds at most %d pictures.' % MAX_CAPTURES, 'Begin another exam.')
    if not isinstance(files, dict) or not all(re.match(r'%04d\.[a-z.]+\Z' % number, name) for name in files):
        raise ExamError('exam-capture', 'The files of a capture are named after its number, %04d.' % number)


def _check_correction(event: Event, captures: int) -> None:
    picture, files = event.facts.get('picture'), event.facts.get('files')
    if not isinstance(picture, int) or not 1 <= picture <= captures:
        raise ExamError('exam-correction', 'A correction is of a picture of the exam.', 'Go back to the exam.')
    whole = {corrected_prefix(picture, event.number) + kind for kind in CORRECTED_FILES}
    if not isinstance(files, dict) or set(files) not in (set(), whole):
        raise ExamError('exam-correction', 'A correction has four files of its own, or none where the outlines of the '
                        'model count again.')
