"""Three pictures of a benchmark: how the times lie, where they go, and how they went on."""
import numpy as np

from .canvas import COLOURS, FAINT, INK, PAPER, Axes, Canvas, log_ticks, round_ticks
from .frames import STAGES, in_order
from .tables import milliseconds
from .words import backend_words, stage_words

WIDTH = 1000
_LEFT, _RIGHT = 70, WIDTH - 30
_RUN_COLOURS = {'closed': COLOURS[0], 'paced': COLOURS[1]}
#: Red is kept for what speaks against a measurement.
_WARNING = (30, 30, 200)
_MARKS = (('p50_ms', 'p50'), ('p90_ms', 'p90'), ('p99_ms', 'p99'))
_LEAST_BAR_PX = 6.0
#: Dots of one run at most; of more, every so many are drawn and the slowest of them always.
_MOST_DOTS = 6000


def draw(document):
    """The pictures of a benchmark.

    Args:
        document (dict): as `Session.document` gives it.
    Returns:
        dict: PNG bytes by file name.
    """
    return {'histogram.png': histogram(document), 'stages.png': stages(document), 'time.png': over_time(document)}


def histogram(document):
    """How the times of whole frames lie: one panel a run, the same scale."""
    runs = _measured(document)
    canvas = Canvas(WIDTH, 90 + 250 * len(runs))
    _title(canvas, document, 'Latency of whole frames: every one, none left out')
    low = min(run['end_to_end']['min_ms'] for run in runs) * 0.95
    high = max(run['end_to_end']['max_ms'] for run in runs) * 1.05
    for row, run in enumerate(runs):
        whole = run['end_to_end']
        counts, edges = whole['histogram']['counts'], whole['histogram']['edges_ms']
        top = 120 + 250 * row
        axes = Axes(canvas, (_LEFT, top, _RIGHT, top + 150), (low, high), (0, max(counts) * 1.35), log_x=True)
        axes.frame('ms, from start to encoded picture (logarithmic)', '%s: frames per bar, n = %d'
                   % (run['mode'], run['n']), log_ticks(low, high),
                   [tick for tick in round_ticks(0, max(counts), 5) if tick == int(tick)])
        for count, left, right in zip(counts, edges, edges[1:]):
            if count:
                (x0, y0), (x1, y1) = axes.place(left, 0), axes.place(right, count)
                # Times that hardly differ still are a bar to see.
                spare = max(0.0, _LEAST_BAR_PX - (x1 - x0)) / 2.0
                canvas.box(x0 - spare, y0, x1 + spare, y1, _RUN_COLOURS[run['mode']])
        _marks(canvas, axes, whole)
    return canvas.png()


def _marks(canvas, axes, whole):
    """Percentiles as lines, each with its words on a line of its own above the next one's."""
    for row, (key, name) in enumerate(_MARKS):
        x, _ = axes.place(whole[key], 0)
        y = axes.box[1] + 15 * row
        canvas.line(x, y, x, axes.box[3], INK)
        words = '%s %s' % (name, milliseconds(whole[key]))
        wide = canvas.measure(words, 0.42)
        left = x + 4 if x + 8 + wide < WIDTH else x - 4 - wide
        canvas.box(left - 1, y, left + wide + 1, y + 14, PAPER)
        canvas.text(words, left, y + 11, 0.42)


def stages(document):
    """Where the mean frame goes: one bar a run."""
    runs = _measured(document)
    canvas = Canvas(WIDTH, 190 + 70 * len(runs))
    _title(canvas, document, 'Stages of the mean frame')
    longest = max(run['end_to_end']['mean_ms'] for run in runs)
    axes = Axes(canvas, (_LEFT, 95, _RIGHT, 95 + 70 * len(runs)), (0, longest * 1.12), (0, len(runs)))
    axes.frame('ms', '', y_ticks=())
    for row, run in enumerate(runs):
        _bar(canvas, axes, run, len(runs) - row)
    there = in_order({stage for run in runs for stage in run['stages']})
    x = _LEFT
    for stage in there:
        words = stage_words(stage)
        canvas.box(x, canvas.height - 30, x + 12, canvas.height - 18, COLOURS[STAGES.index(stage)])
        canvas.text(words, x + 17, canvas.height - 19, 0.44)
        x += 34 + canvas.measure(words, 0.44)
    return canvas.png()


def _bar(canvas, axes, run, top):
    before = 0.0
    for stage in in_order(run['stages']):
        mean_ms = run['stages'][stage]['mean_ms']
        left, upper = axes.place(before, top - 0.22)
        before += mean_ms
        right, lower = axes.place(before, top - 0.78)
        canvas.box(left, upper, right, lower, COLOURS[STAGES.index(stage)])
        words = milliseconds(mean_ms)
        if right - left > canvas.measure(words, 0.42) + 6:
            canvas.text(words, (left + right) / 2.0, (upper + lower) / 2.0 + 5, 0.42, (255, 255, 255), 'centre')
    x, y = axes.place(run['end_to_end']['mean_ms'], top - 0.5)
    canvas.line(x, y - 24, x, y + 24, INK, 1.5)
    canvas.text('%s ms' % milliseconds(run['end_to_end']['mean_ms']), x + 6, y + 5, 0.44)
    canvas.text(run['mode'], _LEFT - 8, y + 5, 0.46, align='right')


def over_time(document):
    """How the times, and what else was measured, went on."""
    runs, readings = _measured(document), document['telemetry']
    start = min(run['began_s'] for run in runs)
    last = max(run['began_s'] + run['duration_s'] for run in runs)
    # While the single backends and precisions are measured there are no frames to lay beside the readings.
    panels = _panels([reading for reading in readings if start <= reading['t_s'] <= last])
    canvas = Canvas(WIDTH, 350 + 150 * len(panels))
    _title(canvas, document, 'Over time')
    span = (0.0, max(last - start, 1e-3))
    axes = Axes(canvas, (_LEFT, 120, _RIGHT, 290), span, (0, max(run['end_to_end']['max_ms'] for run in runs) * 1.05))
    axes.frame('seconds since the start' if not panels else '', 'ms of a whole frame, one dot each')
    x = _RIGHT
    for run in reversed(runs):
        _dots(canvas, axes, run, start)
        words = run['mode']
        x -= canvas.measure(words, 0.44) + 10
        canvas.text(words, x, 108, 0.44)
        canvas.dot(x - 9, 104, _RUN_COLOURS[run['mode']], 4)
        x -= 28
    for row, (title, lines) in enumerate(panels):
        top = 350 + 150 * row
        _panel(canvas, (_LEFT, top, _RIGHT, top + 80), title, lines, start, span, row == len(panels) - 1)
    return canvas.png()


def _dots(canvas, axes, run, start):
    samples = run['samples']
    times, values = np.array(samples['started_s']) - start, np.array(samples['end_to_end_ms'])
    chosen = np.zeros(len(values), bool)
    chosen[::-(-len(values) // _MOST_DOTS)] = True
    chosen |= values >= run['end_to_end']['p99_ms']
    radius = 2.0 if len(values) < 500 else 1.2
    for x, y in zip(times[chosen], values[chosen]):
        canvas.dot(*axes.place(x, y), colour=_RUN_COLOURS[run['mode']], radius=radius)


def _panels(readings):
    """What was measured beside the frames: list of (title, list of (name, times, values))."""
    zones = sorted({zone for reading in readings for zone in reading.get('temperatures_c', {})})
    found = [('temperature, C', [(zone, lambda reading, zone=zone: reading.get('temperatures_c', {}).get(zone))
                                 for zone in zones[:4]]),
             ('power of the board, W', [('', lambda reading: _scaled(reading.get('power_mw'), 1e-3))]),
             ('clock, MHz', [('GPU', lambda reading: reading.get('gpu_clock', {}).get('current_mhz')),
                             ('processor', _processor_mhz)]),
             ('share of the processor, %', [('this program', lambda reading: _scaled(reading.get('own_share'), 100)),
                                            ('others', lambda reading: _scaled(reading.get('other_share'), 100))])]
    panels = []
    for title, lines in found:
        drawn = []
        for name, value in lines:
            points = [(reading['t_s'], value(reading)) for reading in readings if value(reading) is not None]
            if len(points) > 1:
                drawn.append((name, points))
        if drawn:
            panels.append((title, drawn))
    return panels


def _processor_mhz(reading):
    clocks = [clock['current_mhz'] for clock in reading.get('cpu_clocks', {}).values() if 'current_mhz' in clock]
    return max(clocks, default=None)


def _scaled(value, factor):
    return None if value is None else value * factor


def _panel(canvas, box, title, lines, start, span, last):
    values = [value for _, points in lines for _, value in points]
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.02, 0.5)
    # A share or a power near zero is shown from zero on; a temperature is not.
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


def _title(canvas, document, words):
    """What the picture shows, whose figures they are, and whether they count."""
    bundle = document['bundle']
    canvas.text('%s - %s %s' % (words, bundle['id'], bundle['version']), 24, 30, 0.66, bold=True)
    sentence = document['environment']['machine']
    canvas.text(sentence, 24, 52, min(0.46, 0.46 * (WIDTH - 48) / canvas.measure(sentence, 0.46)))
    canvas.text(backend_words(document['backend']), 24, 70, 0.44)
    if not document['verdict']['valid']:
        codes = ', '.join(sorted({reason['code'] for reason in document['verdict']['reasons']}))
        canvas.text('Not valid: ' + codes, _RIGHT, 70, 0.46, _WARNING, 'right', bold=True)
    canvas.line(24, 78, WIDTH - 24, 78, FAINT)


def _measured(document):
    return [run for run in document['runs'] if run['n']]
