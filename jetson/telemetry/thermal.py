"""Temperatures, and what cools: cooling devices and the fan."""
import re
from dataclasses import dataclass
from typing import Dict, Optional

from service.machine import read_text

from .sysfs import find, read_number

#: A value outside these limits is no temperature of a running board; a sensor that is off reports -256.
LOW_C, HIGH_C = -60.0, 200.0
#: hwmon sensors of a PC's processor, for PCs whose thermal zones do not include it.
_PC_CHIPS = ('coretemp', 'k10temp', 'zenpower')
_FAN = re.compile(r'fan', re.IGNORECASE)
_MAX_STATE = 100000
_FULL_PWM = 255.0
_MAX_RPM = 50000
#: hwmon names of a board's fan: its driver and its tachometer.
_FAN_DRIVERS, _TACHOMETERS = ('pwmfan', 'pwm-fan'), ('pwm_tach', 'tachometer', 'generic_pwm_tachometer')


@dataclass(frozen=True)
class Fan:
    """Drive and speed of the fan; None where the board does not report it.

    A board with a fan connector reports a drive whether or not a fan is plugged in.

    Attributes:
        drive_share: 0 (off) to 1 (full).
        speed_rpm: measured speed.
    """

    drive_share: Optional[float] = None
    speed_rpm: Optional[float] = None


def temperatures_c(root: str = '/') -> Dict[str, float]:
    """Temperature of each active thermal zone.

    Returns:
        °C by name: lower case, without ``-therm``, such as ``'cpu'``, ``'gpu'``, ``'pll'``, ``'ao'``, ``'fan-est'``.
        The Nano's PMIC reports a constant and is left out.
    """
    temperatures: Dict[str, float] = {}
    for folder in find(root, 'sys/class/thermal/thermal_zone[0-9]*'):
        _add(temperatures, zone_name(read_text(root, folder + '/type') or ''),
             read_number(root, folder + '/temp', LOW_C, HIGH_C, 1000.0))
    if 'cpu' not in temperatures and 'x86_pkg_temp' not in temperatures:
        for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
            if read_text(root, folder + '/name') in _PC_CHIPS:
                _add(temperatures, 'cpu', read_number(root, folder + '/temp1_input', LOW_C, HIGH_C, 1000.0))
    return temperatures


def zone_name(text: str) -> str:
    """One name for a zone across releases and tegrastats; ``''`` for what is no temperature.

    >>> zone_name('CPU-therm'), zone_name('cpu-thermal'), zone_name('PMIC-Die'), zone_name('thermal')
    ('cpu', 'cpu', '', 'fan-est')
    """
    name = text.strip().lower()
    if name.startswith('pmic'):
        return ''
    if name in ('thermal', 'thermal-fan-est'):
        return 'fan-est'
    for ending in ('-thermal', '-therm', '_thermal'):
        if name.endswith(ending):
            name = name[:-len(ending)]
    return name[:40]


def cooling_states(root: str = '/') -> Optional[Dict[str, int]]:
    """State of each cooling device that is not a fan.

    Returns:
        State by type, such as ``{'gpu-balanced': 0}``; 0 is idle, and several devices of one type give their highest.
        None where the kernel shows no cooling device.
    """
    states: Dict[str, int] = {}
    for folder in find(root, 'sys/class/thermal/cooling_device[0-9]*'):
        kind = (read_text(root, folder + '/type') or '')[:40]
        # powerclamp reports -1 while it is inactive.
        state = read_number(root, folder + '/cur_state', -1, _MAX_STATE)
        if kind and state is not None and not _FAN.search(kind):
            states[kind] = max(int(state), states.get(kind, 0))
    return states or None


def read_fan(root: str = '/') -> Optional[Fan]:
    """The fan; None where the machine reports none."""
    drive = read_number(root, 'sys/devices/pwm-fan/target_pwm', 0.0, 1.0, _FULL_PWM)
    speed = read_number(root, 'sys/devices/pwm-fan/rpm_measured', 0.0, _MAX_RPM)
    for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
        name = read_text(root, folder + '/name')
        if drive is None and name in _FAN_DRIVERS:
            drive = read_number(root, folder + '/pwm1', 0.0, 1.0, _FULL_PWM)
        if speed is None:
            speed = read_number(root, folder + ('/rpm' if name in _TACHOMETERS else '/fan1_input'), 0.0, _MAX_RPM)
    return None if drive is None and speed is None else Fan(drive, speed)


def _add(temperatures: Dict[str, float], name: str, value: Optional[float]) -> None:
    """Add a temperature under a unique name; PCs have several zones of one type."""
    if not name or value is None:
        return
    free, number = name, 1
    while free in temperatures:
        number += 1
        free = '%s-%d' % (name, number)
    temperatures[free] = value
