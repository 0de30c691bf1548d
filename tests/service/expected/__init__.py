"""Labels that the shipped bundle gave for three simulated patients, and how to make them again.

    python -m tests.service.expected

Written with today's libraries when the bundle changes; every other Python and every other version of the
libraries is then compared with them.
"""
import os

import cv2

from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import Thermogram

FOLDER = os.path.dirname(os.path.abspath(__file__))

#: (seed, height, width): three patients on three sensors.
PATIENTS = ((11, 480, 640), (12, 120, 160), (13, 192, 256))


def path_of(seed):
    """File of a patient's expected labels."""
    return os.path.join(FOLDER, 'labels-%d.png' % seed)


def analyse(pipeline, seed, height, width):
    """The result of a simulated patient."""
    celsius = make_phantom(seed, height, width).celsius
    return pipeline.analyse(Thermogram.from_celsius(celsius, source='phantom %d' % seed))


def write():
    """Write the expected labels anew."""
    with Pipeline.from_folder(SHIPPED_BUNDLE) as pipeline:
        for patient in PATIENTS:
            cv2.imwrite(path_of(patient[0]), analyse(pipeline, *patient).labels)
