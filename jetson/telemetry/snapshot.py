"""One reading of everything a machine measures about itself."""
import dataclasses
import time
from dataclasses import dataclass, field

from . import throttling
from .clocks import Clock, cores_off, cpu_clocks, emc_clock, gpu_clock
from .fan import Fan, read_fan
from .gpu import gpu_load_share
from .memory import Memory, read_memory
from .rails import rail_alarms, read_rails, total_mw
from .temperatures import temperatures_c


@dataclass(frozen=True)
class Telemetry:
    """What was measured at one moment. A sensor that is missing is None or not in its dict; never zero.

    Attributes:
        source (str): ``'sysfs'``, ``'tegrastats'``, ``'sysfs+tegrastats'`` or ``'simulated'``.
        read_at_s (float): monotonic clock when it was read; only differences mean something.
        cpu_load_share (float): busy share of all running cores since the reading before, 0 to 1.
        gpu_load_share (float): busy share of the GPU, 0 to 1.
        emc_load_share (float): share of the memory's bandwidth in use, 0 to 1.
        cpu_clocks (dict): core number to `Clock`, running cores only.
        cores_off (tuple of int): cores that are switched off.
        gpu_clock (Clock): of a Jetson's GPU.
        emc_clock (Clock): of the memory.
        temperatures_c (dict): zone to degrees Celsius.
        rails (dict): name to `Rail`.
        fan (Fan): the fan.
        cooling (dict): cooling device to its state; 0 is idle. None where the kernel shows none.
        over_current_alarms (int): alarms in the kernel's log since the start.
        over_current_events (dict): counts of an Orin's over-current inputs since the start.
        rail_alarms (tuple of str): rails above a current limit now.
        memory (Memory): memory and swap.
    """

    source: str
    read_at_s: float
    cpu_load_share: float = None
    gpu_load_share: float = None
    emc_load_share: float = None
    cpu_clocks: dict = field(default_factory=dict)
    cores_off: tuple = ()
    gpu_clock: Clock = None
    emc_clock: Clock = None
    temperatures_c: dict = field(default_factory=dict)
    rails: dict = field(default_factory=dict)
    fan: Fan = None
    cooling: dict = None
    over_current_alarms: int = None
    over_current_events: dict = field(default_factory=dict)
    rail_alarms: tuple = ()
    memory: Memory = None

    @property
    def power_mw(self):
        """Power of the board in mW from its input rail, else the sum of its rails; None without rails."""
        return total_mw(self.rails)

    @property
    def hottest_c(self):
        """Highest temperature in degrees Celsius, or None."""
        return max(self.temperatures_c.values(), default=None)

    @property
    def clocks_held(self):
        """Whether ``jetson_clocks`` holds the clocks at their caps; None where that cannot be told.

        The tool leaves no mark of its own. It is on where processor and GPU may not go below their caps and the memory,
        if its clock is readable, runs at its cap (the rule of jetson_stats).
        """
        held = [clock.held for clock in self.cpu_clocks.values()] + [self.gpu_clock.held if self.gpu_clock else None]
        if self.gpu_clock is None or not self.cpu_clocks or None in held:
            return None
        emc = self.emc_clock
        if emc is not None and emc.current_mhz is not None and emc.cap_mhz is not None:
            held.append(emc.current_mhz >= emc.cap_mhz)
        return all(held)

    @property
    def throttle_signs(self):
        """What says that the board is slowed down; see `throttling.throttle_signs`."""
        return throttling.throttle_signs(self)

    @property
    def supply_signs(self):
        """What says that the supply sags; see `throttling.supply_signs`."""
        return throttling.supply_signs(self)

    def filled_from(self, other):
        """This reading, with what it lacks taken from another one of the same moment.

        Args:
            other (Telemetry): usually from tegrastats.

        Returns:
            Telemetry: itself where the other adds nothing.
        """
        added = {entry.name: getattr(other, entry.name) for entry in dataclasses.fields(self)
                 if getattr(self, entry.name) in (None, {}, ()) and getattr(other, entry.name) not in (None, {}, ())}
        if not added:
            return self
        return dataclasses.replace(self, source='%s+%s' % (self.source, other.source), **added)

    def to_dict(self):
        """The reading as JSON; what is missing is left out.

        Returns:
            dict: the attributes, and ``power_mw``, ``hottest_c``, ``clocks_held``, ``throttle_signs`` and
            ``supply_signs``; keys of ``cpu_clocks`` are text, as JSON wants it.
        """
        whole = dataclasses.asdict(self)
        whole['cpu_clocks'] = {str(core): values for core, values in whole['cpu_clocks'].items()}
        for name in ('power_mw', 'hottest_c', 'clocks_held', 'throttle_signs', 'supply_signs'):
            whole[name] = getattr(self, name)
        return _present(whole)


def read_telemetry(root='/'):
    """Everything that files tell at one moment.

    What needs two looks (the processor's load) or an open file (the kernel's log) is added by
    `jetson.platform.RealPlatform`.

    Args:
        root (str): folder that stands for ``/``.

    Returns:
        Telemetry: never raises for a sensor that is missing, closed or broken.
    """
    return Telemetry(
        source='sysfs', read_at_s=time.monotonic(), gpu_load_share=gpu_load_share(root),
        cpu_clocks=cpu_clocks(root), cores_off=cores_off(root), gpu_clock=gpu_clock(root),
        emc_clock=emc_clock(root), temperatures_c=temperatures_c(root),
        rails=read_rails(root), fan=read_fan(root), cooling=throttling.cooling_states(root),
        over_current_events=throttling.over_current_events(root), rail_alarms=rail_alarms(root),
        memory=read_memory(root))


def _present(value):
    """A value without None and empty parts, tuples as lists."""
    if isinstance(value, dict):
        kept = {key: _present(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part is not None and part not in ({}, [])}
    return [_present(part) for part in value] if isinstance(value, (tuple, list)) else value
