"""Pixels that do not measure: those on a list, and those that stand still while the others tremble."""
import re

import numpy as np

from ...messages import InputError

#: A pixel that has kept its value through so many frames is stuck. With a noise of three quanta it keeps it for one
#: frame less often than one in seven; through 64 frames no pixel of a working sensor does.
STUCK_FRAMES = 64

#: More than this share of still pixels is not the pixels' fault: a recording, or steps wider than the noise.
MOST_STUCK = 0.005

#: A list of more is a list of something else.
_MOST_LISTED = 4096

_PLACE = re.compile(r'([0-9]{1,4})\s*,\s*([0-9]{1,4})')


def read_map(path):
    """Places of bad pixels from a text file: ``column, row`` per line, counted from 0; ``#`` begins a remark.

    Args:
        path (str): the file.
    Returns:
        tuple of (int, int): (row, column).
    Raises:
        InputError: ``bad-pixels-unreadable`` or ``bad-pixels-line``.
    """
    try:
        with open(path, encoding='utf-8') as stream:
            lines = stream.read(64 * _MOST_LISTED).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError('bad-pixels-unreadable', 'The list of bad pixels %s cannot be read; check the setting '
                         'bad_pixels.' % path, detail=str(error))
    places = []
    for number, line in enumerate(lines, 1):
        line = line.partition('#')[0].strip()
        found = _PLACE.fullmatch(line)
        if line and not found:
            raise InputError('bad-pixels-line', 'Line %d of the list of bad pixels %s is not column, row; correct it.'
                             % (number, path), detail=line[:80])
        if found:
            places.append((int(found.group(2)), int(found.group(1))))
    if len(places) > _MOST_LISTED:
        raise InputError('bad-pixels-line', 'The list of bad pixels %s names %d; a camera with so many should be '
                         'replaced.' % (path, len(places)))
    return tuple(places)


class BadPixels:
    """Replaces bad pixels by the median of their good neighbours.

    Listed pixels are replaced from the first frame on. A pixel is found to be bad only where it is stuck: one that is
    merely hotter than its neighbours may be a small hot spot of the patient, and stays.

    Args:
        listed (tuple of (int, int)): (row, column); those outside of the frame are ignored.
    Attributes:
        count (int): how many are replaced.
    """

    def __init__(self, listed=()):
        self._listed = tuple(listed)
        self.reset()

    def reset(self):
        """Forget what was found."""
        self.count = 0
        self._bad = None
        self._lowest = self._highest = None
        self._seen = 0

    def repair(self, pixels):
        """A frame with its bad pixels replaced.

        Args:
            pixels (numpy.ndarray): float32 HxW.
        Returns:
            numpy.ndarray: the same array where none is bad.
        """
        if self._bad is None or self._bad.shape != pixels.shape:
            self.reset()
            self._bad = np.zeros(pixels.shape, bool)
            for row, column in self._listed:
                if row < pixels.shape[0] and column < pixels.shape[1]:
                    self._bad[row, column] = True
            self.count = int(self._bad.sum())
        self._look(pixels)
        return _filled(pixels, self._bad) if self.count else pixels

    def _look(self, pixels):
        if self._seen == 0:
            self._lowest, self._highest = pixels.copy(), pixels.copy()
        else:
            np.minimum(self._lowest, pixels, out=self._lowest)
            np.maximum(self._highest, pixels, out=self._highest)
        self._seen += 1
        if self._seen < STUCK_FRAMES:
            return
        self._seen = 0
        stuck = self._lowest == self._highest
        if stuck.mean() <= MOST_STUCK:
            self._bad |= stuck
            self.count = int(self._bad.sum())


def _filled(pixels, bad):
    """Bad pixels from the centre of a cluster may have no good neighbour: the good ones of a wider ring serve then."""
    filled = pixels.copy()
    height, width = pixels.shape
    for row, column in np.argwhere(bad):
        for reach in range(1, max(height, width)):
            top, left = max(row - reach, 0), max(column - reach, 0)
            near = np.s_[top:row + reach + 1, left:column + reach + 1]
            good = pixels[near][~bad[near]]
            if good.size:
                filled[row, column] = np.median(good)
                break
    return filled
