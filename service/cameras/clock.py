"""The clock of the cameras, and the pace of a camera that has no hardware to set it."""
import time
from typing import Optional


class SystemClock:
    """The real time; tests replace it."""

    def now(self) -> float:
        """Seconds on the clock of `time.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Pacer:
    """Ticks at a fixed rate, counted from 0 at the start; missed ticks are lost.

    Args:
        rate_hz: ticks per second.
        clock: where the time comes from.
    Attributes:
        missed: ticks that were lost before the newest one, because nobody asked in time.
    """

    def __init__(self, rate_hz: float, clock: SystemClock) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._start_s = clock.now()
        self._last = -1
        self.missed = 0

    def next_tick(self, timeout_s: float) -> Optional[int]:
        """The newest tick that was not returned yet, waited for if necessary.

        Returns:
            Number of the tick, or None if it is further off than the timeout, which has then passed.
        """
        newest = int((self._clock.now() - self._start_s) * self._rate_hz)
        if newest <= self._last:
            wait_s = self.time_of(self._last + 1) - self._clock.now()
            if wait_s > timeout_s:
                self._clock.sleep(max(timeout_s, 0))
                return None
            self._clock.sleep(max(wait_s, 0))
            # Rounding may leave the clock slightly before the tick that was waited for.
            newest = max(self._last + 1, int((self._clock.now() - self._start_s) * self._rate_hz))
        self.missed = newest - self._last - 1
        self._last = newest
        return newest

    def time_of(self, tick: int) -> float:
        """When a tick is due, on the clock, in seconds."""
        return self._start_s + tick / self._rate_hz
