"""Cameras: whatever delivers one thermogram after another.

`registry` chooses one by its specification; `capture` keeps it running. This module stays light, because the readers of
camera files use the wire formats below it.
"""
from .base import Camera, Frame

__all__ = ['Camera', 'Frame']
