"""Another emissivity for temperatures whose counts are not there.

A Lepton, a P2 Pro or a text matrix gives temperatures that were computed with some emissivity, mostly 1. What the
camera saw is put together again, and taken apart with the right one. A temperature's light is counted as
``1 / (exp(B / T) - 1)``: a detector that sees one wavelength. B = 14388 um K / wavelength (second radiation
constant); 1394 K is the value with the smallest error against Planck's law over a flat 8..14 um.
"""
import numpy as np

from ..messages import InputError
from .planck import PlanckConstants

#: Largest error of the model against a flat 8..14 um detector, surfaces of 15..45 C in rooms of 10..35 C, is
#: 0.0002 C at emissivity 0.98 and 0.006 C at 0.5; a camera that sees other wavelengths adds up to 0.006 C at 0.98
#: (B from 1350 to 1450 K). T to the fourth, the usual short cut, errs by 0.011 C at 0.98. The tests integrate.
BAND = PlanckConstants(1.0, 1394.0, 1.0, 0.0, 1.0)


def at_scene(celsius, assumed, true):
    """The temperatures that a camera would have given, had it known the scene.

    Args:
        celsius (numpy.ndarray): floats HxW, degrees Celsius, computed with `assumed`.
        assumed (Scene): what the camera took the surface for; `emissivity` and `reflected_c` count.
        true (Scene): what it is. The air and a window must be as assumed: nothing is known of this camera's air model.
    Returns:
        numpy.ndarray: float32 HxW; `celsius` itself, rounded to float32, where nothing was corrected.
    Raises:
        InputError: ``radiometry-needs-raw`` for another air or window; ``radiometry-no-temperature`` where less than
            nothing is left for the surface.
    """
    if _beyond(assumed) != _beyond(true):
        raise InputError('radiometry-needs-raw', 'Air and window can be corrected only where the detector\'s counts '
                         'were saved; leave them as they were.')
    if (assumed.emissivity, assumed.reflected_c) == (true.emissivity, true.reflected_c) or \
            assumed.emissivity == true.emissivity == 1:
        return np.asarray(celsius, np.float32)
    seen = (assumed.emissivity * BAND.counts(celsius) + (1 - assumed.emissivity) * BAND.counts(assumed.reflected_c))
    corrected = BAND.celsius((seen - (1 - true.emissivity) * BAND.counts(true.reflected_c)) / true.emissivity)
    bad = np.isnan(corrected)
    if bad.any():
        row, column = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise InputError('radiometry-no-temperature', '%g degrees Celsius in row %d, column %d is less than what '
                         'emissivity %g mirrors of %g degrees Celsius; correct them.'
                         % (celsius[row, column], row + 1, column + 1, true.emissivity, true.reflected_c))
    return corrected.astype(np.float32)


def _beyond(scene):
    return scene.air_c, scene.humidity_percent, scene.distance_m, scene.window_c, scene.window_transmission
