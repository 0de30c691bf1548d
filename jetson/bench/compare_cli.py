"""``thermoscreen bench compare``: did it become slower?"""
import json
import sys

import click

from service.cli.options import json_option
from service.messages import InputError

from .compare import compare_runs, differences, notes
from .options import PERCENT
from .record import BENCH, read_document
from .tables import milliseconds, signed_percent, table
from .words import stage_words


@click.command()
@click.argument('before', type=click.Path(), metavar='BEFORE')
@click.argument('after', type=click.Path(), metavar='AFTER')
@click.option('--threshold', type=PERCENT, default='10%', show_default=True, metavar='PERCENT',
              help='A p90 that grew by more than this is a regression.')
@click.option('--anyway', is_flag=True, help='Compare measurements of different machines or backends.')
@json_option
def compare(before, after, threshold, anyway, as_json):
    """Compare two benchmarks: bench.json files, or the folders that hold them.

    A regression is a p90 that grew by more than the threshold and by more than chance explains (95 % interval of the
    difference, bootstrapped in blocks of frames). Single stages count where they grew by more than 1 % of a frame. The
    exit code is 1 where there is a regression.

    \b
    Example:
      thermoscreen bench compare before after --threshold 5%
    """
    first, second = (read_document(path, BENCH) for path in (before, after))
    differing = differences(first, second)
    if differing and not anyway:
        raise InputError('compare-different', 'These were not measured under the same conditions (%s); add --anyway to '
                         'compare them all the same.' % '; '.join(differing))
    said, changes = notes(first, second), compare_runs(first, second, threshold / 100.0)
    if not changes:
        raise InputError('compare-nothing', 'These have no run in common with frames in it; measure again.')
    regressions = [change for change in changes if change.regression]
    if as_json:
        click.echo(json.dumps({'differences': differing, 'notes': said, 'threshold': threshold / 100.0,
                               'changes': [dict(vars(change), share=change.share, words=change.words)
                                           for change in changes], 'regressions': len(regressions)}, indent=1))
    else:
        _print(differing, said, changes, regressions, threshold)
    sys.exit(1 if regressions else 0)


def _print(differing, said, changes, regressions, threshold):
    if differing:
        click.echo('NOT MEASURED UNDER THE SAME CONDITIONS; what differs is not the program alone:')
        for words in differing:
            click.echo('- ' + words)
        click.echo()
    for words in said:
        click.echo('- ' + words)
    rows = [[change.mode, stage_words(change.stage), change.words, milliseconds(change.before_ms),
             milliseconds(change.after_ms), signed_percent(change.share), _interval(change)] for change in changes]
    lines = table(['run', 'stage', 'verdict', 'p90 before, ms', 'after', 'change', '95 % interval, ms'], rows, 3)
    click.echo('\n'.join(([''] if said else []) + lines))
    click.echo('\n%s' % ('%d of %d became slower by more than %g %%.' % (len(regressions), len(changes), threshold)
                         if regressions else 'No regression above %g %%.' % threshold))


def _interval(change):
    return '-' if change.low_ms is None else '%+.3f to %+.3f' % (change.low_ms, change.high_ms)
