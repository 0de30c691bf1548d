"""How fast each candidate runs a bundle on this machine, and how closely its labels agree with FP32."""
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

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


def feeds(bundle: Bundle, count: int) -> List[Tensors]:
    """Network inputs of the golden thermogram and of `count` simulated ones."""
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
    temperature of the board over all of them.

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
    trials = [_Trial(bundle, candidate) for candidate in candidates]
    for turn in range(rounds):
        for trial in trials if turn % 2 == 0 else reversed(trials):
            if trial.problem is None:
                progress('%s, round %d of %d' % (trial.candidate.name, turn + 1, rounds))
                trial.run(inputs, expected)
    if samples is not None:
        samples.update((trial.candidate.name, list(trial.times_ms)) for trial in trials)
    return [trial.row() for trial in trials]


def _baseline_labels(bundle: Bundle, inputs: Sequence[Tensors], threads: int) -> List[np.ndarray]:
    worker = start_proven(bundle, Worker(baseline(bundle, threads).make)).worker
    try:
        return [_labels(bundle, worker.infer(feed)) for feed in inputs]
    finally:
        worker.stop()


def _labels(bundle: Bundle, outputs: Tensors) -> np.ndarray:
    return outputs[bundle.output_name('labels')].astype(np.uint8)


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
        self._bytes: Optional[int] = None

    def run(self, inputs: Sequence[Tensors], expected: Sequence[np.ndarray]) -> None:
        """One turn: load, prove, warm up, and time every input."""
        worker = Worker(self._make, start_timeout_s=self.candidate.start_s)
        began = time.perf_counter()
        try:
            self._proof = start_proven(self._bundle, worker, self.candidate.variant).proof
            self._starts_s.append(time.perf_counter() - began)
            self._backend = worker.describe()
            self._time(worker, inputs, expected)
        except ThermoscreenError as error:
            self.problem = failure(self.candidate.name, error)
        finally:
            worker.stop()

    def row(self) -> Dict[str, Any]:
        """The measurements, as `measure` describes them."""
        row: Dict[str, Any] = {
            'name': self.candidate.name, 'backend': self._backend, 'precision': self.candidate.precision,
            'variant': self._backend.get('variant', self.candidate.variant), 'n': 0, 'median_ms': None, 'p90_ms': None,
            'start_s': None, 'agreement': None, 'bytes': self._bytes, 'proof': self._proof}
        if self.problem is not None:
            return dict(row, problem=self.problem.to_dict(), excluded=self.problem.text)
        agreement = float(np.mean(self._agreements))
        return dict(row, n=len(self.times_ms), median_ms=float(np.median(self.times_ms)),
                    p90_ms=float(np.percentile(self.times_ms, 90)), start_s=float(np.median(self._starts_s)),
                    agreement=agreement, problem=None, excluded=self._excluded(agreement))

    def _make(self) -> Backend:
        backend = self.candidate.make()
        self._bytes = backend.model_bytes
        return backend

    def _time(self, worker: Worker, inputs: Sequence[Tensors], expected: Sequence[np.ndarray]) -> None:
        for _ in range(WARM_UP_RUNS):
            worker.infer(inputs[0])
        first = not self._agreements
        for feed, labels in zip(inputs, expected):
            began = time.perf_counter()
            outputs = worker.infer(feed)
            self.times_ms.append((time.perf_counter() - began) * 1e3)
            if first:
                self._agreements.append(float(np.mean(_labels(self._bundle, outputs) == labels)))

    def _excluded(self, agreement: float) -> str:
        """Why it may not be chosen although it gives its golden answer; ``''`` where it may."""
        variant = self._bundle.variants[self.candidate.variant]
        if variant.precision != 'fp32' and not variant.parity:
            return 'The manifest does not state how %s differs from FP32.' % variant.name
        if variant.parity.get('not_finite'):
            return 'The manifest states that %s gave values that are not finite.' % variant.name
        if agreement < variant.golden['labels_agreement']:
            return ('Only %.4f of its labels on these frames are those of FP32; the manifest promises %.4f.'
                    % (agreement, variant.golden['labels_agreement']))
        return ''
