"""A detector's counts of a black body, and back: the calibration curve of one FLIR camera."""
from dataclasses import dataclass

import numpy as np

from .limits import check_number

#: Degrees Celsius of 0 K.
ZERO_K_C = -273.15

#: (smallest, largest) of each constant; far beyond every camera known, and short of overflow.
_BOUNDS = {'r1': (1e-3, 1e9), 'b': (100.0, 20000.0), 'f': (0.01, 100.0), 'o': (-1e6, 1e6), 'r2': (1e-9, 1e6)}


@dataclass(frozen=True)
class PlanckConstants:
    """``counts = r1 / (r2 * (exp(b / T) - f)) - o`` with T in kelvin.

    Source: raw2temp of the R package Thermimage, after Minkina and Dudzik.

    Attributes:
        r1, b, f, o, r2 (float): as the camera wrote them into its file.
    Raises:
        InputError: ``radiometry-constant``: the calibration in the file is damaged.
    """

    r1: float
    b: float
    f: float
    o: float
    r2: float

    def __post_init__(self):
        for name, (low, high) in _BOUNDS.items():
            object.__setattr__(self, name, check_number(
                getattr(self, name), low, high, "The camera's calibration constant %s" % name.upper(), '',
                'radiometry-constant'))

    def counts(self, celsius):
        """Counts of a black body.

        Args:
            celsius (float or numpy.ndarray): above -273.15.
        Returns:
            float64, same shape; NaN where the curve has no count (at and beyond its pole).
        """
        with np.errstate(over='ignore', divide='ignore', invalid='ignore'):
            kelvin = np.asarray(celsius, np.float64) - ZERO_K_C
            denominator = self.r2 * (np.exp(self.b / kelvin) - self.f)
            return np.where((kelvin > 0) & (denominator > 0), self.r1 / denominator - self.o, np.nan)

    def celsius(self, counts):
        """Degrees Celsius of a black body.

        Args:
            counts (float or numpy.ndarray)
        Returns:
            float64, same shape; NaN where the curve has no temperature.
        """
        with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
            signal = self.r2 * (np.asarray(counts, np.float64) + self.o)
            argument = np.where(signal > 0, self.r1 / signal + self.f, np.nan)
            return np.where(argument > 1, self.b / np.log(argument) + ZERO_K_C, np.nan)
