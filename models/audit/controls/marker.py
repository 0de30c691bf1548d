"""Marker only: the metal plate on the chest."""
import numpy as np

from ..inputs.base import Input


def measure(frame):
    """Whether there is a marker, how large, where on the body, and how much colder than the skin."""
    found = frame.marker
    if found is None:
        return {'present': 0.0, 'size': np.nan, 'x': np.nan, 'y': np.nan, 'contrast': np.nan}
    return {'present': 1.0, 'size': found.size, 'x': found.x, 'y': found.y, 'contrast': found.contrast}


MARKER = Input('marker', 'presence, size, place and contrast of the metal marker', measure)
