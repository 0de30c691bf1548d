"""The frame as a picture in which only one thing is left to see."""
import cv2
import numpy as np

#: Window of a skin-relative picture in degrees around the median of the skin, and of an absolute one.
_RELATIVE_C, _ABSOLUTE_C = (-6.0, 5.0), (18.0, 38.0)

#: A grey level frame has no degrees: its window is its own range.
_GREY = (0.0, 255.0)


def torso(frame, shape):
    """The torso alone: marker filled in, relative to the median of the skin."""
    return _picture(frame, frame.clean, frame.torso, shape)


def torso_with_marker(frame, shape):
    """The torso alone with its marker, relative to the median of the skin."""
    return _picture(frame, frame.pixels, frame.torso, shape)


def torso_absolute(frame, shape):
    """The torso alone with absolute temperatures, marker filled in."""
    return _picture(frame, frame.clean, frame.torso, shape, relative=False)


def background(frame, shape):
    """What is not torso, with absolute temperatures: ambient is what it shows."""
    return _picture(frame, frame.pixels, ~frame.torso, shape, relative=False)


def marker(frame, shape):
    """The marker alone, in its place, relative to the median of the skin."""
    there = np.zeros(frame.pixels.shape, bool) if frame.marker is None else frame.marker.mask
    return _picture(frame, frame.pixels, there, shape)


PICTURES = {'torso': torso, 'torso, marker left in': torso_with_marker, 'torso, absolute': torso_absolute,
            'background picture': background, 'marker picture': marker}


def _picture(frame, pixels, shown, shape, relative=True):
    """uint8 hxw: 1..255 where something is shown, 0 elsewhere."""
    if not frame.thermogram.is_celsius:
        (low, high), zero = _GREY, 0.0
    elif relative:
        (low, high), zero = _RELATIVE_C, 0.0 if np.isnan(frame.level) else frame.level
    else:
        (low, high), zero = _ABSOLUTE_C, 0.0
    size = (shape[1], shape[0])
    grey = 1 + 254 * np.clip((pixels - zero - low) / (high - low), 0, 1)
    # Smoothed as far as the outline reaches and no further: what is hidden must not bleed in.
    weight = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    value = cv2.resize(np.where(shown, grey, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = value / np.maximum(weight, 1e-6)
    return np.where(weight > 0.5, np.clip(np.rint(mean), 1, 255), 0).astype(np.uint8)
