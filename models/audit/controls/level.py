"""Mean of the whole frame alone: room and body heat together, no pattern."""
import numpy as np

from ..inputs.base import Input


def measure(frame):
    """Mean of all pixels, absolute."""
    return {'mean': float(frame.pixels.mean(dtype=np.float64))}


LEVEL = Input('frame mean', 'mean temperature of the whole frame', measure)
