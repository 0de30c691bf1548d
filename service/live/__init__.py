"""The live picture: a loop analyses what the camera gives and publishes one picture and one set of values for all."""
from .loop import LiveLoop, Painter
from .publisher import RUNNING, STARTING, LiveState, Publisher
from .statistics import BOUNDS_MS, RECENT, Counters, Latencies, StageTimes

__all__ = ['BOUNDS_MS', 'RECENT', 'RUNNING', 'STARTING', 'Counters', 'Latencies', 'LiveLoop', 'LiveState', 'Painter',
           'Publisher', 'StageTimes']
