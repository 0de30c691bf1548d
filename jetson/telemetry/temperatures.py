"""Temperatures of the thermal zones."""
from service.machine import read_text

from .sysfs import find, read_number

#: Celsius outside these limits is no temperature of a running board. A sensor that is off reports -256.
LOW_C, HIGH_C = -60.0, 200.0
#: Processor sensors of PCs whose thermal zones, if there are any, lack them.
_CHIPS = ('coretemp', 'k10temp', 'zenpower')


def temperatures_c(root='/'):
    """Temperature of each zone that is on.

    Returns:
        dict: name (lower case, without ``-therm``: ``'cpu'``, ``'gpu'``, ``'pll'``, ``'ao'``, ``'fan-est'``) to
        degrees Celsius. The Nano's PMIC reports a constant and is left out.
    """
    found = {}
    for folder in find(root, 'sys/class/thermal/thermal_zone[0-9]*'):
        _add(found, zone_name(read_text(root, folder + '/type') or ''),
             read_number(root, folder + '/temp', LOW_C, HIGH_C, 1000.0))
    if 'cpu' not in found and 'x86_pkg_temp' not in found:
        for folder in find(root, 'sys/class/hwmon/hwmon[0-9]*'):
            if read_text(root, folder + '/name') in _CHIPS:
                _add(found, 'cpu', read_number(root, folder + '/temp1_input', LOW_C, HIGH_C, 1000.0))
    return found


def zone_name(text):
    """One name for a zone over all releases and for tegrastats, or ``''`` for what is no temperature.

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


def _add(found, name, value):
    """Keep a temperature under a name of its own; PCs have several zones of one type."""
    if not name or value is None:
        return
    free, number = name, 1
    while free in found:
        number += 1
        free = '%s-%d' % (name, number)
    found[free] = value
