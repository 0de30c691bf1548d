"""A backup that the page starts: made, verified and unmounted in the background, one at a time.

Where the medium goes away in the middle, it waits for it and goes on by itself when it is plugged in again.
"""
import contextlib
import functools
import logging
import os
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..bundle import key_id, public_bytes
from ..clock import Clock, Stamp
from ..messages import PROBLEM, InputError, Message, StorageError, ThermoscreenError
from ..supervise import LastingThread
from .last import last_backup, note_backup
from .make import Backup, make_backup, station_key, unfinished_backup
from .manifest import read_manifest
from .medium import Medium, find_media, unmount
from .verify import verify_backup

_LOGGER = logging.getLogger(__name__)

#: What a backup does, in this order; before the first, and what may come in place of the last.
COPYING, VERIFYING, UNMOUNTING, DONE = 'copying', 'verifying', 'unmounting', 'done'
IDLE, WAITING, FAILED = 'idle', 'waiting', 'failed'

#: Seconds between two looks for a medium that is gone.
LOOK_S = 0.5
_GONE = ('medium-gone', 'medium-read-only')
#: How long to wait at the end for a backup that is told to stop.
_STOP_S = 5.0

#: Appends to the audit log: event, operator, facts.
Record = Callable[..., Any]


class StopError(Exception):
    """Somebody stopped the work."""


class Progress(NamedTuple):
    """How far a backup is.

    Attributes:
        step: one of the above.
        medium: name of the medium; empty for none.
        done, total: bytes of this step.
        message: what is wrong, for `WAITING` and `FAILED`.
        backup: what was made, as soon as it is.
    """

    step: str = IDLE
    medium: str = ''
    done: int = 0
    total: int = 0
    message: Optional[Message] = None
    backup: Optional[Backup] = None

    @property
    def is_running(self) -> bool:
        """Whether no other may begin."""
        return self.step in (COPYING, VERIFYING, UNMOUNTING, WAITING)

    @property
    def percent(self) -> int:
        """Of this step, never more than was done."""
        return 100 * self.done // self.total if self.total else 0


class MediumJob:
    """Work with media in the background, one thing at a time; any thread may use it.

    Args:
        idle: progress where nothing is done. It has ``is_running``, ``done`` and ``total``.
        media: finds the media; tests bring their own.
        unmounting: takes a medium out of use; the same.
    Attributes:
        progress: how far it is.
    """

    progress: Any

    def __init__(self, idle: Any, media: Callable[[], List[Medium]] = find_media,
                 unmounting: Callable[[str], None] = unmount) -> None:
        self.progress = self._idle = idle
        self.media, self._unmount = media, unmounting
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def stop(self) -> None:
        """End the work; what is whole on its medium stays. Work that has ended is forgotten."""
        self._ended.set()
        with self._lock:
            if not self.progress.is_running:
                self.progress = self._idle

    def close(self) -> None:
        """The station stops."""
        self.stop()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _medium(self, place: str) -> Medium:
        medium = next((medium for medium in self.media() if medium.place == place), None)
        if medium is None:
            raise InputError('medium-missing', 'This medium is not plugged in any more.', 'Plug it in again.')
        return medium

    def _launch(self, begun: Any, work: Callable[[], None]) -> None:
        """Begin `work` in a thread; the lock is held, and nothing runs."""
        self._ended.clear()
        self.progress = begun
        self._thread = LastingThread(type(self).__name__, work, self._ended)
        self._thread.start()

    def _told(self, done: int, total: int) -> None:
        if self._ended.is_set():
            raise StopError
        self.progress = self.progress._replace(done=done, total=total)


class BackupJob(MediumJob):
    """The backups of a station.

    Args:
        root: the folder of exams.
        clock: of the station.
        record: appends to the audit log, as `Audit.append`.
        checkpoint: has the audit log signed before it is copied.
        media, unmounting: as of `MediumJob`.
        look_s: seconds between two looks for a medium that is gone.
    """

    def __init__(self, root: str, clock: Clock, record: Record, checkpoint: Callable[[], Any],
                 media: Callable[[], List[Medium]] = find_media, unmounting: Callable[[str], None] = unmount,
                 look_s: float = LOOK_S) -> None:
        self._root, self._clock, self._record, self._checkpoint = root, clock, record, checkpoint
        super().__init__(Progress(), media, unmounting)
        self._look_s = look_s

    @property
    def last(self) -> Message:
        """How old the last backup is."""
        return last_backup(self._root, self._clock.now())

    def start(self, place: str, operator: str) -> None:
        """Begin a backup, or go on with one that was interrupted.

        Args:
            place: of one of `media`.
            operator: who wants it, for the audit log.

        Raises:
            InputError: ``backup-running``; ``medium-missing`` where no such medium is plugged in.
        """
        with self._lock:
            if self.progress.is_running:
                raise InputError('backup-running', 'A backup is being made already.', 'Wait until it says that the '
                                 'medium may be removed.')
            medium = self._medium(place)
            self._launch(Progress(COPYING, medium.name), functools.partial(self._run, medium, operator))

    def _run(self, medium: Medium, operator: str) -> None:
        """Everything, whatever is raised: a backup that ends without a word would be taken for one that goes on."""
        try:
            while not self._attempt(medium, operator):
                medium = self._plugged_in_again()
                self.progress = Progress(COPYING, medium.name, backup=self.progress.backup)
        except StopError:
            self._fail(Message('backup-stopped', 'The backup was stopped. Nothing on the station was changed.',
                               'The next one with this medium goes on where it was.', PROBLEM, 'backup'), operator)
        except BaseException as error:
            _LOGGER.exception('backup')
            self._fail(Message('unexpected', 'Something inside the service failed.', 'Begin again.', PROBLEM, 'backup',
                               {'detail': repr(error)}), operator)

    def _attempt(self, medium: Medium, operator: str) -> bool:
        """Make, verify, unmount; False where the medium went away and is waited for."""
        try:
            made = self.progress.backup or self._make(medium, operator)
            name = os.path.basename(made.folder)
            self.progress = Progress(VERIFYING, medium.name, 0, made.size, backup=made)
            verified = verify_backup(os.path.join(medium.place, name), made.key, self._told)
            self._record('backup-verified', operator, problems=len(verified.problems), **_facts(made))
            if verified.problems:
                self._fail(verified.problems[0], operator)
                return True
            note_backup(self._root, name, Stamp(**verified.manifest.document['stamp']))
            self.progress = Progress(UNMOUNTING, medium.name, backup=made)
            self._unmount(medium.place)
            self.progress = Progress(DONE, medium.name, backup=made)
        except ThermoscreenError as error:
            self._fail(error.message, operator, WAITING if error.code in _GONE else FAILED)
        return self.progress.step != WAITING

    def _make(self, medium: Medium, operator: str) -> Backup:
        with contextlib.suppress(StorageError):  # thermoscreen audit verify tells why
            self._checkpoint()
        made = make_backup(self._root, medium.place, station_key(self._root), self._clock.now(), told=self._told)
        self._record('backup-made', operator, exams=made.exams, volumes=made.volumes, bytes=made.size,
                     reused=made.reused, problems=len(made.problems), **_facts(made))
        return made

    def _fail(self, message: Message, operator: str, step: str = FAILED) -> None:
        with contextlib.suppress(StorageError):
            self._record('backup-failed', operator, code=message.code)
        self.progress = self.progress._replace(step=step, message=message)

    def _plugged_in_again(self) -> Medium:
        """Wait until the medium of the backup comes back.

        Raises:
            StopError: it is not waited for any more.
        """
        key, was_away = key_id(public_bytes(station_key(self._root))), False
        while not self._ended.wait(self._look_s):
            found = [medium for medium in self.media() if self._is_it(medium, key)]
            if found and was_away:
                return found[0]
            was_away = was_away or not found
        raise StopError

    def _is_it(self, medium: Medium, key: str) -> bool:
        """Whether the backup is on a medium, read from the medium itself: one that is gone may still be mounted."""
        made = self.progress.backup
        try:
            if made is None:
                return bool(unfinished_backup(medium.place, key))
            read_manifest(os.path.join(medium.place, os.path.basename(made.folder)))
            return True
        except StorageError:
            return False


def _facts(made: Backup) -> Dict[str, Any]:
    """What the audit log says of a backup, and how much of that log is in it."""
    return {'backup': os.path.basename(made.folder), 'key': made.key, 'anchor': made.anchor and list(made.anchor)}
