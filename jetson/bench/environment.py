"""The conditions of a measurement: what the machine is, and how it was while it was measured."""
import os
import platform as python_platform
import re
import sys
import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from service import __version__
from service.machine import NONE, UNKNOWN, processor_name, read_text
from service.selection import machine_key
from service.settings import Settings
from service.supervise import LastingThread

from ..platform import Platform
from ..telemetry import CpuLoad

_CPU_FREQ = 'sys/devices/system/cpu/cpu0/cpufreq/'
_KIB = 1024
PERIOD_S = 1.0
#: After a slow reading, such as one from tegrastats, the next one waits so many times as long as it took.
_REST = 10.0


def utc_now() -> str:
    """The current time as records state it."""
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def environment(platform: Platform, settings: Settings, root: str = '/') -> Dict[str, Any]:
    """What a machine is and what runs on it, before anything is measured.

    Args:
        platform: the machine.
        settings: in force.
        root: folder that stands for ``/``.
    Returns:
        ``machine`` (a sentence that says which machine the figures come from), ``is_jetson``, ``kind`` (real,
        simulated, recorded), ``board``, ``sm``, ``l4t``, ``jetpack``, ``power_mode``, ``processor``, ``cores``,
        ``cores_allowed``, ``memory_bytes``, ``governor``, ``clocks_held``, ``gpu_cap_mhz``, ``cpu_cap_mhz``,
        ``kernel``, ``architecture``, ``versions``, ``threads``, ``load_average``, ``command``. What the machine does
        not report is left out.
    """
    facts, reading = platform.facts(), platform.telemetry()
    cpu_caps_mhz = [clock.cap_mhz for clock in reading.cpu_clocks.values() if clock.cap_mhz is not None]
    processor = processor_name(root)
    values = {
        'machine': machine_sentence(platform, facts), 'is_jetson': platform.is_jetson, 'kind': platform.kind,
        'board': facts['board'], 'sm': facts['sm'], 'l4t': facts['l4t'], 'jetpack': facts['jetpack'],
        'power_mode': facts['power_mode'], 'processor': None if processor == UNKNOWN else processor,
        'cores': os.cpu_count(), 'cores_allowed': len(os.sched_getaffinity(0)),
        'memory_bytes': reading.memory.total_bytes if reading.memory else None,
        'governor': read_text(root, _CPU_FREQ + 'scaling_governor'), 'clocks_held': reading.clocks_held,
        'cpu_cap_mhz': max(cpu_caps_mhz, default=None),
        'gpu_cap_mhz': reading.gpu_clock.cap_mhz if reading.gpu_clock else None,
        'kernel': python_platform.release(), 'architecture': python_platform.machine(),
        'versions': versions(facts), 'threads': settings.threads or len(os.sched_getaffinity(0)),
        'load_average': load_average(), 'command': ' '.join(['thermoscreen'] + sys.argv[1:]),
    }
    return {name: value for name, value in values.items() if value is not None}


def machine_sentence(platform: Platform, facts: Dict[str, Any]) -> str:
    """Which machine the figures come from; they are never shown as another one's."""
    if platform.kind != 'real':
        return ('Conditions of a %s board; the times are those of the computer that ran the program.' % platform.kind)
    if not platform.is_jetson:
        return 'Measured on this PC (%s), not on a Jetson; a Jetson has other figures.' % facts['board']
    mode = facts['power_mode']
    return 'Measured on %s, power mode %s.' % (facts['board'], mode if mode != NONE else 'unknown')


def versions(facts: Dict[str, Any]) -> Dict[str, str]:
    """Versions of what a frame passes through; TensorRT and ONNX Runtime where they are installed."""
    values = {'thermoscreen': __version__, 'python': python_platform.python_version(), 'numpy': np.__version__,
              'opencv': cv2.__version__, 'onnxruntime': machine_key()['onnxruntime'], 'tensorrt': facts['tensorrt']}
    return {name: version for name, version in values.items() if version}


def resident_bytes(root: str = '/') -> Optional[int]:
    """Resident memory of this process; None where the kernel does not report it."""
    match = re.search(r'^VmRSS:\s*([0-9]{1,15}) kB', read_text(root, 'proc/self/status') or '', re.MULTILINE)
    return int(match.group(1)) * _KIB if match else None


def load_average() -> Optional[float]:
    """Load average over the last minute; None where the system does not report it."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


class ProcessorShares:
    """How much of the processor this process and all others used between two calls.

    Args:
        load: busy share of the machine; None for this machine's.
        clock: monotonic seconds.
        own: processor seconds of this process, all threads.
        cores: number of cores; None for this machine's.
    """

    def __init__(self, load: Optional[CpuLoad] = None, clock: Callable[[], float] = time.monotonic,
                 own: Callable[[], float] = time.process_time, cores: Optional[int] = None) -> None:
        self._load, self._clock, self._own = load or CpuLoad(), clock, own
        self._cores = cores or os.cpu_count() or 1
        self._last = clock(), own()

    def read(self) -> Tuple[Optional[float], Optional[float]]:
        """Shares of the whole machine since the last call: (this process, all others), each 0 to 1 or None."""
        (then_s, then_own_s), self._last = self._last, (self._clock(), self._own())
        busy, passed_s = self._load.share(), self._last[0] - then_s
        if passed_s <= 0:
            return None, None
        own = min(max((self._last[1] - then_own_s) / passed_s / self._cores, 0.0), 1.0)
        return own, None if busy is None else max(busy - own, 0.0)


class TelemetryRecorder:
    """Takes readings of a platform in a thread until it is stopped. Use it as a context manager.

    The thread reads at its own times and not between two frames, when power and load are lower than during a frame.

    Args:
        platform: the machine.
        clock: monotonic seconds, the clock of the runs.
        shares: use of the processor; None for this machine's.
        period_s: time between two readings.
    Attributes:
        readings: each with ``t_s`` on the clock, ``read_ms`` (duration of the reading itself), ``power_mode``,
            ``resident_bytes``, ``own_share``, ``other_share``, ``load_average`` and the values of `Telemetry.to_dict`.
            What is not measured is left out.
    """

    def __init__(self, platform: Platform, clock: Callable[[], float] = time.monotonic,
                 shares: Optional[ProcessorShares] = None, period_s: float = PERIOD_S) -> None:
        self._platform, self._clock, self._period_s = platform, clock, period_s
        self._shares = shares or ProcessorShares(clock=clock)
        self.readings: List[Dict[str, Any]] = []
        self._stop = threading.Event()
        self._thread: Optional[LastingThread] = None

    def __enter__(self) -> 'TelemetryRecorder':
        self._stop.clear()
        self._thread = LastingThread('telemetry', self._run, self._stop)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(5 * _REST)

    def take(self) -> float:
        """Take one reading now; returns how many seconds it took."""
        began_s = self._clock()
        own_share, other_share = self._shares.read()
        reading = self._platform.telemetry().to_dict()
        took_s = self._clock() - began_s
        for name in ('source', 'read_at_s'):
            reading.pop(name, None)
        reading.update(t_s=began_s, read_ms=took_s * 1e3, power_mode=self._platform.facts()['power_mode'],
                       resident_bytes=resident_bytes(), own_share=own_share, other_share=other_share,
                       load_average=load_average())
        self.readings.append({name: value for name, value in reading.items() if value is not None})
        return took_s

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            wait_s = max(self._period_s, _REST * self.take())


def energy(readings: Sequence[Dict[str, Any]], began_s: float, ended_s: float,
           frames: int) -> Optional[Dict[str, Any]]:
    """Power and energy of the whole board over a run.

    Args:
        readings: of a `TelemetryRecorder`.
        began_s, ended_s: span of the run on the same clock.
        frames: how many frames it had.
    Returns:
        ``mean_mw``, ``n`` (readings) and ``per_frame_mj`` (mean power times duration, divided by frames); None where
        fewer than two readings within the span have a power.
    """
    power_mw = [reading['power_mw'] for reading in readings
                if began_s <= reading['t_s'] <= ended_s and 'power_mw' in reading]
    if len(power_mw) < 2 or not frames:
        return None
    mean_mw = sum(power_mw) / len(power_mw)
    return {'mean_mw': mean_mw, 'n': len(power_mw), 'per_frame_mj': mean_mw * (ended_s - began_s) / frames}
