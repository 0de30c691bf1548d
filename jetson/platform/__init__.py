"""The machine behind one interface: real, simulated or recorded."""
from .base import Platform
from .real import RealPlatform
from .recorded import RecordedLines, RecordedTree
from .registry import open_platform
from .simulated import SimulatedPlatform

__all__ = ['Platform', 'RealPlatform', 'RecordedLines', 'RecordedTree', 'SimulatedPlatform', 'open_platform']
