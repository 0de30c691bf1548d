"""A simulated video device: buffers that fill up in time, and the commands of the camera it stands for."""
import errno
import os
from collections import deque

from .layouts import ZOOM_ABSOLUTE
from .seam import BUFFERS, Buffer, Capability, Chosen, Offer, VideoDevice

#: Commands that close the shutter, as the driver has to send them: Lepton's unit and selector, the codes of InfiRay.
_LEPTON_FFC = 6, 17
_P2_FFC = b'\x0d\xc1\0\0\0\0\0\0'
_T2_FFC = 0x8000
_LEPTON, _P2, _T2 = 0x1E4E, 0x0BDA, 0x1514


def no_device(path=''):
    """The error of a device that is not there, or not any more."""
    return OSError(errno.ENODEV, os.strerror(errno.ENODEV), path)


class SimulatedVideoDevice(VideoDevice):
    """An open simulated camera. Buffers that are full stay full: frames that find none empty are lost, as they are
    in the kernel.

    Args:
        system (SimulatedVideoSystem): whether it is still plugged in; its clock.
        camera (SimulatedUsbCamera): what it is.
    """

    def __init__(self, system, camera):
        self._system = system
        self._camera = camera
        self._clock = system.clock
        self._plugged_s = camera.plugged_s(self._clock.now())
        self._wire = camera.wire
        self._maker = None
        self._filled = deque()
        self._buffers = 0
        self._controls = {ZOOM_ABSOLUTE: 0}
        self._vendor = camera.wire.usb[0][0]

    def query(self):
        self._check()
        return Capability('simulated', self._camera.wire.camera, 'simulated', True, True)

    def formats(self):
        self._check()
        return [Offer(wire.fourcc, wire.width, wire.height, (self._camera.rate_hz,)) for wire in self._camera.wires]

    def set_format(self, fourcc, width, height):
        self._check()
        if self._maker is not None:
            raise _refused(errno.EBUSY)
        wish = fourcc, width, height
        self._wire = next((wire for wire in self._camera.wires if (wire.fourcc, wire.width, wire.height) == wish),
                          self._camera.wires[0])
        return Chosen(self._wire.fourcc, self._wire.width, self._wire.height, 2 * self._wire.width,
                      self._wire.frame_bytes)

    def set_rate(self, rate_hz):
        self._check()
        return self._camera.rate_hz

    def start(self, buffers=BUFFERS):
        self._check()
        self._maker = self._camera.maker(self._wire, self._plugged_s)
        self._filled.clear()
        self._buffers = buffers
        self._start_s = self._clock.now()
        self._first_tick = int((self._start_s - self._plugged_s) * self._camera.rate_hz + 0.5)
        self._next = 0

    def dequeue(self, timeout_s):
        self._check()
        if self._maker is None:
            raise _refused(errno.EINVAL)
        self._fill()
        if not self._filled:
            wait_s = self._time_of(self._next) - self._clock.now()
            self._clock.sleep(max(min(wait_s, timeout_s), 0.0))
            self._check()
            if wait_s > timeout_s:
                return None
            # Rounding may leave the clock a hair before the frame that was waited for.
            self._fill(at_least=self._next)
        return self._filled.popleft()

    def stop(self):
        self._maker = None
        self._filled.clear()

    def close(self):
        self.stop()
        self._plugged_s = None

    def get_control(self, control):
        self._check()
        if self._vendor != _T2 or control not in self._controls:
            raise _refused(errno.EINVAL)
        return self._controls[control]

    def set_control(self, control, value):
        self.get_control(control)
        self._controls[control] = value
        if value == _T2_FFC:
            self._close_shutter()

    def xu_query(self, unit, selector, kind, data):
        self._check()
        if self._vendor != _LEPTON:
            raise _refused(errno.ENOENT)
        if (unit, selector) == _LEPTON_FFC and data:
            self._close_shutter()
        return data

    def usb_control(self, request_type, request, value, index, data):
        self._check()
        if self._vendor != _P2:
            raise _refused(errno.EPIPE)
        if data == _P2_FFC:
            self._close_shutter()
        return data

    def _close_shutter(self):
        if self._maker is not None:
            self._fill()
            self._maker.flat_field(self._first_tick + self._next)

    def _check(self):
        if self._plugged_s is None or not self._system.holds(self._camera, self._plugged_s):
            raise no_device()

    def _time_of(self, count):
        return self._start_s + count / self._camera.rate_hz

    def _fill(self, at_least=-1):
        """Put the frames that were taken by now into the buffers that are empty."""
        newest = max(int((self._clock.now() - self._start_s) * self._camera.rate_hz), at_least)
        room = self._buffers - len(self._filled)
        self._filled.extend(self._frame(count) for count in range(self._next, min(newest + 1, self._next + room)))
        self._next = max(self._next, newest + 1)

    def _frame(self, count):
        taken_s = self._time_of(count)
        frame = self._maker.frame(self._first_tick + count, self._camera.fault_at(taken_s))
        return Buffer(frame.data, len(frame.data), frame.sequence - self._first_tick, taken_s)


def _refused(number):
    return OSError(number, os.strerror(number))
