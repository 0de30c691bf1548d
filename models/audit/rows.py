"""One row of the report an input: AUC, operating point, and the draws that pair it with every other."""
import numpy as np

from models.evaluation.metrics import wilson

from .inputs import is_constant
from .intervals import PairTable, interval


class Rows:
    """Puts inputs through the protocol and remembers their bootstrap draws.

    Args:
        plan (Plan): of the samples.
        protocol (Protocol): how an input is judged.
    """

    def __init__(self, plan, protocol):
        self.plan, self.protocol = plan, protocol
        self._drawn = {}

    def of_table(self, name, what, table):
        """The row of a table of numbers, float64 NxD with NaN where a value is missing."""
        if not table.shape[1]:
            return self._empty(name, what, 'not stated in this collection')
        if is_constant(table):
            return self._empty(name, what, 'constant: nothing to learn')
        return self.of_outcome(name, what, self.protocol.run_table(self.plan, table))

    def of_pictures(self, name, what, pictures, run):
        """The row of uint8 NxHxW pictures; `run` makes an `Outcome` of them."""
        if np.all(pictures == pictures[:1]):
            return self._empty(name, what, 'constant: nothing to learn')
        return self.of_outcome(name, what, run(pictures))

    def of_outcome(self, name, what, outcome):
        """The row of an outcome: plain values.

        Returns:
            dict: name, what, n (patients), auc, auc_ci95, note, learners, and sensitivity and specificity with
            right, n, value, ci95 (Wilson).
        """
        pairs = PairTable(outcome)
        drawn = self._drawn[name] = pairs.drawn(self.protocol.draws, self.protocol.seed)
        ends = interval(drawn)
        row = {'name': name, 'what': what, 'n': len(self.plan.patients), 'auc': _round(pairs.auc),
               'auc_ci95': _round(ends), 'learners': outcome.chosen,
               'note': 'below chance: nothing of it carries over' if ends[1] < 0.5 else ''}
        for figure, side in (('sensitivity', True), ('specificity', False)):
            right = (outcome.majority == side)[self.plan.classes == side]
            row[figure] = {'right': int(right.sum()), 'n': len(right), 'value': _round(right.mean()),
                           'ci95': _round(wilson(right.sum(), len(right)))}
        return row

    def minus(self, first, second):
        """AUC of one row minus another's, paired: dict of difference and ci95 over the same bootstrap draws."""
        return {'difference': _round(first['auc'] - second['auc']),
                'ci95': _round(interval(self._drawn[first['name']] - self._drawn[second['name']]))}

    def _empty(self, name, what, note):
        return {'name': name, 'what': what, 'n': len(self.plan.patients), 'auc': None, 'auc_ci95': None, 'note': note}


def _round(value):
    return [round(float(one), 4) for one in value] if np.ndim(value) else round(float(value), 4)
