"""How many pictures were shown, how fast, and how long each stage of them took."""
import bisect
import threading
from collections import deque
from dataclasses import dataclass
from typing import Deque, Dict, List, Optional, Tuple

#: The rate is taken over this many seconds: long enough to be steady, short enough to follow a change.
WINDOW_S = 5.0

#: Upper bounds of the histogram in milliseconds; a picture is late from 33 on at 30 a second, from 111 on at 9.
BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 20.0, 33.0, 50.0, 75.0, 111.0, 200.0, 500.0, 1000.0, 2500.0)

#: Pictures whose times are kept one by one: a minute of a slow camera, twenty seconds of a fast one.
RECENT = 600


class Counters:
    """Counts the pictures that were shown, and their rate.

    Attributes:
        shown: pictures since the start.
    """

    def __init__(self) -> None:
        self.shown = 0
        self._times_s: Deque[float] = deque()

    def reopened(self) -> None:
        """The camera was opened again: the rate starts anew."""
        self._times_s.clear()

    def shown_at(self, now_s: float) -> None:
        """Count a picture."""
        self.shown += 1
        self._times_s.append(now_s)

    def rate_hz(self, now_s: float) -> Optional[float]:
        """Pictures per second over the last `WINDOW_S`; None before the second picture."""
        while self._times_s and now_s - self._times_s[0] > WINDOW_S:
            self._times_s.popleft()
        if len(self._times_s) < 2:
            return None
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else None


@dataclass(frozen=True)
class StageTimes:
    """How long one stage has taken since the start.

    Attributes:
        counts: pictures in each bin of `BOUNDS_MS`, upper bounds included, and beyond the last one.
        sum_ms: of all pictures.
        recent_ms: of the newest `RECENT` pictures, oldest first.
    """

    counts: Tuple[int, ...]
    sum_ms: float
    recent_ms: Tuple[float, ...]


class Latencies:
    """The stage times of every picture that was shown. One thread writes, any thread reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Dict[str, List[int]] = {}
        self._sum_ms: Dict[str, float] = {}
        self._recent_ms: Dict[str, Deque[float]] = {}

    def observe(self, timings_ms: Dict[str, float]) -> None:
        """Add one picture: stage to milliseconds, in the order in which the stages ran."""
        with self._lock:
            for stage, took_ms in timings_ms.items():
                if stage not in self._counts:
                    self._counts[stage] = [0] * (len(BOUNDS_MS) + 1)
                    self._sum_ms[stage] = 0.0
                    self._recent_ms[stage] = deque(maxlen=RECENT)
                self._counts[stage][bisect.bisect_left(BOUNDS_MS, took_ms)] += 1
                self._sum_ms[stage] += took_ms
                self._recent_ms[stage].append(took_ms)

    def read(self) -> Dict[str, StageTimes]:
        """The times so far by stage, in the order in which the stages run."""
        with self._lock:
            return {stage: StageTimes(tuple(counts), self._sum_ms[stage], tuple(self._recent_ms[stage]))
                    for stage, counts in self._counts.items()}
