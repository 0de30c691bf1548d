"""How much of each breast shows warm lines: an index of vessels, by the curvature of the temperature alone.

The curvature across a line is found as in [Frangi1998]; one measure in °C, with one hysteresis, decides. Published
recipes that join tests of temperature and of shape, and class how tortuous a vessel is, are not followed.
"""
from typing import Any, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..languages import N_
from .grid import BORDER_MM, LEFT, RIGHT, SIDES, Grid, Side, inner, smooth
from .scale import Scale
from .sign import Sign, measured, not_assessable

#: Widths of the lines that are looked for, as the sigma of a Gaussian.
_SIGMAS_MM = (2.0, 3.0, 4.0)
#: Contrast of a line: it has to reach the second somewhere and is followed down to the first (our own).
_LOW_C, _HIGH_C = 0.3, 0.5
#: Smallest extent of a line, and how far around a nipple none is looked for.
_SHORTEST_MM, _NIPPLE_MM = 15.0, 5.0
#: The response at the best sigma to a line of Gaussian profile and 1 °C: 2 / 3^1.5.
_RESPONSE = 2 / 3 ** 1.5
#: How round something may be before it counts as a blob and no line.
_ROUND = 0.5

#: Millimetres per pixel beyond which lines are not resolved and the index is one of blur; beyond the second nothing is.
_BLUR_MM, _WORST_MM = 3.0, 6.0
#: Below this share of both breasts together, the index would be one of chance.
_FEW = 0.01


def vessel_sign(grid: Grid, scale: Scale) -> Sign:
    """Share of the left breast that shows warm lines, against that of the right one: difference over sum."""
    name = 'vessel-index'
    if scale.mm_per_px > _WORST_MM:
        return not_assessable(name, 'Resolution insufficient: a pixel shows %.1f mm.' % scale.mm_per_px)
    numbers: Dict[str, Any] = {}
    shares = {}
    for side in SIDES:
        found = _vessels(grid, side)
        if found is None:
            return not_assessable(name, 'Too little of the %s breast is seen.' % side.name)
        shares[side] = found['share']
        numbers.update({'%s_%s' % (side.name, key): value for key, value in found.items()})
    total = shares[LEFT] + shares[RIGHT]
    what = N_('Blur index: lines are not resolved at %.1f mm a pixel; warm') % scale.mm_per_px \
        if scale.mm_per_px > _BLUR_MM else N_('Warm')
    numbers['resolved'] = 'no' if scale.mm_per_px > _BLUR_MM else 'yes'
    if total < _FEW:
        return measured(name, 0.0, N_('Hardly any warm line in either breast'), numbers)
    value = (shares[LEFT] - shares[RIGHT]) / total
    words = N_('%s lines on %.0f %% of the left and %.0f %% of the right breast, index %+.2f') % (
        what, 100 * shares[LEFT], 100 * shares[RIGHT], value)
    return measured(name, value, words, numbers)


def _vessels(grid: Grid, side: Side) -> Optional[Dict[str, float]]:
    """What is told of the lines of one breast; None where nothing of it is left."""
    whole = grid.breast(side, with_nipple=True)
    nipple = grid.labels == side.nipple
    area = inner(whole, grid.cells(BORDER_MM))
    if nipple.any():
        area &= inner(~nipple, grid.cells(_NIPPLE_MM))
    count = np.count_nonzero(area)
    if not count:
        return None
    # Beyond the breast its own mean goes on, so that its edge is no line.
    even = np.where(whole, grid.celsius, smooth(grid.celsius, whole, grid.cells(BORDER_MM))).astype(np.float32)
    contrast = line_contrast(even, [grid.cells(sigma) for sigma in _SIGMAS_MM])
    lines = _hysteresis(np.where(area, contrast, 0))
    lines, skeleton = _long_enough(lines, grid)
    cm2 = count * grid.cell_cm2
    branches = skeleton & (_neighbours(skeleton) > 2)
    joined = cv2.connectedComponents(branches.astype(np.uint8), connectivity=8)[0] - 1
    return {'share': np.count_nonzero(lines) / float(count),
            'cm_per_cm2': _length(skeleton) * grid.cell_mm / 10.0 / cm2, 'branches_per_cm2': joined / cm2,
            'mean_contrast': float(contrast[lines].mean(dtype=np.float64)) if lines.any() else 0.0}


def line_contrast(values: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """How much warmer a line is than both its sides, as the curvature across it tells, in the unit of the values.

    Args:
        values: float32 hxw.
        sigmas: of the Gaussians with which curvature is measured, cells.

    Returns:
        float32 hxw, 0 or more: exact for a straight line of Gaussian profile with sigma / sqrt(2), less for a spot.
    """
    best = np.zeros(values.shape, np.float32)
    for sigma in sigmas:
        even, slope, curve = _kernels(sigma)
        xx, yy, xy = (cv2.sepFilter2D(values, cv2.CV_32F, *pair, borderType=cv2.BORDER_REPLICATE)
                      for pair in ((curve, even), (even, curve), (slope, slope)))
        middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        across, along = middle - spread, middle + spread
        warm = np.maximum(-across, 0)
        roundness = np.divide(along, across, out=np.zeros_like(along), where=across < 0)
        line = warm * sigma ** 2 / _RESPONSE * np.exp(-roundness ** 2 / (2 * _ROUND ** 2))
        best = np.maximum(best, line.astype(np.float32))
    return best


def _kernels(sigma: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A Gaussian, its first and its second derivative, sampled; each float64 of one dimension."""
    reach = int(np.ceil(4 * sigma))
    x = np.arange(-reach, reach + 1) / sigma
    even = np.exp(-x ** 2 / 2)
    even /= even.sum()
    slope = x * even / sigma
    curve = (x ** 2 - 1) * even / sigma ** 2
    return even, slope, curve - curve.mean()


def _hysteresis(contrast: np.ndarray) -> np.ndarray:
    """Bool hxw: connected cells above the low threshold of which one is above the high one."""
    count, parts = cv2.connectedComponents((contrast > _LOW_C).astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(parts[contrast > _HIGH_C])] = True
    kept[0] = False
    return kept[parts]


def _long_enough(lines: np.ndarray, grid: Grid) -> Tuple[np.ndarray, np.ndarray]:
    """Lines and their skeletons, each bool hxw, without short pieces."""
    skeleton = thinned(lines)
    count, parts = cv2.connectedComponents(lines.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    for part in range(1, count):
        # Its extent, not its length: a spot leaves a ring, which is long too.
        extent = np.ptp(np.argwhere(parts == part), axis=0)
        kept[part] = np.hypot(*extent) * grid.cell_mm >= _SHORTEST_MM
    return kept[parts], skeleton & kept[parts]


def thinned(mask: np.ndarray) -> np.ndarray:
    """The lines of one cell that are left of a mask [ZhangSuen1984]: bool hxw."""
    cells = np.pad(mask, 1, 'constant')
    while True:
        before = np.count_nonzero(cells)
        for first in (True, False):
            n, ne, e, se, s, sw, w, nw = _around(cells)
            ring = (n, ne, e, se, s, sw, w, nw)
            count = np.sum(ring, axis=0)
            begins = np.sum([~one & other for one, other in zip(ring, ring[1:] + ring[:1])], axis=0)
            ends = ~(n & e & s) & ~(e & s & w) if first else ~(n & e & w) & ~(n & s & w)
            cells[1:-1, 1:-1] &= ~((count >= 2) & (count <= 6) & (begins == 1) & ends)
        if np.count_nonzero(cells) == before:
            return cells[1:-1, 1:-1]


def _around(cells: np.ndarray) -> Tuple[np.ndarray, ...]:
    """The eight neighbours of every cell of a padded mask, clockwise from above."""
    height, width = cells.shape
    return tuple(cells[1 + down:height - 1 + down, 1 + right:width - 1 + right] for down, right in (
        (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)))


def _neighbours(skeleton: np.ndarray) -> np.ndarray:
    """How many of the eight neighbours of every cell are set."""
    return np.sum(_around(np.pad(skeleton, 1, 'constant')), axis=0)


def _length(skeleton: np.ndarray) -> float:
    """Length of a skeleton in cells: steps along rows and columns, and diagonal ones that cut no corner."""
    across, down = skeleton[:, 1:] & skeleton[:, :-1], skeleton[1:] & skeleton[:-1]
    straight = np.count_nonzero(across) + np.count_nonzero(down)
    falling = skeleton[1:, 1:] & skeleton[:-1, :-1] & ~skeleton[1:, :-1] & ~skeleton[:-1, 1:]
    rising = skeleton[1:, :-1] & skeleton[:-1, 1:] & ~skeleton[1:, 1:] & ~skeleton[:-1, :-1]
    return straight + float(np.sqrt(2)) * (np.count_nonzero(falling) + np.count_nonzero(rising))
