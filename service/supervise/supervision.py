"""One run of the service under its supervisor, from start to stop."""
import faulthandler
import signal
import sys
import threading
from types import FrameType
from typing import Callable, List, Mapping, Optional, Sequence, Tuple, Union

from .heartbeats import CAPTURE, INFERENCE, PAGE, Heartbeats, StorageBeat
from .starts import StartRecord, state_folder
from .systemd import Extension, Notifier, Watchdog, watchdog_interval_s

#: Exit code of a safe mode that was left with Try again: the supervisor starts the service as usual.
TRY_AGAIN_EXIT_CODE = 80


class Supervision:
    """Ties notifier, heartbeats, watchdog, storage and the record of starts together.

    Without a supervisor it notifies nobody and remembers nothing; the heartbeats then serve the page alone.

    Args:
        state: folder named on the command line, or None.
        environ: ``os.environ`` by default.

    Attributes:
        notifier, heartbeats, record: see `Notifier`, `Heartbeats`, `StartRecord`.
        folder: of the service's state; None where it remembers nothing.
    """

    def __init__(self, state: Optional[str] = None, environ: Optional[Mapping[str, str]] = None) -> None:
        self.notifier = Notifier.from_environment(environ)
        self.heartbeats = Heartbeats()
        self.folder = state_folder(state, self.notifier.supervised, environ)
        self.record = StartRecord(self.folder)
        self._interval_s = watchdog_interval_s(environ) if self.notifier.supervised else None
        self._running: List[Union[StorageBeat, Watchdog]] = []
        self._result_recorded = False

    @property
    def supervised(self) -> bool:
        """Whether a supervisor restarts the service."""
        return self.notifier.supervised

    def loading(self) -> Extension:
        """A context manager around slow work before the service is ready."""
        self._end_when_told()
        return Extension(self.notifier, 'The model is loading.')

    def ready(self, address: Tuple[str, int], describe: Callable[[], str],
              parts: Sequence[str] = (CAPTURE, PAGE)) -> None:
        """The page is served: from now on the parts must beat.

        Args:
            address: host and port of the page.
            describe: one line about the state of the station.
            parts: the parts that run, besides the storage.
        """
        for part in parts:
            self.heartbeats.expect(part)
        if CAPTURE in parts:
            self.record.ready(address)
            if self.folder is not None:
                self._start(StorageBeat(self.folder, self.heartbeats, self._record_result))
        self.notifier.ready(describe())
        if self._interval_s is not None:
            # systemd ends a stuck service with SIGABRT: the journal then shows where every thread stood.
            faulthandler.enable()
            self._start(Watchdog(self.notifier, self.heartbeats, self._interval_s, describe))

    def turned(self) -> None:
        """The loop that serves the page went round once more."""
        self.heartbeats.beat(PAGE)

    def stopping(self) -> None:
        """The service was told to stop: that is no crash, and no part must beat any more."""
        self.record.stopped()
        self.notifier.stopping()
        for part in self._running:
            part.stop()
        self._running = []

    def _start(self, part: Union[StorageBeat, Watchdog]) -> None:
        part.start()
        self._running.append(part)

    def _record_result(self) -> None:
        if not self._result_recorded and self.heartbeats.answered(INFERENCE):
            self._result_recorded = True
            self.record.result()

    def _end_when_told(self) -> None:
        """A service that is told to stop while it loads has not crashed."""
        if self.folder is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._told)

    def _told(self, number: int, frame: Optional[FrameType]) -> None:
        self.stopping()
        sys.exit(0)
