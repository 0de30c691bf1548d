"""Milliseconds per stage."""
import time


class Stopwatch:
    """Times consecutive stages on the monotonic clock.

    Each `lap` closes the stage that ran since the one before, so that the stages add up to the
    total with nothing in between.
    """

    def __init__(self):
        self._start = self._last = time.perf_counter()
        self._laps_ms = {}

    def lap(self, stage):
        """Close the running stage under a name; a name used twice adds up."""
        now = time.perf_counter()
        self._laps_ms[stage] = self._laps_ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    def read_ms(self):
        """Milliseconds per stage, and ``'total'``."""
        return dict(self._laps_ms, total=(self._last - self._start) * 1e3)
