"""Simulated USB cameras under the seam: the driver above them is the one that runs on a real camera."""
from ..faults import Fault
from ..pacing import SystemClock
from ..wire import FORMATS
from ..wire.scenes import FAULTS as WIRE_FAULTS
from ..wire.scenes import FrameMaker
from .seam import Node, VideoSystem
from .simulated_device import SimulatedVideoDevice, no_device

#: What happens to the cable: gone for a while; gone, and then back as another node.
UNPLUG, REPLUG = 'unplug', 'replug'

#: Every fault of a simulated USB camera with what it is.
FAULTS = dict(WIRE_FAULTS, **{
    UNPLUG: 'the cable is pulled, and later plugged in again',
    REPLUG: 'the cable is pulled, and the camera comes back as another video device',
})

#: A node that a camera gets when it comes back while the old one is still held.
_NEXT = 2


class SimulatedUsbCamera:
    """One camera and its cable.

    Args:
        wire (WireFormat): what it speaks. It offers every picture size of the same camera.
        seed (int): which patient stands before it.
        fault (Fault): of a kind in `FAULTS`, counted from the first time that the camera was opened.
        number (int): of its node.
        uptime_s (float): for how long it has been plugged in; one that comes back was plugged in just then.
        rate_hz (float): frames per second; the format's own where None.
        scene (callable): as of `FrameMaker`.
    """

    def __init__(self, wire, seed=1, fault=None, number=0, uptime_s=600.0, rate_hz=None, **scene):
        sizes = {(other.width, other.height): other for other in FORMATS.values() if other.camera == wire.camera}
        sizes[wire.width, wire.height] = wire
        self.wire, self.wires = wire, [wire] + [other for other in sizes.values() if other is not wire]
        self.rate_hz = rate_hz or wire.rate_hz
        self._seed = seed
        self._fault = fault or Fault()
        self._number = number
        self._uptime_s = uptime_s
        self._scene = scene
        self._first_open_s = None
        self._makers = {}

    def opened(self, now_s):
        """The time of the faults begins."""
        if self._first_open_s is None:
            self._first_open_s = now_s

    def plug(self, now_s):
        """How it is plugged in.

        Returns:
            int or None: number of its node; None while it is not plugged in.
        """
        kind = self._fault.kind
        age_s = 0.0 if self._first_open_s is None else now_s - self._first_open_s
        if kind in (UNPLUG, REPLUG) and self._fault.active(kind, age_s):
            return None
        came_back = kind in (UNPLUG, REPLUG) and age_s >= self._fault.end_s
        return self._number + (_NEXT if came_back and kind == REPLUG else 0)

    def plugged_s(self, now_s):
        """When it was plugged in, on the clock; the first time is as long ago as it was told."""
        if self._first_open_s is None:
            return now_s - self._uptime_s
        if self._fault.kind in (UNPLUG, REPLUG) and now_s - self._first_open_s >= self._fault.end_s:
            return self._first_open_s + self._fault.end_s
        return self._first_open_s - self._uptime_s

    def maker(self, wire, plugged_s):
        """The frames of a format since it was plugged in. Its tick 0 is the moment of the plug."""
        key = wire.name, plugged_s
        if key not in self._makers:
            self._makers[key] = FrameMaker(wire, self._seed, self.rate_hz, **self._scene)
        return self._makers[key]

    def fault_at(self, t_s):
        """The fault on the wire at a time, or None."""
        kind = self._fault.kind
        active = kind in WIRE_FAULTS and self._fault.active(kind, t_s - self._first_open_s)
        return kind if active else None

    def node(self, number):
        """The `Node` it is while plugged in as a number."""
        vendor, product = self.wire.usb[0]
        return Node('/dev/video%d' % number, 'simulated %s' % self.wire.camera, '%04x' % vendor,
                    '%04x' % (product or 1), 'SIM%04d' % self._seed, 'simulated-%d' % number)


class SimulatedVideoSystem(VideoSystem):
    """Simulated cameras on one machine.

    Args:
        cameras (list of SimulatedUsbCamera): what is plugged in; add to it and take from it as a hand would.
        clock (SystemClock): where the time comes from.
    """

    def __init__(self, cameras=(), clock=None):
        self.cameras = list(cameras)
        self.clock = clock or SystemClock()
        self._seen = None
        self._generation = 0

    def nodes(self):
        return [camera.node(number) for number, camera in self._plugged()]

    def open(self, path):
        for number, camera in self._plugged():
            if camera.node(number).path == path:
                now_s = self.clock.now()
                camera.opened(now_s)
                if camera.plug(now_s) is not None:  # a fault that begins at once has just begun
                    return SimulatedVideoDevice(self, camera)
        raise no_device(path)

    def generation(self):
        now_s = self.clock.now()
        seen = [(number, id(camera), camera.plugged_s(now_s)) for number, camera in self._plugged()]
        if seen != self._seen:
            self._seen = seen
            self._generation += 1
        return self._generation

    def holds(self, camera, plugged_s):
        """Whether a camera is still plugged in as it was at a time."""
        now_s = self.clock.now()
        return camera in self.cameras and camera.plug(now_s) is not None and camera.plugged_s(now_s) == plugged_s

    def _plugged(self):
        now_s = self.clock.now()
        found = [(camera.plug(now_s), camera) for camera in self.cameras]
        return sorted(((number, camera) for number, camera in found if number is not None), key=lambda pair: pair[0])
