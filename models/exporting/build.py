"""A bundle with all its variants: made, compared with the network they come from, judged."""
import copy
import datetime
import io
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np
import onnxruntime
import torch

from calibration.cache import write_cache
from calibration.parity import Parity
from export.features import FEATURES, with_features
from export.quantisation import quantise
from export.runners import (
    IN_RUNTIME,
    check_parity,
    compare_runners,
    onnx_runner,
    torch_runner,
    variant_runners,
    with_logits,
)
from export.variants import FILES, describe_weights, make_variants
from service.bundle import BASE, PROMISES

from ..calibrating.frames import choose, survey
from ..conditions import library_versions
from ..data import open_data, phantom_collection
from ..deliver import Package
from .parity import as_seen, chain_of, golden_tensor, parity_frames, tolerances

#: Variant in INT8, and the file of TensorRT's calibration cache beside it.
INT8, CACHE_FILE = 'int8-qdq', 'calibration.cache'

#: By how much one of the features, whose squares sum to 1, may be off in FP32 on another machine.
_FEATURES_TOLERANCE = 0.02

#: Seeds of the phantoms that ranges are measured on: not those that are compared on, nor those of recipes.
_FIRST_SEED = 9_500_000

#: Frames that ranges are measured on, and how many of a large collection are looked at to choose them.
_FRAMES, _CANDIDATES = 64, 256


@dataclass(frozen=True)
class ExportRequest:
    """What a bundle is to hold, and how it is judged.

    Attributes:
        fp16, logits: whether FP16 variants and variants without ArgMax are made.
        calibrate: how INT8 ranges are found: ``'entropy'``, ``'minmax'`` or ``'percentile'``. None makes no INT8
            variant; one that a bundle has already is kept and judged again.
        data: real thermograms to compare on, and to calibrate with.
        leave_out: names of variants that are not wanted although they would be made or kept.
        frames: phantoms to compare on, and at most as many real frames.
        version: of the bundle; None keeps that of the recipe or bundle.
        threads: CPU threads.
        features: whether the network gives features too, by which pictures are compared.
    """

    fp16: bool = True
    logits: bool = True
    calibrate: Optional[str] = None
    data: Optional[str] = None
    leave_out: Tuple[str, ...] = ()
    frames: int = 24
    version: Optional[str] = None
    threads: int = 1
    features: bool = False


def build_bundle(package: Package, request: ExportRequest,
                 say: Callable[[str], None] = lambda sentence: None) -> Package:
    """Add variants to a package, and judge everything in it.

    Args:
        package: with FP32. Variants that the request does not name are left out, except INT8, which needs data.
        request: what is wanted.
        say: is told what is being done, one sentence at a time.
    Returns:
        The complete package; nothing is written yet.
    Raises:
        BundleError: ``fp16-overflow`` or ``parity-failed``.
        InputError: what is wrong with the data, ``logits-none`` or ``features-none``.
    """
    if package.classifier is not None:
        # What stands for a whole picture is of the segmenter, which sees it.
        own = build_bundle(package.classifier, replace(request, features=False),
                           lambda sentence: say('classifier: ' + sentence))
        return replace(build_bundle(replace(package, classifier=None), request, say), classifier=own)
    if request.features:
        package = _with_features(package)
    document = dict(package.document, created=datetime.date.today().isoformat())
    if request.version:
        document['version'] = request.version
    say('making variants')
    model = package.files[document['model']['file']]
    variants = dict(_kept(package), **make_variants(model, request.fp16, request.logits))
    made: Dict[str, bytes] = {}
    measured_on: FrozenSet[str] = frozenset()
    if request.calibrate:
        say('calibrating INT8 (%s)' % request.calibrate)
        int8 = make_int8(document, model, request.calibrate, request.data)
        variants[INT8], document['calibration'] = int8.model, int8.entry
        made, measured_on = {int8.entry['file']: int8.cache}, int8.keys
    files = {name: made.get(name) or package.files[name] for name in _lasting(document)}
    variants = {name: variants[name] for name in PROMISES if name in variants and name not in request.leave_out}
    measured, golden = _measure(replace(package, document=document), variants, request, measured_on, say)
    if measured[BASE]['frames']:
        document['parity'] = measured[BASE]
    document['variants'] = {name: _entry(document, name, model, golden[name], measured) for name in variants}
    files.update((FILES[name], data) for name, data in variants.items())
    return replace(package, document=document, files=files)


class Int8(NamedTuple):
    """An INT8 variant.

    Attributes:
        model: ONNX file with Q/DQ pairs.
        cache: TensorRT calibration cache of the same ranges.
        entry: the manifest's ``calibration``.
        keys: samples of the data that ranges were measured on.
    """

    model: bytes
    cache: bytes
    entry: Dict[str, Any]
    keys: FrozenSet[str]


def make_int8(document: Dict[str, Any], model: bytes, method: str, data: Optional[str] = None,
              count: int = _FRAMES) -> Int8:
    """Quantise the model of a bundle that has no INT8 yet.

    Args:
        document: manifest; its ``preprocess``.
        model: FP32 ONNX file.
        method: one of `export.quantisation.METHODS`.
        data: real thermograms, see `models.data.open_data`, at most half of which are taken; None takes phantoms.
        count: frames that ranges are measured on, at most.
    Raises:
        InputError: what is wrong with the data.
    """
    chain = chain_of(document)
    if data is None:
        collection = phantom_collection(_FIRST_SEED, 2 * count, chain.constants['height'], chain.constants['width'])
    else:
        collection = open_data(data)
        collection = collection.take(range(0, len(collection), -(-len(collection) // _CANDIDATES)))
    samples = [frame.sample for frame in choose(survey(collection, chain).usable, count, 1).measured]
    quantised, scales = quantise(model, (as_seen(document, chain, sample).tensor for sample in samples), method)
    entry = {'file': CACHE_FILE, 'method': method, 'frames': len(samples), 'data': collection.name}
    cache = write_cache({name: float(scale) for name, scale in scales.items()})
    return Int8(quantised, cache, entry, frozenset(sample.key for sample in samples))


def _with_features(package: Package) -> Package:
    """The package with features as an output of every file that is kept, in its description and in its golden pair."""
    document, files = copy.deepcopy(package.document), dict(package.files)
    kept = [document['model']] + [entry for name, entry in document.get('variants', {}).items() if name == INT8]
    for entry in kept:
        files[entry['file']] = with_features(files[entry['file']])
    golden = document['golden']['file']
    answer = onnx_runner(BASE, 'fp32', files[document['model']['file']]).answer(golden_tensor(document, files[golden]))
    with np.load(io.BytesIO(files[golden]), allow_pickle=False) as pair:
        arrays = dict(pair, **{FEATURES: answer[FEATURES]})
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    files[golden] = stream.getvalue()
    document['outputs'][FEATURES] = {'name': FEATURES, 'shape': list(answer[FEATURES].shape), 'dtype': 'float32'}
    document['golden']['features_tolerance'] = _FEATURES_TOLERANCE
    return replace(package, document=document, files=files)


def _kept(package: Package) -> Dict[str, bytes]:
    """Variants of the package that are not made from the model alone."""
    stated = package.document.get('variants', {})
    return {name: package.files[stated[name]['file']] for name in (INT8,) if name in stated}


def _lasting(document: Dict[str, Any]) -> List[str]:
    """Names of the files that stay, whatever variants there are."""
    return [document[part]['file'] for part in ('model', 'golden', 'calibration') if part in document]


def _measure(package: Package, variants: Mapping[str, bytes], request: ExportRequest, measured_on: FrozenSet[str],
             say: Callable[[str], None]) -> Tuple[Dict[str, Dict[str, Any]], Dict[str, Dict[str, float]]]:
    """Figures by runner, each by set of frames, and ``golden`` entries by variant.

    Every runner is compared with the FP32 file in ONNX Runtime, and that with PyTorch where the network is at hand.
    """
    document, model = package.document, package.files[package.document['model']['file']]
    base = onnx_runner(BASE, 'fp32', model, request.threads)
    runners = variant_runners(variants, request.threads)
    named = {runner.name: runner for runner in runners}
    source = torch_runner(package.network) if package.network is not None else None
    whole = with_logits(base, named.get('fp32-logits'))
    conditions = library_versions(onnxruntime, torch)
    measured: Dict[str, Dict[str, Any]] = {
        name: {'conditions': conditions, 'reference': 'fp32 in ONNX Runtime', 'frames': {}} for name in named}
    measured[BASE] = {'conditions': conditions, 'reference': 'PyTorch', 'frames': {}}
    parities_of: Dict[str, List[Parity]] = {name: [] for name in measured}
    for title, frames in parity_frames(document, request.frames, request.data, measured_on).items():
        say('comparing on %s' % title)
        parities = compare_runners(base, runners, frames)
        check_parity(runners, parities)
        if source is not None:
            parities.update(compare_runners(source, [whole], frames))
            check_parity([whole], parities)
        for name, parity in parities.items():
            measured[name]['frames'][title] = parity.to_dict()
            parities_of[name].append(parity)
    tensor = golden_tensor(document, package.files[document['golden']['file']])
    expected = base.answer(tensor)
    return measured, {name: tolerances(name, document['golden'], expected, named[name].answer(tensor),
                                       parities_of[name]) for name in variants}


def _entry(document: Dict[str, Any], name: str, model: bytes, golden: Dict[str, float],
           measured: Dict[str, Dict[str, Any]]) -> Dict[str, Any]:
    """The manifest's entry of a variant."""
    precision, answers = PROMISES[name]
    parity = measured[name]
    if precision == 'fp16':
        weights = describe_weights(model)
        parity.update(method='every tensor between operators rounded to float16, sums in float32',
                      in_onnx_runtime=measured[name + IN_RUNTIME]['frames'],
                      weights={'count': weights.count, 'clipped': weights.clipped, 'raised': weights.raised})
    return {'file': FILES[name], 'precision': precision, 'answers': answers, 'opset': document['model']['opset'],
            'ir_version': document['model']['ir_version'], 'golden': golden, 'parity': parity}
