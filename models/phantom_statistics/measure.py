"""Statistics of one labelled frontal thermogram, estimated the same way for phantoms and patients."""
import cv2
import numpy as np

from service import regions

_BREASTS = {'right': (regions.RIGHT_BREAST,), 'left': (regions.LEFT_BREAST,)}
_PAIRS = {'breast': (regions.RIGHT_BREAST, regions.LEFT_BREAST),
          'nipple': (regions.RIGHT_NIPPLE, regions.LEFT_NIPPLE),
          'armpit': (regions.RIGHT_ARMPIT, regions.LEFT_ARMPIT)}
_MEANS = {'nipple': _PAIRS['nipple'], 'armpit': _PAIRS['armpit'], 'neck': (regions.NECK,)}

#: Side of the square that the spectrum is taken of, pixels, and its range in cycles per side.
SPECTRUM_PX = 256
SPECTRUM_CYCLES = (4, 48)


def measure(celsius, labels):
    """Every statistic that the frame allows.

    Args:
        celsius (numpy.ndarray): float32 480x640, degrees Celsius.
        labels (numpy.ndarray): uint8 480x640 region ids.
    Returns:
        dict: name -> float; regions that are absent leave theirs out. Temperatures in C; areas in percent of the
        frame; centres, widths and heights of boxes as part of its sides.
    """
    found = {'image max': float(celsius.max()), 'image p98': float(np.percentile(celsius, 98)),
             'background p2': float(np.percentile(celsius, 2)), 'noise sigma': noise_sigma(celsius),
             'spectrum slope': spectrum_slope(celsius)}
    for side, ids in _BREASTS.items():
        inside = celsius[np.isin(labels, ids)]
        if inside.size:
            found['%s breast mean' % side] = float(inside.mean())
            for name, value in (('sd', inside.std()), ('p5', np.percentile(inside, 5)),
                                ('p95', np.percentile(inside, 95)), ('max', inside.max())):
                found['%s breast %s' % (side, name)] = float(value)
    for name, ids in _MEANS.items():
        inside = celsius[np.isin(labels, ids)]
        if inside.size:
            found[name + ' mean'] = float(inside.mean())
    for name, (right, left) in _PAIRS.items():
        a, b = celsius[labels == right], celsius[labels == left]
        if a.size and b.size:
            found[name + ' right-left'] = float(a.mean() - b.mean())
    for region, name in enumerate(regions.REGIONS):
        if region != regions.BACKGROUND and (labels == region).any():
            found.update(_box(labels == region, name.replace('_', ' ')))
    if all((labels == region).any() for region in _PAIRS['breast']):
        found['mirrored correlation'] = mirrored_correlation(celsius, labels)
    return found


def noise_sigma(celsius):
    """Pixel noise, C: median absolute deviation of the Laplacian of neighbours.

    The 3x3 difference mask sums the squares of its weights to 36 (J. Immerkaer, CVIU 64:300, 1996).
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rough = cv2.filter2D(np.asarray(celsius, np.float32), -1, mask)[1:-1, 1:-1]
    return float(1.4826 * np.median(np.abs(rough - np.median(rough))) / 6.0)


def spectrum_slope(celsius):
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


def mirrored_correlation(celsius, labels):
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
