"""Simulated USB cameras behind the interface: the driver above them is the one that runs on a real camera."""
import errno
import os
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple

from ..clock import SystemClock
from ..simulated import Fault
from ..wire import FORMATS, WireFormat
from ..wire.simulated import FAULTS as WIRE_FAULTS
from ..wire.simulated import FrameMaker
from .bulk import SHUTTER
from .interface import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem

#: What happens to the cable: unplugged for a while; or plugged in again as another node.
UNPLUG, REPLUG = 'unplug', 'replug'

#: Every fault of a simulated USB camera, with a description.
FAULTS = dict(WIRE_FAULTS, **{
    UNPLUG: 'the cable is unplugged, and later plugged in again',
    REPLUG: 'the cable is unplugged, and the camera comes back as another video device',
})

#: Added to the node's number of a camera that comes back while the old node is still held.
_NEXT = 2

#: Commands that close the shutter, as the driver has to send them: the Lepton's unit and selector, InfiRay's codes.
_LEPTON_FFC = 6, 17
_P2_FFC = b'\x0d\xc1\0\0\0\0\0\0'
_T2_FFC = 0x8000
_SHUTTERS = (_P2_FFC, SHUTTER)
_LEPTON, _P2, _T2 = 0x1E4E, 0x0BDA, 0x1514


class SimulatedUsbCamera:
    """One camera and its cable.

    Args:
        wire: the format it sends. It offers every picture size of the same camera.
        seed: which patient stands in front of it.
        fault: of a kind in `FAULTS`, counted from the first time that the camera was opened.
        number: of its node.
        uptime_s: how long it has been plugged in; after an interruption it counts from then.
        rate_hz: frames per second; None for the format's own.
        scene: as of `FrameMaker`.
    """

    def __init__(self, wire: WireFormat, seed: int = 1, fault: Optional[Fault] = None, number: int = 0,
                 uptime_s: float = 600.0, rate_hz: Optional[float] = None, **scene: Any) -> None:
        sizes = {(other.width, other.height): other for other in FORMATS.values() if other.camera == wire.camera}
        sizes[wire.width, wire.height] = wire
        self.wire, self.wires = wire, [wire] + [other for other in sizes.values() if other is not wire]
        self.rate_hz = rate_hz or wire.rate_hz
        self._seed = seed
        self._fault = fault or Fault()
        self._number = number
        self._uptime_s = uptime_s
        self._scene = scene
        self._first_open_s: Optional[float] = None
        self._makers: Dict[Tuple[str, float], FrameMaker] = {}

    def opened(self, now_s: float) -> None:
        """Start the clock of the faults."""
        if self._first_open_s is None:
            self._first_open_s = now_s

    def plug(self, now_s: float) -> Optional[int]:
        """Number of its node; None while it is unplugged."""
        kind = self._fault.kind
        age_s = 0.0 if self._first_open_s is None else now_s - self._first_open_s
        if kind in (UNPLUG, REPLUG) and self._fault.active(kind, age_s):
            return None
        came_back = kind in (UNPLUG, REPLUG) and age_s >= self._fault.end_s
        return self._number + (_NEXT if came_back and kind == REPLUG else 0)

    def plugged_s(self, now_s: float) -> float:
        """When it was plugged in, on the clock."""
        if self._first_open_s is None:
            return now_s - self._uptime_s
        if self._fault.kind in (UNPLUG, REPLUG) and now_s - self._first_open_s >= self._fault.end_s:
            return self._first_open_s + self._fault.end_s
        return self._first_open_s - self._uptime_s

    def maker(self, wire: WireFormat, plugged_s: float) -> FrameMaker:
        """The frames of a format since the camera was plugged in, which is tick 0."""
        key = wire.name, plugged_s
        if key not in self._makers:
            self._makers[key] = FrameMaker(wire, self._seed, self.rate_hz, **self._scene)
        return self._makers[key]

    def fault_at(self, t_s: float) -> Optional[str]:
        """The fault on the wire at a time, or None."""
        kind = self._fault.kind
        active = kind in WIRE_FAULTS and self._fault.active(kind, t_s - (self._first_open_s or 0.0))
        return kind if active else None

    def node(self, number: int) -> Node:
        """Its node while it is plugged in under a number."""
        vendor, product = self.wire.usb[0]
        return Node('/dev/video%d' % number, 'simulated %s' % self.wire.camera, '%04x' % vendor,
                    '%04x' % (product or 1), 'SIM%04d' % self._seed, 'simulated-%d' % number)


class SimulatedVideoSystem(VideoSystem):
    """Simulated cameras on one machine.

    Args:
        cameras: what is plugged in; to plug in or unplug, change the list.
        clock: where the time comes from.
    """

    def __init__(self, cameras: Sequence[SimulatedUsbCamera] = (), clock: Optional[SystemClock] = None) -> None:
        self.cameras = list(cameras)
        self.clock = clock or SystemClock()
        self._last: Optional[List[Tuple[int, int, float]]] = None
        self._generation = 0

    def nodes(self) -> List[Node]:
        return [camera.node(number) for number, camera in self._plugged()]

    def open(self, path: str) -> 'SimulatedVideoDevice':
        for number, camera in self._plugged():
            if camera.node(number).path == path:
                now_s = self.clock.now()
                camera.opened(now_s)
                if camera.plug(now_s) is not None:  # a fault that begins at once has just begun
                    return SimulatedVideoDevice(self, camera)
        raise _error(errno.ENODEV, path)

    def generation(self) -> int:
        now_s = self.clock.now()
        current = [(number, id(camera), camera.plugged_s(now_s)) for number, camera in self._plugged()]
        if current != self._last:
            self._last = current
            self._generation += 1
        return self._generation

    def holds(self, camera: SimulatedUsbCamera, plugged_s: float) -> bool:
        """Whether a camera is still plugged in as it was at a time."""
        now_s = self.clock.now()
        return camera in self.cameras and camera.plug(now_s) is not None and camera.plugged_s(now_s) == plugged_s

    def _plugged(self) -> List[Tuple[int, SimulatedUsbCamera]]:
        now_s = self.clock.now()
        numbered = [(camera.plug(now_s), camera) for camera in self.cameras]
        return sorted(((number, camera) for number, camera in numbered if number is not None),
                      key=lambda pair: pair[0])


class SimulatedVideoDevice(VideoDevice):
    """An open simulated camera, with the shutter commands of the camera that it stands for.

    Buffers that are full stay full: frames that find none empty are lost, as they are in the kernel.

    Args:
        system: whether it is still plugged in; its clock.
        camera: what it is.
    """

    def __init__(self, system: SimulatedVideoSystem, camera: SimulatedUsbCamera) -> None:
        self._system = system
        self._camera = camera
        self._clock = system.clock
        self._plugged_s: Optional[float] = camera.plugged_s(self._clock.now())
        self._wire = camera.wire
        self._maker: Optional[FrameMaker] = None
        self._filled: Deque[Buffer] = deque()
        self._buffers = 0
        self._start_s, self._first_tick, self._next = 0.0, 0, 0
        self._vendor = camera.wire.usb[0][0]

    def query(self) -> Capability:
        self._check()
        return Capability('simulated', self._camera.wire.camera, 'simulated', True, True)

    def formats(self) -> List[Offer]:
        self._check()
        return [Offer(wire.fourcc, wire.width, wire.height, (self._camera.rate_hz,)) for wire in self._camera.wires]

    def set_format(self, fourcc: str, width: int, height: int) -> Chosen:
        self._check()
        if self._maker is not None:
            raise _error(errno.EBUSY)
        request = fourcc, width, height
        self._wire = next((wire for wire in self._camera.wires if (wire.fourcc, wire.width, wire.height) == request),
                          self._camera.wires[0])
        return Chosen(self._wire.fourcc, self._wire.width, self._wire.height, 2 * self._wire.width,
                      self._wire.frame_bytes)

    def set_rate(self, rate_hz: float) -> float:
        self._check()
        return self._camera.rate_hz

    def start(self, buffers: int = BUFFERS) -> None:
        plugged_s = self._check()
        self._maker = self._camera.maker(self._wire, plugged_s)
        self._filled.clear()
        self._buffers = buffers
        self._start_s = self._clock.now()
        self._first_tick = int((self._start_s - plugged_s) * self._camera.rate_hz + 0.5)
        self._next = 0

    def dequeue(self, timeout_s: float) -> Optional[Buffer]:
        self._check()
        if self._maker is None:
            raise _error(errno.EINVAL)
        self._fill(self._maker)
        if not self._filled:
            wait_s = self._time_of(self._next) - self._clock.now()
            self._clock.sleep(max(min(wait_s, timeout_s), 0.0))
            self._check()
            if wait_s > timeout_s:
                return None
            # Rounding may leave the clock slightly before the frame that was waited for.
            self._fill(self._maker, at_least=self._next)
        return self._filled.popleft()

    def stop(self) -> None:
        self._maker = None
        self._filled.clear()

    def close(self) -> None:
        self.stop()
        self._plugged_s = None

    def set_control(self, control: int, value: int) -> None:
        self._check()
        if self._vendor != _T2:
            raise _error(errno.EINVAL)
        if value == _T2_FFC:
            self._close_shutter()

    def xu_query(self, unit: int, selector: int, kind: int, data: bytes) -> bytes:
        self._check()
        if self._vendor != _LEPTON:
            raise _error(errno.ENOENT)
        if (unit, selector) == _LEPTON_FFC and data:
            self._close_shutter()
        return data

    def usb_control(self, request_type: int, request: int, value: int, index: int, data: bytes) -> bytes:
        self._check()
        if self._vendor != _P2 and not self._camera.wire.bulk:
            raise _error(errno.EPIPE)
        if data in _SHUTTERS:
            self._close_shutter()
        return data

    def _close_shutter(self) -> None:
        if self._maker is not None:
            self._fill(self._maker)
            self._maker.flat_field(self._first_tick + self._next)

    def _check(self) -> float:
        """When it was plugged in; raises if it is not any more."""
        if self._plugged_s is None or not self._system.holds(self._camera, self._plugged_s):
            raise _error(errno.ENODEV)
        return self._plugged_s

    def _time_of(self, count: int) -> float:
        return self._start_s + count / self._camera.rate_hz

    def _fill(self, maker: FrameMaker, at_least: int = -1) -> None:
        """Put the frames that were taken by now into the buffers that are empty."""
        newest = max(int((self._clock.now() - self._start_s) * self._camera.rate_hz), at_least)
        room = self._buffers - len(self._filled)
        self._filled.extend(self._frame(maker, count)
                            for count in range(self._next, min(newest + 1, self._next + room)))
        self._next = max(self._next, newest + 1)

    def _frame(self, maker: FrameMaker, count: int) -> Buffer:
        taken_s = self._time_of(count)
        frame = maker.frame(self._first_tick + count, self._camera.fault_at(taken_s))
        return Buffer(frame.data, frame.sequence - self._first_tick, taken_s)


def _error(number: int, path: str = '') -> OSError:
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))
