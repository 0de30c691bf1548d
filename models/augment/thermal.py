"""Augmentation of one picture, before the preprocess chain sees it."""
import cv2
import numpy as np

from service.regions import FLIPPED

from .flips import flip


def augment(rng, celsius, labels, table=FLIPPED, relative=False):
    """Another patient, camera and picture made of one.

    Args:
        rng (numpy.random.Generator): consumed.
        celsius (numpy.ndarray): float32 HxW; grey levels 0..255 where `relative`.
        labels (numpy.ndarray or None): uint8 HxW.
        table (numpy.ndarray): id of a region after a flip, as `flip_table` gives it.
        relative (bool): the picture has no temperatures: gain and offset are those of a picture.

    Returns:
        tuple: (float32 HxW, uint8 HxW or None), new arrays.
    """
    if rng.random() < 0.5:
        celsius, labels = flip(celsius, labels, table)
    celsius, labels = _warp(rng, celsius, labels)
    if rng.random() < 0.25:
        celsius = _coarse(rng, celsius)
    if rng.random() < 0.15:
        celsius = _hide(rng, celsius, (0, 120) if relative else (20, 33))
    return _contrast(rng, celsius) if relative else _radiometry(rng, celsius), labels


def _warp(rng, celsius, labels):
    """Turn, zoom, shift and bend; what comes in from outside repeats the edge."""
    height, width = celsius.shape
    turn = np.deg2rad(rng.normal(0, 2.5))
    zoom = np.exp(rng.normal(0, 0.06))
    stretch = np.exp(rng.normal(0, 0.05))
    cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = column - width / 2, row - height / 2
    map_x = cos * stretch * u + sin * v + np.float32(width / 2 + rng.normal(0, 0.02) * width)
    map_y = cos / stretch * v - sin * u + np.float32(height / 2 + rng.normal(0, 0.03) * height)
    for grid in (map_x, map_y):
        bend = rng.normal(0, rng.uniform(0, 0.014) * height, (6, 8)).astype(np.float32)
        grid += cv2.resize(bend, (width, height), interpolation=cv2.INTER_CUBIC)
    map_x, map_y = map_x.astype(np.float32), map_y.astype(np.float32)
    return (_moved(celsius, map_x, map_y, cv2.INTER_LINEAR),
            None if labels is None else _moved(labels, map_x, map_y, cv2.INTER_NEAREST))


def _moved(picture, map_x, map_y, interpolation):
    return cv2.remap(np.ascontiguousarray(picture), map_x, map_y, interpolation,
                     borderMode=cv2.BORDER_REPLICATE)


def _coarse(rng, celsius):
    """Fewer pixels or worse focus."""
    height, width = celsius.shape
    if rng.random() < 0.5:
        return cv2.GaussianBlur(celsius, (0, 0), rng.uniform(0.5, 2.0))
    factor = rng.uniform(0.35, 0.9)
    small = cv2.resize(celsius, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _hide(rng, celsius, levels):
    """Something cooler in front: a cable, a gown, a hand."""
    height, width = celsius.shape
    hidden = celsius.copy()
    centre = rng.uniform(0, width), rng.uniform(0, height)
    size = rng.uniform(0.02, 0.16) * height, rng.uniform(0.02, 0.4) * height
    box = cv2.boxPoints((centre, size, rng.uniform(0, 180)))
    cv2.fillPoly(hidden, [np.rint(box).astype(np.int32)], float(rng.uniform(*levels)))
    return hidden


def _radiometry(rng, celsius):
    """Camera offset, another contrast between skin and wall, noise."""
    middle = np.float32(30.0)
    bend = np.float32(np.exp(rng.normal(0, 0.12)))
    celsius = middle + (celsius - middle) * bend + np.float32(rng.normal(0, 0.8))
    if rng.random() < 0.4:
        celsius = celsius + rng.normal(0, rng.uniform(0.02, 0.15), celsius.shape).astype(np.float32)
    return celsius.astype(np.float32)


def _contrast(rng, grey):
    """Gain, offset and noise of a picture, its levels kept in 0..255."""
    grey = 128 + (grey - 128) * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 8)
    if rng.random() < 0.4:
        grey = grey + rng.normal(0, rng.uniform(0.5, 5), grey.shape)
    return np.clip(grey, 0, 255).astype(np.float32)
