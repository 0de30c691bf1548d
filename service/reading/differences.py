"""Left against right: breast, quadrants, areolae and the skin under the folds."""
from typing import Dict, List, Optional, Tuple

import numpy as np

from ..languages import N_
from .grid import LEFT, RIGHT, SIDES, Grid, Side, away_from, centre
from .scale import Scale
from .sign import QUADRANTS, RULES, Sign, degrees, difference_words, measured, not_assessable

#: Share of the pixels that a trimmed mean leaves out at either end.
_TRIMMED = 0.1

#: Fewest pixels of a quadrant, and of an areola.
_QUADRANT_PX, _AREOLA_PX = 30, 9

#: Radii of the disc of an areola and of the ring around it, in radii of the nipple's label (our own).
_DISC, _RING = 1.5, 3.0

#: Height of the band of skin under a breast (our own), and the share of it that has to be seen.
_BAND_MM, _BAND_SHARE = 15.0, 0.5
#: Share of a breast's width under which the band lies, in its middle.
_BAND_WIDTH = 0.6


def global_signs(grid: Grid) -> List[Sign]:
    """Mean of the left breast minus that of the right one, nipples out.

    Args:
        grid: at full size, so that the means are those of the table of regions.
    """
    left, right = (grid.celsius[grid.breast(side)] for side in (LEFT, RIGHT))
    value = float(np.mean(left, dtype=np.float64) - np.mean(right, dtype=np.float64))
    numbers = {'trimmed_mean': _trimmed_mean(left) - _trimmed_mean(right),
               'median': float(np.median(left) - np.median(right))}
    return [measured(name, value, difference_words('breast', value, RULES[name].threshold), numbers)
            for name in ('global-difference', 'global-difference-ville-marie')]


def _trimmed_mean(values: np.ndarray) -> float:
    cut = int(_TRIMMED * values.size)
    return float(np.sort(values)[cut:values.size - cut].mean(dtype=np.float64))


def quadrant_sign(grid: Grid) -> Sign:
    """The largest left-right difference of the four quadrants, which the lines through the nipple part.

    Args:
        grid: at full size.
    """
    name = 'quadrant-difference'
    means: Dict[str, List[float]] = {quadrant: [] for quadrant in QUADRANTS}
    for side in (LEFT, RIGHT):
        breast, (x, y) = grid.breast(side), centre(grid.labels == side.nipple)
        rows, columns = np.nonzero(breast)
        values = grid.celsius[breast]
        outer, upper = (columns - x) * side.outwards > 0, rows < y
        for quadrant in QUADRANTS:
            inside = (upper == quadrant.startswith('upper')) & (outer == quadrant.endswith('outer'))
            if np.count_nonzero(inside) < _QUADRANT_PX:
                return not_assessable(name, 'The %s quadrant of the %s breast is too small: its nipple lies at the '
                                      'edge.' % (quadrant.replace('_', ' '), side.name))
            means[quadrant].append(float(values[inside].mean(dtype=np.float64)))
    numbers = {quadrant: left - right for quadrant, (left, right) in means.items()}
    largest = max(QUADRANTS, key=lambda quadrant: abs(numbers[quadrant]))
    words = difference_words(largest.replace('_', ' ') + ' quadrant', numbers[largest], RULES[name].threshold)
    return measured(name, numbers[largest], words, dict(numbers))


def areola_signs(grid: Grid, scale: Optional[Scale]) -> List[Sign]:
    """Mean of the areolae, left minus right, and of the warmer one against the skin around it.

    Args:
        grid: at full size.
        scale: None where it is not known; then pixels alone are counted.
    """
    names = ('areola-difference', 'areola-ring')
    reason = scale.insufficient if scale is not None else ''
    sides = {side: _areola(grid, side) for side in SIDES}
    few = [side.name for side, (disc, ring) in sides.items() if min(disc.size, ring.size) < _AREOLA_PX]
    if few and not reason:
        reason = 'Too few pixels of the %s areola and the skin around it are seen.' % few[0]
    if reason:
        return [not_assessable(name, reason) for name in names]
    means = {side: (float(disc.mean(dtype=np.float64)), float(ring.mean(dtype=np.float64)))
             for side, (disc, ring) in sides.items()}
    difference = means[LEFT][0] - means[RIGHT][0]
    over = {side: disc - ring for side, (disc, ring) in means.items()}
    warmer = LEFT if over[LEFT] >= over[RIGHT] else RIGHT
    words = N_('%s areola %s °C %s than the skin around it') % (
        warmer.name.capitalize(), degrees(over[warmer], RULES[names[1]].threshold),
        N_('warmer') if over[warmer] > 0 else N_('cooler'))
    return [measured(names[0], difference, difference_words(N_('areola'), difference, RULES[names[0]].threshold)),
            measured(names[1], over[warmer], words, {side.name: over[side] for side in SIDES})]


def _areola(grid: Grid, side: Side) -> Tuple[np.ndarray, np.ndarray]:
    """Values of the disc around a nipple, and of the ring around that, of its own breast alone."""
    nipple = grid.labels == side.nipple
    away = away_from(nipple.shape, *centre(nipple)) / np.sqrt(np.count_nonzero(nipple) / np.pi)
    skin = grid.breast(side, with_nipple=True)
    return grid.celsius[skin & (away <= _DISC)], grid.celsius[skin & (away > _DISC) & (away <= _RING)]


def fold_sign(grid: Grid) -> Sign:
    """Mean of the skin right under the left breast minus that under the right one."""
    name = 'fold-difference'
    means, over = {}, {}
    for side in SIDES:
        breast = grid.breast(side, with_nipple=True)
        band = _band(grid, breast)
        seen = band & grid.skin
        if np.count_nonzero(seen) < _BAND_SHARE * _band_cells(grid, breast):
            return not_assessable(name, 'The skin under the %s breast is not in the picture.' % side.name)
        means[side] = float(grid.celsius[seen].mean(dtype=np.float64))
        over['%s_over_breast' % side.name] = means[side] - float(np.median(grid.celsius[grid.breast(side)]))
    value = means[LEFT] - means[RIGHT]
    return measured(name, value, difference_words(N_('lower fold'), value, RULES[name].threshold), over)


def _band(grid: Grid, breast: np.ndarray) -> np.ndarray:
    """Bool hxw: the cells right under the middle of a breast that belong to no region."""
    columns, below = _columns(breast), np.zeros(breast.shape, bool)
    height = int(round(grid.cells(_BAND_MM)))
    for column in columns:
        lowest = int(np.nonzero(breast[:, column])[0][-1])
        below[lowest + 1:lowest + 1 + height, column] = True
    return below & (grid.labels == 0)


def _band_cells(grid: Grid, breast: np.ndarray) -> int:
    return len(_columns(breast)) * int(round(grid.cells(_BAND_MM)))


def _columns(breast: np.ndarray) -> np.ndarray:
    """Columns in the middle of a breast."""
    filled = np.nonzero(breast.any(axis=0))[0]
    margin = int(len(filled) * (1 - _BAND_WIDTH) / 2)
    return filled[margin:len(filled) - margin]
