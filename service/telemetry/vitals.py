"""How the machine is, read every few seconds in a thread of its own and kept for whoever asks."""
import logging
import os
import threading
import time
from dataclasses import dataclass, field

from ..doctor import offered_check
from .sources import Sources

_log = logging.getLogger(__name__)

#: Seconds between two readings. Heat and disks are slow, and the processor belongs to the picture.
PERIOD_S = 5.0
#: A reading that takes long, as tegrastats does, is taken so much less often: at most a part of 1/n of the time.
REST = 20.0
#: A reading older than this says nothing about now: whoever takes it hangs in a sensor.
STALE_S = 60.0
#: The doctor's checks whose answer may change while the service runs and that cost next to nothing.
CHECKS = ('clock',)


@dataclass(frozen=True)
class Disk:
    """A file system in bytes.

    Attributes:
        free_bytes (int): what a user without rights may still write.
        total_bytes (int): its size.
        read_only (bool): whether it takes nothing at all.
    """

    free_bytes: int
    total_bytes: int
    read_only: bool


@dataclass(frozen=True)
class Reading:
    """How the machine is.

    Attributes:
        values (dict): what the sources say, see `service.telemetry.sources`; empty where nothing is known.
        disk (Disk): where the service keeps its state; None where that cannot be told.
        reports (tuple of Message): of `CHECKS`.
        age_s (float): since it was taken; None before the first.
        offered (bool): whether there are sources at all.
        silent (bool): whether there was a reading and it is too old to say anything; then nothing else is there.
    """

    values: dict = field(default_factory=dict)
    disk: Disk = None
    reports: tuple = ()
    age_s: float = None
    offered: bool = False
    silent: bool = False


class Vitals:
    """Takes a reading now and then; asking for the newest costs nothing. Use it once, as a context
    manager.

    The thread may hang in a sensor for good, so that nothing waits for it: readings then become silent.

    Args:
        settings (Settings): for the doctor's checks.
        folder (str): whose disk is watched.
        open_sources (callable): returns `Sources`; called in the thread, since opening them may take long.
        clock (callable): monotonic seconds.
        period_s (float): between two readings.
    """

    def __init__(self, settings, folder='.', open_sources=Sources, clock=time.monotonic, period_s=PERIOD_S):
        self._settings, self._folder = settings, folder
        self._open_sources, self._clock, self._period_s = open_sources, clock, period_s
        self._newest = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='telemetry', daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._stop.set()

    @property
    def newest(self):
        """The newest `Reading`."""
        if self._newest is None:
            return Reading()
        taken_s, values, disk, reports, offered = self._newest
        age_s = max(0.0, self._clock() - taken_s)
        if age_s > STALE_S:
            return Reading(age_s=age_s, offered=offered, silent=True)
        return Reading(values, disk, reports, age_s, offered)

    def look(self, sources, checks=()):
        """Take one reading.

        Args:
            sources (Sources): what to read.
            checks (sequence): functions as `service.doctor.offered_check` gives them.
        Returns:
            float: how many seconds it took.
        """
        began_s = self._clock()
        values = sources.read()
        reports = tuple(report for report in (check(self._settings) for check in checks) if report is not None)
        ended_s = self._clock()
        self._newest = (ended_s, values, _disk(self._folder), reports, bool(sources))
        return ended_s - began_s

    def _run(self):
        sources = self._open_sources()
        checks = [check for check in map(offered_check, CHECKS) if check is not None]
        try:
            while not self._stop.is_set():
                self._stop.wait(max(self._period_s, REST * self.look(sources, checks)))
        except Exception:
            _log.exception('telemetry-unexpected')
        finally:
            sources.close()


def _disk(folder):
    try:
        system = os.statvfs(folder)
    except OSError:
        return None
    return Disk(system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize,
                bool(system.f_flag & os.ST_RDONLY))
