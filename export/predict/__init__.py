"""What a network will cost on a board, without the board: memory, build time and latency, each with its error."""
from .fusion import Fused, UnknownShapeError, fuse
from .kernel import Kernel
from .latency import Interval, Latency, predict
from .memory import Need, need
from .pipeline import Pipeline
from .preflight import Preflight, preflight

__all__ = ['Fused', 'Interval', 'Kernel', 'Latency', 'Need', 'Pipeline', 'Preflight', 'UnknownShapeError', 'fuse',
           'need', 'predict', 'preflight']
