"""The one way from a thermogram to a result."""
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .analysis import compare_sides, find_breasts, hottest_spots, region_statistics
from .backends import Worker
from .body import Body, find_body
from .bundle import CLASSIFY_FIRST, SEGMENT_FIRST, Bundle, Trust, open_bundle
from .chains import Prepared
from .decode import Prediction, decode, decode_finding
from .explanation import Hidden, explanation_map, hide_places
from .messages import INFO, PROBLEM, InputError, Message
from .quality import QualityLimits, check_frame, check_labels
from .result import Finding, Result
from .selection import Runtime, baseline, start_first, start_proven
from .stopwatch import Stopwatch
from .thermogram import Thermogram
from .views import NO_TORSO, SIDE_VIEWS, recognise

#: Beside the finding of a bundle that classifies first, where the segmenter was not reached.
_NOT_SEGMENTED = Message('regions-not-reached', 'No regions were marked: this model marks them only where the finding '
                         'reaches its threshold. The pose was not checked.', severity=INFO)


@dataclass(frozen=True)
class AnalysisOptions:
    """What an installation may set: the descriptive threshold and the quality limits."""

    difference_threshold_c: float = 1.0
    quality: QualityLimits = field(default_factory=QualityLimits)


class Pipeline:
    """Analyses thermograms with one bundle.

    The command line, the live page, an opened file, the benchmark and the evaluation all call `analyse`: what is
    measured is what is shipped. Use it as a context manager.

    Args:
        bundle: an opened bundle.
        worker: the thread that owns the backend; `__enter__` starts and proves it. None to have one chosen there.
        options: thresholds.
        runtime: what may be chosen where no worker is given.
    """

    def __init__(self, bundle: Bundle, worker: Optional[Worker] = None, options: Optional[AnalysisOptions] = None,
                 runtime: Optional[Runtime] = None) -> None:
        self.bundle = bundle
        self.options = options or AnalysisOptions()
        self.proof: Dict[str, Any] = {}
        self._given = worker
        self._runtime = runtime or Runtime()
        self._started: Optional[Worker] = None
        self._identity = bundle.manifest.identity
        self._order = bundle.manifest.order
        self._backend: Dict[str, Any] = {}
        #: Why other candidates are not used.
        self.passed_over: Tuple[Message, ...] = ()

    @classmethod
    def from_folder(cls, folder: str, threads: int = 0, options: Optional[AnalysisOptions] = None,
                    runtime: Optional[Runtime] = None, trust: Optional[Trust] = None) -> 'Pipeline':
        """A pipeline for a bundle folder.

        Args:
            threads: threads of one inference on the processor, where `runtime` does not say; 0 for every core.
            options: thresholds.
            runtime: what may run the bundle, best first. None for ONNX Runtime on the processor in FP32, which
                gives the same answers everywhere: evaluations and comparisons use that.
            trust: whose bundles are accepted; None to ignore signatures.

        Raises:
            BundleError: as `open_bundle`.
        """
        bundle = open_bundle(folder, trust=trust)
        if runtime is not None:
            return cls(bundle, None, options, runtime)
        return cls(bundle, baseline(bundle, threads).worker(), options)

    def __enter__(self) -> 'Pipeline':
        if self._given is None:
            started = start_first(self.bundle, self._runtime)
        else:
            started = start_proven(self.bundle, self._given)
        self._started, self.proof, self.passed_over = started.worker, started.proof, started.passed_over
        self._backend = self._worker.describe()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._worker.stop()

    @property
    def _worker(self) -> Worker:
        if self._started is None:
            raise RuntimeError('a Pipeline runs as a context manager')
        return self._started

    @property
    def backend(self) -> Dict[str, Any]:
        """The backend's own description, and ``passed_over``: the candidates tried before it."""
        return dict(self._backend, passed_over=[message.to_dict() for message in self.passed_over])

    def analyse(self, thermogram: Thermogram) -> Result:
        """Analyse one frame of any size, Celsius or relative.

        A bundle of two networks runs them in the order of its manifest. In ``classify-then-segment`` the segmenter runs
        only where the finding reaches its threshold; other frames have a finding and no regions. In
        ``segment-then-classify`` the classifier runs only where the regions pass their checks, and sees them alone on
        black.

        Returns:
            A result, or a 'no result' with its reasons.

        Raises:
            BackendError: inference failed.
        """
        watch = Stopwatch()
        body = find_body(thermogram)
        checks = thermogram.provenance.warnings + check_frame(thermogram, body, self.options.quality)
        watch.lap('quality')
        if checks[-1].severity == PROBLEM:
            return self._result(thermogram, body, checks, watch)

        finding = None
        if self._order == CLASSIFY_FIRST:
            finding = self._classify(thermogram, body, watch)
            if not finding.above:
                return self._result(thermogram, body, checks + (_NOT_SEGMENTED,), watch, finding=finding,
                                    sentences=(_NOT_SEGMENTED.sentence, finding.sentence))

        prepared = self.bundle.chain.apply(thermogram, body)
        watch.lap('preprocess')
        outputs = self._worker.infer({self.bundle.inputs[0].name: prepared.tensor}, watch)

        prediction = decode(outputs, self.bundle, prepared.fit, body)
        watch.lap('decode')
        return self._analyse(thermogram, body, checks, prepared, prediction, finding, watch)

    def explain(self, thermogram: Thermogram, labels: np.ndarray, tell: Callable[[int, int], None]) -> np.ndarray:
        """Where in a frame the finding comes from, by hiding one place after another.

        The network runs some 200 times, each time in turn with whatever else is analysed: `tell` may wait.

        Args:
            labels: uint8 HxW region ids of the frame, as the model gave them.
            tell: as of `hide_places`.

        Returns:
            float32 HxW as of `explanation_map`.

        Raises:
            InputError: ``explanation-none``.
            BackendError: inference failed; ``backend-busy`` where too many wait.
        """
        hidden, prepared = self.hide(thermogram, labels, tell)
        return explanation_map(hidden, prepared, labels)

    def hide(self, thermogram: Thermogram, labels: np.ndarray, tell: Callable[[int, int], None]
             ) -> Tuple[List[Hidden], Prepared]:
        """What `explain` makes a map of: the places, and what the network saw; arguments and errors are the same."""
        network = self.bundle.classifier or self.bundle
        if network.manifest.finding is None:
            raise InputError('explanation-none', 'This model gives no finding, so there is nothing to explain.',
                             'Switch to another model first.')
        prepared = network.chain.apply(thermogram, find_body(thermogram))
        if self._order == SEGMENT_FIRST:
            prepared = prepared.without_background(labels)

        def ask(tensor: np.ndarray) -> float:
            outputs = self._worker.infer({network.inputs[0].name: tensor}, classifier=network is self.bundle.classifier)
            return decode_finding(outputs, network)
        return hide_places(prepared, labels, ask, tell), prepared

    def _analyse(self, thermogram: Thermogram, body: Body, checks: Tuple[Message, ...], prepared: Prepared,
                 prediction: Prediction, finding: Optional[Finding], watch: Stopwatch) -> Result:
        view = recognise(prediction.views, self.options.quality.min_view)
        breasts = find_breasts(prediction.labels, body)
        checks += check_labels(view, breasts, prediction.confidence, self.options.quality)
        watch.lap('quality')
        if view == NO_TORSO:  # regions of something else
            return self._result(thermogram, body, checks, watch, view=view, prepared=prepared)

        regions = region_statistics(thermogram.pixels, prediction, body.threshold)
        fields: Dict[str, Any] = {
            'labels': prediction.labels,
            'boxes': prediction.boxes,
            'confidence': prediction.confidence,
            'regions': regions,
            'spots': hottest_spots(body, breasts, thermogram.pixels.shape),
            'prepared': prepared,
            'view': view,
            'features': prediction.features,
        }
        if checks[-1].severity != PROBLEM and view not in SIDE_VIEWS:
            if prediction.probability is not None:
                finding = self._finding(prediction.probability)
            elif self._order == SEGMENT_FIRST:
                watch.lap('analyse')
                finding = self._classify(thermogram, body, watch, prediction.labels)
            fields.update(compare_sides(regions, finding, thermogram.is_celsius, self.options.difference_threshold_c),
                          breasts=breasts)
        watch.lap('analyse')
        return self._result(thermogram, body, checks, watch, **fields)

    def _classify(self, thermogram: Thermogram, body: Body, watch: Stopwatch,
                  labels: Optional[np.ndarray] = None) -> Finding:
        """What the classifier says of a frame; of its regions alone where there are labels."""
        classifier = self.bundle.classifier
        assert classifier is not None
        prepared = classifier.chain.apply(thermogram, body)
        if labels is not None:
            prepared = prepared.without_background(labels)
        watch.lap('preprocess')
        outputs = self._worker.infer({classifier.inputs[0].name: prepared.tensor}, watch, classifier=True)
        return self._finding(decode_finding(outputs, classifier))

    def _finding(self, probability: float) -> Finding:
        stated = self.bundle.manifest.finding
        assert stated is not None
        return Finding(stated['name'], probability, stated['threshold'], stated['meaning'])

    def _result(self, thermogram: Thermogram, body: Body, checks: Tuple[Message, ...], watch: Stopwatch,
                **fields: Any) -> Result:
        fields.setdefault('sentences', tuple(check.text for check in checks if check.severity in (INFO, PROBLEM)))
        return Result(thermogram=thermogram, body=body, checks=checks, bundle=self._identity, backend=self._backend,
                      timings_ms=watch.read_ms(), **fields)
