"""Frames through everything that the service does with them, timed: in a closed loop, or paced by the camera.

The camera runs in a `Capture` with the corrections of the settings, as in the service, and frames pass the service's
own pipeline and painter.
"""
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from service.cameras import Camera, Frame
from service.cameras.capture import Capture, Corrections
from service.live import Painter
from service.messages import CameraError, Message, ThermoscreenError
from service.pipeline import Pipeline
from service.settings import Settings
from service.stopwatch import Stopwatch
from service.thermogram import Thermogram

#: All stages in the order in which a frame passes them. A stage that a run does not have is absent: frames from memory
#: are not captured, and a CPU backend copies nothing.
STAGES = ('capture', 'quality', 'preprocess', 'copy_in', 'infer_classifier', 'infer', 'copy_out', 'decode', 'analyse',
          'overlay', 'encode')
CLOSED, PACED = 'closed', 'paced'

#: Warm-up before the measurement, reported apart from it: caches fill and clocks rise.
WARM_UP_FRAMES, WARM_UP_S = 10, 1.0
#: Longest wait for the first frame of a camera that has to be opened.
FIRST_FRAME_S = 10.0
#: Longest wait for any other frame: this, or two periods of a slow camera.
_FRAME_TIMEOUT_S = 1.0
#: A run ends after so many waits in a row without a frame.
MAX_SILENT_READS = 5

#: What `Capture.report` counts, and what it says about the corrections.
_COUNTS = ('received', 'dropped', 'repeated', 'lost', 'missed', 'bad', 'stalls', 'reconnects')
_CORRECTIONS = ('bad_pixels', 'offset_c', 'denoised')


@dataclass(frozen=True)
class Timing:
    """One frame.

    Attributes:
        started_s: when it was taken by the camera, or from memory, on the clock of the run.
        end_to_end_ms: from there until its picture was encoded, timed independently of the stages.
        stages_ms: milliseconds by stage.
        result: False for a 'no result', which may lack later stages.
    """

    started_s: float
    end_to_end_ms: float
    stages_ms: Dict[str, float]
    result: bool


@dataclass
class Run:
    """What was measured so far.

    Attributes:
        mode: `CLOSED` (the next frame starts when the previous one is done) or `PACED` (by the camera).
        warm_up, timings: frames in their order.
        began_s, ended_s: span of the measured part on the clock of the run; None before it.
        dropped: frames that nobody took because another frame was being processed.
        silent: waits that ended without a frame.
        complete: whether it ran to its end.
        error: what ended it.
        capture: counts of the `Capture` over the measured part and what its corrections did, as `capture_figures`;
            None in a closed loop.
    """

    mode: str
    warm_up: List[Timing] = field(default_factory=list)
    timings: List[Timing] = field(default_factory=list)
    began_s: Optional[float] = None
    ended_s: Optional[float] = None
    dropped: int = 0
    silent: int = 0
    complete: bool = False
    error: Optional[Message] = None
    capture: Optional[Dict[str, Any]] = None

    @property
    def duration_s(self) -> float:
        """Duration of the measured part, 0 before it."""
        return 0.0 if self.began_s is None or self.ended_s is None else self.ended_s - self.began_s


#: Called after each frame with the share that is done, 0 to 1 or more, and the timings so far.
FrameProgress = Callable[[float, List[Timing]], None]


def _silently(share: float, timings: List[Timing]) -> None:
    """Reports nothing."""


class FrameTimer:
    """Times frames through a pipeline and the painter of the live page.

    Args:
        pipeline: started.
        painter: draws and encodes.
        clock: monotonic seconds, the clock of the camera's frames.
    """

    def __init__(self, pipeline: Pipeline, painter: Painter, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipeline, self._painter, self.clock = pipeline, painter, clock

    def from_memory(self, thermogram: Thermogram) -> Timing:
        """Time a frame that is in memory; it has no capture stage.

        Raises:
            BackendError: inference failed.
        """
        began_s = self.clock()
        stages_ms, result = self._process(thermogram)
        return Timing(began_s, (self.clock() - began_s) * 1e3, stages_ms, result)

    def from_capture(self, capture: Capture, timeout_s: float) -> Timing:
        """Time the next frame of a capture.

        Its capture stage is the age of the frame when it was handed over: transfer, corrections, and the wait for the
        frame before it, but not the wait for the camera. End to end is from the moment it was taken.

        Raises:
            CameraError: no frame.
            BackendError: inference failed.
        """
        frame = next_frame(capture, timeout_s)
        handed_s = self.clock()
        taken_s = min(frame.t_monotonic, handed_s)
        stages_ms, result = self._process(frame.thermogram)
        ended_s = self.clock()
        stages_ms = dict({'capture': (handed_s - taken_s) * 1e3}, **stages_ms)
        return Timing(taken_s, (ended_s - taken_s) * 1e3, stages_ms, result)

    def _process(self, thermogram: Thermogram) -> Tuple[Dict[str, float], bool]:
        result = self._pipeline.analyse(thermogram)
        watch = Stopwatch(self.clock)
        self._painter.paint(result, watch)
        laps_ms = dict(result.timings_ms, **watch.read_ms())
        return {stage: laps_ms[stage] for stage in in_order(laps_ms)}, result.outcome == 'result'


def make_capture(camera: Camera, settings: Settings, clock: Callable[[], float] = time.monotonic) -> Capture:
    """A camera in a capture with the corrections of the settings, as the service runs it; not started.

    Raises:
        InputError: the map of bad pixels cannot be read.
        SettingsError: the patch of the blackbody makes no sense.
    """
    return Capture(lambda: camera, Corrections.from_settings(settings), 60 * settings.warm_up_minutes, clock)


@contextlib.contextmanager
def started(capture: Capture) -> Iterator[Capture]:
    """Run a capture whose first frame has come.

    Raises:
        CameraError: the camera cannot be opened or gives no frame.
    """
    with capture:
        next_frame(capture, FIRST_FRAME_S)
        yield capture


def next_frame(capture: Capture, timeout_s: float) -> Frame:
    """The newest frame of a capture that was not taken yet.

    Raises:
        CameraError: the camera's error; ``camera-silent`` where no frame came in time.
    """
    frame = capture.take(timeout_s)
    if frame is None:
        raise CameraError('camera-silent', 'The camera gave no frame for %.1f seconds.' % timeout_s,
                          'Check its cable and try again.')
    return frame


def load_frames(capture: Capture, count: int) -> List[Thermogram]:
    """Frames of a running capture, kept in memory before any clock runs, as MLPerf loads its samples [Reddi2020].

    Raises:
        CameraError: as of `next_frame`.
    """
    timeout_s = _frame_timeout_s(capture)
    return [next_frame(capture, timeout_s).thermogram for _ in range(count)]


def run_closed(run: Run, timer: FrameTimer, frames: Sequence[Thermogram], seconds: float, queries: int,
               progress: FrameProgress = _silently) -> None:
    """One frame after the other from memory, in the style of MLPerf SingleStream [Reddi2020].

    Args:
        run: filled while it runs, so that it holds what was measured wherever it ends.
        timer: times the frames.
        frames: used in turn.
        seconds: minimum duration.
        queries: minimum number of frames.
        progress: called after each frame.
    Raises:
        ThermoscreenError: as of `FrameTimer.from_memory`; the run then holds the reason.
    """
    clock, supply = timer.clock, itertools.cycle(frames)
    with _closing(run, clock):
        warm_up_s = clock()
        while len(run.warm_up) < WARM_UP_FRAMES or clock() - warm_up_s < WARM_UP_S:
            run.warm_up.append(timer.from_memory(next(supply)))
        run.began_s = began_s = clock()
        while clock() - began_s < seconds or len(run.timings) < queries:
            run.timings.append(timer.from_memory(next(supply)))
            progress(min((clock() - began_s) / seconds, len(run.timings) / float(max(queries, 1))), run.timings)
        run.complete = True


def run_paced(run: Run, timer: FrameTimer, capture: Capture, seconds: float, progress: FrameProgress = _silently,
              warm_up_s: float = WARM_UP_S) -> None:
    """Every frame of a camera that the machine can keep up with.

    Args:
        run: as for `run_closed`.
        timer: times the frames.
        capture: running, as `started` gives it.
        seconds: duration.
        progress: called after each frame.
        warm_up_s: duration of the warm-up; at least one frame.
    Raises:
        ThermoscreenError: the camera was lost, or inference failed.
    """
    clock, in_a_row, timeout_s = timer.clock, 0, _frame_timeout_s(capture)
    start_s, before = clock(), capture_figures(capture)
    with _closing(run, clock):
        try:
            while run.began_s is None or clock() - run.began_s < seconds:
                try:
                    timing = timer.from_capture(capture, timeout_s)
                except CameraError as error:
                    in_a_row += 1
                    run.silent += 1
                    if error.code != 'camera-silent' or in_a_row >= MAX_SILENT_READS:
                        raise
                    continue
                in_a_row = 0
                if run.began_s is not None:
                    run.timings.append(timing)
                    progress((clock() - run.began_s) / seconds, run.timings)
                    continue
                run.warm_up.append(timing)
                if clock() - start_s >= warm_up_s:
                    before, run.began_s = capture_figures(capture), clock()
            run.complete = True
        finally:
            run.capture = capture_figures(capture, before)
            run.dropped = run.capture['dropped']


def capture_figures(capture: Capture, before: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """What a capture did.

    Frames ``received``, ``dropped`` (not taken in time), ``repeated``, ``lost``, ``missed`` and ``bad``;
    ``stalls`` and ``reconnects``; and its corrections: ``bad_pixels``, ``offset_c`` (or None), ``denoised``.

    Args:
        capture: running or not.
        before: figures that the counts are taken from; None for those since its start.
    """
    report = capture.report()
    figures = {name: report[name] - (before[name] if before else 0) for name in _COUNTS}
    return dict(figures, **{name: report[name] for name in _CORRECTIONS})


def in_order(stages: Iterable[str]) -> List[str]:
    """Names of stages in the order in which a frame passes them; in a JSON file they are sorted by name."""
    names = set(stages)
    return [stage for stage in STAGES if stage in names]


def add_up(timings: Sequence[Timing]) -> Dict[str, float]:
    """How much of the frames the stages account for.

    Args:
        timings: at least one.
    Returns:
        ``stages_ms`` and ``end_to_end_ms`` (means per frame), ``missing_share`` (part of the time between the start and
        the end of a frame that no stage accounts for; negative where the stages claim more), and ``worst_share``, the
        same of the frame where it is farthest from 0.
    """
    stages = [sum(timing.stages_ms.values()) for timing in timings]
    whole = [timing.end_to_end_ms for timing in timings]
    shares = [(total - part) / total if total > 0 else 0.0 for part, total in zip(stages, whole)]
    part, total = sum(stages) / len(stages), sum(whole) / len(whole)
    return {'stages_ms': part, 'end_to_end_ms': total, 'missing_share': (total - part) / total if total > 0 else 0.0,
            'worst_share': max(shares, key=abs)}


def _frame_timeout_s(capture: Capture) -> float:
    rate_hz = capture.description.get('rate_hz')
    return max(_FRAME_TIMEOUT_S, 2.0 / rate_hz) if rate_hz else _FRAME_TIMEOUT_S


@contextlib.contextmanager
def _closing(run: Run, clock: Callable[[], float]) -> Iterator[None]:
    """Record when a run ended and why, whatever ended it."""
    try:
        yield
    except ThermoscreenError as error:
        run.error = error.message
        raise
    finally:
        if run.began_s is not None:
            run.ended_s = clock()
