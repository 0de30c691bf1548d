"""Statistics of the image file alone: steps, size, how well it packs."""
import zlib

import numpy as np

from ..inputs.base import Input

#: Steps are looked for down to this fraction of a unit: below what float32 keeps of a skin temperature.
_FINEST = 1e-4


def measure(frame):
    """Width and height, number of distinct values, smallest step, and packed size per pixel."""
    pixels = frame.pixels
    values = np.unique(pixels)
    steps = np.diff(values.astype(np.float64))
    steps = steps[steps > _FINEST]
    hundredths = np.rint(pixels * 100).astype(np.int32).astype(np.int16)
    # Differences along a row, as a PNG packs them: what is left is texture and noise.
    packed = len(zlib.compress(np.diff(hundredths, axis=1).tobytes(), 1))
    return {'width': float(pixels.shape[1]), 'height': float(pixels.shape[0]), 'distinct': float(len(values)),
            'step': float(steps.min()) if steps.size else np.nan, 'packed': packed / pixels.size}


FILE = Input('file statistics', 'size, distinct values, smallest step and packed size of the matrix', measure)
