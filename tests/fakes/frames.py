"""Frames with known regions and known temperatures."""
import functools

import numpy as np

from service.decode import Prediction
from service.regions import (
    BACKGROUND,
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    region_masks,
)

#: Temperature per region id in degrees Celsius; the left breast is 0.6 °C warmer than the right.
TEMPERATURES = {BACKGROUND: 22.0, RIGHT_BREAST: 30.0, LEFT_BREAST: 30.6, RIGHT_NIPPLE: 29.0, LEFT_NIPPLE: 29.2,
                RIGHT_ARMPIT: 31.0, LEFT_ARMPIT: 31.1, NECK: 32.0}


def labels(height=240, width=320):
    """Region ids of a schematic torso, uint8: the patient's right is on the left of the picture."""
    return _labels(height, width).copy()


@functools.lru_cache(maxsize=None)
def _labels(height, width):
    y, x = np.mgrid[0:height, 0:width]
    y, x = y / float(height), x / float(width)
    result = np.zeros((height, width), np.uint8)
    result[(abs(x - 0.5) < 0.12) & (y < 0.22)] = NECK
    for side, armpit, breast, nipple in ((-1, RIGHT_ARMPIT, RIGHT_BREAST, RIGHT_NIPPLE),
                                         (1, LEFT_ARMPIT, LEFT_BREAST, LEFT_NIPPLE)):
        centre = 0.5 + side * 0.18
        result[(abs(x - 0.5 - side * 0.3) < 0.08) & (abs(y - 0.25) < 0.15)] = armpit
        result[((x - centre) / 0.15) ** 2 + ((y - 0.6) / 0.25) ** 2 < 1] = breast
        result[((x - centre - side * 0.06) / 0.03) ** 2 + ((y - 0.68) / 0.04) ** 2 < 1] = nipple
    return result


def torso(height=240, width=320, noise_c=0.05):
    """A thermogram of `labels` in degrees Celsius.

    Between the regions there is skin at 31 C: from 8 % to 92 % of the width, below 8 % of the height.
    """
    return _torso(height, width, noise_c).copy()


@functools.lru_cache(maxsize=None)
def _torso(height, width, noise_c):
    regions = _labels(height, width)
    y, x = np.mgrid[0:height, 0:width]
    skin = (abs(x / float(width) - 0.5) < 0.42) & (y / float(height) > 0.08)
    celsius = np.where(skin, 31.0, TEMPERATURES[BACKGROUND])
    for region, value in TEMPERATURES.items():
        if region != BACKGROUND:
            celsius[regions == region] = value
    return celsius + np.random.RandomState(0).normal(0, noise_c, celsius.shape)


def prediction(regions, confidence=0.75):
    """Labels as the decoder gives them, with the same confidence everywhere."""
    boxes = {region: box for region, (box, _) in region_masks(regions).items()}
    return Prediction(regions, boxes, {region: confidence for region in boxes}, confidence, 0.2)
