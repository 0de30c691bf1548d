"""A picture seen in a mirror: the patient's sides change their names."""
import numpy as np

from service.regions import FLIPPED


def flip(pixels, labels=None, table=FLIPPED):
    """Turn a picture left to right.

    Args:
        pixels (numpy.ndarray): HxW.
        labels (numpy.ndarray or None): uint8 HxW.
        table (numpy.ndarray): id of a region after a flip; `flip_table` makes it for other regions.

    Returns:
        tuple: (pixels, labels or None); the pixels are a view, the labels are new.
    """
    return pixels[:, ::-1], None if labels is None else table[labels[:, ::-1]]


def flip_table(regions):
    """Region id after a flip, by id before it.

    Args:
        regions (tuple of str): names by id; ``right_x`` and ``left_x`` swap, others stay.

    Returns:
        numpy.ndarray: uint8, as long as `regions`.

    Raises:
        ValueError: a region has a side and no counterpart.
    """
    return np.array([regions.index(_counterpart(name)) for name in regions], np.uint8)


def _counterpart(name):
    for side, other in (('right_', 'left_'), ('left_', 'right_')):
        if name.startswith(side):
            return other + name[len(side):]
    return name
