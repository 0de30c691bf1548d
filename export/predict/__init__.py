"""What a network will cost on a board, without the board: memory, build time and latency, each with its error."""
from .pipeline import frame_sizes
from .preflight import Preflight, preflight

__all__ = ['Preflight', 'frame_sizes', 'preflight']
