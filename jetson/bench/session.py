"""One benchmark: closed loop, paced by the camera, and every backend and precision."""
import contextlib
import dataclasses
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

from service.cameras import Camera
from service.cameras.capture import Capture
from service.cameras.registry import make_camera
from service.live import Painter
from service.messages import ThermoscreenError
from service.pipeline import Pipeline
from service.selection.measurement import WARM_UP_RUNS
from service.settings import Settings

from ..platform import Platform
from .environment import ProcessorShares, TelemetryRecorder, environment, utc_now
from .record import BENCH, SCHEMAS, Document, describe_run
from .runs import (
    CLOSED,
    PACED,
    WARM_UP_FRAMES,
    WARM_UP_S,
    FrameProgress,
    FrameTimer,
    Run,
    Timing,
    capture_figures,
    load_frames,
    make_capture,
    run_closed,
    run_paced,
    started,
)
from .variants import measure_variants
from .verdict import judge

#: Frames in memory for the closed loop: more than one, so that no cache holds the answer, and few enough for a board.
FRAMES = 16
#: Two lines of progress per second: enough for a person, and too few to disturb the measurement.
_PROGRESS_S = 0.5


@dataclass(frozen=True)
class Protocol:
    """How a benchmark is run.

    Attributes:
        seconds, queries: minimum duration and number of frames of the closed loop.
        paced_seconds: duration of the run at the camera's rate; 0 for none.
        source: specification of the camera.
        rounds: turns of every backend and precision; 0 for none.
        variant_frames: simulated thermograms in each turn, in addition to the golden one.
    """

    seconds: float = 60.0
    queries: int = 1024
    paced_seconds: float = 30.0
    source: str = 'sim'
    rounds: int = 5
    variant_frames: int = 9


class Session:
    """What a benchmark has measured so far. `run` fills it; `document` may be called at any time after.

    Args:
        settings: in force.
        protocol: how to measure.
        platform: the machine; the caller closes it.
        make_pipeline: gives a pipeline that is not started.
        clock: monotonic seconds, the clock of the camera's frames.
        progress: called with a short text.
    Attributes:
        interrupted: whether Ctrl-C ended it.
        error: what ended it after something was measured.
    """

    def __init__(self, settings: Settings, protocol: Protocol, platform: Platform,
                 make_pipeline: Callable[[], Pipeline], clock: Callable[[], float] = time.monotonic,
                 progress: Callable[[str], None] = lambda text: None) -> None:
        self._settings, self._protocol, self._platform = settings, protocol, platform
        self._make_pipeline, self._clock, self._progress = make_pipeline, clock, progress
        self._shares = ProcessorShares(clock=clock)
        self._runs: List[Run] = []
        self._variants: List[Dict[str, Any]] = []
        self._about: Document = {}
        self._recorder = TelemetryRecorder(platform, clock)
        self.interrupted = False
        self.error: Optional[ThermoscreenError] = None

    def run(self) -> None:
        """Measure until it is done, Ctrl-C is pressed or something fails.

        Raises:
            ThermoscreenError: before anything was measured; a later one is kept in `error`.
        """
        # A wrong specification or correction is refused before a model is loaded.
        camera = make_camera(self._protocol.source)
        capture = make_capture(camera, self._settings, self._clock)
        try:
            self._measure(camera, capture)
        except KeyboardInterrupt:
            self.interrupted = True
        except ThermoscreenError as error:
            if not any(run.timings for run in self._runs):
                raise
            self.error = error

    def document(self) -> Optional[Document]:
        """What was measured, with its verdict, as JSON values; None where nothing was."""
        if not any(run.timings for run in self._runs):
            return None
        readings = self._recorder.readings
        document = dict(self._about, schema=SCHEMAS[BENCH], kind=BENCH, ended_at=utc_now(),
                        interrupted=self.interrupted, trouble=self.error and self.error.to_dict(),
                        runs=[describe_run(run, readings) for run in self._runs], variants=self._variants,
                        telemetry=readings)
        return dict(document, verdict=judge(document))

    def _measure(self, camera: Camera, capture: Capture) -> None:
        protocol, settings = self._protocol, self._settings
        with contextlib.ExitStack() as stack:
            self._progress('Loading the model and %d frames' % FRAMES)
            pipeline = stack.enter_context(self._make_pipeline())
            # The camera is closed during the closed loop: streaming would take time from what is measured.
            with started(capture):
                frames = load_frames(capture, FRAMES)
                self._describe(pipeline, capture)
            timer = FrameTimer(pipeline, Painter(settings.palette, settings.layer, settings.jpeg_quality), self._clock)
            stack.enter_context(self._recorder)
            run_closed(self._new_run(CLOSED), timer, frames, protocol.seconds, protocol.queries,
                       self._frame_progress('Closed loop'))
            if protocol.paced_seconds:
                run = self._new_run(PACED)
                # A new capture, because the old one may still hold a frame of before.
                with started(make_capture(camera, settings, self._clock)) as capture:
                    run_paced(run, timer, capture, protocol.paced_seconds,
                              self._frame_progress('At the rate of the camera'))
        if protocol.rounds:
            with self._recorder:
                self._variants = measure_variants(
                    pipeline.bundle, settings, protocol.variant_frames, protocol.rounds,
                    lambda text: self._progress('Every backend and precision: %s' % text))

    def _new_run(self, mode: str) -> Run:
        run = Run(mode)
        self._runs.append(run)
        return run

    def _describe(self, pipeline: Pipeline, capture: Capture) -> None:
        _, other_share = self._shares.read()
        here = environment(self._platform, self._settings)
        if other_share is not None:
            here['other_share'] = other_share
        backend = pipeline.backend
        variant = backend.get('variant', 'fp32')
        bundle = dict(pipeline.bundle.manifest.identity, folder=self._settings.bundle, variant=variant,
                      onnx_sha256=pipeline.bundle.sha256(variant))
        picture = {name: getattr(self._settings, name) for name in ('palette', 'layer', 'jpeg_quality')}
        self._about = {'measured_at': utc_now(), 'environment': here, 'bundle': bundle, 'backend': backend,
                       'proof': pipeline.proof, 'camera': capture.description, 'capture': capture_figures(capture),
                       'protocol': dict(dataclasses.asdict(self._protocol), frames=FRAMES,
                                        warm_up_frames=WARM_UP_FRAMES, warm_up_s=WARM_UP_S,
                                        variant_warm_up=WARM_UP_RUNS, picture=picture)}

    def _frame_progress(self, text: str) -> FrameProgress:
        shown_s = float('-inf')

        def report(share: float, timings: List[Timing]) -> None:
            nonlocal shown_s
            if timings[-1].started_s - shown_s >= _PROGRESS_S:
                shown_s = timings[-1].started_s
                self._progress('%s: %3.0f %%, %d frames' % (text, 100 * min(share, 1.0), len(timings)))

        return report
