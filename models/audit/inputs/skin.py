"""Plain statistics of the skin within the torso, without any region."""
import cv2
import numpy as np

from .base import Input

#: Neighbourhood of the local spread, in pixels at a long side of 320: about 2 cm of skin.
_SIDE_PX, _LOCAL_PX = 320, 15


def relative(frame):
    """Seven statistics of the marker-free skin, all of them relative to its median."""
    return _measure(frame, frame.level)


def absolute(frame):
    """The same seven with their absolute temperature: what a warm room adds is in them."""
    return _measure(frame, 0.0)


def with_marker(frame):
    """The relative seven with the marker's pixels among the skin's."""
    return _measure(frame, frame.level, frame.pixels, frame.torso)


def _measure(frame, zero, pixels=None, skin=None):
    pixels = frame.clean if pixels is None else pixels
    skin = frame.skin if skin is None else skin
    if not skin.any():
        return {}
    values = pixels[skin].astype(np.float64) - zero
    low, high = np.quantile(values, [0.05, 0.95])
    sides = _halves(pixels, skin)
    return {'mean': values.mean(), 'sd': values.std(), 'p5': low, 'p95': high,
            'local_spread': _local_spread(pixels, skin), 'left_right': abs(sides[0]), 'left_right_p95': abs(sides[1])}


def _halves(pixels, skin):
    """Left minus right half of the torso: of the mean and of the 95th percentile."""
    columns = np.nonzero(skin.any(axis=0))[0]
    middle = (columns[0] + columns[-1] + 1) // 2
    right, left = pixels[:, :middle][skin[:, :middle]], pixels[:, middle:][skin[:, middle:]]
    if not right.size or not left.size:
        return float('nan'), float('nan')
    return float(left.mean() - right.mean()), float(np.quantile(left, 0.95) - np.quantile(right, 0.95))


def _local_spread(pixels, skin):
    """Median over the skin of the standard deviation within a small neighbourhood: veins and patches."""
    scale = min(1.0, _SIDE_PX / max(pixels.shape))
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean()
    inside = cv2.resize(skin.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    inside = cv2.erode(inside, np.ones((_LOCAL_PX, _LOCAL_PX), np.uint8), borderType=cv2.BORDER_CONSTANT,
                       borderValue=1) > 0
    if not inside.any():
        return float('nan')
    mean, square = (cv2.blur(part, (_LOCAL_PX, _LOCAL_PX)) for part in (small, small * small))
    return float(np.median(np.sqrt(np.maximum(square - mean * mean, 0))[inside]))


SKIN = Input('skin', '7 skin statistics within the torso, relative to its median, marker left out', relative)
SKIN_ABSOLUTE = Input('skin, absolute', 'the same 7 with the absolute temperature', absolute)
SKIN_MARKER = Input('skin, marker left in', 'the relative 7 with the marker among the skin', with_marker)
