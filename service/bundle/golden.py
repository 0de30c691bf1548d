"""The golden pair: one thermogram and the answer it must give on every machine, each time a model is loaded."""
import io
from typing import Any, Callable, Dict, Sequence

import numpy as np

from ..backends import Tensors
from ..messages import BundleError
from ..thermogram import Thermogram
from .load import Bundle
from .manifest import BASE

#: Temperatures are stored as hundredths of a kelvin, as a radiometric Lepton sends them.
_KELVIN_PER_COUNT = 0.01
_ZERO_CELSIUS_K = 273.15

#: How each answer is stored.
_STORED = (('labels', np.uint8), ('confidence', np.float16), ('finding', np.float32))


def pack_golden(celsius: np.ndarray, outputs: Tensors) -> bytes:
    """The file of a golden pair.

    Args:
        celsius: float HxW degrees Celsius. It is stored rounded to 0.01 K, so the outputs must have been computed
            from `golden_thermogram` of the rounded values.
        outputs: ``labels`` (integers), ``confidence`` and, if the network has one, ``finding`` (floats), as the
            network gives them.
    """
    stream = io.BytesIO()
    arrays: Dict[str, Any] = {role: outputs[role].astype(dtype) for role, dtype in _STORED if role in outputs}
    np.savez_compressed(stream, thermogram=to_counts(celsius), **arrays)
    return stream.getvalue()


def to_counts(celsius: np.ndarray) -> np.ndarray:
    """Degrees Celsius as uint16 hundredths of a kelvin."""
    return np.rint((np.asarray(celsius, np.float64) + _ZERO_CELSIUS_K) / _KELVIN_PER_COUNT).astype(np.uint16)


def golden_thermogram(counts: np.ndarray) -> Thermogram:
    """The golden thermogram of stored counts."""
    return Thermogram.from_celsius(counts * _KELVIN_PER_COUNT - _ZERO_CELSIUS_K, source='golden')


def prove(bundle: Bundle, infer: Callable[[Tensors], Tensors], variant: str = BASE) -> Dict[str, float]:
    """Run the golden thermogram through chain and network, and refuse a bundle that answers differently.

    Args:
        infer: as `Backend.infer`; gives labels and confidence, whatever the variant's own outputs are.
        variant: the variant that runs, whose tolerances count.
    Returns:
        What was measured: ``labels_agreement``, ``confidence_error`` and, with a finding, ``finding_error``.
    Raises:
        BundleError: ``golden-unreadable`` or ``golden-mismatch``.
    """
    roles, allowed = bundle.manifest.roles, bundle.variants[variant].golden
    expected = _read(bundle.golden, roles)
    prepared = bundle.chain.apply(golden_thermogram(expected['thermogram']))
    outputs = infer({bundle.inputs[0].name: prepared.tensor})
    answers = {role: outputs[bundle.output_name(role)] for role in roles}
    for role, array in answers.items():
        if array.shape != expected[role].shape:
            raise BundleError('golden-unreadable', 'The golden pair of the bundle has %s of shape %s; the model gives '
                              '%s.' % (role, expected[role].shape, array.shape))
    measured = {'labels_agreement': float(np.mean(answers['labels'] == expected['labels']))}
    measured.update((role + '_error', _largest_error(answers[role], expected[role])) for role in roles[1:])
    if not (measured['labels_agreement'] >= allowed['labels_agreement']
            and all(measured[role + '_error'] <= allowed[role + '_tolerance'] for role in roles[1:])):
        raise BundleError('golden-mismatch', 'The model does not give its golden answer on this machine and is not '
                          'used.', 'Install the bundle again; if that does not help, report the figures.',
                          detail=str(measured))
    return measured


def _largest_error(answer: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(answer.astype(np.float64) - expected.astype(np.float64))))


def _read(data: bytes, roles: Sequence[str]) -> Dict[str, Any]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as pair:
            return {key: pair[key] for key in ('thermogram',) + tuple(roles)}
    except Exception as error:  # numpy and zipfile raise many kinds of exceptions for a damaged archive
        raise BundleError('golden-unreadable', 'The golden pair of the bundle cannot be read.',
                          'Copy the bundle again.', detail=str(error))
