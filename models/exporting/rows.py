"""One network on its way to the board, as a row of the table: exported, checked, compared in every precision."""
import typing

import torch

from calibration.parity import Parity
from export.check import check_model, fits
from export.onnx_export import make_onnx
from export.parity_run import compare_forms, half_form, onnx_form, torch_form, with_logits
from export.targets import load_target
from export.variants import make_variants
from service.messages import BundleError

from .frames import parity_frames
from .int8 import make_int8
from .subjects import chain_of


class Conditions(typing.NamedTuple):
    """How networks are compared.

    Attributes:
        frames (int): phantoms to compare on, and at most as many real frames; twice as many to measure ranges on.
        data (str or None): real thermograms.
        method (str): of `export.quantise.METHODS`.
        threads (int): of each session.
    """

    frames: int
    data: typing.Optional[str]
    method: str
    threads: int


class Row(typing.NamedTuple):
    """What is known of one network.

    Attributes:
        name, weights, input (str): which network, what its weights are, its input.
        bytes (dict): ``fp32``, ``fp16``, ``int8`` to the size of the file.
        torch (Parity): ONNX FP32 in ONNX Runtime against PyTorch; None where only a bundle is at hand.
        fp16, int8 (Parity): against FP32, over all frames; None where FP16 overflows.
        overflow (str): the first node that overflows in FP16, ``''`` where none does.
        checks (dict): ``fp32``, ``fp16``, ``int8`` to what `export.check` finds (list).
        trained (bool): whether labels mean anything.
    """

    name: str
    weights: str
    input: str
    bytes: dict
    torch: typing.Optional[Parity]
    fp16: typing.Optional[Parity]
    int8: Parity
    overflow: str
    checks: dict
    trained: bool


def make_row(subject, conditions, target):
    """Export a network and compare its forms.

    Args:
        subject (models.exporting.subjects.Subject): what is exported.
        conditions (Conditions): frames and method.
        target (str): name of the target that is checked against.
    Returns:
        Row
    """
    torch.manual_seed(0)
    document = {'preprocess': subject.preprocess, 'regions': {'names': subject.regions}}
    constants = chain_of(document).constants
    model = subject.model
    if model is None:
        model = make_onnx(subject.network, constants['height'], constants['width'],
                          chain_of(document).channels).SerializeToString()
    variants = make_variants(model)
    files = {'fp32': model, 'fp16': variants['fp16'],
             'int8': make_int8(document, model, conditions.method, None, 2 * conditions.frames).model}
    frames = [frame for some in parity_frames(document, conditions.frames, conditions.data).values() for frame in some]
    base = _remembering(onnx_form('fp32', 'fp32', model, conditions.threads))
    against_torch = None
    if subject.network is not None:
        logits = variants.get('fp32-logits')
        whole = with_logits(base, logits and onnx_form('logits', 'fp32', logits, conditions.threads))
        against_torch = compare_forms(torch_form(subject.network), [whole], frames)['fp32']
    half, overflow = None, ''
    try:
        half = compare_forms(base, [half_form('fp16', files['fp16'], conditions.threads)], frames)['fp16']
    except BundleError as error:
        overflow = error.detail
    quantised = compare_forms(base, [onnx_form('int8', 'int8', files['int8'], conditions.threads)], frames)['int8']
    board = load_target(target)
    return Row(subject.name, subject.weights, '%dx%dx%d' % (constants['width'], constants['height'],
                                                           chain_of(document).channels),
               {name: len(data) for name, data in files.items()}, against_torch, half, quantised, overflow,
               {name: check_model(data, board) for name, data in files.items()}, subject.trained)


def markdown(rows, target, note):
    """The rows as a Markdown table, with what the check found below.

    Args:
        rows (list of Row): in the order of the table.
        target (str): what was checked against.
        note (str): conditions of the figures.
    """
    lines = ['| network | weights | input | FP32 against PyTorch: max error | FP16 agreement | INT8 agreement '
             '| mIoU change FP16, INT8 | MB FP32, FP16, INT8 | %s |' % target,
             '| --- | --- | --- | --- | --- | --- | --- | --- | --- |']
    for row in rows:
        sizes = ', '.join('%.1f' % (row.bytes[name] / 1e6) for name in ('fp32', 'fp16', 'int8'))
        lines.append('| %s | %s | %s | %s | %s | %s | %s | %s | %s |' % (
            row.name, row.weights, row.input, _errors(row.torch), _agreement(row.fp16) if row.fp16 else 'overflows',
            _agreement(row.int8), _changes(row), sizes, _verdict(row.checks)))
    found = list(_notes(rows))
    return '\n'.join(lines + [''] + found + ([''] if found else []) + [note])


def _errors(parity):
    if parity is None:
        return 'not at hand'
    parts = (('logits', parity.logits_error), ('confidence', parity.max_abs_error), ('finding', parity.finding_error))
    return ', '.join('%s %.1e' % part for part in parts if part[1] is not None)


def _agreement(parity):
    return '%.2f %%' % (100 * parity.label_agreement)


def _changes(row):
    if not row.trained or row.int8.miou_change is None:
        return 'not trained' if not row.trained else 'no regions'
    return ', '.join('-' if parity is None else '%+.4f' % parity.miou_change for parity in (row.fp16, row.int8))


def _verdict(checks):
    taken = [name.upper() for name, found in checks.items() if fits(found)]
    return ', '.join(taken) + ' fit' if taken else 'none fits'


def _notes(rows):
    """What the check found, each once, with the files and networks it was found in; and where FP16 overflows."""
    found = {}
    for row in rows:
        for precision, violations in row.checks.items():
            for violation in violations:
                key = violation.severity, violation.rule, violation.operator, violation.reason
                precisions, networks = found.setdefault(key, ({}, {}))
                precisions[precision.upper()] = networks[row.name] = None
    yield from ('- %s: FP16 overflows first at %s' % (row.name, row.overflow) for row in rows if row.overflow)
    for (severity, rule, operator, reason), (precisions, networks) in found.items():
        where = 'all networks' if len(networks) == len(rows) else '; '.join(networks)
        yield '- %s %s at %s, %s (%s): %s' % (severity, rule, operator, ', '.join(precisions), where, reason)


def _remembering(form):
    """A form that answers each frame once; the frames are few and live as long as it."""
    known = {}

    def answer(tensor):
        if id(tensor) not in known:
            known[id(tensor)] = form.answer(tensor)
        return known[id(tensor)]

    return form._replace(answer=answer)
