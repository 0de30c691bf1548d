"""Clocks and load of CPU, GPU and memory controller."""
import re
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from service.machine import read_text

from .sysfs import find, read_number

_MAX_MHZ = 20000.0
_CPU = 'sys/devices/system/cpu'
#: Columns of ``cpu`` in /proc/stat, and those of them that are idle time: idle and iowait.
_STAT_COLUMNS, _IDLE_COLUMNS = 8, (3, 4)
#: Device name of the integrated GPU: Nano and Orin with JetPack 6; TX2; Xavier; Orin with JetPack 5.
_GPU_NAME = re.compile(r'[0-9a-f]+\.(?:gpu|gp10b|gv11b|ga10b)$')
_GPU_LOADS = ('sys/devices/gpu.0/load', 'sys/devices/platform/gpu.0/load')
#: Files of the memory clock: current, floor and cap, in Hz. All but the second row are in debugfs, which only root can
#: read: JetPack 5 and later; Thor; Nano and TX2; older Nano kernels.
_EMC = (
    ('sys/kernel/debug/bpmp/debug/clk/emc/rate', 'sys/kernel/debug/bpmp/debug/clk/emc/min_rate',
     'sys/kernel/debug/bpmp/debug/clk/emc/max_rate'),
    ('sys/class/devfreq/bwmgr/cur_freq', 'sys/class/devfreq/bwmgr/min_freq', 'sys/class/devfreq/bwmgr/max_freq'),
    ('sys/kernel/debug/clk/override.emc/clk_rate', 'sys/kernel/debug/tegra_bwmgr/emc_min_rate',
     'sys/kernel/debug/tegra_bwmgr/emc_max_rate'),
    ('sys/kernel/debug/clk/emc/clk_rate', 'sys/kernel/debug/clk/emc/clk_min_rate',
     'sys/kernel/debug/clk/emc/clk_max_rate'),
)
_EMC_CAP = 'sys/kernel/nvpmodel_emc_cap/emc_iso_cap'
#: At this load, a clock below this share of its cap is held back by something other than its governor.
_BUSY_SHARE, _CLOCK_SHARE = 0.9, 0.9


@dataclass(frozen=True)
class Clock:
    """One clock; None for what cannot be read.

    Attributes:
        current_mhz: frequency now.
        floor_mhz: lowest frequency that the governor may choose.
        cap_mhz: highest frequency that it may choose: set by the power mode and, on some kernels, by the thermal
            governor.
        highest_mhz: highest frequency of the chip.
    """

    current_mhz: Optional[float] = None
    floor_mhz: Optional[float] = None
    cap_mhz: Optional[float] = None
    highest_mhz: Optional[float] = None

    @property
    def held(self) -> Optional[bool]:
        """Whether floor equals cap, as ``jetson_clocks`` sets them; None where one of them is unknown."""
        if self.floor_mhz is None or self.cap_mhz is None:
            return None
        return self.floor_mhz == self.cap_mhz

    def held_back(self, load_share: Optional[float]) -> str:
        """Clause such as ``'busy and runs at 461 of 922 MHz'``; ``''`` unless something holds the clock back.

        Args:
            load_share: load of what the clock drives, 0 to 1; None where it is unknown.
        """
        if load_share is None or self.current_mhz is None or not self.cap_mhz:
            return ''
        if load_share < _BUSY_SHARE or self.current_mhz >= _CLOCK_SHARE * self.cap_mhz:
            return ''
        return 'busy and runs at %.0f of %.0f MHz' % (self.current_mhz, self.cap_mhz)


def cpu_clocks(root: str = '/') -> Dict[int, Clock]:
    """Clock of each running core by its number; a core that is off or has no readable clock is left out."""
    clocks = {}
    for folder in find(root, _CPU + '/cpu[0-9]*/cpufreq'):
        core = folder.split('/')[-2][len('cpu'):]
        if core.isdigit() and read_text(root, '%s/cpu%s/online' % (_CPU, core)) != '0':
            clock = _read_clock(root, [folder + '/' + name for name in ('scaling_cur_freq', 'scaling_min_freq',
                                                                        'scaling_max_freq', 'cpuinfo_max_freq')], 1e3)
            if clock is not None:
                clocks[int(core)] = clock
    return clocks


def cores_off(root: str = '/') -> Tuple[int, ...]:
    """Numbers of the cores that are switched off; the Nano's 5W mode switches two of four off."""
    cores = [path.split('/')[-2][len('cpu'):] for path in find(root, _CPU + '/cpu[0-9]*/online')
             if read_text(root, path) == '0']
    return tuple(int(core) for core in cores if core.isdigit())


def gpu_clock(root: str = '/') -> Optional[Clock]:
    """Clock of a Jetson's GPU."""
    folder = _gpu_folder(root)
    if folder is None:
        return None
    clock = _read_clock(root, [folder + '/' + name for name in ('cur_freq', 'min_freq', 'max_freq')], 1e6)
    if clock is None:
        return None
    steps = (read_text(root, folder + '/available_frequencies') or '').split()
    steps_mhz = [int(step) / 1e6 for step in steps if step.isdigit() and len(step) < 20]
    highest_mhz = max([step for step in steps_mhz if step <= _MAX_MHZ], default=None)
    return Clock(clock.current_mhz, clock.floor_mhz, clock.cap_mhz, highest_mhz)


def emc_clock(root: str = '/') -> Optional[Clock]:
    """Clock of a Jetson's memory; most kernels show it to root only."""
    for paths in _EMC:
        clock = _read_clock(root, paths, 1e6)
        if clock is not None:
            cap_mhz = read_number(root, _EMC_CAP, 1.0, _MAX_MHZ, 1e6)
            caps_mhz = [value for value in (clock.cap_mhz, cap_mhz) if value is not None]
            return Clock(clock.current_mhz, clock.floor_mhz, min(caps_mhz, default=None), clock.cap_mhz)
    return None


def gpu_load_share(root: str = '/') -> Optional[float]:
    """Share of time that a Jetson's GPU was busy, 0 to 1; the kernel counts in thousandths."""
    folder = _gpu_folder(root)
    paths = _GPU_LOADS if folder is None else _GPU_LOADS + (folder + '/device/load',)
    loads = (read_number(root, path, 0.0, 1.0, 1000.0) for path in paths)
    return next((load for load in loads if load is not None), None)


class CpuLoad:
    """Share of time that the processor was busy between two calls, over all cores.

    Args:
        root: folder that stands for ``/``.
    """

    def __init__(self, root: str = '/') -> None:
        self._root = root
        self._ticks = self._read()

    def share(self) -> Optional[float]:
        """Busy share, 0 to 1, since the last call; None where no time has passed or nothing can be read."""
        before, self._ticks = self._ticks, self._read()
        if before is None or self._ticks is None:
            return None
        total, idle = (now - then for now, then in zip(self._ticks, before))
        return 1.0 - idle / float(total) if total > 0 and 0 <= idle <= total else None

    def _read(self) -> Optional[Tuple[int, int]]:
        """Ticks since the start of the machine: all, and idle."""
        match = re.match(r'cpu((?:\s+[0-9]{1,19}){%d})' % _STAT_COLUMNS, read_text(self._root, 'proc/stat') or '')
        if not match:
            return None
        ticks = [int(text) for text in match.group(1).split()]
        return sum(ticks), sum(ticks[column] for column in _IDLE_COLUMNS)


def _gpu_folder(root: str) -> Optional[str]:
    """Folder of the GPU's frequency driver below the root; None on a machine without one."""
    for pattern in ('sys/devices/gpu.0/devfreq/*', 'sys/class/devfreq/*', 'sys/devices/platform/*.gpu/devfreq/*'):
        for path in find(root, pattern):
            if _GPU_NAME.search(path):
                return path
    return None


def _read_clock(root: str, paths: Sequence[str], divisor: float) -> Optional[Clock]:
    """`Clock` from the files of current, floor, cap and, where given, highest; None where none can be read."""
    values = [read_number(root, path, 0.0, _MAX_MHZ, divisor) for path in paths]
    return Clock(*values) if any(value is not None for value in values) else None
