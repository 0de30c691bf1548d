"""The square metal marker on the chest in most DMR-IR frames [Silva2014]: where it is, and the frame without it."""
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from service.body import Body
from service.thermogram import Thermogram

#: Long side of the frame in which the marker is looked for, in pixels.
_SIDE_PX = 320

#: Depths below the surrounding skin at which the frame is cut, in the frame's own spread between body and
#: background. The first cut that leaves a square wins; the deepest comes first, for a plate at room temperature.
_CUTS = (0.75, 0.6, 0.45, 0.35, 0.25, 0.18, 0.12, 0.08)

#: What a square looks like: side as a share of the frame's long side, longer over shorter side, share of its
#: upright or turned rectangle that is filled (a disc, such as a nipple, fills 0.79 of its own).
_SIDES, _LONGEST, _FILLED = (0.02, 0.14), 1.6, 0.83

#: The marker lies within this share of the body's width around the body's middle.
_MIDDLE = 0.5

#: Width of the ring of skin from which a plate is filled in, in pixels.
_RING_PX = 3

#: Steepest fall across the edge, over one pixel, as a share of the depth: metal ends at once, a cool patch of
#: skin does not.
_SHARP = 0.16


@dataclass(frozen=True, eq=False)
class Marker:
    """A marker in one frame.

    Attributes:
        mask: bool HxW, the plate with its soft edge, at the frame's own size.
        size: side of a square of the same area, as a share of the frame's long side.
        x, y: centre, 0..1 of the body's bounding box from the left and from the top.
        contrast: median of the skin around it minus median of the plate, in the frame's own unit.
    """

    mask: np.ndarray
    size: float
    x: float
    y: float
    contrast: float


def find_marker(thermogram: Thermogram, body: Body) -> Optional[Marker]:
    """Look for a cold square with sharp edges in the middle of the torso; None where there is none.

    Args:
        thermogram: the frame.
        body: of the same frame.
    """
    if not body.mask.any() or body.contrast <= 0:
        return None
    reduced = _reduce(thermogram.pixels)
    side = max(reduced.shape)
    # Wider than the largest plate, so that closing fills the plate with what lies around it.
    depth = cv2.morphologyEx(reduced, cv2.MORPH_CLOSE, np.ones((_odd(0.17 * side),) * 2, np.uint8)) - reduced
    torso = _torso(body, reduced.shape)
    box = cv2.boundingRect(torso)
    fall = cv2.morphologyEx(reduced, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) / 2
    for cut in _CUTS:
        plate = _squares((depth > cut * body.contrast).astype(np.uint8) & torso, depth, fall, box)
        if plate is not None:
            return _describe(plate, thermogram.pixels, box, reduced.shape)
    return None


def without_marker(pixels: np.ndarray, marker: Optional[Marker]) -> np.ndarray:
    """The frame (float32 HxW) with the plate filled in from the skin around it; unchanged without a marker."""
    if marker is None:
        return pixels
    y, x = np.nonzero(marker.mask)
    window = (slice(max(y.min() - _RING_PX, 0), y.max() + _RING_PX + 1),
              slice(max(x.min() - _RING_PX, 0), x.max() + _RING_PX + 1))
    plate = marker.mask[window]
    ring = cv2.dilate(plate.astype(np.uint8), np.ones((2 * _RING_PX + 1,) * 2, np.uint8)) > 0
    filled = pixels.copy()
    filled[window][plate] = _spread(pixels[window], ring & ~plate, plate)
    return filled


def _spread(pixels: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Means of the source pixels for the target pixels, weighted by inverse squared distance [Shepard1968].

    OpenCV's inpainting continues slopes and turns 0.05 °C of noise into waves of more than 1 °C.
    """
    points = np.argwhere(source).astype(np.float32)
    # (a - b)^2 multiplied out: whole numbers of pixels, exact in float32, without an array of differences.
    places = np.argwhere(target).astype(np.float32)
    distance = (places ** 2).sum(1)[:, None] + (points ** 2).sum(1)[None] - 2 * places @ points.T
    weight = 1 / np.maximum(distance, 1)
    return weight @ pixels[source] / weight.sum(1)


def _reduce(pixels: np.ndarray) -> np.ndarray:
    scale = min(1.0, _SIDE_PX / max(pixels.shape))
    size = [max(1, round(side * scale)) for side in pixels.shape[::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else np.array(pixels)


def _odd(value: float) -> int:
    return int(value) // 2 * 2 + 1


def _torso(body: Body, shape: Tuple[int, ...]) -> np.ndarray:
    """The convex hull of the body: the plate itself may be too cold to count as body."""
    points = cv2.findNonZero(body.mask.astype(np.uint8))
    hull = cv2.fillConvexPoly(np.zeros(body.mask.shape, np.uint8), cv2.convexHull(points), 1)
    return cv2.resize(hull, shape[::-1], interpolation=cv2.INTER_NEAREST)


def _squares(cold: np.ndarray, depth: np.ndarray, fall: np.ndarray, box: Sequence[int]) -> Optional[np.ndarray]:
    """The mask of the deepest component that is a square in the middle, uint8, or None."""
    side = max(cold.shape)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(cold, connectivity=4)
    best, deepest = None, 0.0
    for i in range(1, count):
        area = stats[i, cv2.CC_STAT_AREA]
        if not _SIDES[0] <= np.sqrt(area) / side <= _SIDES[1]:
            continue
        if abs(centres[i][0] - box[0] - box[2] / 2) > _MIDDLE / 2 * box[2]:
            continue
        patch = (labels == i).astype(np.uint8)
        if not _is_square(patch, area, cut_off=stats[i, cv2.CC_STAT_TOP] + stats[i, cv2.CC_STAT_HEIGHT] >= len(cold)):
            continue
        inner = float(np.median(depth[patch > 0]))
        eroded = cv2.erode(patch, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
        if np.median(fall[(patch > 0) & (eroded == 0)]) > _SHARP * inner and inner > deepest:
            best, deepest = patch, inner
    return best


def _is_square(patch: np.ndarray, area: float, cut_off: bool) -> bool:
    contour = max(cv2.findContours(patch, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    width, height = (length + 1 for length in cv2.minAreaRect(contour)[1])  # from pixel centres to pixel edges
    # A plate that the lower edge of the picture cuts is a strip.
    longest = 4.0 if cut_off else _LONGEST
    return max(width, height) <= longest * min(width, height) and area >= _FILLED * width * height


def _describe(patch: np.ndarray, pixels: np.ndarray, box: Sequence[int], reduced_shape: Tuple[int, ...]) -> Marker:
    height, width = pixels.shape
    scale = width / reduced_shape[1]
    spread = cv2.dilate(patch, np.ones((5, 5), np.uint8))
    ring = cv2.dilate(spread, np.ones((9, 9), np.uint8)) - spread
    plate, mask, ring = (cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
                         for part in (patch, spread, ring))
    y, x = (float(np.mean(axis)) / scale for axis in np.nonzero(plate))
    return Marker(mask, float(np.sqrt(plate.sum()) / max(pixels.shape)), (x - box[0]) / box[2], (y - box[1]) / box[3],
                  float(np.median(pixels[ring]) - np.median(pixels[plate])))
