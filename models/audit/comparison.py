"""Inputs beside one another: AUC, operating point, paired differences, and the verdict on a model.

The verdict follows these rules, in this order:

1. ``chance``: the lower end of the model's interval is not above 0.5.
2. ``explained``: a control that is itself above chance (lower end above 0.5) is not beaten: the paired bootstrap
   interval of model minus control reaches zero or below.
3. ``undecided``: the controls that are above chance are beaten, and another one is not.
4. ``beats``: every control is beaten; the smallest lower end of the paired intervals is the margin.

Controls with nothing to learn take no part.
"""
from typing import Any, Callable, Dict, Sequence, Tuple

import numpy as np

from calibration.thresholds import wilson
from models.statistics import FoldwiseAuc, percentile_interval

from .inputs import is_constant
from .protocol import Outcome, Plan, Protocol

#: Codes of the four verdicts.
CHANCE, EXPLAINED, UNDECIDED, BEATS = 'chance', 'explained', 'undecided', 'beats'

#: The four in a few words, for models after the first.
SHORT = {CHANCE: 'not shown to be better than chance',
         EXPLAINED: 'no evidence of a disease pattern, a control reaches as much',
         UNDECIDED: 'too few patients to tell it from every control', BEATS: 'beats every control'}

Row = Dict[str, Any]


class Rows:
    """Puts inputs through the protocol, one row of the report each, and remembers their bootstrap draws.

    Args:
        plan: of the samples.
        protocol: how an input is judged.
    """

    def __init__(self, plan: Plan, protocol: Protocol) -> None:
        self.plan, self.protocol = plan, protocol
        self._drawn: Dict[str, np.ndarray] = {}

    def of_table(self, name: str, what: str, table: np.ndarray) -> Row:
        """The row of a table of numbers, float64 NxD with NaN where a value is missing."""
        if not table.shape[1]:
            return self._empty(name, what, 'not stated in this collection')
        if is_constant(table):
            return self._empty(name, what, 'constant: nothing to learn')
        return self.of_outcome(name, what, self.protocol.run_table(self.plan, table))

    def of_pictures(self, name: str, what: str, pictures: np.ndarray, run: Callable[[np.ndarray], Outcome]) -> Row:
        """The row of uint8 NxHxW pictures, of which `run` makes an outcome."""
        if np.all(pictures == pictures[:1]):
            return self._empty(name, what, 'constant: nothing to learn')
        return self.of_outcome(name, what, run(pictures))

    def of_outcome(self, name: str, what: str, outcome: Outcome) -> Row:
        """The row of an outcome: plain values.

        Returns:
            name, what, n (patients), auc, auc_ci95, note, learners, and sensitivity and specificity with right, n,
            value, ci95 (Wilson).
        """
        pairs = FoldwiseAuc(outcome.scores, outcome.plan.classes, outcome.plan.folds)
        drawn = self._drawn[name] = pairs.drawn(self.protocol.draws, self.protocol.seed)
        low, high = np.quantile(drawn, (0.025, 0.975))
        row = {'name': name, 'what': what, 'n': len(self.plan.patients), 'auc': _round(pairs.auc),
               'auc_ci95': _round([low, high]), 'learners': outcome.chosen,
               'note': 'below chance: nothing of it carries over' if high < 0.5 else ''}
        for figure, side in (('sensitivity', True), ('specificity', False)):
            right = (outcome.majority == side)[self.plan.classes == side]
            row[figure] = {'right': int(right.sum()), 'n': len(right), 'value': _round(right.mean()),
                           'ci95': _round(wilson(right.sum(), len(right)))}
        return row

    def minus(self, first: Row, second: Row) -> Dict[str, Any]:
        """AUC of one row minus another's, paired: difference, and ci95 over the same bootstrap draws."""
        drawn = self._drawn[first['name']] - self._drawn[second['name']]
        return {'difference': _round(first['auc'] - second['auc']), 'ci95': _round(percentile_interval(drawn))}

    def _empty(self, name: str, what: str, note: str) -> Row:
        return {'name': name, 'what': what, 'n': len(self.plan.patients), 'auc': None, 'auc_ci95': None, 'note': note}


def judge(model: Row, controls: Sequence[Row]) -> Tuple[str, str]:
    """Code and sentence of the verdict on one model.

    Args:
        model: row of the report: name, auc, auc_ci95, and ``minus``: control name to ``{'difference', 'ci95'}`` by the
            paired bootstrap.
        controls: rows of the report: name, auc, auc_ci95; auc None where there is nothing to learn.
    """
    able = [row for row in controls if row['auc'] is not None]
    own = '%s reaches AUC %s' % (model['name'], figure(model))
    if model['auc_ci95'][0] <= 0.5:
        return CHANCE, ('%s: not shown to be better than chance, so there is no score to explain. %s'
                        % (own, _strongest(able))).strip()
    unbeaten = [row for row in able if model['minus'][row['name']]['ci95'][0] <= 0]
    unbeaten.sort(key=lambda row: -row['auc'])
    above_chance = [row for row in unbeaten if row['auc_ci95'][0] > 0.5]
    if above_chance:
        return EXPLAINED, ("%s, and without any skin pattern %s: the model's score is not evidence of a disease "
                           'pattern.' % (own, _listed(above_chance, 'reaches ')))
    if unbeaten:
        return UNDECIDED, ('%s. No control that is above chance comes near, but with so few patients %s cannot be '
                           'told from it: more patients are needed before the score means anything.'
                           % (own, ', '.join(row['name'] for row in unbeaten)))
    if not able:
        return UNDECIDED, '%s, but no control had anything to learn: the score stands without comparison.' % own
    closest = min(able, key=lambda row: model['minus'][row['name']]['ci95'][0])
    gap = model['minus'][closest['name']]
    return BEATS, ('%s and beats every control by at least %.4f (paired bootstrap over patients; closest: %s, '
                   'difference %.3f, 95 %% %.4f to %.4f). None of these controls explains it; one that nobody '
                   'measured still may.' % (own, gap['ci95'][0], closest['name'], gap['difference'], *gap['ci95']))


def figure(row: Row) -> str:
    """AUC of a row with its interval: ``'0.825 (0.714 to 0.924)'``."""
    return '%.3f (%.3f to %.3f)' % (row['auc'], *row['auc_ci95'])


def _strongest(controls: Sequence[Row]) -> str:
    above = [row for row in controls if row['auc_ci95'][0] > 0.5]
    if not above:
        return ''
    best = max(above, key=lambda row: row['auc'])
    return 'Without any skin pattern %s reaches %s.' % (best['name'], figure(best))


def _listed(rows: Sequence[Row], verb: str) -> str:
    return ', '.join('%s %s%s' % (row['name'], '' if place else verb, figure(row)) for place, row in enumerate(rows))


def _round(value: Any) -> Any:
    return [round(float(one), 4) for one in value] if np.ndim(value) else round(float(value), 4)
