"""A pipeline whose network is a stub: everything around the network is real."""
import contextlib
from unittest import mock

from service.backends import Worker
from service.bundle import Manifest, Variant
from service.chains import get_chain
from service.pipeline import Pipeline
from service.selection import startup as module
from service.views import VIEWS

from . import frames
from .stub_backend import INPUTS, OUTPUTS, StubBackend, StubClassifier, outputs_of


class StubBundle:
    """The parts of a bundle that the pipeline reads."""

    inputs, outputs, classifier = INPUTS, OUTPUTS, None
    chain = get_chain('plateau-1')
    manifest = Manifest({'name': 'stub', 'version': '1.0.0', 'outputs': {spec.name: {} for spec in OUTPUTS},
                         'finding': {'name': 'abnormal left-right heat pattern', 'threshold': 0.5,
                                     'meaning': 'A stub for tests.'}}, '0' * 64)

    def __init__(self, gives_finding=True, gives_view=False):
        self.outputs = outputs_of(gives_finding, gives_view)
        raw = dict(self.manifest.raw)
        if not gives_finding:
            del raw['finding']
        if gives_view:
            raw['views'] = {'names': list(VIEWS)}
        raw['outputs'] = {spec.name: {} for spec in self.outputs}
        self.manifest = Manifest(raw, '0' * 64)

    @staticmethod
    def output_name(role):
        return role


class StubPair(StubBundle):
    """A bundle of two networks that run in an order."""

    def __init__(self, order, gives_view=False):
        super().__init__(gives_finding=False, gives_view=gives_view)
        finding = StubBundle.manifest['finding']
        self.manifest = Manifest(dict(self.manifest.raw, order=order, finding=finding), '0' * 64)
        self.classifier = StubBundle()
        self.classifier.outputs = OUTPUTS[2:]
        self.classifier.variants = {'fp32': Variant('fp32', '', 'fp32', True, OUTPUTS[2:], {}, {})}
        self.classifier.manifest = Manifest(dict(self.manifest.raw, outputs={'finding': {}}), '0' * 64)


@contextlib.contextmanager
def stub_pipeline(options=None, **answers):
    """A running pipeline that labels every frame as `answers` say; without them, as `frames.labels`.

    With ``finding=None`` its bundle only marks regions; with a ``view`` it tells views apart.
    """
    answers.setdefault('labels', frames.labels())
    backend = StubBackend(**answers)
    bundle = StubBundle(answers.get('finding', 0) is not None, answers.get('view') is not None)
    pipeline = Pipeline(bundle, Worker(lambda: backend), options)
    with _entered(pipeline):
        pipeline.backend_stub = backend
        yield pipeline


@contextlib.contextmanager
def stub_pair(order, finding, labels=None, view=None):
    """A running pipeline of two networks, of which the classifier gives this probability for every frame."""
    segmenter = StubBackend(frames.labels() if labels is None else labels, finding=None, view=view)
    classifier = StubClassifier(finding)
    worker = Worker(lambda: segmenter, make_classifier=lambda: classifier)
    pipeline = Pipeline(StubPair(order, view is not None), worker)
    with _entered(pipeline):
        pipeline.segmenter_stub, pipeline.classifier_stub = segmenter, classifier
        yield pipeline


@contextlib.contextmanager
def _entered(pipeline):
    # Replaced for the start alone: a fixture may hold this open while other tests prove real bundles.
    with mock.patch.object(module, 'prove', lambda *args, **kwargs: {}):
        pipeline.__enter__()
    try:
        yield
    finally:
        pipeline.__exit__()
