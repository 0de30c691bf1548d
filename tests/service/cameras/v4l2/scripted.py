"""A video system whose one device does what a test says, frame by frame."""
import os

import numpy as np

from service.cameras.v4l2 import Buffer, Capability, Choice, Chosen, Node, Offer, V4l2Camera, VideoDevice, VideoSystem
from service.cameras.wire import FORMATS

LEPTON = FORMATS['lepton-y16-telemetry']


def error(number):
    return OSError(number, os.strerror(number))


def frame_of(wire, celsius=30.0, **carried):
    """The bytes of a gradient around a temperature."""
    rows, columns = wire.shape
    picture = celsius + np.linspace(-1, 1, rows * columns).reshape(rows, columns)
    return wire.encode(picture, **carried)


def camera_of(system):
    """The driver over a system, not opened."""
    return V4l2Camera(system, Choice(), system.clock)


def opened(system):
    """The driver, opened with the first frame that was sent, or with one more."""
    if not system.frames:
        system.send()
    camera = camera_of(system)
    camera.open()
    return camera


class ScriptedSystem(VideoSystem):
    """Attributes: `frames` (Buffers or OSErrors to come), `asked` (what the device was told), `fail` (by name)."""

    def __init__(self, clock, wire=LEPTON, offers=None, node=None):
        self.clock = clock
        self.wire = wire
        vendor, product = wire.usb[0]
        self.node = node or Node('/dev/video0', 'a camera', '%04x' % vendor, '%04x' % (product or 1))
        self.offers = [Offer(wire.fourcc, wire.width, wire.height)] if offers is None else offers
        self.frames, self.asked, self.fail = [], [], {}
        self.capability = Capability('uvcvideo', 'a camera', 'usb', True, True)
        self.chosen = None

    def nodes(self):
        return [self.node]

    def generation(self):
        return 1

    def open(self, path):
        self.raise_if_told('open')
        return ScriptedDevice(self)

    def raise_if_told(self, name):
        self.asked.append(name)
        if name in self.fail:
            raise error(self.fail[name])

    def send(self, data=None, sequence=None, error=False, age_s=0.0):
        """One more frame that lies there."""
        data = frame_of(self.wire) if data is None else data
        sequence = len(self.frames) if sequence is None else sequence
        self.frames.append(Buffer(data, sequence, self.clock.now() - age_s, error))


class ScriptedDevice(VideoDevice):
    def __init__(self, system):
        self.system = system

    def query(self):
        self.system.raise_if_told('query')
        return self.system.capability

    def formats(self):
        return self.system.offers

    def set_format(self, fourcc, width, height):
        self.system.asked.append((fourcc, width, height))
        return self.system.chosen or Chosen(fourcc, width, height, 2 * width, 2 * width * height)

    def set_rate(self, rate_hz):
        self.system.raise_if_told('set_rate')
        return 0.0

    def start(self, buffers=4):
        self.system.raise_if_told('start')

    def dequeue(self, timeout_s):
        if not self.system.frames:
            self.system.clock.sleep(timeout_s)
            return None
        found = self.system.frames.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    def stop(self):
        self.system.asked.append('stop')

    def close(self):
        self.system.asked.append('close')

    def set_control(self, control, value):
        self.system.asked.append(('control', control, value))
        self.system.raise_if_told('set_control')

    def xu_query(self, unit, selector, kind, data):
        self.system.asked.append(('xu', unit, selector, kind, data))
        self.system.raise_if_told('xu %d' % unit)
        return data

    def usb_control(self, request_type, request, value, index, data):
        self.system.asked.append(('usb', request_type, request, value, index, data))
        self.system.raise_if_told('usb')
        return bytes([self.system.fail.get('status', 0)]) if request_type == 0xC1 else data
