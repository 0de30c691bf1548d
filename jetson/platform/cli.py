"""``thermoscreen board``: what this machine is and what it measures."""
import datetime
import json
import time

import click

from service.cli.options import json_option

from .registry import open_platform
from .words import describe, one_line

#: How long the processor is watched before its load is told.
_LOOK_S = 0.2


@click.command('board')
@click.option('--watch', type=click.FloatRange(min=0.1), metavar='SECONDS',
              help='Take a reading every so many seconds, until Ctrl-C.')
@click.option('--count', type=click.IntRange(min=1), metavar='N', help='With --watch: end after so many readings.')
@click.option('--platform', 'spec', default='real', show_default=True, metavar='SPEC',
              help='What to look at: real, sim, sim:5W, sim:hot, recorded:PATH (a folder with the files of a board, or '
                   'a log of tegrastats).')
@json_option
def board(watch, count, spec, as_json):
    """Say which machine this is, what it measures, and what it does not.

    A sensor that is missing is left out, never shown as zero. With --json and --watch, one object a line.

    \b
    Example:
      thermoscreen board
      thermoscreen board --watch 2 --json
    """
    if count is not None and watch is None:
        raise click.UsageError('--count needs --watch.')
    with open_platform(spec) as platform:
        if watch is None:
            _say_once(platform, as_json)
        else:
            _watch(platform, watch, count, as_json)


def _say_once(platform, as_json):
    if platform.kind == 'real':
        # The processor's load is what happened since the platform was opened.
        time.sleep(_LOOK_S)
    reading = platform.telemetry()
    if as_json:
        click.echo(json.dumps({'kind': platform.kind, 'board': platform.facts(), 'telemetry': reading.to_dict()},
                              indent=1))
        return
    for name, text in describe(platform, reading):
        click.echo('%-12s %s' % (name, text))


def _watch(platform, interval_s, count, as_json):
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
