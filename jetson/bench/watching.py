"""The machine while it is measured: a reading a second, in a thread of its own."""
import threading
import time

from .process import Shares, load_average, resident_bytes

PERIOD_S = 1.0
#: A reading that takes long, as tegrastats does, is taken so much less often: at most a part of 1/n of the time.
_REST = 10.0


class Watcher:
    """Takes readings of a platform until it is stopped. Use it as a context manager.

    The thread looks at a moment of its own choosing and not between two frames, when power and load are lower than
    while a frame is worked on.

    Args:
        platform (Platform): the machine.
        clock (callable): seconds that only grow, the clock of the runs.
        shares (Shares): who keeps the processor busy.
        period_s (float): time between two readings.

    Attributes:
        readings (list of dict): ``t_s`` on the clock, ``read_ms`` (what the reading itself took), ``power_mode``,
            ``resident_bytes``, ``own_share``, ``other_share``, ``load_average`` and what `Telemetry.to_dict` gives.
            What is not measured is left out.
    """

    def __init__(self, platform, clock=time.monotonic, shares=None, period_s=PERIOD_S):
        self._platform, self._clock, self._period_s = platform, clock, period_s
        self._shares = shares or Shares(clock=clock)
        self.readings = []
        self._stop = threading.Event()
        self._thread = None

    def __enter__(self):
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name='telemetry', daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._stop.set()
        self._thread.join(5 * _REST)
        self._thread = None

    def take(self):
        """Take one reading now.

        Returns:
            float: how many seconds it took.
        """
        began_s = self._clock()
        own, other = self._shares.look()
        reading = self._platform.telemetry().to_dict()
        took_s = self._clock() - began_s
        for name in ('source', 'read_at_s'):
            reading.pop(name, None)
        reading.update(t_s=began_s, read_ms=took_s * 1e3, power_mode=self._platform.facts()['power_mode'],
                       resident_bytes=resident_bytes(), own_share=own, other_share=other,
                       load_average=load_average())
        self.readings.append({name: value for name, value in reading.items() if value is not None})
        return took_s

    def _run(self):
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            wait_s = max(self._period_s, _REST * self.take())


def energy(readings, began_s, ended_s, frames):
    """Power and energy of the whole board over a run, where its rails are measured.

    Args:
        readings (list of dict): as `Watcher.readings`.
        began_s, ended_s (float): span of the run on the same clock.
        frames (int): how many it had.
    Returns:
        dict or None: ``mean_mw``, ``n`` (readings), ``per_frame_mj`` (mean power times duration through frames). None
        with fewer than two readings of power in the span.
    """
    power = [reading['power_mw'] for reading in readings
             if began_s <= reading['t_s'] <= ended_s and 'power_mw' in reading]
    if len(power) < 2 or not frames:
        return None
    mean_mw = sum(power) / len(power)
    return {'mean_mw': mean_mw, 'n': len(power), 'per_frame_mj': mean_mw * (ended_s - began_s) / frames}
