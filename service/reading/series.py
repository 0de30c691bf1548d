"""How regions warm again after cooling: a fit of each region's means over a dynamic series, and the paired differences.

No normal values were found in print; what is told are curve, interval and the difference of the sides.
"""
import math
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..regions import PAIRS, REGIONS, pair_name

#: Fewest pictures of a fit.
LEAST_PICTURES = 6
#: A region that warmed by less than so many standard deviations of what the fit leaves was hardly cooled (our own).
_LEAST_WARMING = 3.0
#: Time constants that are tried: from the first to so many times the length of the series, in so many steps each time.
_FASTEST_S, _LONGEST, _STEPS = 5.0, 20.0, 400


class Recovery(NamedTuple):
    """``T(t) = end - (end - start) exp(-t / tau)`` of one region.

    Attributes:
        refusal: why no time constant is told, as a sentence; empty where it is.
        tau_s: time constant, seconds; None where it is refused, as are the others that follow from it.
        low_s, high_s: 95 % interval of it, from the likelihood.
        start_c, end_c: first and last temperature of the curve.
        recovered: share of the cooling that was made good at the last picture (recovery index); None without a picture
            from before.
        residual_c: standard deviation of what the fit leaves.
    """

    refusal: str
    tau_s: Optional[float] = None
    low_s: Optional[float] = None
    high_s: Optional[float] = None
    start_c: Optional[float] = None
    end_c: Optional[float] = None
    recovered: Optional[float] = None
    residual_c: Optional[float] = None

    @property
    def half_time_s(self) -> Optional[float]:
        """Seconds after which half of the way is made."""
        return None if self.tau_s is None else math.log(2) * self.tau_s

    @property
    def slope_c_per_s(self) -> Optional[float]:
        """How fast it warms at first."""
        if self.tau_s is None or self.start_c is None or self.end_c is None:
            return None
        return (self.end_c - self.start_c) / self.tau_s


class Paired(NamedTuple):
    """Left minus right of two recoveries.

    Attributes:
        pair: ``'breast'``, ``'nipple'`` or ``'armpit'``.
        tau_s: difference of the time constants; None where one is refused.
        within_s: half of its 95 % interval.
        recovered: difference of the recovery indices; None where one is not known.
    """

    pair: str
    tau_s: Optional[float]
    within_s: Optional[float]
    recovered: Optional[float]


def fit_recovery(times_s: Sequence[float], means_c: Sequence[float], before_c: Optional[float] = None) -> Recovery:
    """Fit the recovery of one region by least squares.

    With a picture from before the cooling the curve ends there, which makes the time constant several times as certain.

    Args:
        times_s: of the pictures, rising; the first is where cooling ended.
        means_c: mean of the region in each; NaN where it is not seen.
        before_c: its mean before the cooling.
    """
    times, means = np.asarray(times_s, np.float64), np.asarray(means_c, np.float64)
    seen = np.isfinite(means)
    if seen.sum() < LEAST_PICTURES or not np.all(np.diff(times) > 0):
        return Recovery('A recovery needs at least %d pictures in which the region is seen.' % LEAST_PICTURES)
    times, means = (times - times[0])[seen], means[seen]
    length_s, free = float(times[-1]), len(times) - (3 if before_c is None else 2)
    taus = np.geomspace(_FASTEST_S, _LONGEST * length_s, _STEPS)
    best, step = taus[int(np.argmin(_fitted(times, means, taus, before_c)[0]))], taus[1] / taus[0]
    fine = np.geomspace(best / step, best * step, _STEPS)
    left, starts, ends = _fitted(times, means, fine, before_c)
    which = int(np.argmin(left))
    tau, squares, start, end = (float(part[which]) for part in (fine, left, starts, ends))
    residual = math.sqrt(squares / free)
    known = {'start_c': start, 'end_c': end, 'residual_c': residual}
    if end - start < _LEAST_WARMING * residual or end <= start:
        return Recovery('The region warmed by no more than its noise: it was hardly cooled.', **known)
    recovered = None
    if before_c is not None:
        recovered = (end - (end - start) * math.exp(-length_s / tau) - start) / (before_c - start)
    if tau > length_s:
        return Recovery('The region warms more slowly than %.0f seconds of pictures can tell.' % length_s,
                        recovered=recovered, **known)
    # The two-sided 97.5 % point of Student's t: 1.96 + 2.4 / free is within 1 % of it from seven on.
    limit = squares * (1 + (1.96 + 2.4 / free) ** 2 / free)
    around = np.geomspace(tau / 50, tau * 50, 10 * _STEPS)
    inside = around[_fitted(times, means, around, before_c)[0] <= limit]
    low, high = (float(inside[0]), float(inside[-1])) if inside.size else (tau, tau)
    return Recovery('', tau, low, high, recovered=recovered, **known)


def _fitted(times: np.ndarray, means: np.ndarray, taus: np.ndarray, before_c: Optional[float]
            ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each time constant the sum of squares that its best curve leaves, its start and its end."""
    decay = np.exp(-times / taus[:, np.newaxis])
    if before_c is None:
        # A straight line over the decay.
        spread = decay - decay.mean(axis=1, keepdims=True)
        slope = spread.dot(means) / np.maximum((spread ** 2).sum(axis=1), 1e-300)
        end = means.mean() - slope * decay.mean(axis=1)
    else:
        slope = decay.dot(means - before_c) / (decay ** 2).sum(axis=1)
        end = np.full(len(taus), before_c)
    rest = means - end[:, np.newaxis] - slope[:, np.newaxis] * decay
    return (rest ** 2).sum(axis=1), end + slope, end


def fitted(fit: Recovery, times_s: Sequence[float]) -> List[float]:
    """The curve of a recovery, °C, at times in seconds after the first picture; of one without a time constant none."""
    if fit.tau_s is None or fit.start_c is None or fit.end_c is None:
        return []
    return [fit.end_c - (fit.end_c - fit.start_c) * math.exp(-time_s / fit.tau_s) for time_s in times_s]


def fit_series(times_s: Sequence[float], means_c: Mapping[str, Sequence[float]],
               before_c: Optional[Mapping[str, float]] = None) -> Tuple[Dict[str, Recovery], Tuple[Paired, ...]]:
    """The recovery of every region, by name, and the paired differences.

    Args:
        times_s: of the pictures.
        means_c: of each region, by name of `REGIONS`.
        before_c: of a picture before the cooling.
    """
    found = {name: fit_recovery(times_s, means, (before_c or {}).get(name)) for name, means in means_c.items()}
    return found, tuple(_paired(pair_name(right), found[REGIONS[right]], found[REGIONS[left]])
                        for right, left in PAIRS if REGIONS[right] in found and REGIONS[left] in found)


def _paired(pair: str, right: Recovery, left: Recovery) -> Paired:
    recovered = None if left.recovered is None or right.recovered is None else left.recovered - right.recovered
    if left.tau_s is None or right.tau_s is None:
        return Paired(pair, None, None, recovered)
    halves = [(side.high_s - side.low_s) / 2 for side in (left, right)
              if side.high_s is not None and side.low_s is not None]
    return Paired(pair, left.tau_s - right.tau_s, math.hypot(*halves), recovered)
