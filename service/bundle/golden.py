"""The golden pair: one thermogram with the answer it must give, on every machine, at every load."""
import io

import numpy as np

from ..messages import BundleError
from ..thermogram import Thermogram
from .variants import BASE

#: Temperatures are stored as hundredths of a kelvin, like a radiometric Lepton sends them.
_KELVIN_PER_COUNT = 0.01
_ZERO_CELSIUS_K = 273.15

#: How each answer is stored.
_STORED = (('labels', np.uint8), ('confidence', np.float16), ('finding', np.float32))


def pack_golden(celsius, outputs):
    """Bytes of a golden pair.

    Args:
        celsius (numpy.ndarray): float HxW degrees Celsius; what is stored is rounded to 0.01 K, so
            the outputs must have been computed from `golden_thermogram` of the rounded values.
        outputs (dict): ``labels`` (integers), ``confidence`` and, where the network has one,
            ``finding`` (floats), as the network gives them.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, thermogram=to_counts(celsius),
                        **{role: outputs[role].astype(dtype) for role, dtype in _STORED if role in outputs})
    return stream.getvalue()


def to_counts(celsius):
    """Degrees Celsius as uint16 hundredths of a kelvin."""
    return np.rint((np.asarray(celsius, np.float64) + _ZERO_CELSIUS_K) / _KELVIN_PER_COUNT).astype(np.uint16)


def golden_thermogram(counts):
    """The golden thermogram of stored counts."""
    return Thermogram.from_celsius(counts * _KELVIN_PER_COUNT - _ZERO_CELSIUS_K, source='golden')


def prove(bundle, infer, variant=BASE):
    """Run the golden thermogram through chain and network, and refuse a bundle that answers differently.

    Args:
        bundle (Bundle): an opened bundle.
        infer (callable): feed dict to output dict, as `Backend.infer`: labels and confidence, whatever the
            variant's own outputs are.
        variant (str): the variant that runs, whose tolerances count.
    Returns:
        dict: ``labels_agreement``, ``confidence_error`` and, where there is a finding,
        ``finding_error``: what was measured.
    Raises:
        BundleError: ``golden-unreadable`` or ``golden-mismatch``.
    """
    roles, allowed = bundle.manifest.roles, bundle.variants[variant].golden
    expected = _read(bundle.golden, roles)
    prepared = bundle.chain.apply(golden_thermogram(expected['thermogram']))
    outputs = infer({bundle.inputs[0].name: prepared.tensor})
    found = {role: outputs[bundle.output_name(role)] for role in roles}
    for role, array in found.items():
        if array.shape != expected[role].shape:
            raise BundleError('golden-unreadable', 'The golden pair of the bundle has %s of shape %s; the model '
                              'gives %s.' % (role, expected[role].shape, array.shape))
    measured = {'labels_agreement': float(np.mean(found['labels'] == expected['labels']))}
    measured.update((role + '_error', _worst(found[role], expected[role])) for role in roles[1:])
    if not (measured['labels_agreement'] >= allowed['labels_agreement']
            and all(measured[role + '_error'] <= allowed[role + '_tolerance'] for role in roles[1:])):
        raise BundleError('golden-mismatch', 'The model does not give its golden answer on this machine; it will '
                          'not be used. Install the bundle again, then report the figures.', detail=str(measured))
    return measured


def _worst(found, expected):
    return float(np.max(np.abs(found.astype(np.float64) - expected.astype(np.float64))))


def _read(data, roles):
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as pair:
            return {key: pair[key] for key in ('thermogram',) + roles}
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
        raise BundleError('golden-unreadable', 'The golden pair of the bundle cannot be read; copy the bundle '
                          'again.', detail=str(error))
