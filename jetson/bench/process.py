"""What this process and the others take of the machine."""
import os
import re
import time

from service.machine import read_text

from ..telemetry import CpuLoad

_KIB = 1024


def resident_bytes(root='/'):
    """Memory that this process holds, or None where the kernel does not say."""
    found = re.search(r'^VmRSS:\s*([0-9]{1,15}) kB', read_text(root, 'proc/self/status') or '', re.MULTILINE)
    return int(found.group(1)) * _KIB if found else None


def load_average():
    """Runnable programs, on average over the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


class Shares:
    """Who kept the processor busy between two looks.

    Args:
        load (CpuLoad): busy share of the machine.
        clock (callable): seconds that only grow.
        own (callable): processor seconds of this process, all threads.
        cores (int): cores of the machine.
    """

    def __init__(self, load=None, clock=time.monotonic, own=time.process_time, cores=None):
        self._load, self._clock, self._own = load or CpuLoad(), clock, own
        self._cores = cores or os.cpu_count() or 1
        self._then = clock(), own()

    def look(self):
        """Shares of the whole machine since the look before, each 0 to 1.

        Returns:
            tuple: (this process, all other programs); None for what cannot be told.
        """
        (then_s, then_own), self._then = self._then, (self._clock(), self._own())
        busy, passed_s = self._load.share(), self._then[0] - then_s
        if passed_s <= 0:
            return None, None
        own = min(max((self._then[1] - then_own) / passed_s / self._cores, 0.0), 1.0)
        return own, None if busy is None else max(busy - own, 0.0)
