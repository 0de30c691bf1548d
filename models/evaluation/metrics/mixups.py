"""What the pixels that were called wrongly are in truth."""
import numpy as np

from service.regions import LEFT_BREAST, LEFT_NIPPLE, PAIRS, REGIONS, RIGHT_BREAST, RIGHT_NIPPLE

#: (region, the one it is taken for): a nipple lies within its breast, so that one's loss is the other's gain.
_NEIGHBOURS = ((RIGHT_NIPPLE, RIGHT_BREAST), (LEFT_NIPPLE, LEFT_BREAST))


def mixups(pairs):
    """Shares of wrongly called pixels that belong to the region they are likely to be mixed up with.

    Args:
        pairs (numpy.ndarray): int 8x8, row = true id, column = predicted id, summed over frames.

    Returns:
        list: one dict per ordered pair: ``called`` and ``is`` (region names), ``kind`` (``'nipple and
        breast'`` or ``'sides'``), ``n`` pixels called the first without being it, ``share`` of them that
        are the second in truth (None where n is 0).
    """
    both_ways = [('nipple and breast', pair) for pair in _NEIGHBOURS] + [('sides', pair) for pair in PAIRS]
    return [_mixup(pairs, kind, *order) for kind, pair in both_ways for order in (pair, pair[::-1])]


def false_area(pairs, region):
    """What is called a region in frames that do not have it.

    Args:
        pairs (numpy.ndarray): int Nx8x8, one table a frame.
        region (int): its id.

    Returns:
        dict: ``n`` frames without the region in truth; ``frames`` of them in which something is called it;
        ``mean_px`` and ``max_px`` pixels called it, over the n (None where n is 0).
    """
    absent = pairs[pairs[:, region].sum(-1) == 0]
    called = absent[:, :, region].sum(-1)
    return {'n': len(absent), 'frames': int(np.count_nonzero(called)),
            'mean_px': float(called.mean()) if len(called) else None,
            'max_px': int(called.max()) if len(called) else None}


def _mixup(pairs, kind, called, other):
    wrong = int(pairs[:, called].sum() - pairs[called, called])
    return {'kind': kind, 'called': REGIONS[called], 'is': REGIONS[other], 'n': wrong,
            'share': float(pairs[other, called] / wrong) if wrong else None}
