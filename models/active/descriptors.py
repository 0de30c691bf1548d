"""What a frame is like, in few groups of numbers: a frame that is odd in one group is odd, whatever the others say.

The network learned to see the same regions in bodies and cameras that differ, so its latents alone forget what differs.
The other groups are measured at its regions and in the temperatures themselves, never in the equalised picture.
"""
from typing import Dict, Tuple

import cv2
import numpy as np

from service.body import find_body
from service.chains import Fit
from service.regions import (
    BACKGROUND,
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
)
from service.thermogram import Thermogram

from .answers import Look

#: Groups of descriptors, as a reason names them.
WHOLE, PLACE, SIZE, PATCH, SHARPNESS, NOISE = GROUPS = (
    'picture as a whole', 'place of the regions', 'size of the regions', 'cold patch on a breast', 'sharpness', 'noise')

#: Diameter of the largest cold patch, and what is cut off around a breast, picture heights. All numbers below are our
#: own, chosen on phantoms of seed 7150000.
_PATCH, _RIM = 0.19, 0.046

#: Pixels of the strongest edge.
_EDGE_PX = 20

#: Regions smaller than this have no place, and breasts no surface, pixels.
_LEAST_PX = 4


def describe(thermogram: Thermogram, seen: Look, fit: Fit) -> Dict[str, np.ndarray]:
    """Numbers by group, float64; NaN where a frame has not got what is measured.

    Args:
        thermogram: the frame.
        seen: what the network makes of it.
        fit: how it lies in the network's input.
    """
    labels = fit.cut(seen.labels)
    shape = labels.shape[1], labels.shape[0]
    body = find_body(thermogram).mask.astype(np.uint8)
    place, size = _regions(labels, cv2.resize(body, shape, interpolation=cv2.INTER_NEAREST) > 0)
    pixels = thermogram.pixels
    sharpness, noise = _camera(pixels, cv2.resize(body, pixels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)
    reduced = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA)
    return {WHOLE: seen.latents.astype(np.float64), PLACE: place, SIZE: size, PATCH: _patch(reduced, labels),
            SHARPNESS: sharpness, NOISE: noise}


def _regions(labels: np.ndarray, body: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Places, and sizes, in widths of the body at the breasts.

    Places: how far the breasts lie from the middle of the body, and neck and armpits from that of the breasts. Sizes:
    roots of the areas of breasts and armpits.
    """
    rows, columns, roots = np.array([_spot(labels == region) for region in range(NECK + 1)]).T
    breasts = [RIGHT_BREAST, LEFT_BREAST]
    found = roots[breasts] > 0
    row = rows[breasts][found].mean() if found.any() else labels.shape[0] / 2
    across = np.flatnonzero(body[int(row)])
    ends = (across[0], across[-1]) if len(across) > _LEAST_PX else (0, labels.shape[1])
    width = float(ends[1] - ends[0])
    middle = columns[breasts][found].mean() if found.any() else np.nan
    place = [columns[breasts].sum() - sum(ends), columns[NECK] - middle,
             columns[RIGHT_ARMPIT] + columns[LEFT_ARMPIT] - 2 * middle]
    return np.array(place) / width, roots[breasts + [RIGHT_ARMPIT, LEFT_ARMPIT]] / width


def _spot(mask: np.ndarray) -> Tuple[float, float, float]:
    """Row and column of the centre of a region, and the root of its area."""
    rows, columns = np.nonzero(mask)
    if len(rows) < _LEAST_PX:
        return np.nan, np.nan, 0.0
    return float(rows.mean()), float(columns.mean()), float(np.sqrt(len(rows)))


def _patch(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How cold and sharp-edged the clearest patch on a breast is (log): a dressing is, a vein or a tumour is not.

    A patch may hide the breast from the network, so breasts are taken with their dents filled.
    """
    def disc(share: float) -> np.ndarray:
        side = 2 * int(share * len(pixels) / 2) + 1
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    inside = np.zeros_like(labels)
    for pair in ((RIGHT_BREAST, RIGHT_NIPPLE), (LEFT_BREAST, LEFT_NIPPLE)):
        points = cv2.findNonZero(np.isin(labels, pair).astype(np.uint8))
        if points is not None:
            breast = cv2.fillConvexPoly(np.zeros_like(labels), cv2.convexHull(points), 1)
            inside |= cv2.erode(breast, disc(_RIM), borderType=cv2.BORDER_CONSTANT, borderValue=BACKGROUND)
    if np.count_nonzero(inside) < _EDGE_PX:
        return np.full(1, np.nan)
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1)
    colder = cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, disc(_PATCH))
    clear = np.sort((np.hypot(*_slopes(smooth)) * colder)[inside > 0])
    return np.log(clear[-_EDGE_PX:].mean(keepdims=True) + 0.05)


def _slopes(pixels: np.ndarray) -> np.ndarray:
    """Absolute slopes along rows and columns: float32 2xHxW, per pixel."""
    return np.abs([cv2.Sobel(pixels, cv2.CV_32F, 1, 0), cv2.Sobel(pixels, cv2.CV_32F, 0, 1)]) / 8


def _camera(pixels: np.ndarray, body: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Sharpness and noise, in logs.

    Sharpness: how steep the steepest places are, in contrasts of body and room, and whether sideways or not. Noise: of
    pixels, columns and rows, and the step between values.
    """
    parts = pixels[body], pixels[~body]
    contrast = max(0.1, float(parts[0].mean() - parts[1].mean())) if min(map(len, parts)) else 1.0
    slopes = _slopes(cv2.GaussianBlur(pixels, (0, 0), 0.7))
    steep = np.percentile(np.hypot(*slopes), (95, 99, 99.8)) / contrast
    sideways = np.percentile(slopes[0], 99) / max(1e-6, np.percentile(slopes[1], 99))
    sharpness = np.log(np.append(steep, sideways) + 1e-4)
    corners = (pixels[:-1, :-1] - pixels[1:, :-1] - pixels[:-1, 1:] + pixels[1:, 1:]) / 2
    rough = pixels - cv2.GaussianBlur(pixels, (0, 0), 3)
    values = np.unique(np.round(pixels[::2, ::2], 3))
    noise = [np.median(np.abs(corners)), np.median(rough, 0).std(), np.median(rough, 1).std(),
             np.median(np.diff(values)) if len(values) > 1 else 0]
    return sharpness, np.log(np.array(noise) + 0.005)
