"""One benchmark from start to end: closed loop, paced by the camera, and every backend and precision."""
import contextlib
import dataclasses
import time
from dataclasses import dataclass

from service.cameras import make_camera
from service.live.picture import Painter
from service.messages import ThermoscreenError
from service.selection import WARM_UP_RUNS, Runtime, every_candidate, feeds, measure

from .accuracy import parity_problem
from .environment import environment, utc_now
from .frames import FrameTimer, load_frames
from .process import Shares
from .record import BENCH, SCHEMA, describe_run
from .runs import CLOSED, PACED, WARM_UP_FRAMES, WARM_UP_S, Run, read_timeout_s, run_closed, run_paced
from .verdict import judge
from .watching import Watcher

#: Frames in memory for the closed loop: more than one, so that no cache holds the answer, and few enough for a board.
FRAMES = 16


@dataclass(frozen=True)
class Protocol:
    """How a benchmark is run.

    Attributes:
        seconds, queries: the closed loop runs at least so long and at least so many frames.
        paced_seconds (float): how long frames come at the camera's rate; 0 for not at all.
        source (str): specification of the camera.
        rounds (int): turns of every backend and precision; 0 to leave them out.
        variant_frames (int): simulated thermograms for each turn, beside the golden one.
    """

    seconds: float = 60.0
    queries: int = 1024
    paced_seconds: float = 30.0
    source: str = 'sim'
    rounds: int = 5
    variant_frames: int = 9


class Session:
    """What a benchmark has measured so far. `run` fills it; `document` can be made of it at any time after.

    Args:
        settings (Settings): what is in force.
        protocol (Protocol): how.
        platform (Platform): the machine; the caller closes it.
        start_pipeline (callable): gives a `Pipeline`, not started.
        clock (callable): seconds that only grow, the clock of the camera's frames.
        progress (callable): called with a few words.

    Attributes:
        interrupted (bool): Ctrl-C ended it.
        error (ThermoscreenError): what ended it after something was measured, or None.
    """

    def __init__(self, settings, protocol, platform, start_pipeline, clock=time.monotonic,
                 progress=lambda words: None):
        self._settings, self._protocol, self._platform = settings, protocol, platform
        self._start_pipeline, self._clock, self._progress = start_pipeline, clock, progress
        self._shares = Shares(clock=clock)
        self._runs, self._variants, self._about = [], [], {}
        self._watcher = Watcher(platform, clock)
        self.interrupted, self.error = False, None

    def run(self):
        """Measure until it is done, Ctrl-C is pressed or something fails.

        Raises:
            ThermoscreenError: before anything was measured; later ones are kept in `error`.
        """
        # Refused at once where it makes no sense, before a model is loaded.
        camera = make_camera(self._protocol.source)
        try:
            self._measure(camera)
        except KeyboardInterrupt:
            self.interrupted = True
        except ThermoscreenError as error:
            if not any(run.timings for run in self._runs):
                raise
            self.error = error

    def document(self):
        """What was measured as JSON, with its verdict; None where nothing was."""
        if not any(run.timings for run in self._runs):
            return None
        readings = self._watcher.readings
        document = dict(self._about, schema=SCHEMA, kind=BENCH, ended_at=utc_now(), interrupted=self.interrupted,
                        trouble=self.error and self.error.to_dict(),
                        runs=[describe_run(run, readings) for run in self._runs], variants=self._variants,
                        telemetry=readings)
        return dict(document, verdict=judge(document))

    def _measure(self, camera):
        with contextlib.ExitStack() as stack:
            self._progress('Loading the model and %d frames' % FRAMES)
            pipeline = stack.enter_context(self._start_pipeline())
            # Closed again for the closed loop: a camera that goes on streaming takes from what is measured.
            with camera:
                frames = load_frames(camera, FRAMES, read_timeout_s(camera))
                self._describe(pipeline, camera)
            settings = self._settings
            timer = FrameTimer(pipeline, Painter(settings.palette, settings.layer, settings.jpeg_quality), self._clock)
            stack.enter_context(self._watcher)
            self._closed(timer, frames)
            if self._protocol.paced_seconds:
                self._paced(timer, camera)
        if self._protocol.rounds:
            with self._watcher:
                self._each_variant(pipeline.bundle)

    def _describe(self, pipeline, camera):
        _, other_share = self._shares.look()
        here = environment(self._platform, self._settings)
        if other_share is not None:
            here['other_share'] = other_share
        backend = pipeline.backend
        variant = backend.get('variant', 'fp32')
        bundle = dict(pipeline.bundle.manifest.identity, folder=self._settings.bundle, variant=variant,
                      onnx_sha256=pipeline.bundle.sha256(variant))
        self._about = {'measured_at': utc_now(), 'environment': here, 'bundle': bundle, 'backend': backend,
                       'proof': pipeline.proof, 'camera': camera.describe(),
                       'protocol': dict(dataclasses.asdict(self._protocol), frames=FRAMES,
                                        warm_up_frames=WARM_UP_FRAMES, warm_up_s=WARM_UP_S,
                                        variant_warm_up=WARM_UP_RUNS,
                                        picture={'palette': self._settings.palette, 'layer': self._settings.layer,
                                                 'jpeg_quality': self._settings.jpeg_quality})}

    def _closed(self, timer, frames):
        run = Run(CLOSED)
        self._runs.append(run)
        run_closed(run, timer, frames, self._protocol.seconds, self._protocol.queries, self._said('Closed loop'))

    def _paced(self, timer, camera):
        run = Run(PACED)
        self._runs.append(run)
        with camera:
            run_paced(run, timer, camera, self._protocol.paced_seconds, self._said('At the rate of the camera'))

    def _each_variant(self, bundle):
        runtime = dataclasses.replace(Runtime.from_settings(self._settings), backend='auto', precision='auto')
        samples = {}
        rows = measure(bundle, every_candidate(bundle, runtime), feeds(bundle, self._protocol.variant_frames),
                       self._protocol.rounds, runtime.threads,
                       lambda words: self._progress('Every backend and precision: %s' % words), samples)
        self._variants = [self._variant(row, bundle.variants[row['variant']].parity, samples[row['name']])
                          for row in rows]

    @staticmethod
    def _variant(row, parity, samples_ms):
        excluded = row['excluded'] or parity_problem(parity, row['precision'])
        return dict(row, excluded=excluded, parity=parity, samples_ms=[round(value, 4) for value in samples_ms])

    def _said(self, words):
        def say(share, timings):
            # Two draws of a line a second are enough for a person and cost the measurement nothing it could see.
            if timings[-1].started_s - say.last_s >= 0.5:
                say.last_s = timings[-1].started_s
                self._progress('%s: %3.0f %%, %d frames' % (words, 100 * min(share, 1.0), len(timings)))
        say.last_s = float('-inf')
        return say
