"""The thread that turns the frames of a camera into something to look at."""
import logging
import threading
import time
from dataclasses import replace

from ..cameras.capture import BACKOFF_S, READ_TIMEOUT_S, Capture
from ..messages import ADJUNCT_NOTICE, ThermoscreenError
from ..stopwatch import Stopwatch
from ..supervise import INFERENCE, Heartbeats
from .board import Board
from .counters import Counters
from .latencies import Latencies
from .picture import Painter
from .state import RUNNING, STARTING, Status, as_text

_LOGGER = logging.getLogger(__name__)

_RESTART = 'If it does not come back by itself, restart the service.'


class LiveLoop:
    """Analyses every frame of a camera that it can keep up with, and publishes the newest.

    One picture is drawn and encoded per frame, however many watch. The camera has a thread of its own, the `Capture`;
    the loop outlives the camera: one that goes is reported with its sentence, and the page recovers with it. Use it
    as a context manager.

    Args:
        pipeline (Pipeline): started.
        open_camera (callable): returns a `Camera`, which is entered as a context manager; may return the
            same one every time.
        palette_name, layer, jpeg_quality: of the picture.
        clock (callable): monotonic seconds, the clock of the camera's frames.
        read_timeout_s, backoff_s, corrections, warm_up_s: as of `Capture`.
        heartbeats (Heartbeats): told of the progress of ``'capture'`` and ``'inference'``.
    Attributes:
        capture (Capture): the camera's thread; ask it for a frame to keep.
        latencies (Latencies): of every picture since the loop was made, with ``'page'``, from the camera to the page.
    """

    def __init__(self, pipeline, open_camera, palette_name='iron', layer='original', jpeg_quality=85,
                 clock=time.monotonic, read_timeout_s=READ_TIMEOUT_S, backoff_s=BACKOFF_S, heartbeats=None,
                 corrections=None, warm_up_s=0.0):
        self._pipeline = pipeline
        self._painter = Painter(palette_name, layer, jpeg_quality)
        self._clock = clock
        self._read_timeout_s = read_timeout_s
        self.heartbeats = heartbeats or Heartbeats()
        self.capture = Capture(open_camera, corrections, warm_up_s, clock, None, read_timeout_s, backoff_s,
                               self.heartbeats)
        self.latencies = Latencies()
        self._board = Board()
        self._counters = Counters()
        self._busy = 0
        self._values = {'notice': ADJUNCT_NOTICE}
        self._doing = 'camera'
        self._stop = threading.Event()
        self._thread = None
        self._publish(STARTING)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Start both threads; the first state says that the camera is starting."""
        self._stop.clear()
        self._board.reopen()
        self._publish(STARTING)
        self.capture.start()
        self._thread = threading.Thread(target=self._run, name='live', daemon=True)
        self._thread.start()

    def dismiss(self):
        """Tell the threads and every viewer to finish, without waiting for them."""
        self._stop.set()
        self.capture.dismiss()
        self._board.close()

    def stop(self, timeout_s=5.0):
        """End the threads and every wait for them. May be called twice."""
        self.dismiss()
        self.capture.stop(timeout_s)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    @property
    def stopped(self):
        """Whether nothing will follow."""
        return self._board.closed

    @property
    def state(self):
        """The newest `LiveState`."""
        return self._board.state

    def wait_for(self, after_sequence, timeout_s):
        """The newest state above a sequence number, or None where none came in time or the loop ended."""
        return self._board.wait_for(after_sequence, timeout_s)

    def pulse(self):
        """A sign of life between two states: which part is at work, and how old the picture is."""
        age_ms = self.state.age_ms(self._clock())
        return {'doing': self._doing, 'age_ms': age_ms and round(age_ms), 'sequence': self.state.sequence,
                'stuck': self.heartbeats.trouble(), 'capture': self.capture.report()}

    def _run(self):
        while not self._stop.is_set():
            watch = Stopwatch()
            self._doing = 'camera'
            try:
                frame = self.capture.take(self._read_timeout_s)
            except ThermoscreenError as error:
                self._camera_lost(error)
                continue
            if frame is None:  # the picture stands while a shutter is closed; the capture tells what lasts longer
                continue
            watch.lap('capture')
            self._doing = 'analysis'
            # An analysis that fails has not answered and owes its beat still.
            self.heartbeats.expect(INFERENCE)
            try:
                self._show(frame, watch)
                self.heartbeats.rest(INFERENCE)
            except ThermoscreenError as error:
                self._analysis_failed(error)
            except Exception:
                _LOGGER.exception('analysis-unexpected')
                self._trouble('analysis', 'analysis-unexpected', 'The picture could not be analysed.',
                              _RESTART)

    def _show(self, frame, watch):
        result = self._pipeline.analyse(frame.thermogram)
        watch.lap('analyse')
        jpeg = self._painter.paint(result, watch)
        laps_ms = watch.read_ms()
        values = result.to_dict()
        values['timings_ms'] = _merged(values['timings_ms'], laps_ms)
        now_s = self._clock()
        self._counters.shown_at(now_s)
        latency_ms = round(max(0.0, (now_s - frame.t_monotonic) * 1e3), 1)
        self._publish(RUNNING, values, jpeg, frame.t_monotonic, latency_ms)
        self.latencies.observe(dict(values['timings_ms'], page=latency_ms))

    def _analysis_failed(self, error):
        if error.code == 'backend-busy':  # someone opens a file: the next frame is as good as this one
            self._busy += 1
            return
        _LOGGER.warning('%s: %s', error, error.detail)
        self._trouble('analysis', error.code, error.message.text, _RESTART)

    def _camera_lost(self, error):
        # With the camera the rate of its pictures begins anew; the capture logs what it lost.
        self._counters.reopened()
        if not self._stop.is_set():
            self._trouble('camera', error.code, error.message.text,
                          'The picture comes back by itself when the camera does.')

    def _trouble(self, part, code, sentence, next_step):
        status = Status(False, part, code, sentence, next_step)
        if status != self.state.status:
            self._publish(status)

    def _publish(self, status, values=None, jpeg=None, captured_s=None, latency_ms=None):
        """Hang out a new state; without a picture the last one stays, and the status says that it is old."""
        last = self.state
        state = replace(last, sequence=last.sequence + 1, status=status)
        if jpeg is not None:
            state = replace(state, picture=last.picture + 1, jpeg=jpeg, captured_s=captured_s)
        live = self._live_values(state, latency_ms)
        values = dict(values or self._values, live=live)
        self._board.publish(replace(state, values=values, text=as_text(values)))
        self._values = values

    def _live_values(self, state, latency_ms):
        now_s = self._clock()
        rate_hz = self._counters.rate_hz(now_s)
        age_ms = state.age_ms(now_s)
        capture = self.capture.report()
        return {
            'sequence': state.sequence,
            'picture': state.picture,
            'status': dict(vars(state.status)),
            'camera': self.capture.description,
            'capture': capture,
            'latency_ms': latency_ms,
            'age_ms': None if age_ms is None else round(age_ms, 1),
            'rate_hz': None if rate_hz is None else round(rate_hz, 1),
            'stuck': self.heartbeats.trouble(),
            'shown': self._counters.shown,
            'dropped': capture['dropped'] + self._busy,
        }


def _merged(analysis_ms, laps_ms):
    """The stages in the order in which they ran; the wait for the camera is shown but is not in the total."""
    timings_ms = {'capture': laps_ms['capture']}
    timings_ms.update((stage, value) for stage, value in analysis_ms.items() if stage != 'total')
    timings_ms.update(overlay=laps_ms['overlay'], encode=laps_ms['encode'],
                      total=laps_ms['total'] - laps_ms['capture'])
    return {stage: round(value, 3) for stage, value in timings_ms.items()}
