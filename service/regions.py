"""The seven regions of a frontal breast thermogram.

Sides are the patient's: in a frontal view that is not mirrored, the patient's right breast is on the left of the
picture. The ids are the values in every label image that the product reads or writes.
"""
from typing import Dict, Iterable, Tuple

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


def region_label(region: int) -> str:
    """Name of a region id as an operator reads it, such as ``'left breast'``."""
    return REGIONS[region].replace('_', ' ')


def pair_name(right_id: int) -> str:
    """Name of a left-right pair by its right id, such as ``'breast'``."""
    return REGIONS[right_id].split('_', 1)[1]


def bounding_boxes(labels: np.ndarray, regions: Iterable[int] = range(1, len(REGIONS))) -> Dict[int, Box]:
    """Box of every region that is present.

    Args:
        labels: uint8 HxW region ids.
        regions: the ids to look for; all but the background by default.
    """
    boxes = {}
    for region in regions:
        x, y, width, height = cv2.boundingRect(cv2.inRange(labels, region, region))
        if width:
            boxes[region] = (slice(y, y + height), slice(x, x + width))
    return boxes
