"""The fault matrix: every simulated USB camera with every fault, through the driver and the capture of the product.

For each combination: after how long the fault is noticed, what the operator reads, and how long after its end there is
a usable picture again. Time is simulated, so that the figures state what the program waits for and not how busy this
machine is; --real measures real time. The exit code is 1 if a fault goes unnoticed or the picture does not come back.

    python -m benchmarks.faults [--camera p2pro] [--fault unplug] [--real] [--json FILE]
"""
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click
import numpy as np

from service.cameras.capture import Capture
from service.cameras.clock import SystemClock
from service.cameras.registry import make_camera
from service.cameras.v4l2.simulated import FAULTS
from service.durable import atomic_write
from service.messages import SEVERITIES, ThermoscreenError
from service.thermogram import Thermogram

CAMERAS = ('lepton-y16-telemetry', 'lepton-y16', 'p2pro', 't2s', 'boson-320', 'boson-320-tlinear')

#: When a fault begins after the camera was opened, and how long it lasts. Drift is slow.
BEGINS_S, LASTS_S, SLOW_S = 4.0, 6.0, {'drift': 30.0}

#: A camera that does not recover within this time counts as lost.
GIVEN_UP_S = 15.0

#: Messages that stay for a while on purpose and say nothing about the present.
_REMEMBERED = {'connection-breaks', 'frames-damaged', 'frames-lost', 'frames-slow', 'frames-late'}

#: Temperatures of phantoms, °C: a camera has measured nothing outside of them.
_LOWEST_C, _HIGHEST_C = 0.0, 60.0

#: Grey levels by which a phantom's breath moves a picture; half of what half a degree would.
_SAME_GREY = 4.0

#: Next step of a message that has none of its own, as on the page.
_BY_ITSELF = 'The picture comes back by itself.'


class SimulatedClock(SystemClock):
    """Time that passes only during sleep."""

    def __init__(self) -> None:
        self._now_s = 1000.0

    def now(self) -> float:
        """Seconds."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass; even a sleep of nothing takes some, so that nothing waits forever."""
        self._now_s += max(seconds, 1e-4)


@dataclass
class Cell:
    """One camera with one fault.

    Attributes:
        camera, fault, spec: wire format, kind of fault, and the camera's specification to try it by hand.
        code, sentence, next_step: the worst message; empty where there was none.
        noticed_s: from the beginning of the fault to the first message; None without one.
        recovered_s: from its end to a usable frame without that message; None for never.
        wrong: usable frames with temperatures that no phantom has. Must be 0.
        moved_grey: how far the levels of a picture without temperatures moved meanwhile, of 255; None for one with
            temperatures.
    """

    camera: str
    fault: str
    spec: str
    code: str = ''
    sentence: str = ''
    next_step: str = ''
    noticed_s: Optional[float] = None
    recovered_s: Optional[float] = None
    wrong: int = 0
    moved_grey: Optional[float] = None

    @property
    def untouched(self) -> bool:
        """Whether the fault does not change a picture without temperatures, so that there is nothing to report."""
        return not self.code and self.moved_grey is not None and self.moved_grey < _SAME_GREY

    @property
    def complete(self) -> bool:
        """Whether it was noticed, reported and survived, or had no effect, and nothing wrong was shown."""
        reported = self.code and self.sentence and self.next_step and self.noticed_s is not None
        return bool((reported or self.untouched) and not self.wrong and self.recovered_s is not None)


def run_cell(camera: str, fault: str, clock: Optional[SystemClock] = None,
             rate_hz: Optional[float] = None) -> Cell:
    """Run one camera with one fault.

    Args:
        camera: wire format.
        fault: key of `FAULTS`.
        clock: None for simulated time.
        rate_hz: frames per second; None for the camera's own rate.
    """
    clock = clock or SimulatedClock()
    lasts_s = SLOW_S.get(fault, LASTS_S)
    cell = Cell(camera, fault, 'simusb:%s?fault=%s&at=%g&for=%g' % (camera, fault, BEGINS_S, lasts_s)
                + ('&rate=%g' % rate_hz if rate_hz else ''))
    source = make_camera(cell.spec, clock)
    capture = Capture(lambda: source, clock=clock.now, wait=clock.sleep)
    began_s = clock.now() + BEGINS_S
    ended_s, worst = began_s + lasts_s, -1.0
    levels: Optional[np.ndarray] = None
    while cell.recovered_s is None and clock.now() < ended_s + GIVEN_UP_S:
        capture.step()
        frame = _taken(capture)
        now_s, messages = clock.now(), _messages(capture.report())
        if frame is not None and not frame.thermogram.is_celsius:
            newest = np.percentile(frame.thermogram.pixels, (5, 25, 50, 75, 95))
            levels = newest if levels is None else levels
            cell.moved_grey = max(cell.moved_grey or 0.0, float(np.abs(newest - levels).max()))
        if now_s < began_s:
            continue
        for rank, message in messages:
            cell.noticed_s = now_s - began_s if cell.noticed_s is None else cell.noticed_s
            if rank > worst:
                worst, cell.code = rank, message['code']
                cell.sentence, cell.next_step = message['sentence'], message['next_step'] or _BY_ITSELF
        if frame is not None and frame.condition.usable:
            cell.wrong += _is_wrong(frame.thermogram)
            lasting = {message['code'] for _, message in messages} - _REMEMBERED
            if now_s >= ended_s and frame.t_monotonic >= ended_s and not lasting:
                cell.recovered_s = now_s - ended_s
    capture.close()
    return cell


def _taken(capture: Capture) -> Any:
    try:
        return capture.take(0)
    except ThermoscreenError:
        return None


def _messages(report: Dict[str, Any]) -> List[Tuple[float, Dict[str, Any]]]:
    """Present messages as (rank, message); those that stop the picture rank highest."""
    messages: List[Tuple[float, Dict[str, Any]]] = [
        (SEVERITIES.index(message['severity']), message) for message in report['quality']['messages']]
    if report['notice']:
        messages.append((1.5, report['notice']))
    return messages


def _is_wrong(thermogram: Thermogram) -> bool:
    pixels = thermogram.pixels
    return bool(thermogram.is_celsius and (pixels.min() < _LOWEST_C or pixels.max() > _HIGHEST_C))


def markdown(cells: Sequence[Cell], real: bool) -> str:
    """The matrix as two tables: seconds, and messages."""
    faults = sorted({cell.fault for cell in cells}, key=list(FAULTS).index)
    cameras = sorted({cell.camera for cell in cells}, key=CAMERAS.index)
    by_name = {(cell.camera, cell.fault): cell for cell in cells}
    lines = ['Seconds until it was noticed / from its end until a usable picture (%s time).'
             % ('real' if real else 'simulated'), '',
             '| fault | %s |' % ' | '.join(cameras), '| --- |%s' % (' --- |' * len(cameras))]
    for fault in faults:
        row = [by_name.get((camera, fault)) for camera in cameras]
        lines.append('| %s | %s |' % (fault, ' | '.join(map(_figures, row))))
    lines += ['', '| fault | what happens | code | the operator reads | and does |', '| --- | --- | --- | --- | --- |']
    listed = set()
    for cell in sorted(cells, key=lambda cell: faults.index(cell.fault)):
        if not cell.untouched and (cell.fault, cell.code) not in listed:
            listed.add((cell.fault, cell.code))
            lines.append('| %s | %s | `%s` | %s | %s |' % (cell.fault, FAULTS[cell.fault], cell.code, cell.sentence,
                                                           cell.next_step))
    return '\n'.join(lines)


def _figures(cell: Optional[Cell]) -> str:
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
def main(cameras: Tuple[str, ...], faults: Tuple[str, ...], real: bool, path: Optional[str]) -> None:
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
