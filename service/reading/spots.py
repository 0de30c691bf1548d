"""Places that are warmer than what is around them: focal spots, and the hottest points of each breast."""
from typing import Dict, List, NamedTuple, Optional

import cv2
import numpy as np

from ..analysis import RIM
from ..languages import N_
from ..regions import REGIONS
from ..result import Result
from .grid import BORDER_MM, LEFT, RIGHT, SIDES, Grid, Side, away_from, centre, inner, outline_of, smooth
from .scale import Scale
from .sign import RULES, Sign, Spot, degrees, difference_words, measured, not_assessable

#: A focal spot is at least so much warmer than the median of the ring around it (the sign IR2 of [Wang2011]), and not
#: smaller, longer or larger than this (our own): a long one is a vessel, a large one no spot.
_WARMER_C = 1.0
_LEAST_CM2, _LEAST_CELLS, _LONGEST, _LARGEST_SHARE = 0.5, 9, 3.0, 0.25

#: Radius that the search begins with, and how often it is fitted to the area that was found.
_FIRST_MM, _ROUNDS = 8.0, 8
#: Peaks are looked for on a picture of this smoothness, one within so many millimetres, the hottest so many.
_SMOOTH_MM, _APART_MM, _PEAKS = 2.0, 15.0, 8
#: Part of a nipple's radius around it that is areola and no place for a focal spot.
_AREOLA = 1.5

#: Points that count as hottest are at most this much cooler than the hottest one of their breast (our own).
_NEAR_HOTTEST_C = 0.5


class _Found(NamedTuple):
    """A focal spot: its breast, cells, peak, and how much warmer it is than its ring and than its breast."""

    side: Side
    cells: np.ndarray
    x: float
    y: float
    over_ring: float
    over_breast: float


def focal_signs(grid: Grid, scale: Scale) -> List[Sign]:
    """Connected spots that are warmer than the ring of one to three radii around them.

    One picture alone: whether a spot is there in a second view as well is for the reader to see.
    """
    names = ('focal-spot', 'focal-spot-ville-marie')
    if scale.insufficient:
        return [not_assessable(name, scale.insufficient) for name in names]
    found = [spot for side in SIDES for spot in _focal_spots(grid, side)]
    if not found:
        return [measured(name, None, N_('No focal spot %s °C warmer than the skin around it') % _WARMER_C, {'spots': 0})
                for name in names]
    signs = []
    for name, kind in zip(names, ('over_ring', 'over_breast')):
        best = max(found, key=lambda spot: float(getattr(spot, kind)))
        value = float(getattr(best, kind))
        words = N_('Spot in the %s breast %s °C warmer than %s') % (
            best.side.name, degrees(value, RULES[name].threshold),
            N_('the skin around it') if kind == 'over_ring' else N_('the median of the breast'))
        signs.append(measured(
            name, value, words, {'spots': len(found), 'area_cm2': np.count_nonzero(best.cells) * grid.cell_cm2},
            [_spot(grid, spot) for spot in found], outline_of(best.cells, grid)))
    return signs


def _spot(grid: Grid, found: _Found) -> Spot:
    x, y = grid.in_frame(found.x, found.y)
    return Spot(REGIONS[found.side.breast], x, y, float(grid.celsius[int(found.y), int(found.x)]))


def _focal_spots(grid: Grid, side: Side) -> List[_Found]:
    breast, nipple = grid.breast(side), grid.labels == side.nipple
    if nipple.any():
        radius = np.sqrt(np.count_nonzero(nipple) / np.pi)
        breast &= away_from(breast.shape, *centre(nipple)) > _AREOLA * radius
    if not breast.any():
        return []
    even = smooth(grid.celsius, breast, grid.cells(_SMOOTH_MM))
    # Below all skin rather than below all numbers: NaN would not compare.
    core = np.where(inner(breast, grid.cells(BORDER_MM)), even, -np.inf).astype(np.float32)
    peaks = _peaks(core, grid.cells(_APART_MM))[:_PEAKS]
    median = float(np.median(grid.celsius[breast]))
    spots: List[_Found] = []
    for y, x in peaks:
        if any(spot.cells[y, x] for spot in spots):
            continue
        cells = _grown(grid, even, breast, int(x), int(y))
        if cells is not None:
            ring = _ring(breast, cells)
            warm = float(even[cells].mean(dtype=np.float64))
            spots.append(_Found(side, cells, float(x), float(y), warm - float(np.median(even[ring])), warm - median))
    return spots


def _peaks(values: np.ndarray, apart: float) -> np.ndarray:
    """(row, column) of every cell that is the highest within a distance, the highest first; -inf is none."""
    reach = 2 * int(apart) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    lowest = np.float32(-1e6)  # a number for OpenCV
    finite = np.maximum(values, lowest)
    places = np.argwhere((finite >= cv2.dilate(finite, disc, borderType=cv2.BORDER_CONSTANT,
                                               borderValue=(float(lowest),))) & (finite > lowest))
    return places[np.argsort(-finite[places[:, 0], places[:, 1]], kind='stable')]


def _grown(grid: Grid, even: np.ndarray, breast: np.ndarray, x: int, y: int) -> Optional[np.ndarray]:
    """The spot around a peak: the connected cells that are warmer than the ring around a disc of their own area."""
    away = away_from(breast.shape, x, y)
    radius, cells = grid.cells(_FIRST_MM), None
    for _ in range(_ROUNDS):
        ring = breast & (away > radius) & (away <= 3 * radius)
        if not ring.any():
            return None
        warm = breast & (even >= np.median(even[ring]) + _WARMER_C)
        if not warm[y, x]:
            return None
        _, parts = cv2.connectedComponents(warm.astype(np.uint8), connectivity=8)
        grown = parts == parts[y, x]
        if cells is not None and np.array_equal(grown, cells):
            break
        cells, radius = grown, float(np.sqrt(np.count_nonzero(grown) / np.pi))
    assert cells is not None
    count = np.count_nonzero(cells)
    small = count < max(_LEAST_CELLS / grid.step_px ** 2, _LEAST_CM2 / grid.cell_cm2)
    large = count > _LARGEST_SHARE * np.count_nonzero(breast)
    return None if small or large or _elongation(cells) >= _LONGEST else cells


def _ring(breast: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells one to three radii from the middle of a spot, and not of it."""
    away = away_from(breast.shape, *centre(cells)) / np.sqrt(np.count_nonzero(cells) / np.pi)
    return breast & (away > 1) & (away <= 3) & ~cells


def _elongation(cells: np.ndarray) -> float:
    """Long over short side of a spot, as of the ellipse with its second moments."""
    spread = np.linalg.eigvalsh(np.cov(np.argwhere(cells).T) + np.eye(2) / 12)  # a cell is a square, not a point
    return float(np.sqrt(spread[1] / spread[0]))


def hottest_sign(result: Result, scale: Optional[Scale]) -> Sign:
    """The marked hottest spot of the left breast minus that of the right one, and how many points are nearly as hot.

    They are those of `Result.spots`: each a mean over neighbours, nipple in, rim of the breast out.
    """
    name = 'hottest-difference'
    by_region = {spot.region: spot for spot in result.spots}
    missing = [side.name for side in SIDES if side.breast not in by_region]
    if missing:
        return not_assessable(name, 'The %s breast has no hottest point.' % missing[0])
    value = by_region[LEFT.breast].value - by_region[RIGHT.breast].value
    numbers: Dict[str, Optional[int]] = {}
    spots: List[Spot] = []
    for side in SIDES:
        near = [] if scale is None else _near_hottest(result, side, scale)
        numbers['%s_points' % side.name] = len(near) or None
        hottest = by_region[side.breast]
        spots += near or [Spot(REGIONS[side.breast], hottest.x_px, hottest.y_px, hottest.value)]
    return measured(name, value, difference_words(N_('hottest point'), value, RULES[name].threshold), numbers, spots)


def _near_hottest(result: Result, side: Side, scale: Scale) -> List[Spot]:
    """The points of a breast that are the hottest within 15 mm and nearly as hot as its hottest."""
    assert result.breasts is not None
    (rows, columns), mask = result.breasts.masks[side.breast]
    reduced = result.body.reduced
    per_cell = result.thermogram.width / float(reduced.shape[1])
    core = cv2.erode(mask, RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    values = np.where(core if core.any() else mask, reduced[rows, columns], -np.inf).astype(np.float32)
    apart = _APART_MM / (scale.mm_per_px * per_cell)
    near = [(y, x) for y, x in _peaks(values, apart) if values[y, x] >= values.max() - _NEAR_HOTTEST_C]
    return [Spot(REGIONS[side.breast], int((columns.start + x + 0.5) * per_cell),
                 int((rows.start + y + 0.5) * per_cell), float(values[y, x])) for y, x in near]
