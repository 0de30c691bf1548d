"""Milliseconds per stage."""
import time


class Stopwatch:
    """Times consecutive stages on the monotonic clock.

    Each `lap` closes the stage that ran since the one before, so that the stages add up to the
    total with nothing in between.

    Args:
        clock (callable): seconds that only grow; tests bring their own.
    """

    def __init__(self, clock=time.perf_counter):
        self._clock = clock
        self._start = self._last = clock()
        self._laps_ms = {}

    def lap(self, stage):
        """Close the running stage under a name; a name used twice adds up."""
        self.lap_parts(((stage, None),))

    def lap_parts(self, parts_ms):
        """Close what ran as several stages of which somebody else timed all but one.

        Args:
            parts_ms (sequence): (stage, milliseconds) in the order in which they ran; None for the one that took
                the rest.
        """
        now = self._clock()
        rest_ms = (now - self._last) * 1e3 - sum(part_ms for _, part_ms in parts_ms if part_ms is not None)
        for stage, part_ms in parts_ms:
            took_ms = max(rest_ms, 0.0) if part_ms is None else part_ms
            self._laps_ms[stage] = self._laps_ms.get(stage, 0.0) + took_ms
        self._last = now

    def read_ms(self):
        """Milliseconds per stage, and ``'total'``."""
        return dict(self._laps_ms, total=(self._last - self._start) * 1e3)
