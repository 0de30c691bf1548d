"""One reading of everything that a machine measures about itself."""
import dataclasses
import re
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from .memory import Memory, read_memory
from .power import Rail, over_current_events, rail_alarms, read_rails, total_mw
from .processors import Clock, cores_off, cpu_clocks, emc_clock, gpu_clock, gpu_load_share
from .thermal import Fan, cooling_states, read_fan, temperatures_c

#: Cooling devices that slow the board down when they act. Others, such as voltage floors, do not.
_SLOWING = re.compile(r'balanced|heavy|throttl|alert|cpufreq|devfreq|processor|powerclamp', re.IGNORECASE)
#: Lowest voltage of the Nano's 5 V input, measured on the board [NVIDIA158055].
LOWEST_INPUT_MV = 4750.0


@dataclass(frozen=True)
class Telemetry:
    """Everything measured at one moment. A missing sensor is None or absent from its dict, never zero.

    Attributes:
        source: ``'sysfs'``, ``'tegrastats'``, ``'sysfs+tegrastats'`` or ``'simulated'``.
        read_at_s: monotonic clock at the reading; only differences are meaningful.
        cpu_load_share: busy share of all running cores since the previous reading, 0 to 1.
        gpu_load_share: busy share of the GPU, 0 to 1.
        emc_load_share: share of the memory bandwidth in use, 0 to 1.
        cpu_clocks: clock by core number, running cores only.
        cores_off: cores that are switched off.
        gpu_clock: of a Jetson's GPU.
        emc_clock: of the memory.
        temperatures_c: °C by thermal zone.
        rails: by name.
        fan: drive and speed.
        cooling: state by cooling device, 0 for idle; None where the kernel shows none.
        over_current_alarms: alarms in the kernel log since the start.
        over_current_events: counters of an Orin's over-current inputs since the start.
        rail_alarms: rails above a current limit now.
        memory: memory and swap.
    """

    source: str
    read_at_s: float
    cpu_load_share: Optional[float] = None
    gpu_load_share: Optional[float] = None
    emc_load_share: Optional[float] = None
    cpu_clocks: Dict[int, Clock] = field(default_factory=dict)
    cores_off: Tuple[int, ...] = ()
    gpu_clock: Optional[Clock] = None
    emc_clock: Optional[Clock] = None
    temperatures_c: Dict[str, float] = field(default_factory=dict)
    rails: Dict[str, Rail] = field(default_factory=dict)
    fan: Optional[Fan] = None
    cooling: Optional[Dict[str, int]] = None
    over_current_alarms: Optional[int] = None
    over_current_events: Dict[str, int] = field(default_factory=dict)
    rail_alarms: Tuple[str, ...] = ()
    memory: Optional[Memory] = None

    @property
    def power_mw(self) -> Optional[float]:
        """Power of the board: of its input rail, or the sum of its rails; None without rails."""
        return total_mw(self.rails)

    @property
    def hottest_c(self) -> Optional[float]:
        """Highest temperature in °C."""
        return max(self.temperatures_c.values(), default=None)

    @property
    def clocks_held(self) -> Optional[bool]:
        """Whether ``jetson_clocks`` holds the clocks at their caps; None where that cannot be told.

        The tool leaves no mark. It is on where the floors of CPU and GPU equal their caps and the memory, if its clock
        is readable, runs at its cap; jetson_stats uses the same rule.
        """
        held = [clock.held for clock in self.cpu_clocks.values()] + [self.gpu_clock.held if self.gpu_clock else None]
        if self.gpu_clock is None or not self.cpu_clocks or None in held:
            return None
        emc = self.emc_clock
        if emc is not None and emc.current_mhz is not None and emc.cap_mhz is not None:
            held.append(emc.current_mhz >= emc.cap_mhz)
        return all(held)

    @property
    def throttle_signs(self) -> Tuple[str, ...]:
        """Signs that the board is slowed down now, one clause each.

        In a single reading, a busy clock below its cap can be the governor on its way up; it counts when it repeats.
        """
        signs = ['cooling device %s is at step %d' % (kind, state)
                 for kind, state in sorted((self.cooling or {}).items()) if state > 0 and _SLOWING.search(kind)]
        clocks = [('the GPU', self.gpu_clock, self.gpu_load_share)] if self.gpu_clock else []
        clocks += [('CPU core %d' % core, clock, self.cpu_load_share)
                   for core, clock in sorted(self.cpu_clocks.items())]
        for name, clock, load_share in clocks:
            clause = clock.held_back(load_share)
            if clause:
                signs.append('%s is %s' % (name, clause))
        return tuple(signs)

    @property
    def supply_signs(self) -> Tuple[str, ...]:
        """Signs that the power supply is too weak, one clause each."""
        signs = []
        rail = self.rails.get('POM_5V_IN')
        if rail is not None and rail.voltage_mv is not None and rail.voltage_mv < LOWEST_INPUT_MV:
            signs.append('the 5 V input is at %.2f V' % (rail.voltage_mv / 1e3))
        if self.over_current_alarms:
            signs.append('over-current alarms in the kernel log since the start: %d' % self.over_current_alarms)
        signs += ['over-current input %s fired %d times since the start' % (name, count)
                  for name, count in sorted(self.over_current_events.items()) if count]
        signs += ['rail %s is above its current limit' % name for name in self.rail_alarms]
        return tuple(signs)

    def filled_from(self, other: 'Telemetry') -> 'Telemetry':
        """This reading, with what it lacks taken from another one of the same moment.

        Args:
            other: usually from tegrastats.
        Returns:
            The same object where the other adds nothing.
        """
        added = {entry.name: getattr(other, entry.name) for entry in dataclasses.fields(self)
                 if getattr(self, entry.name) in (None, {}, ()) and getattr(other, entry.name) not in (None, {}, ())}
        if not added:
            return self
        return dataclasses.replace(self, source='%s+%s' % (self.source, other.source), **added)

    def to_dict(self) -> Dict[str, Any]:
        """The reading as JSON values, without what is missing.

        Returns:
            The attributes, and ``power_mw``, ``hottest_c``, ``clocks_held``, ``throttle_signs`` and ``supply_signs``;
            the keys of ``cpu_clocks`` are strings, as JSON requires.
        """
        values = dataclasses.asdict(self)
        values['cpu_clocks'] = {str(core): clock for core, clock in values['cpu_clocks'].items()}
        for name in ('power_mw', 'hottest_c', 'clocks_held', 'throttle_signs', 'supply_signs'):
            values[name] = getattr(self, name)
        present: Dict[str, Any] = _present(values)
        return present


def read_telemetry(root: str = '/') -> Telemetry:
    """Everything that files report at one moment; a missing, closed or broken sensor is left out.

    `jetson.platform.RealPlatform` adds what needs two readings (the load of the CPU) or an open file (the kernel log).

    Args:
        root: folder that stands for ``/``.
    """
    return Telemetry(
        source='sysfs', read_at_s=time.monotonic(), gpu_load_share=gpu_load_share(root),
        cpu_clocks=cpu_clocks(root), cores_off=cores_off(root), gpu_clock=gpu_clock(root),
        emc_clock=emc_clock(root), temperatures_c=temperatures_c(root), rails=read_rails(root), fan=read_fan(root),
        cooling=cooling_states(root), over_current_events=over_current_events(root), rail_alarms=rail_alarms(root),
        memory=read_memory(root))


def _present(value: Any) -> Any:
    """A value without None and empty parts, tuples as lists."""
    if isinstance(value, dict):
        kept = {key: _present(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part is not None and part not in ({}, [])}
    return [_present(part) for part in value] if isinstance(value, (tuple, list)) else value
