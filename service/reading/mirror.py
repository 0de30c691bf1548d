"""The left breast laid mirrored onto the right one: where one is warmer than the same site of the other."""
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union

import cv2
import numpy as np

from ..languages import N_
from ..regions import REGIONS
from .grid import (
    BORDER_MM,
    LEFT,
    RIGHT,
    SIDES,
    Grid,
    Side,
    centre,
    clock,
    inner,
    largest_area,
    outline_of,
    smooth,
)
from .scale import Scale
from .sign import RULES, Sign, Spot, degrees, measured, not_assessable

#: Both breasts are smoothed by a Gaussian of this width before they are compared (our own).
_SMOOTH_MM = 4.0
#: Smallest patch, and the worst registration with which patches are looked for (our own).
_PATCH_CM2, _WORST_MM = 1.0, 20.0
#: Share of the smaller breast that has to be compared.
_LEAST_SHARE = 0.25
#: Differences whose share of the area is told.
_SHARES_C = (0.5, 1.0, 2.0)
#: A patch is looked for to this fineness.
_FINENESS_C = 0.005
#: Share of the outermost pixels whose mean is an edge of a breast.
_EDGE_PERCENT = 0.5

_NAMES = ('mirror-patch', 'mirror-patch-ville-marie')


@dataclass(frozen=True, eq=False)
class MirroredMap:
    """Left breast minus right breast, site by site.

    Attributes:
        difference: float32 hxw on the grid, at the sites of the right breast; NaN outside the area that is compared.
        onto_left: 2x3, leads (column, row, 1) of a site of the right breast on the grid to its mirrored site.
        residual_mm: how far the outlines of the breasts, laid onto each other, lie apart (root mean square); or the
            nipples, if those are further apart.
        border_mm: what was left out along the outlines: 10 mm, or the residual where that is more.
    """

    difference: np.ndarray
    onto_left: np.ndarray
    residual_mm: float
    border_mm: float


def mirrored_map(grid: Grid) -> Union[MirroredMap, str]:
    """Lay the left breast onto the right one and subtract; the reason, as a sentence, where that cannot be done.

    The map is affine, fitted by least squares to nipple, outer edge, fold, inner edge and upper edge. Nipples are left
    out: they have a sign of their own.
    """
    masks = {side: grid.breast(side, with_nipple=True) for side in SIDES}
    marks = {side: _landmarks(masks[side], grid.labels == side.nipple, side) for side in SIDES}
    sites = np.hstack([marks[RIGHT], np.ones((len(marks[RIGHT]), 1))])
    onto_left = np.linalg.lstsq(sites, marks[LEFT], rcond=None)[0].T
    residual_mm = grid.cell_mm * max(
        _apart(masks[RIGHT], _warped(masks[LEFT].astype(np.float32), onto_left) > 0.5),
        float(np.hypot(*(onto_left.dot(sites[0]) - marks[LEFT][0]))))
    if residual_mm > _WORST_MM:
        return 'The breasts differ too much in shape to compare sites: their outlines lie %.0f mm apart.' % residual_mm
    border_mm = max(BORDER_MM, residual_mm)
    reach, sigma = grid.cells(border_mm), grid.cells(_SMOOTH_MM)
    compared, even = {}, {}
    for side in SIDES:
        skin = grid.breast(side)
        compared[side], even[side] = inner(masks[side], reach) & skin, smooth(grid.celsius, skin, sigma)
    both = compared[RIGHT] & (_warped(compared[LEFT].astype(np.float32), onto_left) > 0.5)
    least = _LEAST_SHARE * min(np.count_nonzero(mask) for mask in masks.values())
    if np.count_nonzero(both) < least:
        return 'Too little of the breasts is left to compare sites after %.0f mm along their edges.' % border_mm
    difference = np.where(both, _warped(even[LEFT], onto_left) - even[RIGHT], np.float32(np.nan))
    return MirroredMap(difference.astype(np.float32), onto_left, residual_mm, border_mm)


def _landmarks(breast: np.ndarray, nipple: np.ndarray, side: Side) -> np.ndarray:
    """Column and row of nipple, outer edge, fold, inner edge and upper edge: float64 5x2."""
    rows, columns = np.nonzero(breast)
    marks = [centre(nipple)]
    for towards in (columns * side.outwards, rows, -columns * side.outwards, -rows):
        at_edge = towards >= np.percentile(towards, 100 - _EDGE_PERCENT)
        marks.append((float(columns[at_edge].mean()), float(rows[at_edge].mean())))
    return np.array(marks)


def _warped(left: np.ndarray, onto_left: np.ndarray) -> np.ndarray:
    """Values of the left breast at the sites of the right one: float32 hxw."""
    return cv2.warpAffine(left, onto_left, left.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_CONSTANT)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square of the distance from the outline of one mask to that of the other, cells."""
    edges = [mask & ~inner(mask, 1.0) for mask in (one, other)]
    if not edges[1].any():
        return float('inf')
    away = cv2.distanceTransform((~edges[0]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return float(np.sqrt(np.mean(np.square(away[edges[1]], dtype=np.float64))))


def mirror_signs(grid: Grid, scale: Scale) -> List[Sign]:
    """The largest patch of at least 1 cm² that is warmer than the mirrored site.

    Its value is the largest difference that a connected square centimetre reaches everywhere.
    """
    if scale.insufficient:
        return [not_assessable(name, scale.insufficient) for name in _NAMES]
    made = mirrored_map(grid)
    if isinstance(made, str):
        return [not_assessable(name, made) for name in _NAMES]
    level = max((_level(sign * made.difference, grid), sign) for sign in (1, -1))
    value, warmer = level[0] * level[1], LEFT if level[1] > 0 else RIGHT
    valid = np.isfinite(made.difference)
    numbers: Dict[str, Any] = {
        'residual_mm': made.residual_mm, 'border_mm': made.border_mm,
        'compared_cm2': np.count_nonzero(valid) * grid.cell_cm2}
    size = np.abs(made.difference[valid])
    numbers.update({'share_above_%02d' % (10 * limit): float(np.mean(size > limit)) for limit in _SHARES_C})
    signs = []
    for name in _NAMES:
        threshold = RULES[name].threshold
        words = N_('A patch of 1 cm² in the %s breast %s °C warmer than its mirrored site') % (
            warmer.name, degrees(value, threshold))
        patch = _patch(level[1] * made.difference, threshold, warmer, made, grid) if level[0] > threshold else None
        told, spots, outline = patch or ({}, [], ())
        signs.append(measured(name, value, words, dict(numbers, **told), spots, outline))
    return signs


def _level(difference: np.ndarray, grid: Grid) -> float:
    """The largest value that a connected patch of the least area reaches everywhere; 0 where none is above 0."""
    least, values = _PATCH_CM2 / grid.cell_cm2, np.nan_to_num(difference)
    low, high = 0.0, max(0.0, float(values.max()))
    while high - low > _FINENESS_C:
        middle = (low + high) / 2
        low, high = (middle, high) if largest_area(values > middle)[0] >= least else (low, middle)
    return low


def _patch(difference: np.ndarray, threshold: float, warmer: Side, made: MirroredMap, grid: Grid
           ) -> Optional[Tuple[Dict[str, Any], List[Spot], Tuple[Tuple[float, float], ...]]]:
    """Numbers, hottest site and outline of the largest patch above a threshold, in the breast that is warmer."""
    area, patch = largest_area(np.nan_to_num(difference) > threshold)
    hottest = np.unravel_index(int(np.argmax(np.where(patch, np.nan_to_num(difference), -1))), patch.shape)
    peak = (float(hottest[1]), float(hottest[0]))
    if warmer is LEFT:
        patch = _unwarped(patch, made.onto_left)
        peak = tuple(made.onto_left.dot((peak[0], peak[1], 1.0)))
        if not patch.any():
            return None
    middle, nipple = centre(patch), centre(grid.labels == warmer.nipple)
    x, y = grid.in_frame(*peak)
    told = {'side': warmer.name, 'patch_cm2': area * grid.cell_cm2,
            'patch_mean': float(np.abs(difference[np.nan_to_num(difference) > threshold]).mean()),
            'clock': clock(nipple, *middle),
            'from_nipple_mm': float(np.hypot(middle[0] - nipple[0], middle[1] - nipple[1])) * grid.cell_mm}
    return told, [Spot(REGIONS[warmer.breast], x, y, float(difference[hottest]))], outline_of(patch, grid)


def _unwarped(patch: np.ndarray, onto_left: np.ndarray) -> np.ndarray:
    """The largest part of a patch of the right breast at its mirrored site: bool hxw."""
    there = cv2.warpAffine(patch.astype(np.float32), onto_left, patch.shape[::-1], flags=cv2.INTER_LINEAR)
    return largest_area(there > 0.5)[1]
