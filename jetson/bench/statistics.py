"""Statistics of many times: percentiles, spread, histogram, and confidence intervals. No value is left out.

Only NumPy: SciPy has no place on a board.
"""
import warnings
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np

PERCENTILES = (50, 90, 95, 99)
#: Bars of a histogram. Each is wider than the one before by the same factor, so that a single slow frame is visible
#: and the many fast ones do not share one bar.
BARS = 40
#: Draws of a bootstrap; with more, its 95 % interval changes by a few per cent of its width.
DRAWS = 400
#: Values drawn at a time: 8 MB.
_CHUNK = 1 << 20
#: Lowest edge of a bar: zeros have no logarithm.
_MIN_MS = 1e-4


def summarise(values_ms: Sequence[float]) -> Dict[str, Any]:
    """Statistics of the times of one stage.

    Args:
        values_ms: at least one.
    Returns:
        ``n``, ``min_ms``, ``mean_ms``, ``sd_ms`` (of the sample), ``p50_ms``, ``p90_ms``, ``p95_ms``, ``p99_ms``,
        ``max_ms``, ``variation`` (coefficient of variation, sd/mean; None where the mean is 0) and ``histogram``.
    """
    values = np.asarray(values_ms, np.float64)
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    summary: Dict[str, Any] = {'n': len(values), 'min_ms': float(values.min()), 'mean_ms': mean, 'sd_ms': sd}
    summary.update(('p%d_ms' % rank, float(np.percentile(values, rank))) for rank in PERCENTILES)
    return dict(summary, max_ms=float(values.max()), variation=sd / mean if mean > 0 else None,
                histogram=histogram(values_ms))


def histogram(values_ms: Sequence[float]) -> Dict[str, Any]:
    """``edges_ms`` and ``counts`` over all values; one bar where all are equal."""
    values = np.asarray(values_ms, np.float64)
    low, high = max(float(values.min()), _MIN_MS), max(float(values.max()), _MIN_MS)
    if high <= low * (1 + 1e-9):
        return {'edges_ms': [low, high], 'counts': [len(values)]}
    edges = np.geomspace(low, high, BARS + 1)
    # Rounding must not push the extremes out of the outer bars.
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return {'edges_ms': [float(edge) for edge in edges], 'counts': [int(count) for count in counts]}


def blocks(count: int, random: np.random.RandomState) -> np.ndarray:
    """Indices of a resample of `count` frames, drawn in blocks of consecutive frames.

    Consecutive frames are slow or fast together; drawn one by one they would look more certain than they are. This is
    the moving-block bootstrap [Kunsch1989] with blocks of about the square root of the length.
    """
    length = max(1, int(round(np.sqrt(count))))
    starts = random.randint(0, count - length + 1, -(-count // length))
    return (starts[:, np.newaxis] + np.arange(length)).reshape(-1)[:count]


def percentile_draws(table: np.ndarray, rank: float, draws: int = DRAWS, seed: int = 1) -> np.ndarray:
    """Bootstrapped percentiles of several stages at once.

    Args:
        table: frames x stages; NaN where a frame had no such stage.
        rank: which percentile, 0 to 100.
        draws: how many.
        seed: of the draw; different ones draw independently.
    Returns:
        draws x stages
    """
    random = np.random.RandomState(seed)
    # A stage that few frames have may be missing from a whole draw.
    percentile = _nan_percentile if np.isnan(table).any() else np.percentile
    parts, together = [], max(1, _CHUNK // table.size)
    for begin in range(0, draws, together):
        chosen = np.array([blocks(len(table), random) for _ in range(min(together, draws - begin))])
        parts.append(percentile(table[chosen], rank, axis=1))
    return np.concatenate(parts)


def interval(draws: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of bootstrapped values along the first axis: (low, high); NaN is ignored."""
    low, high = _nan_percentile(draws, (2.5, 97.5), axis=0)
    return low, high


def _nan_percentile(values: np.ndarray, rank: Union[float, Tuple[float, ...]], axis: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # of a column of NaN
        return np.nanpercentile(values, rank, axis=axis)


def slope(times: Sequence[float], values: Sequence[float],
          sessions: Optional[Sequence[int]] = None) -> Optional[Tuple[float, float, float]]:
    """Straight line through points by least squares.

    Args:
        times, values: the points.
        sessions: session of each point. Each has an intercept of its own and all share the slope, because memory use
            starts anew with each process. None where all belong to one.
    Returns:
        (slope, low, high) per unit of time, with its 95 % interval, which takes the points as independent. None for
        fewer than three points more than there are sessions, or where no time passed.
    """
    x, y = np.array(times, np.float64), np.array(values, np.float64)
    labels = np.zeros(len(x)) if sessions is None else np.asarray(sessions)
    unique = np.unique(labels)
    for label in unique:
        chosen = labels == label
        x[chosen] -= x[chosen].mean()
        y[chosen] -= y[chosen].mean()
    freedom, spread = len(x) - len(unique) - 1, float((x ** 2).sum())
    if freedom < 2 or spread <= 0:
        return None
    estimate = float((x * y).sum()) / spread
    error = float(np.sqrt(float(((y - estimate * x) ** 2).sum()) / freedom / spread))
    reach = _student(freedom) * error
    return estimate, estimate - reach, estimate + reach


def _student(freedom: int) -> float:
    """0.975 quantile of Student's t, to 1 % from 2 degrees of freedom on [AbramowitzStegun1964, 26.7.5]."""
    z = 1.959964
    terms = ((z ** 3 + z) / 4.0, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96.0,
             (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384.0,
             (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160.0)
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))
