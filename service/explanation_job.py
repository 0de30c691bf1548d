"""The explanation of one kept picture, computed in the background; the live picture goes on meanwhile."""
import logging
import threading
import time
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from .messages import PROBLEM, InputError, Message, ThermoscreenError
from .pipeline import Pipeline
from .supervise import LastingThread
from .thermogram import Thermogram

_LOGGER = logging.getLogger(__name__)

#: Exam and number of a picture.
Subject = Tuple[str, int]


class Explaining(NamedTuple):
    """How far it is.

    Attributes:
        subject: the picture; None for none.
        done, total: runs of the network.
        explained: as of `explanation_map`, once it is there.
        message: what is wrong, where it failed.
    """

    subject: Optional[Subject] = None
    done: int = 0
    total: int = 0
    explained: Optional[np.ndarray] = None
    message: Optional[Message] = None

    @property
    def is_running(self) -> bool:
        """Whether no other may begin."""
        return self.subject is not None and self.explained is None and self.message is None

    @property
    def percent(self) -> int:
        """Never more than was done."""
        return 100 * self.done // self.total if self.total else 0


class ExplanationJob:
    """Explanations, one at a time; any thread may use it. The last one is kept in memory, until another begins.

    Args:
        pipeline: started. The network has half of its time or more for others.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._now = Explaining()

    def of(self, subject: Subject) -> Explaining:
        """How far that of a picture is."""
        now = self._now
        return now if now.subject == subject else Explaining()

    def start(self, subject: Subject, thermogram: Thermogram, labels: np.ndarray) -> None:
        """Begin, or leave the one of this picture that runs already.

        Args:
            subject: the picture.
            thermogram, labels: as of `Pipeline.explain`.

        Raises:
            InputError: ``explanation-running``.
        """
        with self._lock:
            if self._now.is_running:
                if self._now.subject == subject:
                    return
                raise InputError('explanation-running', 'Another picture is being explained.', 'Try again in a moment.')
            # Its own, so that one that was stopped and still runs the network once more cannot go on with this.
            self._ended = ended = threading.Event()
            self._now = Explaining(subject)
            LastingThread('explanation', lambda: self._run(ended, thermogram, labels), ended).start()

    def stop(self) -> None:
        """End it, and forget what was computed."""
        with self._lock:
            self._ended.set()
            self._now = Explaining()

    def _run(self, ended: threading.Event, thermogram: Thermogram, labels: np.ndarray) -> None:
        """Everything, whatever is raised: what ends without a word would be taken for what goes on."""
        asked_s = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal asked_s
            self._put(ended, done=done, total=total)
            if ended.wait(time.monotonic() - asked_s):  # as long as the last run took
                raise _StoppedError
            asked_s = time.monotonic()
        try:
            self._put(ended, explained=self._pipeline.explain(thermogram, labels, tell))
        except _StoppedError:
            pass
        except ThermoscreenError as error:
            self._put(ended, message=error.message)
        except BaseException as error:
            _LOGGER.exception('explanation')
            self._put(ended, message=Message('unexpected', 'Something inside the service failed.', 'Begin again.',
                                             PROBLEM, 'exams', {'detail': repr(error)}))

    def _put(self, ended: threading.Event, **changes: Any) -> None:
        with self._lock:
            if not ended.is_set():
                self._now = self._now._replace(**changes)


class _StoppedError(Exception):
    """Somebody stopped it."""
