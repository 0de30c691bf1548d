"""Raw frames of a file or a folder, byte for byte, as if a video device sent them."""
import errno
import os
from typing import List, Optional, Tuple

from ...messages import CameraError
from ..clock import Pacer, SystemClock
from ..wire import WireFormat
from .interface import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem

#: Frames of the largest format here are below 1 MB; a larger file than this is no dump of frames.
_LONGEST_BYTES = 2 << 30
#: What some viewers, such as Topdon's, put before a frame: height, width, 8 and 2 as 16-bit words.
_HEADER_BYTES = 8

#: Path, first byte and the byte after the last.
_Place = Tuple[str, int, int]


class RecordedVideoSystem(VideoSystem):
    """One camera that sends what a file holds: frames one after the other, or each file of a folder as a frame.

    Args:
        path: the file or folder.
        wire: format of the frames.
        rate_hz: frames per second; None for the format's own.
        clock: where the time comes from.
    """

    def __init__(self, path: str, wire: WireFormat, rate_hz: Optional[float] = None,
                 clock: Optional[SystemClock] = None) -> None:
        self._path = path
        self._wire = wire
        self._rate_hz = rate_hz or wire.rate_hz
        self._clock = clock or SystemClock()

    def nodes(self) -> List[Node]:
        return [Node(self._path, 'recording %s' % os.path.basename(self._path))] if os.path.exists(self._path) else []

    def open(self, path: str) -> 'RecordedVideoDevice':
        return RecordedVideoDevice(self._wire, self._rate_hz, self._clock, self._frames())

    def generation(self) -> int:
        return int(os.path.exists(self._path))

    def _frames(self) -> List[_Place]:
        """Where every frame is.

        Raises:
            OSError: the file cannot be read.
            CameraError: ``camera-bad-frame`` if it holds no frame.
        """
        size = self._wire.frame_bytes
        if os.path.isdir(self._path):
            paths = sorted(os.path.join(self._path, name) for name in os.listdir(self._path))
            places = [(path, _header_bytes(path, size), os.path.getsize(path)) for path in paths
                      if os.path.isfile(path)]
        else:
            length = os.path.getsize(self._path)
            first = _header_bytes(self._path, size)
            places = [(self._path, at, at + size) for at in range(first, min(length, _LONGEST_BYTES) - size + 1, size)]
        if not places:
            raise CameraError('camera-bad-frame', 'The recording holds no frame of %d bytes, as a %s sends them.'
                              % (size, self._wire.camera), 'Name its format.', self._path)
        return places


class RecordedVideoDevice(VideoDevice):
    """The recording while it is open; it starts over after its last frame.

    Args:
        wire, rate_hz, clock: as of `RecordedVideoSystem`.
        frames: where every frame is.
    """

    def __init__(self, wire: WireFormat, rate_hz: float, clock: SystemClock, frames: List[_Place]) -> None:
        self._wire, self._rate_hz, self._clock = wire, rate_hz, clock
        self._frames = frames
        self._pacer = Pacer(rate_hz, clock)

    def query(self) -> Capability:
        return Capability('recorded', self._wire.camera, 'recorded', True, True)

    def formats(self) -> List[Offer]:
        return [Offer(self._wire.fourcc, self._wire.width, self._wire.height, (self._rate_hz,))]

    def set_format(self, fourcc: str, width: int, height: int) -> Chosen:
        wire = self._wire
        return Chosen(wire.fourcc, wire.width, wire.height, 2 * wire.width, wire.frame_bytes)

    def set_rate(self, rate_hz: float) -> float:
        return self._rate_hz

    def start(self, buffers: int = BUFFERS) -> None:
        self._pacer = Pacer(self._rate_hz, self._clock)

    def dequeue(self, timeout_s: float) -> Optional[Buffer]:
        tick = self._pacer.next_tick(timeout_s)
        if tick is None:
            return None
        path, first, end = self._frames[tick % len(self._frames)]
        with open(path, 'rb') as file:
            file.seek(first)
            data = file.read(min(end - first, 2 * self._wire.frame_bytes))
        return Buffer(data, tick, self._pacer.time_of(tick), missed=self._pacer.missed)

    def stop(self) -> None:
        """Nothing to free."""

    def close(self) -> None:
        """Nothing to free."""

    def set_control(self, control: int, value: int) -> None:
        """Accepted and ignored: what was recorded was recorded with it."""

    def xu_query(self, unit: int, selector: int, kind: int, data: bytes) -> bytes:
        raise _refused()

    def usb_control(self, request_type: int, request: int, value: int, index: int, data: bytes) -> bytes:
        raise _refused()


def _header_bytes(path: str, frame_bytes: int) -> int:
    """Length of what precedes the first frame."""
    return _HEADER_BYTES if os.path.getsize(path) % frame_bytes == _HEADER_BYTES else 0


def _refused() -> OSError:
    return OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
