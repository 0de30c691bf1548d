"""A reading in words that an operator can act on, and in the figures that a technician asks for.

Every function leaves out what is not measured: a sensor that is missing has no line, and no zero.
"""
from ..doctor.checks.disk import room
from ..messages import OK, PROBLEM, WARNING, Message

_MIB, _GIB = float(1 << 20), float(1 << 30)

#: Degrees Celsius from which a device is called hot. A Nano begins to hold its voltage back at 86 (trip ``dfll-cap`` of
#: its CPU zone in the B01 device tree) and slows down at 97.
_HOT_C = 86.0
#: Memory below which the kernel is about to end programs, as in the doctor's check of it.
_LITTLE_MEMORY_BYTES = 250 * (1 << 20)

#: Of several signs of one trouble so many are told: each core has one, and a page has its height.
_SIGNS = 2

_AIR = 'Let air reach the device: uncover its openings and keep it out of the sun.'


def machine_reports(reading):
    """How the machine is, for an operator.

    Args:
        reading (Reading): the newest.
    Returns:
        list of Message: ``facts`` has ``figures``, a line for the technician.
    """
    if reading.silent:
        return [_wrong('sensors', WARNING, 'telemetry-silent', 'The sensors of the device do not answer.',
                       'Restart the station between two patients.', 'no reading for %.0f s' % reading.age_s)]
    values = reading.values
    lines = (_disk(reading.disk), _temperature(values), _speed(values), _supply(values), _memory(values))
    return [line for line in lines if line is not None] + list(reading.reports)


def machine_figures(reading):
    """Everything that is measured, for a technician.

    Args:
        reading (Reading): the newest.
    Returns:
        list of (str, str): what a figure is about, and the figure.
    """
    values = reading.values
    machine = values.get('machine', {})
    lines = [
        ('board', _board(machine)), ('power mode', machine.get('power_mode', '')),
        ('temperature', _zones(values)),
        ('slowed down', _few(values.get('throttle_signs', ())) or _no_sign(values.get('throttling_watched'))),
        ('processor', _processor(values)), ('GPU', _unit(values.get('gpu_clock'), values.get('gpu_load_share'))),
        ('memory', _memory_figures(values)),
        ('memory clock', _unit(values.get('emc_clock'), values.get('emc_load_share'))),
        ('power', _power(values)),
        ('weak supply', _few(values.get('supply_signs', ())) or _no_sign(values.get('supply_watched'))),
        ('fan', _fan(values.get('fan', {}))), ('disk', _disk_figures(reading.disk)),
        ('not measured', '; '.join(values.get('missing', ()))),
        ('read', 'not yet' if reading.age_s is None else '%.0f s ago' % reading.age_s)]
    return [(name, text) for name, text in lines if text]


def _wrong(name, status, code, sentence, next_step, figures):
    return Message(code, sentence, next_step, status, name, {'figures': figures})


def _well(name, sentence, figures):
    return Message(name.replace(' ', '-') + '-ok', sentence, severity=OK, subject=name, facts={'figures': figures})


def _disk(disk):
    if disk is None:
        return None
    figures = _disk_figures(disk)
    if disk.read_only:
        return _wrong('disk', PROBLEM, 'disk-read-only', 'The disk takes nothing any more.',
                      'Restart the station; if it stays so, the card must be replaced.', figures)
    status, next_step = room(disk.free_bytes)
    if status == OK:
        return _well('disk', 'There is room for results.', figures)
    sentence = 'The disk is full.' if status == PROBLEM else 'The disk is nearly full.'
    return _wrong('disk', status, 'disk-low', sentence, next_step, figures)


def _temperature(values):
    figures = _zones(values)
    if not figures:
        return None
    hottest_c = values.get('hottest_c', max(values['temperatures_c'].values()))
    if hottest_c >= _HOT_C:
        return _wrong('temperature', WARNING, 'board-hot', 'The device is hot, %.0f C inside.' % hottest_c, _AIR,
                      figures)
    return _well('temperature', 'The device is cool enough, %.0f C inside.' % hottest_c, figures)


def _speed(values):
    figures = '; '.join(part for part in (_processor(values), _named('GPU', values.get('gpu_clock'))) if part)
    if values.get('throttle_signs'):
        return _wrong('speed', WARNING, 'board-throttling', 'The device is slower than it could be.', _AIR,
                      _few(values['throttle_signs']))
    if values.get('throttling_watched'):
        return _well('speed', 'Nothing slows the device down.', figures)
    if not values.get('cpu_clocks') and not values.get('gpu_clock'):
        return None
    return _well('speed', 'Whether it is slowed down cannot be told here.', figures)


def _supply(values):
    figures = _power(values)
    if values.get('supply_signs'):
        return _wrong('power supply', WARNING, 'under-voltage', 'The power supply is too weak.',
                      'Use the supply that came with the device; unplug what else is on USB.',
                      _few(values['supply_signs']))
    if values.get('supply_watched'):
        return _well('power supply', 'The power supply is strong enough.', figures)
    return _well('power supply', 'Power is measured.', figures) if figures else None


def _memory(values):
    available = values.get('memory', {}).get('available_bytes')
    if available is None:
        return None
    figures = _memory_figures(values)
    if available < _LITTLE_MEMORY_BYTES:
        return _wrong('memory', PROBLEM, 'memory-low', 'The memory is nearly used up.',
                      'Restart the station between two patients.', figures)
    return _well('memory', 'There is enough memory.', figures)


def _board(machine):
    kinds = {'simulated': ' (simulated: its figures are made up)', 'recorded': ' (recorded)'}
    return machine.get('board', '') + kinds.get(machine.get('kind'), '')


def _zones(values):
    return ', '.join('%s %.1f C' % zone for zone in sorted(values.get('temperatures_c', {}).items()))


def _processor(values):
    """Cores with one clock are one entry; the load is that of all of them."""
    clocks = sorted({_clock(clock) for clock in values.get('cpu_clocks', {}).values()} - {''})
    parts = ['%d cores' % len(values['cpu_clocks'])] if clocks else []
    parts += clocks[:2] + (['and others'] if len(clocks) > 2 else [])
    parts += ['%d off' % len(values['cores_off'])] if values.get('cores_off') else []
    return ', '.join(parts + _busy(values.get('cpu_load_share')))


def _unit(clock, load_share):
    return ', '.join([part for part in (_clock(clock or {}),) if part] + _busy(load_share))


def _named(name, clock):
    words = _clock(clock or {})
    return '%s %s' % (name, words) if words else ''


def _clock(clock):
    if 'current_mhz' not in clock:
        return ''
    return '%.0f%s MHz' % (clock['current_mhz'], ' of %.0f' % clock['cap_mhz'] if 'cap_mhz' in clock else '')


def _busy(share):
    return [] if share is None else ['%.0f %% busy' % (100 * share)]


def _memory_figures(values):
    memory = values.get('memory', {})
    parts = []
    if 'available_bytes' in memory and 'total_bytes' in memory:
        parts.append('%.0f of %.0f MiB free' % (memory['available_bytes'] / _MIB, memory['total_bytes'] / _MIB))
    if 'gpu_bytes' in memory:
        parts.append('%.0f MiB held for the GPU' % (memory['gpu_bytes'] / _MIB))
    if memory.get('swap_total_bytes') and 'swap_used_bytes' in memory:
        parts.append('%.0f of %.0f MiB swap used'
                     % (memory['swap_used_bytes'] / _MIB, memory['swap_total_bytes'] / _MIB))
    return ', '.join(parts)


def _power(values):
    rails = ', '.join('%s %.2f W' % (name, rail['power_mw'] / 1e3)
                      for name, rail in sorted(values.get('rails', {}).items()) if 'power_mw' in rail)
    if 'power_mw' not in values:
        return rails
    return '%.2f W in all%s' % (values['power_mw'] / 1e3, ' (%s)' % rails if rails else '')


def _fan(fan):
    return ', '.join((['driven at %.0f %%' % (100 * fan['drive_share'])] if 'drive_share' in fan else [])
                     + (['%.0f turns a minute' % fan['speed_rpm']] if 'speed_rpm' in fan else []))


def _disk_figures(disk):
    return '' if disk is None else '%.1f of %.1f GiB free' % (disk.free_bytes / _GIB, disk.total_bytes / _GIB)


def _few(signs):
    rest = len(signs) - _SIGNS
    return '; '.join(list(signs[:_SIGNS]) + (['and %d more' % rest] if rest > 0 else []))


def _no_sign(watched):
    return 'no sign of it' if watched else ''
