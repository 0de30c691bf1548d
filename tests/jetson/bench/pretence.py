"""A clock that only the pretended pipeline, painter and camera move: every figure is known beforehand."""
import contextlib
from types import SimpleNamespace

from jetson.bench.frames import FrameTimer
from service.cameras import Frame
from service.messages import CameraError
from service.settings import load_settings

#: Milliseconds that each stage takes, unless a test says otherwise; 40 in all.
STAGES_MS = {'quality': 1.0, 'preprocess': 2.0, 'copy_in': 1.0, 'infer': 20.0, 'copy_out': 1.0, 'decode': 3.0,
             'analyse': 2.0, 'overlay': 7.0, 'encode': 3.0}
WHOLE_MS = 40.0
IDENTITY = {'id': 'stub', 'version': '1.0.0', 'hash': '0' * 64}


class Hand:
    """A clock that is moved by hand."""

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
    """Ticks on the clock; hands a frame over `late_ms` after it was taken. Errors come from `trouble(sequence)`."""

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

    def describe(self):
        return {'name': self.name, 'kind': self.kind, 'rate_hz': self.rate_hz, 'width': 640, 'height': 480}

    def read(self, timeout_s):
        # A tick that has come while another frame was worked on is taken at once, older ones are lost.
        newest = int((self._clock() - self._began_s) * self.rate_hz + 1e-6)
        self._last = max(newest, self._last + 1)
        taken_s = self._began_s + self._last / self.rate_hz
        self._clock.now_s = max(self._clock.now_s, taken_s + self._late_ms / 1e3)
        error = self._trouble(self._last)
        if error is not None:
            self._clock.spend(timeout_s * 1e3)
            raise error
        return Frame(SimpleNamespace(), self._last, taken_s)


def gone():
    return CameraError('camera-gone', 'The stub camera is gone; plug it in.')


def silent():
    return CameraError('camera-silent', 'The stub camera gave no frame.')


def timer(pipeline):
    """A `FrameTimer` over the pretence."""
    return FrameTimer(pipeline, StubPainter(pipeline), pipeline.clock)


@contextlib.contextmanager
def pretended(monkeypatch, module, pipeline, camera):
    """Camera and painter of a module replaced."""
    with monkeypatch.context() as patch:
        patch.setattr(module, 'make_camera', lambda spec: camera)
        patch.setattr(module, 'Painter', lambda *words: StubPainter(pipeline))
        yield


def settings():
    return load_settings(None)
