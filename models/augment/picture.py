"""The augmentation of picture classifiers: flips, a turn, a crop enlarged again. Temperatures stay as they are."""
import cv2
import numpy as np

from service.regions import FLIPPED

from .flips import flip

#: Sides of a crop relative to those of the whole, as torchvision's RandomResizedCrop draws them.
_STRETCH = (3 / 4, 4 / 3)


def vary(rng, pixels, labels=None, table=FLIPPED, mirror=0.5, upside_down=0.0, turn=0.0, crop=1.0):
    """Another picture made of one.

    Args:
        rng (numpy.random.Generator): consumed.
        pixels (numpy.ndarray): float32 HxW.
        labels (numpy.ndarray or None): uint8 HxW.
        table (numpy.ndarray): id of a region after a flip left to right.
        mirror, upside_down (float): odds of a flip left to right, which swaps sides, and top to bottom, which
            does not.
        turn (float): largest angle, degrees; what comes in from outside repeats the edge.
        crop (float): smallest share of the area that is enlarged to the whole; 1 for none.

    Returns:
        tuple: (float32 HxW, uint8 HxW or None), new arrays.
    """
    if rng.random() < mirror:
        pixels, labels = flip(pixels, labels, table)
    if rng.random() < upside_down:
        pixels, labels = pixels[::-1], None if labels is None else labels[::-1]
    height, width = pixels.shape
    angle = np.deg2rad(rng.uniform(-turn, turn))
    tall, wide = _crop_sides(rng, crop)
    # From a pixel of the result to one of the source: scaled, turned about the centre, shifted within the crop's room.
    shift_x, shift_y = (rng.uniform(-0.5, 0.5) * (1 - side) * full for side, full in ((wide, width), (tall, height)))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos * wide, -sin * tall, 0], [sin * wide, cos * tall, 0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = centre + (shift_x, shift_y) - matrix[:, :2] @ centre

    def moved(picture, interpolation):
        return cv2.warpAffine(np.ascontiguousarray(picture), matrix, (width, height),
                              flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)

    return moved(pixels, cv2.INTER_LINEAR), None if labels is None else moved(labels, cv2.INTER_NEAREST)


def _crop_sides(rng, smallest):
    """(height, width) of a crop as shares of the whole, its area between `smallest` and 1."""
    if smallest >= 1:
        return 1.0, 1.0
    area = rng.uniform(smallest, 1)
    ratio = np.exp(rng.uniform(*np.log(_STRETCH)))
    return min(np.sqrt(area / ratio), 1.0), min(np.sqrt(area * ratio), 1.0)
