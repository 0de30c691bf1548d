"""The seven regions of a frontal breast thermogram.

Sides are the patient's: in a frontal view that is not mirrored, the patient's right breast is on the left of the
picture. The ids are the values in every label image that the product reads or writes.
"""
from typing import Dict, List, Tuple

import cv2
import numpy as np

#: (row slice, column slice) around a region.
Box = Tuple[slice, slice]

BACKGROUND, RIGHT_BREAST, LEFT_BREAST, RIGHT_NIPPLE, LEFT_NIPPLE, RIGHT_ARMPIT, LEFT_ARMPIT, NECK = range(8)

#: Region names, indexed by id.
REGIONS = (
    'background',
    'right_breast',
    'left_breast',
    'right_nipple',
    'left_nipple',
    'right_armpit',
    'left_armpit',
    'neck',
)

#: (right id, left id) of every region that has a counterpart on the other side.
PAIRS = (
    (RIGHT_BREAST, LEFT_BREAST),
    (RIGHT_NIPPLE, LEFT_NIPPLE),
    (RIGHT_ARMPIT, LEFT_ARMPIT),
)

#: Id of each region after the picture is flipped left to right: ``FLIPPED[labels][:, ::-1]``.
FLIPPED = np.array([0, 2, 1, 4, 3, 6, 5, 7], np.uint8)
FLIPPED.setflags(write=False)

#: One bit per region id; none for what is no region.
_BITS = np.zeros(256, np.uint8)
_BITS[1:len(REGIONS)] = 1 << np.arange(1, len(REGIONS))
_BITS_OF_REGIONS = _BITS[1:len(REGIONS), np.newaxis]


def region_label(region: int) -> str:
    """Name of a region id as an operator reads it, such as ``'left breast'``."""
    return REGIONS[region].replace('_', ' ')


def pair_name(right_id: int) -> str:
    """Name of a left-right pair by its right id, such as ``'breast'``."""
    return REGIONS[right_id].split('_', 1)[1]


def region_masks(labels: np.ndarray) -> Dict[int, Tuple[Box, np.ndarray]]:
    """Box of every region that is present, and the region inside it: uint8, 255 where it is and 0 elsewhere.

    Args:
        labels: uint8 HxW region ids.
    """
    bits = cv2.LUT(labels, _BITS)
    sides = zip(_reaches(np.bitwise_or.reduce(bits, axis=1)), _reaches(np.bitwise_or.reduce(bits, axis=0)))
    return {region: (box, cv2.inRange(labels[box], region, region))
            for region, box in enumerate(sides, start=1) if box[0].start < box[0].stop}


def _reaches(bits: np.ndarray) -> List[slice]:
    """From the first to the last place at which the bit of each region is set; an empty slice where it is nowhere."""
    missing = (bits & _BITS_OF_REGIONS) == 0
    first, last = missing.argmin(axis=1), bits.size - missing[:, ::-1].argmin(axis=1)
    nowhere = missing.all(axis=1)
    last[nowhere] = first[nowhere]
    return [slice(start, stop) for start, stop in zip(first.tolist(), last.tolist())]
