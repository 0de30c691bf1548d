"""FLIR's raw counts to degrees Celsius, and back.

The camera counts what arrives: the surface's own light, the room mirrored in the surface, the air on both sides
of the window, and the window. Each but the first is a black body's count times its share; what is left over is
the surface's. Source: raw2temp of the R package Thermimage, after Minkina and Dudzik.
"""
import dataclasses
import functools
from dataclasses import dataclass, field

import numpy as np

from ..messages import InputError
from .air import AirConstants
from .planck import PlanckConstants
from .scene import Scene

_COUNTS = 65536


@dataclass(frozen=True)
class FlirParameters:
    """Everything that a FLIR file states beside its counts.

    Attributes:
        planck (PlanckConstants): the camera's calibration.
        scene (Scene): what the operator had set.
        air (AirConstants): the camera's air model.
    """

    kind = 'flir'

    planck: PlanckConstants
    scene: Scene = field(default_factory=Scene)
    air: AirConstants = field(default_factory=AirConstants)

    def corrected(self, changes):
        """The same camera with other scene values; see `Scene.corrected`."""
        return dataclasses.replace(self, scene=self.scene.corrected(changes))

    #: What is said beside the file goes before what the file says.
    told = corrected
    #: Of values that it takes.
    pixels = ('uint16',)

    @property
    def known(self):
        """The scene as computed with, by the names of `SCENE_FIELDS`."""
        return self.scene.to_dict()

    def celsius(self, values):
        """Degrees Celsius of counts; see `flir_celsius`."""
        return flir_celsius(values, self)

    def to_dict(self):
        """As JSON; `meaning_of` makes it again."""
        return {'kind': self.kind, 'planck': dataclasses.asdict(self.planck), 'air': dataclasses.asdict(self.air),
                'scene': self.scene.to_dict()}


def flir_celsius(raw, parameters):
    """Degrees Celsius of a FLIR frame.

    Args:
        raw (numpy.ndarray): uint16 HxW, counts in the machine's byte order.
        parameters (FlirParameters): what the file states, or what was corrected since.
    Returns:
        numpy.ndarray: float32 HxW; the float64 result rounded once.
    Raises:
        InputError: ``radiometry-no-temperature`` where a count stands for no temperature with these parameters
            (row and column counted from 1), ``radiometry-air`` or ``radiometry-scene``.
    """
    if raw.dtype != np.uint16:
        raise ValueError('raw counts must be uint16, not %s' % raw.dtype)
    celsius = np.take(_table(parameters), raw)
    bad = np.isnan(celsius)
    if bad.any():
        row, column = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise InputError('radiometry-no-temperature', 'The count %d in row %d, column %d is no temperature with '
                         'emissivity %g and %g degrees Celsius reflected (%d such pixels); correct them, or export the '
                         'picture again.' % (raw[row, column], row + 1, column + 1, parameters.scene.emissivity,
                                             parameters.scene.reflected_c, int(bad.sum())))
    return celsius


def flir_raw(celsius, parameters):
    """The counts that a FLIR camera would have given; the inverse of `flir_celsius`.

    Args:
        celsius (numpy.ndarray): floats HxW, degrees Celsius.
        parameters (FlirParameters)
    Returns:
        numpy.ndarray: uint16 HxW, rounded to the nearest count.
    Raises:
        InputError: ``radiometry-out-of-range`` where a temperature is beyond what 16 bits of this camera hold,
            ``radiometry-air`` or ``radiometry-scene``.
    """
    gain, offset = _gain_and_offset(parameters)
    counts = np.rint((parameters.planck.counts(celsius) + offset) / gain)
    with np.errstate(invalid='ignore'):
        bad = ~((counts >= 0) & (counts < _COUNTS))
    if bad.any():
        row, column = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise InputError('radiometry-out-of-range', '%g degrees Celsius in row %d, column %d is beyond what this '
                         'camera can count; use another calibration.' % (celsius[row, column], row + 1, column + 1))
    return counts.astype(np.uint16)


@functools.lru_cache(maxsize=8)
def _table(parameters):
    """Degrees Celsius of every count, float32, NaN where there is none. A series needs one for all its frames."""
    gain, offset = _gain_and_offset(parameters)
    table = parameters.planck.celsius(np.arange(_COUNTS) * gain - offset).astype(np.float32)
    table.setflags(write=False)
    return table


def _gain_and_offset(parameters):
    """(gain, offset) with ``counts of the surface as a black body = gain * raw - offset``.

    With e the emissivity, t the transmission of half of the way and w the window's, the camera counts
    ``t*w*t*(e*S + (1-e)*refl) + t*w*(1-t)*air + t*(1-w)*win + (1-t)*air``.
    """
    planck, scene = parameters.planck, parameters.scene
    half = parameters.air.transmission(scene)
    whole = scene.emissivity * half * half * scene.window_transmission
    reflected, air, window = (float(planck.counts(celsius)) for celsius in
                              (scene.reflected_c, scene.air_c, scene.window_c))
    others = ((1 - scene.emissivity) * half * half * scene.window_transmission * reflected +
              (half * scene.window_transmission + 1) * (1 - half) * air +
              half * (1 - scene.window_transmission) * window)
    if not np.isfinite(others):
        raise InputError('radiometry-scene', 'The reflected, air or window temperature (%g, %g, %g degrees Celsius) is '
                         'beyond what this camera can count; correct it.'
                         % (scene.reflected_c, scene.air_c, scene.window_c))
    return 1 / whole, others / whole
