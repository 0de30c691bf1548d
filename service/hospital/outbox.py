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
import json
import os
import sqlite3
import threading
import time
import urllib.parse
import uuid
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..clock import UNSYNCHRONISED, Clock
from ..durable import move
from ..exams import SIGNED, Exam, ExamError, ExamMissingError, Exams
from ..exams.exam import ANYWHERE
from ..exams.store import OUTBOX, connect, store_error
from ..messages import INFO, OK, PROBLEM, WARNING, Message, StorageError, ThermoscreenError
from ..supervise import LastingThread
from .calls import ABORTED, CONTEXT, Answer, Link, Listener, Take, message_of
from .dicom import make_objects
from .fhir_link import FhirReceiver
from .site import Site

#: States of an object. What a note took back is `REJECTED`, and never tried again.
QUEUED, SENT, COMMITTED, FAILED, REJECTED = STATES = ('queued', 'sent', 'committed', 'failed', 'rejected')

#: Minutes until it is tried again, after one failure, after two, and so on; the last one stays.
RETRY_MIN = (1, 5, 15, 60)
#: Minutes until commitment is asked for again where no answer came.
ASK_AGAIN_MIN = 60
#: So often an object may be lost by an archive that said it had stored it, until a person has to look.
MOST_LOSSES = 5
#: Seconds after which somebody is told that the archive has not committed.
_LATE_S = 24 * 3600.0
#: Seconds that an archive gets to answer a commitment on our own association.
_SAME_ASSOCIATION_S = 1.0
#: Seconds that the archive gets for each answer.
_ANSWER_S = 30.0
#: Seconds between two looks at whether the key of the exams is there.
_LOOK_S = 5.0

#: What is stored, and what cannot be stored now but may be later, by the status of C-STORE.
_DUPLICATE, _TROUBLED, _NO_RESOURCES, _NO_SUCH_OBJECT = 0x0111, 0x0110, 0x0213, 0x0112

#: Classes of the objects that `service.hospital.dicom` makes.
CLASSES = tuple('1.2.840.10008.5.1.4.1.1.' + end for end in ('7', '7.3', '30', '66.4', '88.33', '88.59', '104.1'))
#: That of a note which takes others back.
NOTE = '1.2.840.10008.5.1.4.1.1.88.59'

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

#: Statements that lead from each version of the schema to the next one, as of `service.exams.store`.
MIGRATIONS: Tuple[Tuple[str, ...], ...] = ((
    'CREATE TABLE object (receiver TEXT NOT NULL, uid TEXT NOT NULL, exam TEXT NOT NULL, name TEXT NOT NULL, '
    'sop_class TEXT NOT NULL, series_uid TEXT NOT NULL, study_uid TEXT NOT NULL, state TEXT NOT NULL, '
    'unknown INTEGER NOT NULL, attempts INTEGER NOT NULL, losses INTEGER NOT NULL, answer TEXT NOT NULL, '
    'since TEXT NOT NULL, PRIMARY KEY (receiver, uid)) WITHOUT ROWID',
    'CREATE INDEX object_by_exam ON object (exam, receiver)',
    'CREATE INDEX object_by_state ON object (state)',
    'CREATE TABLE exam (id TEXT NOT NULL, receiver TEXT NOT NULL, seq INTEGER NOT NULL, committed TEXT NOT NULL, '
    'PRIMARY KEY (id, receiver)) WITHOUT ROWID',
    'CREATE TABLE commitment (transaction_uid TEXT PRIMARY KEY, receiver TEXT NOT NULL, exam TEXT NOT NULL, '
    'removal INTEGER NOT NULL) WITHOUT ROWID'),)


class Row(NamedTuple):
    """An object on its way to one receiver.

    Attributes:
        receiver: name of a `Receiver`.
        uid, name, sop_class, series_uid, study_uid: as of `Made`.
        exam: id of its exam.
        state: one of `STATES`.
        unknown: whether nobody knows if the receiver has it.
        attempts: how often it was sent.
        losses: how often the receiver lost what it had said to have stored.
        answer: the last one, as of `service.hospital.calls`.
        since: when it came into its state, UTC ISO-8601 by the clock of that moment.
    """

    receiver: str
    uid: str
    exam: str
    name: str
    sop_class: str
    series_uid: str
    study_uid: str
    state: str = QUEUED
    unknown: bool = False
    attempts: int = 0
    losses: int = 0
    answer: Answer = {}
    since: str = ''

    @property
    def waits(self) -> bool:
        """Whether it is to be sent now."""
        return self.state == QUEUED and not self.unknown


def after_sending(row: Row, answer: Answer) -> Tuple[Row, bool]:
    """A row after it was sent, and whether the receiver is left alone for a while.

    Args:
        answer: to it.
    """
    row = row._replace(attempts=row.attempts + 1, answer=answer)
    status = answer.get('status')
    if status is None:
        if answer['fault'] == CONTEXT:
            return row._replace(state=FAILED), False
        return row._replace(unknown=bool(answer.get('unknown'))), True
    if status in (0, _DUPLICATE) or 0xB000 <= status <= 0xBFFF:
        return row._replace(state=SENT), False
    if 0xA700 <= status <= 0xA7FF or status in (_TROUBLED, _NO_RESOURCES):
        return row, True
    return row._replace(state=FAILED), False


def after_asking(row: Row, has: bool) -> Row:
    """A row of unknown outcome after the receiver said whether it has the object: what it has counts as sent."""
    return row._replace(unknown=False, state=SENT if has else QUEUED)


def after_commitment(row: Row, stored: Sequence[str], failed: Dict[str, int]) -> Row:
    """A row after the receiver has said what it keeps and what it does not keep, with the reason."""
    if row.state not in (SENT, COMMITTED, QUEUED):
        return row
    if row.uid in stored:
        return row._replace(state=COMMITTED, unknown=False, answer={'status': 0})
    reason = failed.get(row.uid)
    if reason is None:
        return row
    answer = {'status': reason, 'commitment': True}
    if reason != _NO_SUCH_OBJECT:
        return row._replace(state=SENT, unknown=False, answer=answer)
    lost = row.state != QUEUED
    row = row._replace(state=QUEUED, unknown=False, losses=row.losses + lost, answer=answer)
    return row._replace(state=FAILED) if row.losses >= MOST_LOSSES else row


class _Left(NamedTuple):
    """What identifies an object that left, as of `Made`."""

    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str


class Receiver:
    """Where objects go. This one is the archive; another one has the same methods.

    Args:
        exams: the store.
        site: what the settings say of the hospital, with an archive.
    Attributes:
        name: of the receiver, in the rows.
        keeps_all: whether what it has committed to keep makes up for the exam on the station.
    """

    name = 'archive'
    keeps_all = True

    def __init__(self, exams: Exams, site: Site) -> None:
        assert site.archive is not None
        self._exams, self._site, self._peer = exams, site, site.archive

    def objects(self, exam: Exam) -> Iterator[Any]:
        """The objects of an exam, each as `Made`; errors as of `make_objects`."""
        return make_objects(self._exams, exam, self._site)

    def note(self, exam: Exam, rows: Sequence[Row]) -> Iterator[Any]:
        """What takes back the objects of an exam that was moved to another patient, as `Made`; errors as of `objects`.

        Args:
            rows: of objects that may have left; those that the exam gives besides are taken back too.
        """
        from .dicom.modules import Case
        from .dicom.rejection import WRONG_WORKLIST_ENTRY, rejection_note
        moved = exam.moved
        assert moved is not None
        before = replace(exam, state=SIGNED, events=exam.events[:moved.number - 1])
        told = self._exams.private(exam, moved.number)
        objects = {row.uid: _Left(row.sop_class, row.uid, row.series_uid, row.study_uid) for row in rows}
        for made in self.objects(before):
            objects.setdefault(made.sop_uid, _Left(made.sop_class, made.sop_uid, made.series_uid, made.study_uid))
        yield rejection_note(Case(self._exams, before, self._site), [objects[uid] for uid in sorted(objects)],
                             WRONG_WORKLIST_ENTRY, moved, told.get('name') or moved.operator, told['reason'])

    @contextlib.contextmanager
    def call(self, take: Take) -> Iterator['Call']:
        """A call, which begins with the first question."""
        with Link(self._peer, CLASSES, take) as link:
            yield Call(link)

    def listener(self, take: Take) -> Optional[Listener]:
        """What hears the receiver when it calls; None where it does not."""
        return Listener(self._peer, self._site.listener_port, take) if self._site.listener_port else None

    def message(self, answer: Answer) -> Message:
        """What a person is told of an answer."""
        return message_of(answer, self._peer)


class Call:
    """A call to the archive: each method gives an answer as of `service.hospital.calls`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def stop(self) -> None:
        """Have the question end that another thread waits for."""
        self._link.stop()

    def has(self, rows: Sequence[Row]) -> Answer:
        """Which it has, as ``found``."""
        return self._link.ask('find-instances', {'series': sorted({(row.study_uid, row.series_uid) for row in rows})},
                              _ANSWER_S)

    def send(self, made: Any) -> Answer:
        """Send an object."""
        return self._link.ask('store', {}, _ANSWER_S, made.data)

    def commit(self, transaction: str, rows: Sequence[Row]) -> Answer:
        """Ask that it keeps objects; what it says goes to `Take`, now or later."""
        return self._link.ask('commit', {'transaction': transaction, 'wait_s': _SAME_ASSOCIATION_S,
                                         'objects': [(row.sop_class, row.uid) for row in rows]}, _ANSWER_S)


class Told(NamedTuple):
    """What a receiver said of a commitment.

    Attributes:
        receiver, exam: of whom and of what.
        kept: how many objects of the exam it keeps.
        is_whole: whether that is all of it.
        is_removable: whether it was asked because the exam is about to be removed, and keeps all of it still.
    """

    receiver: str
    exam: str
    kept: int
    is_whole: bool
    is_removable: bool


class Store:
    """The rows on the disk, for any thread, through one connection.

    Args:
        folder: of the exams, of which this process is the one that writes.
    Attributes:
        set_aside: name of a damaged database that was put aside; empty where there was none.
    Raises:
        StorageError: as of `service.exams.store.store_error`.
    """

    def __init__(self, folder: str) -> None:
        self._folder, self._path = folder, os.path.join(folder, OUTBOX)
        self._lock = threading.Lock()
        self.set_aside = ''
        try:
            self._open()
        except sqlite3.OperationalError as error:
            raise store_error(error, folder)
        except sqlite3.DatabaseError:
            self.set_aside = '%s.damaged-%s' % (OUTBOX, uuid.uuid4().hex[:8])
            for suffix in ('-wal', '-shm', ''):
                with contextlib.suppress(FileNotFoundError):
                    move(self._path + suffix, os.path.join(folder, self.set_aside + suffix))
            self._open()

    def _open(self) -> None:
        self._base = connect(self._path, check_same_thread=False)
        try:
            if self._base.execute('PRAGMA quick_check(1)').fetchone()[0] != 'ok':
                raise sqlite3.DatabaseError('malformed')
            version = self._base.execute('PRAGMA user_version').fetchone()[0]
            with self._transaction():
                for statements in MIGRATIONS[version:]:
                    for statement in statements:
                        self._base.execute(statement)
                self._base.execute('PRAGMA user_version = %d' % len(MIGRATIONS))
                # Whether the last one before a crash left is not known; nor what an older copy of the rows missed.
                self._base.execute('UPDATE object SET unknown = 1 WHERE state = ?', (QUEUED,))
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._base.close()

    def rows(self, exam: str = '', receiver: str = '', states: Sequence[str] = STATES, limit: int = -1) -> List[Row]:
        """Rows, those first that came into their states first.

        Args:
            exam, receiver: which; empty for any.
            states: of them.
            limit: most of them; -1 for all.
        """
        found = self._all('SELECT %s FROM object WHERE (exam = ? OR ? = \'\') AND (receiver = ? OR ? = \'\') AND '
                          'state IN (%s) ORDER BY since, name LIMIT ?' % (
                              ', '.join(Row._fields), ', '.join('?' * len(states))),
                          (exam, exam, receiver, receiver) + tuple(states) + (limit,))
        return [_row(values) for values in found]

    def counts(self) -> Dict[str, int]:
        """How many objects are in each state."""
        return dict({state: 0 for state in STATES}, **dict(self._all(
            'SELECT state, count(*) FROM object GROUP BY state', ())))

    def oldest(self) -> str:
        """Since when the oldest one waits that is not committed, UTC ISO-8601; empty where none does."""
        found = self._all('SELECT min(since) FROM object WHERE state IN (?, ?)', (QUEUED, SENT))[0][0]
        return found or ''

    def busy(self, receiver: str) -> List[str]:
        """Exams of which something is not committed, the oldest first."""
        return [exam for exam, in self._all(
            'SELECT exam FROM object WHERE receiver = ? AND state IN (?, ?) GROUP BY exam ORDER BY min(since)',
            (receiver, QUEUED, SENT))]

    def exams(self, receiver: str) -> Dict[str, Tuple[int, str]]:
        """Of every exam whose objects all have rows, the last event that they know, and when all were committed."""
        return {exam: (seq, committed) for exam, seq, committed in self._all(
            'SELECT id, seq, committed FROM exam WHERE receiver = ?', (receiver,))}

    def exam(self, receiver: str, exam: str) -> Tuple[int, str]:
        """The same of one exam; 0 and nothing where it has no rows."""
        found = self._all('SELECT seq, committed FROM exam WHERE receiver = ? AND id = ?', (receiver, exam))
        return (found[0][0], found[0][1]) if found else (0, '')

    def put(self, rows: Sequence[Row]) -> None:
        """Keep rows."""
        with self._writing():
            for row in rows:
                self._put(row)

    def settle(self, receiver: str, exam: str, seq: int, gone: Sequence[str], now: str) -> None:
        """Note that all objects of an exam have rows, up to an event; those of `gone` are not its objects any more."""
        with self._writing():
            for uid in gone:
                self._base.execute('DELETE FROM object WHERE receiver = ? AND uid = ?', (receiver, uid))
            self._base.execute('INSERT OR IGNORE INTO exam VALUES (?, ?, 0, \'\')', (exam, receiver))
            self._base.execute('UPDATE exam SET seq = ? WHERE id = ? AND receiver = ?', (seq, exam, receiver))
            self._note_whole(receiver, exam, now)

    def forget(self, exam: str) -> None:
        """An exam was removed from the station."""
        with self._writing():
            for table, column in (('object', 'exam'), ('exam', 'id'), ('commitment', 'exam')):
                self._base.execute('DELETE FROM %s WHERE %s = ?' % (table, column), (exam,))

    def ask(self, receiver: str, exam: str, removal: bool) -> str:
        """A new transaction of commitment, which is known from now on."""
        transaction = '2.25.%d' % uuid.uuid4().int
        with self._writing():
            self._base.execute('INSERT INTO commitment VALUES (?, ?, ?, ?)', (transaction, receiver, exam, removal))
        return transaction

    def answered(self, transaction: str, stored: Sequence[str], failed: Dict[str, int], now: str
                 ) -> Optional['Told']:
        """Keep what a receiver says of a commitment; None for a transaction that nobody began."""
        with self._writing():
            found = self._base.execute('SELECT receiver, exam, removal FROM commitment WHERE transaction_uid = ?',
                                       (transaction,)).fetchone()
            if found is None:
                return None
            receiver, exam, removal = found
            rows = self._rows_of(receiver, exam)
            changed = [after_commitment(row, stored, failed) for row in rows]
            for before, after in zip(rows, changed):
                if after != before:
                    self._put(after._replace(since=now if after.state != before.state else before.since))
            self._base.execute('DELETE FROM commitment WHERE transaction_uid = ?', (transaction,))
            kept = {row.uid for row in changed if row.state == COMMITTED}
            is_whole = self._note_whole(receiver, exam, now)
            return Told(receiver, exam, len(kept), is_whole, bool(removal and is_whole and kept <= set(stored)))

    def _rows_of(self, receiver: str, exam: str) -> List[Row]:
        return [_row(values) for values in self._base.execute(
            'SELECT %s FROM object WHERE exam = ? AND receiver = ?' % ', '.join(Row._fields), (exam, receiver))]

    def _note_whole(self, receiver: str, exam: str, now: str) -> bool:
        """Note since when all of an exam is committed, if it is; whether it is."""
        is_whole = all(row.state in (COMMITTED, REJECTED) for row in self._rows_of(receiver, exam))
        if not is_whole:
            now = ''
        self._base.execute('UPDATE exam SET committed = ? WHERE id = ? AND receiver = ? AND (? OR committed = \'\')',
                           (now, exam, receiver, not is_whole))
        return is_whole

    def _put(self, row: Row) -> None:
        self._base.execute('INSERT OR REPLACE INTO object (%s) VALUES (%s)' % (
            ', '.join(Row._fields), ', '.join('?' * len(row))), [
                json.dumps(value) if isinstance(value, dict) else value for value in row])

    def _all(self, text: str, values: Sequence[Any]) -> List[Any]:
        with self._lock:
            try:
                return self._base.execute(text, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise store_error(error, self._folder)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                with self._transaction():
                    yield
            except sqlite3.Error as error:
                raise store_error(error, self._folder)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute('BEGIN IMMEDIATE')
        try:
            yield
            self._base.execute('COMMIT')
        except BaseException:
            if self._base.in_transaction:
                self._base.execute('ROLLBACK')
            raise


def kept_rows(folder: str) -> Tuple[Dict[str, int], Dict[Tuple[str, str], Tuple[int, str]]]:
    """How many objects are in each state, and by exam and receiver what `Store.exam` says; also beside a service.

    Args:
        folder: of the exams.

    Raises:
        StorageError: ``outbox-unreadable``.
    """
    path = os.path.abspath(os.path.join(folder, OUTBOX))
    if not os.path.exists(path):
        return {}, {}
    try:
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % urllib.parse.quote(path), uri=True)) as base:
            return (dict(base.execute('SELECT state, count(*) FROM object GROUP BY state').fetchall()),
                    {(exam, receiver): (seq, committed) for exam, receiver, seq, committed in base.execute(
                        'SELECT id, receiver, seq, committed FROM exam')})
    except sqlite3.Error as error:
        raise StorageError('outbox-unreadable', 'The list of what was sent cannot be read.',
                           'Start the station; it makes it anew.', repr(error))


def has_arrived(folder: str, site: Site) -> Optional[Callable[[Exam], bool]]:
    """`Outbox.has_all` beside a service; None where nothing is sent. Errors as of `kept_rows`."""
    names = ['archive'] * (site.archive is not None) + ['fhir'] * bool(site.fhir_url)
    kept = kept_rows(folder)[1]
    return (lambda exam: all(kept.get((exam.id, name), (0, '')) >= (_version(exam), '0') for name in names)
            ) if names else None


def receivers_of(exams: Exams, site: Site) -> List[Any]:
    """Where signed exams go by the settings."""
    found: List[Any] = [Receiver(exams, site)] if site.archive is not None else []
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


def _row(values: Sequence[Any]) -> Row:
    named = dict(zip(Row._fields, values))
    return Row(**dict(named, unknown=bool(named['unknown']), answer=json.loads(named['answer'])))
