"""Feeds damaged files and frames to every reader and every wire format; ``python -m tests.fuzz --help``.

A target is something that reads bytes. Its seeds are good files; `mutate` damages them, in the same way for the same
seed; `run` checks that each ends in an answer or in one sentence, in silence, in bounded time and memory.
"""
from .run import Report, run
from .targets import TARGETS

__all__ = ['Report', 'TARGETS', 'run']
