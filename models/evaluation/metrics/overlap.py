"""Overlap of two label images: from one table of pixel counts to IoU, Dice and areas."""
import numpy as np

from service.messages import InputError
from service.regions import REGIONS

COUNT = len(REGIONS)


def pair_counts(found, truth):
    """Pixels by what they are and what they were called.

    Args:
        found (numpy.ndarray): uint8 HxW region ids as predicted.
        truth (numpy.ndarray): uint8 HxW region ids as they are.

    Returns:
        numpy.ndarray: int64 8x8, row = true id, column = predicted id; sums to H*W.

    Raises:
        InputError: ``label-size``, the two differ in size; ``label-id``, an id beyond 7.
    """
    if found.shape != truth.shape:
        raise InputError('label-size', 'The labels are %dx%d pixels and the thermogram is %dx%d; label the frame '
                         'itself.' % (truth.shape[::-1] + found.shape[::-1]))
    highest = max(int(found.max()), int(truth.max()))
    if highest >= COUNT:
        raise InputError('label-id', 'A label image holds the region id %d; ids go from 0 to %d.'
                         % (highest, COUNT - 1))
    pairs = truth.ravel().astype(np.int64) * COUNT + found.ravel()
    return np.bincount(pairs, minlength=COUNT * COUNT).reshape(COUNT, COUNT)


def iou(pairs):
    """Intersection over union per region: float ...x8, NaN where a region is in neither image.

    Args:
        pairs (numpy.ndarray): ...x8x8 as `pair_counts` gives them, or sums of them.
    """
    both, true, found = _areas(pairs)
    return _ratio(both, true + found - both)


def dice(pairs):
    """Dice coefficient per region: float ...x8, NaN where a region is in neither image.

    Twice the common pixels over the pixels of both; 0 where only one image has the region.
    """
    both, true, found = _areas(pairs)
    return _ratio(2 * both, true + found)


def mean_over_regions(values):
    """Mean over the last axis, without the regions that are in neither image; NaN where that is all of them."""
    there = np.isfinite(values)
    return _ratio(np.where(there, values, 0).sum(-1), there.sum(-1))


def all_background(pairs):
    """The table as it would be had every pixel been called background: what a refused frame amounts to."""
    result = np.zeros_like(pairs)
    result[..., 0] = pairs.sum(-1)
    return result


def _areas(pairs):
    return np.diagonal(pairs, axis1=-2, axis2=-1), pairs.sum(-1), pairs.sum(-2)


def _ratio(part, whole):
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
