"""The span of temperatures that a picture's palette covers, and the scale drawn beside it."""
import functools

import cv2
import numpy as np

from .letters import INK, PAPER, write

SCALE_WIDTH_PX = 66

#: Left edge and width of the scale's colours within it, and what is above and below them, in pixels.
_BAR_LEFT_PX, _BAR_WIDTH_PX, _HEAD_PX = 8, 19, 26
#: Above and below a degree's line: its number is within, and the next degree's is not.
_TICK_REACH_PX = 14

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


def colourise(pixels, span, table, out=None):
    """A frame in a palette.

    Args:
        pixels (numpy.ndarray): float32 HxW, overwritten.
        span (tuple): values of the table's ends.
        table (numpy.ndarray): uint8 256x3.
        out (numpy.ndarray): uint8 HxWx3 that receives the picture, part of a larger one or not; None for a new one.
    Returns:
        numpy.ndarray: uint8 HxWx3 in the table's channel order.
    """
    return look_up(levels_of(pixels, span), table, out)


def levels_of(pixels, span):
    """Where values lie in a span: uint8 HxW, 0 at its low end and below, 255 at its high end and above. The float32
    HxW pixels are overwritten: memory for another such picture would take longer to get than the sums.
    """
    low, high = span
    pixels -= np.float32(low)
    pixels *= np.float32(255.0 / (high - low))
    # As numpy.clip with 0 and 255, in less time.
    cv2.threshold(pixels, 255, 0, cv2.THRESH_TRUNC, pixels)
    cv2.threshold(pixels, 0, 0, cv2.THRESH_TOZERO, pixels)
    return pixels.astype(np.uint8)


def look_up(levels, table, out=None):
    """``table[levels]``, several times as fast: uint8 HxW levels and a uint8 256x3 table give uint8 HxWx3."""
    return cv2.applyColorMap(levels, table.reshape(256, 1, 3), out)


def draw_scale(column, table, span_c):
    """Draw the palette with whole-degree values; where its colours are no degrees it says so.

    Args:
        column (numpy.ndarray): uint8 H x `SCALE_WIDTH_PX` x 3, replaced.
        table (numpy.ndarray): uint8 256x3 palette in the picture's channel order.
        span_c (tuple): low and high end in degrees Celsius; None where there are no degrees.
    """
    height = column.shape[0]
    column[:] = _bar(table.tobytes(), height, span_c is not None)
    if span_c is None:
        return
    low, high = span_c
    for degree in _ticks(low, high):
        line = _HEAD_PX + int(round((high - degree) / (high - low) * (height - 2 * _HEAD_PX - 1)))
        column[line - _TICK_REACH_PX:line + _TICK_REACH_PX + 1, _BAR_LEFT_PX + _BAR_WIDTH_PX:] = _tick(degree)


@functools.lru_cache(maxsize=16)
def _bar(colours, height, is_celsius):
    """The scale without its degrees, read-only; `colours` are the bytes of a table, which a cache can be asked for."""
    column = np.full((height, SCALE_WIDTH_PX, 3), PAPER, np.uint8)
    table = np.frombuffer(colours, np.uint8).reshape(256, 1, 3)
    bar = cv2.resize(np.ascontiguousarray(table[::-1]), (_BAR_WIDTH_PX, height - 2 * _HEAD_PX),
                     interpolation=cv2.INTER_LINEAR)
    column[_HEAD_PX:height - _HEAD_PX, _BAR_LEFT_PX:_BAR_LEFT_PX + _BAR_WIDTH_PX] = bar
    write(column, 'C' if is_celsius else 'not C', _BAR_LEFT_PX, 18)
    column.setflags(write=False)
    return column


@functools.lru_cache(maxsize=256)
def _tick(degree):
    """The line and the number of one degree, with what is right of the bar around them; read-only."""
    tick = np.full((2 * _TICK_REACH_PX + 1, SCALE_WIDTH_PX - _BAR_LEFT_PX - _BAR_WIDTH_PX, 3), PAPER, np.uint8)
    cv2.line(tick, (0, _TICK_REACH_PX), (5, _TICK_REACH_PX), INK, 1)
    write(tick, '%d' % degree, 9, _TICK_REACH_PX + 6)
    tick.setflags(write=False)
    return tick


def _ticks(low, high):
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10000) if (high - low) / step <= 12)
    return range(int(np.ceil(low / step)) * step, int(np.floor(high)) + 1, step)
