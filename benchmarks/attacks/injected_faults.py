"""An exception at every interesting call of every thread of the station: recovered from, or said with a missed beat.

Runs the station without its page in this process: simulated camera, shipped model, live picture, readings of the
machine, disk, and a watchdog whose pings are counted. Each fault is raised once as RuntimeError, MemoryError and
SystemExit, and then at every call as RuntimeError and SystemExit. One that was raised once must be recovered from:
pictures, pings, readings and writes go on. One that stays must be said on the page and keep the watchdog from its ping.
The exit code is 1 if one does neither. Limits are shortened, so that a missed beat takes two seconds.

    python -m benchmarks.attacks.injected_faults [--fault NAME]
"""
import contextlib
import functools
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

import click
from flask import Flask

from service import pipeline as pipeline_module
from service import telemetry
from service.backends import OnnxRuntimeBackend
from service.backends import worker as worker_module
from service.cameras.capture import Capture, Corrections
from service.cameras.capture.mailbox import Slot
from service.cameras.capture.quality import FreezeDetector
from service.cameras.registry import make_camera
from service.cameras.simulated import SimulatedCamera
from service.live import Counters, Latencies, LiveLoop, Painter, Publisher
from service.messages import OK, CameraError, ThermoscreenError
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE, Settings
from service.supervise import CAPTURE, Extension, Heartbeats, Notifier, StartRecord, StorageBeat, Supervision, threads
from service.supervise import heartbeats as heartbeats_module
from service.telemetry import Sources, Vitals, machine_messages
from service.web.app import create_app
from service.web.server import Server
from service.web.streams import Viewers

CAMERA = 'sim:1?rate=9&width=96&height=72'

#: Shortened limits, in seconds: of every heartbeat; between two checks of the disk; between two readings.
LIMIT_S, CHECK_S, PERIOD_S = 2.0, 0.2, 0.2
WATCHDOG_S = 0.6

#: How long a fault may take to be reached, recovered from or said; the machine may be busy. --patience changes it.
PATIENCE_S = 10.0

RECOVERED, SAID, UNNOTICED, NOT_REACHED = 'recovered', 'said, beat missed', 'UNNOTICED', 'NOT REACHED'
REFUSED, CRASHED = 'said, start refused', 'ended, counted as a crash'
#: Sensors are not worth an interrupted picture: their fault is said, and no beat is missed.
SAID_ONLY = 'said'

Error = Type[BaseException]
ONCE: Tuple[Error, ...] = (RuntimeError, MemoryError, SystemExit)
ALWAYS: Tuple[Error, ...] = (RuntimeError, SystemExit)


def _any(arguments: Tuple[Any, ...]) -> bool:
    return True


def _of_capture(arguments: Tuple[Any, ...]) -> bool:
    return 'capture' in arguments


class Fault(NamedTuple):
    """A call that can be made to fail.

    Attributes:
        name: as the table calls it.
        thread: in which it fails.
        owner, attribute: the function.
        when: whether a call with these arguments is the one.
        with_camera_gone: the camera is gone at the same time.
        stays: what must be true of a fault that stays; None where it is raised once only.
    """

    name: str
    thread: str
    owner: Any
    attribute: str
    when: Callable[[Tuple[Any, ...]], bool] = _any
    with_camera_gone: bool = False
    stays: Optional[str] = SAID


FAULTS = (
    Fault('camera: open', 'capture', SimulatedCamera, '_open'),
    Fault('camera: read', 'capture', SimulatedCamera, '_read'),
    Fault('camera: describe', 'capture', SimulatedCamera, 'describe'),
    Fault('camera: close', 'capture', SimulatedCamera, '_close', with_camera_gone=True, stays=None),
    Fault('capture: frozen or not', 'capture', FreezeDetector, 'is_new'),
    Fault('capture: corrections', 'capture', Corrections, 'apply'),
    Fault('capture: hand a frame over', 'capture', Slot, 'put'),
    Fault('capture: hand an error over', 'capture', Slot, 'fail', with_camera_gone=True),
    Fault('capture: heartbeat', 'capture', Heartbeats, 'beat', _of_capture),
    Fault('live: take a frame', 'live', Slot, 'take'),
    Fault('live: quality gate', 'live', pipeline_module, 'check_frame'),
    Fault('live: pipeline', 'live', Pipeline, 'analyse'),
    Fault('live: draw and encode', 'live', Painter, 'paint'),
    Fault('live: count', 'live', Counters, 'shown_at'),
    Fault('live: stage times', 'live', Latencies, 'observe'),
    Fault('live: camera\'s report', 'live', Capture, 'report'),
    Fault('live: publish', 'live', Publisher, 'publish'),
    Fault('live: heartbeat', 'live', Heartbeats, 'rest'),
    Fault('worker: queue', 'inference', worker_module._Queue, 'get'),
    Fault('worker: inference', 'inference', OnnxRuntimeBackend, '_infer'),
    Fault('machine: reading', 'telemetry', Sources, 'read', stays=SAID_ONLY),
    Fault('machine: disk', 'telemetry', telemetry, '_disk_of', stays=SAID_ONLY),
    Fault('disk: check', 'storage', StorageBeat, '_prove'),
    Fault('disk: record the first result', 'storage', Supervision, '_record_result'),
    Fault('watchdog: describe', 'watchdog', sys.modules[__name__], 'describe', stays=RECOVERED),
)


class Injection:
    """Raises at a function while armed."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._error: Optional[Error] = None
        self._left = 0
        self.hits = 0

    def arm(self, error: Error, times: int) -> None:
        """Raise at the next `times` calls."""
        self.hits, self._error, self._left = 0, error, times

    def disarm(self) -> None:
        """Raise no more."""
        self._left = 0

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """While the block runs, the function is replaced."""
        fault, undo = self._fault, [_replace(self._fault.owner, self._fault.attribute, self._failing)]
        if fault.with_camera_gone:
            undo.append(_replace(SimulatedCamera, '_read', self._gone))
        try:
            yield
        finally:
            for call in undo:
                call()

    def _failing(self, real: Callable[..., Any], *arguments: Any) -> Any:
        if (self._left > 0 and threading.current_thread().name == self._fault.thread and self._fault.when(arguments)):
            self._left -= 1
            self.hits += 1
            assert self._error is not None
            raise self._error('injected')
        return real(*arguments)

    def _gone(self, real: Callable[..., Any], *arguments: Any) -> Any:
        if self._left > 0:
            raise CameraError('camera-gone', 'The camera is gone.', 'Plug it in.')
        return real(*arguments)


@contextlib.contextmanager
def _replaced(owner: Any, attribute: str, failing: Callable[..., Any]) -> Iterator[None]:
    undo = _replace(owner, attribute, failing)
    try:
        yield
    finally:
        undo()


def _replace(owner: Any, attribute: str, failing: Callable[..., Any]) -> Callable[[], None]:
    real = getattr(owner, attribute)
    setattr(owner, attribute, lambda *arguments: failing(real, *arguments))
    return lambda: setattr(owner, attribute, real)


class Station:
    """The station without its page, under a supervisor that counts pings."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix='faults-')
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.path.join(self.folder, 'notify'))
        self._socket.setblocking(False)
        environ = {'NOTIFY_SOCKET': os.path.join(self.folder, 'notify'), 'WATCHDOG_USEC': '%d' % (WATCHDOG_S * 1e6)}
        self.supervision = Supervision(os.path.join(self.folder, 'state'), environ)
        self.supervision.record.begin()
        self._ending = contextlib.ExitStack()
        pipeline = self._ending.enter_context(Pipeline.from_folder(SHIPPED_BUNDLE, threads=1))
        camera = make_camera(CAMERA)
        self.live = LiveLoop(pipeline, lambda: camera, heartbeats=self.supervision.heartbeats, read_timeout_s=0.3,
                             backoff_s=(0.05, 0.1))
        self.vitals = self._ending.enter_context(Vitals(Settings(), self.folder, period_s=PERIOD_S))
        self._ending.enter_context(self.live)
        self.supervision.ready(('127.0.0.1', 1), self._describe, parts=(CAPTURE,))
        self._pings = 0

    def close(self) -> None:
        """End it."""
        self.supervision.stopping()
        self._ending.close()
        self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pings(self) -> int:
        """How often the watchdog was pinged."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._pings += b'WATCHDOG=1' in self._socket.recv(4096)
        return self._pings

    def marks(self) -> List[float]:
        """What grows while everything works: pictures, pings, time of the last reading, time of the last write."""
        reading = self.vitals._newest
        try:
            written_s = os.stat(os.path.join(self.folder, 'state', heartbeats_module.FILE)).st_mtime
        except FileNotFoundError:
            written_s = 0.0
        return [self.live.state.picture, self.pings, reading[0] if reading else 0.0, written_s]

    def works(self) -> bool:
        """Whether all of it goes on, within the patience: longer than with the two frames that may be under way."""
        return _comes_true(lambda: not self.supervision.heartbeats.stale()) and all(self._goes_on() for _ in range(4))

    def _goes_on(self) -> bool:
        before = self.marks()
        return _comes_true(lambda: all(now > then for now, then in zip(self.marks(), before)))

    def says(self) -> bool:
        """Whether the page says that something is wrong."""
        return self.live.state.status.severity != OK or self.supervision.heartbeats.trouble() is not None

    def misses(self) -> bool:
        """Whether the watchdog gets no ping any more."""
        if not self.supervision.heartbeats.stale():
            return False
        before = self.pings
        time.sleep(WATCHDOG_S)
        return self.pings == before

    def _describe(self) -> str:
        return describe(self.live)


def describe(live: LiveLoop) -> str:
    """The line for systemd, as the service gives it."""
    return live.state.status.sentence


def _comes_true(condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def attack(fault: Fault) -> Dict[str, str]:
    """What became of a fault: a word for each way in which it was raised."""
    outcomes, injection = {}, Injection(fault)
    with injection.installed():
        station = Station()
        for error, times in [(error, 1) for error in ONCE] + [(error, 1 << 30) for error in ALWAYS if fault.stays]:
            if not station.works():
                station.close()
                station = Station()
                if not station.works():
                    raise click.ClickException('the station does not work on this machine')
            outcomes['%s %s' % (error.__name__, 'once' if times == 1 else 'always')] = _outcome(
                fault, injection, station, error, times)
        station.close()
    return outcomes


def _outcome(fault: Fault, injection: Injection, station: Station, error: Error, times: int) -> str:
    injection.arm(error, times)
    if 'camera: open' == fault.name or 'camera: describe' == fault.name:
        station.live.capture.close()  # it is opened again by its thread
    try:
        if not _comes_true(lambda: injection.hits > 0):
            return NOT_REACHED
        if times == 1 or fault.stays == RECOVERED:
            return RECOVERED if station.works() else UNNOTICED
        if fault.stays == SAID_ONLY:
            return SAID_ONLY if _comes_true(lambda: 'telemetry-silent' in {
                message.code for message in machine_messages(station.vitals.newest)}) else UNNOTICED
        return SAID if _comes_true(lambda: station.says() and station.misses()) else UNNOTICED
    finally:
        injection.disarm()


def attack_load(error: Error) -> str:
    """A model that cannot be loaded: the start says so at once instead of waiting for an answer that never comes."""
    injection, told = Injection(Fault('', 'inference', OnnxRuntimeBackend, '_activate')), []

    def start() -> None:
        try:
            with Pipeline.from_folder(SHIPPED_BUNDLE, threads=1):
                pass
        except ThermoscreenError as refusal:
            told.append(refusal.code)

    with injection.installed():
        injection.arm(error, 1)
        thread = threading.Thread(target=start, daemon=True)
        thread.start()
        thread.join(PATIENCE_S)
    return REFUSED if told else UNNOTICED


def attack_loading(error: Error) -> str:
    """The thread that asks systemd for more time: it goes on after a failure."""
    asked = threading.Semaphore(0)

    class Counting(Notifier):
        """Counts what it is given to send."""

        def _send(self, *lines: str) -> bool:
            asked.release()
            return True

    injection = Injection(Fault('', 'starting', Notifier, 'extend'))
    with injection.installed():
        injection.arm(error, 1)
        with Extension(Counting(), 'The model is loading.', step_s=0.1):
            asked.acquire()
            asked.acquire()  # of the main thread: status and request
            went_on = asked.acquire(timeout=PATIENCE_S)
    return RECOVERED if injection.hits and went_on else UNNOTICED


def attack_page(error: Error) -> str:
    """The loop that serves the page: the process ends, and the next start knows that it crashed."""
    folder, ended = tempfile.mkdtemp(prefix='faults-'), False
    supervision = Supervision(os.path.join(folder, 'state'), {})
    supervision.record.begin()
    injection = Injection(Fault('', 'MainThread', Server, '_close_silent'))
    with injection.installed():
        injection.arm(error, 1)
        try:
            Server(Flask('empty'), '127.0.0.1', _free_port(), on_stop=supervision.stopping).run()
        except error:
            ended = True
    counted = StartRecord(os.path.join(folder, 'state'))
    counted.begin()
    shutil.rmtree(folder)
    return CRASHED if ended and counted.crashes else UNNOTICED


def attack_proof(error: Error) -> str:
    """The thread that asks for a page and beats when it came: it goes on after a failure."""
    beaten, injection = threading.Event(), Injection(Fault('', 'proof', Server, 'answers'))
    with injection.installed():
        injection.arm(error, 1)
        server = Server(Flask('page'), '127.0.0.1', _free_port(), on_answer=beaten.set)
        with _replaced(Server, 'answers', lambda real, *arguments: real(*arguments) or True):
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            went_on = beaten.wait(PATIENCE_S)
            server.stop()
            thread.join(PATIENCE_S)
    return RECOVERED if injection.hits and went_on else UNNOTICED


def attack_viewers(error: Error) -> str:
    """The thread that serves all viewers: a browser that asks again gets pictures again."""
    station, injection = Station(), Injection(Fault('', 'viewers', Viewers, '_serve'))
    settings = Settings(port=_free_port())
    app = create_app(station.live._pipeline, station.live, settings)
    server = Server(app, settings.host, settings.port, on_stop=station.live.dismiss)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        with injection.installed():
            got_before = _comes_true(lambda: _events(server) > 1)
            injection.arm(error, 1)
            return RECOVERED if got_before and _comes_true(
                lambda: _events(server) > 1 and injection.hits > 0) else UNNOTICED
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        station.close()


def _events(server: Server) -> int:
    """How many events a browser that asks now gets, of at most three."""
    host, port = server._address
    try:
        with urllib.request.urlopen('http://%s:%d/live/events' % (host, port), timeout=3.0) as stream:
            return sum(b'event:' in stream.readline() for _ in range(12))
    except OSError:
        return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


#: Faults that are no part of a running station.
OTHERS = (('worker: load', attack_load), ('start: ask for more time', attack_loading), ('page: loop', attack_page),
          ('page: proof', attack_proof), ('page: viewers', attack_viewers))


def _attack_once(run: Callable[[Error], str]) -> Dict[str, str]:
    return {'%s once' % error.__name__: run(error) for error in ONCE}


def _shorten() -> None:
    heartbeats_module.LIMITS_S.update({part: LIMIT_S for part in heartbeats_module.LIMITS_S})
    heartbeats_module.CHECK_EVERY_S = heartbeats_module.WRITE_EVERY_S = CHECK_S
    telemetry.STALE_S, telemetry.REST, telemetry._PAUSE_S = 2.0, 0.0, 0.1
    threads.PAUSE_S = 0.1


@click.command()
@click.option('--fault', 'names', multiple=True, metavar='NAME', help='Only faults that contain this; repeatable.')
@click.option('--patience', type=float, default=PATIENCE_S, show_default=True, help='Longest wait, in seconds.')
def main(names: Tuple[str, ...], patience: float) -> None:
    """Print what became of every fault."""
    global PATIENCE_S
    PATIENCE_S = patience
    _shorten()
    logging.disable(logging.CRITICAL)
    sys.stderr = open(os.devnull, 'w')
    rows: List[Tuple[str, Dict[str, str]]] = []
    attacks: List[Tuple[str, Callable[[], Dict[str, str]]]] = [
        (fault.name, functools.partial(attack, fault)) for fault in FAULTS]
    attacks += [(name, functools.partial(_attack_once, run)) for name, run in OTHERS]
    for name, run_all in attacks:
        if not names or any(word in name for word in names):
            rows.append((name, run_all()))
            click.echo('%-31s %s' % (name, '; '.join('%s: %s' % entry for entry in rows[-1][1].items())))
    good = [name for name, outcomes in rows if not {UNNOTICED, NOT_REACHED} & set(outcomes.values())]
    cases = [outcome for _, outcomes in rows for outcome in outcomes.values()]
    click.echo('Python %s: %d of %d faults recovered or said; of %d ways of raising them %d went unnoticed.'
               % (sys.version.split()[0], len(good), len(rows), len(cases),
                  sum(outcome in (UNNOTICED, NOT_REACHED) for outcome in cases)))
    sys.stdout.flush()
    os._exit(0 if len(good) == len(rows) else 1)  # threads that still hang must not decide how this ends


if __name__ == '__main__':
    main()
