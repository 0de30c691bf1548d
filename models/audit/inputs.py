"""What the audited classifier is fed with: measurements of a sample, as numbers and as pictures."""
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np

from service.regions import PAIRS, REGIONS, pair_name

from .samples import AuditedSample

#: Smallest region to take a percentile of, in pixels.
_FEWEST = 16

#: Neighbourhood of the local spread, in pixels at a long side of 320: about 2 cm of skin.
_SIDE_PX, _LOCAL_PX = 320, 15

#: Window of a skin-relative picture in °C around the median of the skin, and of an absolute one.
_RELATIVE_C, _ABSOLUTE_C = (-6.0, 5.0), (18.0, 38.0)

#: A grey picture has no degrees: its window is its own range.
_GREY = (0.0, 255.0)

#: Rows and columns of the picture of which Betti curves are taken.
_CURVES_SHAPE = (120, 160)

Measurements = Dict[str, float]


@dataclass(frozen=True)
class Input:
    """One input of the audit, a model's or a control's.

    Attributes:
        name: as the table prints it.
        what: what the classifier is given, in a phrase.
        measure: measurements by name; NaN for what the sample does not tell. A name may be missing in some samples.
    """

    name: str
    what: str
    measure: Callable[[AuditedSample], Measurements]


def tabulate(rows: Sequence[Measurements]) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """Measurements of many samples as one table, and the names of its columns in order of first occurrence.

    Args:
        rows: one dict a sample.
    Returns:
        float64 NxD, NaN where a sample lacks a value, and D names. Columns without any value are left out.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], np.float64)
    table = table.reshape(len(rows), len(names))
    filled = np.flatnonzero(np.isfinite(table).any(axis=0))
    return table[:, filled], tuple(names[column] for column in filled)


def is_constant(table: np.ndarray) -> bool:
    """Whether no column of a table distinguishes one row from another; a missing value counts as a value."""
    filled = np.where(np.isfinite(table), table, np.inf)
    return bool(np.all(filled == filled[:1]))


def _regions_relative(sample: AuditedSample) -> Measurements:
    return _regions(sample, sample.clean, sample.level)


def _regions_absolute(sample: AuditedSample) -> Measurements:
    return _regions(sample, sample.clean, 0.0)


def _regions_with_marker(sample: AuditedSample) -> Measurements:
    """The marker counts for the median too."""
    zero = float(np.median(sample.pixels[sample.torso])) if sample.torso.any() else float('nan')
    return _regions(sample, sample.pixels, zero)


def _regions(sample: AuditedSample, pixels: np.ndarray, zero: float) -> Measurements:
    """Per kind of region: mean, spread and hot end over both sides; difference of left and right.

    Sides are pooled, and differences taken without their sign, since disease has no preferred side: this halves the
    numbers that a few dozen patients must support.
    """
    labels = sample.labels
    if labels is None:
        return {}
    summaries = [_summary(pixels[(labels == region) & sample.torso].astype(np.float64))
                 for region in range(len(REGIONS))]
    row = {}
    for right, left in PAIRS:
        name = pair_name(right)
        sides = [summary for summary in (summaries[right], summaries[left]) if summary is not None]
        if sides:
            mean, sd, p95 = np.mean(sides, axis=0)
            row.update({name + '_mean': mean - zero, name + '_sd': sd, name + '_p95': p95 - zero})
        if len(sides) == 2:
            mean, sd, p95 = np.abs(sides[0] - sides[1])
            row.update({name + '_mean_difference': mean, name + '_sd_difference': sd,
                        name + '_p95_difference': p95})
    neck = summaries[-1]
    if neck is not None:
        row['neck_mean'] = neck[0] - zero
    return row


def _summary(values: np.ndarray) -> Optional[np.ndarray]:
    if values.size < _FEWEST:
        return None
    return np.array([values.mean(), values.std(), np.quantile(values, 0.95)])


def _skin_relative(sample: AuditedSample) -> Measurements:
    return _skin(sample.clean, sample.skin, sample.level)


def _skin_absolute(sample: AuditedSample) -> Measurements:
    """What a warm room adds is in these."""
    return _skin(sample.clean, sample.skin, 0.0)


def _skin_with_marker(sample: AuditedSample) -> Measurements:
    return _skin(sample.pixels, sample.torso, sample.level)


def _skin(pixels: np.ndarray, skin: np.ndarray, zero: float) -> Measurements:
    if not skin.any():
        return {}
    values = pixels[skin].astype(np.float64) - zero
    low, high = np.quantile(values, [0.05, 0.95])
    sides = _left_minus_right(pixels, skin)
    return {'mean': values.mean(), 'sd': values.std(), 'p5': low, 'p95': high,
            'local_spread': _local_spread(pixels, skin), 'left_right': abs(sides[0]), 'left_right_p95': abs(sides[1])}


def _left_minus_right(pixels: np.ndarray, skin: np.ndarray) -> Tuple[float, float]:
    """Left minus right half of the torso: of the mean and of the 95th percentile."""
    columns = np.nonzero(skin.any(axis=0))[0]
    middle = (columns[0] + columns[-1] + 1) // 2
    right, left = pixels[:, :middle][skin[:, :middle]], pixels[:, middle:][skin[:, middle:]]
    if not right.size or not left.size:
        return float('nan'), float('nan')
    return float(left.mean() - right.mean()), float(np.quantile(left, 0.95) - np.quantile(right, 0.95))


def _local_spread(pixels: np.ndarray, skin: np.ndarray) -> float:
    """Median over the skin of the standard deviation within a small neighbourhood: veins and patches."""
    scale = min(1.0, _SIDE_PX / max(pixels.shape))
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean()
    near = cv2.resize(skin.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode(near, np.ones((_LOCAL_PX, _LOCAL_PX), np.uint8), borderType=cv2.BORDER_CONSTANT,
                       borderValue=1) > 0
    if not inside.any():
        return float('nan')
    mean, square = (cv2.blur(part, (_LOCAL_PX, _LOCAL_PX)) for part in (small, small * small))
    return float(np.median(np.sqrt(np.maximum(square - mean * mean, 0))[inside]))


Shape = Tuple[int, int]


def _torso(sample: AuditedSample, shape: Shape) -> np.ndarray:
    """The torso alone: marker filled in, relative to the median of the skin."""
    return _picture(sample, sample.clean, sample.torso, shape)


def _torso_with_marker(sample: AuditedSample, shape: Shape) -> np.ndarray:
    """The torso alone with its marker, relative to the median of the skin."""
    return _picture(sample, sample.pixels, sample.torso, shape)


def _torso_absolute(sample: AuditedSample, shape: Shape) -> np.ndarray:
    """The torso alone with absolute temperatures, marker filled in."""
    return _picture(sample, sample.clean, sample.torso, shape, relative=False)


def _background(sample: AuditedSample, shape: Shape) -> np.ndarray:
    """Everything but the torso, with absolute temperatures: it shows the room."""
    return _picture(sample, sample.pixels, ~sample.torso, shape, relative=False)


def _marker(sample: AuditedSample, shape: Shape) -> np.ndarray:
    """The marker alone, in its place, relative to the median of the skin."""
    shown = np.zeros(sample.pixels.shape, bool) if sample.marker is None else sample.marker.mask
    return _picture(sample, sample.pixels, shown, shape)


def _picture(sample: AuditedSample, pixels: np.ndarray, shown: np.ndarray, shape: Shape,
             relative: bool = True) -> np.ndarray:
    """uint8 hxw: 1..255 where something is shown, 0 elsewhere."""
    if not sample.thermogram.is_celsius:
        (low, high), zero = _GREY, 0.0
    elif relative:
        (low, high), zero = _RELATIVE_C, 0.0 if np.isnan(sample.level) else sample.level
    else:
        (low, high), zero = _ABSOLUTE_C, 0.0
    size = (shape[1], shape[0])
    grey = 1 + 254 * np.clip((pixels - zero - low) / (high - low), 0, 1)
    # Smoothed up to the outline and no further: what is hidden must not bleed in.
    weight = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    value = cv2.resize(np.where(shown, grey, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = value / np.maximum(weight, 1e-6)
    return np.where(weight > 0.5, np.clip(np.rint(mean), 1, 255), 0).astype(np.uint8)


def _curves(draw: Callable[[AuditedSample, Shape], np.ndarray]) -> Callable[[AuditedSample], Measurements]:
    """Betti curves of a picture: how warm islands and cold holes come and go with the threshold."""
    def measure(sample: AuditedSample) -> Measurements:
        from models.architectures.betti import betti_curves  # PyTorch, which the other inputs do without
        return {'betti_%03d' % i: float(value) for i, value in enumerate(betti_curves(draw(sample, _CURVES_SHAPE)))}
    return measure


#: Pictures that a network is fed with, uint8 of a shape; 0 is hidden.
PICTURES: Dict[str, Callable[[AuditedSample, Shape], np.ndarray]] = {
    'torso': _torso, 'torso, marker left in': _torso_with_marker, 'torso, absolute': _torso_absolute,
    'background picture': _background, 'marker picture': _marker}

#: Torso-masked, skin-relative, marker filled in: what may be called a model. The verdict above the table is that of the
#: first one, which was named before the first run.
MODELS = (
    Input('regions', 'region statistics and left-right differences, relative to the skin median, marker filled in',
          _regions_relative),
    Input('skin', '7 skin statistics within the torso, relative to its median, marker left out', _skin_relative),
    Input('betti', 'Betti curves of the torso, relative to the skin median, marker filled in', _curves(_torso)))

#: The same three with what a model must not see, to show how much it adds.
VARIANTS = (
    Input('regions, marker left in', 'the relative ones from the frame with its marker', _regions_with_marker),
    Input('skin, marker left in', 'the relative 7 with the marker among the skin', _skin_with_marker),
    Input('betti, marker left in', 'the relative ones from the frame with its marker', _curves(_torso_with_marker)),
    Input('regions, absolute', 'the same with absolute temperatures', _regions_absolute),
    Input('skin, absolute', 'the same 7 with the absolute temperature', _skin_absolute),
    Input('betti, absolute', 'the same with absolute temperatures', _curves(_torso_absolute)))
