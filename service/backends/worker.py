"""The thread that owns the backend, and the queue in front of it."""
import contextlib
import functools
import logging
import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Optional, Type

from ..messages import BackendError, ThermoscreenError
from ..supervise import LastingThread
from .base import Backend, Parts, Tensors

if TYPE_CHECKING:
    from ..stopwatch import Stopwatch

#: A frame that waits behind more than one other is older than what the operator sees.
QUEUE_DEPTH = 2

#: Stage of the classifier's runs, beside the ``'infer'`` of the segmenter.
CLASSIFIER_STAGE = 'infer_classifier'

#: Defaults of the longest wait for an answer, and until a backend is loaded.
ANSWER_TIMEOUT_S = 30.0
START_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


class Worker:
    """Loads a backend in a thread of its own and runs every inference there.

    A CUDA context belongs to the thread that created it, and sharing it between web threads is a common way to break a
    TensorRT service. Callers hand over a feed and wait for the answer.

    Args:
        make_backend: returns a `Backend` that is not active yet.
        timeout_s: longest wait for one answer, and for a backend that is stopped; `ANSWER_TIMEOUT_S` by default.
        start_timeout_s: longest wait until the backend is loaded, which takes far longer than an answer.
        make_classifier: as `make_backend`, for a bundle whose classifier is a network of its own.
    """

    def __init__(self, make_backend: Callable[[], Backend], timeout_s: Optional[float] = None,
                 start_timeout_s: float = START_TIMEOUT_S,
                 make_classifier: Optional[Callable[[], Backend]] = None) -> None:
        self._make_backend, self._make_classifier = make_backend, make_classifier
        self._timeout_s = ANSWER_TIMEOUT_S if timeout_s is None else timeout_s
        self._start_timeout_s = start_timeout_s
        self._jobs = _Queue()
        self._thread: Optional[threading.Thread] = None
        self._description: Dict[str, Any] = {}

    def __enter__(self) -> 'Worker':
        self.start()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread and wait until the backend is loaded.

        Raises:
            BackendError: what loading raised; ``backend-slow`` where it took too long. A backend that finishes
                loading after that is released at once.
        """
        # Its own queue, so that a thread that hung in an earlier run can never take a job of this one.
        jobs, loaded = _Queue(), _Job({})
        thread = LastingThread('inference', functools.partial(self._run, jobs, loaded), jobs.closed)
        thread.start()
        if not loaded.wait(self._start_timeout_s):
            jobs.close()
            raise BackendError('backend-slow', 'The model was not loaded within %g seconds.' % self._start_timeout_s,
                               'Restart the device if this happens again.')
        self._description = loaded.answer()
        self._jobs, self._thread = jobs, thread

    def stop(self) -> None:
        """Release the backend and end the thread, within `timeout_s`.

        Waiting callers get ``backend-stopped``. A backend that hangs is left to its thread, which releases it if the
        call ever returns.
        """
        thread, self._thread = self._thread, None
        self._jobs.close()
        if thread is not None:
            thread.join(self._timeout_s)
            if thread.is_alive():
                _log.warning('The backend did not stop within %g seconds; its thread is abandoned.', self._timeout_s)

    def describe(self) -> Dict[str, Any]:
        """The backend's own description, with the variant of the bundle that it runs where one was chosen.

        That of a classifier is under ``classifier``.
        """
        return dict(self._description)

    def infer(self, feed: Tensors, watch: Optional['Stopwatch'] = None, classifier: bool = False) -> Tensors:
        """`Backend.infer` on the owning thread.

        Args:
            watch: laps the stages of the run; the way to the thread and back counts as ``'infer'``, or for the
                classifier as `CLASSIFIER_STAGE`.
            classifier: which of two networks runs.
        Raises:
            BackendError: what the run raised; ``backend-busy`` where others wait already; ``backend-stuck`` where no
                answer came in time, in which case a job that has not started is never run.
        """
        if self._thread is None or not self._thread.is_alive():
            raise _stopped()
        job, jobs = _Job(feed, classifier), self._jobs
        jobs.put(job)
        if not job.wait(self._timeout_s):
            jobs.take_back(job)
            raise BackendError('backend-stuck', 'The model gave no answer in %g seconds.' % self._timeout_s,
                               'Restart the service.')
        outputs = job.answer()
        if watch is not None:
            watch.lap_parts([(CLASSIFIER_STAGE, part_ms) if stage == 'infer' else (stage, part_ms)
                             for stage, part_ms in job.parts_ms] if classifier else job.parts_ms)
        return outputs

    def _run(self, jobs: '_Queue', loaded: '_Job') -> None:
        with contextlib.ExitStack() as active:
            # Whatever a library raises, SystemExit included, is the answer: nobody waits for one that never comes.
            try:
                makers = filter(None, (self._make_backend, self._make_classifier))
                backends = [active.enter_context(make()) for make in makers]
                description, *others = [dict(backend.describe(), **backend.chosen) for backend in backends]
            except BaseException as error:
                loaded.fail(error if isinstance(error, ThermoscreenError) else BackendError(
                    'backend-load', 'The model could not be loaded.', 'Restart the device if this happens again.',
                    detail=repr(error)))
                return
            loaded.finish(dict(description, classifier=others[0]) if others else description)
            for job in iter(jobs.get, None):
                backend = backends[job.classifier]
                try:
                    outputs = backend.infer(job.feed)
                    job.finish(outputs, backend.parts_ms)
                except BaseException as error:
                    job.fail(error)


class _Job:
    """A feed on its way to the worker, and the answer on its way back."""

    def __init__(self, feed: Tensors, classifier: bool = False) -> None:
        self.feed, self.classifier = feed, classifier
        self.parts_ms: Parts = ()
        self._done = threading.Event()
        self._value: Dict[str, Any] = {}
        self._error: Optional[BaseException] = None

    def finish(self, value: Dict[str, Any], parts_ms: Parts = ()) -> None:
        self._value, self.parts_ms = value, parts_ms
        self._done.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._done.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it was answered in time."""
        return self._done.wait(timeout_s)

    def answer(self) -> Dict[str, Any]:
        """The answer, or the error in its place, of a job that is done."""
        if isinstance(self._error, ThermoscreenError):
            raise self._error
        if self._error is not None:
            raise BackendError('backend-run', 'The model failed on a frame.',
                               'Restart the service if it happens again.', detail=repr(self._error)) from self._error
        return self._value


class _Queue:
    """Jobs for one thread. Unlike `queue.Queue` it can be closed at any time, and a job can be taken back.

    Attributes:
        closed: set once no more jobs are taken.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: Deque[_Job] = deque()
        self.closed = threading.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: _Job) -> None:
        """Add a job.

        Raises:
            BackendError: ``backend-busy`` where it is full, ``backend-stopped`` where it is closed.
        """
        with self._changed:
            if self.closed.is_set():
                raise _stopped()
            if len(self._jobs) >= QUEUE_DEPTH:
                raise BackendError('backend-busy', 'Other frames are being analysed.', 'Try again in a moment.')
            self._jobs.append(job)
            self._changed.notify()

    def take_back(self, job: _Job) -> None:
        """Remove a job that nobody waits for any more, unless it is running."""
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)

    def get(self) -> Optional[_Job]:
        """Wait for the next job; None once it is closed."""
        with self._changed:
            while not self._jobs and not self.closed.is_set():
                self._changed.wait()
            return None if self.closed.is_set() else self._jobs.popleft()

    def close(self) -> None:
        """Take no more jobs, and fail those that wait."""
        with self._changed:
            self.closed.set()
            while self._jobs:
                self._jobs.popleft().fail(_stopped())
            self._changed.notify_all()


def _stopped() -> BackendError:
    return BackendError('backend-stopped', 'The inference worker is not running.', 'Restart the service.')
