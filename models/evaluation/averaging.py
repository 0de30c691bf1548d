"""Several networks, and mirror images, averaged: what it gains and what it costs.

Every way goes through the device's own pipeline, whose backend runs the networks one after another up to their logits.
A station runs one network once, so this tells what a larger budget would buy.
"""
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from scipy.special import softmax

from export.predict import preflight
from export.predict.pipeline import PipelinePrediction
from export.targets import load_target
from export.variants import make_logits
from models.data import Collection, Sample
from models.statistics import ROUNDS, PatientBootstrap, roc
from service.backends import Backend, OnnxRuntimeBackend, Tensors, TensorSpec, Worker
from service.bundle import LOGITS, Bundle, golden_thermogram, open_bundle, pack_golden, read_golden
from service.messages import InputError
from service.pipeline import Pipeline
from service.regions import FLIPPED, REGIONS
from service.result import Result

from .overlap import iou, mean_over_regions, pair_counts

_TARGET = 'jetson-nano'


@dataclass(frozen=True)
class Way:
    """One way to answer: the mean over networks and, where `mirrored`, over a frame and its mirror image."""

    bundles: Tuple[Bundle, ...]
    mirrored: bool

    @property
    def name(self) -> str:
        """Folders of the bundles, such as ``'run-1/bundle + run-2/bundle, mirrored'``."""
        return ' + '.join(bundle.folder for bundle in self.bundles) + ', mirrored' * self.mirrored

    @property
    def passes(self) -> int:
        """Runs of a network for a frame."""
        return len(self.bundles) * (1 + self.mirrored)

    def pipeline(self, threads: int) -> Pipeline:
        """The device's pipeline with this way in place of its network."""
        bundle = self.bundles[0]
        if self.passes == 1:
            return Pipeline.from_folder(bundle.folder, threads)

        def make() -> Backend:
            return AveragingBackend(self.bundles, self.mirrored, threads)

        # A pipeline starts with the golden answer. That of a mean is its own: the networks' were proven one by one.
        golden = golden_thermogram(read_golden(bundle)['thermogram'])
        with make() as backend:
            answer = backend.infer({bundle.inputs[0].name: bundle.chain.apply(golden).tensor})
        answers = {role: answer[bundle.output_name(role)] for role in bundle.manifest.roles}
        return Pipeline(replace(bundle, golden=pack_golden(golden.pixels, answers)), Worker(make))

    def nano_ms(self) -> float:
        """Predicted milliseconds from a frame to its result on a Jetson Nano in FP16, the averaging itself left out."""
        predictions = [_predicted(bundle) for bundle in self.bundles]
        runs = [one.network_ms + one.copies_ms + one.unpinning.middle for one in predictions]
        return predictions[0].total(picture=False)[1] - runs[0] + (1 + self.mirrored) * sum(runs)


def ways_of(folders: Sequence[Path], mirrored: bool) -> List[Way]:
    """Every bundle alone, then all together; then the same with mirror images where `mirrored`.

    Raises:
        BundleError: as `open_bundle`.
        InputError: ``average-other-input``: two bundles have different inputs or outputs; ``average-two-networks``:
            one holds a classifier beside its segmenter.
    """
    bundles = [open_bundle(str(folder)) for folder in folders]
    for bundle in bundles:
        if bundle.classifier is not None:
            raise InputError('average-two-networks', 'The bundle in %s holds two networks, which cannot be averaged.'
                             % bundle.folder, 'Name bundles of one network, or evaluate it alone, without --flip.')
        if _interface(bundle) != _interface(bundles[0]):
            raise InputError('average-other-input', 'The bundles in %s and %s have different inputs or outputs, so '
                             'their answers have no mean.' % (bundles[0].folder, bundle.folder),
                             'Name bundles with the same input size, preprocessing and outputs.')
    groups = [(bundle,) for bundle in bundles] + ([tuple(bundles)] if len(bundles) > 1 else [])
    return [Way(group, way) for way in (False, True)[:1 + mirrored] for group in groups]


def _predicted(bundle: Bundle) -> PipelinePrediction:
    prediction = preflight(bundle.model, load_target(_TARGET)).pipeline
    assert prediction is not None, 'bundles have fixed shapes, and latency is predicted for this target'
    return prediction


def _interface(bundle: Bundle) -> Any:
    manifest = bundle.manifest
    return (bundle.inputs, bundle.outputs, manifest['preprocess'], manifest.raw.get('views'))


class AveragingBackend(Backend):
    """The mean of the probabilities of several networks with the same tensors, as one network.

    Args:
        bundles: their files in FP32 run here.
        mirrored: whether each also sees the mirror image, whose sides are swapped back.
        threads: of each.
    """

    name = 'average'

    def __init__(self, bundles: Sequence[Bundle], mirrored: bool, threads: int) -> None:
        first = bundles[0]
        super().__init__(b'', first.inputs, first.outputs)
        self._labels, self._confidence = first.outputs[:2]
        shape = self._labels.shape
        logits = TensorSpec(LOGITS, shape[:1] + (len(REGIONS),) + shape[1:], 'float32')
        self._networks = [OnnxRuntimeBackend(make_logits(bundle.model), first.inputs, (logits,) + first.outputs[2:],
                                             threads) for bundle in bundles]
        self._mirrored = mirrored
        self._flips = {LOGITS: FLIPPED}
        if 'view' in first.manifest.roles:
            names = first.manifest['views']['names']
            self._flips[first.output_name('view')] = np.array([names.index(_other_side(name)) for name in names])

    def describe(self) -> Dict[str, Any]:
        """As the first network, with the number of passes."""
        return dict(self._networks[0].describe(), name=self.name,
                    passes=len(self._networks) * (1 + self._mirrored))

    def _activate(self) -> None:
        for network in self._networks:
            network.activate()

    def _deactivate(self) -> None:
        for network in self._networks:
            network.deactivate()

    def _model_inputs(self) -> Tuple[TensorSpec, ...]:
        return self.inputs

    def _model_outputs(self) -> Tuple[TensorSpec, ...]:
        return self.outputs

    def _infer(self, feed: Tensors) -> Tensors:
        (name, picture), = feed.items()
        answers = [_shares(network.infer({name: picture})) for network in self._networks]
        if self._mirrored:
            mirror = {name: np.ascontiguousarray(picture[..., ::-1])}
            answers += [self._back(_shares(network.infer(mirror))) for network in self._networks]
        means = {output: np.mean([answer[output] for answer in answers], axis=0) for output in answers[0]}
        shares = means.pop(LOGITS)
        return dict(means, **{self._labels.name: shares.argmax(1).astype(np.int32),
                              self._confidence.name: shares.max(1)})

    def _back(self, answer: Tensors) -> Tensors:
        """The answer to a mirror image as one to the picture itself."""
        swapped = {name: answer[name][:, table] for name, table in self._flips.items()}
        swapped[LOGITS] = swapped[LOGITS][..., ::-1]
        return dict(answer, **swapped)


def _shares(outputs: Tensors) -> Tensors:
    return dict(outputs, **{LOGITS: softmax(outputs[LOGITS], axis=1)})


def _other_side(view: str) -> str:
    for side, other in (('left-', 'right-'), ('right-', 'left-')):
        if view.startswith(side):
            return other + view[len(side):]
    return view


def average(ways: Sequence[Way], collection: Collection, positive: Sequence[int] = (), rounds: int = ROUNDS,
            seed: int = 0, threads: int = 0,
            progress: Callable[[Collection], ContextManager[Iterable[Sample]]] = contextlib.nullcontext,
            ) -> List[Dict[str, Any]]:
    """Run all ways over the same frames, in turns.

    Args:
        ways: as `ways_of` gives them; gains are over the first.
        collection: what to judge by.
        positive: classes that the finding ought to call; empty where it is not judged.
        rounds, seed: of the bootstrap over patients.
        threads: of one inference; 0 for every core.
        progress: as of `models.evaluation.request.evaluate`.
    Returns:
        Per way ``name``, ``passes``, ``n`` frames, ``refused`` of them; ``regions`` (IoU by name), ``miou`` and
        ``gain`` (estimates; a refused frame counts as all background; None without labels), ``auc`` (an estimate; None
        where the finding is not judged), ``nano_ms`` (predicted) and ``time_ratio`` (duration of the analysis over
        that of the first way, median over frames).
    """
    seen: List[List[_Seen]] = [[] for _ in ways]
    with contextlib.ExitStack() as stack:
        pipelines = [stack.enter_context(way.pipeline(threads)) for way in ways]
        for sample in stack.enter_context(progress(collection)):
            try:
                thermogram = sample.thermogram()
                labelled = sample.labelled and collection.regions == REGIONS
                truth = sample.labels(thermogram.pixels.shape) if labelled else None
            except InputError:
                continue  # the report names it
            for pipeline, so_far in zip(pipelines, seen):
                so_far.append(_Seen.of(sample, pipeline.analyse(thermogram), truth))
    rows = [dict(name=way.name, passes=way.passes, nano_ms=round(way.nano_ms(), 1),
                 time_ratio=round(float(np.median([new.total_ms / old.total_ms for new, old in zip(own, seen[0])])), 2),
                 n=len(own), refused=sum(one.refused for one in own), auc=_auc(own, positive, rounds, seed))
            for way, own in zip(ways, seen)]
    _add_regions(rows, seen, rounds, seed)
    return rows


@dataclass(frozen=True)
class _Seen:
    patient: str
    klass: Optional[int]
    refused: bool
    probability: Optional[float]
    total_ms: float
    pairs: Optional[np.ndarray]

    @classmethod
    def of(cls, sample: Sample, result: Result, truth: Optional[np.ndarray]) -> '_Seen':
        refused, pairs = bool(result.refusals), None
        if truth is not None:
            shown = np.zeros_like(truth) if refused or result.labels is None else result.labels
            pairs = pair_counts(shown, truth)
        return cls(sample.patient, sample.klass, refused, result.finding.probability if result.finding else None,
                   result.timings_ms['total'], pairs)


def _auc(seen, positive, rounds, seed):
    answered = [one for one in seen if one.probability is not None and one.klass is not None]
    if not (positive and answered):
        return None
    truth = np.array([one.klass in positive for one in answered])
    bootstrap = PatientBootstrap([one.patient for one in answered], rounds, seed)
    return roc(truth, np.array([one.probability for one in answered]), bootstrap)['auc']


def _add_regions(rows, seen, rounds, seed):
    labelled = [place for place, one in enumerate(seen[0]) if one.pairs is not None]
    if not labelled:
        for row in rows:
            row.update(regions=None, miou=None, gain=None)
        return
    # The same draws for every way, so that differences are in pairs.
    bootstrap = PatientBootstrap([seen[0][place].patient for place in labelled], rounds, seed)
    first = None
    for row, own in zip(rows, seen):
        pairs = np.array([own[place].pairs for place in labelled])
        values, drawn = iou(pairs.sum(0)), mean_over_regions(iou(bootstrap.sums(pairs)))
        mean = float(mean_over_regions(values))
        first = first or (mean, drawn)
        row.update(regions={name: round(float(value), 4) if np.isfinite(value) else None
                            for name, value in zip(REGIONS, values)},
                   miou=bootstrap.estimate(mean, len(labelled), drawn),
                   gain=bootstrap.estimate(mean - first[0], len(labelled), drawn - first[1]))
