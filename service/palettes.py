"""Palettes: 256 colours that a temperature can be drawn in."""
import numpy as np

from . import palette_tables
from .messages import InputError

#: The classic thermal-camera ramp: black, blue, purple, red, orange, yellow, white, as
#: (level, red, green, blue).
_IRON = ((0, 0, 0, 0), (32, 20, 0, 95), (80, 120, 0, 155), (128, 200, 40, 100), (168, 235, 95, 20),
         (208, 252, 175, 10), (240, 255, 240, 120), (255, 255, 255, 246))

_RAMP = np.arange(256, dtype=np.uint8)


def _published(text):
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(256, 3)


def _interpolated(points):
    points = np.array(points, np.float64)
    channels = [np.interp(_RAMP, points[:, 0], points[:, k]) for k in (1, 2, 3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


#: Name to uint8 256x3 RGB table, coldest first.
PALETTES = {
    'grey': np.stack([_RAMP] * 3, axis=1),
    'grey-inverted': np.stack([_RAMP[::-1]] * 3, axis=1),
    'iron': _interpolated(_IRON),
    'inferno': _published(palette_tables.INFERNO),
    'cividis': _published(palette_tables.CIVIDIS),
    'turbo': _published(palette_tables.TURBO),
}


def palette(name):
    """The table of a palette: uint8 256x3, RGB, coldest first.

    Raises:
        InputError: ``palette-unknown``.
    """
    if name not in PALETTES:
        raise InputError('palette-unknown', 'There is no palette %r. Choose one of %s.'
                         % (name, ', '.join(sorted(PALETTES))))
    return PALETTES[name]
