"""Temperatures per region, from the unequalised frame."""
import cv2
import numpy as np

from ..regions import NECK, REGIONS
from ..result import RegionStatistics

_ALL = tuple(range(1, len(REGIONS)))


def region_statistics(pixels, decoded, threshold):
    """Statistics of every region that is there.

    Pixels below the body threshold are left out: a label edge that laps over the wall, a metal
    marker or jewellery would otherwise pull the mean down.

    Args:
        pixels (numpy.ndarray): float32 HxW, Celsius or relative.
        decoded (Decoded): labels, boxes and certainty of the same frame.
        threshold (float): the body threshold, in the unit of `pixels`.
    Returns:
        tuple of RegionStatistics: in order of region id, background left out.
    """
    found = {}
    for region, box in decoded.boxes.items():
        inside = pixels[box]
        values = inside[(decoded.labels[box] == region) & (inside > threshold)]
        if values.size:
            found[region] = values
    neck = float(found[NECK].mean(dtype=np.float64)) if NECK in found else None
    return tuple(_summary(region, values, neck, decoded.certainty[region])
                 for region, values in sorted(found.items()))


def boxes(labels, regions=_ALL):
    """Bounding box of every region that is there.

    Args:
        labels (numpy.ndarray): uint8 hxw region ids.
        regions (iterable): the ids to look for; by default all but the background.
    Returns:
        dict: region id to a (row slice, column slice) pair.
    """
    found = {}
    for region in regions:
        x, y, width, height = cv2.boundingRect(cv2.inRange(labels, region, region))
        if width:
            found[region] = (slice(y, y + height), slice(x, x + width))
    return found


def _summary(region, values, neck, confidence):
    mean, sd = (float(part.ravel()[0]) for part in cv2.meanStdDev(values[:, np.newaxis]))  # in double precision
    return RegionStatistics(
        region=region,
        n=int(values.size),
        mean=mean,
        sd=sd,
        p95=percentile(values, 95),
        max=float(values.max()),
        neck_difference=None if neck is None or region == NECK else mean - neck,
        confidence=confidence,
    )


def percentile(values, percent):
    """Percentile by linear interpolation between order statistics, as `numpy.percentile` defines it.

    A partition at the rank that matters; numpy 1.19 takes five times as long for the same.
    """
    rank = (values.size - 1) * percent / 100.0
    low = int(rank)
    ordered = np.partition(values, low)
    below = float(ordered[low])
    above = float(ordered[low + 1:].min()) if low + 1 < values.size else below
    return below + (above - below) * (rank - low)
