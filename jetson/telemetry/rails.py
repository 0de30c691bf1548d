"""Power rails: the INA3221 of a Jetson, in both layouts of `/sys`."""
from dataclasses import dataclass

from service.machine import read_text

from .sysfs import find, is_closed, read_number

#: The rail that everything comes through. Without one, the total is the sum of the rails there are.
INPUT_RAILS = ('POM_5V_IN', 'VDD_IN')
#: L4T 32: an IIO device that gives milliwatts.
_OLD = 'sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*'
#: JetPack 5 and later: a hwmon device that gives millivolts and milliamperes.
_NEW = 'sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon[0-9]*'
_CHANNELS_OLD, _CHANNELS_NEW = (0, 1, 2), (1, 2, 3)
_HIGHEST_MV, _HIGHEST_MA, _HIGHEST_MW = 1e5, 1e5, 1e6


@dataclass(frozen=True)
class Rail:
    """One rail; what is not measured is None.

    Attributes:
        power_mw (float): now.
        average_mw (float): since tegrastats started; no file gives it.
        voltage_mv (float): now.
        current_ma (float): now.
    """

    power_mw: float
    average_mw: float = None
    voltage_mv: float = None
    current_ma: float = None


def read_rails(root='/'):
    """Every rail that is connected and readable.

    Returns:
        dict: name such as ``'POM_5V_IN'`` to `Rail`. Channels named NC are not connected, and channel 7 of the newer
        layout is the sum of the shunts, no rail: both are left out.
    """
    rails = {}
    for folder in find(root, _OLD):
        for channel in _CHANNELS_OLD:
            name = _name(read_text(root, '%s/rail_name_%d' % (folder, channel)))
            power = read_number(root, '%s/in_power%d_input' % (folder, channel), 0.0, _HIGHEST_MW)
            voltage = read_number(root, '%s/in_voltage%d_input' % (folder, channel), 0.0, _HIGHEST_MV)
            current = read_number(root, '%s/in_current%d_input' % (folder, channel), 0.0, _HIGHEST_MA)
            if name and power is not None:
                rails[name] = Rail(power, None, voltage, current)
    for folder, channel, name in _connected(root):
        voltage = read_number(root, '%s/in%d_input' % (folder, channel), 0.0, _HIGHEST_MV)
        current = read_number(root, '%s/curr%d_input' % (folder, channel), 0.0, _HIGHEST_MA)
        if voltage is not None and current is not None:
            rails[name] = Rail(voltage * current / 1e3, None, voltage, current)
    return rails


def rail_alarms(root='/'):
    """Names of the rails whose current is above a limit of the board now (newer layout only)."""
    return tuple(name for folder, channel, name in _connected(root)
                 if any(read_number(root, '%s/curr%d_%s_alarm' % (folder, channel, limit), 1, 1)
                        for limit in ('crit', 'max')))


def rails_closed(root='/'):
    """Whether there are rails that only root may read, as on the Nano B01."""
    return is_closed(root, _OLD + '/in_power*_input') or is_closed(root, _NEW + '/in[1-3]_input')


def total_mw(rails):
    """Power of the board in mW, from the input rail or as the sum; None without rails."""
    for name in INPUT_RAILS:
        if name in rails:
            return rails[name].power_mw
    return sum(rail.power_mw for rail in rails.values()) if rails else None


def _connected(root):
    """(folder, channel, name) of the connected channels of the newer layout."""
    named = ((folder, channel, _name(read_text(root, '%s/in%d_label' % (folder, channel))))
             for folder in find(root, _NEW) for channel in _CHANNELS_NEW)
    return [(folder, channel, name) for folder, channel, name in named if name]


def _name(text):
    name = (text or '').strip()[:40]
    return '' if name.upper() == 'NC' or 'sum' in name.lower().split() else name
