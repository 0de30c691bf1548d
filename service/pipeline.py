"""The one way from a thermogram to a result."""
from dataclasses import dataclass, field

from .analysis import describe, find_breasts, hottest_spots, mirrored_difference, pair_differences, region_statistics
from .backends import Runtime, Worker, reference
from .body import find_body
from .bundle import open_bundle
from .decode import decode
from .proving import start_first, start_proven
from .quality import QualityLimits, check_frame, check_labels
from .result import Finding, Result
from .stopwatch import Stopwatch


@dataclass(frozen=True)
class AnalysisOptions:
    """What an installation may set: the descriptive threshold and the quality limits."""

    difference_threshold_c: float = 1.0
    quality: QualityLimits = field(default_factory=QualityLimits)


class Pipeline:
    """Analyses thermograms with one bundle.

    The command line, the live page, an opened file, the benchmark and the evaluation all call
    `analyse`: what is measured is what is shipped. Use it as a context manager.

    Args:
        bundle (Bundle): an opened bundle.
        worker (Worker): the thread that owns the backend; started and proven by `__enter__`. None to have one
            chosen there.
        options (AnalysisOptions): thresholds.
        runtime (Runtime): what may be chosen where no worker is given.
    """

    def __init__(self, bundle, worker=None, options=None, runtime=None):
        self.bundle = bundle
        self.options = options or AnalysisOptions()
        self.proof = {}
        self._given = worker
        self._runtime = runtime or Runtime()
        self._worker = None
        self._identity = bundle.manifest.identity
        self._backend = {}
        self._passed_over = ()

    @classmethod
    def from_folder(cls, folder, threads=0, options=None, runtime=None, trust=None):
        """A pipeline for a bundle folder.

        Args:
            folder (str): the bundle.
            threads (int): threads of one inference on the processor, where no `runtime` says it; 0 for every core.
            options (AnalysisOptions): thresholds.
            runtime (Runtime): what may run it, best first. None for ONNX Runtime on the processor in FP32, which
                gives the same answers everywhere: evaluations and comparisons are made with that.
            trust (Trust): whose bundles are taken; None to leave signatures alone.
        Raises:
            BundleError: as `open_bundle`.
        """
        bundle = open_bundle(folder, trust=trust)
        if runtime is not None:
            return cls(bundle, None, options, runtime)
        return cls(bundle, Worker(reference(bundle, threads).make), options)

    def __enter__(self):
        if self._given is None:
            started = start_first(self.bundle, self._runtime)
        else:
            started = start_proven(self.bundle, self._given)
        self._worker, self.proof, self._passed_over = started.worker, started.proof, started.passed_over
        self._backend = self._worker.describe()
        return self

    def __exit__(self, *exc_info):
        self._worker.stop()

    @property
    def backend(self):
        """What runs the network: the backend's own description, and ``passed_over``: what was tried before it."""
        return dict(self._backend, passed_over=list(self._passed_over))

    def analyse(self, thermogram):
        """Analyse one frame.

        Args:
            thermogram (Thermogram): any size, Celsius or relative.
        Returns:
            Result: a result, or a 'no result' with its reasons.
        Raises:
            BackendError: inference failed.
        """
        watch = Stopwatch()
        body = find_body(thermogram)
        checks = check_frame(thermogram, body, self.options.quality)
        watch.lap('quality')
        if not checks[-1].passed:
            return self._result(thermogram, body, checks, watch)

        prepared = self.bundle.chain.apply(thermogram, body)
        watch.lap('preprocess')
        outputs = self._worker.infer({self.bundle.inputs[0].name: prepared.tensor}, watch)

        decoded = decode(outputs, self.bundle, prepared.fit, body)
        watch.lap('decode')
        return self._analyse(thermogram, body, checks, prepared, decoded, watch)

    def _analyse(self, thermogram, body, checks, prepared, decoded, watch):
        labels = decoded.labels
        breasts = find_breasts(labels, body)
        checks += check_labels(breasts, decoded.confidence, self.options.quality)
        watch.lap('quality')

        regions = region_statistics(thermogram.pixels, decoded, body.threshold)
        seen = {
            'labels': labels,
            'confidence': decoded.confidence,
            'regions': regions,
            'spots': hottest_spots(body, breasts, labels.shape),
            'prepared': prepared,
        }
        if checks[-1].passed:
            differences = pair_differences(regions, thermogram.is_celsius, self.options.difference_threshold_c)
            finding = self._finding(decoded.probability)
            seen.update(differences=differences, finding=finding,
                        difference_map=mirrored_difference(body, breasts),
                        sentences=describe(differences, finding, thermogram.is_celsius))
        watch.lap('analyse')
        return self._result(thermogram, body, checks, watch, **seen)

    def _finding(self, probability):
        stated = self.bundle.manifest.finding
        return stated and Finding(stated['name'], probability, stated['threshold'], stated['meaning'])

    def _result(self, thermogram, body, checks, watch, **seen):
        refusals = [check for check in checks if not check.passed]
        seen.setdefault('sentences', tuple('%s %s' % (check.sentence, check.next_step) for check in refusals))
        return Result(thermogram=thermogram, body=body, checks=checks, bundle=self._identity, backend=self._backend,
                      timings_ms=watch.read_ms(), **seen)
