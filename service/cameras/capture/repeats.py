"""Tells a picture from the last one shown again."""
import numpy as np

from ..condition import FFC_IMMINENT, FFC_RUNNING

#: A picture that stays the same for longer is frozen. Closing a shutter takes no camera here longer than a second
#: (a Lepton: 23 frames at 26 Hz), and cameras show their last picture meanwhile.
FROZEN_S = 2.0


class Repeats:
    """Compares every frame with the last new one.

    The camera's own counter tells, where it has one; else the pixels do, because of the noise of a sensor. A picture
    of one single value is no repetition: every pixel may be at the end of the scale.
    A camera that is opened again and still shows the picture of before is frozen still.
    """

    def __init__(self):
        self._never_repeats = False
        self._last = None

    def opened(self, never_repeats):
        """A camera was opened; `never_repeats` as of `Camera`: every picture of a recording is new."""
        self._never_repeats = never_repeats

    def is_new(self, frame):
        """Whether a frame shows something that the last one did not."""
        last = self._last
        if last is not None and self._never_repeats and self._same(last, frame):
            if frame.condition.ffc in (FFC_IMMINENT, FFC_RUNNING):  # it says why: that is no freeze
                self._last = last[0], last[1], frame.t_monotonic
            return False
        pixels = frame.thermogram.pixels
        self._last = pixels, frame.condition.frame_number, frame.t_monotonic
        return True

    def frozen_s(self, frame):
        """For how long the picture has been the same, in seconds."""
        return frame.t_monotonic - self._last[2]

    def _same(self, last, frame):
        pixels, number, _ = last
        if number is not None and frame.condition.frame_number is not None:
            return number == frame.condition.frame_number
        return np.array_equal(pixels, frame.thermogram.pixels) and np.ptp(pixels) > 0
