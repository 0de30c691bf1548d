"""A bundle with all its forms: made, compared with the network they come from, judged."""
import datetime
import typing
from dataclasses import dataclass, replace

import onnxruntime
import torch

from export.half import describe_weights
from export.parity_run import IN_RUNTIME, compare_forms, judge_forms, onnx_form, torch_form, variant_forms, with_logits
from export.variants import FILES, make_variants
from service.bundle import BASE, PROMISES

from ..conditions import processor
from .frames import parity_frames
from .golden import golden_tensor, tolerances
from .int8 import make_int8


@dataclass(frozen=True)
class Order:
    """What a bundle is to hold and how it is judged.

    Attributes:
        fp16, logits (bool): whether FP16 variants and variants without ArgMax are made.
        calibrate (str or None): how INT8 ranges are found: ``'entropy'``, ``'minmax'`` or ``'percentile'``. None makes
            no INT8 variant; one that a bundle has already is kept and judged again.
        data (str or None): real thermograms to compare on, and to calibrate with.
        leave_out (tuple of str): names of variants that are not wanted although they would be made or kept.
        frames (int): phantoms to compare on, and at most as many real frames.
        version (str or None): of the bundle; None keeps that of the recipe or bundle.
        threads (int): CPU threads.
    """

    fp16: bool = True
    logits: bool = True
    calibrate: typing.Optional[str] = None
    data: typing.Optional[str] = None
    leave_out: typing.Tuple[str, ...] = ()
    frames: int = 24
    version: typing.Optional[str] = None
    threads: int = 1


def build_bundle(package, order, say=lambda sentence: None):
    """Add variants to a package, and judge everything in it.

    Args:
        package (models.deliver.Package): with FP32; variants that the order does not ask for are left out, except
            INT8, which needs data.
        order (Order): what is wanted.
        say (callable): is told what is being done, one sentence at a time.

    Returns:
        models.deliver.Package: complete; nothing is written yet.

    Raises:
        BundleError: ``fp16-overflow`` or ``parity-failed``.
        InputError: what is wrong with the data, or ``logits-none``.
    """
    document = dict(package.document, created=datetime.date.today().isoformat())
    if order.version:
        document['version'] = order.version
    say('making variants')
    model = package.files[document['model']['file']]
    variants = dict(_kept(package), **make_variants(model, order.fp16, order.logits))
    made, measured_on = {}, frozenset()
    if order.calibrate:
        say('calibrating INT8 (%s)' % order.calibrate)
        found = make_int8(document, model, order.calibrate, order.data)
        variants['int8-qdq'], document['calibration'] = found.model, found.entry
        made, measured_on = {found.entry['file']: found.cache}, found.keys
    files = {name: made.get(name) or package.files[name] for name in _lasting(document)}
    variants = {name: variants[name] for name in PROMISES if name in variants and name not in order.leave_out}
    measured, golden = _measure(replace(package, document=document), variants, order, measured_on, say)
    if measured[BASE]['frames']:
        document['parity'] = measured[BASE]
    document['variants'] = {name: _entry(document, name, model, golden[name], measured) for name in variants}
    files.update((FILES[name], data) for name, data in variants.items())
    return replace(package, document=document, files=files)


def _kept(package):
    """Variants of the package that are not made from the model alone."""
    stated = package.document.get('variants', {})
    return {name: package.files[stated[name]['file']] for name in ('int8-qdq',) if name in stated}


def _lasting(document):
    """Names of the files that stay whatever variants there are."""
    return [document[part]['file'] for part in ('model', 'golden', 'calibration') if part in document]


def _measure(package, variants, order, measured_on, say):
    """Figures by form, each by set of frames, and ``golden`` entries by variant.

    Every form is held against the FP32 file in ONNX Runtime, and that against PyTorch where the network is at hand.
    """
    document, model = package.document, package.files[package.document['model']['file']]
    base = onnx_form(BASE, 'fp32', model, order.threads)
    forms = variant_forms(variants, order.threads)
    named = {form.name: form for form in forms}
    source = torch_form(package.network) if package.network is not None else None
    whole = with_logits(base, named.get('fp32-logits'))
    measured = {name: {'conditions': conditions(), 'reference': 'fp32 in ONNX Runtime', 'frames': {}}
                for name in named}
    measured[BASE] = {'conditions': conditions(), 'reference': 'PyTorch', 'frames': {}}
    seen = {name: [] for name in measured}
    for title, frames in parity_frames(document, order.frames, order.data, measured_on).items():
        say('comparing on %s' % title)
        parities = compare_forms(base, forms, frames)
        judge_forms(forms, parities)
        if source is not None:
            parities.update(compare_forms(source, [whole], frames))
            judge_forms([whole], parities)
        for name, parity in parities.items():
            measured[name]['frames'][title] = parity.to_dict()
            seen[name].append(parity)
    tensor = golden_tensor(document, package.files[document['golden']['file']])
    expected = base.answer(tensor)
    return measured, {name: tolerances(name, document['golden'], expected, named[name].answer(tensor), seen[name])
                      for name in variants}


def conditions():
    """Machine part of every figure."""
    return 'ONNX Runtime %s, PyTorch %s, CPU %s' % (onnxruntime.__version__, torch.__version__, processor())


def _entry(document, name, model, golden, measured):
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
