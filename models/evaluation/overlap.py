"""Two label images of one frame: pixel counts, IoU, Dice, distance of outlines, confusions."""
from typing import Any, Dict, List, Optional

import numpy as np
from scipy import ndimage

from service.messages import InputError
from service.regions import LEFT_BREAST, LEFT_NIPPLE, PAIRS, REGIONS, RIGHT_BREAST, RIGHT_NIPPLE

_COUNT = len(REGIONS)

#: (region, the one it is taken for): a nipple lies within its breast, so one's loss is the other's gain.
_NEIGHBOURS = ((RIGHT_NIPPLE, RIGHT_BREAST), (LEFT_NIPPLE, LEFT_BREAST))


def pair_counts(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels by what they are and what they were called.

    Args:
        predicted, truth: uint8 HxW region ids.
    Returns:
        int64 8x8, row = true id, column = predicted id; sums to H*W.
    Raises:
        InputError: ``label-size``, the two differ in size; ``label-id``, an id beyond 7.
    """
    if predicted.shape != truth.shape:
        raise InputError('label-size', 'The labels are %dx%d pixels and the thermogram is %dx%d.'
                         % (truth.shape[::-1] + predicted.shape[::-1]), 'Label the frame itself.')
    highest = max(int(predicted.max()), int(truth.max()))
    if highest >= _COUNT:
        raise InputError('label-id', 'A label image holds the region id %d; ids go from 0 to %d.'
                         % (highest, _COUNT - 1))
    pairs = truth.ravel().astype(np.int64) * _COUNT + predicted.ravel()
    return np.bincount(pairs, minlength=_COUNT * _COUNT).reshape(_COUNT, _COUNT)


def iou(pairs: np.ndarray) -> np.ndarray:
    """Intersection over union per region: float ...x8, NaN where a region is in neither image.

    Args:
        pairs: ...x8x8 as `pair_counts` returns them, or sums of them.
    """
    both = np.diagonal(pairs, axis1=-2, axis2=-1)
    return _ratio(both, pairs.sum(-1) + pairs.sum(-2) - both)


def dice(pairs: np.ndarray) -> np.ndarray:
    """Dice coefficient per region: float ...x8, NaN where a region is in neither image.

    Twice the common pixels over the pixels of both; 0 where only one image has the region.
    """
    return _ratio(2 * np.diagonal(pairs, axis1=-2, axis2=-1), pairs.sum(-1) + pairs.sum(-2))


def mean_over_regions(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, without regions that are in neither image (NaN); NaN where that is all of them."""
    finite = np.isfinite(values)
    return _ratio(np.where(finite, values, 0).sum(-1), finite.sum(-1))


def all_background(pairs: np.ndarray) -> np.ndarray:
    """The table if every pixel had been called background, which is what a refused frame amounts to."""
    result = np.zeros_like(pairs)
    result[..., 0] = pairs.sum(-1)
    return result


def hd95(predicted: np.ndarray, truth: np.ndarray) -> Optional[float]:
    """The 95th percentile of the Hausdorff distance between two masks, in pixels.

    For every pixel of one outline the distance to the nearest pixel of the other; the 95th percentile of those
    distances, and the larger of the two directions (as MONAI and surface-distance define it). An outline is the pixels
    of the mask with a 4-neighbour outside; beyond the edge of the picture is outside.

    Args:
        predicted, truth: bool HxW.
    Returns:
        None where either mask is empty: there is no distance then.
    """
    if not (predicted.any() and truth.any()):
        return None
    rows, columns = (np.flatnonzero((predicted | truth).any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    one, other = (mask[box] & ~ndimage.binary_erosion(mask[box]) for mask in (predicted, truth))
    there, back = (ndimage.distance_transform_edt(~to)[of] for of, to in ((one, other), (other, one)))
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def mixups(pairs: np.ndarray) -> List[Dict[str, Any]]:
    """Of the pixels wrongly called a region, the share that is the region it is likely to be confused with.

    Args:
        pairs: int 8x8, summed over frames.
    Returns:
        One dict per ordered pair: ``called`` and ``is`` (region names), ``kind`` (``'nipple and breast'`` or
        ``'sides'``), ``n`` pixels wrongly called the first, ``share`` of them that are the second in truth (None where
        n is 0).
    """
    both_ways = [('nipple and breast', pair) for pair in _NEIGHBOURS] + [('sides', pair) for pair in PAIRS]
    return [_mixup(pairs, kind, *order) for kind, pair in both_ways for order in (pair, pair[::-1])]


def false_area(pairs: np.ndarray, region: int) -> Dict[str, Any]:
    """What is called a region in frames that do not have it.

    Args:
        pairs: int Nx8x8, one table a frame.
        region: its id.
    Returns:
        ``n`` frames without the region in truth; ``frames`` of them in which something is called it; ``mean_px`` and
        ``max_px`` pixels called it, over the n (None where n is 0).
    """
    absent = pairs[pairs[:, region].sum(-1) == 0]
    called = absent[:, :, region].sum(-1)
    return {'n': len(absent), 'frames': int(np.count_nonzero(called)),
            'mean_px': float(called.mean()) if len(called) else None,
            'max_px': int(called.max()) if len(called) else None}


def _mixup(pairs: np.ndarray, kind: str, called: int, other: int) -> Dict[str, Any]:
    wrong = int(pairs[:, called].sum() - pairs[called, called])
    return {'kind': kind, 'called': REGIONS[called], 'is': REGIONS[other], 'n': wrong,
            'share': float(pairs[other, called] / wrong) if wrong else None}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
