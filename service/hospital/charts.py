"""Curves of a dynamic series as a drawing of points and lines, for the page and for paper."""
from typing import Any, Dict, Sequence, Tuple

from ..comparison import Recoveries
from ..degrees import CELSIUS, FAHRENHEIT, fahrenheit
from ..reading import fitted
from ..regions import NECK, PAIRS, REGIONS, pair_name

#: Regions of one drawing, by its name: right and left, or the neck alone.
CURVES: Dict[str, Tuple[str, ...]] = dict({pair_name(right): (REGIONS[right], REGIONS[left]) for right, left in PAIRS},
                                          neck=(REGIONS[NECK],))

#: Of the drawing, in its own units; room for numbers at the left and below; smallest span of temperatures.
_WIDTH, _HEIGHT, _LEFT, _BELOW = 600, 320, 64, 34
_LEAST_C = 1.0
#: Points of a fitted curve.
_POINTS = 60


def chart_of(series: Recoveries, regions: Sequence[str], unit: str = CELSIUS) -> Dict[str, Any]:
    """Points, fitted curves and levels before the cooling, in units of the drawing; y counts downwards.

    Args:
        regions: of `Recoveries.means_c`, at least one.
        unit: of the axis of temperatures, one of `service.degrees.SIGNS`.

    Returns:
        ``width``, ``height``, ``left`` and ``floor`` of the plot; ``lines``: of each region its ``points``, its fitted
        ``curve`` and the level ``before`` the cooling, or None; ``degrees`` and ``seconds``: words and places of the
        axes.
    """
    start_s = series.times_s[0]
    length_s = max(series.times_s[-1] - start_s, 1.0)
    values = [value for region in regions for value in series.means_c[region] if value == value]
    values += [series.before_c[region] for region in regions if region in series.before_c]
    missing = max(0.0, _LEAST_C - (max(values) - min(values))) / 2
    low, high = min(values) - missing - 0.1, max(values) + missing + 0.1

    def x(seconds: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 10) * seconds / length_s, 1)

    def y(celsius: float) -> float:
        return round((_HEIGHT - _BELOW) * (high - celsius) / (high - low), 1)

    times = [length_s * point / (_POINTS - 1) for point in range(_POINTS)]
    lines = []
    for region in regions:
        fit = series.fits[region]
        before = series.before_c.get(region)
        lines.append({
            'points': [(x(time - start_s), y(value)) for time, value in zip(series.times_s, series.means_c[region])
                       if value == value],
            'curve': [(x(time), y(value)) for time, value in zip(times, fitted(fit, times))],
            'before': None if before is None else y(before)})
    first, last = (fahrenheit(low), fahrenheit(high)) if unit == FAHRENHEIT else (low, high)
    step = next(step for step in (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 1000.0) if (last - first) / step <= 6)
    degrees = [step * number for number in range(int(first // step) + 1, int(last // step) + 1)]
    step_s = next(step for step in (1, 5, 15, 60, 120, 300, 100000) if length_s / step <= 6)
    return {'width': _WIDTH, 'height': _HEIGHT, 'left': _LEFT, 'floor': _HEIGHT - _BELOW, 'lines': lines,
            'degrees': [('%.1f' % degree, y(low + (high - low) * (degree - first) / (last - first)))
                        for degree in degrees],
            'seconds': [('%d' % second, x(second)) for second in range(0, int(length_s) + 1, step_s)]}
