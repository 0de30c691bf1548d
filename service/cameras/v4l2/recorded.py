"""Raw frames of a file or a folder, byte for byte, as if a video device sent them."""
import errno
import os

from ...messages import CameraError
from ..pacing import Pacer, SystemClock
from .seam import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem

#: A frame of the largest format here is below 1 MB; a file of more than so many bytes is no dump of frames.
_LONGEST_BYTES = 2 << 30
#: What Topdon's and some other viewers put before a frame: height, width, 8 and 2 as 16-bit words.
_HEADER_BYTES = 8


class RecordedVideoSystem(VideoSystem):
    """One camera that sends what a file holds: frames one after the other, or every file of a folder a frame.

    Args:
        path (str): the file or folder.
        wire (WireFormat): what the frames are of.
        rate_hz (float): frames per second; the format's own where None.
        clock (SystemClock): where the time comes from.
    """

    def __init__(self, path, wire, rate_hz=None, clock=None):
        self._path = path
        self.wire = wire
        self.rate_hz = rate_hz or wire.rate_hz
        self.clock = clock or SystemClock()

    def nodes(self):
        return [Node(self._path, 'recording %s' % os.path.basename(self._path))] if os.path.exists(self._path) else []

    def open(self, path):
        return RecordedVideoDevice(self, self._frames())

    def generation(self):
        return int(os.path.exists(self._path))

    def _frames(self):
        """Where every frame is: path, offset and length.

        Raises:
            OSError: the file cannot be read.
            CameraError: ``camera-bad-frame`` where it holds no frame.
        """
        size = self.wire.frame_bytes
        if os.path.isdir(self._path):
            paths = sorted(os.path.join(self._path, name) for name in os.listdir(self._path))
            found = [(path, _header_of(path, size), os.path.getsize(path)) for path in paths if os.path.isfile(path)]
        else:
            length = os.path.getsize(self._path)
            first = _header_of(self._path, size)
            found = [(self._path, at, at + size) for at in range(first, min(length, _LONGEST_BYTES) - size + 1, size)]
        if not found:
            raise CameraError('camera-bad-frame', 'The recording holds no frame of %d bytes, as a %s sends them; name '
                              'its format.' % (size, self.wire.camera), detail=self._path)
        return found


class RecordedVideoDevice(VideoDevice):
    """The recording while it is open; it begins again after its last frame.

    Args:
        system (RecordedVideoSystem): of which recording.
        frames (list): path, first byte and byte after the last of every frame.
    """

    def __init__(self, system, frames):
        self._wire, self._rate_hz, self._clock = system.wire, system.rate_hz, system.clock
        self._frames = frames
        self._pacer = None

    def query(self):
        return Capability('recorded', self._wire.camera, 'recorded', True, True)

    def formats(self):
        return [Offer(self._wire.fourcc, self._wire.width, self._wire.height, (self._rate_hz,))]

    def set_format(self, fourcc, width, height):
        wire = self._wire
        return Chosen(wire.fourcc, wire.width, wire.height, 2 * wire.width, wire.frame_bytes)

    def set_rate(self, rate_hz):
        return self._rate_hz

    def start(self, buffers=BUFFERS):
        self._pacer = Pacer(self._rate_hz, self._clock)

    def dequeue(self, timeout_s):
        tick = self._pacer.next_tick(timeout_s)
        if tick is None:
            return None
        path, first, end = self._frames[tick % len(self._frames)]
        with open(path, 'rb') as file:
            file.seek(first)
            data = file.read(min(end - first, 2 * self._wire.frame_bytes))
        return Buffer(data, len(data), tick, self._pacer.time_of(tick))

    def stop(self):
        self._pacer = None

    def close(self):
        self.stop()

    def get_control(self, control):
        raise _refused()

    def set_control(self, control, value):
        """Taken and forgotten: what was recorded was recorded with it."""

    def xu_query(self, unit, selector, kind, data):
        raise _refused()

    def usb_control(self, request_type, request, value, index, data):
        raise _refused()


def _header_of(path, frame_bytes):
    """Length of what stands before the first frame."""
    return _HEADER_BYTES if os.path.getsize(path) % frame_bytes == _HEADER_BYTES else 0


def _refused():
    return OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
