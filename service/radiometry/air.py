"""How much of the infrared light the air lets through."""
import math
from dataclasses import dataclass

from ..messages import InputError
from .limits import check_number

#: Below this share the picture is of the air and not of what is behind it.
_LEAST_TRANSMISSION = 0.01

#: Every constant of a file, within what can be.
_BOUND = 1000.0


@dataclass(frozen=True)
class AirConstants:
    """The constants of FLIR's air model; a file carries its own, nearly always these.

    Source: raw2temp of the R package Thermimage, after Minkina and Dudzik.

    Raises:
        InputError: ``radiometry-constant``.
    """

    alpha1: float = 0.006569
    alpha2: float = 0.01262
    beta1: float = -0.002276
    beta2: float = -0.00667
    x: float = 1.9

    def __post_init__(self):
        for name in ('alpha1', 'alpha2', 'beta1', 'beta2', 'x'):
            object.__setattr__(self, name, check_number(
                getattr(self, name), -_BOUND, _BOUND, "The camera's air constant %s" % name, '',
                'radiometry-constant'))

    def transmission(self, scene):
        """The share that half of the way lets through; the whole way lets its square through.

        FLIR's model puts an external window in the middle of the way, so each half counts on its own.

        Args:
            scene (Scene): `air_c`, `humidity_percent` and `distance_m` count.
        Returns:
            float: 0.01..1, exactly 1 at distance 0.
        Raises:
            InputError: ``radiometry-air``: nothing of the patient would come through.
        """
        air = scene.air_c
        vapour = scene.humidity_percent / 100 * math.exp(
            1.5587 + 0.06939 * air - 2.7816e-4 * air ** 2 + 6.8455e-7 * air ** 3)
        half, root = math.sqrt(scene.distance_m / 2), math.sqrt(vapour)
        try:
            share = (self.x * math.exp(-half * (self.alpha1 + self.beta1 * root)) +
                     (1 - self.x) * math.exp(-half * (self.alpha2 + self.beta2 * root)))
        except OverflowError:
            share = math.nan
        if not _LEAST_TRANSMISSION <= share <= 1 + 1e-9:
            raise InputError('radiometry-air', 'Air of %g degrees Celsius and %g percent humidity over %g metres lets '
                             'nothing usable through; correct the distance, the humidity or the air temperature.'
                             % (air, scene.humidity_percent, scene.distance_m), detail='transmission %r' % share)
        return min(share, 1.0)
