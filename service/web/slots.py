"""A limit on open streams: each holds one thread of the server for as long as it is watched."""
import threading


class Slots:
    """Counts what is open, up to a limit.

    Args:
        limit (int): largest number open at once.
    """

    def __init__(self, limit):
        self.limit = limit
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self):
        """How many are open."""
        return self._taken

    def take(self):
        """Open one.

        Returns:
            callable: gives it back; calling it again does nothing. None where all are taken.
        """
        with self._lock:
            if self._taken >= self.limit:
                return None
            self._taken += 1
        return _Release(self)

    def _give_back(self):
        with self._lock:
            self._taken -= 1


class _Release:
    def __init__(self, slots):
        self._slots = slots
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            slots, self._slots = self._slots, None
        if slots is not None:
            slots._give_back()
