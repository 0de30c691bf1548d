"""The engine store: a folder of plans with their records, written as a whole, and refused with the reason."""
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

from ..durable import atomic_write, atomic_write_json, clear_parts, hidden_file, storage_error
from ..messages import BackendError, StorageError, ThermoscreenError, shown_size
from ..schema import schema_problem
from .key import MACHINE_FIELDS, EngineKey, describe_differences

#: Suffixes of an engine's two files; `choice.json` and other files of the folder are not records.
RECORD, PLAN = '.engine.json', '.plan'

_SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'record.schema.json')

#: A record is a page of text; its warnings are truncated where they are collected.
_MAX_RECORD_BYTES = 256 * 1024

#: Free space required before a build, as a multiple of the ONNX file: an FP32 plan is about as large as its ONNX file,
#: the old one stays beside it, and the timing cache comes on top.
_SPACE_FACTOR, _MIN_SPACE_BYTES = 3, 32 << 20

_LOCK_NAME = '.lock'

_BUILD_AGAIN = 'Build it again with thermoscreen compile.'


@dataclass(frozen=True)
class Entry:
    """One engine of the store, as its record describes it.

    Attributes:
        name: stem of its files.
        record: as ``record.schema.json`` describes it; empty where it cannot be read.
        problem: why it cannot be read, or None.
    """

    name: str
    record: Dict[str, Any] = field(default_factory=dict)
    problem: Optional[ThermoscreenError] = None

    @property
    def key(self) -> EngineKey:
        """The engine's key; only where there is a record."""
        return EngineKey.from_dict(self.record['key'])


@dataclass(frozen=True)
class StoredEngine:
    """An engine that fits this machine and has the bytes that its record was written with.

    Attributes:
        name: as in `Entry`.
        key: as in `Entry`.
        plan: the plan, as hashed. A plan is native code: nothing else may be handed to TensorRT.
        record: as in `Entry`.
        notes: sentences worth showing, such as that it was built in another power mode.
    """

    name: str
    key: EngineKey
    plan: bytes = field(repr=False)
    record: Dict[str, Any] = field(repr=False, default_factory=dict)
    notes: Tuple[str, ...] = ()


class EngineStore:
    """A folder of engines.

    The record is what makes a plan an engine: it is written last and names its plan, whose file name holds its hash. A
    write that fails or is killed before that leaves the older engine as it was.

    Args:
        folder: it need not exist until something is built.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)

    def check_writable(self, model_bytes: int = 0) -> None:
        """Create the folder and write to it, so that nobody waits minutes for an engine that cannot be kept.

        Args:
            model_bytes: size of the ONNX file that will be compiled.
        Raises:
            StorageError: ``engine-store-unwritable`` or ``disk-full``.
        """
        try:
            os.makedirs(self.folder, exist_ok=True)
            with hidden_file(self.folder, b'?'):
                pass
            space = os.statvfs(self.folder)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise storage_error(error, self.folder)
            raise StorageError('engine-store-unwritable', 'Engines cannot be kept in %s (%s).'
                               % (self.folder, error.strerror or error),
                               'Make the folder writable for this user or name another one with --engines.',
                               detail=repr(error))
        free, needed = space.f_bavail * space.f_frsize, max(_SPACE_FACTOR * model_bytes, _MIN_SPACE_BYTES)
        if free < needed:
            raise StorageError('disk-full', '%s are free where engines are kept (%s), and a build may need %s.'
                               % (shown_size(free), self.folder, shown_size(needed)), 'Free some space first.')

    def lock(self, purpose: str = 'a build') -> ContextManager[None]:
        """Hold the folder's lock, so that one program builds at a time.

        The lock is the kernel's and ends with the process, however that ends.

        Args:
            purpose: what the holder does, for the message that another program gets.
        Raises:
            BackendError: ``engine-store-busy``, naming the holder and since when.
            StorageError: the lock file cannot be opened.
        """
        return _lock(os.path.join(self.folder, _LOCK_NAME), purpose)

    def list(self) -> List[Entry]:
        """Every engine by name, readable or not."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [self._entry(name[:-len(RECORD)]) for name in names
                if name.endswith(RECORD) and not name.startswith('.')]

    def entry(self, name: str) -> Entry:
        """The entry of a name.

        Raises:
            BackendError: ``engine-missing``.
        """
        for entry in self.list():
            if entry.name == name:
                return entry
        raise BackendError('engine-missing', 'There is no engine called %s in %s.' % (name, self.folder),
                           'Run thermoscreen engines list to see which there are.')

    def write(self, key: EngineKey, plan: bytes, record: Dict[str, Any]) -> Dict[str, Any]:
        """Store a proven engine; one of the same key is replaced at the last moment.

        Args:
            key: what it was built from and for.
            record: what ``record.schema.json`` requires besides ``schema``, ``key`` and ``plan``.
        Returns:
            The complete record.
        Raises:
            StorageError: the write failed; the store is as it was.
        """
        digest = hashlib.sha256(plan).hexdigest()
        plan_name = '%s.%s%s' % (key.name, digest[:12], PLAN)
        record = dict(record, schema=1, key=key.to_dict(),
                      plan={'file': plan_name, 'sha256': digest, 'bytes': len(plan)})
        path = os.path.join(self.folder, plan_name)
        is_new = not os.path.exists(path)
        atomic_write(path, plan)
        try:
            atomic_write_json(self._record_path(key.name), record)
        except BaseException:
            if is_new:
                _unlink(path)
            raise
        self.sweep()
        return record

    def find(self, key: EngineKey, bundle: str = '') -> StoredEngine:
        """The engine that answers a question, checked.

        Args:
            key: the question; `flags` None accepts any build options.
            bundle: id of the bundle, to tell an engine of its older version from none.
        Returns:
            Of several, one built in this power mode before others, and of those the newest that is intact.
        Raises:
            BackendError: ``engine-missing``; ``engine-stale`` or ``engine-foreign``, naming each field that differs
                with both values; ``engine-tampered``; ``engine-unreadable``.
        """
        entries = self.list()
        readable = [entry for entry in entries if entry.record]
        fitting = sorted((entry for entry in readable if not key.differences(entry.key)), reverse=True,
                         key=lambda entry: (entry.key.power_mode == key.power_mode, entry.record['built_at']))
        problems = []
        for entry in fitting:
            try:
                return self._load(entry, key)
            except BackendError as error:
                problems.append(error)
        problems += [entry.problem for entry in entries
                     if isinstance(entry.problem, BackendError) and _could_be(entry.name, key)]
        raise problems[0] if problems else self._refusal(key, bundle, readable)

    def load(self, entry: Entry) -> StoredEngine:
        """An entry with its plan, whatever machine it is for.

        Raises:
            BackendError: ``engine-unreadable`` or ``engine-tampered``.
        """
        if entry.problem:
            raise entry.problem
        return self._load(entry, entry.key)

    def remove(self, name: str) -> None:
        """Delete an engine: the record first, so that there is never half of one.

        Raises:
            BackendError: ``engine-missing``.
            StorageError: ``engine-store-unwritable``.
        """
        self.entry(name)
        try:
            os.unlink(self._record_path(name))
        except OSError as error:
            raise StorageError('engine-store-unwritable', 'The engine %s cannot be removed from %s (%s).'
                               % (name, self.folder, error.strerror or error),
                               'Make the folder writable for this user.', detail=repr(error))
        self.sweep()

    def remove_superseded(self, record: Dict[str, Any]) -> List[str]:
        """Delete what a proven engine replaces.

        That is an engine of the same bundle, precision and machine, but of an older version of the bundle or another
        TensorRT. Other build options and power modes stay, to be measured against.

        Args:
            record: of the engine that was just written.
        Returns:
            Names of the deleted engines.
        """
        superseded = [entry.name for entry in self.list() if entry.record and _supersedes(record, entry.record)]
        for name in superseded:
            self.remove(name)
        return superseded

    def sweep(self) -> None:
        """Delete plans that no record names, and what a killed writer left behind."""
        clear_parts(self.folder)
        entries = {entry.name: entry for entry in self.list()}
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if name.endswith(PLAN):
                entry = entries.get(name[:-len(PLAN)].rpartition('.')[0])
                # A plan that an unreadable record may name stays until that record is removed.
                if entry is None or (entry.record and entry.record['plan']['file'] != name):
                    _unlink(path)

    def _record_path(self, name: str) -> str:
        return os.path.join(self.folder, name + RECORD)

    def _entry(self, name: str) -> Entry:
        try:
            return Entry(name, read_record(self._record_path(name)))
        except BackendError as error:
            return Entry(name, problem=error)

    def _load(self, entry: Entry, key: EngineKey) -> StoredEngine:
        stated, path = entry.record['plan'], os.path.join(self.folder, entry.record['plan']['file'])
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise BackendError('engine-tampered', '%s is not a plain file.' % path, _BUILD_AGAIN)
            with open(path, 'rb') as stream:
                plan = stream.read(stated['bytes'] + 1)
        except OSError as error:
            raise BackendError('engine-unreadable', 'The engine %s cannot be read.' % path, _BUILD_AGAIN,
                               detail=str(error))
        if hashlib.sha256(plan).hexdigest() != stated['sha256']:
            raise BackendError('engine-tampered', 'The engine %s is not the file that was built and proven, and is '
                               'not loaded.' % path, _BUILD_AGAIN)
        return StoredEngine(entry.name, entry.key, plan, entry.record, _notes(key, entry))

    def _refusal(self, key: EngineKey, bundle: str, entries: Sequence[Entry]) -> BackendError:
        similar = [entry for entry in entries if entry.key.precision == key.precision
                   and (entry.key.onnx_sha256 == key.onnx_sha256
                        or (bundle and entry.record['bundle']['id'] == bundle))]
        if not similar:
            return BackendError('engine-missing', 'There is no %s engine of this model in %s.'
                                % (key.precision, self.folder), 'Build one with thermoscreen compile.')
        nearest = min(similar, key=lambda entry: len(key.differences(entry.key)))
        fields = key.differences(nearest.key)
        foreign = any(name in MACHINE_FIELDS for name in fields)
        return BackendError('engine-foreign' if foreign else 'engine-stale', 'The engine %s is %s (%s).'
                            % (nearest.name, 'for another machine' if foreign else 'out of date',
                               describe_differences(key, nearest.key, fields)),
                            'Build one here with thermoscreen compile.')


def default_folder() -> str:
    """The folder of the engines where none is named: the user's cache, outside every bundle."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(cache, 'thermoscreen', 'engines')


def read_record(path: str) -> Dict[str, Any]:
    """The record of an engine, as ``record.schema.json`` describes it.

    Raises:
        BackendError: ``engine-unreadable`` for a file that is truncated, not JSON or not a record.
    """
    try:
        with open(path, 'rb') as stream:
            record: Dict[str, Any] = json.loads(stream.read(_MAX_RECORD_BYTES).decode('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error))
    problem = schema_problem(_SCHEMA_PATH, record)
    if problem is not None:
        raise _unreadable(path, problem)
    return record


def _unreadable(path: str, detail: str) -> BackendError:
    return BackendError('engine-unreadable', '%s is damaged or from another version.' % path,
                        'Build the engine again with thermoscreen compile.', detail=detail)


@contextlib.contextmanager
def _lock(path: str, purpose: str) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise storage_error(error, path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise storage_error(error, path)
            raise BackendError('engine-store-busy', 'Another program is building here: %s.' % _read_holder(descriptor),
                               'Wait until it is done.', detail=path)
        _write_holder(descriptor, {
            'pid': os.getpid(), 'since': datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M:%S UTC'),
            'purpose': purpose})
        yield
        _write_holder(descriptor, None)
    finally:
        os.close(descriptor)


def _write_holder(descriptor: int, holder: Optional[Dict[str, Any]]) -> None:
    """Name the holder in the lock file. It is informative only: a full disk must not stop anyone here."""
    try:
        os.ftruncate(descriptor, 0)
        if holder:
            os.pwrite(descriptor, json.dumps(holder).encode('utf-8'), 0)
    except OSError:
        pass


def _read_holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0).decode('utf-8'))
        return '%s, process %d, since %s' % (holder['purpose'], holder['pid'], holder['since'])
    except (OSError, ValueError, KeyError, TypeError):
        return 'an unnamed task'


def _could_be(name: str, key: EngineKey) -> bool:
    """Whether the name of an unreadable record says that it was for this question."""
    return name.startswith('%s-%s-' % (key.precision, key.onnx_sha256[:8]))


def _notes(key: EngineKey, entry: Entry) -> Tuple[str, ...]:
    notes = list(entry.record.get('notes', ()))
    if entry.key.power_mode != key.power_mode:
        notes.append('The engine was built in power mode %s and runs in %s. It is correct, but may be slower than one '
                     'built in this mode.' % (entry.key.power_mode or 'unknown', key.power_mode or 'unknown'))
    return tuple(notes)


def _supersedes(new: Dict[str, Any], old: Dict[str, Any]) -> bool:
    same = (new['bundle']['id'] == old['bundle']['id']
            and all(new['key'][name] == old['key'][name] for name in ('precision', 'sm', 'board')))
    return same and bool(new['bundle']['hash'] != old['bundle']['hash']
                         or new['key']['tensorrt'] != old['key']['tensorrt'])


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
