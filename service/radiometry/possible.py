"""Temperatures that cannot be, whatever was measured."""
import numpy as np

from ..messages import InputError

#: Nothing is colder; nothing a bedside camera looks at is hotter. Whether a temperature is a
#: patient's is for the quality gate.
LOWEST_C, HIGHEST_C = -273.15, 2000.0


def check_possible(values, source):
    """Refuse temperatures that cannot be; NaN and infinity are left to `Thermogram`.

    Args:
        values (numpy.ndarray): HxW, degrees Celsius.
        source (str): where they come from, for the sentence.
    Raises:
        InputError: ``temperature-impossible``, with row and column counted from 1.
    """
    bad = ((values < LOWEST_C) | (values > HIGHEST_C)) & np.isfinite(values)
    if bad.any():
        row, column = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise InputError('temperature-impossible', '%s has %g degrees Celsius in row %d, column %d; its '
                         'values are not degrees Celsius, or the scale is another one.'
                         % (source, values[row, column], row + 1, column + 1))
