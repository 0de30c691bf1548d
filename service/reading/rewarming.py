"""How slowly each place of the breasts warms again after cooling, against the rest of its breast.

A mean over a breast hides a small place that is slow; a map of time constants shows it. What counts as slow was set on
simulated series alone: nothing is known in print, and nothing of patients.
"""
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..languages import N_
from ..regions import REGIONS, region_label
from .grid import SIDES, Grid, inner, smooth
from .series import LEAST_PICTURES, fit_recovery
from .sign import MET, NOT_ASSESSABLE, NOT_MET, OWN, Spot, rounded

#: A picture is smoothed within the breast by a Gaussian of this width, of pixels where they are coarse, and nothing is
#: told nearer to an edge than twice that: there a movement changes more than a patch. Coarser pixels than the last
#: show no patch. All three our own, chosen on simulated series.
_SMOOTH_MM, _SMOOTH_PX, _COARSEST_MM = 7.0, 1.5, 8.0
#: Larger movements are not taken out: such a picture is left out (our own).
_MOVED_MM = 30.0
#: A place that was cooled by less than this share of its breast says nothing of its time constant (our own).
_LEAST_COOLED = 0.5
#: Time constants that are tried: from the first to so many times the length of the series, in so many steps.
_FASTEST_S, _LONGEST, _STEPS = 5.0, 10.0, 400
#: Places that are fitted at a time: all at once a frame of 1280x1024 takes a gigabyte.
_AT_ONCE = 8192
#: Above so many times the time constant of its breast a place counts as slow: more than 95 % of simulated patients
#: without a slow place stay below (`python -m models.series`).
SLOW = 1.25


class Timed(NamedTuple):
    """A picture after the cooling: `time_s` after its end, `celsius` float32 HxW, as large as that from before."""

    time_s: float
    celsius: np.ndarray


@dataclass(frozen=True, eq=False)
class Rewarming:
    """Time constants of places, in multiples of the median of their breast.

    Attributes:
        state: one of `STATES`; met where a place is above `SLOW`, and not met only where no breast was refused.
        sentence: what was found in words, or why it cannot be told.
        slower: float32 hxw on the grid; NaN where nothing is told. None where nothing can be.
        spots: the slowest place of each breast, the slowest first.
        refusals: regions of which nothing is told, each with the reason as a sentence.
        moved_mm: the largest movement between two pictures that was taken out.
        border_mm: how near to an edge nothing is told.
        pictures: that were used.
    """

    state: str
    sentence: str
    slower: Optional[np.ndarray] = None
    spots: Tuple[Spot, ...] = ()
    refusals: Tuple[Tuple[str, str], ...] = ()
    moved_mm: Optional[float] = None
    border_mm: float = 0.0
    pictures: int = 0

    def to_dict(self) -> Dict[str, Any]:
        """Without the map, as JSON values."""
        return {'state': self.state, 'sentence': self.sentence, 'threshold': SLOW, 'source': OWN,
                'slowest': [{'region': spot.region, 'x_px': round(spot.x_px, 1), 'y_px': round(spot.y_px, 1),
                             'times': rounded(spot.value)} for spot in self.spots],
                'refusals': [{'region': region, 'sentence': reason} for region, reason in self.refusals],
                'moved_mm': rounded(self.moved_mm), 'pictures': self.pictures}


def map_rewarming(before: Grid, after: Sequence[Timed]) -> Rewarming:
    """Compare how fast the places of each breast warm again.

    ``before - T(t) = cooled exp(-t / tau)`` is fitted to every place by least squares, as `fit_recovery` does to the
    mean: for each time constant that is tried the best `cooled` leaves the least where the projection on its decay is
    longest.

    Args:
        before: the grid of the picture from before the cooling, with its scale.
        after: the pictures after it, in order, as they were measured.
    """
    if not before.cell_mm <= _COARSEST_MM:
        return Rewarming(NOT_ASSESSABLE, 'Resolution insufficient: a pixel shows more than %.0f mm, or nobody knows '
                         'how much.' % _COARSEST_MM)
    sigma = max(before.cells(_SMOOTH_MM), _SMOOTH_PX)
    laid = [(picture.time_s,) + _laid_onto(before, picture.celsius) for picture in after]
    laid = [one for one in laid if one[2] <= _MOVED_MM]
    if len(laid) < LEAST_PICTURES:
        return Rewarming(NOT_ASSESSABLE, 'A map of rewarming needs at least %d usable pictures from after the cooling, '
                         'in which the patient moved by less than %.0f mm.' % (LEAST_PICTURES, _MOVED_MM))
    times = np.array([time_s for time_s, _, _ in laid])
    slower = np.full(before.celsius.shape, np.nan, np.float32)
    spots: List[Spot] = []
    refusals: List[Tuple[str, str]] = []
    for side in SIDES:
        breast = before.breast(side, with_nipple=True)
        told = inner(breast, 2 * sigma)
        if not told.any():
            refusals.append((REGIONS[side.breast], 'It is not seen, or too small in the picture.'))
            continue
        box = tuple(slice(places.min(), places.max() + 1) for places in np.nonzero(breast))
        missing = np.stack([smooth((before.celsius - celsius)[box], breast[box], sigma)[told[box]]
                            for _, celsius, _ in laid])
        refused = fit_recovery(times.tolist(), (-missing.mean(axis=1)).tolist(), 0.0).refusal
        if refused:
            refusals.append((REGIONS[side.breast], refused))
            continue
        cooled, tau_s = _fitted(times - times[0], missing)
        sure = cooled > _LEAST_COOLED * np.median(cooled)
        times_as_slow = np.where(sure, tau_s / np.median(tau_s[sure]), np.nan).astype(np.float32)
        slower[told] = times_as_slow
        which = int(np.nanargmax(times_as_slow))
        rows, columns = np.nonzero(told)
        spots.append(Spot(REGIONS[side.breast], *before.in_frame(float(columns[which]), float(rows[which])),
                          value=float(times_as_slow[which])))
    if not spots:
        return Rewarming(NOT_ASSESSABLE, refusals[0][1], refusals=tuple(refusals))
    spots.sort(key=lambda spot: -spot.value)
    slowest = spots[0]
    met = slowest.value > SLOW
    state = MET if met else NOT_ASSESSABLE if refusals else NOT_MET
    sentence = N_('Slowest place of the %s: %.2f times the time constant of that breast, %s the limit of %.2f.') % (
        region_label(REGIONS.index(slowest.region)), slowest.value, N_('above') if met else N_('not above'), SLOW)
    return Rewarming(state, sentence, slower, tuple(spots), tuple(refusals), max(way_mm for _, _, way_mm in laid),
                     2 * sigma * before.cell_mm, len(laid))


def _laid_onto(before: Grid, celsius: np.ndarray) -> Tuple[np.ndarray, float]:
    """A later picture on the grid, moved back onto the picture from before, and how far it had moved, in mm."""
    step, (height, width) = before.step_px, before.celsius.shape
    if step > 1:
        celsius = cv2.resize(celsius[:height * step, :width * step], (width, height), interpolation=cv2.INTER_AREA)
    window = np.outer(np.hanning(height), np.hanning(width))
    (x, y), _ = cv2.phaseCorrelate(*[(part - part.mean()) * window for part in (before.celsius, celsius)])
    back = np.array([[1, 0, x], [0, 1, y]], np.float64)
    moved = cv2.warpAffine(celsius, back, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                           borderMode=cv2.BORDER_REPLICATE)
    return moved, float(np.hypot(x, y)) * before.cell_mm


def _fitted(times: np.ndarray, missing: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """What every place was cooled by, °C, and its time constant, s: float64 N each, of what is missing, DxN."""
    taus = np.geomspace(_FASTEST_S, _LONGEST * times[-1], _STEPS)
    decay = np.exp(-times / taus[:, np.newaxis])
    length = np.sqrt((decay ** 2).sum(axis=1))
    directions = decay / length[:, np.newaxis]
    which, longest = [], []
    for first in range(0, missing.shape[1], _AT_ONCE):
        along = directions.dot(missing[:, first:first + _AT_ONCE])
        which.append(np.argmax(along, axis=0))
        longest.append(along.max(axis=0))
    chosen = np.concatenate(which)
    return np.concatenate(longest) / length[chosen], taus[chosen]
