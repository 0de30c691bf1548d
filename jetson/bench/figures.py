"""Three figures of a benchmark: how the times are distributed, where they go, and how they change.

Drawn with OpenCV, which every board has.
"""
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from .formatting import describe_backend, milliseconds, stage_name
from .runs import STAGES, in_order

Document = Dict[str, Any]
Colour = Tuple[int, int, int]
Points = Sequence[Tuple[float, float]]
#: left, top, right, bottom
Box = Tuple[float, float, float, float]

#: BGR, distinguishable for colour-blind readers as well [OkabeIto2008].
COLOURS: Tuple[Colour, ...] = (
    (178, 114, 0), (0, 159, 230), (115, 158, 0), (0, 94, 213), (150, 150, 20), (167, 121, 204), (233, 180, 86),
    (66, 228, 240), (120, 120, 120), (60, 60, 160), (80, 40, 20))
INK, FAINT, PAPER = (50, 50, 50), (225, 225, 225), (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Drawn so many times larger and reduced at the end, for smooth lines and letters.
_SCALE = 2

WIDTH = 1000
_LEFT, _RIGHT = 70, WIDTH - 30
_RUN_COLOURS = {'closed': COLOURS[0], 'paced': COLOURS[1]}
#: Red is reserved for what invalidates a measurement.
_WARNING = (30, 30, 200)
_MARKS = (('p50_ms', 'p50'), ('p90_ms', 'p90'), ('p99_ms', 'p99'))
_MIN_BAR_PX = 6.0
#: Dots per run. Of more frames, one in every few is drawn, and all the slowest ones.
_MAX_DOTS = 6000


def draw(document: Document) -> Dict[str, bytes]:
    """The figures of a benchmark, as of `Session.document`: PNG data by file name."""
    return {'histogram.png': histogram(document), 'stages.png': stages(document), 'time.png': over_time(document)}


def histogram(document: Document) -> bytes:
    """Distribution of the times of whole frames: one panel per run, on the same scale."""
    runs = _measured(document)
    canvas = Canvas(WIDTH, 90 + 250 * len(runs))
    _title(canvas, document, 'Latency of whole frames, none left out')
    low = min(run['end_to_end']['min_ms'] for run in runs) * 0.95
    high = max(run['end_to_end']['max_ms'] for run in runs) * 1.05
    for row, run in enumerate(runs):
        whole = run['end_to_end']
        counts, edges = whole['histogram']['counts'], whole['histogram']['edges_ms']
        top = 120 + 250 * row
        axes = Axes(canvas, (_LEFT, top, _RIGHT, top + 150), (low, high), (0, max(counts) * 1.35), log_x=True)
        axes.frame('ms from frame to encoded picture (logarithmic)', '%s: frames per bar, n = %d'
                   % (run['mode'], run['n']), log_ticks(low, high),
                   [tick for tick in round_ticks(0, max(counts), 5) if tick == int(tick)])
        for count, left, right in zip(counts, edges, edges[1:]):
            if count:
                (x0, y0), (x1, y1) = axes.place(left, 0), axes.place(right, count)
                # Times that hardly differ must still give a visible bar.
                spare = max(0.0, _MIN_BAR_PX - (x1 - x0)) / 2.0
                canvas.box(x0 - spare, y0, x1 + spare, y1, _RUN_COLOURS[run['mode']])
        _marks(canvas, axes, whole)
    return canvas.png()


def _marks(canvas: 'Canvas', axes: 'Axes', whole: Document) -> None:
    """Percentiles as lines, with labels one below the other so that they never overlap."""
    for row, (key, name) in enumerate(_MARKS):
        x, _ = axes.place(whole[key], 0)
        y = axes.box[1] + 15 * row
        canvas.line(x, y, x, axes.box[3], INK)
        label = '%s %s' % (name, milliseconds(whole[key]))
        width = canvas.measure(label, 0.42)
        left = x + 4 if x + 8 + width < WIDTH else x - 4 - width
        canvas.box(left - 1, y, left + width + 1, y + 14, PAPER)
        canvas.text(label, left, y + 11, 0.42)


def stages(document: Document) -> bytes:
    """Stages of the mean frame: one bar per run."""
    runs = _measured(document)
    canvas = Canvas(WIDTH, 190 + 70 * len(runs))
    _title(canvas, document, 'Stages of the mean frame')
    longest = max(run['end_to_end']['mean_ms'] for run in runs)
    axes = Axes(canvas, (_LEFT, 95, _RIGHT, 95 + 70 * len(runs)), (0, longest * 1.12), (0, len(runs)))
    axes.frame('ms', '', y_ticks=())
    for row, run in enumerate(runs):
        _bar(canvas, axes, run, len(runs) - row)
    present = in_order({stage for run in runs for stage in run['stages']})
    x: float = _LEFT
    for stage in present:
        label = stage_name(stage)
        canvas.box(x, canvas.height - 30, x + 12, canvas.height - 18, COLOURS[STAGES.index(stage)])
        canvas.text(label, x + 17, canvas.height - 19, 0.44)
        x += 34 + canvas.measure(label, 0.44)
    return canvas.png()


def _bar(canvas: 'Canvas', axes: 'Axes', run: Document, top: float) -> None:
    before = 0.0
    for stage in in_order(run['stages']):
        mean_ms = run['stages'][stage]['mean_ms']
        left, upper = axes.place(before, top - 0.22)
        before += mean_ms
        right, lower = axes.place(before, top - 0.78)
        canvas.box(left, upper, right, lower, COLOURS[STAGES.index(stage)])
        label = milliseconds(mean_ms)
        if right - left > canvas.measure(label, 0.42) + 6:
            canvas.text(label, (left + right) / 2.0, (upper + lower) / 2.0 + 5, 0.42, (255, 255, 255), 'centre')
    x, y = axes.place(run['end_to_end']['mean_ms'], top - 0.5)
    canvas.line(x, y - 24, x, y + 24, INK, 1.5)
    canvas.text('%s ms' % milliseconds(run['end_to_end']['mean_ms']), x + 6, y + 5, 0.44)
    canvas.text(run['mode'], _LEFT - 8, y + 5, 0.46, align='right')


def over_time(document: Document) -> bytes:
    """Frame times and telemetry over time."""
    runs, readings = _measured(document), document['telemetry']
    start = min(run['began_s'] for run in runs)
    last = max(run['began_s'] + run['duration_s'] for run in runs)
    # While single backends and precisions are measured, there are no frames to compare the readings with.
    panels = _panels([reading for reading in readings if start <= reading['t_s'] <= last])
    canvas = Canvas(WIDTH, 350 + 150 * len(panels))
    _title(canvas, document, 'Over time')
    span = (0.0, max(last - start, 1e-3))
    axes = Axes(canvas, (_LEFT, 120, _RIGHT, 290), span, (0, max(run['end_to_end']['max_ms'] for run in runs) * 1.05))
    axes.frame('seconds since the start' if not panels else '', 'ms per frame, one dot each')
    x: float = _RIGHT
    for run in reversed(runs):
        _dots(canvas, axes, run, start)
        label = run['mode']
        x -= canvas.measure(label, 0.44) + 10
        canvas.text(label, x, 108, 0.44)
        canvas.dot(x - 9, 104, _RUN_COLOURS[run['mode']], 4)
        x -= 28
    for row, (title, lines) in enumerate(panels):
        top = 350 + 150 * row
        _panel(canvas, (_LEFT, top, _RIGHT, top + 80), title, lines, start, span, row == len(panels) - 1)
    return canvas.png()


def _dots(canvas: 'Canvas', axes: 'Axes', run: Document, start: float) -> None:
    samples = run['samples']
    times, values = np.array(samples['started_s']) - start, np.array(samples['end_to_end_ms'])
    chosen = np.zeros(len(values), bool)
    chosen[::-(-len(values) // _MAX_DOTS)] = True
    chosen |= values >= run['end_to_end']['p99_ms']
    radius = 2.0 if len(values) < 500 else 1.2
    for x, y in zip(times[chosen], values[chosen]):
        canvas.dot(*axes.place(x, y), colour=_RUN_COLOURS[run['mode']], radius=radius)


def _panels(readings: List[Document]) -> List[Tuple[str, List[Tuple[str, Points]]]]:
    """Telemetry beside the frames: (title, lines of (name, points)), without what was not measured."""
    def zone_c(zone: str) -> Callable[[Document], Optional[float]]:
        return lambda reading: reading.get('temperatures_c', {}).get(zone)

    zones = sorted({zone for reading in readings for zone in reading.get('temperatures_c', {})})
    candidates: List[Tuple[str, List[Tuple[str, Callable[[Document], Optional[float]]]]]] = [
        ('temperature, °C', [(zone, zone_c(zone)) for zone in zones[:4]]),
        ('power of the board, W', [('', lambda reading: _scaled(reading.get('power_mw'), 1e-3))]),
        ('clock, MHz', [('GPU', lambda reading: reading.get('gpu_clock', {}).get('current_mhz')),
                        ('processor', _processor_mhz)]),
        ('share of the processor, %', [('this program', lambda reading: _scaled(reading.get('own_share'), 100)),
                                       ('others', lambda reading: _scaled(reading.get('other_share'), 100))])]
    panels = []
    for title, lines in candidates:
        drawn: List[Tuple[str, Points]] = []
        for name, value in lines:
            values = [(reading['t_s'], value(reading)) for reading in readings]
            points = [(time_s, number) for time_s, number in values if number is not None]
            if len(points) > 1:
                drawn.append((name, points))
        if drawn:
            panels.append((title, drawn))
    return panels


def _processor_mhz(reading: Document) -> Optional[float]:
    clocks = [clock['current_mhz'] for clock in reading.get('cpu_clocks', {}).values() if 'current_mhz' in clock]
    return max(clocks, default=None)


def _scaled(value: Optional[float], factor: float) -> Optional[float]:
    return None if value is None else value * factor


def _panel(canvas: 'Canvas', box: Box, title: str, lines: List[Tuple[str, Points]], start: float,
           span: Tuple[float, float], last: bool) -> None:
    values = [value for _, points in lines for _, value in points]
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.02, 0.5)
    # The scale of a share or a power near zero starts at zero; that of a temperature does not.
    low = 0.0 if 0 <= low < 0.5 * high else low - room
    axes = Axes(canvas, box, span, (low, high + room))
    axes.frame('seconds since the start' if last else '', title)
    x = box[2]
    for index, (name, points) in reversed(list(enumerate(lines))):
        colour = COLOURS[(index + 2) % len(COLOURS)]
        canvas.path([axes.place(time - start, value) for time, value in points], colour)
        if name:
            x -= canvas.measure(name, 0.44) + 10
            canvas.text(name, x, box[1] - 8, 0.44)
            canvas.line(x - 20, box[1] - 12, x - 5, box[1] - 12, colour, 2)
            x -= 32


def _title(canvas: 'Canvas', document: Document, title: str) -> None:
    """What the figure shows, where it was measured, and whether the measurement is valid."""
    bundle = document['bundle']
    canvas.text('%s - %s %s' % (title, bundle['id'], bundle['version']), 24, 30, 0.66, bold=True)
    sentence = document['environment']['machine']
    canvas.text(sentence, 24, 52, min(0.46, 0.46 * (WIDTH - 48) / canvas.measure(sentence, 0.46)))
    canvas.text(describe_backend(document['backend']), 24, 70, 0.44)
    if not document['verdict']['valid']:
        codes = ', '.join(sorted({reason['code'] for reason in document['verdict']['reasons']}))
        canvas.text('Not valid: ' + codes, _RIGHT, 70, 0.46, _WARNING, 'right', bold=True)
    canvas.line(24, 78, WIDTH - 24, 78, FAINT)


def _measured(document: Document) -> List[Document]:
    return [run for run in document['runs'] if run['n']]


class Canvas:
    """A white sheet; sizes and positions are in pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._pixels = np.full((height * _SCALE, width * _SCALE, 3), 255, np.uint8)

    def png(self) -> bytes:
        """The picture as a PNG file."""
        small = cv2.resize(self._pixels, (self.width, self.height), interpolation=cv2.INTER_AREA)
        data: bytes = cv2.imencode('.png', small)[1].tobytes()
        return data

    def text(self, text: str, x: float, y: float, size: float = 0.5, colour: Colour = INK, align: str = 'left',
             bold: bool = False) -> None:
        """Text whose base line starts, is centred or ends at a position."""
        # OpenCV's fonts are ASCII only, and it draws question marks for other letters.
        text = text.replace('°', '').encode('ascii', 'replace').decode('ascii')
        width = self.measure(text, size)
        left = x - {'left': 0.0, 'centre': width / 2.0, 'right': width}[align]
        # A thicker font is wider since OpenCV 5; drawing twice, one pixel apart, is not.
        for shift in (0, 1) if bold else (0,):
            cv2.putText(self._pixels, text, (int(left * _SCALE) + shift, int(y * _SCALE)), _FONT, size * _SCALE,
                        colour, 2, cv2.LINE_AA)

    def measure(self, text: str, size: float = 0.5) -> float:
        """Width of a text."""
        return cv2.getTextSize(text, _FONT, size * _SCALE, 2)[0][0] / float(_SCALE)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: Colour = INK, thickness: float = 1.0) -> None:
        """A straight line."""
        cv2.line(self._pixels, self._pixel(x0, y0), self._pixel(x1, y1), colour,
                 max(1, int(round(thickness * _SCALE))), cv2.LINE_AA)

    def path(self, points: Points, colour: Colour, thickness: float = 1.5) -> None:
        """A line through points (x, y)."""
        scaled = np.array([self._pixel(x, y) for x, y in points], np.int32).reshape(-1, 1, 2)
        cv2.polylines(self._pixels, [scaled], False, colour, max(1, int(round(thickness * _SCALE))), cv2.LINE_AA)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A filled rectangle, at least one pixel wide and high."""
        (left, top), (right, bottom) = self._pixel(min(x0, x1), min(y0, y1)), self._pixel(max(x0, x1), max(y0, y1))
        cv2.rectangle(self._pixels, (left, top), (max(right, left + 1), max(bottom, top + 1)), colour, -1)

    def dot(self, x: float, y: float, colour: Colour, radius: float = 1.2) -> None:
        """A small disc."""
        cv2.circle(self._pixels, self._pixel(x, y), max(1, int(round(radius * _SCALE))), colour, -1, cv2.LINE_AA)

    @staticmethod
    def _pixel(x: float, y: float) -> Tuple[int, int]:
        return int(round(x * _SCALE)), int(round(y * _SCALE))


class Axes:
    """Axes on a canvas.

    Args:
        canvas: to draw on.
        box: (left, top, right, bottom) of the area between the axes.
        x, y: (lowest, highest) value of each axis.
        log_x: whether the horizontal axis is logarithmic.
    """

    def __init__(self, canvas: Canvas, box: Box, x: Tuple[float, float], y: Tuple[float, float],
                 log_x: bool = False) -> None:
        self.canvas, self.box, self._log = canvas, box, log_x
        self._x, self._y = x, y

    def place(self, x: float, y: float) -> Tuple[float, float]:
        """Position of a pair of values on the canvas."""
        left, top, right, bottom = self.box
        low, high = self._x
        if self._log:
            x, low, high = np.log([max(x, 1e-9), low, high])
        across = (x - low) / float(high - low)
        up = (y - self._y[0]) / float(self._y[1] - self._y[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    def frame(self, x_title: str, y_title: str, x_ticks: Optional[Iterable[float]] = None,
              y_ticks: Optional[Iterable[float]] = None) -> None:
        """Draw the axes with their titles and ticks; None for round ticks."""
        left, top, right, bottom = self.box
        for value in round_ticks(*self._y) if y_ticks is None else y_ticks:
            _, y = self.place(self._x[0], value)
            self.canvas.line(left, y, right, y, FAINT)
            self.canvas.text('%g' % value, left - 8, y + 4, 0.42, align='right')
        for value in round_ticks(*self._x) if x_ticks is None else x_ticks:
            x, _ = self.place(value, self._y[0])
            self.canvas.line(x, bottom, x, bottom + 4)
            self.canvas.text('%g' % value, x, bottom + 18, 0.42, align='centre')
        self.canvas.line(left, bottom, right, bottom)
        self.canvas.line(left, top, left, bottom)
        self.canvas.text(x_title, (left + right) / 2.0, bottom + 38, 0.46, align='centre')
        self.canvas.text(y_title, left, top - 8, 0.46)


def round_ticks(low: float, high: float, most: int = 8) -> List[float]:
    """At most so many round values between two."""
    span = float(high - low)
    if span <= 0:
        return [low]
    raw = span / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return [float('%.12g' % (step * index)) for index in range(int(np.ceil(low / step - 1e-9)),
                                                               int(np.floor(high / step + 1e-9)) + 1)]


def log_ticks(low: float, high: float) -> List[float]:
    """1, 2 and 5 of every decade between two values; round values where these are too few."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [factor * 10.0 ** power for power in powers for factor in (1, 2, 5)]
    inside = [float('%.6g' % value) for value in values if low <= value <= high]
    return inside if len(inside) > 3 else round_ticks(low, high)
