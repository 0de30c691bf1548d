"""What a build is doing and for how long, shown while TensorRT itself may be silent for minutes."""
import abc
import contextlib
import functools
import re
import shutil
import sys
import threading
import time
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional, TextIO

from service.supervise import LastingThread

#: Seconds between two updates of a terminal, whose line is rewritten, and between two lines of a log file.
TERMINAL_S, LOG_S = 1.0, 5.0

#: How the builder names the layer it is timing (TensorRT 8.0 to 10).
TIMING = re.compile(r'Timing Runner: (.+?)(?: \((\w+)\))?$')


class Listener(abc.ABC):
    """Whoever is told what a build is doing."""

    @abc.abstractmethod
    def say(self, sentence: str) -> None:
        """Take a sentence for the user."""

    @abc.abstractmethod
    def heard(self, message: str) -> None:
        """Take a message of TensorRT as what it is doing now. Called from its threads, thousands of times."""

    @abc.abstractmethod
    def watching(self, title: str) -> ContextManager[None]:
        """A context manager around something that takes long."""


class Progress(Listener):
    """Shows progress on standard error.

    Args:
        stream: on a terminal one line is rewritten, elsewhere a line is added. Default: ``sys.stderr``.
        interval_s: seconds between two updates. Default: by the kind of stream.
        clock: monotonic seconds.
    """

    def __init__(self, stream: Optional[TextIO] = None, interval_s: Optional[float] = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._interval_s = interval_s or (TERMINAL_S if self._terminal else LOG_S)
        self._clock = clock
        self._doing, self._since, self._open = '', clock(), False
        self._gate = threading.Lock()

    def say(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        with self._gate:
            self._print(sentence, keep=True)

    def heard(self, message: str) -> None:
        """Take a message of TensorRT as what it is doing now. Called from its threads, thousands of times."""
        timing = TIMING.search(message)
        self._doing = 'timing kernels for %s' % timing.group(1) if timing else message

    @contextlib.contextmanager
    def watching(self, title: str) -> Iterator[None]:
        """While the block runs, show every few seconds for how long and what it is doing."""
        self._doing, self._since = 'starting', self._clock()
        done = threading.Event()
        thread = LastingThread('progress', functools.partial(self._show, title, done), done)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            with self._gate:
                if self._open:
                    self._print('%s took %.0f s.' % (title, self._clock() - self._since), keep=True)

    def _show(self, title: str, done: threading.Event) -> None:
        while not done.wait(self._interval_s):
            with self._gate:
                self._print('%s: %.0f s, %s' % (title, self._clock() - self._since, self._doing),
                            keep=not self._terminal)

    def _print(self, text: str, keep: bool) -> None:
        """Write a line; one that is not kept is overwritten by the next."""
        if self._terminal:
            text = '\r\x1b[K' + text[:shutil.get_terminal_size().columns - 1]
        self._stream.write(text + ('\n' if keep else ''))
        self._stream.flush()
        self._open = not keep


def make_monitor(trt: Any, progress: Listener) -> Any:
    """A `tensorrt.IProgressMonitor` (10 and later) that feeds `progress`; None where this release has none."""
    if not hasattr(trt, 'IProgressMonitor'):
        return None

    class Monitor(trt.IProgressMonitor):
        """Called from the builder's threads, where nothing must be raised; a `Listener` does not."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: Dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: Optional[str], num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            progress.heard(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.heard('%s, step %d of %d' % (phase_name, step + 1, self._steps.get(phase_name, 0)))
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
