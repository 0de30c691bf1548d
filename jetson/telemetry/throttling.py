"""Signs that a board is slowed down or badly fed."""
import re

from service.machine import read_text

from .sysfs import find, read_number

#: Cooling devices that slow the board when they act. Others, such as fans and voltage floors, do not.
_SLOWING = re.compile(r'balanced|heavy|throttl|alert|cpufreq|devfreq|processor|powerclamp', re.IGNORECASE)
_FAN = re.compile(r'fan', re.IGNORECASE)
_HIGHEST_STATE = 100000
#: A busy clock below this share of its cap is held back by something other than its governor.
_CLOCK_SHARE = 0.9
_BUSY_SHARE = 0.9
#: Least voltage of the Nano's 5 V input, measured on the board (NVIDIA's developer forum, 158055).
LEAST_INPUT_MV = 4750.0


def cooling_states(root='/'):
    """State of each cooling device that is no fan.

    Returns:
        dict or None: type such as ``'gpu-balanced'`` to its state, the highest of devices of one type; 0 is idle.
        None where the kernel shows no cooling device at all.
    """
    folders = find(root, 'sys/class/thermal/cooling_device[0-9]*')
    states = {}
    for folder in folders:
        kind = (read_text(root, folder + '/type') or '')[:40]
        # -1 is how powerclamp says that it does nothing.
        state = read_number(root, folder + '/cur_state', -1, _HIGHEST_STATE)
        if kind and state is not None and not _FAN.search(kind):
            states[kind] = max(int(state), states.get(kind, 0))
    return states or None


def over_current_events(root='/'):
    """Counts of the over-current inputs of an Orin since its start: ``{'oc1': 0, ...}``."""
    events = {}
    for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
        if read_text(root, folder + '/name') == 'soctherm_oc':
            for path in find(root, folder + '/oc[0-9]*_event_cnt'):
                count = read_number(root, path, 0, 1e12)
                if count is not None:
                    events[path.split('/')[-1][:-len('_event_cnt')]] = int(count)
    return events


def throttle_signs(telemetry):
    """What says that the board is slowed down now.

    Args:
        telemetry (Telemetry): one reading.

    Returns:
        tuple of str: one clause each, empty where nothing does. A single reading of a busy clock below its cap can be
        the governor on its way up; it counts when it repeats.
    """
    signs = ['cooling device %s is at step %d' % (kind, state) for kind, state in
             sorted((telemetry.cooling or {}).items()) if state > 0 and _SLOWING.search(kind)]
    clock, load = telemetry.gpu_clock, telemetry.gpu_load_share
    if _held_back(clock, load):
        signs.append('the GPU is busy and runs at %.0f of %.0f MHz' % (clock.current_mhz, clock.cap_mhz))
    for core, clock in sorted(telemetry.cpu_clocks.items()):
        if _held_back(clock, telemetry.cpu_load_share):
            signs.append('processor core %d is busy and runs at %.0f of %.0f MHz'
                         % (core, clock.current_mhz, clock.cap_mhz))
    return tuple(signs)


def supply_signs(telemetry):
    """What says that the supply sags or cannot give enough: tuple of str, one clause each."""
    signs = []
    rail = telemetry.rails.get('POM_5V_IN')
    if rail is not None and rail.voltage_mv is not None and rail.voltage_mv < LEAST_INPUT_MV:
        signs.append('the 5 V input is at %.2f V' % (rail.voltage_mv / 1e3))
    if telemetry.over_current_alarms:
        signs.append('over-current alarms in the kernel\'s log since the start: %d' % telemetry.over_current_alarms)
    signs += ['over-current input %s fired %d times since the start' % (name, count)
              for name, count in sorted(telemetry.over_current_events.items()) if count]
    signs += ['rail %s is above its current limit' % name for name in telemetry.rail_alarms]
    return tuple(signs)


def _held_back(clock, load_share):
    if clock is None or load_share is None or clock.current_mhz is None or not clock.cap_mhz:
        return False
    return load_share >= _BUSY_SHARE and clock.current_mhz < _CLOCK_SHARE * clock.cap_mhz
