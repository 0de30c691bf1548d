"""Stubs on a clock that only they move: pipeline, painter, camera and capture, so that every figure is known."""
import contextlib
from types import SimpleNamespace

import numpy as np

from jetson.bench import runs
from jetson.bench.runs import FrameTimer, started
from service.cameras import Frame
from service.cameras.capture import Capture
from service.messages import CameraError
from service.settings import load_settings
from service.thermogram import Thermogram

#: Milliseconds that each stage takes, unless a test says otherwise; 40 in all.
STAGES_MS = {'quality': 1.0, 'preprocess': 2.0, 'copy_in': 1.0, 'infer': 20.0, 'copy_out': 1.0, 'decode': 3.0,
             'analyse': 2.0, 'overlay': 7.0, 'encode': 3.0}
WHOLE_MS = 40.0
THERMOGRAM = Thermogram.from_celsius(np.full((48, 64), 30.0, np.float32), source='stub')
IDENTITY = {'id': 'stub', 'version': '1.0.0', 'hash': '0' * 64}


class Hand:
    """A clock that is moved by the test."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s

    def spend(self, milliseconds):
        self.now_s += milliseconds / 1e3


class StubPipeline:
    """Spends the time of each stage, and what `between_ms` says between them, where no stage counts it.

    Args:
        clock (Hand): to move.
        plan (callable): ``plan(number of the frame) -> {stage: milliseconds}``; may raise.
    """

    def __init__(self, clock, plan=lambda number: STAGES_MS, between_ms=0.0, outcome='result'):
        self.clock, self.plan, self.between_ms, self.outcome = clock, plan, between_ms, outcome
        self.bundle = SimpleNamespace(manifest=SimpleNamespace(identity=IDENTITY), sha256=lambda name: 'a' * 64)
        self.backend = {'name': 'tensorrt', 'version': '8.2.1', 'device': 'stub', 'precision': 'fp16',
                        'variant': 'fp16', 'passed_over': []}
        self.proof = {'labels_agreement': 1.0}
        self.frames, self.starts, self.stages_ms = 0, 0, {}

    def __enter__(self):
        self.starts += 1
        return self

    def __exit__(self, *exc_info):
        pass

    def analyse(self, thermogram):
        self.frames += 1
        self.stages_ms = self.plan(self.frames - 1)
        mine = {stage: took_ms for stage, took_ms in self.stages_ms.items() if stage not in ('overlay', 'encode')}
        self.clock.spend(sum(mine.values()) + self.between_ms)
        return SimpleNamespace(timings_ms=dict(mine, total=sum(mine.values())), outcome=self.outcome)


class StubPainter:
    """Spends overlay and encode of the pipeline's plan."""

    def __init__(self, pipeline):
        self._pipeline = pipeline

    def paint(self, result, watch):
        for stage in ('overlay', 'encode'):
            self._pipeline.clock.spend(self._pipeline.stages_ms[stage])
            watch.lap(stage)
        return b'jpeg'


class StubCamera:
    """Makes a frame per tick of the clock and gives each of them, `late_ms` after it was taken.

    Errors come from `trouble(sequence)`.
    """

    name, kind, rate_hz = 'stub camera', 'sim', 10.0

    def __init__(self, clock, late_ms=5.0, trouble=lambda sequence: None):
        self._clock, self._late_ms, self._trouble = clock, late_ms, trouble
        self._began_s, self._last, self.opened = clock(), -1, 0

    def __enter__(self):
        self.opened += 1
        self._began_s, self._last = self._clock(), -1
        return self

    def __exit__(self, *exc_info):
        pass

    def changes(self):
        return 0

    def describe(self):
        return {'name': self.name, 'kind': self.kind, 'rate_hz': self.rate_hz, 'width': 640, 'height': 480}

    @property
    def has_frame(self):
        """Whether the next frame has come."""
        return self._clock() >= self._arrival_s(self._last + 1) - 1e-9

    def read(self, timeout_s):
        self._last += 1
        self._clock.now_s = max(self._clock.now_s, self._arrival_s(self._last))
        error = self._trouble(self._last)
        if error is not None:
            self._clock.spend(timeout_s * 1e3)
            raise error
        return Frame(THERMOGRAM, self._last, self._began_s + self._last / self.rate_hz)

    def _arrival_s(self, sequence):
        return self._began_s + sequence / self.rate_hz + self._late_ms / 1e3


class SteppedCapture(Capture):
    """The real capture without its thread: it does the work of the thread when a frame is asked for."""

    def start(self):
        """Starts nothing."""

    def stop(self, timeout_s=5.0):
        self.close()

    def take(self, timeout_s=1.0):
        if not self._is_open:
            self.step()
        self.step()
        while self._is_open and self._slot.error is None and self._camera.has_frame:
            self.step()
        return super().take(0.0)


def gone():
    return CameraError('camera-gone', 'The stub camera is gone; plug it in.')


def silent():
    return CameraError('camera-silent', 'The stub camera gave no frame.')


def capturing(camera, clock):
    """The camera in a started capture, as a context manager."""
    return started(SteppedCapture(lambda: camera, clock=clock))


def timer(pipeline):
    """A `FrameTimer` over the stubs."""
    return FrameTimer(pipeline, StubPainter(pipeline), pipeline.clock)


@contextlib.contextmanager
def stubbed(monkeypatch, module, pipeline, camera):
    """Camera, capture and painter of a module replaced."""
    with monkeypatch.context() as patch:
        patch.setattr(module, 'make_camera', lambda spec: camera)
        patch.setattr(runs, 'Capture', SteppedCapture)
        patch.setattr(module, 'Painter', lambda *words: StubPainter(pipeline))
        yield


def settings():
    return load_settings(None)
