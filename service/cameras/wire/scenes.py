"""What a simulated camera sends: a phantom before its lens, in the bytes of its format, with faults on demand."""
from dataclasses import dataclass, replace

import numpy as np

from ...simulator import Scene
from ..condition import FFC_NEVER, FFC_RUNNING, Condition
from .ffc import FfcCycle, fpa_c

FREEZE, FFC, SHORT, WRONG_SIZE = 'freeze', 'ffc', 'short', 'wrong-size'
CHROMA, SATURATED, DRIFT, DUPLICATE = 'chroma', 'saturated', 'drift', 'duplicate'

#: What can go wrong on the wire, by name.
FAULTS = {
    FREEZE: 'the same bytes again and again, the camera\'s own counter included',
    FFC: 'the shutter stays closed: the picture stands, and telemetry says so where there is any',
    SHORT: 'a quarter of the frame is missing',
    WRONG_SIZE: 'frames of another size',
    CHROMA: 'damaged contents: wrong chroma, or, in a format without any, bytes that lost their place',
    SATURATED: 'a third of the picture is beyond the scale',
    DRIFT: 'all temperatures rise together',
    DUPLICATE: 'the frame before once more, under the same sequence number',
}

#: Celsius a picture is off for each Celsius the sensor has warmed since its last correction, and
#: how fast the fault makes it rise, Celsius per second.
_DRIFT_PER_C, _FAULT_DRIFT_C_PER_S = 0.2, 0.05

_BEYOND_SCALE_C = 1e6


@dataclass(frozen=True)
class WireFrame:
    """What a device puts into one buffer: ``data`` (bytes) and ``sequence`` (int), its count of frames."""

    data: bytes
    sequence: int


class FrameMaker:
    """The frames of one simulated camera from the moment it is plugged in. Ticks must not go back.

    Args:
        wire (WireFormat): what it speaks.
        seed (int): which patient stands before it.
        rate_hz (float): frames per second; the format's own where None.
        uptime_s (float): how long it has been plugged in at tick 0. A camera that is just plugged in
            has its first correction before it, which makes its first second unusable.
        scene (callable): makes the scene of (seed, height, width); its ``frame(t_s)`` gives float32
            HxW degrees Celsius.
    """

    def __init__(self, wire, seed=1, rate_hz=None, uptime_s=0.0, scene=Scene):
        self.wire = wire
        self.rate_hz = rate_hz or wire.rate_hz
        self._scene = scene(seed, *wire.shape)
        self._uptime_s = uptime_s
        self._ffc = FfcCycle()
        self._damage = np.random.RandomState(seed & 0x7FFFFFFF)
        self._picture = None
        self._last = None
        self._drifting_since_s = None

    def frame(self, tick, fault=None):
        """One frame.

        Args:
            tick (int): how many frames the device has made before; its sequence number.
            fault (str): a key of `FAULTS` that is there now, or None.
        Returns:
            WireFrame
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

    def flat_field(self, tick):
        """Close the shutter at a tick, as a command over the cable does."""
        self._ffc.request(self._uptime_s + tick / self.rate_hz)

    def _condition(self, tick, uptime_s):
        ffc, age_s = self._ffc.at(uptime_s)
        return Condition(ffc=ffc, ffc_age_s=age_s, fpa_c=fpa_c(uptime_s), uptime_s=uptime_s, frame_number=tick)

    def _celsius(self, uptime_s, t_s, fault, shutter_closed):
        if not shutter_closed or self._picture is None:  # the picture stands while the shutter is closed
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

    def _damaged(self, data, fault):
        if fault == SHORT:
            return data[:len(data) * 3 // 4]
        if fault == WRONG_SIZE:
            return data[:len(data) // 2]
        if fault == CHROMA:
            return self._misplaced(data)
        return data

    def _misplaced(self, data):
        """A frame that lost an odd number of bytes in its first quarter, so that the rest is in the wrong place."""
        lost = 2 * self._damage.randint(1, 50) + 1
        at = self._damage.randint(len(data) // 4)
        return data[:at] + data[at + lost:] + bytes(lost)
