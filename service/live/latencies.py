"""How long each stage took, picture after picture, for the status page and for Prometheus."""
import bisect
import threading
from collections import deque
from dataclasses import dataclass

#: Upper bounds of the histogram in milliseconds; a picture is late from 33 on at 30 a second, from 111 on at 9.
BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 20.0, 33.0, 50.0, 75.0, 111.0, 200.0, 500.0, 1000.0, 2500.0)

#: Pictures of which every figure is kept: a minute of a slow camera, twenty seconds of a fast one.
RECENT = 600


@dataclass(frozen=True)
class StageTimes:
    """What one stage took since the start.

    Attributes:
        counts (tuple of int): pictures in each bin of `BOUNDS_MS`, upper bounds included, and beyond the last one.
        sum_ms (float): all of them together.
        recent_ms (tuple of float): the newest `RECENT`, oldest first.
    """

    counts: tuple
    sum_ms: float
    recent_ms: tuple


class Latencies:
    """The times of every picture that was shown; one thread notes them, any thread reads them."""

    def __init__(self):
        self._lock = threading.Lock()
        self._stages = {}

    def observe(self, timings_ms):
        """Note a picture.

        Args:
            timings_ms (dict): stage to milliseconds, in the order in which they ran.
        """
        with self._lock:
            for stage, took_ms in timings_ms.items():
                known = self._stages.get(stage)
                if known is None:
                    known = self._stages[stage] = _Stage()
                known.add(took_ms)

    def read(self):
        """What was noted so far.

        Returns:
            dict: stage to `StageTimes`, in the order in which the stages run.
        """
        with self._lock:
            return {stage: StageTimes(tuple(known.counts), known.sum_ms, tuple(known.recent_ms))
                    for stage, known in self._stages.items()}


class _Stage:
    def __init__(self):
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.sum_ms = 0.0
        self.recent_ms = deque(maxlen=RECENT)

    def add(self, took_ms):
        self.counts[bisect.bisect_left(BOUNDS_MS, took_ms)] += 1
        self.sum_ms += took_ms
        self.recent_ms.append(took_ms)
