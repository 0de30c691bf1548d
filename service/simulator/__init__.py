"""A physics-informed breast-thermogram phantom: temperatures, region labels and what was planted.

It feeds the simulated camera, the demonstration, the tests and the training of the first network.
numpy only. No real thermogram went into it; shapes and temperatures follow published statistics.
"""
from .phantom import Phantom, make_phantom
from .scene import Scene

__all__ = ['Phantom', 'Scene', 'make_phantom']
