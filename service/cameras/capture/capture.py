"""The thread that keeps a camera running and hands out its newest frame."""
import functools
import json
import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from ...messages import CameraError, Message, ThermoscreenError
from ...supervise import CAPTURE, Heartbeats, LastingThread
from ..base import Camera, Frame
from .corrections import Corrections
from .mailbox import Requests, Slot
from .quality import BAD, FROZEN_S, RECONNECT, STALL, ConditionMonitor, Connection, FreezeDetector, Quality

_LOGGER = logging.getLogger(__name__)

#: A camera that delivers nothing for this long is reported as silent.
READ_TIMEOUT_S = 1.0

#: First and longest pause before a camera is opened again. Together with the time that opening takes, the picture is
#: back within five seconds of the camera's return.
BACKOFF_S = (0.5, 3.0)

#: During a pause, the interval at which the USB ports are checked for a change.
LOOK_S = 0.25

#: A camera may be silent while it calibrates; after this many reads it is opened again.
MAX_SILENT_READS = 5

#: A damaged frame is left out; after this many in a row the camera is opened again.
MAX_BAD_FRAMES = 5

#: A camera that does not report its flat-field correction has finished it this long after the request: the shutter
#: takes about a second, and another one lets earlier frames pass.
SETTLE_S = 2.0

_STARTING = Message('camera-starting', 'The camera is starting.')


@dataclass
class Counts:
    """Counts since the capture was started.

    Attributes:
        received: frames that were handed on.
        repeated: frames that repeated the one before and were left out.
        lost: frames that never arrived, by the camera's own numbers.
        missed: frames that the computer was too late for.
        bad: damaged frames.
        stalls: waits that ended without a frame.
        reconnects: how often the camera came back.
    """

    received: int = 0
    repeated: int = 0
    lost: int = 0
    missed: int = 0
    bad: int = 0
    stalls: int = 0
    reconnects: int = 0


class Capture:
    """Opens a camera, reads all its frames, and opens it again after a failure.

    The newest frame wins: it replaces one that nobody took. Repeated and damaged frames are left out. A camera that
    failed is opened again after growing pauses, and at once when something was plugged in. Use it as a context manager,
    or call `start` and `stop`; without the thread, `step` does its work.

    A camera belongs to one thread. A read that hangs outlives `stop`; after the next `start` the new thread waits,
    reports ``camera-hung``, and opens the camera only once the old thread has closed it. It sends no heartbeat while it
    waits, so that a watchdog can restart the service.

    Args:
        open_camera: returns a camera, which is entered as a context manager; may return the same one every time.
        corrections: what is done to every frame; None for nothing.
        warm_up_s: how long after its start a camera is reported as warming up; 0 for never.
        clock: monotonic seconds, the clock of the camera's frames.
        wait: waits for some seconds, at most until `stop`; None for a real wait.
        read_timeout_s: longest wait for a frame.
        backoff_s: first and longest pause before the camera is opened again.
        heartbeats: told of every step, unless the last one failed in an unknown way: what a new process may cure must
            not look like progress.
    Attributes:
        description: of the camera, as `Camera.describe`; empty before it was opened.
        counts: frames and faults since the start.
    """

    def __init__(self, open_camera: Callable[[], Camera], corrections: Optional[Corrections] = None,
                 warm_up_s: float = 0.0, clock: Callable[[], float] = time.monotonic,
                 wait: Optional[Callable[[float], Any]] = None, read_timeout_s: float = READ_TIMEOUT_S,
                 backoff_s: Tuple[float, float] = BACKOFF_S, heartbeats: Optional[Heartbeats] = None) -> None:
        self._open_camera = open_camera
        self._corrections = corrections or Corrections()
        self._clock = clock
        self._wait = wait
        self._read_timeout_s = read_timeout_s
        self._backoff_s = backoff_s
        self._heartbeats = heartbeats or Heartbeats()
        self._slot = Slot()
        self._requests = Requests()
        self._lock = threading.Lock()
        self._condition = ConditionMonitor(warm_up_s)
        self._connection = Connection()
        self._freeze = FreezeDetector()
        self._camera: Optional[Camera] = None
        self._is_open = False
        self._resume_s: Optional[float] = None
        self._pause_s, self._changes = backoff_s[0], 0
        self._last_sequence: Optional[int] = None
        self._arrived_s = 0.0
        self._in_a_row = {STALL: 0, BAD: 0}
        self._unexplained = False
        self._thread: Optional[threading.Thread] = None
        # Every thread has a stop event of its own: a hung one must not take a later `start` for its own.
        self._newest_stop = self._stop = threading.Event()
        self._owned = threading.Lock()  # by the thread that the camera belongs to
        self.description: Dict[str, Any] = {}
        self.counts = Counts()

    def __enter__(self) -> 'Capture':
        self.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread; does nothing while it runs."""
        if self._thread is not None:
            return
        self._newest_stop = threading.Event()
        self._thread = LastingThread('capture', functools.partial(self._run, self._newest_stop), self._newest_stop)
        self._thread.start()

    def dismiss(self) -> None:
        """Tell the thread to finish, without waiting for it."""
        self._newest_stop.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and close the camera. May be called twice."""
        self.dismiss()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive():
                _LOGGER.warning('%s', self._hung())

    def take(self, timeout_s: float = READ_TIMEOUT_S) -> Optional[Frame]:
        """The newest frame that nobody took yet; None if neither a frame nor an error comes in time.

        Raises:
            CameraError: why there is none.
        """
        return self._slot.take(timeout_s)

    def flat_field(self, timeout_s: float = 5.0) -> None:
        """Have the camera run its flat-field correction now.

        Raises:
            CameraError: ``camera-no-ffc``, or why it cannot be asked.
        """
        self._requests.ask(lambda camera: camera.flat_field(), timeout_s)

    def still(self, timeout_s: float = 10.0, calibrate: bool = False) -> Frame:
        """A frame to keep: taken from now on, and usable by its condition. The live view gets it as well.

        Args:
            timeout_s: longest wait.
            calibrate: have the camera run its flat-field correction first.
        Raises:
            CameraError: ``camera-no-ffc``, the camera's error, or ``capture-not-ready`` with what is in the way.
        """
        error = self._slot.error
        if error is not None and not _passes(error):
            raise error
        if calibrate:
            self.flat_field(timeout_s)
        asked_s = self._clock()
        newest: List[Frame] = []

        def fits(frame: Frame) -> bool:
            newest[:] = [frame]
            since_s = frame.t_monotonic - asked_s
            if since_s < 0 or not frame.condition.usable:
                return False
            age_s = frame.condition.ffc_age_s
            return not calibrate or (since_s >= SETTLE_S if age_s is None else age_s <= since_s)

        frame = self._slot.watch(fits, timeout_s, _passes)
        if frame is not None:
            return frame
        if self._slot.error is not None:
            raise self._slot.error
        messages = newest[0].condition.messages() if newest else []
        if not messages:
            raise CameraError('capture-not-ready', 'The camera delivered no picture that can be kept.',
                              'Wait a moment and try again.')
        raise CameraError('capture-not-ready', messages[0].sentence, messages[0].next_step,
                          ', '.join(message.code for message in messages))

    def report(self) -> Dict[str, Any]:
        """How the camera does, as JSON values.

        Returns:
            ``quality`` (``grade`` and ``messages``, the worst first), ``notice`` (a message while the camera
            calibrates, or None), ``usable`` (whether the newest frame may be kept), ``warming_s`` until the camera has
            settled (None for one that does not warm up), ``rate_hz`` at which the camera sends frames, ``dropped``
            (frames that nobody took), the counts, and what the corrections do.
        """
        now_s = self._clock()
        with self._lock:
            error, notice = self._slot.error, self._condition.calibrating(now_s)
            if error is not None:
                messages = [error.message]
            elif not self.counts.received:
                messages = [_STARTING]
            else:
                stated_hz = self.description.get('rate_hz') or 0.0
                messages = (self._connection.messages(now_s, stated_hz) + self._condition.messages(now_s)
                            + self._corrections.messages())
            rate_hz = self._connection.rate_hz(now_s)
            return dict(vars(self.counts), quality=Quality.of(messages).to_dict(), dropped=self._slot.dropped,
                        notice=None if error or not notice else notice.to_dict(),
                        usable=error is None and self._condition.usable,
                        warming_s=self._condition.warming_s(now_s) if self.description.get('warms_up') else None,
                        rate_hz=None if rate_hz is None else round(rate_hz, 1), **self._corrections.to_dict())

    def step(self) -> None:
        """One move: open the camera, read one frame, or wait a little before opening it again."""
        if not self._unexplained:
            self._heartbeats.beat(CAPTURE)
        try:
            if self._is_open and self._camera is not None:
                self._requests.serve(self._camera)
                self._read(self._camera)
            else:
                self._open_or_wait()
        except ThermoscreenError as error:
            self._unexplained = True  # until it was handed on
            self._lost(error)
            self._unexplained = False
        except BaseException as error:  # a library may raise anything, SystemExit included
            self._unexplained = True
            _LOGGER.exception('camera-unexpected')
            self._lost(CameraError('camera-unexpected', 'The camera failed in an unknown way.', detail=repr(error)))

    def close(self) -> None:
        """Close the camera; `step` would open it again."""
        was_open, self._is_open = self._is_open, False
        self._requests.refuse(CameraError('camera-closed', 'The camera was closed.', 'Try again.'))
        if not was_open or self._camera is None:
            return
        try:
            self._camera.__exit__(None, None, None)
        except BaseException:  # a lost camera may fail to close; it is opened again all the same
            _LOGGER.exception('camera-close')

    def _run(self, stop: threading.Event) -> None:
        while not self._owned.acquire(timeout=LOOK_S):
            if stop.is_set():
                return
            self._slot.fail(self._hung())
        try:
            self._stop = stop
            while not stop.is_set():
                self.step()
            self._heartbeats.rest(CAPTURE)
        finally:
            self.close()
            self._owned.release()

    def _open_or_wait(self) -> None:
        now_s = self._clock()
        if self._resume_s is not None and now_s < self._resume_s:
            if self._plugged() == self._changes:
                (self._wait or self._stop.wait)(min(LOOK_S, self._resume_s - now_s))
                return
            self._pause_s = self._backoff_s[0]
        self._changes = self._plugged()
        self._camera = self._open_camera()
        self._camera.__enter__()
        self._is_open = True
        description = self._camera.describe()
        json.dumps(description, allow_nan=False)  # what a page cannot be told fails here, not there
        with self._lock:
            self.description = description
            self._freeze.opened(bool(description.get('never_repeats')))
            self._condition.opened(bool(description.get('warms_up')))
            self._connection.reopened()
            self._corrections.reset()
            self._last_sequence = None
            self._arrived_s = self._clock()
            self._in_a_row = {STALL: 0, BAD: 0}

    def _read(self, camera: Camera) -> None:
        try:
            frame = camera.read(self._read_timeout_s)
            if not self._stop.is_set():
                self._accept(frame)
        except CameraError as error:
            if error.code == 'camera-silent' and self._is_early():
                return
            if error.code == 'camera-silent':
                self._happened(STALL)
                if self._in_a_row[STALL] >= MAX_SILENT_READS:
                    raise
                self._tell(error)
            elif error.code == 'camera-bad-frame':
                self._happened(BAD)
                if self._in_a_row[BAD] >= MAX_BAD_FRAMES:
                    raise
            else:
                raise

    def _is_early(self) -> bool:
        """Whether the next frame of a slow camera, such as a recording, is not due yet."""
        rate_hz = self.description.get('rate_hz') or 0.0
        since_s = self._clock() - self._arrived_s
        return bool(rate_hz) and rate_hz * self._read_timeout_s < 2 and since_s < 2 / rate_hz

    def _happened(self, event: str) -> None:
        with self._lock:
            self._in_a_row[event] += 1
            self.counts.stalls += event == STALL
            self.counts.bad += event == BAD
            self._connection.happened(self._clock(), event)

    def _accept(self, frame: Frame) -> None:
        with self._lock:
            now_s = self._arrived_s = self._clock()
            skipped = 0 if self._last_sequence is None else max(0, frame.sequence - self._last_sequence - 1)
            missed = min(frame.missed, skipped)
            lost = skipped - missed
            self._last_sequence = frame.sequence
            self._in_a_row = {STALL: 0, BAD: 0}
            self.counts.lost += lost
            self.counts.missed += missed
            self._connection.received(now_s, lost, missed, max(0.0, now_s - frame.t_monotonic))
            self._condition.received(frame)
            if not self._freeze.is_new(frame):
                self.counts.repeated += 1
                if self._freeze.frozen_s(frame) > FROZEN_S:
                    raise CameraError('camera-frozen', 'The %s shows the same picture again and again.'
                                      % self._name(), 'Unplug it and plug it in again.')
                return
            if self._resume_s is not None:
                self.counts.reconnects += 1
                self._connection.happened(now_s, RECONNECT)
            self._resume_s, self._pause_s = None, self._backoff_s[0]
            self.counts.received += 1
            corrected = self._corrections.apply(frame.thermogram, frame.t_monotonic)
        if corrected is not frame.thermogram:
            frame = replace(frame, thermogram=corrected, measured=frame.thermogram)
        self._slot.put(frame)
        self._unexplained = False

    def _lost(self, error: ThermoscreenError) -> None:
        self.close()
        self._resume_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._backoff_s[1])
        self._tell(error)

    def _tell(self, error: ThermoscreenError) -> None:
        if self._stop.is_set():
            return
        before = self._slot.error
        if before is None or before.code != error.code:
            _LOGGER.warning('%s: %s', error, error.detail)
        self._slot.fail(error)

    def _hung(self) -> CameraError:
        return CameraError('camera-hung', 'The %s still hangs in its last read.' % self._name(),
                           'Unplug it and plug it in again; if that does not help, restart the station.')

    def _name(self) -> str:
        return str(self.description.get('name', 'camera'))

    def _plugged(self) -> int:
        return self._camera.changes() if self._camera is not None else 0


def _passes(error: ThermoscreenError) -> bool:
    """Whether a picture is waited for in spite of an error: a camera whose shutter is closed is silent too."""
    return error.code == 'camera-silent'
