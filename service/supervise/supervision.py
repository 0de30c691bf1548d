"""One run of the service under its supervisor, from start to stop."""
import contextlib
import faulthandler
import os
import signal
import sys
import threading
from types import FrameType
from typing import Callable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..messages import Message
from .heartbeats import CAPTURE, INFERENCE, PAGE, Heartbeats, StorageBeat
from .starts import StartRecord, hold_folder, state_folder
from .systemd import Extension, Notifier, Watchdog, watchdog_interval_s

#: Exit code of a safe mode that was left with Try again: the supervisor starts the service as usual.
TRY_AGAIN_EXIT_CODE = 80

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Supervision:
    """Ties notifier, heartbeats, watchdog, storage and the record of starts together.

    Without a supervisor it notifies nobody and remembers nothing; the heartbeats then serve the page alone.

    Args:
        state: folder named on the command line, or None.
        environ: ``os.environ`` by default.

    Raises:
        SettingsError: ``state-in-use``, as of `hold_folder`.

    Attributes:
        notifier, heartbeats, record: see `Notifier`, `Heartbeats`, `StartRecord`.
        folder: of the service's state; None where it remembers nothing.
    """

    def __init__(self, state: Optional[str] = None, environ: Optional[Mapping[str, str]] = None) -> None:
        self.notifier = Notifier.from_environment(environ)
        self.heartbeats = Heartbeats()
        self.folder = state_folder(state, self.notifier.supervised, environ)
        # Held until the process ends, and before anything in the folder is read or put aside.
        self._held = hold_folder(self.folder) if self.folder is not None else None
        self.record = StartRecord(self.folder)
        self._interval_s = watchdog_interval_s(environ) if self.notifier.supervised else None
        self._running: List[Union[StorageBeat, Watchdog]] = []
        self._result_recorded = False

    @property
    def supervised(self) -> bool:
        """Whether a supervisor restarts the service."""
        return self.notifier.supervised

    def begin(self, safe: bool = False) -> Optional[Message]:
        """Record a start. From now on SIGTERM and SIGINT end the process as `_told` says.

        Args:
            safe: safe mode was asked for; nothing is recorded then.

        Returns:
            Why it must go to safe mode; None where it may go on.

        Raises:
            StorageError: as of `StartRecord.begin`.
        """
        with self._signals_wait():
            if threading.current_thread() is threading.main_thread():
                for number in _STOP_SIGNALS:
                    signal.signal(number, self._told)
            return self.record.reason_asked(self.supervised) if safe else self.record.begin()

    def refused(self) -> None:
        """The start reported why it cannot go on: that is no crash."""
        with self._signals_wait():
            self.record.stopped()

    def leave_safe_mode(self) -> None:
        """Try again was pressed."""
        with self._signals_wait():
            self.record.leave()

    def loading(self) -> Extension:
        """A context manager around slow work before the service is ready."""
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

    def page_answered(self) -> None:
        """The server asked itself for a page and got it."""
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
            self.record.result()
            self._result_recorded = True

    @staticmethod
    @contextlib.contextmanager
    def _signals_wait() -> Iterator[None]:
        """Hold signals back while the block writes: one in the middle would leave half a file."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _told(self, number: int, frame: Optional[FrameType]) -> None:
        """The service was told to stop while it starts; once the page is served, the page takes the signals.

        It ends here and raises nothing: any handler of exceptions on the way could take an exception for a fault.
        """
        self.stopping()
        end_process(0)


def end_process(code: int) -> None:
    """End the process at once, after what was printed.

    The interpreter's own end is no clean one while a thread is inside a library, such as one that loads a model:
    when that thread comes back, Python ends it with pthread_exit, whose unwinding C++ code answers with abort().
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # a reader that left; a print that was interrupted
            stream.flush()
    os._exit(code)
