"""The two ways of sending frames through: as fast as it goes, and as the camera gives them."""
import contextlib
import itertools
from dataclasses import dataclass, field

from service.live.counters import Counters
from service.messages import CameraError, ThermoscreenError

#: Frames and seconds before the measurement: caches fill, clocks wake up. They are reported apart.
WARM_UP_FRAMES, WARM_UP_S = 10, 1.0
#: Longest wait for a frame: this, or two frames of a slow camera.
_READ_TIMEOUT_S = 1.0
#: A camera that is silent so often in a row is not coming back.
MAX_SILENT_READS = 5

CLOSED, PACED = 'closed', 'paced'


@dataclass
class Run:
    """What was measured so far; complete only where it says so.

    Attributes:
        mode (str): `CLOSED` (the next frame begins when the one before it is done) or `PACED` (by the camera).
        warm_up, timings (list of Timing): in the order in which they ran.
        began_s, ended_s (float): span of the measured part on the clock of the run; None before it.
        dropped (int): frames that the camera made while another one was being worked on.
        silent (int): waits for a frame that ended without one.
        complete (bool): whether it ran to its end.
        trouble (dict): code, message and detail of what ended it, or None.
    """

    mode: str
    warm_up: list = field(default_factory=list)
    timings: list = field(default_factory=list)
    began_s: float = None
    ended_s: float = None
    dropped: int = 0
    silent: int = 0
    complete: bool = False
    trouble: dict = None


def run_closed(run, timer, frames, seconds, queries, progress=lambda share, timings: None):
    """One frame after the other from memory, for at least so long and at least so many (MLPerf, SingleStream).

    Args:
        run (Run): filled while it runs, so that it holds what was measured wherever it is broken off.
        timer (FrameTimer): times them.
        frames (list of Thermogram): used in turn.
        seconds (float): least duration.
        queries (int): least number of frames.
        progress (callable): called after every frame with the share that is done and the timings so far.
    Raises:
        ThermoscreenError: as `FrameTimer.from_memory`; the run then says why it is not complete.
    """
    clock, supply = timer.clock, itertools.cycle(frames)
    with _kept(run, clock):
        began = clock()
        while len(run.warm_up) < WARM_UP_FRAMES or clock() - began < WARM_UP_S:
            run.warm_up.append(timer.from_memory(next(supply)))
        run.began_s = clock()
        while clock() - run.began_s < seconds or len(run.timings) < queries:
            run.timings.append(timer.from_memory(next(supply)))
            progress(min((clock() - run.began_s) / seconds, len(run.timings) / float(max(queries, 1))), run.timings)
        run.complete = True


def run_paced(run, timer, camera, seconds, progress=lambda share, timings: None, warm_up_s=WARM_UP_S):
    """Every frame that a camera gives and that can be kept up with, for so long.

    Args:
        run (Run): as for `run_closed`.
        timer (FrameTimer): times them.
        camera (Camera): open.
        seconds (float): how long.
        progress (callable): as for `run_closed`.
        warm_up_s (float): how long before that; one frame at least.
    Raises:
        ThermoscreenError: the camera was lost, or inference failed.
    """
    clock, counters, silent, timeout_s = timer.clock, Counters(), 0, read_timeout_s(camera)
    with _kept(run, clock):
        began = clock()
        while run.began_s is None or clock() - run.began_s < seconds:
            try:
                timing, sequence = timer.from_camera(camera, timeout_s)
            except CameraError as error:
                silent += 1
                run.silent += 1
                if error.code != 'camera-silent' or silent >= MAX_SILENT_READS:
                    raise
                continue
            silent = 0
            if run.began_s is None:
                run.warm_up.append(timing)
                if clock() - began >= warm_up_s:
                    counters.received(sequence)
                    run.began_s = clock()
                continue
            counters.received(sequence)
            run.dropped = counters.dropped
            run.timings.append(timing)
            progress((clock() - run.began_s) / seconds, run.timings)
        run.complete = True


def read_timeout_s(camera):
    """Longest wait for a frame of a camera, in seconds."""
    return max(_READ_TIMEOUT_S, 2.0 / camera.rate_hz) if camera.rate_hz else _READ_TIMEOUT_S


@contextlib.contextmanager
def _kept(run, clock):
    """Notes on a run when it ended and why, whatever ended it."""
    try:
        yield
    except ThermoscreenError as error:
        run.trouble = error.to_dict()
        raise
    finally:
        if run.began_s is not None:
            run.ended_s = clock()
