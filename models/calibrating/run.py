"""From a bundle and thermograms to the same bundle with an INT8 variant that was compared with FP32."""
import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import onnxruntime

from calibration.cache import write_cache
from calibration.parity import Parity
from export.quantisation import quantise
from export.runners import Runner, check_parity, compare_runners, onnx_runner
from export.variants import FILES
from service.bundle import PROMISES
from service.chains import Chain
from service.messages import BundleError, InputError

from ..conditions import library_versions
from ..data import Collection, Sample
from ..deliver import Package
from ..exporting.build import CACHE_FILE, INT8
from ..exporting.checkpoint import open_checkpoint
from ..exporting.parity import (
    ParityFrame,
    chain_of,
    golden_tensor,
    labels_at_input,
    parity_frames,
    tolerances,
)
from .finding import LEAST_UNASKED, FittedFinding, fit_finding, positive_class
from .frames import FrameChoice, Survey, UsableFrame, choose, prepare, survey

#: Runs of each network when their speed is compared.
_TIMED_RUNS = 20


@dataclass(frozen=True)
class CalibrationRequest:
    """What is wanted of a calibration.

    Attributes:
        method: of `export.quantisation.METHODS`.
        frames: to measure ranges on, at most.
        judged: to compare with FP32 on, at most: frames of the data, and as many phantoms.
        keep_float: nodes to leave in floating point beside the first convolution and the heads.
        positive: classes that the finding should call; without, thresholds are set where the data has the finding's own
            classes.
        point: operating point that becomes the threshold, as for `fit_finding`.
        thresholds: whether they are set at all.
        seed: of every choice.
        threads: of one inference.
    """

    method: str = 'entropy'
    frames: int = 64
    judged: int = 100
    keep_float: Tuple[str, ...] = ()
    positive: Tuple[str, ...] = ()
    point: str = 'specificity'
    thresholds: bool = True
    seed: int = 0
    threads: int = 1


class Calibrated(NamedTuple):
    """A calibrated bundle; nothing is written yet.

    Attributes:
        package: `write` writes it.
        parities: INT8 against FP32, by what the frames are.
        finding: where thresholds were set.
        why_no_thresholds: one sentence, where they were not.
        latency: ``fp32_ms``, ``int8_ms`` (medians), ``ratio``, ``n`` runs of each, ``conditions``.
        survey: what became of the frames.
    """

    package: Package
    parities: Dict[str, Parity]
    finding: Optional[FittedFinding]
    why_no_thresholds: Optional[str]
    latency: Dict[str, Any]
    survey: Survey


def calibrate(bundle: Path, collection: Collection, request: CalibrationRequest,
              progress: Callable[[Collection], ContextManager[Iterable[Sample]]] = contextlib.nullcontext,
              say: Callable[[str], None] = lambda sentence: None) -> Calibrated:
    """Add an INT8 variant, TensorRT's calibration cache and, where the data allows, thresholds to a bundle.

    Every other byte of the bundle stays. FP32 and INT8 run on ONNX Runtime's CPU provider.

    Args:
        bundle: bundle folder.
        collection: thermograms; labels, classes and several patients are used where there are any.
        request: what is wanted.
        progress: makes a context manager of the samples that shows them being worked through.
        say: is told what is being done, one sentence at a time.
    Raises:
        BundleError: ``parity-failed``: INT8 does not give FP32's answers.
        InputError: data or names that cannot be used; ``two-networks``.
    """
    package = open_checkpoint(bundle)
    if package.classifier is not None:
        raise InputError('two-networks', 'The bundle in %s holds two networks, and a calibration is of one.' % bundle,
                         'Give its export --calibrate, which adds INT8 to both.')
    document, model = package.document, package.files[package.document['model']['file']]
    chain = chain_of(document)
    base = onnx_runner('fp32', 'fp32', model, request.threads)
    positive = None
    if 'finding' in document and request.thresholds:
        positive = positive_class(document['finding'], collection.classes, request.positive)
    with progress(collection) as samples:
        surveyed = survey(samples, chain, base.answer if positive else None)
    fitted, why = _thresholds(document, collection, surveyed, positive, request)
    choice = choose(surveyed.usable, request.frames, request.judged, request.seed)
    say('measuring ranges on %d frames (%s)' % (len(choice.measured), request.method))
    tensors = (frame.tensor for frame in _frames(choice.measured, chain, False))
    quantised, scales = quantise(model, tensors, request.method, request.keep_float)
    int8 = onnx_runner(INT8, 'int8', quantised, request.threads)
    say('comparing INT8 with FP32')
    parities = _compare(base, int8, _judged_on(document, collection, choice, chain, request))
    tensor = golden_tensor(document, package.files[document['golden']['file']])
    golden = tolerances(INT8, document['golden'], base.answer(tensor), int8.answer(tensor), parities.values())
    changed = _changed(document, collection, choice, request, golden, parities, fitted)
    stale = [entry['file'] for entry in _replaced(document)]
    files = {name: data for name, data in package.files.items() if name not in stale}
    cache = write_cache({name: float(scale) for name, scale in scales.items()})
    files.update({FILES[INT8]: quantised, CACHE_FILE: cache})
    return Calibrated(replace(package, document=changed, files=files), parities, fitted, why,
                      _time_alternately(base, int8, tensor), surveyed)


def _time_alternately(base: Runner, int8: Runner, tensor: np.ndarray) -> Dict[str, Any]:
    """Medians of FP32 and INT8 on one frame, run in turns so that a busy machine slows both alike."""
    taken: Dict[str, List[float]] = {base.name: [], int8.name: []}
    for turn in range(_TIMED_RUNS + 1):
        for runner in (base, int8):
            began = time.perf_counter()
            runner.answer(tensor)
            if turn:  # the first warms up
                taken[runner.name].append((time.perf_counter() - began) * 1e3)
    fp32_ms, int8_ms = (float(np.median(taken[runner.name])) for runner in (base, int8))
    return {'fp32_ms': round(fp32_ms, 4), 'int8_ms': round(int8_ms, 4), 'ratio': round(fp32_ms / int8_ms, 2),
            'n': _TIMED_RUNS, 'conditions': 'medians, in turns, ' + library_versions(onnxruntime)}


def _thresholds(document: Dict[str, Any], collection: Collection, surveyed: Survey,
                positive: Optional[Tuple[int, ...]],
                request: CalibrationRequest) -> Tuple[Optional[FittedFinding], Optional[str]]:
    """The fitted finding, or why there is none."""
    if 'finding' not in document:
        return None, 'The bundle has no finding.'
    if not request.thresholds:
        return None, 'They were not asked for.'
    if positive is None:
        return None, ('The classes of %s (%s) are not those of the finding; --positive says which it should call.'
                      % (collection.name, ', '.join(collection.classes) or 'none'))
    probabilities = {frame.sample.key: frame.probability for frame in surveyed.usable if frame.probability is not None}
    try:
        return fit_finding(document['finding'], collection.subset(probabilities), probabilities, positive,
                           request.point, 1 if request.positive else LEAST_UNASKED, request.seed), None
    except InputError as error:
        if request.positive:
            raise
        return None, error.message.text


def _judged_on(document: Dict[str, Any], collection: Collection, choice: FrameChoice, chain: Chain,
               request: CalibrationRequest) -> Dict[str, Iterable[ParityFrame]]:
    """Frames by what they are."""
    same = collection.regions == tuple(document['regions']['names'])
    title = '%d %sframes of %s' % (len(choice.judged), 'other ' if choice.apart else '', collection.name)
    sets: Dict[str, Iterable[ParityFrame]] = {title: _frames(choice.judged, chain, same)}
    return dict(sets, **parity_frames(document, request.judged))


def _frames(frames: Sequence[UsableFrame], chain: Chain, same_regions: bool) -> Iterator[ParityFrame]:
    for frame in frames:
        thermogram, prepared = prepare(frame.sample, chain)
        if prepared is not None:  # as the survey found
            labels = frame.sample.labels(thermogram.pixels.shape) if same_regions else None
            yield ParityFrame(prepared.tensor, None if labels is None else labels_at_input(labels, prepared.fit))


def _compare(base: Runner, int8: Runner, sets: Dict[str, Iterable[ParityFrame]]) -> Dict[str, Parity]:
    parities = {}
    for title, frames in sets.items():
        compared = compare_runners(base, [int8], frames)
        try:
            check_parity([int8], compared)
        except BundleError as error:
            raise BundleError(error.code, '%s Judged on %s.' % (error.message.sentence, title),
                              'Try another --method, or leave nodes in floating point with --keep-float.',
                              detail=error.detail)
        parities[title] = compared[int8.name]
    return parities


def _replaced(document: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Entries of an earlier calibration."""
    return [entry for entry in (document.get('variants', {}).get(INT8), document.get('calibration')) if entry]


def _changed(document: Dict[str, Any], collection: Collection, choice: FrameChoice, request: CalibrationRequest,
             golden: Dict[str, float], parities: Dict[str, Parity],
             fitted: Optional[FittedFinding]) -> Dict[str, Any]:
    """The manifest with what was measured."""
    precision, answers = PROMISES[INT8]
    variant = {'file': FILES[INT8], 'precision': precision, 'answers': answers, 'opset': document['model']['opset'],
               'ir_version': document['model']['ir_version'], 'golden': golden,
               'parity': {'conditions': library_versions(onnxruntime), 'reference': 'fp32 in ONNX Runtime',
                          'frames': {title: parity.to_dict() for title, parity in parities.items()}}}
    changed = dict(document, variants=dict(document.get('variants', {}), **{INT8: variant}), calibration={
        'file': CACHE_FILE, 'method': request.method, 'frames': len(choice.measured), 'data': collection.name})
    if fitted is not None:
        changed['finding'] = fitted.entry
    return changed
