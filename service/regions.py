"""The seven regions of a frontal breast thermogram.

Sides are the patient's. In a frontal view that is not mirrored, the patient's right breast lies on
the left of the picture. The ids are the values in every label image the product reads or writes.
"""
import numpy as np

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

#: Id of a region after the picture was flipped left to right: ``FLIPPED[labels][:, ::-1]``.
FLIPPED = np.array([0, 2, 1, 4, 3, 6, 5, 7], np.uint8)
FLIPPED.setflags(write=False)


def region_word(region):
    """Name of a region id as an operator reads it: ``'left breast'``."""
    return REGIONS[region].replace('_', ' ')


def pair_name(right_id):
    """Name of a left-right pair by its right id: ``'breast'``."""
    return REGIONS[right_id].split('_', 1)[1]
