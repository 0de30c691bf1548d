"""How the last starts ended, remembered across crashes, so that restarting comes to an end."""
import fcntl
import json
import logging
import os
import threading
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from ..durable import atomic_write_json, clear_parts, storage_error
from ..messages import Message, SettingsError, StorageError, ThermoscreenError

_log = logging.getLogger(__name__)

FILE = 'starts.json'
SCHEMA = 1

#: So many crashes within so many seconds are a crash loop.
CRASHES, WITHIN_S = 5, 60.0
#: One unfinished start per boot is a trolley that was unplugged; this many in a row mean that it never comes up.
UNFINISHED_BOOTS = 2
#: How far a start came. It is finished once the page is served; only after that does a crash count as one.
STARTING, READY, RESULT = 'starting', 'ready', 'result'

_CRASHES_KEPT = 20
#: The document of a service that was never started.
_EMPTY: Dict[str, Any] = {'schema': SCHEMA, 'start': None, 'crashes': [], 'unfinished': 0, 'safe': None,
                          'address': None}
_MAX_BYTES = 64 << 10
_BOOT_ID = '/proc/sys/kernel/random/boot_id'

_AGAIN = ('Press Try again. If this page comes back, switch the device off, wait ten seconds and switch it on. If it '
          'comes back after that too, call service and read out the code below.')
_WHEN_DONE = 'When that is done, press Try again. If this page comes back, call service and read out the code below.'

#: Why the station is in safe mode.
UNFINISHED = Message('start-unfinished', 'The station did not come up when it was last started.', _AGAIN)
CRASH_LOOP = Message('crash-loop', 'The station stopped by itself several times in a row.', _AGAIN)
STOPPED = Message('service-stopped', 'The station stopped by itself and was not started again.', _AGAIN)
ASKED = Message('safe-asked', 'The station was started in safe mode.', 'Press Try again to start it as usual.')


def give_up_reason(error: ThermoscreenError) -> Message:
    """Why the station is in safe mode after an error that kept it from starting."""
    step = error.message.next_step
    return Message(error.code, error.message.sentence, '%s %s' % (step, _WHEN_DONE) if step else _WHEN_DONE)


@dataclass(frozen=True)
class Moment:
    """One point in time on a device whose clock may be wrong.

    A Nano has no battery for its clock: UTC is right only after somebody set it, and jumps then. The monotonic clock
    can be trusted within one boot, and nothing can be trusted from one boot to the next.

    Attributes:
        boot: identity of the boot, ``''`` where the system gives none.
        monotonic_s: seconds since the boot.
        utc: ISO 8601, to the second.
    """

    boot: str
    monotonic_s: float
    utc: str

    @classmethod
    def now(cls) -> 'Moment':
        """The present moment."""
        utc = datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
        return cls(_boot_id(), round(time.monotonic(), 3), utc)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def state_folder(named: Optional[str], supervised: bool, environ: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """Folder of the service's state.

    Args:
        named: from the command line, or None.
        supervised: whether a supervisor restarts the service; without one nothing is remembered.
        environ: ``os.environ`` by default.

    Returns:
        `named`, else the folder that systemd gives (240 and newer), else the user's own; None without a supervisor.
    """
    environ = os.environ if environ is None else environ
    if named or not supervised:
        return named or None
    given = environ.get('STATE_DIRECTORY', '').split(':')[0]
    own = environ.get('XDG_STATE_HOME') or os.path.join(os.path.expanduser('~'), '.local', 'state')
    return given or os.path.join(own, 'thermoscreen')


def hold_folder(folder: str) -> Optional[int]:
    """Take a state folder for this process alone, for as long as it lives.

    The lock is on the folder itself, so it leaves no file behind and holds on a read-only disk as well.

    Args:
        folder: made where it is absent.

    Returns:
        A descriptor that holds the lock until it is closed or the process ends; None where there is no folder to
        lock: what is wrong with the disk is told by the first write.

    Raises:
        SettingsError: ``state-in-use``: another process has it.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = lock_holder(os.fstat(descriptor))
        os.close(descriptor)
        raise SettingsError('state-in-use', 'Another thermoscreen%s keeps its state in %s.'
                            % (' (process %s)' % holder if holder else '', folder),
                            'Stop it, or give another folder with --state.')
    except OSError as error:
        _log.warning('%s cannot be locked: %s', folder, error)
    return descriptor


def lock_holder(locked: os.stat_result) -> str:
    """The process that has a lock (flock) on a file, from /proc/locks; ``''`` where the kernel does not say."""
    name = '%02x:%02x:%d' % (os.major(locked.st_dev), os.minor(locked.st_dev), locked.st_ino)
    try:
        with open('/proc/locks', encoding='ascii') as stream:
            entries = [line.split() for line in stream]
    except OSError:
        return ''
    return next((entry[4] for entry in entries if entry[1] == 'FLOCK' and entry[5] == name), '')


def read_power_losses(folder: str, now: Optional[Moment] = None) -> List[Dict[str, Any]]:
    """The starts that ended together with their boot and without a word, since the last proper stop.

    Nobody stopped the service and nobody shut the computer down: the power was cut or failed, or the kernel crashed.

    Args:
        folder: state folder of a `StartRecord`; it is only read.
        now: the present moment by default.

    Returns:
        Moments as JSON values with ``reached``, oldest first; none where the record is absent or cannot be read.
    """
    boot = (now or Moment.now()).boot
    try:
        document = _load(os.path.join(folder, FILE))
    except (OSError, ValueError, KeyError, TypeError):
        return []
    starts = document['crashes'] + [start for start in [document['start']] if start is not None]
    return [start for start in starts if start['boot'] and boot and start['boot'] != boot]


class StartRecord:
    """Keeps ``starts.json``: the running start, the crashes before it, and whether this boot is in safe mode.

    A start that was not recorded as stopped has crashed. The next start notices and goes to safe mode after

    - a start of this boot that never served its page, or two in a row over any boots;
    - `CRASHES` of this boot within `WITHIN_S`;
    - `CRASHES` of this boot in a row without a single result, however slowly.

    A crash of a start that `try_model` was told of leads to none: the model is changed back instead.

    Safe mode lasts until `leave` or until the device is switched off and on. Nothing but this file is written, and an
    unreadable file is put aside.

    Args:
        folder: created where it is absent; None remembers nothing.
        now: gives the `Moment`.
    """

    def __init__(self, folder: Optional[str], now: Callable[[], Moment] = Moment.now) -> None:
        self._path = os.path.join(folder, FILE) if folder else None
        self._now = now
        self._lock = threading.RLock()
        self._document = self._read()

    def begin(self) -> Optional[Message]:
        """Record a start.

        Returns:
            Why it must go to safe mode; None where it may go on.

        Raises:
            StorageError: the folder cannot be written.
        """
        if self._path is None:
            return None
        clear_parts(os.path.dirname(self._path))
        with self._lock:
            now = self._now()
            crash = self._add_crash(now)
            tried = bool((self._document['start'] or {}).get('tried'))
            reason = self._kept_reason(now) or (None if tried else self._judge(crash, now))
            self._document['safe'] = None if reason is None else dict(now.to_dict(), **reason.to_dict())
            self._document['start'] = None if reason else dict(now.to_dict(), reached=STARTING)
            self._write()
            return reason

    def try_model(self) -> None:
        """This start tries a new model, which is changed back by the starts after it if it ends the service."""
        with self._lock:
            if self._document['start'] is not None:
                self._document['start']['tried'] = True
            self._try_write()

    def reason_asked(self, supervised: bool) -> Message:
        """The reason for a safe mode that was asked for.

        Args:
            supervised: a supervisor asks after it gave the station up; a person has reasons of their own.
        """
        with self._lock:
            return self._kept_reason(self._now()) or (STOPPED if supervised or self._document['start'] else ASKED)

    def ready(self, address: Tuple[str, int]) -> None:
        """The page is served at a host and port."""
        with self._lock:
            self._document.update(unfinished=0, address=list(address))
            self._reached(READY)

    def result(self) -> None:
        """The first result was shown."""
        self._reached(RESULT)

    def stopped(self) -> None:
        """The start ended as told, or reported why it could not go on: no earlier crash counts any more."""
        self._settle()

    def leave(self) -> None:
        """Leave safe mode."""
        self._settle(safe=None)

    @property
    def crashes(self) -> List[Dict[str, Any]]:
        """The remembered crashes, oldest first, as JSON values."""
        return list(self._document['crashes'])

    @property
    def address(self) -> Optional[Tuple[str, int]]:
        """Host and port where the page was served last, or None."""
        address = self._document['address']
        return (address[0], address[1]) if address else None

    def _add_crash(self, now: Moment) -> Optional[Dict[str, Any]]:
        """The crash that ended the last start, after adding it to the others; None where it ended well."""
        last = self._document['start']
        if last is None:
            return None
        same_boot = last['boot'] == now.boot
        crash = dict(now.to_dict() if same_boot else {key: last[key] for key in now.to_dict()},
                     reached=last['reached'])
        self._document['crashes'] = (self._document['crashes'] + [crash])[-_CRASHES_KEPT:]
        self._document['unfinished'] = self._document['unfinished'] + 1 if last['reached'] == STARTING else 0
        _log.warning('The last start (%s) did not end properly; it had reached: %s.', last['utc'], last['reached'])
        return crash

    def _kept_reason(self, now: Moment) -> Optional[Message]:
        safe = self._document['safe']
        return Message(safe['code'], safe['sentence'], safe['next_step']) if safe and safe['boot'] == now.boot else None

    def _judge(self, crash: Optional[Dict[str, Any]], now: Moment) -> Optional[Message]:
        if crash is None:
            return None
        this_boot = [earlier for earlier in self._document['crashes'] if earlier['boot'] == now.boot]
        if crash['reached'] == STARTING and (crash in this_boot or self._document['unfinished'] >= UNFINISHED_BOOTS):
            return UNFINISHED
        quick = [earlier for earlier in this_boot if now.monotonic_s - earlier['monotonic_s'] <= WITHIN_S]
        last = this_boot[-CRASHES:]
        without_result = last if all(earlier['reached'] != RESULT for earlier in last) else []
        return CRASH_LOOP if max(len(quick), len(without_result)) >= CRASHES else None

    def _reached(self, stage: str) -> None:
        with self._lock:
            if self._document['start'] is not None:
                self._document['start']['reached'] = stage
            self._try_write()

    def _settle(self, **changes: None) -> None:
        with self._lock:
            self._document.update(start=None, crashes=[], unfinished=0, **changes)
            self._try_write()

    def _read(self) -> Dict[str, Any]:
        empty = dict(_EMPTY, crashes=[])
        if self._path is None or not os.path.exists(self._path):
            return empty
        try:
            return _load(self._path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning('%s cannot be read (%r) and is put aside.', self._path, error)
            self._put_aside(self._path)
            return empty

    @staticmethod
    def _put_aside(path: str) -> None:
        try:
            os.replace(path, path + '.unreadable')
        except OSError:
            pass  # the next write reports what is wrong with the disk

    def _write(self) -> None:
        if self._path is None:
            return
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder)
        atomic_write_json(self._path, self._document)

    def _try_write(self) -> None:
        try:
            self._write()
        except StorageError as error:
            _log.error('%s: %s', error, error.detail)


def _load(path: str) -> Dict[str, Any]:
    """The document of a file; raises what `_check` raises, and OSError."""
    with open(path, 'rb') as stream:
        document: Dict[str, Any] = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
    _check(document, set(_EMPTY))
    return document


def _check(document: Any, keys: Set[str]) -> None:
    """Raise ValueError, KeyError or TypeError for anything that `StartRecord` did not write."""
    if document['schema'] != SCHEMA or set(document) != keys or type(document['unfinished']) is not int:
        raise ValueError('not of schema %d' % SCHEMA)
    starts = [entry for entry in document['crashes'] + [document['start']] if entry is not None]
    safe = [entry for entry in [document['safe']] if entry is not None]
    for entry in starts + safe:
        if type(entry['boot']) is not str or type(entry['utc']) is not str or type(entry['monotonic_s']) is not float:
            raise ValueError('no moment')
    if any(entry['reached'] not in (STARTING, READY, RESULT) for entry in starts):
        raise ValueError('no stage')
    if any(type(entry[name]) is not str for entry in safe for name in ('code', 'sentence', 'next_step')):
        raise ValueError('no reason')
    if document['address'] is not None:
        host, port = document['address']
        if type(host) is not str or type(port) is not int:
            raise ValueError('no address')


def _boot_id() -> str:
    try:
        with open(_BOOT_ID, encoding='ascii') as stream:
            return stream.read().strip()
    except OSError:
        return ''
