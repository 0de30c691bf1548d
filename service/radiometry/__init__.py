"""From what a detector counted to degrees Celsius, and again when what was assumed turns out wrong.

A thermal camera sees what the skin emits, what the skin reflects, and the air between. `Scene` says what those
were; `flir_celsius` takes them out of the raw counts of a FLIR camera, and `at_scene` out of the temperatures of
a camera that gives no counts. A `Raw` is a frame with what makes it temperatures, so that what was set wrongly is
corrected from what was measured.
"""
from .air import AirConstants
from .flir import FlirParameters, flir_celsius, flir_raw
from .linear import LinearScale
from .meaning import GreyLevels, Temperatures
from .planck import PlanckConstants
from .possible import HIGHEST_C, LOWEST_C, check_possible
from .raw import Raw
from .scene import SCENE_FIELDS, Scene
from .stored import meaning_of
from .surface import at_scene

__all__ = ['AirConstants', 'FlirParameters', 'GreyLevels', 'HIGHEST_C', 'LOWEST_C', 'LinearScale',
           'PlanckConstants', 'Raw', 'SCENE_FIELDS', 'Scene', 'Temperatures', 'at_scene', 'check_possible',
           'flir_celsius', 'flir_raw', 'meaning_of']
