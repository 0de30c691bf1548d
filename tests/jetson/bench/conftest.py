"""Whole benchmarks over the stubs."""
import copy

import pytest

from jetson.bench import session as module
from jetson.bench.session import Protocol, Session
from jetson.platform import SimulatedPlatform
from service.messages import Message
from tests.jetson.bench.stubs import STAGES_MS, Hand, StubCamera, StubPipeline, settings, stubbed

#: As an exporter states it.
PARITY = {'frames': {'24 phantoms': {'frames': 24, 'max_abs_error': 0.01, 'label_agreement': 0.999, 'not_finite': 0,
                                     'miou_change': -0.001}}}
#: One variant of each kind: proven, wrong answers, agreement below its limit, not available.
VARIANTS = [
    {'name': 'tensorrt:fp16', 'backend': {'name': 'tensorrt'}, 'precision': 'fp16', 'variant': 'fp16', 'n': 3,
     'median_ms': 20.0, 'p90_ms': 22.0, 'start_s': 1.5, 'agreement': 0.999, 'bytes': 10, 'proof': {}, 'problem': None,
     'excluded': '', 'samples_ms': [20.0, 22.0, 19.0], 'parity': PARITY},
    {'name': 'tensorrt:int8', 'backend': {}, 'precision': 'int8', 'variant': 'int8-qdq', 'n': 0, 'median_ms': None,
     'p90_ms': None, 'start_s': None, 'agreement': None, 'bytes': 10, 'proof': {},
     'problem': Message('golden-mismatch', 'It answers otherwise.', subject='tensorrt:int8').to_dict(),
     'excluded': 'It answers otherwise.', 'samples_ms': [], 'parity': {}},
    {'name': 'onnxruntime-cpu:int8-qdq', 'backend': {'name': 'onnxruntime'}, 'precision': 'int8',
     'variant': 'int8-qdq', 'n': 3, 'median_ms': 1.25, 'p90_ms': 1.5, 'start_s': 0.1, 'agreement': 0.4, 'bytes': 10,
     'proof': {}, 'problem': None, 'excluded': 'Only 0.4000 of its labels are those of FP32.',
     'samples_ms': [1.2, 1.25, 1.5], 'parity': {}},
    {'name': 'onnxruntime-cuda:fp32', 'backend': {}, 'precision': 'fp32', 'variant': 'fp32', 'n': 0, 'median_ms': None,
     'p90_ms': None, 'start_s': None, 'agreement': None, 'bytes': None, 'proof': {},
     'problem': Message('backend-provider', 'Built without it.', subject='onnxruntime-cuda:fp32').to_dict(),
     'excluded': 'Built without it.', 'samples_ms': [], 'parity': {}}]


class Steady(SimulatedPlatform):
    """A simulated board that claims to be real, to test what is said of real ones."""

    kind = 'real'


def steady(clock, mode='MAXN'):
    """A cool board under load that does not throttle."""
    platform = Steady(mode, clock=clock)
    platform.set_load(0.5, 0.5)
    return platform


def run_session(monkeypatch, plan=lambda number: STAGES_MS, camera=None, platform=None, protocol=None, clock=None,
                **options):
    """A benchmark over the stubs, run to its end; options go to `StubPipeline`."""
    clock = clock or Hand()
    pipeline = StubPipeline(clock, plan, **options)
    camera = camera or StubCamera(clock)
    session = Session(settings(), protocol or Protocol(8.0, 50, 4.0, 'sim', 0), platform or steady(clock),
                      lambda: pipeline, clock)
    # The recorder's thread would see a clock that stands still; here readings are taken by hand.
    recorder = session._recorder
    monkeypatch.setattr(type(recorder), '__enter__', lambda self: self.take() and None)
    monkeypatch.setattr(type(recorder), '__exit__', lambda self, *exc_info: self.take() and None)
    monkeypatch.setattr(session._shares, 'read', lambda: (0.3, 0.01))
    monkeypatch.setattr(recorder._shares, 'read', lambda: (0.5, 0.02))
    with stubbed(monkeypatch, module, pipeline, camera):
        session.run()
    return session


@pytest.fixture(scope='session')
def _sound():
    with pytest.MonkeyPatch.context() as patch:
        return run_session(patch).document()


@pytest.fixture
def sound(_sound):
    """A valid benchmark; a copy to spoil."""
    return copy.deepcopy(dict(_sound, variants=VARIANTS))
