"""Left against right: differences of the pairs, the mirrored map, the hottest spots."""
from dataclasses import dataclass

import cv2
import numpy as np

from ..regions import LEFT_BREAST, LEFT_NIPPLE, PAIRS, REGIONS, RIGHT_BREAST, RIGHT_NIPPLE, pair_name
from ..result import Difference, Spot
from .statistics import boxes

BREASTS = (RIGHT_BREAST, LEFT_BREAST)

#: Breast of a region id, 0 for regions of none: a nipple is part of its breast.
_BREAST_OF = np.zeros(len(REGIONS), np.uint8)
_BREAST_OF[[RIGHT_BREAST, RIGHT_NIPPLE]] = RIGHT_BREAST
_BREAST_OF[[LEFT_BREAST, LEFT_NIPPLE]] = LEFT_BREAST

#: Edge of a breast in which no hottest spot is looked for, in pixels at working size: about 1 cm of
#: a torso that fills the frame.
_EDGE_PX = 3


def pair_differences(regions, is_celsius, threshold_c):
    """Left minus right of every pair of which both sides were found.

    Args:
        regions (tuple of RegionStatistics): all regions of one frame.
        is_celsius (bool): whether the statistics are degrees.
        threshold_c (float): descriptive threshold in degrees Celsius.
    Returns:
        tuple of Difference: in the order breast, nipple, armpit.
    """
    by_id = {entry.region: entry for entry in regions}
    return tuple(_difference(by_id[right], by_id[left], is_celsius, threshold_c)
                 for right, left in PAIRS if right in by_id and left in by_id)


def _difference(right, left, is_celsius, threshold_c):
    mean = left.mean - right.mean
    return Difference(pair_name(right.region), mean, left.p95 - right.p95, left.max - right.max,
                      abs(mean) > threshold_c if is_celsius else None, threshold_c)


@dataclass(frozen=True)
class Breasts:
    """The breasts at working size.

    Attributes:
        labels (numpy.ndarray): uint8 hxw, the id of a breast with its nipple, 0 elsewhere.
        boxes (dict): (row slice, column slice) per breast that is there.
    """

    labels: np.ndarray
    boxes: dict


def find_breasts(labels, body):
    """The breasts at working size, each nipple counted to its breast, skin only.

    A label that laps over the wall is not breast, however sure the network is.

    Args:
        labels (numpy.ndarray): uint8 HxW region ids of the frame.
        body (Body): of the same frame.
    """
    height, width = body.mask.shape
    reduced = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    merged = _BREAST_OF[reduced]
    merged[body.reduced <= body.threshold] = 0
    return Breasts(merged, boxes(merged, BREASTS))


def mirrored_difference(body, breasts):
    """Each breast minus the mirrored other one.

    The other breast's bounding box is mirrored and scaled onto this one's, which aligns the two
    without landmarks; what is left is the heat pattern and not the difference in size.

    Args:
        body (Body): the frame at working size.
        breasts (Breasts): of the same frame.
    Returns:
        numpy.ndarray: float32 hxw, NaN outside the breasts and where the mirrored one has no skin;
        None where a breast is missing.
    """
    if len(breasts.boxes) < len(BREASTS):
        return None
    result = np.full(body.reduced.shape, np.nan, np.float32)
    for own, other in (BREASTS, BREASTS[::-1]):
        box, twin = breasts.boxes[own], breasts.boxes[other]
        size = (box[1].stop - box[1].start, box[0].stop - box[0].start)
        valid = (breasts.labels[twin] == other).astype(np.uint8)
        mirrored = cv2.resize(np.ascontiguousarray(body.reduced[twin][:, ::-1]), size,
                              interpolation=cv2.INTER_LINEAR)
        valid = cv2.resize(np.ascontiguousarray(valid[:, ::-1]), size, interpolation=cv2.INTER_NEAREST)
        inside = (breasts.labels[box] == own) & (valid > 0)
        result[box][inside] = (body.reduced[box] - mirrored)[inside]
    return result


def hottest_spots(body, breasts, frame_shape):
    """Where each breast is hottest.

    Looked for on the reduced frame, where a pixel is a mean over its neighbourhood, so that one
    noisy or dead pixel of the sensor is not taken for a spot; and a little inside the breast and the
    picture, since the fold beneath a breast is nearly always warmer and a label edge may lap over it.

    Args:
        body (Body): the frame at working size.
        breasts (Breasts): of the same frame.
        frame_shape (tuple): (height, width) of the frame.
    Returns:
        tuple of Spot: in frame coordinates.
    """
    scale_y = frame_shape[0] / float(body.reduced.shape[0])
    scale_x = frame_shape[1] / float(body.reduced.shape[1])
    spots = []
    for breast, (rows, columns) in breasts.boxes.items():
        inside = (breasts.labels[rows, columns] == breast).astype(np.uint8)
        core = cv2.erode(inside, None, iterations=_EDGE_PX, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        _, value, _, (x, y) = cv2.minMaxLoc(body.reduced[rows, columns], core if core.any() else inside)
        spots.append(Spot(breast, int((columns.start + x + 0.5) * scale_x), int((rows.start + y + 0.5) * scale_y),
                          float(value)))
    return tuple(spots)
