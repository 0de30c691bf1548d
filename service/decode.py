"""From a network's outputs to labels at the frame's own resolution."""
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from .body import Body
from .chains import Fit
from .regions import BACKGROUND, Box, region_masks

if TYPE_CHECKING:
    from .bundle import Bundle  # it loads cryptography, which settings and analysis do without

#: Pieces of a region smaller than this part of its largest piece are noise: anatomy is in one piece, apart from what
#: a marker or an arm cuts off.
_MIN_PIECE = 0.2


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network predicts for a frame.

    Attributes:
        labels: uint8 HxW region ids at the frame's resolution.
        boxes: box of each region that is present, in the frame; up to two pixels wider than the region.
        certainty: mean probability of its own label per region that is present, 0..1.
        confidence: mean probability of the labels over the body, 0..1.
        probability: of the finding, 0..1, after the manifest's temperature; None from a model that only marks regions.
    """

    labels: np.ndarray
    boxes: Dict[int, Box]
    certainty: Dict[int, float]
    confidence: float
    probability: Optional[float]


def decode(outputs: Mapping[str, np.ndarray], bundle: 'Bundle', fit: Fit, body: Body) -> Prediction:
    """Bring a network's outputs back to the frame.

    Whatever can be done on the network's grid is done there, where there are fewer pixels.

    Args:
        outputs: array per tensor name.
        bundle: names the tensors.
        fit: how the frame lies in the input.
        body: of the frame.
    """
    labels, certainty = (fit.cut(outputs[bundle.output_name(role)].reshape(fit.target))
                         for role in ('labels', 'confidence'))
    labels, masks = tidy(labels.astype(np.uint8))
    body_mask = cv2.resize(body.mask.view(np.uint8), labels.shape[::-1], interpolation=cv2.INTER_NEAREST)
    probability = None
    if bundle.manifest.finding:
        probability = temper(float(outputs[bundle.output_name('finding')].ravel()[0]),
                             bundle.manifest.finding.get('temperature', 1))
    return Prediction(
        labels=fit.enlarge(labels),
        boxes={region: fit.enlarge_box(box) for region, (box, _) in masks.items()},
        certainty={region: cv2.mean(certainty[box], mask)[0] for region, (box, mask) in masks.items()},
        confidence=cv2.mean(certainty, body_mask)[0],
        probability=probability,
    )


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
    """Give stray pieces of a region to the background.

    Args:
        labels: uint8 hxw region ids.

    Returns:
        uint8 hxw labels, every region in one piece or in pieces of comparable size; and per region that is present
        its box and the uint8 mask inside that box.
    """
    masks, tidied = region_masks(labels), labels
    for region, ((rows, columns), mask) in masks.items():
        outlines: Sequence[np.ndarray] = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
        if len(outlines) == 1:
            continue
        kept, stray = _split_by_size(outlines)
        strays = cv2.bitwise_and(cv2.drawContours(np.zeros_like(mask), stray, -1, 255, cv2.FILLED), mask)
        tidied = labels.copy() if tidied is labels else tidied
        tidied[rows, columns][strays > 0] = BACKGROUND
        x, y, width, height = cv2.boundingRect(np.concatenate(kept))
        masks[region] = ((slice(rows.start + y, rows.start + y + height),
                          slice(columns.start + x, columns.start + x + width)),
                         cv2.bitwise_xor(mask, strays)[y:y + height, x:x + width])
    return tidied, masks


def _split_by_size(outlines: Sequence[np.ndarray]) -> Tuple[List[np.ndarray], List[np.ndarray]]:
    """Outlines of one region that stay, and those of stray pieces."""
    areas = [cv2.contourArea(outline) for outline in outlines]
    least = _MIN_PIECE * max(areas)
    return ([outline for outline, area in zip(outlines, areas) if area >= least],
            [outline for outline, area in zip(outlines, areas) if area < least])
