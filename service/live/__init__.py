"""The live loop: camera to analysis to one picture and one set of values that every viewer shares."""
from .loop import LiveLoop
from .state import RUNNING, STARTING, LiveState, Status

__all__ = ['RUNNING', 'STARTING', 'LiveLoop', 'LiveState', 'Status']
