"""The overlay drawn the plain way: all of it anew, in RGB, over whole pictures. The fast way must give the same."""
import cv2
import numpy as np

from service.analysis import mirrored_difference
from service.messages import ADJUNCT_NOTICE
from service.overlay import _levels, _put, _smooth, _ticks, _width, automatic_span
from service.palettes import palette

TINTS = np.array([(0, 0, 0), (90, 240, 255), (60, 200, 90), (40, 130, 255), (150, 255, 40), (150, 200, 255),
                  (170, 255, 190), (190, 160, 255)], np.uint8)
PAPER, INK, SHADOW = 24, (255, 255, 255), (0, 0, 0)
FONT = cv2.FONT_HERSHEY_SIMPLEX
HEIGHT, COLUMN, STRIP = 480, 66, 44


def draw(result, palette_name, layer, span):
    """As `draw_overlay`."""
    thermogram = result.thermogram
    size = (int(round(thermogram.width * HEIGHT / float(thermogram.height))), HEIGHT)
    span = span or automatic_span(thermogram, result.body)
    picture, table, span = _layer(result, layer, _colours_of(palette(palette_name)), span, size)
    picture = np.ascontiguousarray(picture)
    if result.labels is not None:
        labels = _smooth(cv2.resize(result.labels, size, interpolation=cv2.INTER_NEAREST))
        around = np.ones((3, 3), np.uint8)
        highest = cv2.dilate(labels, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
        line = highest != cv2.erode(labels, around)
        picture[cv2.dilate(line.astype(np.uint8), around) > 0] = SHADOW
        picture[line] = TINTS[highest[line]]
        _spots(picture, result, size)
    if str(result.view).startswith(('left', 'right')):
        label = result.view.replace('-', ' ') + ' view'
        picture[:40, :cv2.getTextSize(label, FONT, 0.8, 1)[0][0] + 18] //= 4
        _write(picture, label, 9, 28, 0.8)
    else:
        for letter, left in (('R', 0), ('L', size[0] - 40)):
            picture[:40, left:left + 40] //= 4
            _write(picture, letter, left + 9, 30, 1.0)
    if result.refusals:
        sentence = result.refusals[0].sentence
        picture[HEIGHT - 64:] //= 3
        _write(picture, 'No result', 12, HEIGHT - 38, 0.8)
        _write(picture, sentence, 12, HEIGHT - 12, _fitting(sentence, size[0] - 24))

    canvas = np.full((HEIGHT + STRIP, size[0] + COLUMN, 3), PAPER, np.uint8)
    canvas[:HEIGHT, :size[0]] = picture
    _scale(canvas, size[0] + 8, table, span if thermogram.is_celsius else None)
    words = ADJUNCT_NOTICE.split(' ')
    half = min(range(1, len(words)), key=lambda k: abs(len(' '.join(words[:k])) - len(ADJUNCT_NOTICE) / 2.0))
    lines = (' '.join(words[:half]), ' '.join(words[half:]))
    for row, line in enumerate(lines):
        _write(canvas, line, 8, HEIGHT + 18 + 18 * row, min(_fitting(part, canvas.shape[1] - 16) for part in lines))
    return canvas[:, :, ::-1]


def _layer(result, name, table, span, size):
    pixels, grey = result.thermogram.pixels, _colours_of(palette('grey'))
    if name == 'equalised' and result.prepared is not None:
        seen = result.prepared.fit.cut(result.prepared.picture)
        seen = seen if seen.ndim == 3 else palette('grey')[seen]
        return cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR), grey, None
    if name == 'regions' and result.labels is not None:
        tint = TINTS[cv2.resize(result.labels, size, interpolation=cv2.INTER_NEAREST)]
        under = _colours(pixels, span, grey, size)
        return np.where(tint.any(axis=2, keepdims=True), under // 2 + tint // 2, under), grey, span
    if name == 'difference' and result.breasts is not None:
        difference = mirrored_difference(result.body, result.breasts)
        full = 2.0 if result.thermogram.is_celsius else 40.0
        position = np.linspace(-1, 1, 256)[:, np.newaxis]
        ends = np.where(position < 0, np.float64((30, 70, 220)), np.float64((200, 20, 20)))
        table = _colours_of(np.rint(235 + (ends - 235) * np.abs(position)).astype(np.uint8))
        known = cv2.resize(np.isfinite(difference).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        picture = np.where(known[:, :, np.newaxis] > 0, _colours(np.nan_to_num(difference), (-full, full), table, size),
                           _colours(pixels, span, grey, size) // 2)
        return picture, table, (-full, full)
    return _colours(pixels, span, table, size), table, span


def _colours_of(table):
    """As many of 256 colours as there are levels."""
    return table[np.rint(np.linspace(0, 255, 248)).astype(int)]


def _colours(pixels, span, table, size):
    return table[255 - _levels(pixels, span, size[::-1]).astype(int)]


def _spots(picture, result, size):
    thermogram = result.thermogram
    for spot in result.spots:
        x, y = (int(spot.x_px * (size[0] / float(thermogram.width))),
                int(spot.y_px * (HEIGHT / float(thermogram.height))))
        cv2.drawMarker(picture, (x, y), SHADOW, cv2.MARKER_CROSS, 16, 4)
        cv2.drawMarker(picture, (x, y), INK, cv2.MARKER_CROSS, 16, 2)
        if thermogram.is_celsius:
            _write(picture, '%.1f °C' % spot.value, min(x + 12, size[0] - 78), max(y - 8, 18))


def _scale(canvas, x, table, span):
    canvas[26:HEIGHT - 26, x:x + 19] = cv2.resize(np.ascontiguousarray(table[::-1, np.newaxis]), (19, HEIGHT - 52),
                                                  interpolation=cv2.INTER_LINEAR)
    _write(canvas, 'not °C' if span is None else '°C', x - 6, 18)
    for degree in () if span is None else _ticks(*span):
        line = 26 + int(round((span[1] - degree) / (span[1] - span[0]) * (HEIGHT - 53)))
        cv2.line(canvas, (x + 19, line), (x + 24, line), INK, 1)
        _write(canvas, '%d' % degree, x + 28, line + 6)


def _fitting(words, width_px):
    return 0.55 * min(1.0, width_px / float(_width(words, 0.55)))


def _write(picture, words, x, y, size=0.55):
    black, white = np.zeros_like(picture), np.full_like(picture, 255)
    for under in (black, white):
        for dx, dy, colour in ((-1, 0, SHADOW), (1, 0, SHADOW), (0, -1, SHADOW), (0, 1, SHADOW), (0, 0, INK)):
            _put(under, words, (x + dx, y + dy), size, colour)
    picture[:] = cv2.add(cv2.multiply(picture, white - black, scale=1 / 255.0), black)
