"""``thermoscreen bench compare``: which stages became slower between two benchmarks, beyond chance."""
import json
import sys
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import click
import numpy as np

from service.cli.options import json_option
from service.messages import InputError

from .formatting import NONE, describe_corrections, milliseconds, signed_percent, stage_name, table
from .options import PERCENT
from .record import BENCH, Document, read_document
from .runs import in_order
from .statistics import interval, percentile_draws

#: A single stage that grew by less than this part of a frame is no regression: nobody would notice.
MIN_SHARE = 0.01
#: What must be equal for a difference to be due to the program: section of the document, and its keys.
_SAME = (('environment', ('board', 'processor', 'architecture', 'cores_allowed', 'power_mode', 'cpu_cap_mhz',
                          'gpu_cap_mhz')),
         ('backend', ('name', 'provider', 'device', 'precision', 'threads')), ('camera', ('width', 'height')))
WHOLE = 'end to end'


@dataclass(frozen=True)
class Change:
    """How one stage of one run changed.

    Attributes:
        mode: ``'closed'`` or ``'paced'``.
        stage: a stage, or `WHOLE`.
        before_ms, after_ms: p90; None where a benchmark does not have the stage.
        low_ms, high_ms: 95 % interval of the difference, after minus before; None where one is missing.
        regression: slower by more than the threshold, beyond chance.
    """

    mode: str
    stage: str
    before_ms: Optional[float]
    after_ms: Optional[float]
    low_ms: Optional[float] = None
    high_ms: Optional[float] = None
    regression: bool = False

    @property
    def share(self) -> Optional[float]:
        """Relative change, or None."""
        return self.after_ms / self.before_ms - 1 if self.after_ms is not None and self.before_ms else None

    @property
    def verdict(self) -> str:
        """The change in a word or two."""
        if self.before_ms is None or self.after_ms is None:
            return 'new' if self.before_ms is None else 'gone'
        if self.regression:
            return 'REGRESSION'
        if self.low_ms is not None and self.low_ms > 0:
            return 'slower'
        return 'faster' if self.high_ms is not None and self.high_ms < 0 else 'no significant change'


@click.command()
@click.argument('before', type=click.Path(), metavar='BEFORE')
@click.argument('after', type=click.Path(), metavar='AFTER')
@click.option('--threshold', type=PERCENT, default='10%', show_default=True, metavar='PERCENT',
              help='A p90 that grew by more than this is a regression.')
@click.option('--anyway', is_flag=True, help='Compare measurements of different machines or backends.')
@json_option
def compare(before: str, after: str, threshold: float, anyway: bool, as_json: bool) -> None:
    """Compare two benchmarks: bench.json files, or the folders that hold them.

    A regression is a p90 that grew by more than the threshold and by more than chance explains (95 % interval of the
    difference, bootstrapped in blocks of frames). A single stage counts if it grew by more than 1 % of a frame. The
    exit code is 1 if there is a regression.

    \b
    Example:
      thermoscreen bench compare before after --threshold 5%
    """
    first, second = (read_document(path, BENCH) for path in (before, after))
    differing = differences(first, second)
    if differing and not anyway:
        raise InputError('compare-different', 'These were not measured under the same conditions (%s).'
                         % '; '.join(differing), 'Add --anyway to compare them all the same.')
    remarks, changes = notes(first, second), compare_runs(first, second, threshold / 100.0)
    if not changes:
        raise InputError('compare-nothing', 'These have no run with frames in common.', 'Measure again.')
    regressions = [change for change in changes if change.regression]
    if as_json:
        click.echo(json.dumps({'differences': differing, 'notes': remarks, 'threshold': threshold / 100.0,
                               'changes': [dict(vars(change), share=change.share, words=change.verdict)
                                           for change in changes], 'regressions': len(regressions)}, indent=1))
    else:
        _print(differing, remarks, changes, regressions, threshold)
    sys.exit(1 if regressions else 0)


def differences(before: Document, after: Document) -> List[str]:
    """Differing conditions that make two benchmarks incomparable, such as ``'board: A and B'``."""
    differing = []
    for section, keys in _SAME:
        for key in keys:
            pair = [document[section].get(key, 'not stated') for document in (before, after)]
            if pair[0] != pair[1]:
                differing.append('%s: %s and %s' % (key.replace('_', ' '), pair[0], pair[1]))
    return differing


def notes(before: Document, after: Document) -> List[str]:
    """What else to know before reading the changes, one sentence each."""
    sentences = []
    for name, document in (('first', before), ('second', after)):
        if not document['verdict']['valid']:
            codes = ', '.join(sorted({reason['code'] for reason in document['verdict']['reasons']}))
            sentences.append('The %s measurement is not valid (%s).' % (name, codes))
    models = ['%(id)s %(version)s, hash %(hash).12s' % document['bundle'] for document in (before, after)]
    if models[0] != models[1]:
        sentences.append('The models differ: %s and %s.' % tuple(models))
    corrections = [describe_corrections(document.get('capture')) for document in (before, after)]
    if NONE not in corrections and corrections[0] != corrections[1]:
        sentences.append('The corrections of the frames differ: %s and %s.' % tuple(corrections))
    first, second = (document['environment']['versions'] for document in (before, after))
    changed = ['%s %s and %s' % (name, first.get(name, 'absent'), second.get(name, 'absent'))
               for name in sorted(set(first) | set(second)) if first.get(name) != second.get(name)]
    return sentences + (['The versions differ: %s.' % '; '.join(changed)] if changed else [])


def compare_runs(before: Document, after: Document, threshold: float) -> List[Change]:
    """Every stage and the whole frame of every run that both benchmarks have; the whole frame of each run first.

    A regression is a p90 that grew by more than the threshold while the 95 % interval of the difference lies above 0;
    a single stage must also have grown by more than `MIN_SHARE` of a whole frame. The two are resampled independently.

    Args:
        before, after: documents.
        threshold: relative, such as 0.1.
    """
    changes: List[Change] = []
    theirs = {run['mode']: run for run in after['runs'] if run['n']}
    for run in before['runs']:
        if run['n'] and run['mode'] in theirs:
            changes += _compare_run(run, theirs[run['mode']], threshold)
    return changes


def _compare_run(before: Document, after: Document, threshold: float) -> List[Change]:
    tables = [_samples(run) for run in (before, after)]
    draws = [dict(zip(samples, percentile_draws(np.array(list(samples.values())).T, 90, seed=seed).T))
             for seed, samples in enumerate(tables)]
    limit_ms = MIN_SHARE * before['end_to_end']['p90_ms']
    changes = []
    for stage in list(tables[0]) + [stage for stage in tables[1] if stage not in tables[0]]:
        before_ms, after_ms = (float(np.nanpercentile(samples[stage], 90)) if stage in samples else None
                               for samples in tables)
        if before_ms is None or after_ms is None:
            changes.append(Change(before['mode'], stage, before_ms, after_ms))
            continue
        low, high = (float(end) for end in interval(draws[1][stage] - draws[0][stage]))
        grown_ms = after_ms - before_ms
        regression = grown_ms > threshold * before_ms and low > 0 and (stage == WHOLE or grown_ms > limit_ms)
        changes.append(Change(before['mode'], stage, before_ms, after_ms, low, high, regression))
    return changes


def _samples(run: Document) -> Dict[str, Any]:
    """Samples by stage, the whole frame first; NaN where a frame had no such stage."""
    samples = {WHOLE: np.array(run['samples']['end_to_end_ms'], np.float64)}
    for stage in in_order(run['stages']):
        samples[stage] = np.array(run['samples']['stages_ms'][stage], np.float64)
    return samples


def _print(differing: Sequence[str], remarks: Sequence[str], changes: Sequence[Change], regressions: Sequence[Change],
           threshold: float) -> None:
    if differing:
        click.echo('NOT MEASURED UNDER THE SAME CONDITIONS; the differences are not due to the program alone:')
        for line in differing:
            click.echo('- ' + line)
        click.echo()
    for line in remarks:
        click.echo('- ' + line)
    rows = [[change.mode, stage_name(change.stage), change.verdict, milliseconds(change.before_ms),
             milliseconds(change.after_ms), signed_percent(change.share),
             NONE if change.low_ms is None else '%+.3f to %+.3f' % (change.low_ms, change.high_ms or 0.0)]
            for change in changes]
    lines = table(['run', 'stage', 'verdict', 'p90 before, ms', 'after', 'change', '95 % interval, ms'], rows, 3)
    click.echo('\n'.join(([''] if remarks else []) + lines))
    click.echo('\n%s' % ('%d of %d became slower by more than %g %%.' % (len(regressions), len(changes), threshold)
                         if regressions else 'No regression above %g %%.' % threshold))
