"""Power supply: rails of the INA3221 in both layouts of `/sys`, over-current counters and alarms."""
import os
import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from service.machine import read_text

from .sysfs import find, is_closed, read_number

#: The input rail, whose power is the total. Boards without one: the total is the sum of their rails.
INPUT_RAILS = ('POM_5V_IN', 'VDD_IN')
#: L4T 32: an IIO device that reports milliwatts.
_IIO = 'sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*'
#: JetPack 5 and later: a hwmon device that reports millivolts and milliamperes.
_HWMON = 'sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon[0-9]*'
_IIO_CHANNELS, _HWMON_CHANNELS = (0, 1, 2), (1, 2, 3)
_MAX_MV, _MAX_MA, _MAX_MW = 1e5, 1e5, 1e6

#: The over-current input of the thermal controller in the kernel log. On the Nano it nearly always means that the
#: supply voltage drops [NVIDIA158055].
_ALARM = re.compile(br'soctherm: OC ALARM 0x(?!0+\b)[0-9a-fA-F]+')
#: A record of /dev/kmsg is at most 8 KiB.
_RECORD_BYTES = 8192
#: More records than the largest log of a board; bounds the reading of a file without end.
_MAX_RECORDS = 100000


@dataclass(frozen=True)
class Rail:
    """One rail; None for what is not measured.

    Attributes:
        power_mw: power now.
        average_mw: average since tegrastats started; no file reports it.
        voltage_mv: voltage now.
        current_ma: current now.
    """

    power_mw: float
    average_mw: Optional[float] = None
    voltage_mv: Optional[float] = None
    current_ma: Optional[float] = None


def read_rails(root: str = '/') -> Dict[str, Rail]:
    """Every rail that is connected and readable, by name such as ``'POM_5V_IN'``.

    Channels named NC are not connected, and channel 7 of the hwmon layout is the sum of the shunts: both are left out.
    """
    rails = {}
    for folder in find(root, _IIO):
        for channel in _IIO_CHANNELS:
            name = _rail_name(read_text(root, '%s/rail_name_%d' % (folder, channel)))
            power = read_number(root, '%s/in_power%d_input' % (folder, channel), 0.0, _MAX_MW)
            voltage = read_number(root, '%s/in_voltage%d_input' % (folder, channel), 0.0, _MAX_MV)
            current = read_number(root, '%s/in_current%d_input' % (folder, channel), 0.0, _MAX_MA)
            if name and power is not None:
                rails[name] = Rail(power, None, voltage, current)
    for folder, channel, name in _hwmon_channels(root):
        voltage = read_number(root, '%s/in%d_input' % (folder, channel), 0.0, _MAX_MV)
        current = read_number(root, '%s/curr%d_input' % (folder, channel), 0.0, _MAX_MA)
        if voltage is not None and current is not None:
            rails[name] = Rail(voltage * current / 1e3, None, voltage, current)
    return rails


def total_mw(rails: Dict[str, Rail]) -> Optional[float]:
    """Power of the board in mW: of the input rail, or the sum of the rails; None without rails."""
    for name in INPUT_RAILS:
        if name in rails:
            return rails[name].power_mw
    return sum(rail.power_mw for rail in rails.values()) if rails else None


def rails_closed(root: str = '/') -> bool:
    """Whether there are rails that only root can read, as on the Nano B01."""
    return is_closed(root, _IIO + '/in_power*_input') or is_closed(root, _HWMON + '/in[1-3]_input')


def rail_alarms(root: str = '/') -> Tuple[str, ...]:
    """Names of the rails whose current exceeds a limit of the board now (hwmon layout only)."""
    return tuple(name for folder, channel, name in _hwmon_channels(root)
                 if any(read_number(root, '%s/curr%d_%s_alarm' % (folder, channel, limit), 1, 1)
                        for limit in ('crit', 'max')))


def over_current_events(root: str = '/') -> Dict[str, int]:
    """Counters of an Orin's over-current inputs since its start: ``{'oc1': 0, ...}``."""
    events = {}
    for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
        if read_text(root, folder + '/name') == 'soctherm_oc':
            for path in find(root, folder + '/oc[0-9]*_event_cnt'):
                count = read_number(root, path, 0, 1e12)
                if count is not None:
                    events[path.split('/')[-1][:-len('_event_cnt')]] = int(count)
    return events


class KernelLog:
    """Counts over-current alarms in the kernel log since the start of the board, reading each record once.

    Args:
        root: folder that stands for ``/``; the log is ``dev/kmsg`` below it.
    """

    def __init__(self, root: str = '/') -> None:
        self._rest = b''
        self._alarms = 0
        self._descriptor: Optional[int] = None
        try:
            self._descriptor = os.open(os.path.join(root, 'dev/kmsg'), os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            pass

    def count_alarms(self) -> Optional[int]:
        """Over-current alarms so far; None where the log cannot be read."""
        if self._descriptor is None:
            return None
        for _ in range(_MAX_RECORDS):
            try:
                data = os.read(self._descriptor, _RECORD_BYTES)
            except BlockingIOError:
                break
            except BrokenPipeError:  # records were overwritten before they were read
                continue
            except OSError:
                return None
            if not data:
                break
            whole, _, self._rest = (self._rest + data).rpartition(b'\n')
            self._alarms += len(_ALARM.findall(whole))
            self._rest = self._rest[-_RECORD_BYTES:]
        return self._alarms

    def close(self) -> None:
        """Close the log. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _hwmon_channels(root: str) -> List[Tuple[str, int, str]]:
    """(folder, channel, name) of the connected channels of the hwmon layout."""
    channels = ((folder, channel, _rail_name(read_text(root, '%s/in%d_label' % (folder, channel))))
                for folder in find(root, _HWMON) for channel in _HWMON_CHANNELS)
    return [(folder, channel, name) for folder, channel, name in channels if name]


def _rail_name(text: Optional[str]) -> str:
    """The name, or ``''`` for a channel that is no rail."""
    name = (text or '').strip()[:40]
    return '' if name.upper() == 'NC' or 'sum' in name.lower().split() else name
