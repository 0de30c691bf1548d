"""Every form of a network on the same frames: PyTorch, ONNX FP32, FP16 and INT8, compared and judged."""
import typing

import numpy as np
import torch

from calibration.parity import compare_answers, gate, summarise
from service.bundle import PROMISES

from .deliverable import Deliverable
from .emulate import HalfEmulation
from .onnx_export import INPUT
from .session import open_session, run_session

#: What stands behind the name of an FP16 variant that ONNX Runtime ran, which computes part of it in float32.
IN_RUNTIME = ' in ONNX Runtime'


class Form(typing.NamedTuple):
    """One way to compute a network.

    Attributes:
        name (str): ``'fp32'``, a variant's name, or ``'fp16 in ONNX Runtime'``.
        precision (str): key of `calibration.parity.PARITY_LIMITS` that it is judged by.
        answer (callable): float32 1xCxHxW to dict: ``labels`` and ``confidence``, or ``logits``, and ``finding``.
    """

    name: str
    precision: str
    answer: typing.Callable


def torch_form(network):
    """A PyTorch network, with its region scores beside its answers.

    Args:
        network (torch.nn.Module): maps NxCxHxW to (region logits or None, finding logits or None).
    """
    network = network.eval()

    def answer(tensor):
        with torch.no_grad():
            scores = network(torch.from_numpy(tensor))
            found = Deliverable(lambda picture: scores)
            answers = dict(zip(found.outputs(None), found(None)))
        if scores[0] is not None:
            answers['logits'] = scores[0]
        return {name: value.numpy() for name, value in answers.items()}

    return Form('PyTorch', 'fp32', answer)


def onnx_form(name, precision, model, threads=1):
    """An ONNX file in ONNX Runtime's CPU provider."""
    session = open_session(model, threads)
    return Form(name, precision, lambda tensor: run_session(session, {INPUT: tensor}))


def half_form(name, model, threads=1):
    """An FP16 file as a device with FP16 computes it; a frame that overflows raises ``fp16-overflow``."""
    emulation = HalfEmulation(model, threads)
    return Form(name, 'fp16', lambda tensor: emulation.answer({INPUT: tensor}))


def variant_forms(variants, threads=1):
    """Forms of a bundle's variants: FP16 emulated and in ONNX Runtime, the others in ONNX Runtime.

    Args:
        variants (dict): name to ONNX file (bytes).
        threads (int): of each.
    Returns:
        list of Form
    """
    forms = []
    for name, model in variants.items():
        precision = PROMISES[name][0]
        if precision == 'fp16':
            forms.append(half_form(name, model, threads))
            name += IN_RUNTIME
        forms.append(onnx_form(name, precision, model, threads))
    return forms


def with_logits(form, logits):
    """A form that gives its own answers and the region scores of another (None: as it is)."""
    if logits is None:
        return form
    return form._replace(answer=lambda tensor: dict(logits.answer(tensor), **form.answer(tensor)))


def compare_forms(reference, forms, frames):
    """Compare forms with a reference, frame by frame; no answers are kept.

    Args:
        reference (Form): what the others are held against.
        forms (list of Form): what is compared.
        frames (iterable): (float32 1xCxHxW, uint8 HxW true region ids or None), one or more.
    Returns:
        dict: name of a form to `calibration.parity.Parity`. Where a network has a finding and no regions, its
        decision stands for the labels: one a frame.
    Raises:
        BundleError: ``fp16-overflow``.
    """
    compared = {form.name: [] for form in forms}
    for tensor, truth in frames:
        expected = _decided(reference.answer(tensor))
        for form in forms:
            compared[form.name].append(compare_answers(expected, _decided(form.answer(tensor)), truth))
    return {name: summarise(found) for name, found in compared.items()}


def judge_forms(forms, parities):
    """Refuse forms that do not give the reference's answers.

    Raises:
        BundleError: ``parity-failed``.
    """
    for form in forms:
        gate(parities[form.name], form.precision)


def _decided(answer):
    """The answer of a network without regions with its decision and how sure it is; another answer as it is."""
    if 'labels' in answer or 'logits' in answer:
        return answer
    odds = np.asarray(answer['finding'])
    odds = np.concatenate([1 - odds, odds], 1) if odds.shape[1] == 1 else odds
    return dict(answer, labels=odds.argmax(1), confidence=odds.max(1))
