"""``thermoscreen board``: what this machine is and what it measures."""
import datetime
import json
import os
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click

from service.cli.options import json_option
from service.machine import NONE, UNKNOWN
from service.messages import InputError

from ..telemetry import Clock, Telemetry, read_line
from .base import Platform
from .real import RealPlatform, RecordedLines, RecordedTree
from .simulated import SimulatedPlatform

#: The load of the CPU is measured over this time.
_LOAD_S = 0.2
_MIB = float(1 << 20)


@click.command('board')
@click.option('--watch', type=click.FloatRange(min=0.1), metavar='SECONDS',
              help='Take a reading at this interval until Ctrl-C.')
@click.option('--count', type=click.IntRange(min=1), metavar='N', help='With --watch: stop after N readings.')
@click.option('--platform', 'spec', default='real', show_default=True, metavar='SPEC',
              help='What to read: real, sim, sim:5W, sim:hot, recorded:PATH (a folder with the files of a board, or a '
                   'log of tegrastats).')
@json_option
def board(watch: Optional[float], count: Optional[int], spec: str, as_json: bool) -> None:
    """Show which machine this is, what it measures, and which sensors are missing.

    A missing sensor is left out, never shown as zero. With --json and --watch, each line is one object.

    \b
    Example:
      thermoscreen board
      thermoscreen board --watch 2 --json
    """
    if count is not None and watch is None:
        raise click.UsageError('--count needs --watch.')
    with open_platform(spec) as platform:
        if watch is None:
            _show(platform, as_json)
        else:
            _watch(platform, watch, count, as_json)


def open_platform(spec: str) -> Platform:
    """The platform that a specification names; to be closed.

    Args:
        spec: ``'real'``; ``'sim'``; ``'sim:5W'`` for another power mode; ``'sim:hot'`` for a board at full load in a
            hot room without a fan; ``'recorded:PATH'`` for a folder with the files of a board, or for a file that
            ``tegrastats --logfile`` wrote.
    Raises:
        InputError: ``platform-unknown``, or as of the platform.
    """
    kind, _, value = spec.partition(':')
    if kind == 'real' and not value:
        return RealPlatform(tegrastats=read_line)
    if kind == 'recorded' and value:
        return RecordedTree(value) if os.path.isdir(value) else RecordedLines.from_file(value)
    if kind == 'sim' and value == 'hot':
        hot = SimulatedPlatform(ambient_c=45.0, fan=False)
        hot.set_load(1.0, 1.0)
        return hot
    if kind == 'sim':
        return SimulatedPlatform(value or 'MAXN')
    raise InputError('platform-unknown', 'There is no platform %r.' % spec,
                     'Use real, sim, sim:5W, sim:hot or recorded:PATH.')


def describe(platform: Platform, reading: Telemetry) -> List[Tuple[str, str]]:
    """Facts of a platform and one of its readings as (name, text); the last line names what is missing."""
    facts = platform.facts()
    supply_watched = bool(reading.rails) or platform.is_jetson and reading.over_current_alarms is not None
    lines = [('machine', _machine(platform, facts)), ('software', _software(facts)),
             ('power mode', facts['power_mode'] if facts['power_mode'] != NONE else ''),
             ('processor', _cpu(reading)), ('GPU', _gpu(reading)), ('memory', _memory(reading)),
             ('temperature', ', '.join('%s %.1f °C' % zone for zone in sorted(reading.temperatures_c.items()))),
             ('power', _power(reading)), ('fan', _fan(reading)), ('clocks', _clocks_held(reading)),
             ('throttling', _signs(reading.throttle_signs, reading.cooling is not None)),
             ('supply', _signs(reading.supply_signs, supply_watched))]
    missing = platform.missing(reading)
    if missing:
        lines.append(('not measured', '; '.join(missing) + '.'))
    return [(name, text) for name, text in lines if text]


def one_line(reading: Telemetry) -> str:
    """A reading as one line, for ``--watch``."""
    parts = ['hottest %.1f °C' % reading.hottest_c if reading.hottest_c is not None else '',
             'GPU %.0f %%' % (100 * reading.gpu_load_share) if reading.gpu_load_share is not None else '',
             '%.0f MHz' % reading.gpu_clock.current_mhz
             if reading.gpu_clock and reading.gpu_clock.current_mhz is not None else '',
             'processor %.0f %%' % (100 * reading.cpu_load_share) if reading.cpu_load_share is not None else '',
             '%.2f W' % (reading.power_mw / 1e3) if reading.power_mw is not None else '',
             'available memory %.0f MiB' % (reading.memory.available_bytes / _MIB)
             if reading.memory and reading.memory.available_bytes is not None else '']
    measured = ', '.join(part for part in parts if part) or 'nothing is measured'
    return '; '.join((measured,) + reading.throttle_signs + reading.supply_signs)


def _show(platform: Platform, as_json: bool) -> None:
    if platform.kind == 'real':
        # The load of the CPU is measured from the opening of the platform on.
        time.sleep(_LOAD_S)
    reading = platform.telemetry()
    if as_json:
        click.echo(json.dumps({'kind': platform.kind, 'board': platform.facts(), 'telemetry': reading.to_dict()},
                              indent=1))
        return
    for name, text in describe(platform, reading):
        click.echo('%-12s %s' % (name, text))


def _watch(platform: Platform, interval_s: float, count: Optional[int], as_json: bool) -> None:
    if not as_json:
        for name, text in describe(platform, platform.telemetry())[:3]:
            click.echo('%-12s %s' % (name, text))
    taken = 0
    next_s = time.monotonic()
    while count is None or taken < count:
        next_s += interval_s
        reading = platform.telemetry()
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0).isoformat()
        if as_json:
            click.echo(json.dumps(dict(reading.to_dict(), kind=platform.kind, utc=now,
                                       power_mode=platform.facts()['power_mode'])))
        else:
            click.echo('%s  %s' % (now, one_line(reading)))
        taken += 1
        if count is None or taken < count:
            time.sleep(max(0.0, next_s - time.monotonic()))


def _machine(platform: Platform, facts: Dict[str, Any]) -> str:
    if platform.kind == 'simulated':
        return 'A simulated board. Its figures are invented; they are no Jetson\'s.'
    name = 'an unknown board' if facts['board'] == UNKNOWN else str(facts['board'])
    if platform.kind == 'recorded':
        return 'A recording of %s.' % name
    return name if platform.is_jetson else 'A PC, not a Jetson: %s.' % name


def _software(facts: Dict[str, Any]) -> str:
    parts = ['L4T %s' % facts['l4t'], 'JetPack %s' % facts['jetpack']] if facts['l4t'] != NONE else []
    return ', '.join(parts + (['TensorRT %s' % facts['tensorrt']] if facts['tensorrt'] else []))


def _clock(clock: Optional[Clock]) -> str:
    """``''`` where its current frequency is unknown."""
    if clock is None or clock.current_mhz is None:
        return ''
    cap = ' of at most %.0f' % clock.cap_mhz if clock.cap_mhz is not None else ''
    highest = ''
    if clock.cap_mhz is not None and clock.highest_mhz is not None and clock.cap_mhz < 0.99 * clock.highest_mhz:
        highest = ' (the chip can run at %.0f)' % clock.highest_mhz
    return '%.0f%s MHz%s' % (clock.current_mhz, cap, highest)


def _busy(load_share: Optional[float]) -> str:
    return '%.0f %% busy' % (100 * load_share) if load_share is not None else ''


def _joined(parts: Sequence[str]) -> str:
    return ', '.join(part for part in parts if part)


def _cpu(reading: Telemetry) -> str:
    parts = ['%d cores' % len(reading.cpu_clocks)] if reading.cpu_clocks else []
    # Cores of one cluster share a clock, so equal ones are shown once.
    parts += sorted({_clock(clock) for clock in reading.cpu_clocks.values()} - {''})[:4]
    if reading.cores_off:
        parts.append('%d cores are off' % len(reading.cores_off))
    return _joined(parts + [_busy(reading.cpu_load_share)])


def _gpu(reading: Telemetry) -> str:
    return _joined([_clock(reading.gpu_clock), _busy(reading.gpu_load_share)])


def _memory(reading: Telemetry) -> str:
    memory, parts = reading.memory, []
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
    clock = _clock(reading.emc_clock)
    return _joined(parts + (['clock ' + clock] if clock else []))


def _power(reading: Telemetry) -> str:
    if reading.power_mw is None:
        return ''
    rails = ', '.join('%s %.2f W' % (name, rail.power_mw / 1e3) for name, rail in sorted(reading.rails.items()))
    return '%.2f W in total (%s)' % (reading.power_mw / 1e3, rails)


def _fan(reading: Telemetry) -> str:
    fan = reading.fan
    if fan is None:
        return ''
    return _joined(['driven at %.0f %%' % (100 * fan.drive_share) if fan.drive_share is not None else '',
                    '%.0f rpm' % fan.speed_rpm if fan.speed_rpm is not None else ''])


def _clocks_held(reading: Telemetry) -> str:
    return {True: 'held at their caps (jetson_clocks is on)', False: 'free to fall (jetson_clocks is off)',
            None: ''}[reading.clocks_held]


def _signs(signs: Sequence[str], watched: bool) -> str:
    """Signs of trouble; 'none' is a statement only where something was watched."""
    return '; '.join(signs) if signs else 'no sign of trouble' if watched else ''
