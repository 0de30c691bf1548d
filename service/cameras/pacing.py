"""The beat of a camera that has no hardware to beat it."""
import time


class SystemClock:
    """The real time. Tests put another clock in its place."""

    def now(self):
        """Seconds on the clock of `time.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds):
        """Wait."""
        time.sleep(seconds)


class Pacer:
    """Ticks at a fixed rate, counted from 0 at the start; missed ticks are lost.

    Args:
        rate_hz (float): ticks per second.
        clock (SystemClock): where the time comes from.
    """

    def __init__(self, rate_hz, clock):
        self._rate_hz = rate_hz
        self._clock = clock
        self._start_s = clock.now()
        self._last = -1

    def next_tick(self, timeout_s):
        """The newest tick that was not returned yet; waits for one if there is none.

        Returns:
            int: number of the tick, or None where it is further off than the timeout, which has
            then passed.
        """
        newest = int((self._clock.now() - self._start_s) * self._rate_hz)
        if newest <= self._last:
            wait_s = self.time_of(self._last + 1) - self._clock.now()
            if wait_s > timeout_s:
                self._clock.sleep(max(timeout_s, 0))
                return None
            self._clock.sleep(max(wait_s, 0))
            # Rounding may leave the clock a hair before the tick that was waited for.
            newest = max(self._last + 1, int((self._clock.now() - self._start_s) * self._rate_hz))
        self._last = newest
        return newest

    def time_of(self, tick):
        """When a tick is due, on the clock, in seconds."""
        return self._start_s + tick / self._rate_hz
