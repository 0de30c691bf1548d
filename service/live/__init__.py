"""The live loop: camera to analysis to one picture and one set of values that every viewer shares."""
from .latencies import BOUNDS_MS, RECENT, Latencies, StageTimes
from .loop import LiveLoop
from .state import RUNNING, STARTING, LiveState, Status

__all__ = ['BOUNDS_MS', 'RECENT', 'RUNNING', 'STARTING', 'Latencies', 'LiveLoop', 'LiveState', 'StageTimes', 'Status']
