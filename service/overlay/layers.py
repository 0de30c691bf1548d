"""What can lie under the contours, and the scale that belongs to it."""
from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np

from .scale import colourise, levels_of, look_up
from .tables import DIVERGING, GREY, GREY_HALF, TINTS_HALF

LAYERS = ('original', 'equalised', 'regions', 'difference')

#: Difference map: full colour at this difference, in degrees Celsius or grey levels.
_DIFFERENCE_SPAN_C = 2.0
_DIFFERENCE_SPAN_GREY = 40.0


@dataclass(frozen=True)
class Layer:
    """The scale of a picture.

    Attributes:
        table (numpy.ndarray): uint8 256x3, the colours of the scale, BGR.
        span (tuple): what the ends of the table stand for, in the frame's own unit; None where the
            colours stand for no value at all.
    """

    table: np.ndarray
    span: Optional[tuple]


def draw_layer(result, name, table, span, picture):
    """Draw a layer of a result; what the result does not have is drawn as the original.

    Args:
        result (Result): what to draw.
        name (str): one of `LAYERS`.
        table (numpy.ndarray): uint8 256x3 palette of the original, BGR.
        span (tuple): (low, high) of the palette in the frame's unit.
        picture (numpy.ndarray): uint8 HxWx3, replaced; may be part of a larger one.
    Returns:
        Layer: the scale that belongs to it.
    """
    size = picture.shape[1::-1]
    if name == 'equalised' and result.prepared is not None:
        return _equalised(result.prepared, size, picture)
    pixels = cv2.resize(result.thermogram.pixels, size, interpolation=cv2.INTER_LINEAR)
    if name == 'regions' and result.labels is not None:
        return _regions(result.labels, pixels, span, size, picture)
    if name == 'difference' and result.difference_map is not None:
        return _difference(result, pixels, span, size, picture)
    colourise(pixels, span, table, picture)
    return Layer(table, span)


def _equalised(prepared, size, picture):
    """What the network saw. Its levels are no temperatures any more, so that it has no scale."""
    seen = cv2.resize(prepared.fit.cut(prepared.picture), size, interpolation=cv2.INTER_LINEAR)
    cv2.cvtColor(seen, cv2.COLOR_RGB2BGR if seen.ndim == 3 else cv2.COLOR_GRAY2BGR, picture)
    return Layer(GREY, None)


def _regions(labels, pixels, span, size, picture):
    """Every region in its tint over the grey picture."""
    levels = levels_of(pixels, span)
    look_up(levels, GREY, picture)
    enlarged = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    # Both are at most half as bright, so that their sum is a colour.
    cv2.copyTo(cv2.add(look_up(levels, GREY_HALF), look_up(enlarged, TINTS_HALF)), enlarged, picture)
    return Layer(GREY, span)


def _difference(result, pixels, span, size, picture):
    """Warmer than the mirrored other breast in red, cooler in blue."""
    colourise(pixels, span, GREY_HALF, picture)
    full = _DIFFERENCE_SPAN_C if result.thermogram.is_celsius else _DIFFERENCE_SPAN_GREY
    known = np.isfinite(result.difference_map).astype(np.uint8)
    known = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)
    values = cv2.resize(np.nan_to_num(result.difference_map), size, interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(colourise(values, (-full, full), DIVERGING), known, picture)
    return Layer(DIVERGING, (-full, full))
