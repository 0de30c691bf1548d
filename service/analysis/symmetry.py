"""Left against right: differences of the pairs, the mirrored map, the hottest spots."""
import cv2
import numpy as np

from ..regions import LEFT_BREAST, LEFT_NIPPLE, PAIRS, RIGHT_BREAST, RIGHT_NIPPLE, pair_name
from ..result import Difference, Spot
from .statistics import boxes

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


def breast_labels(labels, body):
    """The breasts at working size, each nipple counted to its breast, skin only: uint8 hxw.

    A label that laps over the wall is not breast, however sure the network is.
    """
    height, width = body.mask.shape
    reduced = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    merged = np.zeros_like(reduced)
    for breast, nipple in ((RIGHT_BREAST, RIGHT_NIPPLE), (LEFT_BREAST, LEFT_NIPPLE)):
        merged[(reduced == breast) | (reduced == nipple)] = breast
    merged[body.reduced <= body.threshold] = 0
    return merged


def mirrored_difference(body, breasts):
    """Each breast minus the mirrored other one.

    The other breast's bounding box is mirrored and scaled onto this one's, which aligns the two
    without landmarks; what is left is the heat pattern and not the difference in size.

    Args:
        body (Body): the frame at working size.
        breasts (numpy.ndarray): uint8 hxw from `breast_labels`.
    Returns:
        numpy.ndarray: float32 hxw, NaN outside the breasts and where the mirrored one has no skin;
        None where a breast is missing.
    """
    found = boxes(breasts)
    if RIGHT_BREAST not in found or LEFT_BREAST not in found:
        return None
    result = np.full(breasts.shape, np.nan, np.float32)
    for own, other in ((RIGHT_BREAST, LEFT_BREAST), (LEFT_BREAST, RIGHT_BREAST)):
        box, twin = found[own], found[other]
        size = (box[1].stop - box[1].start, box[0].stop - box[0].start)
        valid = (breasts[twin] == other).astype(np.uint8)
        mirrored = cv2.resize(np.ascontiguousarray(body.reduced[twin][:, ::-1]), size,
                              interpolation=cv2.INTER_LINEAR)
        valid = cv2.resize(np.ascontiguousarray(valid[:, ::-1]), size, interpolation=cv2.INTER_NEAREST)
        inside = (breasts[box] == own) & (valid > 0)
        result[box][inside] = (body.reduced[box] - mirrored)[inside]
    return result


def hottest_spots(body, breasts, frame_shape):
    """Where each breast is hottest.

    Looked for on the reduced frame, where a pixel is a mean over its neighbourhood, so that one
    noisy or dead pixel of the sensor is not taken for a spot; and a little inside the breast and the
    picture, since the fold beneath a breast is nearly always warmer and a label edge may lap over it.

    Returns:
        tuple of Spot: in frame coordinates.
    """
    scale_y = frame_shape[0] / float(breasts.shape[0])
    scale_x = frame_shape[1] / float(breasts.shape[1])
    spots = []
    for breast in (RIGHT_BREAST, LEFT_BREAST):
        inside = (breasts == breast).astype(np.uint8)
        core = cv2.erode(inside, None, iterations=_EDGE_PX, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        inside = core if core.any() else inside
        if inside.any():
            _, value, _, (column, row) = cv2.minMaxLoc(body.reduced, inside)
            spots.append(Spot(breast, int((column + 0.5) * scale_x), int((row + 0.5) * scale_y), float(value)))
    return tuple(spots)
