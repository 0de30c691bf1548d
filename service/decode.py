"""From a network's outputs to labels at the frame's own resolution."""
from dataclasses import dataclass

import cv2
import numpy as np

from .analysis import boxes
from .regions import BACKGROUND

#: Pieces of a region smaller than this part of its largest piece are noise: anatomy is in one piece,
#: apart from what a marker or an arm cuts off.
_MIN_PIECE = 0.2


@dataclass(frozen=True)
class Decoded:
    """What a network said of a frame.

    Attributes:
        labels (numpy.ndarray): uint8 HxW region ids at the frame's resolution.
        certainty (numpy.ndarray): float32 hxw probability of each label, on the network's grid
            without padding.
        probability (float): of the finding, 0..1.
    """

    labels: np.ndarray
    certainty: np.ndarray
    probability: float


def decode(outputs, bundle, fit):
    """Bring a network's outputs back to the frame.

    Args:
        outputs (dict): array per tensor name.
        bundle (Bundle): names the tensors.
        fit (Fit): how the frame lay in the input.
    """
    top, left, height, width = fit.inner
    labels, certainty = (outputs[bundle.output_name(role)].reshape(fit.target) for role in ('labels', 'confidence'))
    labels = tidy(labels.astype(np.uint8))
    probability = float(outputs[bundle.output_name('finding')].ravel()[0])
    return Decoded(fit.to_frame(labels), certainty[top:top + height, left:left + width], probability)


def tidy(labels):
    """Give stray pieces of a region to the background.

    Args:
        labels (numpy.ndarray): uint8 hxw region ids.
    Returns:
        numpy.ndarray: a copy with every region in one piece, or in pieces of comparable size.
    """
    tidied = labels.copy()
    for region, box in boxes(labels).items():
        count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels[box] == region).astype(np.uint8),
                                                                   connectivity=4)
        if count <= 2:  # the outside and one piece
            continue
        areas = stats[:, cv2.CC_STAT_AREA]
        stray = areas < _MIN_PIECE * areas[1:].max()
        stray[0] = False
        tidied[box][stray[pieces]] = BACKGROUND
    return tidied
