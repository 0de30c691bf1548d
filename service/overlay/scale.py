"""The span of temperatures that a picture's palette covers, and the scale drawn beside it."""
import cv2
import numpy as np

#: Part of the body's pixels left out at either end of an automatic span.
_TAIL_PERCENT = 1.0

#: Narrowest span, so that a nearly uniform body does not turn noise into colour.
_MIN_SPAN_C = 4.0
_MIN_SPAN_GREY = 32.0


def automatic_span(thermogram, body):
    """Low and high end of the palette for one frame, from its body alone, in the frame's own unit.

    Args:
        thermogram (Thermogram): the frame.
        body (Body): its body; the whole frame is used where there is none.
    Returns:
        tuple of float: (low, high).
    """
    values = body.reduced[body.mask] if body.mask.any() else body.reduced
    low, high = (float(end) for end in np.percentile(values, (_TAIL_PERCENT, 100 - _TAIL_PERCENT)))
    missing = (_MIN_SPAN_C if thermogram.is_celsius else _MIN_SPAN_GREY) - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    if not thermogram.is_celsius:
        return max(0.0, low), min(255.0, high)
    return low, high


def colourise(pixels, span, table):
    """A frame in a palette: uint8 HxWx3 in the table's channel order."""
    low, high = span
    levels = (pixels - np.float32(low)) * np.float32(255.0 / (high - low))
    np.clip(levels, 0, 255, out=levels)
    return np.take(table, levels.astype(np.uint8), axis=0)


def draw_scale(canvas, box, table, span_c, ink, text):
    """Draw the palette with whole-degree values; where its colours are no degrees it says so.

    Args:
        canvas (numpy.ndarray): uint8 HxWx3, drawn on.
        box (tuple): (x, y, width, height) in pixels that the scale may use.
        table (numpy.ndarray): uint8 256x3 palette.
        span_c (tuple): low and high end in degrees Celsius; None where there are no degrees.
        ink (tuple): colour of lines and letters.
        text (callable): draws text: ``text(canvas, words, x, y, colour)``.
    """
    x, y, width, height = box
    head = 26
    bar = cv2.resize(np.ascontiguousarray(table[::-1, np.newaxis]), (width // 3, height - 2 * head),
                     interpolation=cv2.INTER_LINEAR)
    canvas[y + head:y + height - head, x:x + width // 3] = bar
    if span_c is None:
        text(canvas, 'not C', x, y + 18, ink)
        return
    text(canvas, 'C', x, y + 18, ink)
    low, high = span_c
    for degree in _ticks(low, high):
        line = y + head + int(round((high - degree) / (high - low) * (height - 2 * head - 1)))
        cv2.line(canvas, (x + width // 3, line), (x + width // 3 + 5, line), ink, 1)
        text(canvas, '%d' % degree, x + width // 3 + 9, line + 6, ink)


def _ticks(low, high):
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10000) if (high - low) / step <= 12)
    return range(int(np.ceil(low / step)) * step, int(np.floor(high)) + 1, step)
