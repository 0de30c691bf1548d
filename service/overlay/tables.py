"""Colours in OpenCV's channel order, brought into it once."""
import functools

import numpy as np

from ..palettes import palette

#: Colour of a region's tint (BGR), by id: sides differ in brightness too, so that they stay apart
#: without colour vision.
TINTS = np.array([(0, 0, 0), (255, 180, 90), (90, 190, 255), (200, 70, 0), (0, 90, 200), (220, 255, 150),
                  (220, 160, 255), (120, 240, 240)], np.uint8)

_COOLER, _SAME, _WARMER = (220, 70, 30), (235, 235, 235), (20, 20, 200)


@functools.lru_cache(maxsize=None)
def bgr_palette(name):
    """The table of a palette: uint8 256x3, BGR, coldest first, read-only.

    Raises:
        InputError: ``palette-unknown``.
    """
    return _frozen(palette(name)[:, ::-1])


def _diverging():
    """256 colours from cooler over the same to warmer."""
    position = np.linspace(-1, 1, 256)[:, np.newaxis]
    ends = np.where(position < 0, np.float64(_COOLER), np.float64(_WARMER))
    return np.rint(_SAME + (ends - _SAME) * np.abs(position)).astype(np.uint8)


def _padded(colours):
    """Colours of a few levels as a table of 256."""
    table = np.zeros((256, 3), np.uint8)
    table[:len(colours)] = colours
    return table


def _frozen(table):
    table = np.array(table, np.uint8, order='C')
    table.setflags(write=False)
    return table


DIVERGING = _frozen(_diverging())
GREY = bgr_palette('grey')
#: Half as bright, to lie under something.
GREY_HALF, TINTS_HALF = _frozen(GREY // 2), _frozen(_padded(TINTS // 2))
