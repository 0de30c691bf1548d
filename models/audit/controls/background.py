"""Background only: the room, far from the body."""
import cv2
import numpy as np

from ..inputs.base import Input

#: Distance from the body, in pixels of a frame 640 wide: beyond its glow (facts: 25 px).
_AWAY_PX, _WIDTH_PX = 25, 640

#: Fewer pixels of working size than this are no background.
_FEWEST = 20


def measure(frame):
    """Median, standard deviation and 5th percentile of the pixels far from anything warm."""
    reduced = frame.body.reduced
    warm = (reduced > frame.body.threshold) | frame.body.mask
    away = cv2.distanceTransform((~warm).astype(np.uint8), cv2.DIST_L2, 5)
    values = reduced[away >= _AWAY_PX * reduced.shape[1] / _WIDTH_PX].astype(np.float64)
    if values.size < _FEWEST:
        return {}
    return {'median': float(np.median(values)), 'sd': values.std(), 'p5': np.quantile(values, 0.05)}


BACKGROUND = Input('background', 'median, spread and cold end of pixels 25 px away from the body', measure)
