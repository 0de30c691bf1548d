"""The rows of the outbox on the disk, and what becomes of one by what its receiver answers."""
import contextlib
import json
import os
import sqlite3
import threading
import urllib.parse
import uuid
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..durable import move
from ..exams.store import OUTBOX, connect, store_error, transaction
from ..messages import StorageError
from .calls import CONTEXT, Answer

#: States of an object. What a note took back is `REJECTED`, and never tried again.
QUEUED, SENT, COMMITTED, FAILED, REJECTED = STATES = ('queued', 'sent', 'committed', 'failed', 'rejected')

#: So often an object may be lost by an archive that said it had stored it, until a person has to look.
MOST_LOSSES = 5

#: What is stored, and what cannot be stored now but may be later, by the status of C-STORE.
_DUPLICATE, _TROUBLED, _NO_RESOURCES, _NO_SUCH_OBJECT = 0x0111, 0x0110, 0x0213, 0x0112

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
        receiver: name of one, such as of `ArchiveReceiver`.
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
            with transaction(self._base):
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
                 ) -> Optional[Told]:
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
                with transaction(self._base):
                    yield
            except sqlite3.Error as error:
                raise store_error(error, self._folder)


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


def _row(values: Sequence[Any]) -> Row:
    named = dict(zip(Row._fields, values))
    return Row(**dict(named, unknown=bool(named['unknown']), answer=json.loads(named['answer'])))
