"""Where the loop hangs out its newest state and any number of viewers wait for it."""
import threading

from .state import STARTING, LiveState


class Board:
    """The newest `LiveState`, handed to every waiting thread at once.

    Nothing is queued: a viewer that is slow finds the newest state when it comes back, never an old one.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._state = LiveState(0, STARTING)
        self._closed = False

    @property
    def state(self):
        """The newest state."""
        return self._state

    @property
    def closed(self):
        """Whether nothing will follow."""
        return self._closed

    def publish(self, state):
        """Replace the state and wake everyone who waits."""
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def wait_for(self, after_sequence, timeout_s):
        """The newest state once its sequence is above `after_sequence`.

        Returns:
            LiveState: or None where the time passed or the board was closed first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._state.sequence > after_sequence, timeout_s)
            return self._state if not self._closed and self._state.sequence > after_sequence else None

    def close(self):
        """Send everyone home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reopen(self):
        """Allow waiting again after `close`."""
        with self._changed:
            self._closed = False
