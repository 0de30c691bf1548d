"""What a simulated camera sends: a phantom in front of its lens, in the bytes of its format, with faults on demand.

Like a real camera it closes its shutter at its start, every three minutes, and when it has warmed by 1.5 °C. Source of
these figures: FLIR Lepton datasheet 500-0659-00-09 (p. 20): 180 s, 1.5 °C, "imminent" two seconds before, 23 frames at
26 Hz.
"""
import math
from dataclasses import replace
from typing import Any, Callable, NamedTuple, Optional, Tuple

import numpy as np

from ...condition import FFC_COMPLETE, FFC_IMMINENT, FFC_NEVER, FFC_RUNNING, Condition
from ...simulator import Scene
from .base import WireFormat

FREEZE, FFC, SHORT, WRONG_SIZE = 'freeze', 'ffc', 'short', 'wrong-size'
CHROMA, SATURATED, DRIFT, DUPLICATE = 'chroma', 'saturated', 'drift', 'duplicate'

#: What can go wrong on the wire, by name.
FAULTS = {
    FREEZE: 'the same bytes again and again, including the camera\'s own counter',
    FFC: 'the shutter stays closed: the picture stands still, and telemetry, if there is any, says why',
    SHORT: 'a quarter of the frame is missing',
    WRONG_SIZE: 'frames of another size',
    CHROMA: 'damaged contents: wrong chroma, or shifted bytes in a format without chroma',
    SATURATED: 'a third of the picture is beyond the scale',
    DRIFT: 'all temperatures rise together',
    DUPLICATE: 'the previous frame once more, with the same sequence number',
}

#: When a correction is due, how long before it is announced, and how long it takes.
PERIOD_S, DRIFT_C, NOTICE_S, LENGTH_S = 180.0, 1.5, 2.0, 23 / 26.0

#: From the plug to the first correction.
START_S = 0.5

#: A simulated sensor warms from room temperature by this much, with this time constant.
_ROOM_C, _WARMING_C, _WARMING_S = 24.0, 9.0, 300.0
_STEP_S = 0.25

#: °C that a picture is off for each °C that the sensor has warmed since its last correction, and how fast the fault
#: makes it rise, °C per second.
_DRIFT_PER_C, _FAULT_DRIFT_C_PER_S = 0.2, 0.05

_BEYOND_SCALE_C = 1e6


def fpa_c(uptime_s: float) -> float:
    """Temperature of a simulated sensor some time after it was plugged in, °C."""
    return _ROOM_C + _WARMING_C * (1 - math.exp(-uptime_s / _WARMING_S))


class FfcCycle:
    """The flat-field corrections of one simulated camera since it was plugged in. Times must not go back."""

    def __init__(self) -> None:
        self._began_s = START_S
        self._next_s = self._next_after(START_S)

    def request(self, uptime_s: float) -> None:
        """Correct now, or continue the correction that is running."""
        if uptime_s >= self._began_s + LENGTH_S:
            self._begin(uptime_s)

    def at(self, uptime_s: float) -> Tuple[str, Optional[float]]:
        """State and age at a time since the plug.

        Returns:
            One of `FFC_STATES`; seconds since the last correction began, None before the first.
        """
        while uptime_s >= self._next_s:
            self._begin(self._next_s)
        if uptime_s < self._began_s:
            return FFC_NEVER, None
        age_s = uptime_s - self._began_s
        if age_s < LENGTH_S:
            return FFC_RUNNING, age_s
        return (FFC_IMMINENT if uptime_s >= self._next_s - NOTICE_S else FFC_COMPLETE), age_s

    def drift_c(self, uptime_s: float) -> float:
        """How much the sensor has warmed since the last correction, °C."""
        return fpa_c(uptime_s) - fpa_c(min(self._began_s, uptime_s))

    def _begin(self, uptime_s: float) -> None:
        self._began_s = uptime_s
        self._next_s = self._next_after(uptime_s)

    @staticmethod
    def _next_after(began_s: float) -> float:
        next_s = began_s + LENGTH_S + NOTICE_S
        while next_s < began_s + PERIOD_S and fpa_c(next_s) - fpa_c(began_s) < DRIFT_C:
            next_s += _STEP_S
        return min(next_s, began_s + PERIOD_S)


class WireFrame(NamedTuple):
    """What a device puts into one buffer, and its count of frames."""

    data: bytes
    sequence: int


class FrameMaker:
    """The frames of one simulated camera from the moment it is plugged in. Ticks must not go back.

    Args:
        wire: the format it sends.
        seed: which patient stands in front of it.
        rate_hz: frames per second; None for the format's own.
        uptime_s: how long it has been plugged in at tick 0. A camera that is just plugged in begins with a correction,
            which makes its first second unusable.
        scene: makes the scene of (seed, height, width); its ``frame(t_s)`` gives float32 HxW °C.
    """

    def __init__(self, wire: WireFormat, seed: int = 1, rate_hz: Optional[float] = None, uptime_s: float = 0.0,
                 scene: Callable[[int, int, int], Any] = Scene) -> None:
        self.wire = wire
        self.rate_hz = rate_hz or wire.rate_hz
        self._scene = scene(seed, *wire.shape)
        self._uptime_s = uptime_s
        self._ffc = FfcCycle()
        self._damage = np.random.RandomState(seed & 0x7FFFFFFF)
        self._picture: Optional[np.ndarray] = None
        self._last: Optional[WireFrame] = None
        self._drifting_since_s: Optional[float] = None

    def frame(self, tick: int, fault: Optional[str] = None) -> WireFrame:
        """One frame.

        Args:
            tick: how many frames the device has made before; its sequence number.
            fault: a key of `FAULTS` that is present now, or None.
        Raises:
            ValueError: a fault that does not exist.
        """
        if fault is not None and fault not in FAULTS:
            raise ValueError('there is no fault %r' % (fault,))
        if fault in (FREEZE, DUPLICATE) and self._last is not None:
            if fault == FREEZE:
                self._last = WireFrame(self._last.data, tick)
            return self._last
        uptime_s = self._uptime_s + tick / self.rate_hz
        if fault == FFC:
            self._ffc.request(uptime_s)
        condition = self._condition(tick, uptime_s)
        if fault == FFC and condition.ffc != FFC_NEVER:
            condition = replace(condition, ffc=FFC_RUNNING)
        celsius = self._celsius(uptime_s, tick / self.rate_hz, fault, condition.ffc == FFC_RUNNING)
        data = self.wire.encode(celsius, condition)
        self._last = WireFrame(self._damaged(data, fault), tick)
        return self._last

    def flat_field(self, tick: int) -> None:
        """Close the shutter at a tick, as a command over the cable does."""
        self._ffc.request(self._uptime_s + tick / self.rate_hz)

    def _condition(self, tick: int, uptime_s: float) -> Condition:
        ffc, age_s = self._ffc.at(uptime_s)
        return Condition(ffc=ffc, ffc_age_s=age_s, fpa_c=fpa_c(uptime_s), uptime_s=uptime_s, frame_number=tick)

    def _celsius(self, uptime_s: float, t_s: float, fault: Optional[str], shutter_closed: bool) -> np.ndarray:
        if self._picture is None or not shutter_closed:  # the picture stands still while the shutter is closed
            self._picture = self._scene.frame(t_s) + np.float32(_DRIFT_PER_C * self._ffc.drift_c(uptime_s))
        celsius = self._picture.copy()
        if fault == DRIFT:
            self._drifting_since_s = t_s if self._drifting_since_s is None else self._drifting_since_s
            celsius += np.float32(_FAULT_DRIFT_C_PER_S * (t_s - self._drifting_since_s))
        else:
            self._drifting_since_s = None
        if fault == SATURATED:
            celsius[:celsius.shape[0] // 3] = _BEYOND_SCALE_C
        return celsius

    def _damaged(self, data: bytes, fault: Optional[str]) -> bytes:
        if fault == SHORT:
            return data[:len(data) * 3 // 4]
        if fault == WRONG_SIZE:
            return data[:len(data) // 2]
        if fault == CHROMA:
            return self._shifted(data)
        return data

    def _shifted(self, data: bytes) -> bytes:
        """A frame that lost an odd number of bytes in its first quarter, so that the rest is in the wrong place."""
        lost = 2 * self._damage.randint(1, 50) + 1
        at = self._damage.randint(len(data) // 4)
        return data[:at] + data[at + lost:] + bytes(lost)
