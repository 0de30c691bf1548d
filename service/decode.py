"""From a network's outputs to labels at the frame's own resolution."""
import math
from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np

from .regions import BACKGROUND, REGIONS

#: Pieces of a region smaller than this part of its largest piece are noise: anatomy is in one piece,
#: apart from what a marker or an arm cuts off.
_MIN_PIECE = 0.2


@dataclass(frozen=True)
class Decoded:
    """What a network said of a frame.

    Attributes:
        labels (numpy.ndarray): uint8 HxW region ids at the frame's resolution.
        boxes (dict): (row slice, column slice) per region id that is there, in the frame; up to two
            pixels wider than the region.
        certainty (dict): mean probability of its own label per region id that is there.
        confidence (float): mean probability of the labels over the body.
        probability (float): of the finding, 0..1, after the manifest's temperature; None from a model that
            only marks regions.
    """

    labels: np.ndarray
    boxes: dict
    certainty: dict
    confidence: float
    probability: Optional[float]


def decode(outputs, bundle, fit, body):
    """Bring a network's outputs back to the frame.

    Everything that can be done on the network's grid is done there, where there are fewer pixels.

    Args:
        outputs (dict): array per tensor name.
        bundle (Bundle): names the tensors.
        fit (Fit): how the frame lay in the input.
        body (Body): where the body is.
    """
    labels, certainty = (fit.cut(outputs[bundle.output_name(role)].reshape(fit.target))
                         for role in ('labels', 'confidence'))
    labels, found = tidy(labels.astype(np.uint8))
    per_region = {region: cv2.mean(certainty[box], inside)[0] for region, (box, inside) in found.items()}
    mask = cv2.resize(body.mask.astype(np.uint8), labels.shape[::-1], interpolation=cv2.INTER_NEAREST)
    probability = None
    if bundle.manifest.finding:
        probability = temper(float(outputs[bundle.output_name('finding')].ravel()[0]),
                             bundle.manifest.finding.get('temperature', 1))
    return Decoded(fit.enlarge(labels), {region: fit.enlarge_box(box) for region, (box, _) in found.items()},
                   per_region, cv2.mean(certainty, mask)[0], probability)


def temper(probability, temperature):
    """A network's probability as it is shown: sigmoid(logit(p) / T).

    Networks are surer than they are right; one number, fitted on frames that were not trained on, takes that
    back without changing any order (temperature scaling: Guo et al., On Calibration of Modern Neural Networks,
    2017, section 4.2). Every threshold is stated on the result.

    Args:
        probability (float): 0..1, as the network gives it.
        temperature (float): above 0; 1 changes nothing.
    """
    if temperature == 1 or not 0 < probability < 1:
        return probability
    logit = (math.log(probability) - math.log1p(-probability)) / temperature
    # Written so that the exponential cannot overflow for either sign.
    odds = math.exp(-abs(logit))
    return (1 if logit > 0 else odds) / (1 + odds)


def tidy(labels):
    """Give stray pieces of a region to the background.

    Args:
        labels (numpy.ndarray): uint8 hxw region ids.
    Returns:
        tuple: (uint8 hxw with every region in one piece, or in pieces of comparable size; dict of
        (box, uint8 mask inside the box) per region that is there).
    """
    found, tidied = {}, labels
    for region in range(1, len(REGIONS)):
        mask = cv2.inRange(labels, region, region)
        outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
        if not outlines:
            continue
        if len(outlines) > 1:
            outlines, stray = _sorted_out(outlines)
            tidied = labels.copy() if tidied is labels else tidied
            strays = cv2.drawContours(np.zeros_like(labels), stray, -1, 255, cv2.FILLED) & mask
            tidied[strays > 0] = BACKGROUND
            mask ^= strays
        x, y, width, height = cv2.boundingRect(np.concatenate(outlines))
        box = (slice(y, y + height), slice(x, x + width))
        found[region] = (box, mask[box])
    return tidied, found


def _sorted_out(outlines):
    """(outlines that stay, outlines of stray pieces) of one region."""
    areas = [cv2.contourArea(outline) for outline in outlines]
    least = _MIN_PIECE * max(areas)
    return ([outline for outline, area in zip(outlines, areas) if area >= least],
            [outline for outline, area in zip(outlines, areas) if area < least])
