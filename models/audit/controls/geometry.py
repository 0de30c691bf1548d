"""Frame geometry alone: how the person stands before the camera."""
import numpy as np

from ..inputs.base import Input


def measure(frame):
    """Share, bounding box and centre of the torso's outline, as shares of the frame."""
    rows, columns = np.nonzero(frame.torso)
    if not rows.size:
        return {}
    height, width = frame.torso.shape
    waist = frame.torso[-max(1, height // 20):].sum(axis=1).mean()
    return {'share': frame.torso.mean(), 'top': rows.min() / height, 'left': columns.min() / width,
            'right': columns.max() / width, 'centre_x': columns.mean() / width, 'centre_y': rows.mean() / height,
            'waist': waist / width}


GEOMETRY = Input('geometry', 'outline of the torso: how the person stands', measure)
