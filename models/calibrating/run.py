"""From a bundle and thermograms to the same bundle with an INT8 variant that was compared with FP32."""
import contextlib
import time
from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

import numpy as np
import onnxruntime

from calibration.cache import write_cache
from export.parity_run import compare_forms, judge_forms, onnx_form
from export.quantise import quantise
from export.variants import FILES
from service.bundle import PROMISES
from service.chains import get_chain
from service.messages import BundleError, InputError

from ..conditions import processor
from ..exporting.checkpoint import open_checkpoint
from ..exporting.frames import at_input, parity_frames
from ..exporting.golden import golden_tensor, tolerances
from .finding import LEAST_UNASKED, fit_finding, positive_class
from .frames import choose, prepare, survey

NAME, CACHE = 'int8-qdq', 'calibration.cache'

#: Runs of each network when their speed is compared.
TIMED_RUNS = 20


@dataclass(frozen=True)
class Order:
    """What is wanted of a calibration.

    Attributes:
        method (str): of `export.quantise.METHODS`.
        frames (int): to measure ranges on, at most.
        judged (int): to compare with FP32 on, at most: frames of the data, and as many phantoms.
        keep_float (tuple of str): nodes to leave in floating point beside the first convolution and the heads.
        positive (tuple of str): classes that the finding should call; without, thresholds are set where the data has
            the finding's own classes.
        point (str): operating point that becomes the threshold, of `finding.POINTS`.
        thresholds (bool): whether they are set at all.
        seed (int): of every choice.
        threads (int): of one inference.
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
        package (models.deliver.Package): `write` writes it.
        parities (dict): what the frames are to `calibration.Parity` of INT8 against FP32.
        finding (finding.FittedFinding or None): where thresholds were set.
        why_no_thresholds (str or None): one sentence, where they were not.
        latency (dict): ``fp32_ms``, ``int8_ms`` (medians), ``ratio``, ``n`` runs of each, ``conditions``.
        survey (frames.Survey): what became of the frames.
    """

    package: object
    parities: dict
    finding: Optional[object]
    why_no_thresholds: Optional[str]
    latency: dict
    survey: object


def calibrate(bundle, collection, order, progress=contextlib.nullcontext, say=lambda sentence: None):
    """Add an INT8 variant, TensorRT's calibration cache and, where the data tells, thresholds to a bundle.

    Every other byte of the bundle stays. FP32 and INT8 run on ONNX Runtime's CPU provider.

    Args:
        bundle (Path): bundle folder.
        collection (Collection): thermograms; labels, classes and several patients are used where there are any.
        order (Order): what is wanted.
        progress (callable): context manager of the samples as they are shown to be worked through.
        say (callable): is told what is being done, one sentence at a time.

    Returns:
        Calibrated

    Raises:
        BundleError: ``parity-failed``: INT8 does not give FP32's answers.
        InputError: data or names that cannot be used.
    """
    package = open_checkpoint(bundle)
    document, model = package.document, package.files[package.document['model']['file']]
    chain = get_chain(document['preprocess']['chain'], document['preprocess']['constants'])
    base = onnx_form('fp32', 'fp32', model, order.threads)
    positive = None
    if 'finding' in document and order.thresholds:
        positive = positive_class(document['finding'], collection.classes, order.positive)
    with progress(collection) as samples:
        found = survey(samples, chain, base.answer if positive else None)
    fitted, why = _thresholds(document, collection, found, positive, order)
    choice = choose(found.seen, order.frames, order.judged, order.seed)
    say('measuring ranges on %d frames (%s)' % (len(choice.measured), order.method))
    tensors = (prepare(frame.sample, chain)[1].tensor for frame in choice.measured)
    quantised, scales = quantise(model, tensors, order.method, order.keep_float)
    int8 = onnx_form(NAME, 'int8', quantised, order.threads)
    say('comparing INT8 with FP32')
    parities = _compare(base, int8, _judged_on(document, collection, choice, chain, order))
    tensor = golden_tensor(document, package.files[document['golden']['file']])
    golden = tolerances(NAME, document['golden'], base.answer(tensor), int8.answer(tensor), parities.values())
    changed = _changed(document, collection, choice, order, golden, parities, fitted)
    stale = [entry['file'] for entry in _replaced(document)]
    files = {name: data for name, data in package.files.items() if name not in stale}
    files.update({FILES[NAME]: quantised, CACHE: write_cache(scales)})
    return Calibrated(type(package)(changed, files), parities, fitted, why,
                      time_alternately(base, int8, tensor), found)


def time_alternately(base, int8, tensor, runs=TIMED_RUNS):
    """Medians of both networks on one frame, run by turns so that a busy machine slows both alike.

    Args:
        base, int8 (export.parity_run.Form): FP32 and INT8.
        tensor (numpy.ndarray): float32 1xCxHxW.
        runs (int): of each, after one that is not counted.

    Returns:
        dict: as `Calibrated.latency`.
    """
    taken = {base.name: [], int8.name: []}
    for turn in range(runs + 1):
        for form in (base, int8):
            began = time.perf_counter()
            form.answer(tensor)
            if turn:
                taken[form.name].append((time.perf_counter() - began) * 1e3)
    fp32_ms, int8_ms = (float(np.median(taken[form.name])) for form in (base, int8))
    return {'fp32_ms': round(fp32_ms, 4), 'int8_ms': round(int8_ms, 4), 'ratio': round(fp32_ms / int8_ms, 2),
            'n': runs, 'conditions': 'medians, by turns, ' + conditions()}


def conditions():
    """Machine part of every figure here."""
    return 'ONNX Runtime %s, CPU %s' % (onnxruntime.__version__, processor())


def _thresholds(document, collection, found, positive, order):
    """(FittedFinding or None, why not)."""
    if 'finding' not in document:
        return None, 'The bundle has no finding.'
    if not order.thresholds:
        return None, 'They were not asked for.'
    if positive is None:
        return None, ('The classes of %s (%s) are not those of the finding; --positive says which it should call.'
                      % (collection.name, ', '.join(collection.classes) or 'none'))
    known = {frame.sample.key: frame.probability for frame in found.seen if frame.probability is not None}
    try:
        return fit_finding(document['finding'], collection.subset(known), known, positive, order.point,
                           1 if order.positive else LEAST_UNASKED, order.seed), None
    except InputError as error:
        if order.positive:
            raise
        return None, error.message.text


def _judged_on(document, collection, choice, chain, order):
    """What the frames are to the frames: (float32 1xCxHxW, uint8 HxW or None) each."""
    same = collection.regions == tuple(document['regions']['names'])
    title = '%d %sframes of %s' % (len(choice.judged), 'other ' if choice.apart else '', collection.name)
    return dict({title: _frames(choice.judged, chain, same)}, **parity_frames(document, order.judged))


def _frames(judged, chain, same_regions):
    for frame in judged:
        thermogram, prepared = prepare(frame.sample, chain)
        labels = frame.sample.labels(thermogram.pixels.shape) if same_regions else None
        yield prepared.tensor, None if labels is None else at_input(labels, prepared.fit)


def _compare(base, int8, sets):
    parities = {}
    for title, frames in sets.items():
        found = compare_forms(base, [int8], frames)
        try:
            judge_forms([int8], found)
        except BundleError as error:
            raise BundleError(error.code, '%s Judged on %s; try another --method, or leave nodes in floating point '
                              'with --keep-float.' % (error.message.text, title), detail=error.detail)
        parities[title] = found[int8.name]
    return parities


def _replaced(document):
    """Entries of an earlier calibration."""
    return [entry for entry in (document.get('variants', {}).get(NAME), document.get('calibration')) if entry]


def _changed(document, collection, choice, order, golden, parities, fitted):
    """The manifest with what was found."""
    precision, answers = PROMISES[NAME]
    variant = {'file': FILES[NAME], 'precision': precision, 'answers': answers, 'opset': document['model']['opset'],
               'ir_version': document['model']['ir_version'], 'golden': golden,
               'parity': {'conditions': conditions(), 'reference': 'fp32 in ONNX Runtime',
                          'frames': {title: parity.to_dict() for title, parity in parities.items()}}}
    changed = dict(document, variants=dict(document.get('variants', {}), **{NAME: variant}), calibration={
        'file': CACHE, 'method': order.method, 'frames': len(choice.measured), 'data': collection.name})
    if fitted is not None:
        changed['finding'] = fitted.entry
    return changed
