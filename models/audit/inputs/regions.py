"""Statistics of the regions that the bundle finds, and the differences between left and right."""
import numpy as np

from service.regions import PAIRS, REGIONS, pair_name

from .base import Input

#: Fewer pixels than this are no region to take a percentile of.
_FEWEST = 16


def relative(frame):
    """Region statistics relative to the median of the skin, marker filled in."""
    return _measure(frame, frame.clean, frame.level)


def absolute(frame):
    """The same with absolute temperatures."""
    return _measure(frame, frame.clean, 0.0)


def with_marker(frame):
    """The relative ones from the frame with its marker, which then counts for the median too."""
    zero = float(np.median(frame.pixels[frame.torso])) if frame.torso.any() else float('nan')
    return _measure(frame, frame.pixels, zero)


def _measure(frame, pixels, zero):
    """Per kind of region: mean, spread and hot end over both sides; size and sign of left against right.

    Sides are pooled, and differences taken without their sign, since disease has no preferred side: this
    halves the numbers that a few dozen patients must support.
    """
    if frame.labels is None:
        return {}
    found = {region: _values(frame, pixels, region) for region in range(1, len(REGIONS))}
    row = {}
    for right, left in PAIRS:
        name = pair_name(right)
        sides = [side for side in (_summary(found[right]), _summary(found[left])) if side is not None]
        if sides:
            mean, sd, p95 = np.mean(sides, axis=0)
            row.update({name + '_mean': mean - zero, name + '_sd': sd, name + '_p95': p95 - zero})
        if len(sides) == 2:
            mean, sd, p95 = np.abs(sides[0] - sides[1])
            row.update({name + '_mean_difference': mean, name + '_sd_difference': sd,
                        name + '_p95_difference': p95})
    neck = _summary(found[len(REGIONS) - 1])
    if neck is not None:
        row['neck_mean'] = neck[0] - zero
    return row


def _values(frame, pixels, region):
    return pixels[(frame.labels == region) & frame.torso].astype(np.float64)


def _summary(values):
    if values.size < _FEWEST:
        return None
    return np.array([values.mean(), values.std(), np.quantile(values, 0.95)])


REGION_STATISTICS = Input('regions', 'region statistics and left-right differences, relative to the skin median, '
                          'marker filled in', relative)
REGIONS_ABSOLUTE = Input('regions, absolute', 'the same with absolute temperatures', absolute)
REGIONS_MARKER = Input('regions, marker left in', 'the relative ones from the frame with its marker', with_marker)
