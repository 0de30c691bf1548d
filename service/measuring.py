"""How fast every way of running a bundle is on this machine, and how near to FP32 its answers are."""
import io
import time

import numpy as np

from .backends import Worker, reference
from .backends.choice import note
from .bundle import golden_thermogram
from .messages import ThermoscreenError
from .proving import start_proven
from .simulator import make_phantom
from .thermogram import Thermogram

#: Runs that are thrown away each time a backend was loaded: the first ones fill caches and wake clocks up.
WARM_UP_RUNS = 3


def feeds(bundle, count):
    """What the network is given: the golden thermogram and simulated ones.

    Args:
        bundle (Bundle): an opened bundle.
        count (int): simulated thermograms beside the golden one.
    Returns:
        list of dict: as `Backend.infer` takes them.
    """
    with np.load(io.BytesIO(bundle.golden), allow_pickle=False) as pair:
        thermograms = [golden_thermogram(pair['thermogram'])]
    thermograms += [Thermogram.from_celsius(make_phantom(seed, 240, 320).celsius, source='phantom')
                    for seed in range(1, count + 1)]
    return [{bundle.inputs[0].name: bundle.chain.apply(thermogram).tensor.copy()} for thermogram in thermograms]


def measure(bundle, offered, given, rounds, threads=0, progress=lambda words: None, samples=None):
    """Measure candidates in turns, one loaded at a time, as the service would have it.

    Loaded together they would take each other's memory, which a Nano has not, and each other's processor, since
    ONNX Runtime's threads go on spinning after a run. Turns, every other one backwards, share out what changes with
    time, such as the temperature of the board.

    Args:
        bundle (Bundle): an opened bundle.
        offered (list of Candidate): what to measure.
        given (list of dict): what `feeds` gave; each is run once a round.
        rounds (int): turns of every candidate.
        threads (int): processor threads of the reference; 0 for every core.
        progress (callable): called with a few words before every turn.
        samples (dict): filled with every time in milliseconds, a list for each candidate's name; None to keep none.
    Returns:
        list of dict: for each candidate ``name``, ``backend`` (its description), ``precision``, ``variant``, ``n``,
        ``median_ms``, ``p90_ms``, ``start_s`` (median time to load and prove), ``agreement`` (share of labels that
        are those of FP32 on the processor), ``bytes``, ``proof``, ``problem`` (`choice.note`, or None) and
        ``excluded`` (why it may not be chosen; ``''`` where it may). Figures are None where there is a problem.
    Raises:
        BackendError, BundleError: FP32 on the processor itself does not start or prove itself.
    """
    progress('the reference')
    expected = _reference_labels(bundle, given, threads)
    trials = [_Trial(bundle, candidate) for candidate in offered]
    for turn in range(rounds):
        for trial in trials if turn % 2 == 0 else reversed(trials):
            if trial.problem is None:
                progress('%s, round %d of %d' % (trial.candidate.name, turn + 1, rounds))
                trial.run(given, expected)
    if samples is not None:
        samples.update((trial.candidate.name, list(trial.times_ms)) for trial in trials)
    return [trial.row() for trial in trials]


def _reference_labels(bundle, given, threads):
    worker = start_proven(bundle, Worker(reference(bundle, threads).make)).worker
    try:
        return [_labels(bundle, worker.infer(feed)) for feed in given]
    finally:
        worker.stop()


def _labels(bundle, outputs):
    return outputs[bundle.output_name('labels')].astype(np.uint8)


class _Trial:
    """One candidate and what was measured of it so far."""

    def __init__(self, bundle, candidate):
        self.candidate = candidate
        self.problem = None
        self._bundle = bundle
        self.times_ms = []
        self._starts_s, self._agreements = [], []
        self._backend, self._proof, self._bytes = {}, {}, None

    def run(self, given, expected):
        """One turn: load, prove, warm up, and time every feed."""
        worker = Worker(self._make, start_timeout_s=self.candidate.start_s)
        began = time.perf_counter()
        try:
            self._proof = start_proven(self._bundle, worker, self.candidate.variant).proof
            self._starts_s.append(time.perf_counter() - began)
            self._backend = worker.describe()
            self._time(worker, given, expected)
        except ThermoscreenError as error:
            self.problem = note(self.candidate.name, error.code, error.message.text)
        finally:
            worker.stop()

    def row(self):
        """What was measured, as `measure` describes it."""
        fine = self.problem is None
        row = {'name': self.candidate.name, 'backend': self._backend, 'precision': self.candidate.precision,
               'variant': self._backend.get('variant', self.candidate.variant),
               'n': len(self.times_ms) if fine else 0,
               'median_ms': float(np.median(self.times_ms)) if fine else None,
               'p90_ms': float(np.percentile(self.times_ms, 90)) if fine else None,
               'start_s': float(np.median(self._starts_s)) if fine else None,
               'agreement': float(np.mean(self._agreements)) if fine else None,
               'bytes': self._bytes, 'proof': self._proof, 'problem': self.problem}
        return dict(row, excluded=self._excluded(row['agreement']))

    def _make(self):
        backend = self.candidate.make()
        self._bytes = backend.model_bytes
        return backend

    def _time(self, worker, given, expected):
        for _ in range(WARM_UP_RUNS):
            worker.infer(given[0])
        first = not self._agreements
        for feed, labels in zip(given, expected):
            began = time.perf_counter()
            outputs = worker.infer(feed)
            self.times_ms.append((time.perf_counter() - began) * 1e3)
            if first:
                self._agreements.append(np.mean(_labels(self._bundle, outputs) == labels))

    def _excluded(self, agreement):
        if self.problem is not None:
            return self.problem['message']
        variant = self._bundle.variants[self.candidate.variant]
        if variant.precision != 'fp32' and not variant.parity:
            return 'The manifest does not say how %s differs from FP32.' % variant.name
        if variant.parity.get('not_finite'):
            return 'The manifest says that %s gave values that are not finite.' % variant.name
        if agreement < variant.golden['labels_agreement']:
            return ('Only %.4f of its labels on these frames are those of FP32; the manifest promises %.4f.'
                    % (agreement, variant.golden['labels_agreement']))
        return ''
