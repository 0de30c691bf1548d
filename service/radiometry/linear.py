"""Counts that are temperatures on a straight line."""
from dataclasses import dataclass

import numpy as np

from .limits import check_number

_COUNTS = 65536


@dataclass(frozen=True)
class LinearScale:
    """What one count means.

    Attributes:
        per_count_c (float): degrees per count, above 0.
        zero_c (float): degrees Celsius of count 0.
    Raises:
        InputError: ``radiometry-constant``.
    """

    per_count_c: float
    zero_c: float

    def __post_init__(self):
        for name, low, high, what in (('per_count_c', 1e-6, 1000.0, 'The degrees of one count'),
                                      ('zero_c', -1000.0, 1000.0, 'The temperature of count 0')):
            object.__setattr__(self, name, check_number(getattr(self, name), low, high, what, ' degrees',
                                                        'radiometry-constant'))

    def celsius(self, counts):
        """Degrees Celsius.

        Args:
            counts (numpy.ndarray): uint16, any shape.
        Returns:
            numpy.ndarray: float32, same shape; the float64 result rounded once.
        """
        return np.take((np.arange(_COUNTS) * self.per_count_c + self.zero_c).astype(np.float32), counts)

    def counts(self, celsius):
        """The counts of temperatures that lie on this scale, or None where one does not.

        Args:
            celsius (numpy.ndarray): float32, any shape.
        Returns:
            numpy.ndarray or None: uint16, same shape; `celsius` of it is the argument, bit for bit.
        """
        with np.errstate(invalid='ignore'):
            counts = np.rint((celsius.astype(np.float64) - self.zero_c) / self.per_count_c)
            if not ((counts >= 0) & (counts < _COUNTS)).all():
                return None
        counts = counts.astype(np.uint16)
        return counts if np.array_equal(self.celsius(counts), celsius) else None
