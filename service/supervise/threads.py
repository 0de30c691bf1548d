"""Threads that an exception does not end."""
import logging
import threading
from typing import Callable, Optional

_log = logging.getLogger(__name__)

#: Seconds until a thread that failed begins again: short beside every limit of the heartbeats, long beside a turn.
PAUSE_S = 1.0


class LastingThread(threading.Thread):
    """A thread that begins again after whatever it raises, until it is told to stop.

    A plain thread that raises ends without a word, and `SystemExit` ends it without a line in the log. Here every
    failure is logged. A fault that passes is survived; one that stays keeps the thread from its heartbeat, which the
    body sends after every turn that went well, and so the page and the watchdog notice.

    Args:
        name: of the thread.
        body: runs until `ended` is set, or until nothing is left to do. It is called again after it raised, so it
            leaves nothing behind that the next call would not expect.
        ended: set once the thread shall end.
        pause_s: before the body is called again; `PAUSE_S` by default.
    """

    def __init__(self, name: str, body: Callable[[], None], ended: threading.Event,
                 pause_s: Optional[float] = None) -> None:
        super().__init__(name=name, daemon=True)
        self._body = body
        self._ended = ended
        self._pause_s = PAUSE_S if pause_s is None else pause_s

    def run(self) -> None:
        """Call the body until it returns."""
        while True:
            try:
                return self._body()
            except BaseException:
                _log.critical('The thread %s failed; it begins again in %g s.', self.name, self._pause_s,
                              exc_info=True)
            if self._ended.wait(self._pause_s):
                return
