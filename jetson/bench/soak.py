"""Hours at the camera's rate: does memory grow, do the slow frames become slower, does anything give up?"""
import time
from dataclasses import dataclass

import numpy as np

from service.cameras import make_camera
from service.live.picture import Painter
from service.messages import InputError, ThermoscreenError

from .environment import environment, utc_now
from .frames import FrameTimer
from .process import resident_bytes
from .record import SCHEMA, SOAK, write_document
from .runs import PACED, WARM_UP_S, Run, run_paced
from .statistics import slope
from .verdict import drift_share

#: Most points of a document; of more hours each point stands for a longer time.
_MOST_POINTS = 500
_LEAST_INTERVAL_S = 60.0
#: First part of each session whose memory does not count: caches and pools fill.
_SETTLING = 0.1
#: Growth that is called growth: less is lost in what the allocator keeps.
GROWTH_MIB_H = 1.0
P99_DRIFT = 0.10
#: First and longest pause before another start, and how many in a row may fail.
_PAUSES_S, _MOST_FAILURES = (1.0, 60.0), 10
_MIB = float(1 << 20)


@dataclass(frozen=True)
class SoakProtocol:
    """How a soak is run: hours in all, camera, folder, seconds of one point (0 to have them chosen)."""

    hours: float
    source: str
    folder: str
    interval_s: float = 0.0

    @property
    def point_s(self):
        """Seconds of one point."""
        return self.interval_s or max(_LEAST_INTERVAL_S, self.hours * 3600 / _MOST_POINTS)


class Soak:
    """A soak, new or gone on with. After every point the document is on the disk, whole.

    Args:
        settings (Settings): what is in force.
        protocol (SoakProtocol): how.
        platform (Platform): the machine; the caller closes it.
        start_pipeline (callable): gives a `Pipeline`, not started.
        earlier (dict): the document to go on with, or None.
        clock, sleep (callable): seconds that only grow, and waiting.
        progress (callable): called with a few words after every point.

    Attributes:
        document (dict): what was measured so far; None before the first point.

    Raises:
        InputError: ``soak-different``: the earlier one is of another model, backend or machine; from `run`.
    """

    def __init__(self, settings, protocol, platform, start_pipeline, earlier=None, clock=time.monotonic,
                 sleep=time.sleep, progress=lambda words: None):
        self._settings, self._protocol, self._platform = settings, protocol, platform
        self._start_pipeline, self._clock, self._sleep, self._progress = start_pipeline, clock, sleep, progress
        self._earlier = earlier
        self.document = earlier
        self._points = list(earlier['points']) if earlier else []
        self._restarts = list(earlier['restarts']) if earlier else []
        self._session = earlier['sessions'] if earlier else 0
        self._about = {}

    def run(self):
        """Run until the hours are full.

        Raises:
            ThermoscreenError: the first start failed, or so many in a row; what was measured is on the disk.
            KeyboardInterrupt: Ctrl-C; likewise.
        """
        self._session += 1
        failures, pause_s = 0, _PAUSES_S[0]
        while self._done_s() < self._protocol.hours * 3600:
            points = len(self._points)
            try:
                self._go_on()
            except ThermoscreenError as error:
                failures = 1 if len(self._points) > points else failures + 1
                if not self._about or failures >= _MOST_FAILURES:
                    raise
                pause_s = _PAUSES_S[0] if failures == 1 else min(2 * pause_s, _PAUSES_S[1])
                self._restarts.append({'t_h': self._done_s() / 3600, 'at': utc_now(), 'code': error.code,
                                       'message': error.message.text})
                self._write()
                self._sleep(pause_s)

    def _go_on(self):
        """Start model and camera and take points until the hours are full or something fails."""
        camera = make_camera(self._protocol.source)
        settings = self._settings
        with self._start_pipeline() as pipeline, camera:
            self._describe(pipeline, camera)
            timer = FrameTimer(pipeline, Painter(settings.palette, settings.layer, settings.jpeg_quality), self._clock)
            warm_up_s = WARM_UP_S
            while self._done_s() < self._protocol.hours * 3600:
                run = Run(PACED)
                try:
                    run_paced(run, timer, camera, self._protocol.point_s, warm_up_s=warm_up_s)
                    warm_up_s = 0.0
                finally:
                    # Also what was measured before Ctrl-C or a failure.
                    if run.timings:
                        self._add(run)

    def _describe(self, pipeline, camera):
        about = {'environment': environment(self._platform, self._settings), 'camera': camera.describe(),
                 'bundle': pipeline.bundle.manifest.identity, 'backend': pipeline.backend}
        if self._earlier:
            _check_same(self._earlier, about)
        self._about = dict(about, measured_at=self.document['measured_at'] if self.document else utc_now())

    def _done_s(self):
        return sum(point['duration_s'] for point in self._points)

    def _add(self, run):
        whole = [timing.end_to_end_ms for timing in run.timings]
        reading = self._platform.telemetry()
        memory = reading.memory
        point = {'session': self._session, 'at': utc_now(), 'duration_s': run.ended_s - run.began_s, 'n': len(whole),
                 'max_ms': max(whole), 'dropped': run.dropped, 'silent': run.silent,
                 'no_results': sum(not timing.result for timing in run.timings),
                 'resident_bytes': resident_bytes(), 'gpu_bytes': memory.gpu_bytes if memory else None,
                 'hottest_c': reading.hottest_c, 'power_mw': reading.power_mw,
                 'throttle_signs': list(reading.throttle_signs) or None}
        point.update(('p%d_ms' % rank, float(np.percentile(whole, rank))) for rank in (50, 90, 99))
        self._points.append({name: value for name, value in point.items() if value is not None})
        self._write()
        self._progress('%.2f of %g hours, p99 %.1f ms, %d restarts' % (self._done_s() / 3600, self._protocol.hours,
                                                                      point['p99_ms'], len(self._restarts)))

    def _write(self):
        self.document = dict(
            self._about, schema=SCHEMA, kind=SOAK, updated_at=utc_now(),
            complete=self._done_s() >= self._protocol.hours * 3600,
            protocol={'hours': self._protocol.hours, 'source': self._protocol.source,
                      'point_s': self._protocol.point_s},
            sessions=self._session, points=self._points, restarts=self._restarts)
        self.document['findings'] = judge_soak(self.document)
        write_document(self._protocol.folder, self.document)


def judge_soak(document):
    """What the points say.

    Args:
        document (dict): a soak, without its findings.
    Returns:
        dict: ``hours``, ``frames``; ``memory`` and ``gpu_memory`` (``slope_mib_h``, ``low``, ``high``; None where
        there are too few points or the machine does not tell); ``p99_drift`` (last third of the points against the
        first, medians; None with fewer than six); ``reasons``, a list of ``{'code', 'sentence'}``: what speaks
        against leaving this running.
    """
    points, reasons = document['points'], []
    settled = [point for session in sorted({point['session'] for point in points})
               for point in _settled([point for point in points if point['session'] == session])]
    memory = {name: _growth(points, settled, key) for name, key in (('memory', 'resident_bytes'),
                                                                    ('gpu_memory', 'gpu_bytes'))}
    for name, words in (('memory', 'The memory of the program'), ('gpu_memory', 'The memory held for the GPU')):
        grown = memory[name]
        if grown and grown['low'] > 0 and grown['slope_mib_h'] > GROWTH_MIB_H:
            reasons.append(_reason(name.replace('_', '-') + '-grows', '%s grows by %.2f MiB an hour (95 %% interval '
                                   '%.2f to %.2f).' % (words, grown['slope_mib_h'], grown['low'], grown['high'])))
    drift = drift_share([point['p99_ms'] for point in points]) if len(points) >= 6 else None
    if drift is not None and drift > P99_DRIFT:
        reasons.append(_reason('p99-drift', 'The p99 of the last third is %.1f %% above that of the first.'
                               % (100 * drift)))
    if document['restarts']:
        reasons.append(_reason('restarts', 'It had to be started again %d times; first: %s'
                               % (len(document['restarts']), document['restarts'][0]['message'])))
    hot = sum('throttle_signs' in point for point in points)
    if hot > 1:
        reasons.append(_reason('throttling', 'The machine was slowed down at %d of %d points.' % (hot, len(points))))
    if not document['complete']:
        reasons.append(_reason('incomplete', 'It has not run its hours.'))
    return dict(memory, hours=sum(point['duration_s'] for point in points) / 3600,
                frames=sum(point['n'] for point in points), p99_drift=drift, reasons=reasons)


def _settled(points):
    return points[int(np.ceil(_SETTLING * len(points))):]


def _growth(points, settled, key):
    """Straight line through the memory of the settled points, one slope for all sessions."""
    ends = dict(zip((id(point) for point in points), np.cumsum([point['duration_s'] for point in points]) / 3600))
    known = [point for point in settled if key in point]
    found = slope([ends[id(point)] for point in known], [point[key] / _MIB for point in known],
                  [point['session'] for point in known]) if known else None
    return found and dict(zip(('slope_mib_h', 'low', 'high'), found))


def _reason(code, sentence):
    return {'code': code, 'sentence': sentence}


def _check_same(earlier, about):
    for section, keys in (('bundle', ('hash',)), ('backend', ('name', 'precision', 'provider')),
                          ('environment', ('board', 'power_mode'))):
        for key in keys:
            pair = earlier[section].get(key), about[section].get(key)
            if pair[0] != pair[1]:
                raise InputError('soak-different', 'The soak that is there was run with another %s (%s: %s, now %s); '
                                 'name another folder with --out.' % (section, key, pair[0], pair[1]))
