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


def region_masks(labels: np.ndarray, regions: Iterable[int] = range(1, len(REGIONS))
                 ) -> Dict[int, Tuple[Box, np.ndarray]]:
    """Box of every region that is present, and the region inside it: uint8, 255 where it is and 0 elsewhere.

    Args:
        labels: uint8 HxW region ids.
        regions: ids that are looked for.
    """
    masks: Dict[int, Tuple[Box, np.ndarray]] = {}
    left, top, width, height = cv2.boundingRect(labels)
    around = labels[top:top + height, left:left + width]
    for region in regions if width else ():
        mask = cv2.inRange(around, region, region)
        x, y, width, height = cv2.boundingRect(mask)
        if width:
            box = slice(top + y, top + y + height), slice(left + x, left + x + width)
            masks[region] = box, mask[y:y + height, x:x + width]
    return masks


def resize_labels(labels: np.ndarray, size: Tuple[int, ...]) -> np.ndarray:
    """Bring an image of HxW ids, or of other values, to a size (height, width); every pixel takes its nearest one."""
    if labels.shape == size:
        return labels
    if size == (2 * labels.shape[0], 2 * labels.shape[1]) and labels.dtype == np.uint8:
        # The same in a third of the time: two equal bytes are one number of 16 bits.
        return np.repeat((labels * np.uint16(0x101)).view(np.uint8), 2, axis=0)
    return cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
