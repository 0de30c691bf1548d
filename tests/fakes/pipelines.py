"""A pipeline whose network is a stub: everything around the network is real."""
import contextlib
from unittest import mock

from service.backends import Worker
from service.bundle import Manifest
from service.chains import get_chain
from service.pipeline import Pipeline
from service.selection import startup as module

from . import frames
from .stub_backend import INPUTS, OUTPUTS, StubBackend


class StubBundle:
    """The parts of a bundle that the pipeline reads."""

    inputs, outputs = INPUTS, OUTPUTS
    chain = get_chain('plateau-1')
    manifest = Manifest({'name': 'stub', 'version': '1.0.0',
                         'finding': {'name': 'abnormal left-right heat pattern', 'threshold': 0.5,
                                     'meaning': 'A stub for tests.'}}, '0' * 64)

    def __init__(self, gives_finding=True):
        if not gives_finding:
            self.outputs = OUTPUTS[:2]
            self.manifest = Manifest({'name': 'stub', 'version': '1.0.0'}, '0' * 64)

    @staticmethod
    def output_name(role):
        return role


@contextlib.contextmanager
def stub_pipeline(options=None, **answers):
    """A running pipeline that labels every frame as `answers` say; without them, as `frames.labels`.

    With ``finding=None`` its bundle only marks regions.
    """
    answers.setdefault('labels', frames.labels())
    backend = StubBackend(**answers)
    pipeline = Pipeline(StubBundle(answers.get('finding', 0) is not None), Worker(lambda: backend), options)
    # Replaced for the start alone: a fixture may hold this open while other tests prove real bundles.
    with mock.patch.object(module, 'prove', lambda *args, **kwargs: {}):
        pipeline.__enter__()
    try:
        pipeline.backend_stub = backend
        yield pipeline
    finally:
        pipeline.__exit__()
