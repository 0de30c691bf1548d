"""What the signs are computed on: the breasts of one frontal picture, at full size and on a grid of about 1.5 mm."""
from dataclasses import dataclass
from typing import NamedTuple, Tuple

import cv2
import numpy as np

from ..regions import LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE

#: A cell of the grid is the largest square of whole pixels that is no wider than this: fine enough for a vein, and
#: its mean has less noise than a pixel.
_CELL_MM = 1.5

#: Skin this near to the edge of a breast is left out where single places count: the fold is warmer, and the flank,
#: seen at a steep angle, colder.
BORDER_MM = 10.0


class Side(NamedTuple):
    """One breast: name, region ids, and where its outer edge lies in the picture (-1 left, 1 right)."""

    name: str
    breast: int
    nipple: int
    outwards: int


RIGHT, LEFT = SIDES = (Side('right', RIGHT_BREAST, RIGHT_NIPPLE, -1), Side('left', LEFT_BREAST, LEFT_NIPPLE, 1))


@dataclass(frozen=True, eq=False)
class Grid:
    """Temperatures and regions on square cells.

    Attributes:
        celsius: float32 hxw.
        labels: uint8 hxw region ids.
        skin: bool hxw, warmer than the threshold that separates body and wall.
        step_px: pixels of the frame on a side of a cell.
        cell_mm: millimetres on a side of a cell; NaN where there is no scale.
    """

    celsius: np.ndarray
    labels: np.ndarray
    skin: np.ndarray
    step_px: int
    cell_mm: float

    def breast(self, side: Side, with_nipple: bool = False) -> np.ndarray:
        """Bool hxw: skin of a breast."""
        inside = self.labels == side.breast
        if with_nipple:
            inside |= self.labels == side.nipple
        return inside & self.skin

    def in_frame(self, x: float, y: float) -> Tuple[float, float]:
        """Column and row of the frame at a place of the grid."""
        return (x + 0.5) * self.step_px - 0.5, (y + 0.5) * self.step_px - 0.5

    def cells(self, mm: float) -> float:
        """Cells on so many millimetres."""
        return mm / self.cell_mm

    @property
    def cell_cm2(self) -> float:
        """Area of a cell."""
        return (self.cell_mm / 10.0) ** 2


def make_grid(celsius: np.ndarray, labels: np.ndarray, threshold: float, mm_per_px: float) -> Grid:
    """The grid of a frame.

    Args:
        celsius: float32 HxW.
        labels: uint8 HxW.
        threshold: separates body and wall.
        mm_per_px: NaN where it is not known; then cells are pixels.
    """
    step = max(1, int(_CELL_MM / mm_per_px)) if mm_per_px == mm_per_px else 1
    if step > 1:
        height, width = (length // step for length in celsius.shape)
        celsius = cv2.resize(celsius[:height * step, :width * step], (width, height), interpolation=cv2.INTER_AREA)
        labels = np.ascontiguousarray(labels[step // 2:height * step:step, step // 2:width * step:step])
    return Grid(celsius, labels, celsius > threshold, step, step * mm_per_px)


def smooth(values: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean over a mask alone, so that the wall beside a breast does not cool its edge: float32 hxw.

    Args:
        values: float32 hxw.
        mask: bool hxw; outside it the result means nothing.
        sigma: in cells.
    """
    weight = mask.astype(np.float32)
    total = cv2.GaussianBlur(values * weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return total / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), 1e-6)


def inner(mask: np.ndarray, reach: float) -> np.ndarray:
    """Bool hxw: cells of a mask that are further than `reach` cells from its edge, and from that of the picture."""
    padded = np.pad(mask, 1, 'constant').astype(np.uint8)
    return cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1] > reach


def centre(mask: np.ndarray) -> Tuple[float, float]:
    """Mean column and row of a mask that is not empty."""
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def away_from(shape: Tuple[int, ...], x: float, y: float) -> np.ndarray:
    """Distance of every cell from a place, cells: float32 hxw."""
    rows, columns = np.ogrid[:shape[0], :shape[1]]
    return np.hypot(columns - np.float32(x), rows - np.float32(y))


def clock(nipple: Tuple[float, float], x: float, y: float) -> int:
    """Position on the clock around a nipple as it is seen in the picture, 1 to 12."""
    hours = np.degrees(np.arctan2(x - nipple[0], nipple[1] - y)) / 30.0
    return int(np.rint(hours)) % 12 or 12


def largest_area(mask: np.ndarray) -> Tuple[int, np.ndarray]:
    """Cells of the largest connected part of a mask, and that part: bool hxw; 0 and nothing where it is empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return 0, np.zeros(mask.shape, bool)
    which = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return int(stats[which, cv2.CC_STAT_AREA]), labels == which


def outline_of(mask: np.ndarray, grid: Grid) -> Tuple[Tuple[float, float], ...]:
    """Corners of the outer edge of a connected mask, in pixels of the frame."""
    # OpenCV 3 gives the picture first.
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
    longest = max(contours, key=len)
    return tuple(grid.in_frame(float(x), float(y)) for x, y in longest[:, 0])


