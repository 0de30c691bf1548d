"""How near each form of a network must come to the golden pair on a board."""
import io
import math

import numpy as np

from calibration.parity import compare_answers
from service.bundle import golden_thermogram
from service.chains import get_chain
from service.messages import BundleError

#: A board sums in another order, fuses other operators and, for INT8, scales by a cache instead of Q/DQ nodes: it may
#: be off by this many times what the form was off by here, on top of what the base model is allowed.
_MARGIN = 2

#: What the manifest's schema allows at most: a proof that lets more through proves nothing.
WIDEST = {'labels_agreement': 0.9, 'confidence_tolerance': 0.5, 'finding_tolerance': 0.2}


def golden_tensor(document, data):
    """The golden thermogram as the network takes it: float32 1xCxHxW.

    Args:
        document (dict): manifest; its ``preprocess``.
        data (bytes): the golden pair.
    """
    chain = get_chain(document['preprocess']['chain'], document['preprocess']['constants'])
    with np.load(io.BytesIO(data), allow_pickle=False) as pair:
        return chain.apply(golden_thermogram(pair['thermogram'])).tensor


def tolerances(name, base, expected, found, others=()):
    """A variant's ``golden`` entry.

    Args:
        name (str): of the variant.
        base (dict): the base model's entry.
        expected, found (dict): answers of base model and variant to the golden thermogram.
        others (iterable of calibration.Parity): the variant on other frames: what it may be off by there, it may be
            off by on the golden one where a board computes it differently.
    Returns:
        dict: ``labels_agreement``, ``confidence_tolerance`` and, with a finding, ``finding_tolerance``.
    Raises:
        BundleError: ``parity-failed``: the variant is further off than any tolerance may be.
    """
    golden = compare_answers(expected, found)
    others = list(others)
    entry = {}
    for key, measured, elsewhere in (
            ('labels_agreement', golden.label_agreement, [parity.worst_agreement for parity in others]),
            ('confidence_tolerance', golden.max_abs_error, [parity.max_abs_error for parity in others]),
            ('finding_tolerance', golden.finding_error, [parity.finding_error for parity in others])):
        if measured is not None:
            entry[key] = _allowed(name, key, base[key], measured, elsewhere)
    return entry


def _allowed(name, key, base, measured, elsewhere):
    limit = WIDEST[key]
    # Agreement is near 1 and the errors near 0: both as a distance.
    sign, ideal = (-1, 1) if key == 'labels_agreement' else (1, 0)
    distance, widest = abs(measured - ideal), abs(limit - ideal)
    if not distance <= widest:
        raise BundleError('parity-failed', 'On the golden thermogram the %s model has %s %.4f, and a bundle may allow '
                          '%g at most; leave this variant out.' % (name, key.replace('_', ' '), measured, limit))
    distance = max([distance] + [abs(value - ideal) for value in elsewhere])
    allowed = min(widest, abs(base - ideal) + _MARGIN * distance)
    return round(ideal + sign * math.ceil(allowed * 1e4 - 1e-6) / 1e4, 4)
