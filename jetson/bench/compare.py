"""Two benchmarks side by side: which stage became slower, and whether that is more than chance."""
from dataclasses import dataclass

import numpy as np

from .frames import in_order
from .statistics import interval, percentile_draws

#: Part of a frame below which a stage that became slower is no regression: nobody would notice.
LEAST_SHARE = 0.01
#: What must be the same for a difference to mean the program: (section of the document, keys).
_SAME = (('environment', ('board', 'processor', 'architecture', 'cores_allowed', 'power_mode', 'cpu_cap_mhz',
                          'gpu_cap_mhz')),
         ('backend', ('name', 'provider', 'device', 'precision', 'threads')), ('camera', ('width', 'height')))
WHOLE = 'end to end'


@dataclass(frozen=True)
class Change:
    """How one stage of one run changed.

    Attributes:
        mode (str): ``'closed'`` or ``'paced'``.
        stage (str): a stage, or `WHOLE`.
        before_ms, after_ms (float): p90; None where a benchmark does not have it.
        low_ms, high_ms (float): 95 % interval of the difference, after less before; None where one is missing.
        regression (bool): slower by more than the threshold, and not by chance.
    """

    mode: str
    stage: str
    before_ms: float
    after_ms: float
    low_ms: float = None
    high_ms: float = None
    regression: bool = False

    @property
    def share(self):
        """The change as a part of what it was before, or None."""
        return self.after_ms / self.before_ms - 1 if self.after_ms is not None and self.before_ms else None

    @property
    def words(self):
        """What is to be said of it."""
        if self.before_ms is None or self.after_ms is None:
            return 'new' if self.before_ms is None else 'gone'
        if self.regression:
            return 'REGRESSION'
        return 'slower' if self.low_ms > 0 else 'faster' if self.high_ms < 0 else 'no difference to be seen'


def differences(before, after):
    """What two benchmarks differ in that keeps them from being compared.

    Args:
        before, after (dict): documents.
    Returns:
        list of str: ``'board: A and B'``; empty where they can be.
    """
    found = []
    for section, keys in _SAME:
        for key in keys:
            pair = [document[section].get(key, 'not stated') for document in (before, after)]
            if pair[0] != pair[1]:
                found.append('%s: %s and %s' % (key.replace('_', ' '), pair[0], pair[1]))
    return found


def notes(before, after):
    """What else to know before reading the differences: list of str, one sentence each."""
    said = []
    for name, document in (('first', before), ('second', after)):
        if not document['verdict']['valid']:
            codes = ', '.join(sorted({reason['code'] for reason in document['verdict']['reasons']}))
            said.append('The %s measurement is not valid (%s).' % (name, codes))
    pair = ['%(id)s %(version)s, hash %(hash).12s' % document['bundle'] for document in (before, after)]
    if pair[0] != pair[1]:
        said.append('The models differ: %s and %s.' % tuple(pair))
    first, second = (document['environment']['versions'] for document in (before, after))
    changed = ['%s %s and %s' % (name, first.get(name, 'absent'), second.get(name, 'absent'))
               for name in sorted(set(first) | set(second)) if first.get(name) != second.get(name)]
    return said + (['The versions differ: %s.' % '; '.join(changed)] if changed else [])


def compare_runs(before, after, threshold):
    """Every stage and the whole frame of every run that both have.

    A regression is a p90 that grew by more than the threshold while the 95 % interval of the difference lies above 0;
    of a single stage only where it grew by more than `LEAST_SHARE` of a whole frame. Both measurements are drawn again
    in blocks, independently of each other.

    Args:
        before, after (dict): documents.
        threshold (float): part of the time before, such as 0.1.
    Returns:
        list of Change: the whole frame of each run first.
    """
    changes = []
    theirs = {run['mode']: run for run in after['runs'] if run['n']}
    for run in before['runs']:
        if run['n'] and run['mode'] in theirs:
            changes += _compare_run(run, theirs[run['mode']], threshold)
    return changes


def _compare_run(before, after, threshold):
    tables = [_table(run) for run in (before, after)]
    drawn = [dict(zip(table, percentile_draws(np.array(list(table.values())).T, 90, seed=seed).T))
             for seed, table in enumerate(tables)]
    limit_ms = LEAST_SHARE * before['end_to_end']['p90_ms']
    changes = []
    for stage in list(tables[0]) + [stage for stage in tables[1] if stage not in tables[0]]:
        pair = [float(np.nanpercentile(table[stage], 90)) if stage in table else None for table in tables]
        if None in pair:
            changes.append(Change(before['mode'], stage, *pair))
            continue
        low, high = (float(end) for end in interval(drawn[1][stage] - drawn[0][stage]))
        slower = pair[1] - pair[0]
        regression = (slower > threshold * pair[0] and low > 0
                      and (stage == WHOLE or slower > limit_ms))
        changes.append(Change(before['mode'], stage, pair[0], pair[1], low, high, regression))
    return changes


def _table(run):
    """Samples by stage, the whole frame first; NaN where a frame had no such stage."""
    samples = run['samples']
    found = {WHOLE: np.array(samples['end_to_end_ms'], np.float64)}
    for stage in in_order(run['stages']):
        found[stage] = np.array(samples['stages_ms'][stage], np.float64)
    return found
