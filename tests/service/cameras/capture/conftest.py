"""A camera that follows a script, and a capture that a test moves step by step."""
import functools

import numpy as np
import pytest

from service.cameras import Frame
from service.cameras.capture import Capture
from service.condition import Condition
from service.messages import CameraError
from service.thermogram import Thermogram

from ..fake_clock import FakeClock

RATE_HZ = 10.0

GONE = CameraError('camera-gone', 'The scripted camera is gone; plug it in.')
SILENT = CameraError('camera-silent', 'The scripted camera gave no frame; check its cable.')
DAMAGED = CameraError('camera-bad-frame', 'The scripted camera sent a damaged frame; restart it.')


@functools.lru_cache(maxsize=None)
def picture(number=0, shape=(60, 80), noise_c=0.05):
    """A frame with a body and noise of its own, float32 degrees Celsius; copy it to change it."""
    celsius = np.full(shape, 22.0)
    celsius[10:50, 20:60] = 33.0
    return (celsius + np.random.RandomState(number).normal(0, noise_c, shape)).astype(np.float32)


def thermogram(celsius=None, number=0):
    return Thermogram.from_celsius(picture(number) if celsius is None else celsius, 'scripted')


class ScriptedCamera:
    """Every read takes the next item: an error, or what a frame is made of. Without items it is gone."""

    def __init__(self, clock):
        self._clock = clock
        self.items = []
        self.open_errors = []
        self.opened = self.closed = self.plugs = self.flat_fields = 0
        self.description = {'name': 'scripted camera', 'rate_hz': RATE_HZ, 'never_repeats': True, 'warms_up': True}
        self.no_ffc = None
        self._sequence = -1
        self._number = 0

    def __enter__(self):
        self.opened += 1
        if self.open_errors:
            raise self.open_errors.pop(0)
        return self

    def __exit__(self, *exc_info):
        self.closed += 1

    def describe(self):
        return self.description

    def changes(self):
        return self.plugs

    def flat_field(self):
        if self.no_ffc:
            raise self.no_ffc
        self.flat_fields += 1

    def frames(self, count, **said):
        """Script so many frames; `said` becomes their condition."""
        self.items += [{'condition': Condition(**said)}] * count

    def read(self, timeout_s):
        item = self.items.pop(0) if self.items else GONE
        if isinstance(item, BaseException):
            self._clock.sleep(timeout_s if item is SILENT else 1 / RATE_HZ)
            raise item
        item = dict(item)
        self._clock.sleep(1 / RATE_HZ)
        missed = item.pop('missed', 0)
        self._sequence += 1 + item.pop('lost', 0) + min(missed, 9)
        self._number += 1
        celsius = item.pop('celsius', None)
        taken_s = self._clock.now() - item.pop('late_s', 0.0)
        return Frame(thermogram(celsius, self._number), self._sequence, taken_s, item.get('condition', Condition()),
                     missed)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def camera(clock):
    return ScriptedCamera(clock)


@pytest.fixture
def make(camera, clock):
    """A capture over `camera` without a thread; arguments as of `Capture`."""
    def build(**options):
        return Capture(lambda: camera, clock=clock.now, wait=clock.sleep, **options)
    return build


def steps(capture, count):
    for _ in range(count):
        capture.step()


def read_all(capture, camera):
    """Step until the script is over; the frames that were handed out."""
    taken = []
    while camera.items:
        before = capture.counts.received
        capture.step()
        if capture.counts.received > before:
            taken.append(capture.take(0))
    return taken


def codes(capture):
    return [message['code'] for message in capture.report()['quality']['messages']]
