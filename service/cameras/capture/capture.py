"""The thread that keeps a camera running and hands out its newest frame."""
import json
import logging
import threading
import time
from dataclasses import replace

from ...messages import CameraError, Message, ThermoscreenError
from ...supervise import CAPTURE, Heartbeats
from .conditions import Conditions
from .corrections import Corrections
from .counts import Counts
from .quality import BAD, RECONNECT, STALL, Connection, Quality
from .repeats import FROZEN_S, Repeats
from .requests import Requests
from .slot import Slot
from .still import wait_for_still

_LOGGER = logging.getLogger(__name__)

_STARTING = Message('camera-starting', 'The camera is starting.')

#: A camera that says nothing for so long is told as silent.
READ_TIMEOUT_S = 1.0

#: First and longest pause before a camera is opened again: with the time that opening takes, the picture is there
#: within five seconds of the camera's return.
BACKOFF_S = (0.5, 3.0)

#: During a pause the plugs are looked at this often.
LOOK_S = 0.25

#: A camera may be silent while it calibrates; after so many reads it is opened again.
MAX_SILENT_READS = 5

#: A damaged frame is left out; after so many in a row the camera is opened again.
MAX_BAD_FRAMES = 5


class Capture:
    """Opens a camera, reads every frame of it, and opens it again when it was lost.

    The newest frame wins: one that nobody took is replaced. A frame that repeats the one before is none, and a
    damaged one is left out. A camera that goes is opened again with growing pauses, and at once when something was
    plugged in. Use it as a context manager, or call `start` and `stop`; without the thread, `step` does its work.

    Args:
        open_camera (callable): returns a `Camera`, which is entered as a context manager; may return the same one
            every time.
        corrections (Corrections): what is done to every frame; None for nothing.
        warm_up_s (float): for so long after its start a camera is told to be warming up; 0 for never.
        clock (callable): monotonic seconds, the clock of the camera's frames.
        wait (callable): waits for so many seconds, at most until `stop`; None for a real wait.
        read_timeout_s (float): longest wait for a frame.
        backoff_s (tuple): first and longest pause before the camera is opened again.
        heartbeats (Heartbeats): told of every step.
    Attributes:
        description (dict): of the camera, as `Camera.describe`; empty before it was opened.
        counts (Counts): frames and faults since the start.
    """

    def __init__(self, open_camera, corrections=None, warm_up_s=0.0, clock=time.monotonic, wait=None,
                 read_timeout_s=READ_TIMEOUT_S, backoff_s=BACKOFF_S, heartbeats=None):
        self._open_camera = open_camera
        self._corrections = corrections or Corrections()
        self._clock = clock
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._read_timeout_s = read_timeout_s
        self._backoff_s = backoff_s
        self._heartbeats = heartbeats or Heartbeats()
        self._slot = Slot()
        self._requests = Requests()
        self._lock = threading.Lock()
        self._conditions = Conditions(warm_up_s)
        self._connection = Connection()
        self._repeats = Repeats()
        self._camera, self._entered = None, None
        self._resume_s, self._pause_s, self._plugs = None, backoff_s[0], None
        self._last_sequence = None
        self._in_a_row = {STALL: 0, BAD: 0}
        self._thread = None
        self.description = {}
        self.counts = Counts()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Start the thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name='capture', daemon=True)
        self._thread.start()

    def dismiss(self):
        """Tell the thread to finish, without waiting for it."""
        self._stop.set()

    def stop(self, timeout_s=5.0):
        """End the thread and close the camera. May be called twice."""
        self.dismiss()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def take(self, timeout_s=READ_TIMEOUT_S):
        """The newest frame that nobody took, waited for; None where neither frame nor trouble comes in time.

        Raises:
            CameraError: why there is none.
        """
        return self._slot.take(timeout_s)

    def flat_field(self, timeout_s=5.0):
        """Have the camera calibrate itself now.

        Raises:
            CameraError: ``camera-no-ffc``, or why it cannot be asked.
        """
        self._requests.ask(lambda camera: camera.flat_field(), timeout_s)

    def still(self, timeout_s=10.0, calibrate=False):
        """A frame for the record: taken from now on, and not while the camera calibrates.

        Args:
            timeout_s (float): longest wait, in seconds.
            calibrate (bool): have the camera calibrate itself first.
        Returns:
            Frame: usable as its condition says. The live view gets it as well.
        Raises:
            CameraError: ``camera-no-ffc``, the camera's trouble, or ``capture-not-ready`` with what is in the way.
        """
        if calibrate:
            self.flat_field(timeout_s)
        return wait_for_still(self._slot, self._clock(), timeout_s, calibrate)

    def report(self):
        """How the camera does, as JSON values.

        Returns:
            dict: ``quality`` (``grade`` and ``messages``, the worst first), ``notice`` (the message while the camera
            calibrates, or None), ``usable`` (whether the newest frame may be kept), ``rate_hz`` at which frames
            arrive, the counts, and what the corrections say.
        """
        now_s = self._clock()
        with self._lock:
            trouble, notice = self._slot.trouble, self._conditions.calibrating(now_s)
            if trouble is not None:
                quality = Quality.of([trouble.message])
            elif not self.counts.received:
                quality = Quality.of([_STARTING])
            else:
                stated_hz = self.description.get('rate_hz') or 0.0
                quality = Quality.of(self._connection.messages(now_s, stated_hz) + self._conditions.messages(now_s)
                                     + self._corrections.messages())
            rate_hz = self._connection.rate_hz(now_s)
            return dict(self.counts.to_dict(), quality=quality.to_dict(), dropped=self._slot.dropped,
                        notice=None if trouble or not notice else notice.to_dict(),
                        usable=trouble is None and self._conditions.usable,
                        rate_hz=None if rate_hz is None else round(rate_hz, 1), **self._corrections.to_dict())

    def step(self):
        """One move: open the camera, read one frame, or wait a little before opening it again."""
        self._heartbeats.beat(CAPTURE)
        try:
            if self._entered is None:
                self._open_or_wait()
            else:
                self._requests.serve(self._entered)
                self._read()
        except ThermoscreenError as error:
            self._lost(error)
        except Exception as error:
            _LOGGER.exception('camera-unexpected')
            self._lost(CameraError('camera-unexpected', 'The camera failed in an unknown way.', detail=repr(error)))

    def close(self):
        """Close the camera; `step` would open it again."""
        camera, self._entered = self._entered, None
        self._requests.refuse(CameraError('camera-closed', 'The camera was closed; try again.'))
        if camera is None:
            return
        try:
            self._camera.__exit__(None, None, None)
        except Exception:  # what is lost may fail to close; it is opened again all the same
            _LOGGER.exception('camera-close')

    def _run(self):
        try:
            while not self._stop.is_set():
                self.step()
        finally:
            self.close()
            self._heartbeats.rest(CAPTURE)

    def _open_or_wait(self):
        now_s = self._clock()
        if self._resume_s is not None and now_s < self._resume_s:
            if self._plugged() == self._plugs:
                self._wait(min(LOOK_S, self._resume_s - now_s))
                return
            self._pause_s = self._backoff_s[0]
        self._plugs = self._plugged()
        self._camera = self._open_camera()
        self._entered = self._camera.__enter__()
        description = self._entered.describe()
        json.dumps(description, allow_nan=False)  # what a page cannot be told fails here, not there
        with self._lock:
            self.description = description
            self._repeats.opened(bool(description.get('never_repeats')))
            self._conditions.opened(bool(description.get('warms_up')))
            self._connection.reopened()
            self._corrections.reset()
            self._last_sequence = None
            self._in_a_row = {STALL: 0, BAD: 0}

    def _read(self):
        try:
            frame = self._entered.read(self._read_timeout_s)
            self._accept(frame)
        except CameraError as error:
            if error.code == 'camera-silent':
                self._count(STALL)
                if self._in_a_row[STALL] >= MAX_SILENT_READS:
                    raise
                self._tell(error)
            elif error.code == 'camera-bad-frame':
                self._count(BAD)
                if self._in_a_row[BAD] >= MAX_BAD_FRAMES:
                    raise
            else:
                raise

    def _count(self, event):
        with self._lock:
            self._in_a_row[event] += 1
            self.counts.happened(event)
            self._connection.happened(self._clock(), event)

    def _accept(self, frame):
        with self._lock:
            now_s = self._clock()
            lost = 0 if self._last_sequence is None else max(0, frame.sequence - self._last_sequence - 1)
            self._last_sequence = frame.sequence
            self._in_a_row = {STALL: 0, BAD: 0}
            self.counts.lost += lost
            self._connection.received(now_s, lost, max(0.0, now_s - frame.t_monotonic))
            self._conditions.received(frame)
            if not self._repeats.is_new(frame):
                self.counts.repeated += 1
                if self._repeats.frozen_s(frame) > FROZEN_S:
                    raise CameraError('camera-frozen', 'The %s shows the same picture again and again; unplug it and '
                                      'plug it in again.' % self.description.get('name', 'camera'))
                return
            if self._resume_s is not None:
                self.counts.happened(RECONNECT)
                self._connection.happened(now_s, RECONNECT)
            self._resume_s, self._pause_s = None, self._backoff_s[0]
            self.counts.received += 1
            corrected = self._corrections.apply(frame.thermogram, frame.t_monotonic)
        self._slot.put(frame if corrected is frame.thermogram else replace(frame, thermogram=corrected))

    def _lost(self, error):
        self.close()
        self._resume_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._backoff_s[1])
        self._tell(error)

    def _tell(self, error):
        if self._stop.is_set():
            return
        before = self._slot.trouble
        if before is None or before.code != error.code:
            _LOGGER.warning('%s: %s', error, error.detail)
        self._slot.fail(error)

    def _plugged(self):
        return self._camera.changes() if self._camera is not None else 0
