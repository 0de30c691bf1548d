"""From what a detector counted to degrees Celsius, and again when what was assumed turns out wrong.

A thermal camera sees what the skin emits, what the skin reflects, and the air between. `Scene` says what those
were; `flir_celsius` takes them out of the raw counts of a FLIR camera, and `at_scene` out of the temperatures of
a camera that gives no counts.
"""
from .air import AirConstants
from .flir import FlirParameters, flir_celsius, flir_raw
from .planck import PlanckConstants
from .scene import SCENE_FIELDS, Scene
from .surface import at_scene

__all__ = ['AirConstants', 'FlirParameters', 'PlanckConstants', 'SCENE_FIELDS', 'Scene', 'at_scene', 'flir_celsius',
           'flir_raw']
