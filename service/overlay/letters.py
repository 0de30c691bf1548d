"""Letters of the overlay, and the strip of them that never changes."""
import functools

import cv2
import numpy as np

from ..messages import ADJUNCT_NOTICE

NOTICE_HEIGHT_PX = 44
#: Grey level of what lies around the picture.
PAPER = 24
INK = (255, 255, 255)
SHADOW = (0, 0, 0)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Widths for which the notice is kept: a station has one camera, and files of other shapes are opened now and then.
_WIDTHS_KEPT = 8


def write(picture, words, x, y, colour=INK, size=0.55):
    """Draw letters with a dark rim. The rim is the same letters moved by a pixel and not thicker ones: since
    OpenCV 5 a thicker letter is also a wider one.

    Args:
        picture (numpy.ndarray): uint8 HxWx3, drawn on.
        words (str): ASCII.
        x, y (int): left end of the base line, in pixels.
        colour (tuple): of the letters.
        size (float): OpenCV's scale of the font.
    """
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(picture, words, (x + dx, y + dy), _FONT, size, SHADOW, 1, cv2.LINE_AA)
    cv2.putText(picture, words, (x, y), _FONT, size, colour, 1, cv2.LINE_AA)


def fitting(words, width_px, largest=0.55):
    """The font's scale at which words are at most so wide, and no larger than `largest`."""
    natural = cv2.getTextSize(words, _FONT, largest, 1)[0][0]
    return largest * min(1.0, width_px / float(natural))


@functools.lru_cache(maxsize=_WIDTHS_KEPT)
def notice_strip(width_px):
    """The adjunct notice in two lines, as large as the width allows: uint8 `NOTICE_HEIGHT_PX` x `width_px` x 3, drawn
    once and read-only.
    """
    strip = np.full((NOTICE_HEIGHT_PX, width_px, 3), PAPER, np.uint8)
    words = ADJUNCT_NOTICE.split(' ')
    half = min(range(1, len(words)), key=lambda k: abs(len(' '.join(words[:k])) - len(ADJUNCT_NOTICE) / 2.0))
    lines = [' '.join(words[:half]), ' '.join(words[half:])]
    size = min(fitting(line, width_px - 16) for line in lines)
    for row, line in enumerate(lines):
        write(strip, line, 8, 18 + 18 * row, size=size)
    strip.setflags(write=False)
    return strip
