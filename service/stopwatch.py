"""Milliseconds per stage."""
import time
from typing import Callable, Dict, Optional, Sequence, Tuple


class Stopwatch:
    """Times consecutive stages on the monotonic clock.

    Each `lap` closes the stage that ran since the one before, so that the stages add up to the total with nothing in
    between.

    Args:
        clock: monotonic seconds; tests bring their own.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._start = self._last = clock()
        self._laps_ms: Dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Close the running stage under a name; a name used twice adds up."""
        self.lap_parts(((stage, None),))

    def lap_parts(self, parts_ms: Sequence[Tuple[str, Optional[float]]]) -> None:
        """Close the running stage as several of which all but one were timed elsewhere.

        Args:
            parts_ms: (stage, milliseconds) in the order in which they ran; None for the one that took the rest.
        """
        now = self._clock()
        rest_ms = (now - self._last) * 1e3 - sum(part_ms for _, part_ms in parts_ms if part_ms is not None)
        for stage, part_ms in parts_ms:
            took_ms = max(rest_ms, 0.0) if part_ms is None else part_ms
            self._laps_ms[stage] = self._laps_ms.get(stage, 0.0) + took_ms
        self._last = now

    def read_ms(self) -> Dict[str, float]:
        """Milliseconds per stage, and ``'total'``."""
        return dict(self._laps_ms, total=(self._last - self._start) * 1e3)
