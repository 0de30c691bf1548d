"""From a network's outputs to labels at the frame's own resolution."""
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Mapping, Optional, Tuple

import cv2
import numpy as np

from .body import Body
from .chains import Fit
from .regions import BACKGROUND, Box, region_masks, resize_labels

if TYPE_CHECKING:
    from .bundle import Bundle  # it loads cryptography, which settings and analysis do without


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network predicts for a frame.

    Attributes:
        labels: uint8 HxW region ids at the frame's resolution.
        boxes: box of each region that is present, in the frame; up to two pixels wider than the region.
        certainty: mean probability of its own label per region that is present, 0..1.
        confidence: mean probability of the labels over the body, 0..1.
        probability: of the finding, 0..1, after the manifest's temperature; None from a network without one.
        views: probability per view, 0..1; empty from a network that tells none apart.
        features: as `decode_features` gives them.
    """

    labels: np.ndarray
    boxes: Dict[int, Box]
    certainty: Dict[int, float]
    confidence: float
    probability: Optional[float]
    views: Dict[str, float] = field(default_factory=dict)
    features: Optional[np.ndarray] = None


def decode(outputs: Mapping[str, np.ndarray], bundle: 'Bundle', fit: Fit, body: Body) -> Prediction:
    """Bring a network's outputs back to the frame.

    What can be done on the coarser of two grids, the network's and the frame's, is done there.

    Args:
        outputs: array per tensor name.
        bundle: names the tensors.
        fit: how the frame lies in the input.
        body: of the frame.
    """
    labels, certainty = (fit.cut(outputs[bundle.output_name(role)].reshape(fit.target))
                         for role in ('labels', 'confidence'))
    labels = labels.astype(np.uint8)
    if labels.size > fit.frame[0] * fit.frame[1]:
        # What joins two pieces may fall between the pixels of a smaller frame.
        labels, certainty = fit.enlarge(labels), fit.enlarge(certainty)
    labels, masks = tidy(labels)
    body_mask = resize_labels(body.mask.view(np.uint8), labels.shape)
    views: Dict[str, float] = {}
    if 'view' in bundle.manifest.roles:
        views = dict(zip(bundle.manifest.views, outputs[bundle.output_name('view')].ravel().tolist()))
    return Prediction(
        labels=fit.enlarge(labels),
        boxes={region: fit.enlarge_box(box, labels.shape) for region, (box, _) in masks.items()},
        certainty={region: cv2.mean(certainty[box], mask)[0] for region, (box, mask) in masks.items()},
        confidence=cv2.mean(certainty, body_mask)[0],
        probability=decode_finding(outputs, bundle) if 'finding' in bundle.manifest.roles else None,
        views=views,
        features=decode_features(outputs, bundle),
    )


def decode_features(outputs: Mapping[str, np.ndarray], bundle: 'Bundle') -> Optional[np.ndarray]:
    """What the network makes of a whole picture: float32 of unit length, so that a product is a cosine.

    Returns:
        None from a network that gives none, or where they have no direction.
    """
    if 'features' not in bundle.manifest.roles:
        return None
    # In float64: half floats of a board could overflow in a square.
    values = outputs[bundle.output_name('features')].ravel().astype(np.float64)
    length = float(np.linalg.norm(values))
    return (values / length).astype(np.float32) if math.isfinite(length) and length > 0 else None


def decode_finding(outputs: Mapping[str, np.ndarray], bundle: 'Bundle') -> float:
    """Probability of the finding, 0..1, after the manifest's temperature.

    Args:
        outputs: array per tensor name, of a network that has a finding.
        bundle: names the tensors.
    """
    finding = bundle.manifest.finding or {}
    return temper(float(outputs[bundle.output_name('finding')].ravel()[0]), finding.get('temperature', 1))


def temper(probability: float, temperature: float) -> float:
    """Scale a network's probability by a temperature: sigmoid(logit(p) / T).

    Networks are overconfident. One number, fitted on frames that were not trained on, corrects that without changing
    any order ([Guo2017], section 4.2). Every threshold is stated on the result.

    Args:
        probability: 0..1, as the network gives it.
        temperature: above 0; 1 changes nothing.
    """
    if temperature == 1 or not 0 < probability < 1:
        return probability
    logit = (math.log(probability) - math.log1p(-probability)) / temperature
    # Written so that the exponential cannot overflow for either sign.
    odds = math.exp(-abs(logit))
    return (1 if logit > 0 else odds) / (1 + odds)


def tidy(labels: np.ndarray) -> Tuple[np.ndarray, Dict[int, Tuple[Box, np.ndarray]]]:
    """Keep the largest piece of every region, and give the others to the background: anatomy is in one piece.

    Args:
        labels: uint8 hxw region ids.

    Returns:
        uint8 hxw labels, every region in one piece of 8-connected pixels; and per region that is present its box and
        the uint8 mask inside that box.
    """
    masks, tidied = region_masks(labels), labels
    for region, ((rows, columns), mask) in masks.items():
        count, pieces = cv2.connectedComponents(mask, connectivity=8)
        if count == 2:  # the background counts as a piece
            continue
        largest = np.bincount(pieces[mask > 0]).argmax()
        strays = (mask > 0) & (pieces != largest)
        tidied = labels.copy() if tidied is labels else tidied
        tidied[rows, columns][strays] = BACKGROUND
        mask[strays] = 0
        x, y, width, height = cv2.boundingRect(mask)
        masks[region] = ((slice(rows.start + y, rows.start + y + height),
                          slice(columns.start + x, columns.start + x + width)), mask[y:y + height, x:x + width])
    return tidied, masks
