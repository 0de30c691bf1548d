"""The engine store: plans with their sidecars, written whole, and refused with the reason when they do not fit."""
import hashlib
import os
import stat
import time
from dataclasses import dataclass, field

from ..durable import atomic_write, atomic_write_json
from ..messages import BackendError, ThermoscreenError
from .folder import check_writable, one_builder
from .key import MACHINE_FIELDS, EngineKey, in_words
from .record import read_record

#: `choice.json` and other files of the folder are not sidecars.
SIDECAR, PLAN = '.engine.json', '.plan'

#: A temporary file this old belongs to nobody any more.
_ABANDONED_S = 3600.0


@dataclass(frozen=True)
class Entry:
    """One engine of the store as its sidecar says.

    Attributes:
        name (str): stem of its files.
        record (dict): the sidecar; None where it cannot be read.
        problem (ThermoscreenError): why it cannot be read, or None.
    """

    name: str
    record: dict = None
    problem: ThermoscreenError = None

    @property
    def key(self):
        """The engine's `EngineKey`; only where there is a record."""
        return EngineKey.from_dict(self.record['key'])


@dataclass(frozen=True)
class StoredEngine:
    """An engine that was found, fits this machine, and has the bytes its sidecar was written with.

    Attributes:
        name (str), key (EngineKey), record (dict): as in `Entry`.
        plan (bytes): the plan, as hashed. A plan is native code: nothing else may be handed to TensorRT.
        notes (tuple of str): sentences worth showing, such as that it was built in another power mode.
    """

    name: str
    key: EngineKey
    plan: bytes = field(repr=False)
    record: dict = field(repr=False, default_factory=dict)
    notes: tuple = ()


class EngineStore:
    """A folder of engines.

    The sidecar is what makes a plan an engine: it is written last and names its plan, whose file name
    holds its hash. Whatever fails or is killed before leaves the older engine as it was.

    Args:
        folder (str): it need not exist until something is built.
    """

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def check_writable(self, model_bytes=0):
        """See `folder.check_writable`; to be called before a build, not after."""
        check_writable(self.folder, model_bytes)

    def lock(self, purpose='a build'):
        """Context manager: one builder at a time; see `folder.one_builder`."""
        return one_builder(self.folder, purpose)

    def list(self):
        """Every engine as an `Entry`, readable or not, by name."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [self._entry(name[:-len(SIDECAR)]) for name in names
                if name.endswith(SIDECAR) and not name.startswith('.')]

    def entry(self, name):
        """The `Entry` of a name.

        Raises:
            BackendError: ``engine-missing``.
        """
        for entry in self.list():
            if entry.name == name:
                return entry
        raise BackendError('engine-missing', 'There is no engine called %s in %s; thermoscreen engines list shows what '
                           'is there.' % (name, self.folder))

    def write(self, key, plan, record):
        """Keep a proven engine; one of the same key is replaced, at the last moment.

        Args:
            key (EngineKey): what it was built from and for.
            plan (bytes): the plan.
            record (dict): what ``record.schema.json`` wants besides ``schema``, ``key`` and ``plan``.
        Returns:
            dict: the whole record.
        Raises:
            StorageError: the disk refused; the store is as it was.
        """
        digest = hashlib.sha256(plan).hexdigest()
        plan_name = '%s.%s%s' % (key.name, digest[:12], PLAN)
        record = dict(record, schema=1, key=key.to_dict(),
                      plan={'file': plan_name, 'sha256': digest, 'bytes': len(plan)})
        path = os.path.join(self.folder, plan_name)
        fresh = not os.path.exists(path)
        atomic_write(path, plan)
        try:
            atomic_write_json(self._sidecar(key.name), record)
        except BaseException:
            if fresh:
                _unlink(path)
            raise
        self.sweep()
        return record

    def find(self, key, bundle=''):
        """The engine for a question, checked.

        Args:
            key (EngineKey): the question; `flags` None takes an engine of any build options.
            bundle (str): id of the bundle, so that an engine of its older version is told from none.
        Returns:
            StoredEngine: of several the one built in this power mode, then the newest.
        Raises:
            BackendError: ``engine-missing``; ``engine-stale`` or ``engine-foreign``, naming each field
                that differs with both values; ``engine-tampered``; ``engine-unreadable``.
        """
        entries = self.list()
        there = [entry for entry in entries if entry.record]
        fitting = [entry for entry in there if not key.differences(entry.key)]
        problems = [entry.problem for entry in entries if entry.problem and _could_be(entry.name, key)]
        for entry in sorted(fitting, key=lambda entry: entry.record['built_at'], reverse=True):
            if entry.key.power_mode == key.power_mode:
                fitting.remove(entry)
                fitting.insert(0, entry)
                break
        for entry in fitting:
            try:
                return self._load(entry, key)
            except BackendError as error:
                problems.insert(0, error)
        if problems:
            raise problems[0]
        raise self._refusal(key, bundle, there)

    def load(self, entry):
        """An `Entry` with its plan, whatever machine it is for.

        Raises:
            BackendError: ``engine-unreadable`` or ``engine-tampered``.
        """
        if entry.problem:
            raise entry.problem
        return self._load(entry, entry.key)

    def remove(self, name):
        """Delete an engine: the sidecar first, so that no moment shows half of one.

        Raises:
            BackendError: ``engine-missing``.
            StorageError: the disk refused.
        """
        self.entry(name)
        check_writable(self.folder)
        _unlink(self._sidecar(name))
        self.sweep()

    def remove_superseded(self, record):
        """Delete what a proven engine replaces: the same bundle, precision and machine, but an older version
        of the bundle or another TensorRT. Other build options and power modes stay, to be measured against.

        Args:
            record (dict): of the engine that was just written.
        Returns:
            list of str: names of what was deleted.
        """
        gone = [entry.name for entry in self.list() if entry.record and _supersedes(record, entry.record)]
        for name in gone:
            self.remove(name)
        return gone

    def sweep(self):
        """Delete plans that no sidecar names and what a killed writer left behind."""
        there = {entry.name: entry for entry in self.list()}
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if name.endswith(PLAN):
                entry = there.get(name[:-len(PLAN)].rpartition('.')[0])
                # What an unreadable sidecar may name stays until that is removed.
                if entry is None or (entry.record and entry.record['plan']['file'] != name):
                    _unlink(path)
            elif name.startswith('.') and name.endswith('.part') and _age_s(path) > _ABANDONED_S:
                _unlink(path)

    def _sidecar(self, name):
        return os.path.join(self.folder, name + SIDECAR)

    def _entry(self, name):
        try:
            return Entry(name, read_record(self._sidecar(name)))
        except BackendError as error:
            return Entry(name, problem=error)

    def _load(self, entry, key):
        stated, path = entry.record['plan'], os.path.join(self.folder, entry.record['plan']['file'])
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise BackendError('engine-tampered', '%s is not a plain file; build the engine again.' % path)
            with open(path, 'rb') as stream:
                plan = stream.read(stated['bytes'] + 1)
        except OSError as error:
            raise BackendError('engine-unreadable', 'The engine %s cannot be read; build it again with thermoscreen '
                               'compile.' % path, detail=str(error))
        if hashlib.sha256(plan).hexdigest() != stated['sha256']:
            raise BackendError('engine-tampered', 'The engine %s is not the file that was built and proven; it will '
                               'not be loaded. Build it again with thermoscreen compile.' % path)
        return StoredEngine(entry.name, entry.key, plan, entry.record, _notes(key, entry))

    def _refusal(self, key, bundle, entries):
        near = [entry for entry in entries if entry.key.precision == key.precision
                and (entry.key.onnx_sha256 == key.onnx_sha256 or (bundle and entry.record['bundle']['id'] == bundle))]
        if not near:
            return BackendError('engine-missing', 'There is no %s engine of this model in %s; build one with '
                                'thermoscreen compile.' % (key.precision, self.folder))
        nearest = min(near, key=lambda entry: len(key.differences(entry.key)))
        fields = key.differences(nearest.key)
        foreign = any(name in MACHINE_FIELDS for name in fields)
        return BackendError('engine-foreign' if foreign else 'engine-stale', 'The engine %s is %s (%s); build one here '
                            'with thermoscreen compile.' % (nearest.name, 'of another machine' if foreign else
                                                            'out of date', in_words(key, nearest.key, fields)))


def _could_be(name, key):
    """Whether an unreadable sidecar's name says that it was for this question."""
    return name.startswith('%s-%s-' % (key.precision, key.onnx_sha256[:8]))


def _notes(key, entry):
    notes = list(entry.record.get('notes', ()))
    if entry.key.power_mode != key.power_mode:
        notes.append('The engine was built in power mode %s and runs in %s: it is right, but may be slower than one '
                     'built in this mode.' % (entry.key.power_mode or 'unknown', key.power_mode or 'unknown'))
    return tuple(notes)


def _supersedes(new, old):
    same = (new['bundle']['id'] == old['bundle']['id']
            and all(new['key'][name] == old['key'][name] for name in ('precision', 'sm', 'board')))
    return same and (new['bundle']['hash'] != old['bundle']['hash'] or new['key']['tensorrt'] != old['key']['tensorrt'])


def _age_s(path):
    try:
        return time.time() - os.lstat(path).st_mtime
    except OSError:
        return 0.0


def _unlink(path):
    try:
        os.unlink(path)
    except OSError:
        pass
