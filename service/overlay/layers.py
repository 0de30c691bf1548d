"""What can lie under the contours, and the scale that belongs to it."""
from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np

from ..palettes import palette
from .scale import colourise

LAYERS = ('original', 'equalised', 'regions', 'difference')

#: Colour of a region's tint (RGB), by id: sides differ in brightness too, so that they stay apart
#: without colour vision.
TINTS = np.array([(0, 0, 0), (90, 180, 255), (255, 190, 90), (0, 70, 200), (200, 90, 0), (150, 255, 220),
                  (255, 160, 220), (240, 240, 120)], np.uint8)

#: Difference map: full colour at this difference, in degrees Celsius or grey levels.
_DIFFERENCE_SPAN_C = 2.0
_DIFFERENCE_SPAN_GREY = 40.0

_COOLER, _SAME, _WARMER = (30, 70, 220), (235, 235, 235), (200, 20, 20)


@dataclass(frozen=True)
class Layer:
    """A picture with its scale.

    Attributes:
        picture (numpy.ndarray): uint8 HxWx3, RGB.
        table (numpy.ndarray): uint8 256x3, the colours of the scale.
        span (tuple): what the ends of the table stand for, in the frame's own unit; None where the
            colours stand for no value at all.
    """

    picture: np.ndarray
    table: np.ndarray
    span: Optional[tuple]


def draw_layer(result, name, table, span, size):
    """Draw a layer of a result; what the result does not have is drawn as the original.

    Args:
        result (Result): what to draw.
        name (str): one of `LAYERS`.
        table (numpy.ndarray): uint8 256x3 palette of the original.
        span (tuple): (low, high) of the palette in the frame's unit.
        size (tuple): (width, height) in pixels.
    Returns:
        Layer: of that size.
    """
    if name == 'equalised' and result.prepared is not None:
        return _equalised(result.prepared, size)
    pixels = cv2.resize(result.thermogram.pixels, size, interpolation=cv2.INTER_LINEAR)
    if name == 'regions' and result.labels is not None:
        return _regions(result.labels, pixels, span, size)
    if name == 'difference' and result.difference_map is not None:
        return _difference(result, colourise(pixels, span, palette('grey')) // 2, size)
    return Layer(colourise(pixels, span, table), table, span)


def _equalised(prepared, size):
    """What the network saw. Its levels are no temperatures any more, so that it has no scale."""
    seen = prepared.fit.cut(prepared.picture)
    seen = seen if seen.ndim == 3 else np.take(palette('grey'), seen, axis=0)
    return Layer(cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR), palette('grey'), None)


def _regions(labels, pixels, span, size):
    """Every region in its tint over the grey picture."""
    grey = colourise(pixels, span, palette('grey'))
    tint = TINTS[cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)]
    return Layer(np.where(tint.any(axis=2, keepdims=True), grey // 2 + tint // 2, grey), palette('grey'), span)


def _difference(result, grey, size):
    """Warmer than the mirrored other breast in red, cooler in blue."""
    full = _DIFFERENCE_SPAN_C if result.thermogram.is_celsius else _DIFFERENCE_SPAN_GREY
    known = np.isfinite(result.difference_map).astype(np.uint8)
    known = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)[:, :, np.newaxis] > 0
    values = cv2.resize(np.nan_to_num(result.difference_map), size, interpolation=cv2.INTER_LINEAR)
    colours = colourise(values, (-full, full), _DIVERGING)
    return Layer(np.where(known, colours, grey), _DIVERGING, (-full, full))


def _diverging():
    """256 colours from cooler over the same to warmer."""
    position = np.linspace(-1, 1, 256)[:, np.newaxis]
    ends = np.where(position < 0, np.float64(_COOLER), np.float64(_WARMER))
    return np.rint(_SAME + (ends - _SAME) * np.abs(position)).astype(np.uint8)


_DIVERGING = _diverging()
