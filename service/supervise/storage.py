"""Whether the disk still takes what it is given, found out before an exam needs it."""
import json
import logging
import os
import threading
import time

from ..durable import atomic_write, storage_error
from ..messages import StorageError
from .heartbeats import STORAGE
from .moment import Moment

_log = logging.getLogger(__name__)

#: Rewritten again and again; what it says is when the service was last seen alive.
FILE = 'alive.json'

#: Seconds between two looks at the disk, which cost it nothing.
LOOK_EVERY_S = 5.0
#: Seconds between two durable writes while nothing is wrong: a memory card is worn out by writing.
WRITE_EVERY_S = 60.0


class StorageBeat:
    """Beats for the storage while a folder takes and gives back a small file.

    A thread of its own: a write to a dying disk may never return, and then nobody must wait for it.

    Args:
        folder (str): of the service's state. It is there: one that is gone is not made again, it is a disk that left.
        heartbeats (Heartbeats): told of every look that found nothing wrong.
        after_look (callable): called in the thread after each of these.
        clock (callable): monotonic seconds.
    """

    def __init__(self, folder, heartbeats, after_look=lambda: None, clock=time.monotonic):
        self._path = os.path.join(folder, FILE)
        self._heartbeats = heartbeats
        self._after_look = after_look
        self._clock = clock
        self._written_s = None
        self._stop = threading.Event()

    def start(self):
        """Start the thread; the storage has to beat from now on."""
        self._heartbeats.expect(STORAGE)
        threading.Thread(target=self._run, name='storage', daemon=True).start()

    def stop(self):
        """End the thread after the look that it is at."""
        self._stop.set()

    def look(self):
        """One look. Returns whether the disk is well; then the storage has beaten."""
        due = self._written_s is None or self._clock() - self._written_s >= WRITE_EVERY_S
        try:
            if due or self._doubtful():
                self._prove()
        except StorageError as error:
            if self._written_s is not None:
                _log.critical('%s: %s', error, error.detail)
            self._written_s = None
            return False
        self._heartbeats.beat(STORAGE)
        return True

    def _doubtful(self):
        """Whether the file system says that it would not take anything."""
        try:
            system = os.statvfs(os.path.dirname(self._path))
        except OSError:
            return True
        return bool(system.f_flag & os.ST_RDONLY) or system.f_bavail == 0

    def _prove(self):
        data = json.dumps(Moment.now().to_dict(), sort_keys=True).encode('utf-8')
        atomic_write(self._path, data)
        try:
            with open(self._path, 'rb') as stream:
                known = stream.read()
        except OSError as error:
            raise storage_error(error, self._path)
        if known != data:
            raise StorageError('disk-failing', 'The disk gives back something else than it was given; replace the card '
                               'before more is lost.', detail=self._path)
        self._written_s = self._clock()

    def _run(self):
        while not self._stop.is_set():
            if self.look():
                self._after_look()
            self._stop.wait(LOOK_EVERY_S)
