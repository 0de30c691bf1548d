"""The fan."""
from dataclasses import dataclass

from service.machine import read_text

from .sysfs import find, read_number

_FULL_PWM = 255.0
_HIGHEST_RPM = 50000
#: Names under which a board's fan is a hwmon device: what drives it, and what counts its turns.
_DRIVERS, _TACHOS = ('pwmfan', 'pwm-fan'), ('pwm_tach', 'tachometer', 'generic_pwm_tachometer')


@dataclass(frozen=True)
class Fan:
    """What the fan is told and what it does; None where a board does not say.

    A board that has the connector tells a drive whether or not a fan is plugged in.

    Attributes:
        drive_share (float): 0 (off) to 1 (full).
        speed_rpm (float): turns a minute, counted.
    """

    drive_share: float = None
    speed_rpm: float = None


def read_fan(root='/'):
    """The fan, or None where nothing is known of one."""
    drive = read_number(root, 'sys/devices/pwm-fan/target_pwm', 0.0, 1.0, _FULL_PWM)
    speed = read_number(root, 'sys/devices/pwm-fan/rpm_measured', 0.0, _HIGHEST_RPM)
    for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
        name = read_text(root, folder + '/name')
        if drive is None and name in _DRIVERS:
            drive = read_number(root, folder + '/pwm1', 0.0, 1.0, _FULL_PWM)
        if speed is None:
            speed = read_number(root, folder + ('/rpm' if name in _TACHOS else '/fan1_input'), 0.0, _HIGHEST_RPM)
    return None if drive is None and speed is None else Fan(drive, speed)
