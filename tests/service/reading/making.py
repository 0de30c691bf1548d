"""Results whose regions are known, without a network: of schematic torsos and of phantoms."""
import numpy as np

from service.analysis import find_breasts, hottest_spots, pair_differences, region_statistics
from service.body import find_body
from service.regions import LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE
from service.result import Result
from service.thermogram import RELATIVE, Provenance, Thermogram

from ...fakes import frames

LABELS = frames.labels()
#: With `LENS` a pixel of `LABELS` shows 1 mm.
LENS = {'distance_m': 0.16, 'field_of_view_deg': 90.0}
NIPPLES = {'right': (320 * (0.5 - 0.24), 240 * 0.68), 'left': (320 * (0.5 + 0.24), 240 * 0.68)}


def result_of(celsius, labels=LABELS, unit='celsius', **fields):
    """As the pipeline makes it of these labels."""
    thermogram = Thermogram(np.asarray(celsius, np.float32), unit, Provenance('made'))
    body = find_body(thermogram)
    given = frames.prediction(np.ascontiguousarray(labels))
    breasts = find_breasts(given.labels, body)
    regions = region_statistics(thermogram.pixels, given, body.threshold)
    made = {'checks': (), 'labels': given.labels, 'boxes': given.boxes, 'regions': regions, 'breasts': breasts,
            'differences': pair_differences(regions, unit != RELATIVE, 1.0),
            'spots': hottest_spots(body, breasts, thermogram.pixels.shape)}
    return Result(thermogram=thermogram, body=body, bundle={}, backend={}, **dict(made, **fields))


def even_torso():
    """Both breasts alike and without noise, with nipples of their temperature: float64 240x320."""
    celsius = frames.torso(noise_c=0.0)
    celsius[np.isin(LABELS, (RIGHT_BREAST, LEFT_BREAST, RIGHT_NIPPLE, LEFT_NIPPLE))] = 30.0
    return celsius


def bump(x, y, peak, sigma):
    """A Gaussian at a place, °C: float64 240x320."""
    rows, columns = np.mgrid[:240, :320]
    return peak * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2.0 * sigma ** 2))
