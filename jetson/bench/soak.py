"""``thermoscreen bench soak``: hours at the camera's rate, watching memory, slow frames and restarts."""
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence

import click
import numpy as np

from service.cameras.capture import Capture
from service.cameras.registry import make_camera
from service.cli.options import load_settings, make_pipeline
from service.live import Painter
from service.messages import InputError, Message, ThermoscreenError
from service.pipeline import Pipeline
from service.settings import Settings

from ..platform import Platform, RealPlatform
from ..telemetry import read_line
from .environment import environment, resident_bytes, utc_now
from .formatting import NONE, message_line, milliseconds, percent, table
from .options import HOURS, SECONDS, Progress, measuring_options, until_stopped
from .record import FILES, SCHEMAS, SOAK, Document, prepare_folder, read_document, write_document
from .runs import PACED, WARM_UP_S, FrameTimer, Run, make_capture, run_paced, started
from .statistics import slope
from .verdict import drift_share

#: Most points of a document; in a longer soak each point stands for a longer time.
_MAX_POINTS = 500
_MIN_POINT_S = 60.0
#: First part of each session whose memory is ignored: caches and pools fill.
_SETTLING = 0.1
#: Slope above which memory is called growing; an allocator keeps less than this.
GROWTH_MIB_H = 1.0
P99_DRIFT = 0.10
#: First and longest pause before a restart, and how many failures in a row end the soak.
_PAUSES_S, _MAX_FAILURES = (1.0, 60.0), 10
_MIB = float(1 << 20)
_MEMORY_NAMES = (('memory', 'resident_bytes', 'Memory of the program'),
                 ('gpu_memory', 'gpu_bytes', 'Memory held for the GPU'))


@dataclass(frozen=True)
class SoakProtocol:
    """How a soak is run.

    Attributes:
        hours: duration in total.
        source: specification of the camera.
        folder: where the document is.
        interval_s: seconds of one point; 0 for automatic.
    """

    hours: float
    source: str
    folder: str
    interval_s: float = 0.0

    @property
    def point_s(self) -> float:
        """Seconds of one point."""
        return self.interval_s or max(_MIN_POINT_S, self.hours * 3600 / _MAX_POINTS)


class Soak:
    """A soak, new or continued. After every point the document on the disk is complete.

    Args:
        settings: in force.
        protocol: how to run.
        platform: the machine; the caller closes it.
        make_pipeline: gives a pipeline that is not started.
        earlier: the document to continue.
        clock, sleep: monotonic seconds, and waiting.
        progress: called with a short text after every point.
    Attributes:
        document: what was measured so far; None before the first point.
    """

    def __init__(self, settings: Settings, protocol: SoakProtocol, platform: Platform,
                 make_pipeline: Callable[[], Pipeline], earlier: Optional[Document] = None,
                 clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Any] = time.sleep,
                 progress: Callable[[str], None] = lambda text: None) -> None:
        self._settings, self._protocol, self._platform = settings, protocol, platform
        self._make_pipeline, self._clock, self._sleep, self._progress = make_pipeline, clock, sleep, progress
        self._earlier = earlier
        self.document = earlier
        self._points: List[Document] = list(earlier['points']) if earlier else []
        self._restarts: List[Document] = list(earlier['restarts']) if earlier else []
        self._session = earlier['sessions'] if earlier else 0
        self._about: Document = {}

    def run(self) -> None:
        """Run until the hours are complete.

        Raises:
            InputError: ``soak-different``: the earlier soak is of another model, backend or machine.
            ThermoscreenError: the first start failed, or `_MAX_FAILURES` in a row; the document is on the disk.
            KeyboardInterrupt: Ctrl-C; likewise.
        """
        self._session += 1
        failures, pause_s = 0, _PAUSES_S[0]
        while self._done_s() < self._protocol.hours * 3600:
            points = len(self._points)
            try:
                self._take_points()
            except ThermoscreenError as error:
                failures = 1 if len(self._points) > points else failures + 1
                if not self._about or failures >= _MAX_FAILURES:
                    raise
                pause_s = _PAUSES_S[0] if failures == 1 else min(2 * pause_s, _PAUSES_S[1])
                self._restarts.append(dict(error.message.to_dict(), t_h=self._done_s() / 3600, at=utc_now()))
                self._write()
                self._sleep(pause_s)

    def _take_points(self) -> None:
        """Start model and camera, and take points until the hours are complete or something fails."""
        settings = self._settings
        capture = make_capture(make_camera(self._protocol.source), settings, self._clock)
        with self._make_pipeline() as pipeline, started(capture):
            self._describe(pipeline, capture)
            timer = FrameTimer(pipeline, Painter(settings.palette, settings.layer, settings.jpeg_quality), self._clock)
            warm_up_s = WARM_UP_S
            while self._done_s() < self._protocol.hours * 3600:
                run = Run(PACED)
                try:
                    run_paced(run, timer, capture, self._protocol.point_s, warm_up_s=warm_up_s)
                    warm_up_s = 0.0
                finally:
                    # Also what was measured before Ctrl-C or a failure.
                    if run.timings:
                        self._add(run)

    def _describe(self, pipeline: Pipeline, capture: Capture) -> None:
        about = {'environment': environment(self._platform, self._settings), 'camera': capture.description,
                 'bundle': pipeline.bundle.manifest.identity, 'backend': pipeline.backend}
        if self._earlier:
            _check_same(self._earlier, about)
        self._about = dict(about, measured_at=self.document['measured_at'] if self.document else utc_now())

    def _done_s(self) -> float:
        return float(sum(point['duration_s'] for point in self._points))

    def _add(self, run: Run) -> None:
        times_ms = [timing.end_to_end_ms for timing in run.timings]
        reading = self._platform.telemetry()
        memory = reading.memory
        point: Document = {
            'session': self._session, 'at': utc_now(), 'duration_s': run.duration_s, 'n': len(times_ms),
            'max_ms': max(times_ms), 'dropped': run.dropped, 'silent': run.silent,
            'no_results': sum(not timing.result for timing in run.timings), 'resident_bytes': resident_bytes(),
            'gpu_bytes': memory.gpu_bytes if memory else None, 'hottest_c': reading.hottest_c,
            'power_mw': reading.power_mw, 'throttle_signs': list(reading.throttle_signs) or None}
        point.update(('p%d_ms' % rank, float(np.percentile(times_ms, rank))) for rank in (50, 90, 99))
        self._points.append({name: value for name, value in point.items() if value is not None})
        self._write()
        self._progress('%.2f of %g hours, p99 %.1f ms, %d restarts' % (self._done_s() / 3600, self._protocol.hours,
                                                                       point['p99_ms'], len(self._restarts)))

    def _write(self) -> None:
        document = dict(
            self._about, schema=SCHEMAS[SOAK], kind=SOAK, updated_at=utc_now(),
            complete=self._done_s() >= self._protocol.hours * 3600,
            protocol={'hours': self._protocol.hours, 'source': self._protocol.source,
                      'point_s': self._protocol.point_s},
            sessions=self._session, points=self._points, restarts=self._restarts)
        document['findings'] = judge_soak(document)
        self.document = document
        write_document(self._protocol.folder, document)


def judge_soak(document: Document) -> Document:
    """What the points of a soak show.

    Args:
        document: a soak without its findings.
    Returns:
        ``hours``, ``frames``; ``memory`` and ``gpu_memory`` (``slope_mib_h``, ``low``, ``high``; None where unknown);
        ``p99_drift`` (last third against first, relative; None for few points); ``reasons``: messages that speak
        against it.
    """
    points = document['points']
    settled = [point for session in sorted({point['session'] for point in points})
               for point in _settled([point for point in points if point['session'] == session])]
    reasons, findings = [], {}
    for name, key, subject in _MEMORY_NAMES:
        growth = findings[name] = _growth(points, settled, key)
        if growth is not None and growth['low'] > 0 and growth['slope_mib_h'] > GROWTH_MIB_H:
            reasons.append(Message(name.replace('_', '-') + '-grows', '%s grows by %.2f MiB per hour (95 %% interval '
                                   '%.2f to %.2f).' % (subject, growth['slope_mib_h'], growth['low'], growth['high'])))
    drift = drift_share([point['p99_ms'] for point in points]) if len(points) >= 6 else None
    if drift is not None and drift > P99_DRIFT:
        reasons.append(Message('p99-drift', 'The p99 of the last third is %.1f %% above that of the first.'
                               % (100 * drift)))
    if document['restarts']:
        reasons.append(Message('restarts', 'It had to be restarted %d times. The first reason: %s'
                               % (len(document['restarts']), document['restarts'][0]['sentence'])))
    hot = sum('throttle_signs' in point for point in points)
    if hot > 1:
        reasons.append(Message('throttling', 'The machine was slowed down at %d of %d points.' % (hot, len(points))))
    if not document['complete']:
        reasons.append(Message('incomplete', 'The hours are not complete.'))
    return dict(findings, hours=sum(point['duration_s'] for point in points) / 3600,
                frames=sum(point['n'] for point in points), p99_drift=drift,
                reasons=[reason.to_dict() for reason in reasons])


@click.command()
@click.option('--hours', type=HOURS, required=True, metavar='H', help='Duration in total.')
@click.option('--resume', is_flag=True, help='Continue the soak in the folder.')
@click.option('--point', 'point_s', type=SECONDS, metavar='S',
              help='Seconds per point. Default: a minute, and more if that gives over 500 points.')
@measuring_options('soak.json, rewritten after every point', out_required=True)
def soak(hours: float, resume: bool, point_s: Optional[float], camera: Optional[str], out: str, bundle: Optional[str],
         threads: Optional[int], settings_path: Optional[str], as_json: bool) -> None:
    """Run at the camera's rate for hours and watch memory, slow frames and restarts.

    After every point the document in the folder is complete. A soak that was stopped by Ctrl-C or a power cut can be
    continued with --resume. The exit code is 1 if memory grows, the p99 drifts or anything had to be restarted.

    \b
    Example:
      thermoscreen bench soak --hours 24 --out soak
      thermoscreen bench soak --hours 24 --out soak --resume
    """
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=camera)
    prepare_folder(out, SOAK, keep=resume)
    earlier = read_document(out, SOAK) if resume and os.path.exists(os.path.join(out, FILES[SOAK])) else None
    progress, stopped = Progress(), False
    with RealPlatform(tegrastats=read_line) as platform:
        session = Soak(settings, SoakProtocol(hours, settings.camera, out, point_s or 0.0), platform,
                       lambda: make_pipeline(settings), earlier, progress=progress)
        try:
            with until_stopped():
                session.run()
        except KeyboardInterrupt:
            stopped = True
        finally:
            progress.end()
    if session.document is None:
        click.echo('Stopped before anything was measured.', err=True)
        raise click.Abort()
    if as_json:
        click.echo(json.dumps(session.document, indent=1))
    else:
        _print(session.document, out)
    sys.exit(130 if stopped else 1 if session.document['findings']['reasons'] else 0)


def _settled(points: Sequence[Document]) -> Sequence[Document]:
    return points[int(np.ceil(_SETTLING * len(points))):]


def _growth(points: Sequence[Document], settled: Sequence[Document], key: str) -> Optional[Dict[str, float]]:
    """Straight line through the memory of the settled points, one slope for all sessions."""
    ends_h = dict(zip((id(point) for point in points), np.cumsum([point['duration_s'] for point in points]) / 3600))
    measured = [point for point in settled if key in point]
    if not measured:
        return None
    line = slope([ends_h[id(point)] for point in measured], [point[key] / _MIB for point in measured],
                 [point['session'] for point in measured])
    return None if line is None else dict(zip(('slope_mib_h', 'low', 'high'), line))


def _check_same(earlier: Document, about: Document) -> None:
    for section, keys in (('bundle', ('hash',)), ('backend', ('name', 'precision', 'provider')),
                          ('environment', ('board', 'power_mode'))):
        for key in keys:
            pair = earlier[section].get(key), about[section].get(key)
            if pair[0] != pair[1]:
                raise InputError('soak-different', 'The soak in the folder was run with another %s (%s: %s, now %s).'
                                 % (section, key, pair[0], pair[1]), 'Name another folder with --out.')


def _print(document: Document, folder: str) -> None:
    findings, points = document['findings'], document['points']
    click.echo('%s\n%s %s, %s, %s\n' % (document['environment']['machine'], document['bundle']['id'],
                                        document['bundle']['version'], document['backend']['name'],
                                        document['backend']['precision']))
    click.echo('%.2f hours in %d sessions, %d frames, %d restarts, %d frames dropped.'
               % (findings['hours'], document['sessions'], findings['frames'], len(document['restarts']),
                  sum(point['dropped'] for point in points)))
    for name, _, subject in _MEMORY_NAMES:
        growth = findings[name]
        click.echo('%s: %s' % (subject,
                               'unknown (too few points, or not measured on this machine).' if growth is None
                               else '%+.2f MiB per hour (95 %% interval %+.2f to %+.2f).'
                               % (growth['slope_mib_h'], growth['low'], growth['high'])))
    click.echo('p99, last third against first: %s\n' % percent(findings['p99_drift']))
    shown = points[::max(1, -(-len(points) // 12))]
    click.echo('\n'.join(table(['when (UTC)', 'session', 'n', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'MiB', '°C'],
                               [_row(point) for point in shown])))
    click.echo()
    for reason in findings['reasons']:
        click.echo('- ' + message_line(reason))
    if not findings['reasons']:
        click.echo('No problem was found.')
    click.echo('Written: %s' % os.path.join(folder, FILES[SOAK]), err=True)


def _row(point: Document) -> List[str]:
    return [point['at'], '%d' % point['session'], '%d' % point['n']] \
        + [milliseconds(point[key]) for key in ('p50_ms', 'p90_ms', 'p99_ms', 'max_ms')] \
        + ['%.1f' % (point['resident_bytes'] / _MIB) if 'resident_bytes' in point else NONE,
           '%.1f' % point['hottest_c'] if 'hottest_c' in point else NONE]
