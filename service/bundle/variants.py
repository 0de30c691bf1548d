"""The forms of one network that a bundle holds: other precisions, and one for boards that cannot take ArgMax."""
from collections import OrderedDict
from dataclasses import dataclass

from ..backends.base import TensorSpec

#: The form every bundle has: its `model`.
BASE = 'fp32'

#: What each further name promises: (precision, whether the network gives labels and confidence itself).
PROMISES = {
    'fp16': ('fp16', True),
    'int8-qdq': ('int8', True),
    'fp32-logits': ('fp32', False),
    'fp16-logits': ('fp16', False),
}

#: Name of the output that a network without ArgMax gives in place of labels and confidence.
LOGITS = 'logits'


@dataclass(frozen=True)
class Variant:
    """One form of a bundle's network. All take the same input and give the same finding.

    Attributes:
        name (str): ``'fp32'`` for the bundle's `model`, or a name of `PROMISES`.
        file (str): its ONNX file.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``: what it computes in. Inputs and outputs are float32
            and int32 in every precision.
        answers (bool): whether it gives labels and confidence. Otherwise its first output is ``logits``, float32
            1x8xHxW, from which `backends.FromLogits` makes them.
        outputs (tuple of TensorSpec): what its file gives.
        golden (dict): ``labels_agreement``, ``confidence_tolerance`` and, with a finding,
            ``finding_tolerance``: how near it must come to the golden pair.
        parity (dict): how far it is from the model it was made of, as measured by the one who made it.
    """

    name: str
    file: str
    precision: str
    answers: bool
    outputs: tuple
    golden: dict
    parity: dict


def read_variants(manifest):
    """The variants of a checked manifest.

    Args:
        manifest (Manifest): checked by `parse_manifest`.
    Returns:
        OrderedDict: name to `Variant`, `BASE` first, then those of the manifest in the order of `PROMISES`.
    """
    model, golden = manifest['model'], manifest['golden']
    answers = tuple(spec(manifest['outputs'][role]) for role in manifest.roles)
    tolerances = {key: value for key, value in golden.items() if key != 'file'}
    found = OrderedDict()
    found[BASE] = Variant(BASE, model['file'], model['precision'], True, answers, tolerances,
                          manifest.raw.get('parity', {}))
    stated = manifest.raw.get('variants', {})
    for name in (name for name in PROMISES if name in stated):
        entry = stated[name]
        outputs = answers if entry['answers'] else (_logits(manifest),) + answers[2:]
        found[name] = Variant(name, entry['file'], entry['precision'], entry['answers'], outputs, entry['golden'],
                              entry.get('parity', {}))
    return found


def spec(entry):
    """The `TensorSpec` of a manifest's tensor entry."""
    return TensorSpec(entry['name'], tuple(entry['shape']), entry['dtype'])


def _logits(manifest):
    labels = tuple(manifest['outputs']['labels']['shape'])
    return TensorSpec(LOGITS, labels[:1] + (len(manifest['regions']['names']),) + labels[1:], 'float32')
