"""What one run of the service owes its supervisor, from the start to the stop."""
import faulthandler
import signal
import sys
import threading

from .crashes import StartRecord, state_folder
from .heartbeats import CAPTURE, INFERENCE, PAGE, Heartbeats
from .notify import Notifier, watchdog_interval_s
from .storage import StorageBeat
from .watchdog import Extension, Watchdog

#: Exit code of a safe mode that was left with Try again: the supervisor starts the service as usual.
TRY_AGAIN_EXIT_CODE = 80


class Supervision:
    """Ties notifier, heartbeats, watchdog, storage and the record of starts together.

    Without a supervisor it notifies nobody and remembers nothing, and the heartbeats serve the page alone.

    Args:
        state (str): folder named on the command line, or None.
        environ (dict): for tests.
    Attributes:
        notifier (Notifier), heartbeats (Heartbeats), record (StartRecord)
    """

    def __init__(self, state=None, environ=None):
        self.notifier = Notifier.from_environment(environ)
        self.heartbeats = Heartbeats()
        self._interval_s = watchdog_interval_s(environ) if self.notifier.supervised else None
        self._folder = state_folder(state, self.notifier.supervised, environ)
        self.record = StartRecord(self._folder)
        self._running = []
        self._result_noted = False

    @property
    def supervised(self):
        """Whether somebody starts the service again."""
        return self.notifier.supervised

    @property
    def folder(self):
        """Where the service keeps its state; None where it remembers nothing."""
        return self._folder

    def loading(self):
        """A context manager around what takes long before the service is ready."""
        self._end_when_told()
        return Extension(self.notifier, 'The model is loading.')

    def ready(self, address, describe, parts=(CAPTURE, PAGE)):
        """The page is served: from now on the parts must beat.

        Args:
            address (tuple): host and port of the page.
            describe (callable): one line about how the station is.
            parts (tuple): the parts that run, beside the storage.
        """
        for part in parts:
            self.heartbeats.expect(part)
        if CAPTURE in parts:
            self.record.ready(address)
            if self._folder is not None:
                self._start(StorageBeat(self._folder, self.heartbeats, self._note_result))
        self.notifier.ready(describe())
        if self._interval_s is not None:
            # SIGABRT is how systemd ends what hangs: the journal then says where every thread stood.
            faulthandler.enable()
            self._start(Watchdog(self.notifier, self.heartbeats, self._interval_s, describe))

    def turned(self):
        """The loop that serves the page went round once more."""
        self.heartbeats.beat(PAGE)

    def stopping(self):
        """The service was told to stop: this end is no crash, and nothing has to beat any more."""
        self.record.stopped()
        self.notifier.stopping()
        for running in self._running:
            running.stop()
        self._running = []

    def _start(self, part):
        part.start()
        self._running.append(part)

    def _note_result(self):
        if not self._result_noted and self.heartbeats.answered(INFERENCE):
            self._result_noted = True
            self.record.result()

    def _end_when_told(self):
        """A service that is told to stop while it loads has not crashed."""
        if self._folder is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._told)

    def _told(self, number, frame):
        self.stopping()
        sys.exit(0)
