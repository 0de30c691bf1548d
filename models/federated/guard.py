"""What may leave a clinic: the model's own arrays and a few listed numbers, and nothing else.

The guard runs in the clinic, on what is about to be sent, with a list that the clinic itself made of its own copy of
the model. It says no to whatever it does not know, and its sentences repeat nothing of what it saw: they may be read
outside. What it cannot see is what a program hides in the model's own weights; that is why a clinic runs no code but
its own.
"""
import numbers
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from service.messages import InputError

Arrays = Dict[str, np.ndarray]

#: Of every array of a model by its name: dtype as NumPy writes it (``'<f4'``), and shape. JSON.
Shapes = Mapping[str, Tuple[str, List[int]]]


class GuardError(InputError):
    """Something that must not leave the clinic."""


class Rule(NamedTuple):
    """A number that may leave.

    Attributes:
        low, high: its range, both included.
        whole: whether it has to be a whole number.
    """

    low: float
    high: float
    whole: bool = False

    def allows(self, value: Any) -> bool:
        """Whether a value is such a number; a truth value is none."""
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            return False
        number: Any = value
        return bool(self.low <= number <= self.high and (not self.whole or number % 1 == 0))


#: The numbers that a clinic sends beside the arrays: how many samples it trained on or was judged on, and the mIoU of
#: its own held-out patients.
SCALARS = {'count': Rule(1, 2_000_000_000, whole=True), 'score': Rule(0, 1)}

#: What one value may be: a number in a range, or one of a few texts.
Rules = Mapping[str, Union[Rule, FrozenSet[str]]]


def shapes_of(arrays: Mapping[str, np.ndarray]) -> Dict[str, Tuple[str, List[int]]]:
    """The list that a clinic keeps of its model, from the arrays themselves."""
    return {name: (array.dtype.str, list(array.shape)) for name, array in sorted(arrays.items())}


def check_leaving(shapes: Shapes, arrays: Mapping[str, Any], scalars: Mapping[str, Any],
                  headers: Optional[Mapping[str, Any]] = None, header_rules: Optional[Rules] = None) -> None:
    """Let a message leave the clinic, or refuse it whole.

    Args:
        shapes: of the clinic's own model.
        arrays: to be sent; all of the model's, or none.
        scalars: to be sent; of `SCALARS`.
        headers: what the transport adds; None for nothing.
        header_rules: what it may add; None for nothing.
    Raises:
        GuardError: ``leaving-array``, ``leaving-number`` or ``leaving-header``. Its sentence repeats no name, number or
            text of the message.
    """
    if arrays and set(arrays) != set(shapes):
        raise _refused('array', 'other arrays than those of the model')
    for name, array in arrays.items():
        dtype, shape = shapes[name]
        # A subclass may carry more than its numbers, and so may the bits of a NaN.
        if type(array) is not np.ndarray or array.dtype.str != dtype or list(array.shape) != list(shape):
            raise _refused('array', 'an array of another type or shape than the model has')
        if not np.isfinite(array).all():
            raise _refused('array', 'an array with something in it that is no number')
    for what, values, rules in (('number', scalars, SCALARS), ('header', headers or {}, header_rules or {})):
        for key, value in values.items():
            rule = rules.get(key) if isinstance(key, str) else None
            if rule is None or not (rule.allows(value) if isinstance(rule, Rule)
                                    else isinstance(value, str) and value in rule):
                raise _refused(what, 'a %s that is not on its list' % what)


def _refused(what: str, seen: str) -> GuardError:
    return GuardError('leaving-' + what, 'Nothing was sent: the message held %s.' % seen,
                      'Look into the log of the clinic itself.')
