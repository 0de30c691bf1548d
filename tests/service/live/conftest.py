"""A camera that a test plays, and a loop around it."""
import contextlib
import queue

import pytest

from service.cameras import Frame
from service.condition import Condition
from service.live import LiveLoop
from service.messages import CameraError
from service.thermogram import Thermogram

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline

#: A camera that reports nothing of itself.
WELL = Condition()

#: Far beyond what anything here takes; a test that needs it has failed.
PATIENCE_S = 20.0


class PlayedCamera:
    """Gives what it was told to: frames, or errors to raise."""

    def __init__(self):
        self.opened = 0
        self.plugs = 0
        self.flat_fields = 0
        self.open_errors = []
        self.description = {'name': 'played'}
        self._sequence = 0
        self._items = queue.Queue()

    def __enter__(self):
        self.opened += 1
        if self.open_errors:
            raise self.open_errors.pop(0)
        return self

    def __exit__(self, *exc_info):
        pass

    def describe(self):
        return self.description

    def changes(self):
        return self.plugs

    def flat_field(self):
        self.flat_fields += 1

    def frame(self, celsius=None, skipped=0, t_monotonic=0.0, condition=WELL):
        """Give a frame; `skipped` others came before it that nobody read."""
        self._sequence += 1 + skipped
        thermogram = Thermogram.from_celsius(frames.torso() if celsius is None else celsius, 'played')
        self._items.put(Frame(thermogram, self._sequence, t_monotonic, condition))

    def fail(self, error):
        """Raise an error at the next read."""
        self._items.put(error)

    def read(self, timeout_s):
        try:
            item = self._items.get(timeout=timeout_s)
        except queue.Empty:
            raise CameraError('camera-silent', 'The played camera gave no frame; check its cable.') from None
        if isinstance(item, Exception):
            raise item
        return item


@pytest.fixture
def camera():
    return PlayedCamera()


@pytest.fixture(scope='session')
def stub():
    """A pipeline whose network labels the torso of `frames`."""
    with stub_pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def play(camera, stub):
    """Start a loop over `camera`; arguments as of `LiveLoop`."""
    with contextlib.ExitStack() as stack:
        def start(pipeline=stub, **options):
            options.setdefault('backoff_s', (0.0, 0.0))
            options.setdefault('read_timeout_s', PATIENCE_S)
            live = LiveLoop(pipeline, lambda: camera, **options)
            # The threads may sit in a long wait; they are daemons and the test is over.
            stack.callback(live.stop, timeout_s=0)
            live.start()
            return live
        yield start


def until(live, wanted):
    """The first state that `wanted` accepts."""
    sequence = -1
    while True:
        state = live.wait_for(sequence, PATIENCE_S)
        assert state is not None, 'nothing came; the last was %s' % (live.state.status,)
        if wanted(state):
            return state
        sequence = state.sequence


def running(state):
    return state.running


def stopped(code):
    return lambda state: state.status.code == code
