"""The machine behind one interface: real, simulated or recorded."""
from .base import Platform
from .real import RealPlatform, RecordedLines, RecordedTree
from .simulated import SimulatedPlatform

__all__ = ['Platform', 'RealPlatform', 'RecordedLines', 'RecordedTree', 'SimulatedPlatform']
