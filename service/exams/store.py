"""The index of the exams: an SQLite database that can be made anew from their folders at any time.

Every SQLite before 3.51.3 can damage a database in WAL mode while two connections write to it or checkpoint it, so one
process writes, through one connection and in one thread; every other connection is opened with ``mode=ro``, which never
checkpoints. It says nothing that SQLite 3.21 does not understand.
"""
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import sqlite3
import urllib.parse
import uuid
from typing import Any, Collection, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..durable import atomic_write, make_folders, move, storage_error, sync_folder
from ..messages import StorageError
from .exam import Exam

DATABASE, LOCK = 'exams.db', 'store.lock'
#: What was sent of the exams, as `service.hospital.outbox_rows` keeps it; it is made anew by asking the archive.
OUTBOX = 'outbox.db'

#: Statements that lead from each version of the schema to the next one; the version is the number of those done.
#: A version that was released is never changed, and a new one is added at the end.
MIGRATIONS: Tuple[Tuple[str, ...], ...] = ((
    'CREATE TABLE exam (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, '
    'seq INTEGER NOT NULL, captures INTEGER NOT NULL, created TEXT NOT NULL, clock TEXT NOT NULL, '
    'operator TEXT NOT NULL, patient TEXT NOT NULL, encrypted INTEGER NOT NULL, row_sha256 TEXT NOT NULL)',
    'CREATE INDEX exam_by_state ON exam (state, number)',
    'CREATE TABLE token (token TEXT NOT NULL, exam INTEGER NOT NULL REFERENCES exam (number), '
    'PRIMARY KEY (token, exam)) WITHOUT ROWID',
    'CREATE INDEX token_by_exam ON token (exam)',
    'CREATE TABLE intent (exam TEXT PRIMARY KEY) WITHOUT ROWID'),)

#: Held through the connection's life, and read back, since a build of SQLite may ignore one.
_PRAGMAS = (('foreign_keys', 1), ('mmap_size', 0), ('secure_delete', 1), ('cell_size_check', 1), ('temp_store', 2))
_FULL = 2

_COLUMNS = 'number, id, state, seq, captures, created, clock, operator, patient, encrypted'
_PLACES = ', '.join('?' * 11)

_RESTART = 'Restart the station. If it happens again, exchange the card.'


class Row(NamedTuple):
    """What the index knows of an exam.

    Attributes:
        number, id, state, patient, encrypted: as of `Exam`.
        seq: of its last event.
        captures: how many it has.
        created: when by the clock of that moment, and `clock` how far that can be trusted.
        operator: who made it.
    """

    number: int
    id: str
    state: str
    seq: int
    captures: int
    created: str
    clock: str
    operator: str
    patient: str
    encrypted: bool

    @property
    def sha256(self) -> str:
        """Hash that stands beside the row, since SQLite notices no changed value."""
        return hashlib.sha256(json.dumps(self, separators=(',', ':'), default=repr).encode('ascii')).hexdigest()


def row_of(exam: Exam) -> Row:
    """The row of an exam."""
    first, last = exam.events[0], exam.events[-1]
    return Row(exam.number, exam.id, exam.state, last.seq, len(exam.captures), first.stamp.utc, first.stamp.clock,
               first.operator, exam.patient, exam.encrypted)


class StoreLock:
    """The right to change a store, for one process until it ends; the kernel takes it back however that happens.

    Args:
        folder: of the store; made where it is missing.
    Raises:
        StorageError: ``store-busy`` while another process has it, or what `storage_error` says.
    """

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, LOCK)
        try:
            make_folders(folder)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, path)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise storage_error(error, path)
            raise StorageError('store-busy', 'The exams in %s are kept by a program that is running.' % folder,
                               'Stop it first: systemctl stop thermoscreen')

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


class Store:
    """The database, open for writing in the thread that makes this; sqlite3 refuses every other thread.

    Args:
        folder: of the store, for which this process has the `StoreLock`.
    Attributes:
        is_new: nothing is in it yet: `fill` comes first.
        set_aside: name of a damaged database that was put aside; empty where there was none.
    Raises:
        StorageError: ``store-version`` for a database that a newer version made; ``disk-full`` or ``store-failing``.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, DATABASE)
        self.set_aside = ''
        try:
            version = self._open()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise store_error(error, folder)
            self.set_aside = self._put_aside('damaged')
            version = self._open_or_raise()
        self.is_new = version == 0
        if 0 < version < len(MIGRATIONS):
            self._migrate(version)
        self._intents = set() if self.is_new else {exam for exam, in self._base.execute('SELECT exam FROM intent')}

    @property
    def intents(self) -> Tuple[str, ...]:
        """Exams whose folders may be ahead of the index."""
        return tuple(sorted(self._intents))

    def last(self) -> Tuple[int, int]:
        """The highest number of an exam and of an event."""
        number, seq = self._base.execute('SELECT max(number), max(seq) FROM exam').fetchone()
        return number or 0, seq or 0

    def fill(self, exams: Iterable[Exam]) -> None:
        """Make the tables and put all exams into them, in one transaction: a new database is complete or empty.

        Raises:
            StorageError: as `Store`.
        """
        with self._transaction():
            self._advance(0)
            for exam in exams:
                self._insert(exam)
        self._intents, self.is_new = set(), False

    def intend(self, exam_id: str, keep: Collection[str] = ()) -> None:
        """Note, durably, that the folder of an exam is about to change.

        Older notes are dropped in the same transaction, except those of `keep`.

        Raises:
            StorageError: as `Store`.
        """
        if exam_id in self._intents:
            return
        done = self._intents - set(keep)
        with self._transaction():
            self._base.executemany('DELETE FROM intent WHERE exam = ?', [(exam,) for exam in done])
            self._base.execute('INSERT INTO intent VALUES (?)', (exam_id,))
        self._intents = (self._intents - done) | {exam_id}

    def settle(self, keep: Collection[str] = ()) -> None:
        """Drop all notes of `intend` except those of `keep`.

        Raises:
            StorageError: as `Store`.
        """
        done = self._intents - set(keep)
        if done:
            with self._transaction():
                self._base.executemany('DELETE FROM intent WHERE exam = ?', [(exam,) for exam in done])
            self._intents -= done

    def put(self, exam: Exam) -> None:
        """Have the index say what the folder of an exam says.

        Its tokens are those it came with: a patient is never exchanged.

        Raises:
            StorageError: as `Store`.
        """
        row = row_of(exam)
        with self._transaction():
            known = self._base.execute('SELECT number FROM exam WHERE id = ? OR number = ?', (exam.id, exam.number))
            if [number for number, in known.fetchall()] == [exam.number]:
                self._base.execute('UPDATE exam SET (%s, row_sha256) = (%s) WHERE number = ?' % (_COLUMNS, _PLACES),
                                   tuple(row) + (row.sha256, exam.number))
            else:
                self._insert(exam)

    def drop(self, exam_id: str) -> None:
        """Forget an exam whose folder is gone.

        Raises:
            StorageError: as `Store`.
        """
        with self._transaction():
            self._base.execute('DELETE FROM token WHERE exam IN (SELECT number FROM exam WHERE id = ?)', (exam_id,))
            self._base.execute('DELETE FROM exam WHERE id = ?', (exam_id,))

    def close(self) -> None:
        """Close the database; its journal goes with that."""
        self._base.close()

    def replace(self) -> None:
        """Put the database aside and begin an empty one, for `fill`.

        Raises:
            StorageError: as `Store`.
        """
        self._base.close()
        self._put_aside('replaced')
        self._open_or_raise()
        self._intents, self.is_new = set(), True

    def _open_or_raise(self) -> int:
        try:
            return self._open()
        except sqlite3.Error as error:
            raise store_error(error, self._folder)

    def _open(self) -> int:
        """Connect; the version of what is there. What a stop without warning left is examined first."""
        unclean = _size(self._path + '-wal') > 0
        self._base = connect(self._path)
        try:
            version: int = self._base.execute('PRAGMA user_version').fetchone()[0]
            if unclean and self._base.execute('PRAGMA quick_check').fetchone()[0] != 'ok':
                raise sqlite3.DatabaseError('quick_check: malformed')
            _check_version(version, self._folder)
            # The journal is made by the first transaction; SQLite ignores where the disk fails to keep its name.
            self._base.execute('BEGIN IMMEDIATE')
            self._base.execute('PRAGMA user_version = %d' % version)
            self._base.execute('COMMIT')
            try:
                sync_folder(self._folder)
            except OSError as error:
                raise storage_error(error, self._path)
        except BaseException:
            self._base.close()
            raise
        return version

    def _migrate(self, version: int) -> None:
        """Bring an older database to this version, after a copy of it was made."""
        try:
            self._base.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
            # Reading the file while this process has it open would drop the locks of SQLite.
            self._base.close()
            with open(self._path, 'rb') as stream:
                atomic_write('%s.version-%d' % (self._path, version), stream.read())
        except (sqlite3.Error, OSError) as error:
            raise store_error(error, self._folder)
        self._open_or_raise()
        with self._transaction():
            self._advance(version)

    def _advance(self, version: int) -> None:
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                self._base.execute(statement)
        self._base.execute('PRAGMA user_version = %d' % len(MIGRATIONS))

    def _put_aside(self, why: str) -> str:
        """Rename the database and its journal; nothing is deleted."""
        name = '%s.%s-%s' % (DATABASE, why, uuid.uuid4().hex[:8])
        try:
            for suffix in ('-wal', '-shm', ''):
                with contextlib.suppress(FileNotFoundError):
                    move(self._path + suffix, os.path.join(self._folder, name + suffix))
        except OSError as error:
            raise storage_error(error, self._path)
        return name

    def _insert(self, exam: Exam) -> None:
        row = row_of(exam)
        self._base.execute('INSERT INTO exam (%s, row_sha256) VALUES (%s)' % (_COLUMNS, _PLACES),
                           tuple(row) + (row.sha256,))
        self._base.executemany('INSERT INTO token VALUES (?, ?)', [(token, exam.number) for token in set(exam.tokens)])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with transaction(self._base):
                yield
        except sqlite3.Error as error:
            raise store_error(error, self._folder)


class Reader:
    """The index for looking; any number at once, in any thread, also of other processes.

    Args:
        folder: of the store.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def rows(self, tokens: Sequence[str] = (), state: str = '', after: int = 0, limit: int = 50
             ) -> List[Tuple[Row, bool]]:
        """Exams, the newest first, and whether each row is as it was written.

        Args:
            tokens: which all belong to the patient.
            state: of the exam; empty for any.
            after: number of the last exam of the page before; 0 for the first page.
            limit: most of them.

        Raises:
            StorageError: ``store-missing``, ``store-version``, ``disk-full`` or ``store-failing``.
        """
        where, values = [], []  # type: List[str], List[Any]
        if len(tokens) > 1:
            # Of exams with the rarest word the others are looked up; a common one may belong to every tenth exam.
            tokens = sorted(tokens, key=self._commonness)
        if tokens:
            source = 'token JOIN exam ON exam.number = token.exam'
            where.append('token.token = ?')
            values.append(tokens[0])
            for token in tokens[1:]:
                where.append('EXISTS (SELECT 1 FROM token AS other WHERE other.token = ? AND other.exam = token.exam)')
                values.append(token)
        else:
            source = 'exam'
        number = 'token.exam' if tokens else 'exam.number'
        if after:
            where.append('%s < ?' % number)
            values.append(after)
        if state:
            where.append('exam.state = ?')
            values.append(state)
        text = 'SELECT %s, row_sha256 FROM %s%s ORDER BY %s DESC LIMIT ?' % (
            _COLUMNS, source, ' WHERE ' + ' AND '.join(where) if where else '', number)
        return [_checked(values) for values in self._all(text, values + [limit])]

    def row(self, exam_id: str) -> Optional[Tuple[Row, bool]]:
        """One exam, or None where the index has none of that id."""
        found = self._all('SELECT %s, row_sha256 FROM exam WHERE id = ?' % _COLUMNS, [exam_id])
        return _checked(found[0]) if found else None

    def tokens(self, number: int) -> List[str]:
        """What a search finds an exam by, in order."""
        return [token for token, in self._all('SELECT token FROM token WHERE exam = ? ORDER BY token', [number])]

    def counts(self) -> Dict[str, int]:
        """How many exams are in each state that occurs."""
        return dict(self._all('SELECT state, count(*) FROM exam GROUP BY state', []))

    def check(self) -> str:
        """What SQLite says of the whole database: ``'ok'``, or what is wrong first."""
        return str(self._all('PRAGMA integrity_check(1)', [])[0][0])

    def _commonness(self, token: str) -> int:
        """How many exams have a token, as far as it matters."""
        found: int = self._all('SELECT count(*) FROM (SELECT 1 FROM token WHERE token = ? LIMIT 1000)', [token])[0][0]
        return found

    def _all(self, text: str, values: Sequence[Any]) -> List[Any]:
        path = os.path.join(self._folder, DATABASE)
        if not os.path.exists(path):
            raise StorageError('store-missing', 'There is no database of exams in %s.' % self._folder,
                               'Check the folder. thermoscreen exams rebuild makes it from the folders of exams.')
        try:
            base = sqlite3.connect('file:%s?mode=ro' % urllib.parse.quote(os.path.abspath(path)), uri=True,
                                   isolation_level=None)
            with contextlib.closing(base):
                # A flipped byte may be no UTF-8 any more; the hash of its row says that it is wrong.
                base.text_factory = _decoded
                base.execute('PRAGMA mmap_size = 0').fetchall()
                _check_version(base.execute('PRAGMA user_version').fetchone()[0], self._folder)
                return base.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(error, self._folder)


def connect(path: str, check_same_thread: bool = True) -> sqlite3.Connection:
    """Open a database for writing so that what was committed is on the disk.

    Args:
        path: of its file.
        check_same_thread: as of `sqlite3.connect`.

    Raises:
        StorageError: ``store-failing`` where it cannot be written durably.
        sqlite3.Error: it cannot be opened.
    """
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=check_same_thread)
    try:
        _set_pragmas(base)
        mode = base.execute('PRAGMA journal_mode = WAL').fetchone()[0]
        base.execute('PRAGMA synchronous = FULL')
        if mode != 'wal' or base.execute('PRAGMA synchronous').fetchone()[0] != _FULL:
            raise StorageError('store-failing', 'The database of exams in %s cannot be written durably.'
                               % os.path.dirname(path), 'Choose a folder on a disk of this machine with ext4.', mode)
    except BaseException:
        base.close()
        raise
    return base


@contextlib.contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """All that is written in it, or nothing; for a connection that `connect` gave."""
    base.execute('BEGIN IMMEDIATE')
    try:
        yield
        base.execute('COMMIT')
    except BaseException:
        if base.in_transaction:
            base.execute('ROLLBACK')
        raise


def store_error(error: Exception, folder: str) -> StorageError:
    """The error for a database that cannot be read or written: SQLite often calls a full disk something else."""
    if isinstance(error, OSError):
        return storage_error(error, os.path.join(folder, DATABASE))
    with contextlib.suppress(OSError):
        space = os.statvfs(folder)
        if 'full' in str(error) or space.f_bavail == 0:
            return storage_error(OSError(errno.ENOSPC, str(error)), os.path.join(folder, DATABASE))
    if isinstance(error, sqlite3.DatabaseError) and _is_damage(error):
        return StorageError('store-damaged', 'The database of exams in %s is damaged.' % folder,
                            'Stop the station and run thermoscreen exams rebuild; the exams are in their folders.',
                            repr(error))
    return StorageError('store-failing', 'The database of exams in %s does not answer (%s).' % (folder, error),
                        _RESTART, repr(error))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is wrong, and not the disk, the memory or the permissions."""
    text = str(error)
    return any(word in text for word in ('malformed', 'not a database', 'no such table', 'no such column'))


def _check_version(version: int, folder: str) -> None:
    if version > len(MIGRATIONS):
        raise StorageError('store-version', 'The database of exams in %s is of version %d, and this program knows '
                           'version %d.' % (folder, version, len(MIGRATIONS)), 'Update the program.')


def _set_pragmas(base: sqlite3.Connection) -> None:
    for name, value in _PRAGMAS:
        base.execute('PRAGMA %s = %d' % (name, value)).fetchall()
        held = base.execute('PRAGMA %s' % name).fetchone()
        if held is not None and held[0] != value:
            raise sqlite3.OperationalError('%s is %s' % (name, held[0]))


def _checked(values: Tuple[Any, ...]) -> Tuple[Row, bool]:
    row = Row(*values[:-2] + (bool(values[-2]),))
    return row, row.sha256 == values[-1]


def _decoded(text: bytes) -> str:
    return str(text, 'utf-8', 'replace')


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size
    return 0
