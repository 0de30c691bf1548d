"""What the audit log needs while the service runs: a signature a day, and the notes of verbs that ran beside it."""
import logging
import threading
from typing import Optional

from ..clock import NTP, UNSYNCHRONISED, Clock, Stamp, seconds_moved
from ..messages import StorageError
from ..supervise import LastingThread
from .audit import Audit

_log = logging.getLogger(__name__)

_PERIOD_S = 60.0
#: A signer that did not answer is asked again after so many turns.
_PAUSE_TURNS = 10


class Keeper:
    """Keeps the log of a running service, in a thread of its own. Use it once, as a context manager.

    Args:
        audit: the log.
        clock: of the station.
        period_s: between two turns.
    """

    def __init__(self, audit: Audit, clock: Clock, period_s: float = _PERIOD_S) -> None:
        self._audit, self._clock, self._period_s = audit, clock, period_s
        self._stop = threading.Event()
        self._last: Optional[Stamp] = None
        self._pause = 0

    def __enter__(self) -> 'Keeper':
        LastingThread('audit', self._run, self._stop).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()

    def turn(self) -> None:
        """Take up notes, tell when the clock became right, and have the log signed where that is due."""
        try:
            self._audit.take_notes()
            self._tell_corrected()
            if self._pause:
                self._pause -= 1
            elif self._audit.checkpoint_is_due():
                self._pause = _PAUSE_TURNS
                self._audit.checkpoint()
                self._pause = 0
        except StorageError as error:  # exams go on, and thermoscreen audit verify says what is wrong
            _log.warning('%s: %s', error, error.detail)

    def _tell_corrected(self) -> None:
        """Records of this start carry dates of the clock as it was; with this entry they can be put right."""
        before, now = self._last, self._clock.now()
        if before is not None and before.clock == UNSYNCHRONISED and now.clock == NTP:
            self._audit.append('clock-corrected', by_s=round(seconds_moved(before, now), 3))
        self._last = now

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(self._period_s)
