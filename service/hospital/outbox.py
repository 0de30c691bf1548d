"""What leaves for the hospital: each object has a row on the disk before it is sent, and is sent until it has arrived.

A row goes from `QUEUED` over `SENT` to `COMMITTED`, or to `FAILED` where the receiver never takes it as it is. Whatever
nobody knows the outcome of (no answer, a crash, a restored backup, a database that was lost) is `Row.unknown`: the
receiver is asked what it has before anything is sent again, because archives have deleted what they got twice. An
object is made anew from its exam whenever it is to be sent, which gives the same one, so that no second copy of a
patient's pictures lies on the disk, and a database that is lost is made anew from the exams.

One thread does the work, one exam and one receiver at a time. It needs the key of the exams; without it, it waits.
"""
import contextlib
import datetime
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ..clock import UNSYNCHRONISED, Clock
from ..exams import Exam, ExamError, ExamMissingError, Exams
from ..exams.exam import ANYWHERE
from ..messages import INFO, OK, PROBLEM, WARNING, Message, StorageError, ThermoscreenError
from ..supervise import LastingThread
from .archive import NOTE, ArchiveReceiver
from .calls import ABORTED, CONTEXT, Answer, Listener
from .fhir_link import FhirReceiver
from .outbox_rows import (
    COMMITTED,
    FAILED,
    MOST_LOSSES,
    QUEUED,
    REJECTED,
    SENT,
    STATES,
    Row,
    Store,
    after_asking,
    after_sending,
    kept_rows,
)
from .site import Site

#: Minutes until it is tried again, after one failure, after two, and so on; the last one stays.
RETRY_MIN = (1, 5, 15, 60)
#: Minutes until commitment is asked for again where no answer came.
ASK_AGAIN_MIN = 60
#: Seconds after which somebody is told that the archive has not committed.
_LATE_S = 24 * 3600.0
#: Seconds between two looks at whether the key of the exams is there.
_LOOK_S = 5.0

_OF_STATE = {
    QUEUED: Message('outbox-queued', 'It waits to be sent.', '', OK, 'hospital'),
    SENT: Message('outbox-sent', 'The archive has it. It has yet to say that it keeps it.', '', OK, 'hospital'),
    COMMITTED: Message('outbox-committed', 'The archive keeps it.', '', OK, 'hospital'),
    FAILED: Message('outbox-refused', 'The archive does not take it.', 'Tell the administrator of the archive.',
                    PROBLEM, 'hospital'),
    REJECTED: Message('outbox-rejected', 'It was taken back by a note, and is never sent again.', '', OK, 'hospital')}
_ARRIVED = Message('outbox-arrived', 'It is in the archive, which keeps it.', '', OK, 'hospital')
_TAKEN_BACK = Message('outbox-taken-back', 'A note to the archive has taken back what had left of it.', '', OK,
                      'hospital')
_LOST = Message('outbox-lost', 'The archive says that it has stored it, and later that it does not have it.',
                'Tell the administrator of the archive, and try again when the cause is mended.', PROBLEM, 'hospital')
_UNKNOWN = Message('outbox-unknown', 'The archive did not answer, so that nobody knows whether it has it.',
                   'It is asked before anything is sent again.', INFO, 'hospital')
_NOT_ASKED = Message('outbox-not-asked', 'Nobody knows whether the archive has it, and it cannot be asked.',
                     'Look for it in the archive. Try again if it is not there.', PROBLEM, 'hospital')
_WAITS_FOR_KEY = Message('outbox-key', 'It is sent when somebody is logged in: without the key it cannot be read.',
                         'Log in.', INFO, 'hospital')


def has_arrived(folder: str, site: Site) -> Optional[Callable[[Exam], bool]]:
    """`Outbox.has_all` beside a service; None where nothing is sent. Errors as of `kept_rows`."""
    names = ['archive'] * (site.archive is not None) + ['fhir'] * bool(site.fhir_url)
    kept = kept_rows(folder)[1]
    return (lambda exam: all(kept.get((exam.id, name), (0, '')) >= (_version(exam), '0') for name in names)
            ) if names else None


def receivers_of(exams: Exams, site: Site) -> List[Any]:
    """Where signed exams go by the settings."""
    found: List[Any] = [ArchiveReceiver(exams, site)] if site.archive is not None else []
    return found + ([FhirReceiver(exams, site)] if site.fhir_url else [])


class Outbox:
    """Sends what is signed. Every method may be called from any thread.

    Args:
        exams: those of the station.
        receivers: where objects go.
        clock: of the station.
        record: appends to the audit log, as `Audit.append`.
        keep_days: days after commitment after which an exam is removed from the station; 0: it stays.
        clock_s: seconds of a clock that nobody sets; tests bring their own.
    Attributes:
        messages: what was found at the start, for the status page.
    Raises:
        StorageError: as of `Store`.
    """

    def __init__(self, exams: Exams, receivers: Sequence[Any], clock: Clock, record: Callable[..., Any],
                 keep_days: int = 0, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._exams, self._clock, self._record, self._clock_s = exams, clock, record, clock_s
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._keep_days = keep_days
        self._store = Store(exams.folder)
        self.messages: List[Message] = []
        if self._store.set_aside:
            self.messages.append(Message(
                'outbox-damaged', 'The list of what was sent was damaged and is made anew; the archive is asked what '
                'it has. The damaged one is kept as %s.' % self._store.set_aside,
                'Back up, and exchange the card soon.', WARNING, 'hospital'))
        self._lock, self._wake, self._ended = threading.Lock(), threading.Event(), threading.Event()
        self._fresh: Dict[str, bool] = {}  # exams to look at, and whether somebody has just signed them
        self._failures: Dict[str, int] = {}  # of each receiver, one after another
        self._due_s: Dict[Tuple[str, str], float] = {}  # a receiver, or an exam at a receiver, before which it rests
        self._removable: Set[str] = set()
        self._trouble: Dict[str, Message] = {}  # what keeps an exam from being made into objects
        self._holds: List[Callable[[], None]] = []
        self._is_waiting = False  # for the key
        self._calling: Any = None
        self._thread: Optional[LastingThread] = None
        self._listeners: List[Listener] = []

    def start(self) -> None:
        """Begin with the work, and listen to receivers that call."""
        for receiver in self._receivers.values():
            listener = receiver.listener(self.take)
            if listener is not None:
                self._listeners.append(listener)
        self._thread = LastingThread('outbox', self._run, self._ended)
        self._thread.start()

    def close(self) -> None:
        """Stop; what has begun goes on with the next start."""
        self._ended.set()
        self._wake.set()
        for listener in self._listeners:
            listener.close()
        calling = self._calling
        if calling is not None:
            calling.stop()
        if self._thread is not None:
            self._thread.join(_LOOK_S)
        self._store.close()

    def changed(self, exam_id: str, let_go: Callable[[], None] = lambda: None, is_new: bool = True) -> None:
        """Somebody has just signed, amended, moved or imported an exam.

        Args:
            is_new: whether what is new in it can be nowhere yet.
            let_go: called when what could be sent at once is sent, such as to have the key forgotten.
        """
        with self._lock:
            self._fresh[exam_id] = is_new
            self._holds.append(let_go)
        self._wake.set()

    def try_again(self, exam_id: str = '') -> None:
        """Try now, also what has failed; of one exam or of all.

        Raises:
            StorageError: it cannot be kept.
        """
        rows = self._store.rows(exam_id, states=(FAILED,))
        self._store.put([row._replace(state=QUEUED, losses=0, since=self._now()) for row in rows])
        with self._lock:
            self._due_s.clear()
            self._failures.clear()
            self._trouble.clear()
        self._wake.set()

    def take(self, event: Dict[str, Any]) -> bool:
        """As `service.hospital.calls.Take`: keep what a receiver says of a commitment."""
        try:
            told = self._store.answered(event['transaction'], event['stored'], event['failed'], self._now())
        except StorageError:
            return False
        if told is not None:
            if told.is_whole and not told.is_removable:
                with contextlib.suppress(StorageError):
                    self._record('exam-committed', '', exam=told.exam, receiver=told.receiver, objects=told.kept)
            with self._lock:
                self._due_s.pop((told.receiver, told.exam), None)
                if told.is_removable:
                    self._removable.add(told.exam)
            self._wake.set()
        return True

    # Looking

    def counts(self) -> Dict[str, int]:
        """How many objects are in each state."""
        return self._store.counts()

    def waiting_s(self) -> float:
        """For how many seconds the oldest object waits that is not committed; 0 where none does or nobody knows."""
        oldest, now = self._store.oldest(), self._clock.now()
        return max(0.0, _seconds(oldest, now.utc)) if oldest and now.clock != UNSYNCHRONISED else 0.0

    def rows(self, exam_id: str = '', states: Sequence[str] = STATES, limit: int = -1) -> List[Row]:
        """As of `Store.rows`."""
        return self._store.rows(exam_id, '', states, limit)

    def has_arrived(self, exam_id: str) -> bool:
        """Whether every receiver has committed to keep all of an exam as it is now."""
        return self.has_all(self._exams.get(exam_id))

    def has_all(self, exam: Exam) -> bool:
        """The same, of an exam that was read."""
        return all(self._store.exam(name, exam.id) >= (_version(exam), '0') for name in self._receivers)

    def arrival(self, exam_id: str) -> Optional[Message]:
        """Whether a signed exam has arrived, or what keeps it from that; None for one that is not signed."""
        exam = self._exams.get(exam_id)
        if not exam.locked and not exam.moved:
            return None
        if self.has_arrived(exam_id):
            return _TAKEN_BACK if exam.moved else _ARRIVED
        rows = sorted(self.rows(exam_id, (QUEUED, SENT, FAILED)), key=lambda row: (FAILED, QUEUED, SENT).index(
            row.state))
        return self.message(rows[0]) if rows else _WAITS_FOR_KEY if self._is_waiting else _OF_STATE[QUEUED]

    def message(self, row: Row) -> Message:
        """What a person is told of a row."""
        trouble = self._trouble.get(row.exam)
        if row.state == QUEUED and trouble is not None:
            return trouble
        if row.state in (COMMITTED, REJECTED):
            return _OF_STATE[row.state]
        if row.losses >= MOST_LOSSES:
            return _LOST
        if not row.answer or (row.answer.get('status') == 0):
            return _WAITS_FOR_KEY if row.state == QUEUED and self._is_waiting else _OF_STATE[row.state]
        if row.unknown:
            return _UNKNOWN
        if row.answer.get('unknown'):
            return _NOT_ASKED
        return self._receivers[row.receiver].message(row.answer) if row.receiver in self._receivers else _OF_STATE[
            row.state]

    def summary(self) -> Message:
        """How it is, for the status page."""
        counts, waiting = self.counts(), self.waiting_s()
        facts = {'figures': ', '.join('%d %s' % (counts[state], state) for state in STATES if counts[state])}
        open_count = counts[QUEUED] + counts[SENT]
        for listener in self._listeners:
            if 'fault' in listener.answer:
                return Message('outbox-port', 'The port for answers of the archive cannot be opened.',
                               'Choose another one in the settings.', WARNING, 'hospital', facts)
        if counts[FAILED]:
            return Message('outbox-failed', 'The archive has refused one object.' if counts[FAILED] == 1 else
                           'The archive has refused %d objects.' % counts[FAILED],
                           'Look at Hospital, and try again when the cause is mended.', PROBLEM, 'hospital', facts)
        if waiting > _LATE_S:
            return Message('outbox-late', 'For more than a day the archive has not confirmed what was sent.',
                           'Look at Hospital, and tell the administrator of the archive.', WARNING, 'hospital', facts)
        if self._failures and open_count:
            return Message('outbox-waits', 'One object waits for the archive, and is tried again.' if open_count == 1
                           else '%d objects wait for the archive, and are tried again.' % open_count,
                           'Look at Hospital if it stays so.', INFO, 'hospital', facts)
        if counts[QUEUED] and self._is_waiting:
            return Message('outbox-locked', 'One object waits until somebody logs in.' if counts[QUEUED] == 1 else
                           '%d objects wait until somebody logs in.' % counts[QUEUED], '', INFO, 'hospital', facts)
        if open_count:
            return Message('outbox-sending', 'One object is on its way to the archive.' if open_count == 1 else
                           '%d objects are on their way to the archive.' % open_count, '', OK, 'hospital', facts)
        return Message('outbox-ok', 'All that was signed has arrived.', '', OK, 'hospital', facts)

    # The thread that sends

    def _run(self) -> None:
        self._find()
        while not self._ended.is_set():
            self._wake.clear()
            self.turn()
            self._wake.wait(_LOOK_S)

    def _find(self) -> None:
        """Every signed exam of which the rows do not know the last event: what became of it, nobody knows."""
        for state in ('signed', 'amended', 'discarded'):
            after, known = 0, {name: self._store.exams(name) for name in self._receivers}
            while True:
                entries = self._exams.list('', state, after, 1000)
                with self._lock:
                    for entry in entries:
                        if any(rows.get(entry.row.id, (0,))[0] < entry.row.seq for rows in known.values()):
                            self._fresh.setdefault(entry.row.id, False)
                if not entries:
                    break
                after = entries[-1].row.number

    def turn(self) -> None:
        """Do what can be done now."""
        with self._lock:
            fresh, holds = self._fresh, self._holds
            self._fresh, self._holds = {}, []
        self._is_waiting = False
        try:
            for name, receiver in self._receivers.items():
                for exam_id in list(fresh) + [busy for busy in self._store.busy(name) if busy not in fresh]:
                    rests = self._rests(name, '') or self._rests(name, exam_id)
                    if self._ended.is_set() or self._is_waiting or (rests and not fresh.get(exam_id)):
                        is_done = False
                    else:
                        is_done = self._try(receiver, exam_id, fresh.get(exam_id))
                    if exam_id in fresh and not is_done:
                        with self._lock:
                            self._fresh.setdefault(exam_id, fresh[exam_id])
            if self._keep_days and not self._ended.is_set():
                self._remove_old()
        finally:
            for let_go in holds:
                let_go()

    def _try(self, receiver: Any, exam_id: str, fresh: Optional[bool]) -> bool:
        """Do what is to be done for an exam; whether its rows are complete."""
        try:
            exam = self._exams.settled(exam_id)
        except ExamMissingError:
            self._store.forget(exam_id)
            return True
        except ThermoscreenError as error:
            return self._put_off(receiver.name, exam_id, error)
        if not exam.locked and not exam.moved:
            return True
        try:
            with receiver.call(self.take) as call:
                self._calling = call
                self._serve(receiver, call, exam, fresh)
            self._trouble.pop(exam_id, None)
        except ExamError as error:
            if error.code == 'exams-locked':
                self._is_waiting = True
                return False
            return self._put_off(receiver.name, exam_id, error)
        except ThermoscreenError as error:
            return self._put_off(receiver.name, exam_id, error)
        return True

    def _put_off(self, receiver: str, exam_id: str, error: ThermoscreenError) -> bool:
        self._trouble[exam_id] = error.message
        self._rest(receiver, exam_id, 60.0 * ASK_AGAIN_MIN)
        return False

    def _serve(self, receiver: Any, call: Any, exam: Exam, fresh: Optional[bool]) -> None:
        rows = {row.uid: row for row in self._store.rows(exam.id, receiver.name)}
        if exam.moved and not self._reject(receiver, exam, rows):
            return
        if fresh is not None:
            # What was signed a moment ago is nowhere yet; of everything else nobody knows.
            self._pass(receiver, call if fresh and not any(row.unknown for row in rows.values()) else None, exam, rows,
                       unknown=not fresh)
        if self._rests(receiver.name, '') or not self._resolve(receiver, call, exam, rows):
            return
        if any(row.waits for row in rows.values()):
            self._pass(receiver, call, exam, rows, unknown=False)
        if any(row.state == QUEUED for row in rows.values()) or self._rests(receiver.name, ''):
            return
        if any(row.state == SENT for row in rows.values()):
            self._commit(receiver, call, exam.id, [row for row in rows.values() if row.state == SENT], False)

    def _reject(self, receiver: Any, exam: Exam, rows: Dict[str, Row]) -> bool:
        """Never send again what is of the wrong patient; whether a note has to take anything back."""
        old = [row for row in rows.values() if row.sop_class != NOTE]
        has_left = not old or any(row.state != QUEUED or row.unknown or row.attempts for row in old)
        for row in old:
            if row.state != REJECTED:
                self._keep(rows, row._replace(state=REJECTED, unknown=False))
        if not has_left:
            self._store.settle(receiver.name, exam.id, _version(exam), list(rows), self._now())
        return has_left

    def _objects(self, receiver: Any, exam: Exam, rows: Dict[str, Row]) -> Iterator[Any]:
        if exam.moved:
            return receiver.note(exam, [row for row in rows.values() if row.state == REJECTED])
        return receiver.objects(exam)

    def _pass(self, receiver: Any, call: Any, exam: Exam, rows: Dict[str, Row], unknown: bool) -> None:
        """Make every object once: each gets a row, and is sent where it waits.

        Args:
            call: None to send nothing.
            rows: of the exam, by UID; they are changed.
            unknown: whether nobody knows if the receiver has what has no row yet.
        """
        seen = set()
        for made in self._objects(receiver, exam, rows):
            seen.add(made.sop_uid)
            row = rows.get(made.sop_uid)
            if row is None:
                row = Row(receiver.name, made.sop_uid, exam.id, made.name, made.sop_class, made.series_uid,
                          made.study_uid, unknown=unknown, since=self._now())
                self._keep(rows, row)
            if row.waits and call is not None and not self._rests(receiver.name, '') and not self._ended.is_set():
                self._send(receiver.name, call, rows, row, made)
        # What is no object of the exam any more never left, or the receiver was asked for it above.
        gone = [row.uid for row in rows.values() if row.uid not in seen and (row.waits or row.state == FAILED)]
        for uid in gone:
            del rows[uid]
        self._store.settle(receiver.name, exam.id, _version(exam), gone, self._now())

    def _send(self, receiver: str, call: Any, rows: Dict[str, Row], row: Row, made: Any) -> None:
        after, rests = after_sending(row, call.send(made))
        self._keep(rows, after)
        if rests:
            self._fail(receiver)
        elif after.state == SENT:
            self._failures.pop(receiver, None)

    def _resolve(self, receiver: Any, call: Any, exam: Exam, rows: Dict[str, Row]) -> bool:
        """Ask the receiver for what nobody knows; whether everything is known now."""
        unknown = [row for row in rows.values() if row.unknown and row.state == QUEUED]
        if not unknown:
            return True
        answer = call.has(unknown)
        if answer.get('status') == 0:
            for row in unknown:
                self._keep(rows, after_asking(row, row.uid in answer['found']))
            return True
        if answer.get('fault') == CONTEXT:  # it cannot be asked what it has, but perhaps what it keeps
            answer = self._commit(receiver, call, exam.id, unknown, False)
            if answer.get('fault') != CONTEXT:
                return False
            for row in unknown:
                self._keep(rows, row._replace(state=FAILED, unknown=False, answer={'fault': ABORTED, 'unknown': True}))
            return True
        for row in unknown:
            self._keep(rows, row._replace(answer=answer))
        self._fail(receiver.name)
        return False

    def _commit(self, receiver: Any, call: Any, exam_id: str, rows: Sequence[Row], removal: bool) -> Answer:
        self._rest(receiver.name, exam_id, 60.0 * ASK_AGAIN_MIN)
        transaction = self._store.ask(receiver.name, exam_id, removal)
        answer: Answer = call.commit(transaction, rows)
        if answer.get('status') == 0:
            self._failures.pop(receiver.name, None)
        if 'stored' in answer:
            self.take({'transaction': transaction, 'stored': answer['stored'], 'failed': answer.get('failed', {})})
        elif answer.get('fault', CONTEXT) != CONTEXT:
            self._fail(receiver.name)
            with self._lock:
                self._due_s.pop((receiver.name, exam_id), None)
        return answer

    def _remove_old(self) -> None:
        """Remove exams that all receivers committed to keep, long enough ago, and once more just now."""
        for exam_id in sorted(self._removable):
            self._removable.discard(exam_id)
            with contextlib.suppress(ThermoscreenError):  # it is held, or the newest one: it stays
                if self.has_arrived(exam_id):
                    self._exams.remove(exam_id, '', {'committed': True, 'keep_days': self._keep_days})
                    self._store.forget(exam_id)
        now = self._clock.now()
        if now.clock == UNSYNCHRONISED:
            return
        for name, receiver in self._receivers.items():
            for exam_id, (_, committed) in self._store.exams(name).items() if receiver.keeps_all else ():
                if (committed and _seconds(committed, now.utc) > 86400.0 * self._keep_days
                        and not self._rests(name, exam_id) and not self._rests(name, '')
                        and self._may_go(exam_id)):
                    rows = self._store.rows(exam_id, name, (COMMITTED,))
                    with receiver.call(self.take) as call:
                        self._commit(receiver, call, exam_id, rows, True)

    def _may_go(self, exam_id: str) -> bool:
        with contextlib.suppress(ThermoscreenError):
            return not self._exams.get(exam_id).held
        return False

    def _keep(self, rows: Dict[str, Row], row: Row) -> None:
        before = rows.get(row.uid)
        if before is not None and before.state != row.state:
            row = row._replace(since=self._now())
        self._store.put([row])
        rows[row.uid] = row

    def _fail(self, receiver: str) -> None:
        """Leave a receiver alone for a while."""
        count = self._failures.get(receiver, 0)
        self._failures[receiver] = count + 1
        self._rest(receiver, '', 60.0 * RETRY_MIN[min(count, len(RETRY_MIN) - 1)])

    def _rest(self, receiver: str, exam_id: str, seconds: float) -> None:
        with self._lock:
            self._due_s[receiver, exam_id] = self._clock_s() + seconds

    def _rests(self, receiver: str, exam_id: str) -> bool:
        with self._lock:
            return self._clock_s() < self._due_s.get((receiver, exam_id), 0.0)

    def _now(self) -> str:
        return self._clock.now().utc


def _version(exam: Exam) -> int:
    """The last event that may have changed what is sent of an exam."""
    return max(event.seq for event in exam.events if event.kind not in ANYWHERE)


def _seconds(then: str, now: str) -> float:
    """From one time to another, both UTC ISO-8601."""
    form = '%Y-%m-%dT%H:%M:%S.%fZ'
    return (datetime.datetime.strptime(now, form) - datetime.datetime.strptime(then, form)).total_seconds()
