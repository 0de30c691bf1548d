"""What the variants of a network are compared on, and how near each must come to the golden pair on a board."""
import io
import math
from typing import AbstractSet, Any, Dict, Iterable, List, NamedTuple, Optional

import cv2
import numpy as np

from calibration.parity import Parity, compare_answers
from export.runners import with_decision
from service.bundle import SEGMENT_FIRST, golden_thermogram
from service.chains import Chain, Fit, Prepared, get_chain
from service.messages import BundleError
from service.regions import BACKGROUND

from ..data import Collection, Sample, open_data, phantom_collection

#: Seeds of the phantoms; recipes begin at 100000 and take some thousands.
FIRST_SEED = 9_000_000

#: A board sums in another order, fuses other operators and, for INT8, scales by a cache instead of Q/DQ nodes: it may
#: be off by this many times what the variant was off by here, on top of what the base model is allowed.
_MARGIN = 2

#: What the manifest's schema allows at most: a proof that lets more through proves nothing.
WIDEST = {'labels_agreement': 0.9, 'confidence_tolerance': 0.5, 'finding_tolerance': 0.2,
          'view_tolerance': 0.2, 'features_tolerance': 0.2}


class ParityFrame(NamedTuple):
    """One frame as the network sees it.

    Attributes:
        tensor: float32 1xCxHxW in 0..1, as the chain makes it.
        truth: uint8 HxW region ids at the network's size, background around the frame.
    """

    tensor: np.ndarray
    truth: Optional[np.ndarray]


def chain_of(document: Dict[str, Any]) -> Chain:
    """The chain of a manifest."""
    return get_chain(document['preprocess']['chain'], document['preprocess']['constants'])


def parity_frames(document: Dict[str, Any], count: int, data: Optional[str] = None,
                  without: AbstractSet[str] = frozenset()) -> Dict[str, List[ParityFrame]]:
    """Frames of a bundle's chain and size, by what they are (``'24 phantoms'``).

    Args:
        document: manifest; its ``preprocess``, ``regions`` and, of a classifier, ``order`` and ``outputs``.
        count: how many phantoms, and how many real frames.
        data: folder of real thermograms, or ``phantoms:SEED:COUNT``. Those with labels come first; of more than
            `count`, as many are taken, evenly spread.
        without: keys of real frames that are left out, as far as others are left.
    Raises:
        InputError: as `models.data.open_data`, or whatever is wrong with a file.
    """
    chain = chain_of(document)
    height, width = chain.constants['height'], chain.constants['width']
    sets = {'%d phantoms' % count: phantom_collection(FIRST_SEED, count, height, width)}
    if data is not None:
        collection = open_data(data)
        others = [place for place, key in enumerate(collection.keys) if key not in without]
        collection = collection.take(others) if others else collection
        collection = _spread(collection.labelled() or collection, count)
        sets['%d frames of %s' % (len(collection), collection.name)] = collection
    regions = tuple(document['regions']['names'])
    return {name: [_frame(document, sample, chain, collection.regions == regions) for sample in collection]
            for name, collection in sets.items()}


def as_seen(document: Dict[str, Any], chain: Chain, sample: Sample) -> Prepared:
    """A frame as the network of a manifest sees it.

    A classifier that runs after its segmenter sees regions alone: the true ones, of a sample that has them.
    """
    thermogram = sample.thermogram()
    prepared = chain.apply(thermogram)
    if document.get('order') != SEGMENT_FIRST or _marks_regions(document):
        return prepared
    labels = sample.labels(thermogram.pixels.shape)
    return prepared if labels is None else prepared.without_background(labels)


def labels_at_input(labels: np.ndarray, fit: Fit) -> np.ndarray:
    """Labels of a frame at the network's size, every pixel that of the nearest one."""
    top, left, height, width = fit.inner
    resized = np.full(fit.target, BACKGROUND, np.uint8)
    resized[top:top + height, left:left + width] = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return resized


def golden_tensor(document: Dict[str, Any], data: bytes) -> np.ndarray:
    """The golden thermogram as the network takes it: float32 1xCxHxW.

    Args:
        document: manifest; its ``preprocess``.
        data: the golden pair.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as pair:
        return chain_of(document).apply(golden_thermogram(pair['thermogram'])).tensor


def tolerances(name: str, base: Dict[str, Any], expected: Dict[str, np.ndarray], answer: Dict[str, np.ndarray],
               others: Iterable[Parity] = ()) -> Dict[str, float]:
    """The ``golden`` entry of a variant.

    Args:
        name: of the variant.
        base: the base model's entry.
        expected, answer: of base model and variant to the golden thermogram.
        others: the variant on other frames: what it is off by there, it may be off by on the golden one where a board
            computes it differently.
    Returns:
        Of ``labels_agreement`` and the tolerances of confidence, finding, view and features those that `base` has.
    Raises:
        BundleError: ``parity-failed``: the variant is further off than any tolerance may be.
    """
    golden = compare_answers(with_decision(expected), with_decision(answer))
    others = list(others)
    entry = {}
    for key, measured, elsewhere in (
            ('labels_agreement', golden.label_agreement, [parity.worst_agreement for parity in others]),
            ('confidence_tolerance', golden.max_abs_error, [parity.max_abs_error for parity in others]),
            ('finding_tolerance', golden.finding_error, [parity.finding_error for parity in others]),
            ('view_tolerance', golden.view_error, [parity.view_error for parity in others]),
            ('features_tolerance', golden.features_error, [parity.features_error for parity in others])):
        if measured is not None and key in base:
            entry[key] = _allowed(name, key, base[key], measured, elsewhere)
    return entry


def describe_parity(parity: Dict[str, Any]) -> str:
    """Figures of a comparison in a line.

    Args:
        parity: `calibration.parity.Parity.to_dict`.
    """
    parts = ['%.2f %% of the labels agree' % (100 * parity['label_agreement'])]
    if 'miou_change' in parity:
        interval = ''
        if 'miou_change_ci95' in parity:
            interval = ', 95 %% interval %+.4f to %+.4f, n = %d' % (*parity['miou_change_ci95'], parity['labelled'])
        parts.append('mIoU %.4f (%+.4f%s)' % (parity['miou'], parity['miou_change'], interval))
    parts.append('confidence off by up to %.2g' % parity['max_abs_error'])
    parts += ['%s by %.2g' % (word, parity[key]) for key, word in (
        ('finding_error', 'finding'), ('view_error', 'view'), ('features_error', 'features'),
        ('logits_error', 'logits')) if key in parity]
    return ', '.join(parts)


def _marks_regions(document: Dict[str, Any]) -> bool:
    """Whether a manifest is not that of a classifier alone."""
    return 'outputs' not in document or 'labels' in document['outputs']


def _spread(collection: Collection, count: int) -> Collection:
    return collection.take(np.linspace(0, len(collection) - 1, min(count, len(collection))).round().astype(int))


def _frame(document: Dict[str, Any], sample: Sample, chain: Chain, same_regions: bool) -> ParityFrame:
    prepared = as_seen(document, chain, sample)
    labels = sample.labels(prepared.fit.frame) if same_regions and _marks_regions(document) else None
    return ParityFrame(prepared.tensor, None if labels is None else labels_at_input(labels, prepared.fit))


def _allowed(name: str, key: str, base: float, measured: float, elsewhere: List[Any]) -> float:
    limit = WIDEST[key]
    # Agreement is near 1 and the errors near 0: both as a distance.
    sign, ideal = (-1, 1) if key == 'labels_agreement' else (1, 0)
    distance, widest = abs(measured - ideal), abs(limit - ideal)
    if not distance <= widest:
        raise BundleError('parity-failed', 'On the golden thermogram the %s model has %s %.4f, and a bundle may allow '
                          '%g at most.' % (name, key.replace('_', ' '), measured, limit), 'Leave this variant out.')
    distance = max([distance] + [abs(value - ideal) for value in elsewhere])
    allowed = min(widest, abs(base - ideal) + _MARGIN * distance)
    return round(ideal + sign * math.ceil(allowed * 1e4 - 1e-6) / 1e4, 4)
