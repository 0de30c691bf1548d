"""When a simulated camera closes its shutter: at its start, every three minutes, and when it has warmed by 1.5 C.

Source of the figures: FLIR Lepton datasheet 500-0659-00-09 (p. 20): 180 s, 1.5 C, "imminent" two
seconds before, 23 frames at 26 Hz.
"""
import math

from ..condition import FFC_COMPLETE, FFC_IMMINENT, FFC_NEVER, FFC_RUNNING

PERIOD_S, DRIFT_C, NOTICE_S, LENGTH_S = 180.0, 1.5, 2.0, 23 / 26.0

#: From the plug to the first correction.
START_S = 0.5

#: A simulated sensor warms from the room to this much above it, with this time constant.
_ROOM_C, _WARMING_C, _WARMING_S = 24.0, 9.0, 300.0
_STEP_S = 0.25


def fpa_c(uptime_s):
    """Temperature of a simulated sensor some time after it was plugged in, Celsius."""
    return _ROOM_C + _WARMING_C * (1 - math.exp(-uptime_s / _WARMING_S))


class FfcCycle:
    """The corrections of one simulated camera since it was plugged in. Times must not go back."""

    def __init__(self):
        self._began_s = START_S
        self._next_s = self._next_after(START_S)

    def request(self, uptime_s):
        """Correct now, or go on with the correction that runs."""
        if uptime_s >= self._began_s + LENGTH_S:
            self._begin(uptime_s)

    def at(self, uptime_s):
        """State and age.

        Args:
            uptime_s (float): since the camera was plugged in.
        Returns:
            (str, float or None): one of `FFC_STATES`; seconds since the last correction began, None
            before the first.
        """
        while uptime_s >= self._next_s:
            self._begin(self._next_s)
        if uptime_s < self._began_s:
            return FFC_NEVER, None
        age_s = uptime_s - self._began_s
        if age_s < LENGTH_S:
            return FFC_RUNNING, age_s
        return (FFC_IMMINENT if uptime_s >= self._next_s - NOTICE_S else FFC_COMPLETE), age_s

    def drift_c(self, uptime_s):
        """How much the sensor has warmed since the last correction, Celsius."""
        return fpa_c(uptime_s) - fpa_c(min(self._began_s, uptime_s))

    def _begin(self, uptime_s):
        self._began_s = uptime_s
        self._next_s = self._next_after(uptime_s)

    @staticmethod
    def _next_after(began_s):
        next_s = began_s + LENGTH_S + NOTICE_S
        while next_s < began_s + PERIOD_S and fpa_c(next_s) - fpa_c(began_s) < DRIFT_C:
            next_s += _STEP_S
        return min(next_s, began_s + PERIOD_S)
