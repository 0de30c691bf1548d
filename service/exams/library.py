"""The exams of a station: every change is durable before it is acknowledged, and nothing is deleted by itself.

A change goes its whole way in one thread: the index notes which exam is about to change; the files are written, then
``exam.json``; the index follows; the audit log is told. After a kill at any moment only the exams that the index had
noted are compared with their folders.
"""
import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar

from .. import __version__
from ..clock import UNSYNCHRONISED, Clock, Stamp
from ..durable import encode_json, make_folders, staged_folder, storage_error, write_synced
from ..messages import INFO, PROBLEM, WARNING, InputError, Message, StorageError
from ..sealing import BaseSealer, PlainSealer
from ..storage import room_for_exam
from .exam import (
    AMENDED,
    CAPTURED,
    CORRECTED,
    CREATED,
    DEVIATED,
    DISCARDED,
    HELD,
    IMPORTED,
    MOVED,
    NOTED,
    RELEASED,
    RESUMED,
    REVIEW,
    REVIEWED,
    SCHEDULED,
    SIGNED,
    STARTED,
    STATES,
    Anchor,
    Event,
    Exam,
    ExamError,
    ExamMissingError,
    ExamUnreadableError,
    Patient,
    check_outlines,
    corrected_prefix,
    new_id,
    transition,
)
from .folder import (
    EXAM_NAME,
    REMOVED,
    clear_all_leftovers,
    clear_leftovers,
    clear_removed,
    content_sha256,
    encode_exam,
    exam_ids,
    path_of,
    quarantine,
    read_exam,
    read_file,
    stored,
    strays,
    was_removed,
    write_exam,
    write_files,
)
from .forms import opened_form, sealed_form
from .order import Order, checked_order
from .store import Reader, Row, Store, StoreLock
from .texts import (
    CONDITIONS,
    DEVIATION,
    GRADE,
    IMPRESSION,
    MAX_NAME,
    ORDER,
    PURPOSE,
    TOLD,
    checked_conditions,
    checked_patient,
    checked_text,
    is_line,
    json_text,
    opened_patient,
    opened_private,
    sealed_name,
    sealer_for,
    search_tokens,
    shown_patient,
    unlocked,
)
from .verification import Told, verify_store

_Answer = TypeVar('_Answer')

#: Appends to the audit log: (event, operator, **facts) -> (entries of the log, hash of the last one).
Record = Callable[..., Tuple[int, str]]

#: What the audit log is told, by the kind of the event.
AUDITED = {
    CREATED: 'exam-created', STARTED: 'exam-started', NOTED: 'exam-updated', CAPTURED: 'capture-added',
    DEVIATED: 'deviation-added', CORRECTED: 'outlines-corrected', REVIEWED: 'exam-reviewed',
    RESUMED: 'exam-reopened', SIGNED: 'exam-signed', AMENDED: 'exam-amended', DISCARDED: 'exam-discarded',
    MOVED: 'exam-moved',
    HELD: 'hold-set', RELEASED: 'hold-lifted', IMPORTED: 'exam-imported'}
RECONCILED, QUARANTINED, REBUILT, DELETED = 'exam-reconciled', 'exam-quarantined', 'exams-rebuilt', 'exam-deleted'

#: Stands among the exams that the index noted for a rebuilding that no audit log was told of.
_UNTOLD = ''


class Picture(NamedTuple):
    """A capture as it is kept.

    Attributes:
        capture: bytes of a ``.tscap`` file.
        result: as `Result.to_dict` gives it.
        overlay: bytes of a PNG.
        labels: bytes of a PNG with the region ids; empty where no network marked regions.
        camera: how the camera was, as `Condition.to_dict` gives it, with its ``kind``.
        signs: as `Reading.to_dict` gives them; empty where nobody computed any.
        features: as `service.gallery.kept_features` gives them; empty where it has none.
    """

    capture: bytes
    result: Mapping[str, Any]
    overlay: bytes
    labels: bytes = b''
    camera: Mapping[str, Any] = {}
    signs: Mapping[str, Any] = {}
    features: bytes = b''


class Entry(NamedTuple):
    """An exam in a list.

    Attributes:
        row: what the index knows.
        patient: None while exams are locked, or where another key sealed it.
    """

    row: Row
    patient: Optional[Patient]


class Exams:
    """The exams of a folder. One process has them open; every method may be called from any thread.

    Args:
        folder: of the store; made where it is missing.
        sealer: what files and texts are sealed with; None while exams are locked. It may be set at any time.
        record: appends to the audit log; None where there is none.
        clock: stamps what happens.
        room: what is in the way of a new exam, as `room_for_exam` tells it.
    Attributes:
        messages: what was found at the start and since, for the status page.
    Raises:
        StorageError: ``store-busy``, ``store-version``, ``disk-full`` or ``store-failing``.
    """

    def __init__(self, folder: str, sealer: Optional[BaseSealer], record: Optional[Record], clock: Clock,
                 room: Callable[[str], Optional[Message]] = room_for_exam) -> None:
        self.folder = os.path.abspath(folder)
        self.sealer = sealer
        self.messages: List[Message] = []
        self._record, self._clock, self._room = record, clock, room
        self._reader = Reader(self.folder)
        self._failure: Optional[StorageError] = None
        self._unfinished: Set[str] = set()
        self._refused: Set[str] = set()  # changes that a full disk ended: a folder may say more than the index
        self._number = self._seq = 0
        self._lock = StoreLock(self.folder)
        self._thread = ThreadPoolExecutor(max_workers=1)
        try:
            self._ask(self._start)
        except BaseException:
            self._thread.shutdown()
            self._lock.release()
            raise

    def close(self) -> None:
        """Stop keeping exams; what was acknowledged is on the disk."""
        try:
            self._ask(self._stop)
        finally:
            self._thread.shutdown()
            self._lock.release()

    @property
    def failure(self) -> Optional[StorageError]:
        """Why nothing is kept any more until a restart; None while all is well."""
        return self._failure

    # What happens to an exam

    def create(self, patient: Patient, operator: str, conditions: Optional[Mapping[str, Any]] = None,
               order: Optional[Order] = None) -> Exam:
        """A new exam.

        Args:
            patient: who it is of.
            operator: id of who makes it.
            conditions: values of `CONDITIONS` and `TOLD`, and ``deviation``.
            order: what the worklist says of it; None for an exam that was not scheduled.

        Raises:
            ExamError: ``exam-patient``, ``exam-condition``, ``exam-order`` or ``exams-locked``.
            StorageError: ``room-none`` or ``room-unknown`` where a whole exam may not have room; ``disk-full``;
                ``storage-failed`` after the disk failed once, until a restart.
        """
        patient = checked_patient(patient)
        private = checked_conditions(conditions, self.now)
        if order is not None:
            private[ORDER] = {name: text for name, text in checked_order(order._asdict())._asdict().items() if text}
        message = self._room(self.folder)
        if message is not None and message.severity == PROBLEM:
            raise StorageError(message.code, message.sentence, message.next_step)
        sealer, exam_id = unlocked(self.sealer), new_id()
        exam = Exam(exam_id, 0, sealer.seal_text(json_text(patient._asdict()), sealed_name(exam_id, 'patient')),
                    search_tokens(sealer, patient), sealer.encrypts)
        return self._ask(self._create, exam, operator, private)

    def start(self, exam_id: str, operator: str, conditions: Optional[Mapping[str, Any]] = None,
              facts: Optional[Mapping[str, Any]] = None) -> Exam:
        """Begin with the captures.

        Args:
            facts: that say nothing about the patient: the ``protocol``.

        Raises:
            ExamError, StorageError: as `create`, without those of the patient and the room; ``exam-state`` where it
                does not fit the state; ``exam-missing``.
            ExamUnreadableError: ``exam-damaged`` or ``exam-version``.
        """
        return self._happen(exam_id, STARTED, operator, facts or {}, checked_conditions(conditions, self.now))

    def note(self, exam_id: str, operator: str, conditions: Mapping[str, Any],
             facts: Optional[Mapping[str, Any]] = None) -> Exam:
        """Add conditions or notes; a later value counts. Errors as of `start`.

        Args:
            conditions: as of `create`, and ``deviation``.
            facts: which ``step`` of the guided exam was done, as `service.exams.guide` reads it.
        """
        return self._happen(exam_id, NOTED, operator, facts or {}, checked_conditions(conditions, self.now))

    def add_capture(self, exam_id: str, operator: str, role: str, picture: Picture, frame: int = 0,
                    conditions: Optional[Mapping[str, Any]] = None,
                    times: Optional[Mapping[str, float]] = None) -> Exam:
        """Keep a picture.

        Args:
            role: one of `ROLES`.
            picture: its files.
            frame: which picture of a dynamic series, counted from 1; 0 for every other role.
            conditions: those that this picture was taken under, and ``deviation``.
            times: of a picture of a series: ``due_s`` and ``taken_s`` after its beginning.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `start`; ``exam-capture``.
        """
        private = checked_conditions(conditions, self.now)  # before anything is made of them
        result = picture.result
        facts = {'role': role, 'frame': frame, 'outcome': result.get('outcome'), 'view': result.get('view'),
                 'unit': result.get('unit'), 'checks': [check['code'] for check in result.get('checks', ())
                                                        if check.get('severity') in (WARNING, PROBLEM)],
                 'bundle': result.get('bundle'), 'backend': result.get('backend'), 'software': __version__,
                 'camera': dict(picture.camera), **(times or {})}
        contents = {'tscap': picture.capture, 'result.json': encode_json(result), 'overlay.png': picture.overlay}
        if picture.labels:
            contents['labels.png'] = picture.labels
        if picture.signs:
            contents['signs.json'] = encode_json(picture.signs)
        if picture.features:
            contents['features.json'] = picture.features
        return self._happen(exam_id, CAPTURED, operator, facts, private, contents)

    def deviation(self, exam_id: str, operator: str, text: str, role: str = '') -> Exam:
        """Note a deviation from the protocol. Errors as of `start`; ``exam-text``.

        Args:
            role: of a view that is left out; empty for everything else.
        """
        return self._happen(exam_id, DEVIATED, operator, {'role': role} if role else {},
                            {'deviation': checked_text(text)})

    def deviations(self, exam: Exam) -> List[str]:
        """What deviated from the protocol, in order; not of pictures that were taken again. Errors as of `patient`."""
        counting = {(event.facts['role'], event.facts['frame']): event.number for event in exam.events
                    if event.kind == CAPTURED}
        told = (self.private(exam, event.number).get(DEVIATION) for event in exam.events
                if event.kind != CAPTURED or event.number in counting.values())
        return [str(text) for text in told if text]

    def now(self) -> Stamp:
        """The stamp that an event would get now."""
        return self._clock.now()

    def review(self, exam_id: str, operator: str) -> Exam:
        """End the captures. Errors as of `start`; ``exam-empty``."""
        return self._happen(exam_id, REVIEWED, operator, {}, {})

    def resume(self, exam_id: str, operator: str) -> Exam:
        """Go back from the review to the captures. Errors as of `start`."""
        return self._happen(exam_id, RESUMED, operator, {}, {})

    def sign(self, exam_id: str, operator: str) -> Exam:
        """Lock an exam.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `start`; ``date-uncertain`` until somebody confirmed the
                date for this start of the machine.
        """
        if self._clock.now().clock == UNSYNCHRONISED:
            raise ExamError('date-uncertain', 'Nothing has set the date since the start.',
                            'Look at the date and confirm it; then sign.')
        return self._happen(exam_id, SIGNED, operator, {'software': __version__}, {})

    def date_message(self) -> Optional[Message]:
        """What to tell who signs while the date is uncertain; None while it is not."""
        return self._clock.message()

    def confirm_date(self, operator: str) -> None:
        """Somebody looked at the date and says that it is right; it holds until the machine starts anew.

        Args:
            operator: id of who says so.

        Raises:
            StorageError: it cannot be kept, or the audit log cannot be written.
        """
        self._clock.confirm()
        self._ask(self._tell, 'date-confirmed', operator)

    def amend(self, exam_id: str, operator: str, reason: str, text: str) -> Exam:
        """Add to a signed exam. Errors as of `start`; ``exam-text``."""
        return self._happen(exam_id, AMENDED, operator, {'software': __version__},
                            {'reason': checked_text(reason), 'text': checked_text(text)})

    def interpret(self, exam_id: str, operator: str, text: str, grade: str = '') -> Exam:
        """Add the impression of a reader, whose name stands under it; after the signature that is an amendment.

        Several are kept, and the last one counts.

        Args:
            operator: id of the reader.
            text: what they make of the exam.
            grade: in a system of their choice, on one line; empty for none.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `start`; ``exam-text``; ``exam-state`` before the review.
        """
        private = {IMPRESSION: checked_text(text)}
        if grade.strip():
            if not is_line(grade.strip()):
                raise ExamError('exam-text', 'A grade is one line of at most %d characters.' % MAX_NAME,
                                'Type it again.')
            private[GRADE] = grade.strip()
        return self._ask(self._interpret, exam_id, operator, private)

    def correct(self, exam_id: str, operator: str, picture: int, version: int, contents: Mapping[str, bytes],
                reason: str, text: str) -> Exam:
        """Keep outlines that were corrected by hand, with what was computed from them; of a signed exam an amendment.

        Args:
            picture: number of the picture.
            version: as `Exam.outlines` said it when somebody began to correct.
            contents: of each of `CORRECTED_FILES`; empty to return to the outlines of the model.
            reason: why.
            text: what was before and what is after, in words.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `start`; ``exam-text``; ``outlines-stale`` where somebody
                else was faster; `ExamMissingError` ``exam-picture``.
        """
        return self._ask(self._correct, exam_id, operator, picture, version, contents,
                         {'reason': checked_text(reason), 'text': checked_text(text)})

    def discard(self, exam_id: str, operator: str, reason: str) -> Exam:
        """Give up an exam that is not signed; its files stay. Errors as of `start`; ``exam-text``."""
        return self._happen(exam_id, DISCARDED, operator, {}, {'reason': checked_text(reason)})

    def move(self, exam_id: str, operator: str, patient: Patient, reason: str, name: str = '') -> Exam:
        """Give a signed exam to the patient that it is really of.

        A new exam has all that happened, under another id and number, without what a worklist said of the wrong
        patient. The old one counts as discarded, and says where it went. After a crash in between it may be moved again
        to the same patient, which makes no second one.

        Args:
            patient: the right one.
            reason: why.
            name: of the operator, for what leaves for the hospital.

        Returns:
            The new exam.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `create` and `start`; ``exam-text``; ``exam-patient`` also
                where it is of this patient already.
        """
        return self._ask(self._move, exam_id, operator, checked_patient(patient),
                         {'reason': checked_text(reason), 'name': name})

    def hold(self, exam_id: str, operator: str, reason: str) -> Exam:
        """Put an exam on legal hold, so that nobody removes it. Errors as of `start`; ``exam-text``, ``exam-hold``."""
        return self._happen(exam_id, HELD, operator, {}, {'reason': checked_text(reason)})

    def release(self, exam_id: str, operator: str, reason: str) -> Exam:
        """End a legal hold. Errors as of `hold`."""
        return self._happen(exam_id, RELEASED, operator, {}, {'reason': checked_text(reason)})

    def take_in(self, exam: Exam, read: Callable[[str], bytes], operator: str, facts: Mapping[str, Any]) -> Exam:
        """Keep an exam that came from elsewhere, under its id, with the next number and the next places in the order.

        Args:
            exam: checked; what of it is not encrypted is encrypted now, if this station does that.
            read: gives the bytes of a file of it as `exam` says them.
            facts: of its event ``imported``.

        Raises:
            ExamError, StorageError: as `start`; ``exam-exists``.
        """
        return self._ask(self._take_in, exam, read, operator, facts)

    def remove(self, exam_id: str, operator: str, facts: Mapping[str, Any]) -> None:
        """Remove an exam for good: its folder and its row. The audit log keeps what it knows of it.

        Args:
            facts: for the audit log: why.

        Raises:
            ExamError, StorageError, ExamUnreadableError: as `start`; ``exam-held``; ``exam-newest``.
        """
        self._ask(self._remove, exam_id, operator, facts)

    # Looking

    def get(self, exam_id: str) -> Exam:
        """An exam, from its folder.

        Raises:
            ExamMissingError: ``exam-missing``.
            ExamUnreadableError: ``exam-damaged`` or ``exam-version``.
        """
        return read_exam(self.folder, exam_id)

    def settled(self, exam_id: str) -> Exam:
        """An exam after every change that has begun; errors as of `get`. Never from what `record` does."""
        return self._ask(read_exam, self.folder, exam_id)

    def patient(self, exam: Exam) -> Patient:
        """Who an exam is of.

        Raises:
            ExamError: ``exams-locked``.
            SealError: as `BaseSealer.open`.
        """
        return opened_patient(sealer_for(self.sealer, exam.encrypted), exam.id, exam.patient)

    def private(self, exam: Exam, number: int) -> Dict[str, Any]:
        """The facts of an event that are about the patient: conditions, notes, reasons. Errors as of `patient`.

        Args:
            number: of the event.
        """
        return opened_private(sealer_for(self.sealer, exam.encrypted), exam, number)

    def conditions(self, exam: Exam) -> Dict[str, Any]:
        """Conditions of an exam and what was told beside them: of each the last value. Errors as of `patient`."""
        values: Dict[str, Any] = {}
        for event in exam.events:
            if event.kind in (CREATED, STARTED, NOTED):
                values.update(self.private(exam, event.number))
        return {name: value for name, value in values.items() if name in CONDITIONS or name in TOLD}

    def stated(self, exam: Exam, name: str) -> List[Any]:
        """Every value of one condition that was stated in an exam, in their order. Errors as of `patient`."""
        stated = (self.private(exam, event.number) for event in exam.events
                  if event.kind in (CREATED, STARTED, NOTED))
        return [private[name] for private in stated if name in private]

    def order(self, exam: Exam) -> Optional[Order]:
        """What the worklist said of an exam; None for one that was not scheduled. Errors as of `patient`."""
        return checked_order(self.private(exam, 1)[ORDER]) if exam.scheduled else None

    def impression(self, exam: Exam) -> Optional[Tuple[Event, Dict[str, Any]]]:
        """The event with the impression of a reader that counts, and its private facts; None where nobody wrote one.

        Errors as of `patient`.
        """
        for event in reversed(exam.events):
            private = self.private(exam, event.number) if event.private else {}
            if IMPRESSION in private:
                return event, private
        return None

    def read_file(self, exam: Exam, name: str) -> bytes:
        """A file of an exam, opened.

        Raises:
            ExamError: ``exam-file`` or ``exams-locked``.
            ExamUnreadableError: ``exam-damaged``.
            SealError: as `BaseSealer.open`.
        """
        sealer = sealer_for(self.sealer, exam.encrypted)
        return sealer.open(read_file(self.folder, exam, name), sealed_name(exam.id, name))

    def list(self, query: str = '', state: str = '', after: int = 0, limit: int = 50) -> List[Entry]:
        """Exams, the newest first.

        A row that is not as it was written is made anew from its folder first, and so is one of a change that a full
        disk has ended, as soon as there is room.

        Args:
            query: words of the patient's id, name or birth date, each whole; all have to fit.
            state: one of `STATES`; empty for any.
            after: number of the last exam of the page before; 0 for the first page.
            limit: most of them, 1 to 1000.

        Raises:
            ExamError: ``exams-locked`` for a query while exams are locked.
            InputError: ``exam-query``.
            StorageError: as `Reader.rows`.
        """
        if (state and state not in STATES) or after < 0 or not 1 <= limit <= 1000 or len(query) > MAX_NAME:
            raise InputError('exam-query', 'There is no such list of exams.', 'Ask for another one.')
        if self._refused:
            self._ask(self._finish_refused)
        searches = [tuple(sealer.token(word) for word in query.split()) for sealer in self._sealers(query)]
        rows = self._rows(searches, state, after, limit)
        for row, is_whole in rows:
            if not is_whole:
                self._ask(self._reconcile, row.id)
                return [self._entry(row) for row, _ in self._rows(searches, state, after, limit)]
        return [self._entry(row) for row, _ in rows]

    def counts(self) -> Dict[str, int]:
        """How many exams are in each state that occurs; errors as of `Reader.rows`."""
        return self._reader.counts()

    def verify(self, exam_id: str = '', told: Optional[Told] = None) -> Iterator[Message]:
        """See `verify_store`."""
        return verify_store(self.folder, exam_id, told)

    # Repairing

    def rebuild(self) -> int:
        """Make the index anew from the folders, and put aside what belongs to no exam; the number of exams.

        Raises:
            StorageError: as `Exams`; the old index is put aside, not deleted.
        """
        return self._ask(self._rebuild)

    # The thread that writes

    def _ask(self, work: Callable[..., _Answer], *args: Any) -> _Answer:
        return self._thread.submit(work, *args).result()

    def _start(self) -> None:
        self._store = Store(self.folder)
        if self._store.set_aside:
            self.messages.append(Message(
                'store-damaged', 'The database of exams was damaged. It was made anew from the folders of the exams; '
                'the damaged one is kept as %s.' % self._store.set_aside, 'Back up, and exchange the card soon.',
                WARNING, 'exams'))
        if self._store.is_new:
            count = self._fill()
            if count and not self._store.set_aside:
                self.messages.append(Message('store-missing', 'The database of exams was gone. It was made anew from '
                                             'the folders of %d exams.' % count, severity=WARNING, subject='exams'))
            if count or self._store.set_aside:
                self._tell_rebuilt(count)
        for exam_id in self._store.intents:
            if exam_id == _UNTOLD:
                self._tell_rebuilt(sum(self._reader.counts().values()))
            else:
                self._reconcile(exam_id)
        self._number, self._seq = self._store.last()
        self._store.settle(self._unfinished)
        self._clear_removed()

    def _stop(self) -> None:
        try:
            if self._failure is None:
                self._store.settle(self._unfinished)
        finally:
            self._store.close()

    def _rebuild(self) -> int:
        self._check_failure()
        self._store.replace()
        count = self._fill()
        self._number, self._seq = self._store.last()
        self._tell_rebuilt(count)
        return count

    def _tell_rebuilt(self, count: int) -> None:
        """Tell the audit log, or keep in mind that it is to be told by whoever opens both."""
        self._tell(REBUILT, '', exams=count)
        self._unfinished.discard(_UNTOLD)
        if self._record is None:
            self._store.intend(_UNTOLD, self._unfinished)
            self._unfinished.add(_UNTOLD)

    def _fill(self) -> int:
        count = 0

        def exams() -> Iterator[Exam]:
            nonlocal count
            numbers: Set[int] = set()
            found, others = exam_ids(self.folder)
            for path in others:
                self._put_aside(path, '')
            for exam_id in found:
                exam = self._inspect(exam_id)
                if exam is not None and exam.number in numbers:
                    self._say('exam-number', 'The exam %s has the number %d of another exam and is not in the index.'
                              % (exam_id, exam.number), 'Find out where its folder came from.', exam_id)
                elif exam is not None:
                    numbers.add(exam.number)
                    count += 1
                    yield exam
        try:
            clear_all_leftovers(self.folder)
            self._store.fill(exams())
        except OSError as error:
            raise StorageError('store-failing', 'The folders of exams cannot be read (%s).' % error.strerror,
                               'Check the disk.', repr(error))
        return count

    def _create(self, exam: Exam, operator: str, private: Mapping[str, Any]) -> Exam:
        self._number += 1
        facts: Dict[str, Any] = {SCHEDULED: True} if ORDER in private else {}
        if ORDER in private and Order(**private[ORDER]).purpose:
            facts['step'] = PURPOSE  # nobody is asked for it
        return self._add(replace(exam, number=self._number), CREATED, operator, facts, private, {})

    def _happen(self, exam_id: str, kind: str, operator: str, facts: Mapping[str, Any], private: Mapping[str, Any],
                contents: Optional[Mapping[str, bytes]] = None) -> Exam:
        return self._ask(self._change, exam_id, kind, operator, facts, private, contents or {})

    def _change(self, exam_id: str, kind: str, operator: str, facts: Mapping[str, Any], private: Mapping[str, Any],
                contents: Mapping[str, bytes]) -> Exam:
        self._ready_for(exam_id)
        return self._add(read_exam(self.folder, exam_id), kind, operator, facts, private, contents)

    def _interpret(self, exam_id: str, operator: str, private: Mapping[str, Any]) -> Exam:
        self._ready_for(exam_id)
        exam = read_exam(self.folder, exam_id)
        if not exam.locked and exam.state != REVIEW:
            raise ExamError('exam-state', 'The exam is not in review, so nobody can have read it.',
                            'Finish the captures first.')
        return self._add(exam, AMENDED if exam.locked else NOTED, operator,
                         {'software': __version__} if exam.locked else {}, private, {})

    def _correct(self, exam_id: str, operator: str, picture: int, version: int, contents: Mapping[str, bytes],
                 private: Mapping[str, Any]) -> Exam:
        self._ready_for(exam_id)
        exam = read_exam(self.folder, exam_id)
        check_outlines(exam, picture, version)
        return self._add(exam, AMENDED if exam.locked else CORRECTED, operator,
                         {'software': __version__, 'picture': picture}, private, contents)

    def _add(self, exam: Exam, kind: str, operator: str, facts: Mapping[str, Any], private: Mapping[str, Any],
             contents: Mapping[str, bytes]) -> Exam:
        """An event, the whole way: refused before anything is touched, or durable when this returns."""
        self._check_failure()
        number, sealer = len(exam.events) + 1, sealer_for(self.sealer, exam.encrypted)
        sealed = {}
        if kind == CAPTURED or 'picture' in facts:
            prefix = ('%04d.' % (len(exam.captures) + 1) if kind == CAPTURED else
                      corrected_prefix(facts['picture'], number))
            sealed = {prefix + name: sealer.seal(data, sealed_name(exam.id, prefix + name))
                      for name, data in contents.items()}
            facts = dict(facts, files={name: list(file) for name, file in stored(sealed).items()})
        text = sealer.seal_text(json_text(private), sealed_name(exam.id, 'event-%d' % number)) if private else ''
        self._seq += 1
        changed = transition(exam, Event(number, self._seq, kind, operator, self._clock.now(), facts, text))
        with self._changing(exam.id):
            write_files(self.folder, exam.id, sealed)
            self._write(changed)
            changed = self._audit(changed, AUDITED[kind], operator,
                                  **{key: facts[key] for key in ('moved_to',) if key in facts})
        return changed

    def _move(self, exam_id: str, operator: str, patient: Patient, private: Mapping[str, Any]) -> Exam:
        self._ready_for(exam_id)
        exam, sealer = read_exam(self.folder, exam_id), unlocked(self.sealer)
        if not exam.locked:
            raise ExamError('exam-state', 'The exam is not signed.', 'Discard it, and begin one of the right patient.')
        if self.patient(exam) == patient:
            raise ExamError('exam-patient', 'The exam is of this patient already.', 'Type who it is really of.')
        moved = json_text({'exam': exam.id, 'event': len(exam.events), 'patient': patient._asdict()})
        named = hashlib.sha256(moved.encode('utf-8')).hexdigest()[:16]
        if not os.path.lexists(path_of(self.folder, named)):
            files: Dict[str, bytes] = {}
            opened = opened_form(exam, sealer, lambda name: read_file(self.folder, exam, name), files.__setitem__)
            first = opened.events[0]
            told = {key: value for key, value in self.private(exam, 1).items() if key != ORDER}
            first = replace(first, facts={key: value for key, value in first.facts.items() if key != SCHEDULED},
                            private=json_text(told) if told else '')
            copy = replace(opened, id=named, patient=json_text(patient._asdict()), anchors=(),
                           tokens=search_tokens(PlainSealer(), patient), events=(first,) + opened.events[1:])
            self._take_in(copy, files.__getitem__, operator, {'moved_from': exam.id})
        self._add(exam, MOVED, operator, {'moved_to': named}, private, {})
        return read_exam(self.folder, named)

    def _take_in(self, exam: Exam, read: Callable[[str], bytes], operator: str, facts: Mapping[str, Any]) -> Exam:
        self._ready_for(exam.id)
        folder = path_of(self.folder, exam.id)
        if os.path.lexists(folder):
            raise ExamError('exam-exists', 'The exam %s is there already.' % exam.id, 'Look at it.')
        sealer, first = unlocked(self.sealer), self._seq + 1
        self._number, self._seq = self._number + 1, self._seq + len(exam.events) + 1
        imported = Event(len(exam.events) + 1, self._seq, IMPORTED, operator, self._clock.now(), facts)
        with self._changing(exam.id):
            try:
                make_folders(os.path.dirname(folder))
                with staged_folder(folder) as staging:
                    kept = sealed_form(exam, sealer, read, lambda name, data: write_synced(
                        os.path.join(staging, name), data))
                    events = tuple(replace(event, seq=seq) for seq, event in enumerate(kept.events, first))
                    taken = transition(replace(kept, number=self._number, events=events, anchors=()), imported)
                    write_synced(os.path.join(staging, EXAM_NAME), encode_exam(taken))
            except OSError as error:
                raise storage_error(error, folder)
            self._store.put(taken)
            taken = self._audit(taken, AUDITED[IMPORTED], operator,
                                **{key: facts[key] for key in ('moved_from',) if key in facts})
        return taken

    def _remove(self, exam_id: str, operator: str, facts: Mapping[str, Any]) -> None:
        self._ready_for(exam_id)
        exam = read_exam(self.folder, exam_id)
        if exam.held:
            raise ExamError('exam-held', 'The exam %s is on legal hold.' % exam_id, 'Release it first, with a reason.')
        if not exam.locked and exam.state != DISCARDED:
            raise ExamError('exam-state', 'The exam is neither signed nor discarded and is not removed.',
                            'Sign or discard it.')
        if exam.number == self._number:
            raise ExamError('exam-newest', 'The newest exam is not removed: the next one would get its number.',
                            'Remove it after the next one was made.')
        with self._changing(exam_id):
            # The log first: a removal that it does not know would look like a theft. After a kill before the rename
            # the exam is reconciled, and the log says so.
            self._tell(DELETED, operator, exam=exam_id, state=exam.state, **facts)
            quarantine(self.folder, path_of(self.folder, exam_id), REMOVED)
            self._store.drop(exam_id)
            self._clear_removed()

    def _clear_removed(self) -> None:
        for path in clear_removed(self.folder):
            self._say('removal-unfinished', '%s is removed and cannot be deleted.' % os.path.relpath(path, self.folder),
                      'Delete it as the user of the service.', '', WARNING)

    @contextlib.contextmanager
    def _changing(self, exam_id: str) -> Iterator[None]:
        """Around a change of a folder: after one that did not end the exam is reconciled before the next."""
        try:
            self._store.intend(exam_id, self._unfinished)
            self._unfinished.add(exam_id)
            yield
        except StorageError as error:
            if error.code != 'disk-full':
                self._fail(error)
            self._refused.add(exam_id)
            raise
        self._unfinished.discard(exam_id)

    def _ready_for(self, exam_id: str) -> None:
        self._check_failure()
        if exam_id in self._unfinished:
            self._reconcile(exam_id)

    def _finish_refused(self) -> None:
        """Have the index say what the folders of refused changes say, unless the disk refuses that too."""
        with contextlib.suppress(StorageError):
            for exam_id in tuple(self._refused):
                self._ready_for(exam_id)
                self._refused.discard(exam_id)

    def _write(self, exam: Exam) -> None:
        """Have folder and index say what an exam is."""
        try:
            write_exam(self.folder, exam)
        except StorageError as error:
            # A failed fsync of the folder comes after the rename, and is never tried again.
            if self._is_there(exam):
                self._fail(error)
            raise
        self._store.put(exam)

    def _audit(self, exam: Exam, event: str, operator: str, **facts: Any) -> Exam:
        """Tell the audit log how an exam is now; a locked one keeps where the log stood then."""
        last = exam.events[-1]
        anchor = self._tell(event, operator, exam=exam.id, number=last.number, seq=last.seq, state=exam.state,
                            sha256=content_sha256(exam, last.number), **facts)
        if anchor is not None and exam.locked:
            exam = replace(exam, anchors=exam.anchors + (Anchor(last.number, *anchor),))
            self._write(exam)
        return exam

    def _tell(self, event: str, operator: str, **facts: Any) -> Optional[Tuple[int, str]]:
        if self._record is None:
            return None
        count, head = self._record(event, operator, **facts)
        return count, head

    def _reconcile(self, exam_id: str) -> None:
        """Compare an exam with its folder, which is right, after a change of it that did not end."""
        if self._failure is not None:
            return
        exam = self._inspect(exam_id)
        if exam is not None:
            self._store.put(exam)
            self._audit(exam, RECONCILED, '')
            self._unfinished.discard(exam_id)

    def _inspect(self, exam_id: str) -> Optional[Exam]:
        """The exam of a folder after what a killed writer left was put aside; None where there is no sound one."""
        try:
            clear_leftovers(self.folder, exam_id)
        except OSError as error:
            raise StorageError('store-failing', 'The folder of the exam %s cannot be cleared (%s).'
                               % (exam_id, error.strerror), 'Check the disk.', repr(error))
        try:
            exam = read_exam(self.folder, exam_id)
        except ExamMissingError:
            if os.path.isdir(path_of(self.folder, exam_id)):
                self._put_aside(path_of(self.folder, exam_id), exam_id)
            elif was_removed(self.folder, exam_id):
                self._store.drop(exam_id)
            elif self._is_listed(exam_id):
                self._say('exam-gone', 'The folder of the exam %s is missing.' % exam_id, 'Restore it from a backup.',
                          exam_id)
            self._unfinished.discard(exam_id)
            return None
        except ExamUnreadableError as error:
            self._say(error.code, error.message.sentence, error.message.next_step, exam_id)
            return None
        for name in strays(self.folder, exam):
            self._put_aside(os.path.join(path_of(self.folder, exam_id), name), exam_id)
        return exam

    def _put_aside(self, path: str, exam_id: str) -> None:
        shown = os.path.relpath(path, self.folder)
        name = quarantine(self.folder, path)
        self._tell(QUARANTINED, '', exam=exam_id, quarantine=name)
        self._say('exam-quarantined', '%s belonged to no exam and was moved to %s.' % (shown, name), '', exam_id, INFO)

    def _say(self, code: str, sentence: str, next_step: str, exam_id: str, severity: str = PROBLEM) -> None:
        message = Message(code, sentence, next_step, severity, 'exams', {'exam': exam_id})
        if message not in self.messages:  # what is damaged is found again with every look
            self.messages.append(message)

    def _is_listed(self, exam_id: str) -> bool:
        return not self._store.is_new and self._reader.row(exam_id) is not None

    def _is_there(self, exam: Exam) -> bool:
        try:
            return read_exam(self.folder, exam.id) == exam
        except (ExamError, StorageError):
            return False

    def _fail(self, error: StorageError) -> None:
        """Keep nothing more until a restart: after a failed fsync nobody knows what the disk has."""
        self._failure = StorageError(
            'storage-failed', 'The disk failed while an exam was written, so nothing more is kept. What was kept '
            'before can be read.', 'Restart the station. If it happens again, exchange the card.', repr(error))

    def _check_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _sealers(self, query: str) -> Sequence[BaseSealer]:
        """What made the words that a query is compared with: exams from before a station encrypted have plain ones."""
        if not query:
            return (PlainSealer(),)
        sealer = unlocked(self.sealer)
        return (sealer, PlainSealer()) if sealer.encrypts else (sealer,)

    def _rows(self, searches: Sequence[Sequence[str]], state: str, after: int, limit: int) -> List[Tuple[Row, bool]]:
        found = {row.number: (row, is_whole) for tokens in searches
                 for row, is_whole in self._reader.rows(tokens, state, after, limit)}
        return [found[number] for number in sorted(found, reverse=True)[:limit]]

    def _entry(self, row: Row) -> Entry:
        return Entry(row, shown_patient(self.sealer, row))
