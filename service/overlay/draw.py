"""The overlay: the thermogram in a palette with everything that was found drawn on it."""
import cv2
import numpy as np

from ..palettes import palette
from ..regions import REGIONS
from ..notice import ADJUNCT_NOTICE
from .layers import TINTS, draw_layer
from .scale import automatic_span, draw_scale

#: Height of the drawn picture in pixels. Small sensors are enlarged to it, so that lines and letters
#: stay as fine as on a large one.
PICTURE_HEIGHT_PX = 480
SCALE_WIDTH_PX = 66
NOTICE_HEIGHT_PX = 44

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (255, 255, 255)
_SHADOW = (0, 0, 0)
_PAPER = 24
#: Side of the patch under R and L.
_MARK_PX = 40


def draw_overlay(result, palette_name='iron', layer='original', span=None):
    """Draw one result.

    Args:
        result (Result): with or without regions; a 'no result' is drawn as it was seen, with its
            first reason across the picture.
        palette_name (str): a name of `service.palettes`.
        layer (str): one of `LAYERS`.
        span (tuple): (low, high) of the palette in the frame's unit; None for an automatic one.
    Returns:
        numpy.ndarray: uint8 HxWx3, BGR as OpenCV encodes it.
    Raises:
        InputError: ``palette-unknown``.
    """
    thermogram = result.thermogram
    table = palette(palette_name)
    span = span or automatic_span(thermogram, result.body)
    width = int(round(thermogram.width * PICTURE_HEIGHT_PX / float(thermogram.height)))
    size = (width, PICTURE_HEIGHT_PX)
    drawn = draw_layer(result, layer, table, span, size)
    picture = np.ascontiguousarray(drawn.picture)
    if result.labels is not None:
        _draw_regions(picture, cv2.resize(result.labels, size, interpolation=cv2.INTER_NEAREST))
        _draw_spots(picture, result)
    _draw_sides(picture)
    if result.refusals:
        _draw_refusal(picture, result.refusals[0])

    canvas = np.full((PICTURE_HEIGHT_PX + NOTICE_HEIGHT_PX, width + SCALE_WIDTH_PX, 3), _PAPER, np.uint8)
    canvas[:PICTURE_HEIGHT_PX, :width] = picture
    draw_scale(canvas, (width + 8, 0, SCALE_WIDTH_PX - 8, PICTURE_HEIGHT_PX), drawn.table,
               drawn.span if thermogram.is_celsius else None, _INK, _text)
    _draw_notice(canvas)
    return np.ascontiguousarray(canvas[:, :, ::-1])


def _draw_regions(picture, labels):
    for region in range(1, len(REGIONS)):
        mask = (labels == region).astype(np.uint8)
        # The last but one of the returned values is the contours, in OpenCV 3 as in 4.
        contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
        cv2.drawContours(picture, contours, -1, _SHADOW, 4)
        cv2.drawContours(picture, contours, -1, tuple(int(c) for c in TINTS[region]), 2)


def _draw_spots(picture, result):
    scale_y = picture.shape[0] / float(result.thermogram.height)
    scale_x = picture.shape[1] / float(result.thermogram.width)
    for spot in result.spots:
        centre = (int(spot.x_px * scale_x), int(spot.y_px * scale_y))
        for colour, thickness in ((_SHADOW, 4), (_INK, 2)):
            cv2.drawMarker(picture, centre, colour, cv2.MARKER_CROSS, 16, thickness)
        if result.thermogram.is_celsius:
            x = min(centre[0] + 12, picture.shape[1] - 50)
            _text(picture, '%.1f' % spot.value, x, max(centre[1] - 8, 18), _INK)


def _draw_sides(picture):
    """R and L of the patient, drawn into the picture so that no copy of it loses them; on a patch of
    their own, so that no contour crosses them out."""
    width = picture.shape[1]
    for letter, left in (('R', 0), ('L', width - _MARK_PX)):
        picture[:_MARK_PX, left:left + _MARK_PX] //= 4
        _text(picture, letter, left + 9, _MARK_PX - 10, _INK, 1.0)


def _draw_refusal(picture, check):
    height = picture.shape[0]
    picture[height - 64:] //= 3
    _text(picture, 'No result', 12, height - 38, _INK, 0.8)
    _text(picture, check.sentence, 12, height - 12, _INK, _fitting(check.sentence, picture.shape[1] - 24))


def _draw_notice(canvas):
    """The adjunct notice in two lines, as large as the width allows."""
    words = ADJUNCT_NOTICE.split(' ')
    half = min(range(1, len(words)), key=lambda k: abs(len(' '.join(words[:k])) - len(ADJUNCT_NOTICE) / 2.0))
    lines = [' '.join(words[:half]), ' '.join(words[half:])]
    size = min(_fitting(line, canvas.shape[1] - 16) for line in lines)
    for row, line in enumerate(lines):
        _text(canvas, line, 8, canvas.shape[0] - NOTICE_HEIGHT_PX + 18 + 18 * row, _INK, size)


def _fitting(words, width_px, largest=0.55):
    natural = cv2.getTextSize(words, _FONT, largest, 1)[0][0]
    return largest * min(1.0, width_px / float(natural))


def _text(picture, words, x, y, colour, size=0.55):
    """Letters with a dark rim. The rim is the same letters moved by a pixel and not thicker ones: since
    OpenCV 5 a thicker letter is also a wider one."""
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(picture, words, (x + dx, y + dy), _FONT, size, _SHADOW, 1, cv2.LINE_AA)
    cv2.putText(picture, words, (x, y), _FONT, size, colour, 1, cv2.LINE_AA)
