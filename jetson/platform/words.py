"""What a machine is and measures, in words a technician reads."""
from service.machine import NONE, UNKNOWN

_MIB = float(1 << 20)


def describe(platform, reading):
    """Facts and a reading as lines.

    Args:
        platform (Platform): for its facts.
        reading (Telemetry): of that platform.

    Returns:
        list of (str, str): what a line is about, and the line; what is not measured is named in the last one.
    """
    facts = platform.facts()
    lines = [('machine', _machine(platform, facts))]
    lines += [(name, text) for name, text in (
        ('software', _software(facts)), ('power mode', facts['power_mode'] if facts['power_mode'] != NONE else ''),
        ('processor', _processor(reading)), ('GPU', _gpu(reading)), ('memory', _memory(reading)),
        ('temperature', ', '.join('%s %.1f C' % zone for zone in sorted(reading.temperatures_c.items()))),
        ('power', _power(reading)), ('fan', _fan(reading)), ('clocks', _held(reading)),
        ('throttling', _signs(reading.throttle_signs, reading.cooling is not None)),
        ('supply', _signs(reading.supply_signs, bool(reading.rails) or platform.is_jetson
                          and reading.over_current_alarms is not None)))
        if text]
    missing = missing_words(reading, platform.is_jetson, platform.has_closed_rails)
    if missing:
        lines.append(('not there', '; '.join(missing) + '.'))
    return lines


def missing_words(reading, is_jetson, closed):
    """What is not measured here, each with its reason where it is known.

    Args:
        reading (Telemetry): one reading.
        is_jetson (bool): whether a Jetson's own sensors can be expected.
        closed (bool): whether there are rails that only root may read.

    Returns:
        list of str: empty where everything is there.
    """
    missing = [] if reading.temperatures_c else ['temperatures']
    missing += [] if reading.cpu_clocks else ['processor clocks']
    missing += [] if reading.memory else ['memory']
    if is_jetson:
        missing += [] if reading.gpu_load_share is not None else ['GPU load']
        missing += [] if reading.gpu_clock else ['GPU clock']
        missing += [] if reading.emc_clock else ['memory clock (most kernels show it to root only)']
        missing += [] if reading.fan else ['fan']
    if not reading.rails:
        missing.append('power rails (%s)' % ('they are there, for root only' if closed else
                                             'some boards have none' if is_jetson else 'a Jetson has them'))
    return missing


def one_line(reading):
    """A reading in one line, for watching."""
    parts = ['hottest %.1f C' % reading.hottest_c if reading.hottest_c is not None else '',
             'GPU %.0f %%' % (100 * reading.gpu_load_share) if reading.gpu_load_share is not None else '',
             '%.0f MHz' % reading.gpu_clock.current_mhz if _current(reading.gpu_clock) else '',
             'processor %.0f %%' % (100 * reading.cpu_load_share) if reading.cpu_load_share is not None else '',
             '%.2f W' % (reading.power_mw / 1e3) if reading.power_mw is not None else '',
             'free memory %.0f MiB' % (reading.memory.available_bytes / _MIB)
             if reading.memory and reading.memory.available_bytes is not None else '']
    measured = ', '.join(part for part in parts if part) or 'nothing is measured'
    return '; '.join((measured,) + reading.throttle_signs + reading.supply_signs)


def _machine(platform, facts):
    if platform.kind == 'simulated':
        return 'A simulated board; its figures are made up and are no Jetson\'s.'
    name = 'an unknown board' if facts['board'] == UNKNOWN else facts['board']
    if platform.kind == 'recorded':
        return 'A recording of %s.' % name
    return name if platform.is_jetson else 'No Jetson but a PC: %s.' % name


def _software(facts):
    parts = ['L4T %s' % facts['l4t'], 'JetPack %s' % facts['jetpack']] if facts['l4t'] != NONE else []
    return ', '.join(parts + (['TensorRT %s' % facts['tensorrt']] if facts['tensorrt'] else []))


def _current(clock):
    return clock is not None and clock.current_mhz is not None


def _clock(clock):
    cap = ' of at most %.0f' % clock.cap_mhz if clock.cap_mhz is not None else ''
    lowered = clock.cap_mhz is not None and clock.highest_mhz is not None and clock.cap_mhz < 0.99 * clock.highest_mhz
    return '%.0f%s MHz%s' % (clock.current_mhz, cap, ' (the chip can do %.0f)' % clock.highest_mhz if lowered else '')


def _processor(reading):
    parts = []
    if reading.cpu_clocks:
        clocks = [clock for _, clock in sorted(reading.cpu_clocks.items()) if _current(clock)]
        parts.append('%d cores' % len(reading.cpu_clocks))
        # Cores of one cluster share a clock, so that one stands for all unless they differ.
        parts += sorted({_clock(clock) for clock in clocks})[:4]
    if reading.cores_off:
        parts.append('%d cores are off' % len(reading.cores_off))
    if reading.cpu_load_share is not None:
        parts.append('%.0f %% busy' % (100 * reading.cpu_load_share))
    return ', '.join(parts)


def _gpu(reading):
    parts = [_clock(reading.gpu_clock)] if _current(reading.gpu_clock) else []
    if reading.gpu_load_share is not None:
        parts.append('%.0f %% busy' % (100 * reading.gpu_load_share))
    return ', '.join(parts)


def _memory(reading):
    memory = reading.memory
    parts = []
    if memory and memory.available_bytes is not None:
        parts.append('%.0f of %.0f MiB available' % (memory.available_bytes / _MIB, memory.total_bytes / _MIB))
    elif memory:
        parts.append('%.0f MiB' % (memory.total_bytes / _MIB))
    if memory and memory.gpu_bytes is not None:
        parts.append('%.0f MiB held for the GPU' % (memory.gpu_bytes / _MIB))
    if memory and memory.swap_total_bytes is not None:
        parts.append('%.0f of %.0f MiB swap used' % ((memory.swap_used_bytes or 0) / _MIB,
                                                     memory.swap_total_bytes / _MIB)
                     if memory.swap_total_bytes else 'no swap')
    if _current(reading.emc_clock):
        parts.append('clock ' + _clock(reading.emc_clock))
    return ', '.join(parts)


def _power(reading):
    if not reading.rails:
        return ''
    rails = ', '.join('%s %.2f W' % (name, rail.power_mw / 1e3) for name, rail in sorted(reading.rails.items()))
    return '%.2f W in all (%s)' % (reading.power_mw / 1e3, rails)


def _fan(reading):
    fan = reading.fan
    if fan is None:
        return ''
    return ', '.join((['driven at %.0f %%' % (100 * fan.drive_share)] if fan.drive_share is not None else [])
                     + (['%.0f turns a minute' % fan.speed_rpm] if fan.speed_rpm is not None else []))


def _held(reading):
    return {True: 'held at their caps (jetson_clocks is on)', False: 'free to fall (jetson_clocks is off)',
            None: ''}[reading.clocks_held]


def _signs(signs, watched):
    """Signs of trouble; that there are none can be said only where something was looked at."""
    return '; '.join(signs) if signs else 'no sign of trouble' if watched else ''
