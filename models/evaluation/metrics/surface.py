"""How far two outlines are apart."""
import numpy as np
from scipy import ndimage


def hd95(found, truth):
    """The 95th percentile of the Hausdorff distance between two masks.

    For every pixel of one outline the distance to the nearest pixel of the other; the 95th percentile of
    those distances, and of the two directions the larger (the definition of MONAI and of DeepMind's
    surface-distance). An outline is the mask's pixels with a 4-neighbour outside; beyond the picture's edge
    is outside.

    Args:
        found, truth (numpy.ndarray): bool HxW.

    Returns:
        float: pixels; None where either mask is empty, since there is then no distance to state.
    """
    if not (found.any() and truth.any()):
        return None
    rows, columns = (np.flatnonzero((found | truth).any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    found, truth = _outline(found[box]), _outline(truth[box])
    there, back = (ndimage.distance_transform_edt(~other)[own] for own, other in ((found, truth), (truth, found)))
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _outline(mask):
    return mask & ~ndimage.binary_erosion(mask)
