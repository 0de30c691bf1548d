"""The one thread that owns the backend."""
import queue
import threading

from ..messages import BackendError, ThermoscreenError

#: A frame that waits behind more than one other is older than what the operator sees.
QUEUE_DEPTH = 2

#: Longest wait until a backend is loaded, where nobody says otherwise.
START_TIMEOUT_S = 60.0


class Worker:
    """Loads a backend in a thread of its own and runs every inference there.

    A CUDA context belongs to the thread that made it; sharing it between web threads is the best
    known way to break a TensorRT service. Callers hand a feed over and wait for the answer.

    Args:
        make_backend (callable): returns a `Backend` that is not active yet.
        timeout_s (float): longest wait for one answer.
        start_timeout_s (float): longest wait until the backend is loaded, which takes far longer than an answer.
    """

    def __init__(self, make_backend, timeout_s=30.0, start_timeout_s=START_TIMEOUT_S):
        self._make_backend = make_backend
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        self._jobs = queue.Queue(maxsize=QUEUE_DEPTH)
        self._thread = None
        self._description = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Start the thread and wait until the backend is loaded.

        Raises:
            BackendError: what loading raised; ``backend-slow`` where it took too long. A backend that is loaded
                after that is released at once.
        """
        started = _Job(None)
        self._thread = threading.Thread(target=self._run, args=(started,), name='inference', daemon=True)
        self._thread.start()
        if not started.within(self._start_timeout_s):
            self._jobs.put(None)
            self._thread = None
            raise BackendError('backend-slow', 'The model was not loaded within %g seconds; restart the device if this '
                               'stays so.' % self._start_timeout_s)
        self._description = started.wait(0)

    def stop(self):
        """Release the backend and end the thread."""
        if self._thread is not None and self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(self._timeout_s)
        self._thread = None

    def describe(self):
        """The backend's own description, with the variant of the bundle that it runs where one was chosen."""
        return dict(self._description)

    def infer(self, feed, watch=None):
        """`Backend.infer` on the owning thread.

        Args:
            feed (dict): as `Backend.infer` takes it.
            watch (Stopwatch): laps the parts of the run; the way to the thread and back counts as ``'infer'``.
        Returns:
            dict: array per output name.
        Raises:
            BackendError: what the run raised; ``backend-busy`` where others wait already;
                ``backend-stuck`` where no answer came in time.
        """
        if self._thread is None or not self._thread.is_alive():
            raise BackendError('backend-stopped', 'The inference worker is not running; restart the service.')
        job = _Job(feed)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise BackendError('backend-busy', 'Other frames are being analysed; try again in a moment.') from None
        outputs = job.wait(self._timeout_s)
        if watch is not None:
            watch.lap_parts(job.parts_ms)
        return outputs

    def _run(self, started):
        try:
            backend = self._make_backend()
            backend.activate()
        except Exception as error:
            started.fail(error)
            return
        started.finish(dict(backend.describe(), **backend.chosen))
        try:
            for job in iter(self._jobs.get, None):
                try:
                    outputs = backend.infer(job.feed)
                    job.finish(outputs, backend.parts_ms)
                except Exception as error:
                    job.fail(error)
        finally:
            backend.deactivate()


class _Job:
    """One feed on its way to the worker, and the answer on its way back."""

    def __init__(self, feed):
        self.feed = feed
        self._done = threading.Event()
        self.parts_ms = ()
        self._value = None
        self._error = None

    def finish(self, value, parts_ms=()):
        self._value, self.parts_ms = value, parts_ms
        self._done.set()

    def fail(self, error):
        self._error = error
        self._done.set()

    def within(self, timeout_s):
        """Whether it was answered in time."""
        return self._done.wait(timeout_s)

    def wait(self, timeout_s):
        if not self.within(timeout_s):
            raise BackendError('backend-stuck', 'The model gave no answer in %g seconds; restart the service.'
                               % timeout_s)
        if isinstance(self._error, ThermoscreenError):
            raise self._error
        if self._error is not None:
            raise BackendError('backend-run', 'The model failed on a frame; if it happens again, restart the '
                               'service.', detail=repr(self._error)) from self._error
        return self._value
