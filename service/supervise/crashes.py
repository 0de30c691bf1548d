"""How the last starts ended, remembered over crashes, so that starting again comes to an end."""
import json
import logging
import os
import threading

from ..durable import atomic_write_json, storage_error
from ..messages import StorageError
from .moment import Moment
from .reasons import ASKED, CRASH_LOOP, STOPPED, UNFINISHED, Reason

_log = logging.getLogger(__name__)

FILE = 'starts.json'
SCHEMA = 1

#: So many crashes within so many seconds are a loop.
CRASHES, WITHIN_S = 5, 60.0
#: A trolley that was unplugged while it started is no reason to worry; one that never comes up is.
UNFINISHED_BOOTS = 2
#: How far a start came. It is finished when the page is served; only then does a crash count as one.
STARTING, READY, RESULT = 'starting', 'ready', 'result'

_KEPT = 20
_LONGEST_BYTES = 64 << 10


def state_folder(named, supervised, environ=None):
    """Folder of what the service remembers.

    Args:
        named (str): from the command line, or None.
        supervised (bool): whether somebody starts the service again; by hand nothing is remembered.
        environ (dict): for tests.
    Returns:
        str: `named`, the folder that systemd gives (240 and newer), the user's own; or None.
    """
    environ = os.environ if environ is None else environ
    if named or not supervised:
        return named or None
    given = environ.get('STATE_DIRECTORY', '').split(':')[0]
    own = environ.get('XDG_STATE_HOME') or os.path.join(os.path.expanduser('~'), '.local', 'state')
    return given or os.path.join(own, 'thermoscreen')


class StartRecord:
    """Keeps ``starts.json``: the running start, the crashes before it, and whether this boot is in safe mode.

    A start that was not noted as stopped has crashed. The next start sees that, and is the one that decides:

    - a start of this boot that never served its page, or two in a row over any boots;
    - `CRASHES` of this boot within `WITHIN_S`;
    - `CRASHES` of this boot in a row of which none reached a result, however slowly.

    Each of these is safe mode, until `leave` or until the device was switched off and on. Nothing but this file is
    written, and a file that cannot be read is put aside.

    Args:
        folder (str): made where it is absent; None to remember nothing.
        now (callable): gives the `Moment`.
    """

    def __init__(self, folder, now=Moment.now):
        self._path = folder and os.path.join(folder, FILE)
        self._now = now
        self._lock = threading.RLock()
        self._document = self._read()

    def begin(self):
        """Note a start.

        Returns:
            Reason: why it must go to safe mode; None where it may go on.
        Raises:
            StorageError: the folder cannot be written.
        """
        if self._path is None:
            return None
        with self._lock:
            now = self._now()
            crashed = self._note_crash(now)
            reason = self._kept_reason(now) or self._judge(crashed, now)
            self._document['safe'] = None if reason is None else dict(now.to_dict(), **reason.to_dict())
            self._document['start'] = None if reason else dict(now.to_dict(), reached=STARTING)
            self._write()
            return reason

    def reason_asked(self, supervised):
        """The reason for a safe mode that was asked for: what the record knows, or who asked.

        Args:
            supervised (bool): a supervisor asks where it gave the station up, a person for reasons of their own.
        """
        with self._lock:
            return self._kept_reason(self._now()) or (STOPPED if supervised or self._document['start'] else ASKED)

    def ready(self, address):
        """The start served its page at an address ``(host, port)``."""
        with self._lock:
            self._document.update(unfinished=0, address=list(address))
            self._reached(READY)

    def result(self):
        """The start came to a result."""
        self._reached(RESULT)

    def stopped(self):
        """The start ended as it was told, or said why it could not go on: nothing before it counts any more."""
        self._settle()

    def leave(self):
        """Safe mode is left."""
        self._settle(safe=None)

    @property
    def crashes(self):
        """The crashes that are remembered, oldest first, as JSON values."""
        return list(self._document['crashes'])

    @property
    def address(self):
        """(host, port) at which the page was served last, or None."""
        known = self._document['address']
        return tuple(known) if known else None

    def _note_crash(self, now):
        """The crash that ended the last start, added to the others; None where it ended well."""
        last = self._document['start']
        if last is None:
            return None
        here = last['boot'] == now.boot
        crash = dict(now.to_dict() if here else {key: last[key] for key in now.to_dict()}, reached=last['reached'])
        self._document['crashes'] = (self._document['crashes'] + [crash])[-_KEPT:]
        self._document['unfinished'] = self._document['unfinished'] + 1 if last['reached'] == STARTING else 0
        _log.warning('The last start (%s) did not end as it should; it had reached: %s.', last['utc'], last['reached'])
        return crash

    def _kept_reason(self, now):
        safe = self._document['safe']
        return Reason(safe['code'], safe['sentence'], safe['next_step']) if safe and safe['boot'] == now.boot else None

    def _judge(self, crashed, now):
        if crashed is None:
            return None
        here = [crash for crash in self._document['crashes'] if crash['boot'] == now.boot]
        if crashed['reached'] == STARTING and (crashed in here or self._document['unfinished'] >= UNFINISHED_BOOTS):
            return UNFINISHED
        quick = [crash for crash in here if now.monotonic_s - crash['monotonic_s'] <= WITHIN_S]
        in_vain = here[-CRASHES:] if all(crash['reached'] != RESULT for crash in here[-CRASHES:]) else []
        return CRASH_LOOP if max(len(quick), len(in_vain)) >= CRASHES else None

    def _reached(self, stage):
        with self._lock:
            if self._document['start'] is not None:
                self._document['start']['reached'] = stage
            self._try_write()

    def _settle(self, **changes):
        with self._lock:
            self._document.update(start=None, crashes=[], unfinished=0, **changes)
            self._try_write()

    def _read(self):
        empty = {'schema': SCHEMA, 'start': None, 'crashes': [], 'unfinished': 0, 'safe': None, 'address': None}
        if self._path is None or not os.path.exists(self._path):
            return empty
        try:
            with open(self._path, 'rb') as stream:
                document = json.loads(stream.read(_LONGEST_BYTES).decode('utf-8'))
            _check(document, set(empty))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning('%s cannot be read (%r); it is put aside.', self._path, error)
            self._put_aside()
            return empty
        return document

    def _put_aside(self):
        try:
            os.replace(self._path, self._path + '.unreadable')
        except OSError:
            pass  # the write that follows says what is wrong with the disk

    def _write(self):
        if self._path is None:
            return
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder)
        atomic_write_json(self._path, self._document)

    def _try_write(self):
        try:
            self._write()
        except StorageError as error:
            _log.error('%s: %s', error, error.detail)


def _check(document, keys):
    """Raise ValueError, KeyError or TypeError for anything that `StartRecord` did not write."""
    if document['schema'] != SCHEMA or set(document) != keys or type(document['unfinished']) is not int:
        raise ValueError('not of schema %d' % SCHEMA)
    starts = [entry for entry in document['crashes'] + [document['start']] if entry is not None]
    kept = [entry for entry in [document['safe']] if entry is not None]
    for entry in starts + kept:
        if type(entry['boot']) is not str or type(entry['utc']) is not str or type(entry['monotonic_s']) is not float:
            raise ValueError('no moment')
    if any(entry['reached'] not in (STARTING, READY, RESULT) for entry in starts):
        raise ValueError('no stage')
    if any(type(entry[name]) is not str for entry in kept for name in ('code', 'sentence', 'next_step')):
        raise ValueError('no reason')
    if document['address'] is not None:
        host, port = document['address']
        if type(host) is not str or type(port) is not int:
            raise ValueError('no address')
