"""One thread owns the backend, and everybody else waits for it."""
import threading

import numpy as np
import pytest

from service.backends import Worker
from service.backends.worker import QUEUE_DEPTH, _Queue
from service.messages import BackendError
from service.stopwatch import Stopwatch
from service.supervise import threads
from tests.fakes.stub_backend import StubBackend, StubClassifier

FEED = {'thermogram': np.zeros((1, 1, 240, 320), np.float32)}


class Recording(StubBackend):
    """Remembers which threads touched it; hangs in `_infer` while its gate is closed."""

    def __init__(self):
        super().__init__()
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.released = threading.Event()

    def _activate(self):
        self.threads.add(threading.current_thread().name)

    def _deactivate(self):
        self.threads.add(threading.current_thread().name)
        self.released.set()

    def _infer(self, feed):
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(30)
        return super()._infer(feed)


def test_only_the_worker_touches_the_backend():
    backend = Recording()
    with Worker(lambda: backend) as worker:
        callers = [threading.Thread(target=lambda: [_patient(worker) for _ in range(5)]) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(30)
    assert backend.runs == 20
    assert backend.threads == {'inference'}


def _patient(worker):
    """Infer, trying again while others are in the queue."""
    while True:
        try:
            return worker.infer(FEED)
        except BackendError as error:
            assert error.code == 'backend-busy'


def test_a_queue_that_is_full_says_so_at_once():
    backend = Recording()
    backend.gate.clear()
    with Worker(lambda: backend) as worker:
        waiting = [threading.Thread(target=worker.infer, args=(FEED,)) for _ in range(3)]
        waiting[0].start()
        assert backend.entered.wait(30)
        for caller in waiting[1:]:
            caller.start()
        while len(worker._jobs) < QUEUE_DEPTH:
            pass
        with pytest.raises(BackendError) as caught:
            worker.infer(FEED)
        backend.gate.set()
        for caller in waiting:
            caller.join(30)
    assert caught.value.code == 'backend-busy' and caught.value.http_status == 503


def test_a_run_that_never_ends_is_given_up():
    backend = Recording()
    backend.gate.clear()
    with Worker(lambda: backend, timeout_s=0.05) as worker:
        with pytest.raises(BackendError) as caught:
            worker.infer(FEED)
        backend.gate.set()
    assert caught.value.code == 'backend-stuck'


def hung_worker(backend):
    """A started worker whose three calls, one running and two queued, have timed out on a backend that hangs."""
    backend.gate.clear()
    worker = Worker(lambda: backend, timeout_s=0.05)
    worker.start()
    while not backend.entered.is_set():  # a busy machine may give a call up before the thread has taken it
        with pytest.raises(BackendError):
            worker.infer(FEED)
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            worker.infer(FEED)
        assert caught.value.code == 'backend-stuck'
    return worker


def returns(call):
    """Whether a call comes back at all."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_stop_returns_although_the_backend_hangs():
    backend = Recording()
    worker = hung_worker(backend)
    assert returns(worker.stop)
    assert not backend.released.is_set()
    backend.gate.set()
    assert backend.released.wait(30)


def test_abandoned_jobs_are_not_run():
    backend = Recording()
    worker = hung_worker(backend)
    worker._timeout_s = 30
    backend.gate.set()
    _patient(worker)
    worker.stop()
    assert backend.runs == 2, 'the call that was running and the new one'


def test_a_hung_thread_takes_nothing_from_the_one_that_replaces_it():
    hung, sound = Recording(), Recording()
    worker = hung_worker(hung)
    assert returns(worker.stop)
    worker._make_backend = lambda: sound
    worker.start()
    hung.gate.set()
    assert hung.released.wait(30)
    worker.infer(FEED)
    worker.stop()
    assert (hung.runs, sound.runs) == (1, 1)


def test_what_waits_when_the_worker_stops_is_told():
    backend = Recording()
    backend.gate.clear()
    worker = Worker(lambda: backend)
    worker.start()
    running = threading.Thread(target=worker.infer, args=(FEED,))
    running.start()
    assert backend.entered.wait(30)
    errors = []

    def wait():
        try:
            worker.infer(FEED)
        except BackendError as error:
            errors.append(error.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not worker._jobs:
        pass
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    waiting.join(30)
    backend.gate.set()
    for thread in (running, stopping):
        thread.join(30)
    assert errors == ['backend-stopped'] and backend.runs == 1


def test_what_fails_is_raised_where_it_was_asked_and_the_worker_lives_on():
    backend = StubBackend()
    with Worker(lambda: backend) as worker:
        with pytest.raises(BackendError) as caught:
            worker.infer({'wrong': FEED['thermogram']})
        assert caught.value.code == 'backend-feed'
        backend._infer = lambda feed: 1 / 0
        with pytest.raises(BackendError) as caught:
            worker.infer(FEED)
        assert caught.value.code == 'backend-run' and 'ZeroDivisionError' in caught.value.detail
        del backend._infer
        assert worker.infer(FEED)


def test_a_backend_that_cannot_load_fails_the_start():
    def broken():
        raise BackendError('backend-load', 'No such thing.')

    with pytest.raises(BackendError) as caught:
        Worker(broken).start()
    assert caught.value.code == 'backend-load'


@pytest.mark.parametrize('error', [SystemExit(), MemoryError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize('place', ['_activate', 'describe'])
def test_a_start_that_ends_in_any_exception_says_so_at_once(place, error):
    backend = StubBackend()

    def fail(*_):
        raise error

    setattr(backend, place, fail)
    with pytest.raises(BackendError) as caught:
        Worker(lambda: backend, start_timeout_s=1e6).start()
    assert caught.value.code == 'backend-load' and type(error).__name__ in caught.value.detail


@pytest.mark.parametrize('error', [SystemExit(), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_a_run_that_ends_in_any_exception_says_so_at_once_and_the_worker_lives_on(error):
    backend = StubBackend()

    def fail(feed):
        raise error

    with Worker(lambda: backend, timeout_s=1e6) as worker:
        backend._infer = fail
        with pytest.raises(BackendError) as caught:
            worker.infer(FEED)
        assert caught.value.code == 'backend-run' and type(error).__name__ in caught.value.detail
        del backend._infer
        assert worker.infer(FEED)


def test_a_thread_that_fails_beside_its_jobs_loads_the_model_again(monkeypatch):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.01)
    made, faults, get = [], [SystemExit()], _Queue.get

    def fail(queue):
        if faults:
            raise faults.pop()
        return get(queue)

    monkeypatch.setattr(_Queue, 'get', fail)
    with Worker(lambda: made.append(StubBackend()) or made[-1]) as worker:
        assert worker.infer(FEED)
    assert len(made) == 2 and made[1].runs == 1


def test_a_stopped_worker_says_so():
    worker = Worker(StubBackend)
    worker.start()
    worker.stop()
    worker.stop()
    with pytest.raises(BackendError) as caught:
        worker.infer(FEED)
    assert caught.value.code == 'backend-stopped'


def test_a_backend_that_loads_too_slowly_is_given_up_and_released_when_it_is_there():
    released = threading.Event()

    class Slow(Recording):
        def _activate(self):
            assert self.gate.wait(30)

        def _deactivate(self):
            released.set()

    backend = Slow()
    backend.gate.clear()
    worker = Worker(lambda: backend, start_timeout_s=0.05)
    with pytest.raises(BackendError) as caught:
        worker.start()
    assert caught.value.code == 'backend-slow'
    with pytest.raises(BackendError) as caught:
        worker.infer(FEED)
    assert caught.value.code == 'backend-stopped'
    backend.gate.set()
    assert released.wait(30)


def test_what_was_chosen_stands_in_the_description():
    backend = StubBackend()
    backend.chosen = {'variant': 'fp16'}
    with Worker(lambda: backend) as worker:
        assert worker.describe() == dict(backend.describe(), variant='fp16')


class Copying(StubClassifier):
    """Copies to another device and back."""

    parts_ms = (('copy_in', 1.0), ('infer', None), ('copy_out', 2.0))


def test_two_networks_run_in_one_thread_and_are_timed_apart():
    segmenter, classifier, watch = Recording(), Copying(0.75), Stopwatch()
    with Worker(lambda: segmenter, make_classifier=lambda: classifier) as worker:
        assert set(worker.infer(FEED, watch)) == {'labels', 'confidence', 'finding'}
        assert worker.infer(FEED, watch, classifier=True) == {'finding': [[0.75]]}
        described = worker.describe()
    assert (segmenter.runs, classifier.runs) == (1, 1) and segmenter.threads == {'inference'}
    assert list(watch.read_ms()) == ['infer', 'copy_in', 'infer_classifier', 'copy_out', 'total']
    assert described == dict(segmenter.describe(), classifier=classifier.describe())
    assert not segmenter._active and not classifier._active


def test_a_classifier_that_cannot_be_loaded_releases_the_segmenter():
    segmenter = Recording()

    def refuse():
        raise BackendError('engine-missing', 'There is none.')

    with pytest.raises(BackendError) as caught:
        Worker(lambda: segmenter, make_classifier=refuse).start()
    assert caught.value.code == 'engine-missing' and segmenter.released.wait(30)
