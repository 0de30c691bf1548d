"""Published statistics of healthy frontal DMR-IR thermograms (arms raised, SC620, room about 21 C).

Temperatures: 95 healthy matrices, through fixed probability masks (30 of them with their own outlines where it says
so). Geometry: the outlines of 51 patients. Values are means and standard deviations between patients.
"""
import dataclasses
import typing

#: Means agree where they differ by no more than this part of the published spread between patients.
MEAN_PART = 0.5
#: Spreads may be this many times narrower or wider: phantoms also stand for other clinics.
SPREAD_RANGE = (0.75, 1.6)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One published number.

    Attributes:
        name (str): as in the table.
        of (str): name in `measure`.
        value (float): published.
        how (str): ``'mean'``, ``'sd'`` (between patients), or ``'abs N'``, the Nth percentile of the absolute value.
        low, high (float): what agrees.
        unit (str): ``'C'``, ``'%'``, or ``''``.
        note (str): why it is off where it is, or how the published figure was taken.
    """

    name: str
    of: str
    value: float
    how: str
    low: float
    high: float
    unit: str = ''
    note: str = ''


def _mean(of, value, sd, unit='C', note='', spread=True) -> typing.List[Quantity]:
    reach = MEAN_PART * sd
    found = [Quantity(of, of, value, 'mean', value - reach, value + reach, unit, note)]
    if spread:
        low, high = SPREAD_RANGE
        found.append(Quantity(of + ', between patients', of, sd, 'sd', low * sd, high * sd, unit))
    return found


def _around(name, of, value, how, part, unit='C', note=''):
    return [Quantity(name, of, value, how, value - part * abs(value), value + part * abs(value), unit, note)]


def _geometry(region, area, x, y, width, height, centre_sd):
    """Areas and sizes within a quarter, centres within one published spread of the centre's place."""
    found = _around(region + ' area', region + ' area', area, 'mean', 0.25, '%')
    for axis, value, sd in (('x', x, centre_sd[0]), ('y', y, centre_sd[1])):
        name = '%s %s' % (region, axis)
        found.append(Quantity(name, name, value, 'mean', value - sd, value + sd))
    for axis, value in (('width', width), ('height', height)):
        name = '%s %s' % (region, axis)
        found += _around(name, name, value, 'mean', 0.25, '')
    return found


_OUTLINES = 'own outlines, 30 patients'

PUBLISHED = tuple(
    _mean('right breast mean', 30.19, 1.17) + _mean('left breast mean', 30.34, 1.23)
    + _mean('neck mean', 31.8, 0.8, note=_OUTLINES, spread=False)
    + _mean('neck mean', 31.57, 1.14)[1:]
    + _mean('armpit mean', 30.4, 1.0, note=_OUTLINES)
    + _mean('nipple mean', 29.45, 1.5, note=_OUTLINES)
    + _mean('image max', 34.8, 1.0) + _mean('image p98', 33.1, 1.2) + _mean('background p2', 21.8, 1.2)
    + _mean('noise sigma', 0.049, 0.007, spread=False)
    + _around('within the right breast, sd', 'right breast sd', 1.35, 'mean', 0.15, note=_OUTLINES)
    + _around('within the left breast, sd', 'left breast sd', 1.35, 'mean', 0.15, note=_OUTLINES)
    + [Quantity('within the right breast, p5', 'right breast p5', 28.0, 'mean', 27.4, 28.6, 'C', _OUTLINES),
       Quantity('within the right breast, p95', 'right breast p95', 32.0, 'mean', 31.4, 32.6, 'C', _OUTLINES),
       Quantity('within the right breast, max', 'right breast max', 34.4, 'mean', 33.8, 35.0, 'C', _OUTLINES)]
    + _around('breast abs right-left, median', 'breast right-left', 0.30, 'abs 50', 0.25)
    + _around('breast abs right-left, upper quartile', 'breast right-left', 0.54, 'abs 75', 0.25)
    + _around('breast abs right-left, 95th percentile', 'breast right-left', 0.92, 'abs 95', 0.25)
    + _around('breast right-left, sd', 'breast right-left', 0.54, 'sd', 0.25, note=_OUTLINES)
    + _around('nipple right-left, sd', 'nipple right-left', 0.78, 'sd', 0.25, note=_OUTLINES)
    + _around('armpit right-left, sd', 'armpit right-left', 1.00, 'sd', 0.25, note=_OUTLINES)
    + _mean('spectrum slope', -4.1, 0.6, '', spread=False)
    + _mean('mirrored correlation', 0.49, 0.27, '', spread=False)
    + _geometry('right breast', 14.8, 0.324, 0.562, 0.347, 0.564, (0.028, 0.054))
    + _geometry('left breast', 14.6, 0.683, 0.572, 0.342, 0.566, (0.034, 0.056))
    + _geometry('right nipple', 0.66, 0.235, 0.688, 0.080, 0.106, (0.039, 0.094))
    + _geometry('left nipple', 0.70, 0.769, 0.693, 0.080, 0.114, (0.049, 0.101))
    + _geometry('right armpit', 5.4, 0.186, 0.234, 0.219, 0.440, (0.030, 0.040))
    + _geometry('left armpit', 5.6, 0.813, 0.251, 0.226, 0.460, (0.037, 0.050))
    + _geometry('neck', 4.1, 0.510, 0.130, 0.317, 0.210, (0.028, 0.050)))
