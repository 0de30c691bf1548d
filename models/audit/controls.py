"""What must not predict the diagnosis: the room, the marker, the file, the date, the way the person stands."""
import datetime
import hashlib
import re
import zlib
from typing import Any

import cv2
import numpy as np

from .inputs import Input, Measurements
from .samples import AuditedSample

#: Distance of the background from the body, in pixels of a frame 640 wide: beyond its glow.
_AWAY_PX, _WIDTH_PX = 25, 640

#: Smallest background, in pixels of working size.
_FEWEST = 20

#: Facts that tell where a file comes from and nothing of the patient.
_DIALECT_FACTS = ('dialect', 'camera', 'suffix')

#: Weights of the 5-point Laplacian add up to 20 in square, so white noise of sigma s comes out as s * sqrt(20).
_GAIN = np.sqrt(20.0)

#: Median absolute deviation of a normal distribution over its standard deviation.
_MAD = 0.6744897501960817

#: Smallest step between values that counts: float32 keeps no less of a skin temperature.
_FINEST = 1e-4


def _background(sample: AuditedSample) -> Measurements:
    """Median, standard deviation and 5th percentile of the pixels far from anything warm."""
    reduced = sample.body.reduced
    warm = (reduced > sample.body.threshold) | sample.body.mask
    away = cv2.distanceTransform((~warm).astype(np.uint8), cv2.DIST_L2, 5)
    values = reduced[away >= _AWAY_PX * reduced.shape[1] / _WIDTH_PX].astype(np.float64)
    if values.size < _FEWEST:
        return {}
    return {'median': float(np.median(values)), 'sd': values.std(), 'p5': float(np.quantile(values, 0.05))}


def _marker(sample: AuditedSample) -> Measurements:
    """Whether there is a marker, how large, where on the body, and how much colder than the skin."""
    marker = sample.marker
    if marker is None:
        return {'present': 0.0, 'size': np.nan, 'x': np.nan, 'y': np.nan, 'contrast': np.nan}
    return {'present': 1.0, 'size': marker.size, 'x': marker.x, 'y': marker.y, 'contrast': marker.contrast}


def _patient_number(sample: AuditedSample) -> Measurements:
    """The number in the facts, else the digits of the patient's name."""
    number = sample.sample.facts.get('number')
    if number is None:
        digits = re.sub(r'\D', '', sample.sample.patient)[:15]
        number = int(digits) if digits else np.nan
    return {'number': float(number)}


def _file_dialect(sample: AuditedSample) -> Measurements:
    """One column per dialect, camera and suffix: 1 for the file's own."""
    facts = sample.sample.facts
    return {'%s=%s' % (fact, facts[fact]): 1.0 for fact in _DIALECT_FACTS if facts.get(fact) is not None}


def _noise(sample: AuditedSample) -> Measurements:
    """Pixel noise of the whole frame and of the skin: which camera, which setting, which export."""
    laplacian = np.abs(cv2.Laplacian(sample.pixels, cv2.CV_32F, ksize=1))
    row = {'frame': _noise_sigma(laplacian)}
    inside = cv2.erode(sample.skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inside.any():
        row['skin'] = _noise_sigma(laplacian[inside])
    return row


def _noise_sigma(laplacian: np.ndarray) -> float:
    """Standard deviation of white noise from absolute values of a 5-point Laplacian."""
    return float(np.median(laplacian) / (_MAD * _GAIN))


def _geometry(sample: AuditedSample) -> Measurements:
    """Share, bounding box and centre of the outline of the torso, as shares of the frame."""
    rows, columns = np.nonzero(sample.torso)
    if not rows.size:
        return {}
    height, width = sample.torso.shape
    waist = sample.torso[-max(1, height // 20):].sum(axis=1).mean()
    return {'share': sample.torso.mean(), 'top': rows.min() / height, 'left': columns.min() / width,
            'right': columns.max() / width, 'centre_x': columns.mean() / width, 'centre_y': rows.mean() / height,
            'waist': waist / width}


def _file_statistics(sample: AuditedSample) -> Measurements:
    """Width and height, number of distinct values, smallest step, and packed size per pixel."""
    pixels = sample.pixels
    values = np.unique(pixels)
    steps = np.diff(values.astype(np.float64))
    steps = steps[steps > _FINEST]
    hundredths = np.rint(pixels * 100).astype(np.int32).astype(np.int16)
    # Differences along a row, as a PNG packs them: what is left is texture and noise.
    packed = len(zlib.compress(np.diff(hundredths, axis=1).tobytes(), 1))
    return {'width': float(pixels.shape[1]), 'height': float(pixels.shape[0]), 'distinct': float(len(values)),
            'step': float(steps.min()) if steps.size else np.nan, 'packed': packed / pixels.size}


def _frame_mean(sample: AuditedSample) -> Measurements:
    """Mean of all pixels, absolute: room and body heat together, no pattern."""
    return {'mean': float(sample.pixels.mean(dtype=np.float64))}


def _date(sample: AuditedSample) -> Measurements:
    """Visit, frame number and day of the date in the facts; NaN where the collection does not state them."""
    facts = sample.sample.facts
    return {'visit': _number(facts.get('visit')), 'frame': _number(facts.get('frame')), 'day': _day(facts.get('date'))}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _day(value: Any) -> float:
    try:
        return float(datetime.date.fromisoformat(str(value)[:10]).toordinal())
    except ValueError:
        return np.nan


def _random_numbers(sample: AuditedSample) -> Measurements:
    """Three normal numbers that depend on the patient's name and nothing else."""
    digest = hashlib.sha256(sample.sample.patient.encode('utf-8')).digest()
    drawn = np.random.default_rng(int.from_bytes(digest[:8], 'big')).normal(size=3)
    return {'random_%d' % i: float(value) for i, value in enumerate(drawn)}


#: In the order of the table.
CONTROLS = (
    Input('background', 'median, spread and cold end of pixels 25 px away from the body', _background),
    Input('marker', 'presence, size, place and contrast of the metal marker', _marker),
    Input('patient number', 'the number under which the patient is filed', _patient_number),
    Input('file dialect', 'dialect, camera and suffix of the file', _file_dialect),
    Input('noise', 'pixel noise of the frame and of the skin (Laplacian, median absolute deviation)', _noise),
    Input('geometry', 'outline of the torso: how the person stands', _geometry),
    Input('file statistics', 'size, distinct values, smallest step and packed size of the matrix', _file_statistics),
    Input('frame mean', 'mean temperature of the whole frame', _frame_mean),
    Input('date', 'date, visit and frame number', _date))

#: A check of the protocol, which stands apart.
CHANCE = Input('random numbers', 'three random numbers a patient: the protocol itself', _random_numbers)
