"""How fast each candidate runs a bundle on this machine, and how closely its labels agree with FP32."""
import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..backends import Backend, Tensors, Worker
from ..bundle import Bundle, golden_thermogram, read_golden
from ..messages import Message, ThermoscreenError
from ..simulator import make_phantom
from ..thermogram import Thermogram
from .candidates import Candidate, baseline
from .startup import failure, start_proven

#: Runs that are discarded each time a backend was loaded: the first ones fill caches and raise clocks.
WARM_UP_RUNS = 3

#: Inputs of the network and of a classifier beside it, and the labels of the baseline.
Frame = Tuple[Tensors, Optional[Tensors], np.ndarray]


def feeds(bundle: Bundle, count: int) -> List[Tensors]:
    """Inputs of the bundle's network, or of its segmenter: the golden thermogram and `count` simulated ones."""
    thermograms = [golden_thermogram(read_golden(bundle)['thermogram'])]
    thermograms += [Thermogram.from_celsius(make_phantom(seed, 240, 320).celsius, source='phantom')
                    for seed in range(1, count + 1)]
    return [{bundle.inputs[0].name: bundle.chain.apply(thermogram).tensor.copy()} for thermogram in thermograms]


def measure(bundle: Bundle, candidates: Sequence[Candidate], inputs: Sequence[Tensors], rounds: int, threads: int = 0,
            progress: Callable[[str], None] = lambda words: None,
            samples: Optional[Dict[str, List[float]]] = None) -> List[Dict[str, Any]]:
    """Measure candidates in turns, one loaded at a time, as in the service.

    Loaded together they would compete for memory, which is short on a Nano, and for the CPU, since ONNX Runtime's
    threads keep spinning after a run. Taking turns, every other round backwards, spreads slow changes such as the
    temperature of the board over all of them. Of a bundle of two networks both are run, as for a frame that reaches
    both.

    Args:
        inputs: as `feeds` gives them; each is run once a round.
        threads: CPU threads of the baseline; 0 for every core.
        progress: called with a few words before every turn.
        samples: filled with every time in milliseconds, a list for each candidate's name.
    Returns:
        For each candidate ``name``, ``backend`` (its description), ``precision``, ``variant``, ``n``, ``median_ms``,
        ``p90_ms``, ``start_s`` (median time to load and prove), ``agreement`` (fraction of labels that equal those of
        the baseline), ``bytes``, ``proof``, ``problem`` (a `Message` as JSON, or None) and ``excluded`` (why it may
        not be chosen; ``''`` where it may). Figures are None where there is a problem.
    Raises:
        BackendError, BundleError: the baseline itself does not start or prove itself.
    """
    progress('the baseline')
    expected = _baseline_labels(bundle, inputs, threads)
    classified: Sequence[Optional[Tensors]] = [None] * len(inputs)
    if bundle.classifier is not None:
        classified = feeds(bundle.classifier, len(inputs) - 1)
    trials = [_Trial(bundle, candidate) for candidate in candidates]
    for turn in range(rounds):
        for trial in trials if turn % 2 == 0 else reversed(trials):
            if trial.problem is None:
                progress('%s, round %d of %d' % (trial.candidate.name, turn + 1, rounds))
                trial.run(list(zip(inputs, classified, expected)))
    if samples is not None:
        samples.update((trial.candidate.name, list(trial.times_ms)) for trial in trials)
    return [trial.row() for trial in trials]


def _baseline_labels(bundle: Bundle, inputs: Sequence[Tensors], threads: int) -> List[np.ndarray]:
    worker = start_proven(bundle, baseline(bundle, threads).worker()).worker
    try:
        return [_labels(bundle, worker.infer(feed)) for feed in inputs]
    finally:
        worker.stop()


def _labels(bundle: Bundle, outputs: Tensors) -> np.ndarray:
    return outputs[bundle.output_name('labels')].astype(np.uint8)


def _infer(worker: Worker, frame: Frame) -> Tensors:
    """The answer of the network or segmenter, after the classifier has run too."""
    feed, classified, _ = frame
    if classified is not None:
        worker.infer(classified, classifier=True)
    return worker.infer(feed)


class _Trial:
    """One candidate and its measurements so far."""

    def __init__(self, bundle: Bundle, candidate: Candidate) -> None:
        self.candidate = candidate
        self.problem: Optional[Message] = None
        self.times_ms: List[float] = []
        self._bundle = bundle
        self._starts_s: List[float] = []
        self._agreements: List[float] = []
        self._backend: Dict[str, Any] = {}
        self._proof: Dict[str, Any] = {}
        self._bytes: List[int] = []

    def run(self, frames: Sequence[Frame]) -> None:
        """One turn: load, prove, warm up, and time every frame."""
        self._bytes = []
        make, make_classifier = self.candidate.make, self.candidate.make_classifier
        worker = replace(self.candidate, make=self._weighed(make),
                         make_classifier=make_classifier and self._weighed(make_classifier)).worker()
        began = time.perf_counter()
        try:
            self._proof = start_proven(self._bundle, worker, self.candidate.variant).proof
            self._starts_s.append(time.perf_counter() - began)
            self._backend = worker.describe()
            self._time(worker, frames)
        except ThermoscreenError as error:
            self.problem = failure(self.candidate.name, error)
        finally:
            worker.stop()

    def row(self) -> Dict[str, Any]:
        """The measurements, as `measure` describes them."""
        row: Dict[str, Any] = {
            'name': self.candidate.name, 'backend': self._backend, 'precision': self.candidate.precision,
            'variant': self._backend.get('variant', self.candidate.variant), 'n': 0, 'median_ms': None, 'p90_ms': None,
            'start_s': None, 'agreement': None, 'bytes': sum(self._bytes) or None, 'proof': self._proof}
        if self.problem is not None:
            return dict(row, problem=self.problem.to_dict(), excluded=self.problem.text)
        agreement = float(np.mean(self._agreements))
        return dict(row, n=len(self.times_ms), median_ms=float(np.median(self.times_ms)),
                    p90_ms=float(np.percentile(self.times_ms, 90)), start_s=float(np.median(self._starts_s)),
                    agreement=agreement, problem=None, excluded=self._excluded(agreement))

    def _weighed(self, make: Callable[[], Backend]) -> Callable[[], Backend]:
        """The same, noting the size of what is loaded."""
        def weigh() -> Backend:
            backend = make()
            self._bytes.append(backend.model_bytes)
            return backend
        return weigh

    def _time(self, worker: Worker, frames: Sequence[Frame]) -> None:
        for _ in range(WARM_UP_RUNS):
            _infer(worker, frames[0])
        first = not self._agreements
        for frame in frames:
            began = time.perf_counter()
            outputs = _infer(worker, frame)
            self.times_ms.append((time.perf_counter() - began) * 1e3)
            if first:
                self._agreements.append(float(np.mean(_labels(self._bundle, outputs) == frame[2])))

    def _excluded(self, agreement: float) -> str:
        """Why it may not be chosen although it gives its golden answer; ``''`` where it may."""
        variant = self._bundle.variants[self.candidate.variant]
        classifier, runs = self._bundle.classifier, [variant]
        if classifier is not None:
            runs.append(classifier.variants[self._backend['classifier']['variant']])
        for run in runs:
            if run.precision != 'fp32' and not run.parity:
                return 'The manifest does not state how %s differs from FP32.' % run.name
            if run.parity.get('not_finite'):
                return 'The manifest states that %s gave values that are not finite.' % run.name
        if agreement < variant.golden['labels_agreement']:
            return ('Only %.4f of its labels on these frames are those of FP32; the manifest promises %.4f.'
                    % (agreement, variant.golden['labels_agreement']))
        return ''
