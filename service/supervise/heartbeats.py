"""When each part of the service last made progress, and whether the disk still accepts writes."""
import json
import logging
import os
import threading
import time
from typing import Any, Callable, Dict, Optional

from ..durable import atomic_write, storage_error
from ..messages import Message, StorageError
from .starts import Moment
from .threads import LastingThread

_log = logging.getLogger(__name__)

CAPTURE, INFERENCE, LIVE, STORAGE, PAGE = 'capture', 'inference', 'live', 'storage', 'page'

#: Seconds without a beat after which a part counts as stuck. The camera's loop waits at most 5 s between two attempts
#: and some cameras open slowly; a Nano without its GPU takes about 2 s per frame; a slow card may block a write long.
LIMITS_S = {CAPTURE: 15.0, INFERENCE: 15.0, LIVE: 15.0, STORAGE: 60.0, PAGE: 15.0}

#: What an operator is told about a part that is stuck.
_SENTENCES = {
    CAPTURE: 'The camera does not answer any more.',
    INFERENCE: 'The analysis does not answer any more.',
    LIVE: 'The live picture does not answer any more.',
    STORAGE: 'The disk does not accept data any more.',
    PAGE: 'The page does not answer any more.',
}
_WATCHED = 'The station restarts itself within a minute.'
_UNWATCHED = 'Restart the station.'

#: Written over and over; it records when the service was last seen alive.
FILE = 'alive.json'

#: Seconds between two checks of the disk, which cost it nothing.
CHECK_EVERY_S = 5.0
#: Seconds between two durable writes while nothing is wrong: writing wears a memory card out.
WRITE_EVERY_S = 60.0
#: Longest wait for a check that is under way when the service stops: an end in the middle would leave half a file.
_LAST_CHECK_S = 1.0


class Heartbeats:
    """The beats of all parts; any thread may beat or ask.

    A part either works, and then must `beat` before its limit has passed, or it rests: it has answered and waits for
    work, for as long as that takes. A missing camera is not stuck, since the loop that looks for it beats; neither is
    a model that gets no frames, since it rests.

    Args:
        limits_s: part to seconds; `LIMITS_S` by default.
        clock: monotonic seconds.

    Attributes:
        watched: whether a watchdog restarts the service when a part is stuck.
    """

    def __init__(self, limits_s: Optional[Dict[str, float]] = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._limits_s = dict(LIMITS_S if limits_s is None else limits_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s: Dict[str, float] = {}
        self._answers: Dict[str, int] = {}
        self.watched = False

    def beat(self, part: str) -> None:
        """The part made progress and goes on working."""
        with self._lock:
            self._since_s[part] = self._clock()

    def expect(self, part: str) -> None:
        """The part has work from now on; work that waits already keeps its age."""
        with self._lock:
            self._since_s.setdefault(part, self._clock())

    def rest(self, part: str) -> None:
        """The part has answered and waits for work."""
        with self._lock:
            self._since_s.pop(part, None)
            self._answers[part] = self._answers.get(part, 0) + 1

    def answered(self, part: str) -> int:
        """How often a part has answered."""
        return self._answers.get(part, 0)

    def stale(self, now: Optional[float] = None) -> Dict[str, float]:
        """Seconds since the last beat of every part that is stuck; `now` is on the clock of this object."""
        return {part: age_s for part, age_s in self._ages_s(now).items() if age_s > self._limits_s[part]}

    def report(self) -> Dict[str, Dict[str, Any]]:
        """Every part that has begun, as JSON values: ``fresh``, ``age_s`` (None while it rests) and ``limit_s``."""
        ages_s = self._ages_s()
        return {part: {'fresh': ages_s.get(part, 0.0) <= limit_s, 'limit_s': limit_s,
                       'age_s': round(ages_s[part], 1) if part in ages_s else None}
                for part, limit_s in sorted(self._limits_s.items()) if part in ages_s or part in self._answers}

    def troubles(self) -> Dict[str, Message]:
        """What to tell an operator about every part that is stuck, the longest first."""
        stale = self.stale()
        next_step = _WATCHED if self.watched else _UNWATCHED
        return {part: Message(part + '-stuck', _SENTENCES[part], next_step, subject=part)
                for part in sorted(stale, key=lambda name: -stale[name])}

    def trouble(self) -> Optional[Message]:
        """The first of `troubles`, or None."""
        return next(iter(self.troubles().values()), None)

    def _ages_s(self, now: Optional[float] = None) -> Dict[str, float]:
        with self._lock:
            now_s = self._clock() if now is None else now
            return {part: max(0.0, now_s - since_s) for part, since_s in self._since_s.items()}


class StorageBeat:
    """Beats for the storage while a folder accepts a small file and gives it back.

    A thread of its own: a write to a dying disk may never return, and nothing may wait for it.

    Args:
        folder: of the service's state. It exists: one that is gone is a disk that left, and is not created again.
        heartbeats: beats after every check that found nothing wrong.
        after_check: called in the thread before each of these beats.
        clock: monotonic seconds.
    """

    def __init__(self, folder: str, heartbeats: Heartbeats, after_check: Callable[[], None] = lambda: None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._path = os.path.join(folder, FILE)
        self._heartbeats = heartbeats
        self._after_check = after_check
        self._clock = clock
        self._written_s: Optional[float] = None
        self._stop = threading.Event()
        self._thread = LastingThread('storage', self._run, self._stop)

    def start(self) -> None:
        """Start the thread; from now on the storage must beat."""
        self._heartbeats.expect(STORAGE)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current check, which is waited for unless the disk hangs."""
        self._stop.set()
        self._thread.join(_LAST_CHECK_S)

    def check(self) -> bool:
        """Check the disk once. Returns whether it is well; then the storage has beaten."""
        due = self._written_s is None or self._clock() - self._written_s >= WRITE_EVERY_S
        try:
            if due or self._doubtful():
                self._prove()
        except StorageError as error:
            if self._written_s is not None:
                _log.critical('%s: %s', error, error.detail)
            self._written_s = None
            return False
        self._after_check()
        self._heartbeats.beat(STORAGE)
        return True

    def _doubtful(self) -> bool:
        """Whether the file system reports that it would refuse a write."""
        try:
            system = os.statvfs(os.path.dirname(self._path))
        except OSError:
            return True
        return bool(system.f_flag & os.ST_RDONLY) or system.f_bavail == 0

    def _prove(self) -> None:
        data = json.dumps(Moment.now().to_dict(), sort_keys=True).encode('utf-8')
        atomic_write(self._path, data)
        try:
            with open(self._path, 'rb') as stream:
                read_back = stream.read()
        except OSError as error:
            raise storage_error(error, self._path)
        if read_back != data:
            raise StorageError('disk-failing', 'The disk returns other data than was written.',
                               'Replace the card before more is lost.', detail=self._path)
        self._written_s = self._clock()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.check()
            self._stop.wait(CHECK_EVERY_S)
