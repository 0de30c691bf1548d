"""What is said of many times: percentiles, spread, histogram, and how sure a difference is. Nothing is left out."""
import warnings

import numpy as np

PERCENTILES = (50, 90, 95, 99)
#: Bars of a histogram, between the shortest and the longest time, each longer than the one before by the same factor,
#: so that one slow frame is seen and the many fast ones are not squeezed into one bar.
BARS = 40
#: Draws of a bootstrap: its 95 % interval moves by a few per cent of its width with more.
DRAWS = 400
#: Values that are drawn at a time: 8 MB.
_CHUNK = 1 << 20
#: Least edge of a bar: a clock that stood still gives zeros, which have no logarithm.
_LEAST_MS = 1e-4


def summarise(values_ms):
    """Statistics of the times of one stage.

    Args:
        values_ms (sequence of float): at least one; in milliseconds.
    Returns:
        dict: ``n``, ``min_ms``, ``mean_ms``, ``sd_ms`` (of the sample), ``p50_ms``, ``p90_ms``, ``p95_ms``,
        ``p99_ms``, ``max_ms``, ``variation`` (coefficient of variation, sd/mean; None where the mean is 0) and
        ``histogram`` (``edges_ms`` and ``counts``: every value is in it).
    """
    values = np.asarray(values_ms, np.float64)
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    summary = {'n': len(values), 'min_ms': float(values.min()), 'mean_ms': mean, 'sd_ms': sd}
    summary.update(('p%d_ms' % rank, float(np.percentile(values, rank))) for rank in PERCENTILES)
    return dict(summary, max_ms=float(values.max()), variation=sd / mean if mean > 0 else None,
                histogram=histogram(values))


def histogram(values_ms):
    """``{'edges_ms', 'counts'}`` over all values; one bar where they are all the same."""
    values = np.asarray(values_ms, np.float64)
    low, high = max(float(values.min()), _LEAST_MS), max(float(values.max()), _LEAST_MS)
    if high <= low * (1 + 1e-9):
        return {'edges_ms': [low, high], 'counts': [len(values)]}
    edges = np.geomspace(low, high, BARS + 1)
    # Rounding must not push the extremes out of the outer bars.
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return {'edges_ms': [float(edge) for edge in edges], 'counts': [int(count) for count in counts]}


def blocks(count, random):
    """Indices of a sample of the same length, drawn in blocks of consecutive frames.

    Frames that follow each other are slow or fast together; drawn one by one they would look more certain than they
    are (moving-block bootstrap, Kuensch 1989, with blocks of about the square root of the length).

    Args:
        count (int): how many frames there are.
        random (numpy.random.RandomState): where the draw comes from.
    """
    length = max(1, int(round(np.sqrt(count))))
    starts = random.randint(0, count - length + 1, -(-count // length))
    return (starts[:, np.newaxis] + np.arange(length)).reshape(-1)[:count]


def percentile_draws(table, rank, draws=DRAWS, seed=1):
    """Bootstrapped percentiles of several stages at once.

    Args:
        table (numpy.ndarray): float frames x stages; NaN where a frame had no such stage.
        rank (float): which percentile, 0 to 100.
        draws (int): how many.
        seed (int): of the draw; another one for what is to be drawn independently.
    Returns:
        numpy.ndarray: float draws x stages.
    """
    random = np.random.RandomState(seed)
    # A stage that few frames have may be missing from a whole draw.
    take = _nan_percentile if np.isnan(table).any() else np.percentile
    found, together = [], max(1, _CHUNK // table.size)
    for begin in range(0, draws, together):
        chosen = np.array([blocks(len(table), random) for _ in range(min(together, draws - begin))])
        found.append(take(table[chosen], rank, axis=1))
    return np.concatenate(found)


def interval(draws):
    """The 95 % interval of bootstrapped values along the first axis: (low, high); NaN draws do not count."""
    low, high = _nan_percentile(draws, (2.5, 97.5), axis=0)
    return low, high


def _nan_percentile(values, rank, axis):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # nothing but NaN gives NaN, and a warning
        return np.nanpercentile(values, rank, axis=axis)


def slope(times, values, sessions=None):
    """Straight line through points by least squares.

    Args:
        times, values (sequence of float): the points.
        sessions (sequence): a word for each point; each session has a height of its own and all share the slope,
            because memory starts anew with a process. None where all are of one.
    Returns:
        tuple or None: (slope, low, high) per unit of time with its 95 % interval, None for fewer than three points
        more than there are sessions, or where no time passed. The interval takes the points as independent.
    """
    times, values = np.array(times, np.float64), np.array(values, np.float64)
    names = np.zeros(len(times)) if sessions is None else np.asarray(sessions)
    kinds = np.unique(names)
    for name in kinds:
        chosen = names == name
        times[chosen] -= times[chosen].mean()
        values[chosen] -= values[chosen].mean()
    freedom, spread = len(times) - len(kinds) - 1, float((times ** 2).sum())
    if freedom < 2 or spread <= 0:
        return None
    found = float((times * values).sum()) / spread
    error = np.sqrt(float(((values - found * times) ** 2).sum()) / freedom / spread)
    reach = _student(freedom) * error
    return found, found - reach, found + reach


def _student(freedom):
    """0.975 quantile of Student's t, to 1 % from 2 degrees of freedom on (Cornish and Fisher's expansion)."""
    z = 1.959964
    terms = ((z ** 3 + z) / 4.0, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96.0,
             (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384.0,
             (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160.0)
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))
