"""Where the body is in a frame: the mask that equalisation, the quality gate and analysis share."""
from dataclasses import dataclass

import cv2
import numpy as np

from .thermogram import Thermogram

#: Long side of the reduced frame on which the mask is found, in pixels. A torso outline needs no more, and the cost
#: stays the same for every camera.
WORKING_SIDE_PX = 160

#: Grey levels of the histogram that is split. 256 over a frame's own range are finer than any edge between skin and
#: wall.
_LEVELS = 256


@dataclass(frozen=True, eq=False)
class Body:
    """The body in one frame.

    Attributes:
        reduced: float32 hxw, the frame at working size, in the frame's own unit.
        mask: bool hxw at working size, the largest connected warm area.
        threshold: value that separates body from background, in the frame's own unit.
        level: mean of the body, same unit; the threshold where there is no body.
        contrast: mean of the body minus mean of the cooler rest; 0 where either is empty.
        low, high: lowest and highest value of `reduced`.
    """

    reduced: np.ndarray
    mask: np.ndarray
    threshold: float
    level: float
    contrast: float
    low: float
    high: float

    @property
    def share(self) -> float:
        """Part of the frame that is body, 0..1."""
        return np.count_nonzero(self.mask) / float(self.mask.size)


def find_body(thermogram: Thermogram) -> Body:
    """Split a thermogram into body and background; the mask of a constant frame is empty.

    Otsu's threshold [Otsu1979] on the reduced frame, then the largest connected component. No absolute temperature is
    used, so that it works on relative frames too.
    """
    reduced = reduce_frame(thermogram.pixels)
    low, high = cv2.minMaxLoc(reduced)[:2]
    if high <= low:
        return Body(reduced, np.zeros(reduced.shape, bool), high, high, 0.0, low, high)
    # Rounded by NumPy, so that every OpenCV version sees the same 8-bit picture.
    grey = np.rint((reduced - low) * ((_LEVELS - 1) / (high - low))).astype(np.uint8)
    level, warm = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = _largest(warm)
    threshold = low + (level + 0.5) * (high - low) / (_LEVELS - 1)
    if not mask.any() or warm.all():
        return Body(reduced, mask, threshold, threshold, 0.0, low, high)
    body = cv2.mean(reduced, mask.view(np.uint8))[0]
    return Body(reduced, mask, threshold, body, body - cv2.mean(reduced, 1 - warm)[0], low, high)


def reduce_frame(pixels: np.ndarray) -> np.ndarray:
    """A float32 HxW frame whose long side is at most `WORKING_SIDE_PX`."""
    height, width = pixels.shape
    scale = WORKING_SIDE_PX / float(max(height, width))
    if scale >= 1:
        return pixels
    size = (max(1, int(round(width * scale))), max(1, int(round(height * scale))))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _largest(warm: np.ndarray) -> np.ndarray:
    count, labels = cv2.connectedComponents(warm, connectivity=4, ltype=cv2.CV_16U)
    if count <= 2:  # the background counts as one
        return warm.view(bool)
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
