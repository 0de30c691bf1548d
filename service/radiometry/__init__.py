"""Radiometry: from what a detector counted to degrees Celsius, and again after a parameter was corrected.

A thermal camera sees the radiation that the skin emits, the radiation that the skin reflects, and the air between.
`ObjectParameters` describe them; `flir_celsius` removes them from the raw counts of a FLIR camera, and
`recompute_celsius` from the temperatures of a camera that gives no counts. A `Raw` keeps measured values together with
their `Meaning`, so that a correction always starts from what was measured.
"""
from .meaning import (
    FlirParameters,
    GreyLevels,
    LinearScale,
    Meaning,
    Temperatures,
    flir_celsius,
    flir_raw,
    meaning_from_dict,
)
from .object_parameters import HIGHEST_C, LOWEST_C, OBJECT_PARAMETERS, ObjectParameters, check_possible
from .radiation import ZERO_K_C, AirConstants, PlanckConstants, recompute_celsius
from .raw import Raw

__all__ = ['AirConstants', 'FlirParameters', 'GreyLevels', 'HIGHEST_C', 'LOWEST_C', 'LinearScale', 'Meaning',
           'OBJECT_PARAMETERS', 'ObjectParameters', 'PlanckConstants', 'Raw', 'Temperatures', 'ZERO_K_C',
           'check_possible', 'flir_celsius', 'flir_raw', 'meaning_from_dict', 'recompute_celsius']
