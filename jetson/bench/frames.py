"""One frame through everything the service does with it, timed."""
import time
from dataclasses import dataclass

from service.stopwatch import Stopwatch

#: Every stage there can be, in the order in which a frame passes them. A stage that a run does not have is absent:
#: frames from memory are not captured, and a processor copies nothing to itself.
STAGES = ('capture', 'quality', 'preprocess', 'copy_in', 'infer', 'copy_out', 'decode', 'analyse', 'overlay', 'encode')


@dataclass(frozen=True)
class Timing:
    """One frame.

    Attributes:
        started_s (float): when it was taken, or taken from memory, on the clock of the run.
        end_to_end_ms (float): from there until its picture was encoded, measured apart from the stages.
        stages_ms (dict): milliseconds by stage.
        result (bool): False for a 'no result', whose later stages may be missing.
    """

    started_s: float
    end_to_end_ms: float
    stages_ms: dict
    result: bool


class FrameTimer:
    """Times frames through the pipeline and the painter of the live page: the very same objects.

    Args:
        pipeline (Pipeline): started.
        painter (Painter): draws and encodes as the live page does.
        clock (callable): seconds that only grow, the clock of the camera's frames.
    """

    def __init__(self, pipeline, painter, clock=time.monotonic):
        self._pipeline, self._painter, self._clock = pipeline, painter, clock

    @property
    def clock(self):
        """The clock that times are on."""
        return self._clock

    def from_memory(self, thermogram):
        """A frame that waits in memory, as the next one after it does.

        Args:
            thermogram (Thermogram): the frame.
        Returns:
            Timing: without a capture.
        Raises:
            BackendError: inference failed.
        """
        began = self._clock()
        stages_ms, result = self._work(thermogram)
        return Timing(began, (self._clock() - began) * 1e3, stages_ms, result)

    def from_camera(self, camera, timeout_s):
        """The next frame of a camera.

        Args:
            camera (Camera): open.
            timeout_s (float): longest wait for it.
        Returns:
            tuple: (Timing, sequence number). Capture is the age of the frame when it was handed over, the wait for it
            is no part of it; end to end is from the moment it was taken.
        Raises:
            CameraError, BackendError: no frame, or inference failed.
        """
        frame = camera.read(timeout_s)
        handed_s = self._clock()
        taken_s = min(frame.t_monotonic, handed_s)
        stages_ms, result = self._work(frame.thermogram)
        ended_s = self._clock()
        stages_ms = dict({'capture': (handed_s - taken_s) * 1e3}, **stages_ms)
        return Timing(taken_s, (ended_s - taken_s) * 1e3, stages_ms, result), frame.sequence

    def _work(self, thermogram):
        result = self._pipeline.analyse(thermogram)
        watch = Stopwatch(self._clock)
        self._painter.paint(result, watch)
        laps_ms = dict(result.timings_ms, **watch.read_ms())
        return {stage: laps_ms[stage] for stage in in_order(laps_ms)}, result.outcome == 'result'


def load_frames(camera, count, timeout_s):
    """Frames of a camera, kept in memory before any clock runs, as MLPerf loads its samples.

    Args:
        camera (Camera): open.
        count (int): how many.
        timeout_s (float): longest wait for each.
    Returns:
        list of Thermogram: all of them.
    Raises:
        CameraError: it gave none in time.
    """
    return [camera.read(timeout_s).thermogram for _ in range(count)]


def in_order(stages):
    """Names of stages in the order in which a frame passes them; a JSON file has them in that of the alphabet."""
    return [stage for stage in STAGES if stage in stages]


def add_up(timings):
    """How far the stages account for the whole.

    Args:
        timings (list of Timing): at least one.
    Returns:
        dict: ``stages_ms`` and ``end_to_end_ms`` (means per frame), ``missing_share`` (part of the time between the
        first and the last moment of a frame that no stage accounts for; negative where stages claim more), and
        ``worst_share``, the same of the frame where it is farthest from 0.
    """
    stages = [sum(timing.stages_ms.values()) for timing in timings]
    whole = [timing.end_to_end_ms for timing in timings]
    shares = [(total - part) / total if total > 0 else 0.0 for part, total in zip(stages, whole)]
    part, total = sum(stages) / len(stages), sum(whole) / len(whole)
    return {'stages_ms': part, 'end_to_end_ms': total, 'missing_share': (total - part) / total if total > 0 else 0.0,
            'worst_share': max(shares, key=abs)}
