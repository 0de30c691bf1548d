"""What a board tells the service, as text-book figures: no board measured them."""
import copy

from service.messages import OK, Message
from service.telemetry import Disk, Reading

GIB = 1 << 30

#: Everything that `service.telemetry` names.
VALUES = {
    'machine': {'board': 'Jetson Nano 4 GB developer kit (p3448-0000)', 'power_mode': 'MAXN', 'kind': 'recorded'},
    'temperatures_c': {'cpu': 45.5, 'gpu': 44.0, 'ao': 51.0}, 'hottest_c': 51.0,
    'throttle_signs': [], 'throttling_watched': True, 'supply_signs': [], 'supply_watched': True,
    'cpu_clocks': {str(core): {'current_mhz': 1224.0, 'cap_mhz': 1479.0} for core in range(4)},
    'gpu_clock': {'current_mhz': 845.0, 'cap_mhz': 921.6}, 'emc_clock': {'current_mhz': 1600.0},
    'cpu_load_share': 0.61, 'gpu_load_share': 0.72,
    'power_mw': 5590.0, 'rails': {'POM_5V_IN': {'power_mw': 5590.0, 'voltage_mv': 5050.0},
                                  'POM_5V_GPU': {'power_mw': 2940.0}},
    'over_current_alarms': 0, 'fan': {'drive_share': 0.5},
    'memory': {'total_bytes': 4 * GIB, 'available_bytes': 3 * GIB, 'gpu_bytes': 300 << 20, 'swap_total_bytes': 2 * GIB,
               'swap_used_bytes': GIB // 2},
    'missing': ['memory clock (most kernels show it to root only)'],
}

CLOCK = Message('clock-ok', 'It is 2030-01-02 03:04 UTC.', severity=OK, subject='clock')
DISK = Disk(50 * GIB, 64 * GIB, False)


def values(*lost, **changed):
    """`VALUES` without some of its keys and with others replaced."""
    whole = copy.deepcopy(VALUES)
    for name in lost:
        del whole[name]
    return dict(whole, **changed)


def reading(*lost, **changed):
    """A fresh reading with these values, room on the disk and a clock that is right."""
    return Reading(values(*lost, **changed), DISK, (CLOCK,), 1.5, True)


class Fixed:
    """Vitals whose newest reading is always the same."""

    def __init__(self, newest):
        self.newest = newest
