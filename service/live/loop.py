"""The thread that turns the frames of a camera into pictures and values for the page."""
import functools
import logging
import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Tuple

import simplejpeg

from ..cameras import Camera, Frame
from ..cameras.capture import BACKOFF_S, READ_TIMEOUT_S, Capture, Corrections
from ..condition import FFC_RUNNING
from ..degrees import CELSIUS
from ..messages import ADJUNCT_NOTICE, WARNING, BackendError, Message, ThermoscreenError
from ..overlay import draw_overlay
from ..quality import QualityLimits
from ..stopwatch import Stopwatch
from ..supervise import INFERENCE, LIVE, Heartbeats, LastingThread
from .guidance import Guidance
from .publisher import RUNNING, STARTING, LiveState, Picture, Publisher, as_text
from .statistics import Counters, Latencies

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..result import Result

_LOGGER = logging.getLogger(__name__)

_SHUTTER_OPENS = 'The picture comes back by itself.'
_CAMERA_RETURNS = 'The picture comes back by itself when the camera does.'
#: Interval at which a thread that waits for a hung one looks whether it was stopped meanwhile.
_OWNER_POLL_S = 0.25

#: Pictures are drawn at once for so long after a viewer asked for one, later only when one asks. Longer than the page
#: waits before it sends the last picture again.
_WATCHED_S = 5.0

#: What the gate says while the picture does not run.
_NO_GATE: Dict[str, Any] = {'gate': [], 'gate_ready': False, 'gate_says': None, 'gate_role': None}

_COVERED = Message('lens-covered', 'The picture is empty: the shutter of the camera is closed, or something covers its '
                   'lens.', 'Uncover the lens. If the picture stays empty, unplug the camera and plug it in again.',
                   WARNING, 'camera')

_RESTART = 'If it does not come back by itself, switch the station off and on.'


class Painter:
    """Draws and encodes results with one palette, layer and quality.

    Args:
        palette_name: a palette of `service.palettes`.
        layer: a layer of `service.overlay`.
        jpeg_quality: 1 to 100.
        unit: of its temperatures, one of `service.degrees.SIGNS`.
    """

    def __init__(self, palette_name: str = 'iron', layer: str = 'original', jpeg_quality: int = 85,
                 unit: str = CELSIUS) -> None:
        self._unit = unit
        self._palette_name = palette_name
        self._layer = layer
        self._jpeg_quality = int(jpeg_quality)

    def paint(self, result: 'Result', watch: Stopwatch) -> bytes:
        """The JPEG of a result; laps ``'overlay'`` and ``'encode'`` on `watch`."""
        picture = draw_overlay(result, self._palette_name, self._layer, unit=self._unit)
        watch.lap('overlay')
        # OpenCV's own encoder takes four times as long in the releases for Python 3.6.
        jpeg: bytes = simplejpeg.encode_jpeg(picture, self._jpeg_quality, 'BGR', '420', fastdct=False)
        watch.lap('encode')
        return jpeg


class LiveLoop:
    """Analyses every frame of a camera that it can keep up with, and publishes the newest.

    One picture is drawn and encoded per frame, however many viewers there are, and none while nobody watches. The
    camera has a thread of its own, the `Capture`. The loop outlives the camera: a lost camera is published as the
    status, and the picture returns with it. Use the loop as a context manager.

    Args:
        pipeline: started.
        open_camera: returns a camera, which is entered as a context manager; may return the same one every time.
        palette_name, layer, jpeg_quality, unit: as of `Painter`.
        clock: monotonic seconds, the clock of the camera's frames.
        read_timeout_s, backoff_s, corrections, warm_up_s: as of `Capture`.
        heartbeats: told of the progress of ``'capture'``, ``'inference'`` and ``'live'``.
        analysed: told of every picture that was analysed, with None, or could not be, with the error.
        limits: of the quality checks, which the gate measures against.
        distance_cm: from the camera to the patient.

    Attributes:
        capture: the camera's thread; ask it for a frame to keep.
        latencies: of every picture since the loop was made, with ``'page'``, from the camera to the page.
    """

    def __init__(self, pipeline: 'Pipeline', open_camera: Callable[[], Camera], palette_name: str = 'iron',
                 layer: str = 'original', jpeg_quality: int = 85, clock: Callable[[], float] = time.monotonic,
                 read_timeout_s: float = READ_TIMEOUT_S, backoff_s: Tuple[float, float] = BACKOFF_S,
                 heartbeats: Optional[Heartbeats] = None, corrections: Optional[Corrections] = None,
                 warm_up_s: float = 0.0,
                 analysed: Callable[[Optional[ThermoscreenError]], None] = lambda error: None,
                 limits: Optional[QualityLimits] = None, distance_cm: float = 100.0, unit: str = CELSIUS) -> None:
        self._pipeline = pipeline
        self._analysed = analysed
        self._painter = Painter(palette_name, layer, jpeg_quality, unit)
        self._clock = clock
        self._read_timeout_s = read_timeout_s
        self.heartbeats = heartbeats or Heartbeats()
        self.capture = Capture(open_camera, corrections, warm_up_s, clock, None, read_timeout_s, backoff_s,
                               self.heartbeats)
        self.latencies = Latencies()
        self._publisher = Publisher()
        self._counters = Counters()
        self._guidance = Guidance(limits or QualityLimits(), distance_cm)
        self._busy = 0
        self._asked_s = -math.inf
        self._values: Dict[str, Any] = {'notice': ADJUNCT_NOTICE}
        self._doing = 'camera'
        # Every thread has a stop event of its own: a hung one must not take a later `start` for its own.
        self._stop = threading.Event()
        self._owned = threading.Lock()  # by the thread that the pipeline belongs to
        self._thread: Optional[threading.Thread] = None
        self._publish(STARTING)

    def __enter__(self) -> 'LiveLoop':
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start both threads; the first state says that the camera is starting.

        An analysis that hung outlives `stop`. The new thread then waits until it has ended, and sends no heartbeat.
        """
        self._stop = threading.Event()
        self._publisher.reopen()
        self._publish(STARTING)
        self.capture.start()
        self.heartbeats.expect(LIVE)
        self._thread = LastingThread('live', functools.partial(self._run, self._stop), self._stop)
        self._thread.start()

    def dismiss(self) -> None:
        """Tell both threads and every viewer to finish, without waiting for them."""
        self._stop.set()
        self.capture.dismiss()
        self._publisher.close()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End both threads and every wait for a state. May be called twice."""
        self.dismiss()
        self.capture.stop(timeout_s)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def expect(self, role: Optional[str], scale: Optional[float] = None, scale_role: Optional[str] = None,
               room_c: Optional[float] = None) -> None:
        """Have the gate judge the next pictures as one of an exam; arguments as of `service.gate.Wanted`."""
        self._guidance.expect(role, scale, scale_role, room_c)

    @property
    def stopped(self) -> bool:
        """Whether nothing will follow."""
        return self._publisher.closed

    @property
    def state(self) -> LiveState:
        """The newest `LiveState`."""
        return self._publisher.state

    def wait_for(self, after_sequence: int, timeout_s: float) -> Optional[LiveState]:
        """The newest state above a sequence number; None at the timeout or when the loop ended."""
        return self._publisher.wait_for(after_sequence, timeout_s)

    def pulse(self) -> Dict[str, Any]:
        """A sign of life between two states, as JSON values: which part is working and how old the picture is."""
        age_ms = self.state.age_ms(self._clock())
        return {'doing': self._doing, 'age_ms': age_ms and round(age_ms), 'sequence': self.state.sequence,
                'stuck': self._stuck(), 'capture': self.capture.report()}

    def _stuck(self) -> Optional[Dict[str, Any]]:
        trouble = self.heartbeats.trouble()
        return None if trouble is None else trouble.to_dict()

    def _run(self, stop: threading.Event) -> None:
        while not self._owned.acquire(timeout=_OWNER_POLL_S):
            if stop.is_set():
                return
        try:
            while not stop.is_set():
                self._turn()
                self.heartbeats.beat(LIVE)
            self.heartbeats.rest(LIVE)
        finally:
            self._owned.release()

    def _turn(self) -> None:
        """Show the next frame, or say why there is none; raises nothing that is not a fault of the program."""
        watch = Stopwatch()
        self._doing = 'camera'
        try:
            frame = self.capture.take(self._read_timeout_s)
        except ThermoscreenError as error:
            self._camera_lost(error)
            return
        if frame is None:  # a closed shutter is no trouble; the capture reports what lasts longer
            return
        watch.lap('capture')
        self._doing = 'analysis'
        # An analysis that raises has not answered: its beat stays due, and the loop's own is not until it returns.
        self.heartbeats.expect(INFERENCE)
        self.heartbeats.rest(LIVE)
        try:
            self._show(frame, watch)
            self.heartbeats.rest(INFERENCE)
            self._analysed(None)
        except ThermoscreenError as error:
            self._analysis_failed(error)
        except BaseException:  # a library may raise anything, SystemExit included
            _LOGGER.exception('analysis-unexpected')
            unexpected = BackendError('analysis-unexpected', 'The picture could not be analysed.', _RESTART)
            self._trouble(replace(unexpected.message, subject='analysis'))
            self._analysed(unexpected)

    def _show(self, frame: Frame, watch: Stopwatch) -> None:
        result = self._pipeline.analyse(frame.thermogram)
        watch.lap('analyse')
        picture = Picture(functools.partial(self._painter.paint, result, watch), self._asked)
        # The first is drawn in any case: whoever starts the station looks for it.
        watched = self.state.picture == 0 or self._clock() - self._asked_s < _WATCHED_S
        if watched:
            picture.draw()
        laps_ms = watch.read_ms()
        values = result.to_dict()
        values['timings_ms'] = _merged(values['timings_ms'], laps_ms)
        capture = self.capture.report()
        gate = self._guidance.follow(result, frame, capture)
        now_s = self._clock()
        self._counters.shown_at(now_s)
        latency_ms = round(max(0.0, (now_s - frame.t_monotonic) * 1e3), 1)
        # Before it is published: who sees a picture finds it counted.
        self.latencies.observe(dict(values['timings_ms'], page=latency_ms) if watched else values['timings_ms'])
        self._publish(_status_of(result, frame, capture), values, picture, frame.t_monotonic, latency_ms, gate)

    def _asked(self) -> None:
        self._asked_s = self._clock()

    def _analysis_failed(self, error: ThermoscreenError) -> None:
        if error.code == 'backend-busy':  # a file is being analysed: the next frame is as good as this one
            self._busy += 1
            return
        _LOGGER.warning('%s: %s', error, error.detail)
        self._trouble(replace(error.message, next_step=error.message.next_step or _RESTART, subject='analysis'))
        self._analysed(error)

    def _camera_lost(self, error: ThermoscreenError) -> None:
        # The capture logs the loss.
        self._counters.reopened()
        if not self._stop.is_set():
            next_step = ' '.join(step for step in (error.message.next_step, _CAMERA_RETURNS) if step)
            self._trouble(replace(error.message, next_step=next_step, subject='camera'))

    def _trouble(self, status: Message) -> None:
        if status != self.state.status:
            self._publish(status)

    def _publish(self, status: Message, values: Optional[Dict[str, Any]] = None, picture: Optional[Picture] = None,
                 captured_s: Optional[float] = None, latency_ms: Optional[float] = None,
                 gate: Optional[Dict[str, Any]] = None) -> None:
        """Publish a new state; without a picture the last one stays, and the status says that it is old."""
        last = self.state
        state = replace(last, sequence=last.sequence + 1, status=status)
        if picture is not None:
            state = replace(state, picture=last.picture + 1, drawing=picture, captured_s=captured_s)
        live = dict(self._live_values(state, latency_ms), **(gate if gate and state.running else _NO_GATE))
        values = dict(values or self._values, live=live)
        self._publisher.publish(replace(state, values=values, text=as_text(values)))
        self._values = values

    def _live_values(self, state: LiveState, latency_ms: Optional[float]) -> Dict[str, Any]:
        now_s = self._clock()
        rate_hz = self._counters.rate_hz(now_s)
        age_ms = state.age_ms(now_s)
        capture = self.capture.report()
        return {
            'sequence': state.sequence,
            'picture': state.picture,
            'status': state.status.to_dict(),
            'camera': self.capture.description,
            'capture': capture,
            'latency_ms': latency_ms,
            'age_ms': None if age_ms is None else round(age_ms, 1),
            'rate_hz': None if rate_hz is None else round(rate_hz, 1),
            'stuck': self._stuck(),
            'shown': self._counters.shown,
            'dropped': capture['dropped'] + self._busy,
        }


def _status_of(result: 'Result', frame: Frame, capture: Mapping[str, Any]) -> Message:
    """Whether a picture is one of the patient: a camera whose shutter is closed goes on sending pictures of it."""
    if frame.condition.ffc == FFC_RUNNING:
        told = capture['notice'] or next((message for message in capture['quality']['messages']
                                          if message['code'] == 'shutter-closed'), None)
        if told is not None:
            next_step = told['next_step'] or _SHUTTER_OPENS
            return Message(told['code'], told['sentence'], next_step, told['severity'], 'camera')
    return _COVERED if any(check.code == 'signal' for check in result.refusals) else RUNNING


def _merged(analysis_ms: Dict[str, float], laps_ms: Dict[str, float]) -> Dict[str, float]:
    """The stages in the order in which they ran, without those that did not.

    The wait for the camera is shown but not part of the total.
    """
    timings_ms = {'capture': laps_ms['capture']}
    timings_ms.update((stage, value) for stage, value in analysis_ms.items() if stage != 'total')
    timings_ms.update((stage, laps_ms[stage]) for stage in ('overlay', 'encode') if stage in laps_ms)
    timings_ms['total'] = laps_ms['total'] - laps_ms['capture']
    return {stage: round(value, 3) for stage, value in timings_ms.items()}
