"""How many pictures came, how many were shown, and how fast."""
from collections import deque

#: The rate is over this many seconds: long enough to stand still, short enough to notice.
WINDOW_S = 5.0


class Counters:
    """Counts of the frames since the camera was opened, and the rate over the last seconds."""

    def __init__(self):
        self.shown = 0
        self.dropped = 0
        self._last_sequence = None
        self._times_s = deque()

    def received(self, sequence):
        """Note a frame from the camera; a gap in its numbers is frames that came while we were busy."""
        if self._last_sequence is not None and sequence > self._last_sequence + 1:
            self.dropped += sequence - self._last_sequence - 1
        self._last_sequence = sequence

    def reopened(self):
        """Forget the camera's numbering; it starts again."""
        self._last_sequence = None
        self._times_s.clear()

    def shown_at(self, now_s):
        """Note a frame that was put on the screen."""
        self.shown += 1
        self._times_s.append(now_s)

    def rate_hz(self, now_s):
        """Pictures per second over the last `WINDOW_S`; None before the second picture."""
        while self._times_s and now_s - self._times_s[0] > WINDOW_S:
            self._times_s.popleft()
        if len(self._times_s) < 2:
            return None
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else None
