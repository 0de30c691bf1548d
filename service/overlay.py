"""The overlay: what an operator sees of a result."""
import functools
import math
import unicodedata
from dataclasses import dataclass, replace
from typing import NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from .analysis import mirrored_difference, percentile
from .body import Body, find_body
from .degrees import CELSIUS, FAHRENHEIT, SIGNS, fahrenheit, shown
from .explanation import strongest
from .messages import ADJUNCT_NOTICE, Message
from .palettes import palette
from .regions import Box, resize_labels
from .result import Result
from .thermogram import MIN_SIDE_PX, Thermogram
from .views import SIDE_VIEWS, view_label

#: What can lie under the contours.
LAYERS = ('original', 'equalised', 'regions', 'difference')

#: Low and high end of a palette, in the frame's own unit.
Span = Tuple[float, float]

#: Height of the drawn picture in pixels. Small sensors are enlarged to it, so that lines and letters stay as fine as
#: on a large one.
PICTURE_HEIGHT_PX = 480

NOTICE_HEIGHT_PX = 44
SCALE_WIDTH_PX = 66

#: Columns of a contact sheet, and the room in it for one overlay with its two lines of text, in pixels.
_SHEET_COLUMNS = 4
_CELL_WIDTH_PX, _CELL_HEIGHT_PX, _CAPTION_HEIGHT_PX = 400, 300, 48

#: Side of the patch under R and L, and its height under the name of a view, with that name's size.
_MARK_PX, _VIEW_SIZE = 40, 0.8

#: Room around letters for their rim, in pixels.
_RIM_PX = 3
#: Room of a degree sign, in radii of its circle.
_DEGREE_RADII = 3

#: Left edge and width of the colours in the scale, and the space above and below them, in pixels.
_BAR_LEFT_PX, _BAR_WIDTH_PX, _HEAD_PX = 8, 19, 26
#: Left end of the unit over it, which ends before the highest degree's number.
_UNIT_LEFT_PX = 2
#: Reach above and below a degree's line that holds its number, but not the next degree's.
_TICK_REACH_PX = 14

#: Part of the body's pixels left out at either end of an automatic span.
_TAIL_PERCENT = 1.0
#: Narrowest automatic span, so that a nearly uniform body does not turn noise into colour.
_MIN_SPAN_C = 4.0
_MIN_SPAN_GREY = 32.0

#: Full colour of the difference map at this difference.
_DIFFERENCE_SPAN_C = 2.0
_DIFFERENCE_SPAN_GREY = 40.0

#: An explanation is drawn in one colour (BGR), which no palette of temperatures has; how much of the picture it covers
#: where it is brightest; and the least that is drawn so bright, in log odds. Own.
_EXPLANATION, _EXPLANATION_COVERS, _EXPLANATION_LEAST = (230, 255, 80), 0.8, 0.5

#: So many times the time constant of its breast, and more, is drawn as bright as an explanation's strongest place: low
#: enough that a place just above the limit is seen on bright skin too. Own, by eye.
SLOWEST = 1.5

#: Grey level around the picture.
_PAPER = 24
_INK = (255, 255, 255)
_SHADOW = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX

#: Colour of a region's tint (BGR), by id; of the background, that of the rim. Blues and greens, which the iron palette
#: does not contain. Sides differ in brightness too, so that they stay apart without colour vision.
_TINTS = np.array([(0, 0, 0), (255, 240, 90), (90, 200, 60), (255, 130, 40), (40, 255, 150), (255, 200, 150),
                   (190, 255, 170), (255, 160, 190)], np.uint8)
_COOLER, _SAME, _WARMER = (220, 70, 30), (235, 235, 235), (20, 20, 200)

#: Where the colours of values begin in a table; those of outlines come before, so that one look-up draws both.
_HOTTEST = len(_TINTS)
_COLOURS = 256 - _HOTTEST


def _table(colours: np.ndarray) -> np.ndarray:
    """What `_look_up` takes: uint8 256x4, BGR and a byte that is not used; the tints and then colours, hottest first.

    Args:
        colours: uint8 256x3, BGR, coldest first. Eight are left out, which nobody sees.
    """
    table = np.zeros((256, 4), np.uint8)
    table[:_HOTTEST, :3] = _TINTS
    table[_HOTTEST:, :3] = colours[np.rint(np.linspace(255, 0, _COLOURS)).astype(int)]
    table.setflags(write=False)
    return table


@functools.lru_cache(maxsize=None)
def _palette_table(name: str) -> np.ndarray:
    return _table(palette(name)[:, ::-1])


def _diverging() -> np.ndarray:
    """256 colours from cooler over the same to warmer."""
    position = np.linspace(-1, 1, 256)[:, np.newaxis]
    ends = np.where(position < 0, np.array(_COOLER, np.float64), np.array(_WARMER, np.float64))
    return np.rint(_SAME + (ends - _SAME) * np.abs(position)).astype(np.uint8)


_DIVERGING, _GREY = _table(_diverging()), _palette_table('grey')
#: Half as bright, to lie under something, or tints over it.
_GREY_HALF = _GREY // 2

#: An outline reaches two pixels out of its region and one into it; its rim a pixel further.
_OUT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_IN = _FURTHER = np.ones((3, 3), np.uint8)
_OUTLINE_REACH_PX = 3
#: What `_outlines` gives where there are none.
_NO_OUTLINES = (slice(1), slice(1)), np.full((1, 1), 255, np.uint8)


@dataclass(frozen=True, eq=False)
class Layer:
    """The scale of a picture.

    Attributes:
        table: of the scale, as of `_table`.
        span: what the ends of the table stand for; None where the colours stand for no value.
    """

    table: np.ndarray
    span: Optional[Span]


def draw_overlay(result: Result, palette_name: str = 'iron', layer: str = 'original', span: Optional[Span] = None,
                 unit: str = CELSIUS) -> np.ndarray:
    """Draw one result.

    Args:
        result: with or without regions; a 'no result' has its first reason across the picture.
        palette_name: a name of `service.palettes`.
        layer: one of `LAYERS`.
        span: of the palette; None for an automatic one.
        unit: of the numbers in it, one of `service.degrees.SIGNS`.

    Returns:
        uint8 HxWx3, BGR as OpenCV encodes it.

    Raises:
        InputError: ``palette-unknown``.
    """
    thermogram = result.thermogram
    table = _palette_table(palette_name)
    span = span or automatic_span(thermogram, result.body)
    width = _picture_width(thermogram)
    canvas = np.empty((PICTURE_HEIGHT_PX + NOTICE_HEIGHT_PX, width + SCALE_WIDTH_PX, 3), np.uint8)
    picture = canvas[:PICTURE_HEIGHT_PX, :width]
    drawn = draw_layer(result, layer, table, span, picture)
    _draw_spots(picture, result, unit)
    if result.view in SIDE_VIEWS:
        _draw_view(picture, view_label(result.view))
    else:
        _draw_sides(picture)
    if result.refusals:
        _draw_refusal(picture, result.refusals[0])
    _draw_scale(canvas[:PICTURE_HEIGHT_PX, width:], drawn.table, drawn.span if thermogram.is_celsius else None, unit)
    canvas[PICTURE_HEIGHT_PX:] = _notice_strip(canvas.shape[1])
    return canvas


def draw_picture(result: Result, palette_name: str, layer: str, span: Optional[Span] = None, outlined: bool = False
                 ) -> np.ndarray:
    """Draw one layer alone, for a page or a report that has marks, scale and notice of its own.

    Args:
        result, palette_name, layer, span: as of `draw_overlay`.
        outlined: whether the outlines of its regions are drawn over it.

    Returns:
        uint8 HxWx3, BGR, `PICTURE_HEIGHT_PX` high.

    Raises:
        InputError: ``palette-unknown``.
    """
    picture = np.empty((PICTURE_HEIGHT_PX, _picture_width(result.thermogram), 3), np.uint8)
    draw_layer(result, layer, _palette_table(palette_name), span or automatic_span(result.thermogram, result.body),
               picture, outlined)
    return picture


def draw_outlines(result: Result) -> np.ndarray:
    """The outlines that `draw_overlay` draws, alone: uint8 HxWx4, BGRA, transparent where there are none."""
    drawn = np.zeros((PICTURE_HEIGHT_PX, _picture_width(result.thermogram), 4), np.uint8)
    area, outlines = _outlines(result, drawn.shape[:2])
    drawn[area][..., :3] = _look_up(outlines, _GREY)
    drawn[area][..., 3] = np.uint8(255) * (outlines != 255)
    return drawn


class ExplanationScale(NamedTuple):
    """What the brightness of an explanation stands for: log odds, 0 where it is dark.

    Attributes:
        strongest: of the map.
        full: where it is as bright as it gets.
    """

    strongest: float
    full: float


def explanation_scale(explained: np.ndarray) -> ExplanationScale:
    """The scale of a map as of `service.explanation`: up to its strongest place, so that a weak map looks weak."""
    value = strongest(explained)[2]
    return ExplanationScale(value, max(value, _EXPLANATION_LEAST))


def draw_explanation(result: Result, explained: np.ndarray) -> np.ndarray:
    """Draw what the network relied on over the grey picture, with the outlines and a cross at the strongest place.

    Args:
        result: with the regions that the model gave.
        explained: float32 HxW of the frame, as of `explanation_map`.

    Returns:
        uint8 HxWx3, BGR, `PICTURE_HEIGHT_PX` high.
    """
    column, row, value = strongest(explained)
    return _draw_share(result, explained / np.float32(explanation_scale(explained).full),
                       (column, row) if value > 0 else None)


def draw_slower(result: Result, slower: np.ndarray, x_px: float, y_px: float) -> np.ndarray:
    """Draw where the breasts warm again more slowly over the grey picture, up to `SLOWEST`, and a cross.

    Args:
        result: of the picture from before the cooling.
        slower: float32 hxw over the whole frame, as of `service.reading.Rewarming`.
        x_px, y_px: of the slowest place, in pixels of the frame.

    Returns:
        uint8 HxWx3, BGR, `PICTURE_HEIGHT_PX` high.
    """
    return _draw_share(result, (slower - 1) / np.float32(SLOWEST - 1), (x_px, y_px))


def _draw_share(result: Result, share: np.ndarray, place: Optional[Tuple[float, float]]) -> np.ndarray:
    """A map over the grey picture, bright where it is 1 or more, and a cross at a place of the frame."""
    picture = draw_picture(result, 'grey', 'original', outlined=True)
    size = picture.shape[:2]
    share = np.nan_to_num(share).clip(0, 1)
    share = _EXPLANATION_COVERS * cv2.resize(share, size[::-1], interpolation=cv2.INTER_LINEAR)[..., np.newaxis]
    picture[...] = np.rint(picture + share * (np.array(_EXPLANATION, np.float32) - picture))
    if place is not None:
        _draw_cross(picture, int(place[0] * size[1] / result.thermogram.width),
                    int(place[1] * size[0] / result.thermogram.height))
    _draw_sides(picture)
    return picture


def layers_of(result: Result) -> Tuple[str, ...]:
    """Those of `LAYERS` that a result has; each of the others would be drawn as the original."""
    there = {'equalised': result.prepared, 'regions': result.labels, 'difference': result.breasts}
    return tuple(layer for layer in LAYERS if layer == 'original' or there[layer] is not None)


def difference_scale(is_celsius: bool) -> Tuple[np.ndarray, Span]:
    """Colours of the layer ``'difference'``, uint8 256x3 RGB, lowest first, and what their ends stand for."""
    full = _DIFFERENCE_SPAN_C if is_celsius else _DIFFERENCE_SPAN_GREY
    return _diverging()[:, ::-1], (-full, full)


def _picture_width(thermogram: Thermogram) -> int:
    return int(round(thermogram.width * PICTURE_HEIGHT_PX / float(thermogram.height)))


def draw_thumbnail(thermogram: Thermogram, palette_name: str) -> np.ndarray:
    """Draw a frame at its own size, without scale, outlines and words: uint8 HxWx3, BGR.

    Raises:
        InputError: ``palette-unknown``.
    """
    span = automatic_span(thermogram, find_body(thermogram))
    return _look_up(_levels(thermogram.pixels, span, thermogram.pixels.shape), _palette_table(palette_name))


def draw_contact_sheet(cells: Sequence[Tuple[np.ndarray, str, str]]) -> np.ndarray:
    """Draw overlays side by side, each with its name and a line about it.

    Args:
        cells: at least one of (uint8 HxWx3 overlay, BGR; name; line), left to right and top to bottom.

    Returns:
        uint8 HxWx3, BGR.
    """
    columns = min(len(cells), _SHEET_COLUMNS)
    rows = -(-len(cells) // columns)
    height = _CELL_HEIGHT_PX + _CAPTION_HEIGHT_PX
    sheet = np.full((rows * height + NOTICE_HEIGHT_PX, columns * _CELL_WIDTH_PX, 3), _PAPER, np.uint8)
    for number, (overlay, name, line) in enumerate(cells):
        row, column = divmod(number, columns)
        cell = sheet[row * height:(row + 1) * height, column * _CELL_WIDTH_PX:(column + 1) * _CELL_WIDTH_PX]
        factor = min((_CELL_WIDTH_PX - 8) / float(overlay.shape[1]), (_CELL_HEIGHT_PX - 8) / float(overlay.shape[0]))
        small = cv2.resize(overlay, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        left = (_CELL_WIDTH_PX - small.shape[1]) // 2
        cell[4:4 + small.shape[0], left:left + small.shape[1]] = small
        for text, base in ((name, 18), (line, 38)):
            text = _ascii(text)
            _write(cell, text, 8, _CELL_HEIGHT_PX + base, size=_fitting(text, _CELL_WIDTH_PX - 16, largest=0.5))
    sheet[-NOTICE_HEIGHT_PX:] = _notice_strip(sheet.shape[1])
    return sheet


def at_picture_size(result: Result) -> Result:
    """A result that is drawn just as this one, without the pixels of a large frame that no picture shows.

    Its labels, boxes and spots are those of the picture, so that it is for drawing alone. Frames no higher than the
    picture come back as they are.
    """
    thermogram = result.thermogram
    width = _picture_width(thermogram)
    if thermogram.height <= PICTURE_HEIGHT_PX or width < MIN_SIDE_PX:
        return result
    size = (width, PICTURE_HEIGHT_PX)
    scale_x, scale_y = width / float(thermogram.width), PICTURE_HEIGHT_PX / float(thermogram.height)
    pixels = cv2.resize(thermogram.pixels, size, interpolation=cv2.INTER_LINEAR)
    labels = None if result.labels is None else cv2.resize(result.labels, size, interpolation=cv2.INTER_NEAREST)
    boxes = {region: (slice(*_reach(rows, scale_y, PICTURE_HEIGHT_PX)), slice(*_reach(columns, scale_x, width)))
             for region, (rows, columns) in result.boxes.items()}
    spots = tuple(replace(spot, x_px=int(spot.x_px * scale_x), y_px=int(spot.y_px * scale_y))
                  for spot in result.spots)
    return replace(result, thermogram=replace(thermogram, pixels=pixels), labels=labels, boxes=boxes, spots=spots)


def automatic_span(thermogram: Thermogram, body: Body) -> Span:
    """The span of the palette for one frame, from its body alone; from the whole frame where there is none."""
    values = body.reduced[body.mask] if body.mask.any() else body.reduced.ravel()
    low, high = percentile(values, _TAIL_PERCENT), percentile(values, 100 - _TAIL_PERCENT)
    missing = (_MIN_SPAN_C if thermogram.is_celsius else _MIN_SPAN_GREY) - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    if not thermogram.is_celsius:
        return max(0.0, low), min(255.0, high)
    return low, high


def draw_layer(result: Result, name: str, table: np.ndarray, span: Span, picture: np.ndarray, outlined: bool = True
               ) -> Layer:
    """Draw a layer of a result; a layer that it does not have is the original.

    Args:
        name: one of `LAYERS`.
        table: of the original, as of `_table`.
        span: of the palette.
        picture: uint8 HxWx3, replaced; may be part of a larger one.
        outlined: whether the outlines of its regions are drawn over it.
    """
    size = picture.shape[:2]
    area, outlines = _outlines(result, size) if outlined else _NO_OUTLINES
    if name == 'equalised' and result.prepared is not None:
        # What the network sees. Its levels are no temperatures any more, so that it has no scale.
        equalised = cv2.resize(result.prepared.fit.cut(result.prepared.picture), size[::-1],
                               interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(equalised, cv2.COLOR_RGB2BGR if equalised.ndim == 3 else cv2.COLOR_GRAY2BGR, picture)
        layer = Layer(_GREY, None)
    elif name == 'regions' and result.labels is not None:
        _draw_tints(result.labels, _levels(result.thermogram.pixels, span, size), picture)
        layer = Layer(_GREY, span)
    elif name == 'difference' and result.breasts is not None:
        ends = difference_scale(result.thermogram.is_celsius)[1]
        _look_up(_levels(result.thermogram.pixels, span, size), _GREY_HALF, picture)
        _draw_difference(mirrored_difference(result.body, result.breasts), ends, picture)
        layer = Layer(_DIVERGING, ends)
    else:
        levels = _levels(result.thermogram.pixels, span, size)
        # Outlines are colours of the same look-up, which takes longer than all else.
        cv2.min(levels[area], outlines, levels[area])
        _look_up(levels, table, picture)
        return Layer(table, span)
    cv2.copyTo(_look_up(outlines, table), cv2.bitwise_not(outlines), picture[area])
    return layer


def _draw_tints(labels: np.ndarray, levels: np.ndarray, picture: np.ndarray) -> None:
    """Every region in its tint over the grey picture."""
    _look_up(levels, _GREY, picture)
    enlarged = resize_labels(labels, levels.shape)
    # Both are at most half as bright, so that their sum is a colour.
    cv2.copyTo(cv2.add(_look_up(levels, _GREY_HALF), _look_up(enlarged, _GREY_HALF)), enlarged, picture)


def _draw_difference(difference_map: np.ndarray, span: Span, picture: np.ndarray) -> None:
    """Warmer than the mirrored other breast in red, cooler in blue."""
    size = picture.shape[:2]
    finite = resize_labels(np.isfinite(difference_map).view(np.uint8), size)
    cv2.copyTo(_look_up(_levels(np.nan_to_num(difference_map), span, size), _DIVERGING), finite, picture)


def _levels(pixels: np.ndarray, span: Span, size: Tuple[int, int]) -> np.ndarray:
    """Where values lie in a span, for looking up: `_HOTTEST` at its high end and above, 255 at its low end and below.

    Args:
        pixels: float32 hxw.
        size: (height, width) of the picture.

    Returns:
        uint8 HxW. The picture is made smaller before and larger after the arithmetic.
    """
    low, high = span
    if pixels.shape[0] > size[0]:
        pixels = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR)
    scale = (_COLOURS - 1) / (high - low)
    capped = cv2.threshold(pixels, high, 0, cv2.THRESH_TRUNC)[1]
    # How far below the high end, which saturates at the low one.
    levels = cv2.convertScaleAbs(capped, None, -scale, scale * high + _HOTTEST)
    return levels if levels.shape == size else cv2.resize(levels, size[::-1], interpolation=cv2.INTER_LINEAR)


def _look_up(levels: np.ndarray, table: np.ndarray, out: Optional[np.ndarray] = None) -> np.ndarray:
    """``table[levels]``, several times as fast: uint8 HxW levels and a table as of `_table` give uint8 HxWx3.

    A colour of four bytes is looked up at once, which even with the way back to three bytes beats `cv2.applyColorMap`.
    """
    colours = cv2.LUT(levels, table.view(np.int32)).view(np.uint8).reshape(levels.shape + (4,))
    return cv2.cvtColor(colours, cv2.COLOR_BGRA2BGR, out)


def _outlines(result: Result, size: Tuple[int, int]) -> Tuple[Box, np.ndarray]:
    """Outlines with a dark rim; where regions meet, they are those of the higher id: a nipple's, not its breast's.

    They lie where the ids around a pixel differ, which is found for all regions together. Contours drawn as thick
    lines take three times as long.

    Args:
        size: (height, width) of the picture.

    Returns:
        The box around all outlines, and uint8 levels in it: the id of a region, 0 on a rim, 255 elsewhere. Without
        regions they are a pixel of 255.
    """
    if result.labels is None or not result.boxes:
        return _NO_OUTLINES
    sides = (slice(min(side.start for side in along), max(side.stop for side in along))
             for along in zip(*result.boxes.values()))
    reaches = (_reach(side, drawn / float(given), drawn)
               for side, drawn, given in zip(sides, size, result.labels.shape))
    rows, columns = (slice(max(0, start - _OUTLINE_REACH_PX), stop + _OUTLINE_REACH_PX) for start, stop in reaches)
    labels = _smooth(resize_labels(result.labels, size))[rows, columns]
    highest = cv2.dilate(labels, _OUT)
    line = cv2.compare(highest, cv2.erode(labels, _IN), cv2.CMP_NE)
    rest = cv2.bitwise_not(cv2.dilate(line, _FURTHER))
    return (rows, columns), cv2.bitwise_or(cv2.bitwise_and(highest, line), rest)


def _smooth(labels: np.ndarray) -> np.ndarray:
    """Ids without the stairs of a network's coarse pixels: medians, at half the size since that costs a fiftieth.

    A median is an id of the neighbourhood; with an odd number of neighbours none is made up.
    """
    half = cv2.medianBlur(np.ascontiguousarray(labels[::2, ::2]), 5)
    smoothed: np.ndarray = cv2.medianBlur(resize_labels(half, labels.shape), 3)
    return smoothed


def _reach(side: slice, scale: float, end: int) -> Tuple[int, int]:
    """(start, stop) of a slice of pixels after enlarging, a pixel wider for its rounding, within 0..end."""
    return max(0, int(side.start * scale) - 1), min(end, int(math.ceil(side.stop * scale)) + 1)


def _draw_spots(picture: np.ndarray, result: Result, unit: str) -> None:
    scale_y = picture.shape[0] / float(result.thermogram.height)
    scale_x = picture.shape[1] / float(result.thermogram.width)
    for spot in result.spots:
        centre = (int(spot.x_px * scale_x), int(spot.y_px * scale_y))
        _draw_cross(picture, *centre)
        if result.thermogram.is_celsius:
            x = min(centre[0] + 12, picture.shape[1] - 78)
            number = '%.1f' % spot.value
            _write(picture, '%s %s' % (shown(number) if unit == FAHRENHEIT else number, SIGNS[unit]), x,
                   max(centre[1] - 8, 18))


def _draw_cross(picture: np.ndarray, x: int, y: int) -> None:
    for colour, thickness in ((_SHADOW, 4), (_INK, 2)):
        cv2.drawMarker(picture, (x, y), colour, cv2.MARKER_CROSS, 16, thickness)


def _draw_sides(picture: np.ndarray) -> None:
    """R and L of the patient, drawn into the picture so that no copy of it loses them.

    They stand on a patch of their own, so that no contour crosses them out.
    """
    width = picture.shape[1]
    for letter, left in (('R', 0), ('L', width - _MARK_PX)):
        picture[:_MARK_PX, left:left + _MARK_PX] >>= 2
        _write(picture, letter, left + 9, _MARK_PX - 10, size=1.0)


def _draw_view(picture: np.ndarray, label: str) -> None:
    """The name of a side view, in which neither edge of the picture is the patient's right or left."""
    width = cv2.getTextSize(label, _FONT, _VIEW_SIZE, 1)[0][0]
    picture[:_MARK_PX, :width + 18] >>= 2
    _write(picture, label, 9, _MARK_PX - 12, size=_VIEW_SIZE)


def _draw_refusal(picture: np.ndarray, check: Message) -> None:
    height = picture.shape[0]
    picture[height - 64:] //= 3
    _write(picture, 'No result', 12, height - 38, size=0.8)
    sentence = check.sentence
    _write(picture, sentence, 12, height - 12, size=_fitting(sentence, picture.shape[1] - 24))


def _draw_scale(column: np.ndarray, table: np.ndarray, span_c: Optional[Span], unit: str) -> None:
    """Draw the palette with its whole degrees; where its colours are no degrees it says so.

    Args:
        column: uint8 H x `SCALE_WIDTH_PX` x 3, replaced.
        table: as of `_table`.
        span_c: None where there are no degrees.
        unit: of the degrees.
    """
    height = column.shape[0]
    column[:] = _bar(table.tobytes(), height, SIGNS[unit] if span_c else 'not °C')
    if span_c is None:
        return
    low, high = map(fahrenheit, span_c) if unit == FAHRENHEIT else span_c
    for degree in _ticks(low, high):
        line = _HEAD_PX + int(round((high - degree) / (high - low) * (height - 2 * _HEAD_PX - 1)))
        column[line - _TICK_REACH_PX:line + _TICK_REACH_PX + 1, _BAR_LEFT_PX + _BAR_WIDTH_PX:] = _tick(degree)


@functools.lru_cache(maxsize=16)
def _bar(colours: bytes, height: int, head: str) -> np.ndarray:
    """The scale without its degrees, read-only; `colours` are the bytes of a table, which a cache can be asked for."""
    column = np.full((height, SCALE_WIDTH_PX, 3), _PAPER, np.uint8)
    table = np.frombuffer(colours, np.uint8).reshape(256, 1, 4)[_HOTTEST:, :, :3]
    bar = cv2.resize(np.ascontiguousarray(table), (_BAR_WIDTH_PX, height - 2 * _HEAD_PX),
                     interpolation=cv2.INTER_LINEAR)
    column[_HEAD_PX:height - _HEAD_PX, _BAR_LEFT_PX:_BAR_LEFT_PX + _BAR_WIDTH_PX] = bar
    _write(column, head, _UNIT_LEFT_PX, 18)
    column.setflags(write=False)
    return column


@functools.lru_cache(maxsize=256)
def _tick(degree: int) -> np.ndarray:
    """The line and the number of one degree, with what is right of the bar around them; read-only."""
    tick = np.full((2 * _TICK_REACH_PX + 1, SCALE_WIDTH_PX - _BAR_LEFT_PX - _BAR_WIDTH_PX, 3), _PAPER, np.uint8)
    cv2.line(tick, (0, _TICK_REACH_PX), (5, _TICK_REACH_PX), _INK, 1)
    _write(tick, '%d' % degree, 9, _TICK_REACH_PX + 6)
    tick.setflags(write=False)
    return tick


def _ticks(low: float, high: float) -> range:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10000) if (high - low) / step <= 12)
    return range(int(np.ceil(low / step)) * step, int(np.floor(high)) + 1, step)


# A station has one camera, and opens files of other shapes now and then.
@functools.lru_cache(maxsize=8)
def _notice_strip(width_px: int) -> np.ndarray:
    """The adjunct notice in two lines, as large as the width allows.

    Returns:
        uint8 `NOTICE_HEIGHT_PX` x `width_px` x 3, drawn once and read-only.
    """
    strip = np.full((NOTICE_HEIGHT_PX, width_px, 3), _PAPER, np.uint8)
    words = ADJUNCT_NOTICE.split(' ')
    half = min(range(1, len(words)), key=lambda k: abs(len(' '.join(words[:k])) - len(ADJUNCT_NOTICE) / 2.0))
    lines = [' '.join(words[:half]), ' '.join(words[half:])]
    size = min(_fitting(line, width_px - 16) for line in lines)
    for row, line in enumerate(lines):
        _write(strip, line, 8, 18 + 18 * row, size=size)
    strip.setflags(write=False)
    return strip


def _write(picture: np.ndarray, text: str, x: int, y: int, size: float = 0.55) -> None:
    """Draw white letters with a dark rim.

    Args:
        picture: uint8 HxWx3, drawn on.
        text: ASCII, and °.
        x, y: left end of the base line, in pixels.
        size: OpenCV's scale of the font.
    """
    kept, added, above = _letters(text, size)
    top, left = y - above, x - _RIM_PX
    place = picture[max(0, top):max(0, top + kept.shape[0]), max(0, left):max(0, left + kept.shape[1])]
    if place.size:  # a narrow picture cuts them off
        shown = tuple(slice(max(0, -start), max(0, -start) + side) for start, side in zip((top, left), place.shape))
        cv2.add(cv2.multiply(place, kept[shown], scale=1 / 255.0), added[shown], place)


@functools.lru_cache(maxsize=128)
def _letters(text: str, size: float) -> Tuple[np.ndarray, np.ndarray, int]:
    """A text as it is laid over a picture, which drawing it anew would take five times as long.

    The rim is the same letters moved by a pixel, not thicker ones: since OpenCV 5 a thicker letter is also wider.

    Returns:
        uint8 HxWx3, of 255, what is kept of the picture; uint8 HxWx3, what is added; and the rows above the base line.
    """
    (_, height), below = cv2.getTextSize(text, _FONT, size, 1)
    width, above = _width(text, size), height + _RIM_PX
    on_black = np.zeros((above + below + _RIM_PX, width + 2 * _RIM_PX, 3), np.uint8)
    on_white = np.full_like(on_black, 255)
    for under in (on_black, on_white):
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)):
            _put(under, text, (_RIM_PX + dx, above + dy), size, _SHADOW if dx or dy else _INK)
    return cv2.subtract(on_white, on_black), on_black, above


def _put(picture: np.ndarray, text: str, at: Tuple[int, int], size: float, colour: Tuple[int, int, int]) -> None:
    """`cv2.putText` of a text that may have degrees, for which OpenCV's ASCII has no sign: small circles."""
    x, y = at
    radius = max(2, int(round(5 * size)))
    for number, part in enumerate(text.split('°')):
        if number:
            cv2.circle(picture, (x + radius, y - int(round(19 * size)) + radius), radius, colour, 1, cv2.LINE_AA)
            x += _DEGREE_RADII * radius
        cv2.putText(picture, part, (x, y), _FONT, size, colour, 1, cv2.LINE_AA)
        x += cv2.getTextSize(part, _FONT, size, 1)[0][0] if part else 0


def _width(text: str, size: float) -> int:
    """Pixels from the left end of a text as `_put` draws it to its right end."""
    plain: int = cv2.getTextSize(text.replace('°', ''), _FONT, size, 1)[0][0]
    return plain + text.count('°') * _DEGREE_RADII * max(2, int(round(5 * size)))


def _ascii(text: str) -> str:
    """A text in the letters that OpenCV's font has: without accents, and ? for what is no Latin letter."""
    plain = (letter for letter in unicodedata.normalize('NFKD', text) if not unicodedata.combining(letter))
    return ''.join(plain).encode('ascii', 'replace').decode('ascii')


def _fitting(text: str, width_px: int, largest: float = 0.55) -> float:
    """The font's scale at which a text is at most so wide, and no larger than `largest`."""
    natural = _width(text, largest)
    return largest * min(1.0, width_px / float(natural))
