"""A physics-informed breast-thermogram phantom: temperatures, region labels and what was planted.

It feeds the simulated camera, the demonstration, the tests and the training of the first network, and needs NumPy
only. No real thermogram went into it; shapes and temperatures follow published statistics.
"""
from .description import CAMERAS, FACINGS, KINDS, THINGS, Description, choose_kind, describe, view_of
from .phantom import Phantom, Scene, make_phantom

__all__ = ['CAMERAS', 'FACINGS', 'KINDS', 'THINGS', 'Description', 'Phantom', 'Scene', 'choose_kind', 'describe',
           'make_phantom', 'view_of']
