"""Clocks of processor, GPU and memory, with what bounds them."""
from dataclasses import dataclass

from service.machine import read_text

from .gpu import gpu_folder
from .sysfs import find, read_number

_HIGHEST_MHZ = 20000.0
_CPU = 'sys/devices/system/cpu'
#: Where the memory clock stands: current, floor and cap, in Hz. All but the second are in debugfs, which only root
#: reads: JetPack 5 and later; Thor; Nano and TX2; older Nano kernels.
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


@dataclass(frozen=True)
class Clock:
    """One clock; what cannot be read is None.

    Attributes:
        current_mhz (float): what it runs at now.
        floor_mhz (float): what the governor may not go below.
        cap_mhz (float): what it may not go above: power mode, and on some kernels the thermal guard.
        highest_mhz (float): what the silicon offers.
    """

    current_mhz: float = None
    floor_mhz: float = None
    cap_mhz: float = None
    highest_mhz: float = None

    @property
    def held(self):
        """Whether floor and cap are the same, as ``jetson_clocks`` makes them; None where one is unknown."""
        if self.floor_mhz is None or self.cap_mhz is None:
            return None
        return self.floor_mhz == self.cap_mhz


def cpu_clocks(root='/'):
    """Clock of each running core.

    Returns:
        dict: core number to `Clock`; a core that is off, or tells nothing, is absent.
    """
    clocks = {}
    for folder in find(root, _CPU + '/cpu[0-9]*/cpufreq'):
        core = folder.split('/')[-2][len('cpu'):]
        if core.isdigit() and read_text(root, '%s/cpu%s/online' % (_CPU, core)) != '0':
            clock = _read(root, [folder + '/' + name for name in ('scaling_cur_freq', 'scaling_min_freq',
                                                                  'scaling_max_freq', 'cpuinfo_max_freq')], 1e3)
            if clock is not None:
                clocks[int(core)] = clock
    return clocks


def cores_off(root='/'):
    """Numbers of the cores that are switched off, as the Nano's 5W mode does with two of four."""
    switches = [path.split('/')[-2][len('cpu'):] for path in find(root, _CPU + '/cpu[0-9]*/online')
                if read_text(root, path) == '0']
    return tuple(int(core) for core in switches if core.isdigit())


def gpu_clock(root='/'):
    """Clock of a Jetson's GPU, or None."""
    folder = gpu_folder(root)
    if folder is None:
        return None
    offered = (read_text(root, folder + '/available_frequencies') or '').split()
    steps = [int(step) / 1e6 for step in offered if step.isdigit() and len(step) < 20]
    clock = _read(root, [folder + '/' + name for name in ('cur_freq', 'min_freq', 'max_freq')], 1e6)
    if clock is None:
        return None
    highest = max([step for step in steps if step <= _HIGHEST_MHZ], default=None)
    return Clock(clock.current_mhz, clock.floor_mhz, clock.cap_mhz, highest)


def emc_clock(root='/'):
    """Clock of a Jetson's memory, or None; most kernels show it to root only."""
    for paths in _EMC:
        clock = _read(root, paths, 1e6)
        if clock is not None:
            cap = read_number(root, _EMC_CAP, 1.0, _HIGHEST_MHZ, 1e6)
            caps = [value for value in (clock.cap_mhz, cap) if value is not None]
            return Clock(clock.current_mhz, clock.floor_mhz, min(caps, default=None), clock.cap_mhz)
    return None


def _read(root, paths, divisor):
    """`Clock` from the files of current, floor, cap and, where given, highest; None where all are absent."""
    values = [read_number(root, path, 0.0, _HIGHEST_MHZ, divisor) for path in paths]
    return Clock(*values) if any(value is not None for value in values) else None
