"""The overlay: the thermogram in a palette with everything that was found drawn on it."""
import math

import cv2
import numpy as np

from .layers import draw_layer
from .letters import INK, NOTICE_HEIGHT_PX, SHADOW, fitting, notice_strip, write
from .scale import SCALE_WIDTH_PX, automatic_span, draw_scale
from .tables import TINTS, bgr_palette

#: Height of the drawn picture in pixels. Small sensors are enlarged to it, so that lines and letters
#: stay as fine as on a large one.
PICTURE_HEIGHT_PX = 480

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
    table = bgr_palette(palette_name)
    span = span or automatic_span(thermogram, result.body)
    width = int(round(thermogram.width * PICTURE_HEIGHT_PX / float(thermogram.height)))
    canvas = np.empty((PICTURE_HEIGHT_PX + NOTICE_HEIGHT_PX, width + SCALE_WIDTH_PX, 3), np.uint8)
    picture = canvas[:PICTURE_HEIGHT_PX, :width]
    drawn = draw_layer(result, layer, table, span, picture)
    if result.labels is not None:
        _draw_regions(picture, result)
        _draw_spots(picture, result)
    _draw_sides(picture)
    if result.refusals:
        _draw_refusal(picture, result.refusals[0])
    draw_scale(canvas[:PICTURE_HEIGHT_PX, width:], drawn.table, drawn.span if thermogram.is_celsius else None)
    canvas[PICTURE_HEIGHT_PX:] = notice_strip(canvas.shape[1])
    return canvas


def _draw_regions(picture, result):
    """Outlines, searched only where the region is."""
    labels = result.labels
    height, width = picture.shape[:2]
    enlarged = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    for region, (rows, columns) in sorted(result.boxes.items()):
        top, bottom = _reach(rows, height / float(labels.shape[0]), height)
        left, right = _reach(columns, width / float(labels.shape[1]), width)
        mask = cv2.inRange(enlarged[top:bottom, left:right], region, region)
        # The last but one of the returned values is the contours, in OpenCV 3 as in 4.
        contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))[-2]
        cv2.drawContours(picture, contours, -1, SHADOW, 4)
        cv2.drawContours(picture, contours, -1, TINTS[region].tolist(), 2)


def _reach(part, scale, end):
    """(start, stop) of a slice of pixels after enlarging, a pixel wider for its rounding, within 0..end."""
    return max(0, int(part.start * scale) - 1), min(end, int(math.ceil(part.stop * scale)) + 1)


def _draw_spots(picture, result):
    scale_y = picture.shape[0] / float(result.thermogram.height)
    scale_x = picture.shape[1] / float(result.thermogram.width)
    for spot in result.spots:
        centre = (int(spot.x_px * scale_x), int(spot.y_px * scale_y))
        for colour, thickness in ((SHADOW, 4), (INK, 2)):
            cv2.drawMarker(picture, centre, colour, cv2.MARKER_CROSS, 16, thickness)
        if result.thermogram.is_celsius:
            x = min(centre[0] + 12, picture.shape[1] - 50)
            write(picture, '%.1f' % spot.value, x, max(centre[1] - 8, 18))


def _draw_sides(picture):
    """R and L of the patient, drawn into the picture so that no copy of it loses them; on a patch of
    their own, so that no contour crosses them out.
    """
    width = picture.shape[1]
    for letter, left in (('R', 0), ('L', width - _MARK_PX)):
        picture[:_MARK_PX, left:left + _MARK_PX] //= 4
        write(picture, letter, left + 9, _MARK_PX - 10, size=1.0)


def _draw_refusal(picture, check):
    height = picture.shape[0]
    picture[height - 64:] //= 3
    write(picture, 'No result', 12, height - 38, size=0.8)
    sentence = check.sentence.replace('°', '')  # OpenCV's font is ASCII
    write(picture, sentence, 12, height - 12, size=fitting(sentence, picture.shape[1] - 24))
