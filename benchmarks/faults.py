"""The fault matrix: every simulated USB camera with every fault, through the driver and the capture of the product.

For each: what is noticed and after how long, what the operator reads, and how long after the fault is over there is a
picture again that may be used. Time is simulated, so that the figures say what the program waits for and not how busy
this machine is; with --real it is real. The exit code is 1 where anything goes unnoticed or does not come back.

    python -m benchmarks.faults [--camera p2pro] [--fault unplug] [--real] [--json FILE]
"""
import json
import sys
from dataclasses import asdict, dataclass

import click
import numpy as np

from service.cameras.capture import Capture
from service.cameras.clock import SystemClock
from service.cameras.registry import make_camera
from service.cameras.v4l2.simulated import FAULTS
from service.durable import atomic_write
from service.messages import SEVERITIES, ThermoscreenError

CAMERAS = ('lepton-y16-telemetry', 'lepton-y16', 'p2pro', 't2s', 'boson-320', 'boson-320-tlinear')

#: The fault begins so long after the camera was opened, and lasts so long. Drift takes its time.
BEGINS_S, LASTS_S, SLOW_S = 4.0, 6.0, {'drift': 30.0}

#: A camera that does not come back within this time does not.
GIVEN_UP_S = 15.0

#: What is remembered for a while on purpose: it says nothing about now.
_REMEMBERED = {'connection-breaks', 'frames-damaged', 'frames-lost', 'frames-slow', 'frames-late'}

#: A phantom lives between these, degrees Celsius: anything beyond is no temperature that a camera took here.
_LOWEST_C, _HIGHEST_C = 0.0, 60.0

#: Grey levels that a phantom's breath moves the levels of a picture; half of what half a degree would.
_SAME_GREY = 4.0

#: What stands beside a sentence that has no next step of its own, as on the page.
_BY_ITSELF = 'The picture comes back by itself.'


class SimulatedClock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self._now_s = 1000.0

    def now(self):
        """Seconds."""
        return self._now_s

    def sleep(self, seconds):
        """Let time pass; looking at the clock takes some as well, so that nothing waits for ever."""
        self._now_s += max(seconds, 1e-4)


@dataclass
class Cell:
    """One camera with one fault.

    Attributes:
        camera, fault, spec (str): wire format, kind of fault, and the camera's specification to try it by hand.
        code (str), sentence (str), next_step (str): the worst that was said; ``''`` where nothing was.
        noticed_s (float): from the begin of the fault until something was said; None where nothing was.
        recovered_s (float): from its end until a usable frame came and that was not said any more; None for never.
        wrong (int): frames that were handed out as usable with temperatures that no phantom has. Must be 0.
        moved_grey (float): how far the levels of a picture without temperatures moved meanwhile, of 255; None for one
            with temperatures.
    """

    camera: str
    fault: str
    spec: str
    code: str = ''
    sentence: str = ''
    next_step: str = ''
    noticed_s: float = None
    recovered_s: float = None
    wrong: int = 0
    moved_grey: float = None

    @property
    def untouched(self):
        """Whether the fault does nothing to a picture without temperatures, so that there is nothing to say."""
        return not self.code and self.moved_grey is not None and self.moved_grey < _SAME_GREY

    @property
    def complete(self):
        """Whether it was noticed, said and survived, or did nothing, and nothing wrong was shown."""
        said = self.code and self.sentence and self.next_step and self.noticed_s is not None
        return bool((said or self.untouched) and not self.wrong and self.recovered_s is not None)


def run_cell(camera, fault, clock=None, rate_hz=None):
    """Have one fault happen to one camera.

    Args:
        camera (str): wire format.
        fault (str): key of `FAULTS`.
        clock (SystemClock): None for simulated time.
        rate_hz (float): frames per second; None for the camera's own.
    Returns:
        Cell
    """
    clock = clock or SimulatedClock()
    lasts_s = SLOW_S.get(fault, LASTS_S)
    cell = Cell(camera, fault, 'simusb:%s?fault=%s&at=%g&for=%g' % (camera, fault, BEGINS_S, lasts_s)
                + ('&rate=%g' % rate_hz if rate_hz else ''))
    source = make_camera(cell.spec, clock)
    capture = Capture(lambda: source, clock=clock.now, wait=clock.sleep)
    began_s = clock.now() + BEGINS_S
    ended_s, grade, levels = began_s + lasts_s, -1, None
    while cell.recovered_s is None and clock.now() < ended_s + GIVEN_UP_S:
        capture.step()
        frame = _taken(capture)
        now_s, said = clock.now(), _said(capture.report())
        if frame is not None and not frame.thermogram.is_celsius:
            newest = np.percentile(frame.thermogram.pixels, (5, 25, 50, 75, 95))
            levels = newest if levels is None else levels
            cell.moved_grey = max(cell.moved_grey or 0.0, float(np.abs(newest - levels).max()))
        if now_s < began_s:
            continue
        for rank, message in said:
            cell.noticed_s = now_s - began_s if cell.noticed_s is None else cell.noticed_s
            if rank > grade:
                grade, cell.code = rank, message['code']
                cell.sentence, cell.next_step = message['sentence'], message['next_step'] or _BY_ITSELF
        if frame is not None and frame.condition.usable:
            cell.wrong += _is_wrong(frame.thermogram)
            lasting = {message['code'] for _, message in said} - _REMEMBERED
            if now_s >= ended_s and frame.t_monotonic >= ended_s and not lasting:
                cell.recovered_s = now_s - ended_s
    capture.close()
    return cell


def _taken(capture):
    try:
        return capture.take(0)
    except ThermoscreenError:
        return None


def _said(report):
    """What is said now, as (rank, message); what stops the picture ranks highest."""
    said = [(SEVERITIES.index(message['severity']), message) for message in report['quality']['messages']]
    if report['notice']:
        said.append((1.5, report['notice']))
    return said


def _is_wrong(thermogram):
    pixels = thermogram.pixels
    return bool(thermogram.is_celsius and (pixels.min() < _LOWEST_C or pixels.max() > _HIGHEST_C))


def markdown(cells, real):
    """The matrix as two tables: seconds, and words."""
    faults = sorted({cell.fault for cell in cells}, key=list(FAULTS).index)
    cameras = sorted({cell.camera for cell in cells}, key=CAMERAS.index)
    known = {(cell.camera, cell.fault): cell for cell in cells}
    lines = ['Seconds until it was noticed / from its end until a usable picture (%s time).'
             % ('real' if real else 'simulated'), '',
             '| fault | %s |' % ' | '.join(cameras), '| --- |%s' % (' --- |' * len(cameras))]
    for fault in faults:
        row = [known.get((camera, fault)) for camera in cameras]
        lines.append('| %s | %s |' % (fault, ' | '.join(map(_figures, row))))
    lines += ['', '| fault | what happens | code | the operator reads | and does |', '| --- | --- | --- | --- | --- |']
    seen = set()
    for cell in sorted(cells, key=lambda cell: faults.index(cell.fault)):
        if not cell.untouched and (cell.fault, cell.code) not in seen:
            seen.add((cell.fault, cell.code))
            lines.append('| %s | %s | `%s` | %s | %s |' % (cell.fault, FAULTS[cell.fault], cell.code, cell.sentence,
                                                           cell.next_step))
    return '\n'.join(lines)


def _figures(cell):
    if cell is None:
        return '-'
    if cell.untouched:
        return 'picture untouched'
    return ' / '.join('NEVER' if value is None else '%.1f' % value for value in (cell.noticed_s, cell.recovered_s))


@click.command()
@click.option('--camera', 'cameras', multiple=True, type=click.Choice(CAMERAS), help='Only this camera; repeatable.')
@click.option('--fault', 'faults', multiple=True, type=click.Choice(tuple(FAULTS)), help='Only this fault; repeatable.')
@click.option('--real', is_flag=True, help='In real time, one after the other: about 20 seconds each.')
@click.option('--json', 'path', type=click.Path(), metavar='FILE', help='Write the cells there as well.')
def main(cameras, faults, real, path):
    """Print the matrix as Markdown."""
    cells = []
    for camera in cameras or CAMERAS:
        for fault in faults or FAULTS:
            cells.append(run_cell(camera, fault, SystemClock() if real else None))
            click.echo('%s %s: %s' % (camera, fault, _figures(cells[-1])), err=True)
    click.echo(markdown(cells, real))
    if path:
        atomic_write(path, json.dumps([asdict(cell) for cell in cells], indent=1).encode('utf-8'))
    empty = [cell for cell in cells if not cell.complete]
    if empty:
        click.echo('Not complete: %s' % ', '.join('%s %s' % (cell.camera, cell.fault) for cell in empty), err=True)
        sys.exit(1)


if __name__ == '__main__':
    main()
