"""What the page's viewer shows of a picture that was kept or opened: its frame as it was measured, and its layers."""
from typing import TYPE_CHECKING, Any, Dict, Optional

import cv2
import numpy as np

from .messages import InputError
from .overlay import Span, automatic_span, difference_scale, draw_outlines, draw_picture, layers_of
from .palettes import PALETTES, TITLES, isotherm_colour
from .reading import Scale, registration
from .regions import REGIONS
from .result import Result
from .views import SIDE_VIEWS, view_label

if TYPE_CHECKING:
    pass

#: Fast rather than small: the picture is shown once.
_PNG = [int(cv2.IMWRITE_PNG_COMPRESSION), 1]

#: Of `draw`: what has no colours of a palette, and lies over every layer.
OUTLINES = 'outlines'


def describe(result: Result, width_px: int) -> Dict[str, Any]:
    """What the viewer has to know before it draws, as JSON values.

    Args:
        result: of one picture.
        width_px: of the picture as it was taken. A result of fewer columns is `reduced`: what is measured in it is
            not what was measured then.
    """
    thermogram = result.thermogram
    colours, ends = difference_scale(thermogram.is_celsius)
    return {
        'width_px': thermogram.width, 'height_px': thermogram.height, 'reduced': thermogram.width < width_px,
        'unit': thermogram.unit, 'span': list(automatic_span(thermogram, result.body)), 'layers': layers_of(result),
        'side_view': view_label(result.view) if result.view in SIDE_VIEWS else '',
        'hottest': [[spot.x_px, spot.y_px, spot.value] for spot in result.spots],
        'regions': REGIONS,
        'palettes': {name: {'colours': PALETTES[name].tobytes().hex(), 'isotherm': isotherm_colour(name)}
                     for name in TITLES},
        'difference': {'colours': np.ascontiguousarray(colours).tobytes().hex(), 'span': ends}}


def frame_bytes(result: Result) -> bytes:
    """Every value of the frame, float32, and then every region id, uint8; row by row, lowest byte first."""
    pixels = result.thermogram.pixels
    labels = np.zeros(pixels.shape, np.uint8) if result.labels is None else result.labels
    return pixels.astype('<f4').tobytes() + labels.tobytes()


def draw(result: Result, palette_name: str, layer: str, span: Optional[Span] = None) -> bytes:
    """A layer or the `OUTLINES` as PNG; arguments and errors as of `draw_picture` and `png`."""
    return png(draw_outlines(result) if layer == OUTLINES else draw_picture(result, palette_name, layer, span))


def png(picture: np.ndarray) -> bytes:
    """The bytes of a uint8 picture: HxW, HxWx3 (BGR) or HxWx4 (BGRA).

    Raises:
        InputError: ``picture-not-encoded``.
    """
    done, data = cv2.imencode('.png', picture, _PNG)
    if not done:
        raise InputError('picture-not-encoded', 'The picture could not be encoded.', 'Choose another layer.')
    return data.tobytes()


def mirrored_site(result: Result, scale: Optional[Scale]) -> Dict[str, Any]:
    """How a place of the right breast leads to its mirrored site, as JSON values.

    Returns:
        ``onto_left``, 2x3, which leads (column, row, 1) of the frame to column and row, with ``residual_mm``; or
        ``sentence``, why there is none.
    """
    laid = registration(result, scale)
    if isinstance(laid, str):
        return {'sentence': laid}
    grid, made = laid
    turned, step = made.onto_left[:, :2], float(grid.step_px)
    # As of `Grid.in_frame`, on both sides.
    moved = turned.dot(np.full(2, 0.5 - step / 2)) + step * made.onto_left[:, 2] + (step - 1) / 2
    return {'onto_left': np.hstack([turned, moved[:, np.newaxis]]).tolist(), 'residual_mm': made.residual_mm}
