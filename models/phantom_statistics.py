"""``python -m models.phantom_statistics``: healthy phantoms against published statistics of healthy patients.

Flat phantoms are those of a seed alone; solid ones are those by description, here in its default frontal view.

The published values are of healthy frontal DMR-IR thermograms [Silva2014] (arms raised, SC620, room about 21 °C).
Temperatures: 95 healthy matrices, through fixed probability masks (30 of them with their own outlines, where stated).
Geometry: the outlines of 51 patients. Values are means and standard deviations between patients. Phantoms and patients
are measured by the same estimators.
"""
import dataclasses
from typing import Any, Dict, List, Sequence, Tuple

import click
import cv2
import numpy as np

from service import regions
from service.simulator import Description, make_phantom

#: Phantoms of this table; no training set uses them.
FIRST_SEED = 5000
HEIGHT, WIDTH = 480, 640

_BREASTS: Dict[str, Tuple[int, ...]] = {'right': (regions.RIGHT_BREAST,), 'left': (regions.LEFT_BREAST,)}
_PAIRS = {'breast': (regions.RIGHT_BREAST, regions.LEFT_BREAST),
          'nipple': (regions.RIGHT_NIPPLE, regions.LEFT_NIPPLE),
          'armpit': (regions.RIGHT_ARMPIT, regions.LEFT_ARMPIT)}
_MEANS: Dict[str, Tuple[int, ...]] = {'nipple': _PAIRS['nipple'], 'armpit': _PAIRS['armpit'], 'neck': (regions.NECK,)}

#: Side of the square that the spectrum is taken of, pixels, and its range in cycles per side.
SPECTRUM_PX = 256
SPECTRUM_CYCLES = (4, 48)

#: Means agree if they differ by no more than this share of the published spread between patients.
MEAN_PART = 0.5
#: Spreads may be narrower or wider by these factors: phantoms also represent other clinics.
SPREAD_RANGE = (0.75, 1.6)


@click.command()
@click.option('--count', default=200, show_default=True, type=click.IntRange(2, 5000), help='Healthy phantoms.')
@click.option('--data', metavar='DIR', help='Labelled patients, measured the same way in a column of their own.')
def main(count: int, data: str) -> None:
    """Compare healthy phantoms with published statistics of healthy patients.

    \b
    Example:
      python -m models.phantom_statistics --count 200
    """
    phantoms, described = (_phantoms(count, description) for description in (None, Description()))
    patients = _measured(data) if data else []
    rows = compare(phantoms, patients, described)
    click.echo(markdown(rows, count, len(patients)))
    click.echo()
    for name, agrees in (('flat', 'agrees'), ('solid', 'described agrees')):
        off = [row['quantity'].name for row in rows if not row[agrees]]
        click.echo('%s: %d of %d agree%s' % (name, len(rows) - len(off), len(rows),
                                             '; off: ' + ', '.join(off) if off else ''))


def _phantoms(count, description):
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        phantom = make_phantom(seed, HEIGHT, WIDTH, False, description)
        # The camera's offset is not a property of a body, and the published frames are from a good camera.
        rows.append(measure(phantom.celsius - phantom.planted['offset_c'], phantom.labels))
    return rows


def _measured(data):
    from .data import open_data  # scikit-learn takes a second to import

    rows = []
    for sample in open_data(data).labelled():
        thermogram = sample.thermogram()
        rows.append(measure(thermogram.pixels, sample.labels(thermogram.pixels.shape)))
    return rows


# -- estimators


def measure(celsius: np.ndarray, labels: np.ndarray) -> Dict[str, float]:
    """Every statistic that the frame allows.

    Args:
        celsius: float32 480x640, °C.
        labels: uint8 480x640 region ids.

    Returns:
        Name -> float; regions that are absent leave theirs out. Temperatures in °C; areas in percent of the
        frame; centres, widths and heights of boxes as shares of its sides.
    """
    values = {'image max': float(celsius.max()), 'image p98': float(np.percentile(celsius, 98)),
              'background p2': float(np.percentile(celsius, 2)), 'noise sigma': noise_sigma(celsius),
              'spectrum slope': spectrum_slope(celsius)}
    for side, ids in _BREASTS.items():
        inside = celsius[np.isin(labels, ids)]
        if inside.size:
            values['%s breast mean' % side] = float(inside.mean())
            for name, value in (('sd', inside.std()), ('p5', np.percentile(inside, 5)),
                                ('p95', np.percentile(inside, 95)), ('max', inside.max())):
                values['%s breast %s' % (side, name)] = float(value)
    for name, ids in _MEANS.items():
        inside = celsius[np.isin(labels, ids)]
        if inside.size:
            values[name + ' mean'] = float(inside.mean())
    for name, (right, left) in _PAIRS.items():
        a, b = celsius[labels == right], celsius[labels == left]
        if a.size and b.size:
            values[name + ' right-left'] = float(a.mean() - b.mean())
    for region, name in enumerate(regions.REGIONS):
        if region != regions.BACKGROUND and (labels == region).any():
            values.update(_box(labels == region, name.replace('_', ' ')))
    if all((labels == region).any() for region in _PAIRS['breast']):
        values['mirrored correlation'] = mirrored_correlation(celsius, labels)
    return values


def noise_sigma(celsius: np.ndarray) -> float:
    """Pixel noise, °C: median absolute deviation of the Laplacian of neighbours.

    The squared weights of the 3x3 difference mask sum to 36 [Immerkaer1996].
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rough = cv2.filter2D(np.asarray(celsius, np.float32), -1, mask)[1:-1, 1:-1]
    return float(1.4826 * np.median(np.abs(rough - np.median(rough))) / 6.0)


def spectrum_slope(celsius: np.ndarray) -> float:
    """Slope of the radially averaged power spectrum over frequency, both logarithmic.

    Of the central 256x256 pixels, mean removed, Hann window.
    """
    top, left = ((side - SPECTRUM_PX) // 2 for side in celsius.shape)
    square = celsius[top:top + SPECTRUM_PX, left:left + SPECTRUM_PX].astype(np.float64)
    window = np.hanning(SPECTRUM_PX)
    power = np.abs(np.fft.fftshift(np.fft.fft2((square - square.mean()) * window[:, None] * window))) ** 2
    row, column = np.indices(power.shape) - SPECTRUM_PX // 2
    radius = np.hypot(row, column).astype(int)
    mean = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    cycles = np.arange(SPECTRUM_CYCLES[0], SPECTRUM_CYCLES[1] + 1)
    return float(np.polyfit(np.log(cycles), np.log(mean[cycles]), 1)[0])


def mirrored_correlation(celsius: np.ndarray, labels: np.ndarray) -> float:
    """Correlation of the left breast with the mirrored right one, boxes aligned at their inner top corner."""
    cuts = []
    for ids, step in (((regions.RIGHT_BREAST, regions.RIGHT_NIPPLE), -1),
                      ((regions.LEFT_BREAST, regions.LEFT_NIPPLE), 1)):
        mask = np.isin(labels, ids)
        rows, columns = np.nonzero(mask)
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        cuts.append((celsius[box][:, ::step], mask[box][:, ::step]))
    (a, inside_a), (b, inside_b) = cuts
    height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    both = inside_a[:height, :width] & inside_b[:height, :width]
    return float(np.corrcoef(a[:height, :width][both], b[:height, :width][both])[0, 1])


def _box(mask, name):
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    return {name + ' area': 100.0 * float(mask.mean()), name + ' x': (left + right) / 2.0 / width,
            name + ' y': (top + bottom) / 2.0 / height, name + ' width': (right - left) / float(width),
            name + ' height': (bottom - top) / float(height)}


# -- published values


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One published number.

    Attributes:
        name: as in the table.
        of: name in `measure`.
        value: published.
        how: ``'mean'``, ``'sd'`` (between patients), or ``'abs N'``, the Nth percentile of the absolute value.
        low, high: what agrees.
        unit: ``'°C'``, ``'%'``, or ``''``.
        note: why it is off where it is, or how the published figure was taken.
    """

    name: str
    of: str
    value: float
    how: str
    low: float
    high: float
    unit: str = ''
    note: str = ''


def _mean(of, value, sd, unit='°C', note='', spread=True):
    reach = MEAN_PART * sd
    quantities = [Quantity(of, of, value, 'mean', value - reach, value + reach, unit, note)]
    if spread:
        low, high = SPREAD_RANGE
        quantities.append(Quantity(of + ', between patients', of, sd, 'sd', low * sd, high * sd, unit))
    return quantities


def _around(name, of, value, how, part, unit='°C', note=''):
    return [Quantity(name, of, value, how, value - part * abs(value), value + part * abs(value), unit, note)]


def _geometry(region, area, x, y, width, height, centre_sd):
    """Areas and sizes within a quarter, centres within one published spread of the centre's place."""
    quantities = _around(region + ' area', region + ' area', area, 'mean', 0.25, '%')
    for axis, value, sd in (('x', x, centre_sd[0]), ('y', y, centre_sd[1])):
        name = '%s %s' % (region, axis)
        quantities.append(Quantity(name, name, value, 'mean', value - sd, value + sd))
    for axis, value in (('width', width), ('height', height)):
        name = '%s %s' % (region, axis)
        quantities += _around(name, name, value, 'mean', 0.25, '')
    return quantities


_OUTLINES = 'own outlines, 30 patients'

PUBLISHED: Tuple[Quantity, ...] = tuple(
    _mean('right breast mean', 30.19, 1.17) + _mean('left breast mean', 30.34, 1.23)
    + _mean('neck mean', 31.8, 0.8, note=_OUTLINES, spread=False)
    + _mean('neck mean', 31.57, 1.14)[1:]
    + _mean('armpit mean', 30.4, 1.0, note=_OUTLINES)
    + _mean('nipple mean', 29.45, 1.5, note=_OUTLINES)
    + _mean('image max', 34.8, 1.0) + _mean('image p98', 33.1, 1.2) + _mean('background p2', 21.8, 1.2)
    + _mean('noise sigma', 0.049, 0.007, spread=False)
    + _around('within the right breast, sd', 'right breast sd', 1.35, 'mean', 0.15, note=_OUTLINES)
    + _around('within the left breast, sd', 'left breast sd', 1.35, 'mean', 0.15, note=_OUTLINES)
    + [Quantity('within the right breast, p5', 'right breast p5', 28.0, 'mean', 27.4, 28.6, '°C', _OUTLINES),
       Quantity('within the right breast, p95', 'right breast p95', 32.0, 'mean', 31.4, 32.6, '°C', _OUTLINES),
       Quantity('within the right breast, max', 'right breast max', 34.4, 'mean', 33.8, 35.0, '°C', _OUTLINES)]
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


# -- the table


def estimate(rows: Sequence[Dict[str, float]], quantity: Quantity) -> float:
    """One quantity over measured frames.

    Args:
        rows: one `measure` a frame.
        quantity: what is asked.

    Returns:
        NaN where no frame has it.
    """
    values = np.array([row[quantity.of] for row in rows if quantity.of in row])
    if not len(values):
        return float('nan')
    if quantity.how == 'mean':
        return float(values.mean())
    if quantity.how == 'sd':
        return float(values.std())
    return float(np.percentile(np.abs(values), int(quantity.how.split()[1])))


def compare(phantoms: Sequence[Dict[str, float]], patients: Sequence[Dict[str, float]] = (),
            described: Sequence[Dict[str, float]] = ()) -> List[Dict[str, Any]]:
    """Every published quantity beside the phantoms'.

    Args:
        phantoms, patients: one `measure` a frame.
        described: of phantoms by description, which are solid bodies.

    Returns:
        ``quantity``, ``phantoms``, ``patients`` and ``described`` (NaN without any), ``agrees`` and ``described
        agrees``.
    """
    rows = []
    for quantity in PUBLISHED:
        value, solid = estimate(phantoms, quantity), estimate(described, quantity)
        rows.append({'quantity': quantity, 'phantoms': value, 'patients': estimate(patients, quantity),
                     'described': solid, 'agrees': bool(quantity.low <= value <= quantity.high),
                     'described agrees': bool(quantity.low <= solid <= quantity.high)})
    return rows


def markdown(rows: Sequence[Dict[str, Any]], count: int, patients: int = 0) -> str:
    """The comparison as a Markdown table.

    Args:
        rows: of `compare`.
        count, patients: frames behind the two columns.
    """
    head = ['quantity', 'published', 'agrees between', 'flat phantoms (n %d)' % count, 'solid phantoms (n %d)' % count]
    if patients:
        head.append('patients, same estimator (n %d)' % patients)
    lines = ['| %s | agrees: flat, solid |' % ' | '.join(head), '|' + ' --- |' * (len(head) + 1)]
    for row in rows:
        quantity = row['quantity']
        digits = 3 if abs(quantity.value) < 1 else 2
        cells = [quantity.name + (' (%s)' % quantity.unit if quantity.unit else ''),
                 '%.*f' % (digits, quantity.value),
                 '%.*f and %.*f' % (digits, quantity.low, digits, quantity.high),
                 '%.*f' % (digits, row['phantoms']), '%.*f' % (digits, row['described'])]
        if patients:
            cells.append('-' if np.isnan(row['patients']) else '%.*f' % (digits, row['patients']))
        agrees = ['yes' if row[name] else 'no' for name in ('agrees', 'described agrees')]
        lines.append('| %s | %s |' % (' | '.join(cells), ', '.join(agrees)))
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
