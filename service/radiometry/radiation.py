"""Radiation as a detector counts it: black bodies, the air in between, and the surface of an object."""
import math
from dataclasses import dataclass
from typing import Tuple, Union

import numpy as np

from ..messages import InputError
from .object_parameters import ObjectParameters, check_number

#: Degrees Celsius of 0 K.
ZERO_K_C = -273.15

#: (smallest, largest) of each Planck constant; far beyond every known camera, and short of overflow.
_PLANCK_BOUNDS = {'r1': (1e-3, 1e9), 'b': (100.0, 20000.0), 'f': (0.01, 100.0), 'o': (-1e6, 1e6), 'r2': (1e-9, 1e6)}

#: Largest magnitude of an air constant.
_AIR_BOUND = 1000.0
#: With less transmission than this the camera sees the air and not what is behind it.
_LEAST_TRANSMISSION = 0.01


@dataclass(frozen=True)
class PlanckConstants:
    """Calibration curve of a detector: ``counts = r1 / (r2 * (exp(b / T) - f)) - o``, T in kelvin.

    Source: [Thermimage], after [MinkinaDudzik2009]. The names are those of the tags in a FLIR file.

    Raises:
        InputError: ``radiometry-constant``: the calibration in the file is damaged.
    """

    r1: float
    b: float
    f: float
    o: float
    r2: float

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _PLANCK_BOUNDS.items():
            object.__setattr__(self, name, check_number(
                getattr(self, name), lowest, highest, "The camera's calibration constant %s" % name.upper(), '',
                'radiometry-constant'))

    def counts(self, celsius: Union[float, np.ndarray]) -> np.ndarray:
        """Counts of a black body.

        Args:
            celsius: any shape, °C above -273.15.
        Returns:
            float64, same shape; NaN at and beyond the pole of the curve.
        """
        with np.errstate(over='ignore', divide='ignore', invalid='ignore'):
            kelvin = np.asarray(celsius, np.float64) - ZERO_K_C
            denominator = self.r2 * (np.exp(self.b / kelvin) - self.f)
            return np.where((kelvin > 0) & (denominator > 0), self.r1 / denominator - self.o, np.nan)

    def celsius(self, counts: Union[float, np.ndarray]) -> np.ndarray:
        """Temperature of a black body.

        Args:
            counts: any shape.
        Returns:
            float64, same shape, °C; NaN where the curve has no temperature.
        """
        with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
            signal = self.r2 * (np.asarray(counts, np.float64) + self.o)
            argument = np.where(signal > 0, self.r1 / signal + self.f, np.nan)
            return np.where(argument > 1, self.b / np.log(argument) + ZERO_K_C, np.nan)


@dataclass(frozen=True)
class AirConstants:
    """Constants of FLIR's model of the atmosphere; a file carries its own, nearly always these.

    Source: [FlirFormula], [FlirGevDemo]; compared with other models in [Minkina2016].

    Raises:
        InputError: ``radiometry-constant``.
    """

    alpha1: float = 0.006569
    alpha2: float = 0.01262
    beta1: float = -0.002276
    beta2: float = -0.00667
    x: float = 1.9

    def __post_init__(self) -> None:
        for name in ('alpha1', 'alpha2', 'beta1', 'beta2', 'x'):
            object.__setattr__(self, name, check_number(
                getattr(self, name), -_AIR_BOUND, _AIR_BOUND, "The camera's air constant %s" % name, '',
                'radiometry-constant'))

    def transmission(self, parameters: ObjectParameters) -> float:
        """Share of the radiation that passes the whole distance, as FLIR's own programs compute it.

        [Thermimage] and what was derived from it take half of the distance twice, which is another value: the model is
        not exponential in the distance. For skin it comes out 0.02 to 0.08 °C warmer over 0.5 to 5 m.

        Args:
            parameters: `air_c`, `humidity_percent` and `distance_m` count.
        Returns:
            0.01..1, exactly 1 at distance 0.
        Raises:
            InputError: ``radiometry-air``: nothing of the patient would come through.
        """
        air = parameters.air_c
        vapour = parameters.humidity_percent / 100 * math.exp(
            1.5587 + 0.06939 * air - 2.7816e-4 * air ** 2 + 6.8455e-7 * air ** 3)
        path, wet = math.sqrt(parameters.distance_m), math.sqrt(vapour)
        try:
            share = (self.x * math.exp(-path * (self.alpha1 + self.beta1 * wet)) +
                     (1 - self.x) * math.exp(-path * (self.alpha2 + self.beta2 * wet)))
        except OverflowError:
            share = math.nan
        if not _LEAST_TRANSMISSION <= share <= 1 + 1e-9:
            raise InputError('radiometry-air', 'Air of %g °C and %g percent humidity over %g metres lets nothing '
                             'usable through.' % (air, parameters.humidity_percent, parameters.distance_m),
                             'Correct the distance, the humidity or the air temperature.',
                             detail='transmission %r' % share)
        return min(share, 1.0)


#: Curve of a camera that gives no counts. It takes the detector for one that sees a single wavelength: radiation counts
#: as ``1 / (exp(B / T) - 1)`` with B = 14388 um K / wavelength (second radiation constant). B = 1394 K has the smallest
#: error against Planck's law over a flat 8..14 um: at most 0.0002 °C at emissivity 0.98 and 0.006 °C at 0.5, for
#: surfaces of 15..45 °C in rooms of 10..35 °C. Another spectral band adds up to 0.006 °C at 0.98 (B from 1350 to
#: 1450 K). T to the fourth, the usual short cut, is off by 0.011 °C at 0.98. The tests integrate.
BAND = PlanckConstants(1.0, 1394.0, 1.0, 0.0, 1.0)


def recompute_celsius(celsius: np.ndarray, assumed: ObjectParameters, true: ObjectParameters) -> np.ndarray:
    """The temperatures that a camera would have given, had it known the true parameters.

    A Lepton, a P2 Pro or a text matrix gives temperatures that were computed with some emissivity, mostly 1. The
    radiation that the camera saw is put together again and taken apart with the right one.

    Args:
        celsius: floats HxW, °C, computed with `assumed`.
        assumed: what the camera computed with; `emissivity` and `reflected_c` count.
        true: what is right. Air and window must be as assumed: nothing is known of this camera's model of the air.
    Returns:
        float32 HxW, °C; `celsius` itself, rounded to float32, where nothing was corrected.
    Raises:
        InputError: ``radiometry-needs-raw`` for another air or window; ``radiometry-no-temperature`` where less than
            nothing is left for the surface.
    """
    if _air_and_window(assumed) != _air_and_window(true):
        raise InputError('radiometry-needs-raw', "Air and window can be corrected only where the detector's counts "
                         'were saved.', 'Leave them as they were.')
    if (assumed.emissivity, assumed.reflected_c) == (true.emissivity, true.reflected_c) or \
            assumed.emissivity == true.emissivity == 1:
        return np.asarray(celsius, np.float32)
    seen = (assumed.emissivity * BAND.counts(celsius) + (1 - assumed.emissivity) * BAND.counts(assumed.reflected_c))
    corrected = BAND.celsius((seen - (1 - true.emissivity) * BAND.counts(true.reflected_c)) / true.emissivity)
    missing = np.isnan(corrected)
    if missing.any():
        row, column = np.unravel_index(int(np.argmax(missing)), missing.shape)
        raise InputError('radiometry-no-temperature', '%g °C in row %d, column %d is less than what a surface of '
                         'emissivity %g reflects of %g °C.'
                         % (celsius[row, column], row + 1, column + 1, true.emissivity, true.reflected_c),
                         'Correct the emissivity or the reflected temperature.')
    return corrected.astype(np.float32)


def _air_and_window(parameters: ObjectParameters) -> Tuple[float, ...]:
    return (parameters.air_c, parameters.humidity_percent, parameters.distance_m, parameters.window_c,
            parameters.window_transmission)
