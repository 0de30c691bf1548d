"""Drift that a camera does not tell: everything in the picture gets warmer or colder together."""
import numpy as np

#: Percentiles that are compared. A patient who comes or goes moves the upper ones and leaves the wall where it is;
#: drift moves all of them.
_PERCENTILES = (5, 25, 50, 75, 95)

#: The picture is looked at this often; how it was is the mean of the first looks.
_EVERY_S, _FIRST_LOOKS = 1.0, 3

#: A shift beyond this is told: several times what the mean of a frame moves by itself, and half of the difference
#: between left and right that is pointed out.
SHIFT_C = 0.5

#: Pixels that are looked at, at most; a percentile needs no more.
_PIXELS = 4096


class Shift:
    """By how much the picture as a whole has moved since it was first seen, or since the last correction."""

    def __init__(self):
        self._first = []
        self._next_s = None
        self._newest = None

    def received(self, frame):
        """Look at a frame, where it is time for one; frames of
        counts say nothing: each is stretched by itself, so that drift does not show in them.
        """
        if not frame.thermogram.is_celsius or (self._next_s is not None and frame.t_monotonic < self._next_s):
            return
        self._next_s = frame.t_monotonic + _EVERY_S
        pixels = frame.thermogram.pixels.ravel()
        levels = np.percentile(pixels[::max(1, pixels.size // _PIXELS)], _PERCENTILES)
        if len(self._first) < _FIRST_LOOKS:
            self._first.append(levels)
        self._newest = levels if self._newest is None else 0.5 * (self._newest + levels)

    def celsius(self):
        """The shift in degrees Celsius, warmer is positive; None where it is below `SHIFT_C` or not known."""
        if len(self._first) < _FIRST_LOOKS:
            return None
        moved = self._newest - np.mean(self._first, axis=0)
        least = moved[np.argmin(np.abs(moved))]
        together = np.all(moved > 0) or np.all(moved < 0)
        return float(least) if together and abs(least) >= SHIFT_C else None
