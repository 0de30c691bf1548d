"""Numbers that must be numbers, within what can be."""
import math

from ..messages import InputError


def check_number(value, low, high, what, unit, code='radiometry-value'):
    """A number as a float, or the sentence on why it cannot be one.

    Args:
        value: whatever was given.
        low, high (float): the smallest and largest that is accepted.
        what (str): what it is, as a sentence starts with it.
        unit (str): its unit with a leading blank, or ``''``.
        code (str): of the error.
    Returns:
        float
    Raises:
        InputError: not a number, not finite, or out of bounds.
    """
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        raise InputError(code, '%s must be a number from %g to %g%s, not %s; correct it.'
                         % (what, low, high, unit, repr(value)[:40]))
    return number
