"""What the USB driver needs from a video system: the interface of the kernel, the simulation and the recordings.

Failures are `OSError` with the kernel's numbers: ENODEV for a device that was unplugged, ENOENT for one that does not
exist, EACCES for one that this user may not open, EBUSY for one in use, EINVAL and ENOTTY for what a device cannot do.
A simulated device therefore fails as a real one does; `camera_error` turns the numbers into messages.
"""
import abc
import errno
from dataclasses import dataclass
from typing import Any, List, NamedTuple, Optional, Tuple

from ...messages import CameraError

#: Buffers between the device and the driver. Fewer lose frames on a busy board; more only cost memory, because the
#: driver takes the newest and gives the others back.
BUFFERS = 4

_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESHUTDOWN, errno.EBADF)
_DAMAGED = (errno.EIO, errno.EPROTO, errno.EPIPE, errno.EILSEQ, errno.EOVERFLOW)


@dataclass(frozen=True)
class Node:
    """One video device.

    Attributes:
        path: such as ``'/dev/video0'``.
        name: what the device calls itself.
        vid, pid: USB vendor and product, four lower-case hexadecimal digits; ``''`` if it is not on USB.
        serial: serial number, or ``''``.
        bus: where it is plugged in, such as ``'1-2.1'``; ``''`` if unknown.
        capture: False for one that carries no pictures, such as the metadata node of another.
    """

    path: str
    name: str
    vid: str = ''
    pid: str = ''
    serial: str = ''
    bus: str = ''
    capture: bool = True


class Capability(NamedTuple):
    """What a device says it can do: capture pictures, and stream them."""

    driver: str
    card: str
    bus: str
    capture: bool
    streaming: bool


class Offer(NamedTuple):
    """One kind of picture that a device can send.

    Attributes:
        fourcc: four characters, such as ``'Y16 '``.
        width, height: pixels, as negotiated: metadata rows count.
        rates: frames per second, fastest first; empty if the device does not say.
    """

    fourcc: str
    width: int
    height: int
    rates: Tuple[float, ...] = ()


class Chosen(NamedTuple):
    """The picture that a driver chose after a request; it takes the nearest it has."""

    fourcc: str
    width: int
    height: int
    bytes_per_line: int
    image_bytes: int


class Buffer(NamedTuple):
    """One filled buffer, copied out.

    Attributes:
        data: what the device sent.
        sequence: the driver's count of frames, including those that were lost.
        t_monotonic: when the frame was taken, on the clock of `time.monotonic`, in seconds.
        error: the driver says that the data are damaged.
        missed: frames of the sequence before it that were there and that nobody took in time, where the device knows.
    """

    data: bytes
    sequence: int
    t_monotonic: float
    error: bool = False
    missed: int = 0


class VideoSystem(abc.ABC):
    """The video devices of one machine."""

    @abc.abstractmethod
    def nodes(self) -> List[Node]:
        """All video devices in the order of their numbers. Never raises."""

    def others(self) -> List[Node]:
        """Thermal cameras on USB that are no video devices and cannot be used; their nodes have no path."""
        return []

    @abc.abstractmethod
    def open(self, path: str) -> 'VideoDevice':
        """Open one of them; close it.

        Raises:
            OSError: ENOENT, EACCES or EBUSY.
        """

    @abc.abstractmethod
    def generation(self) -> int:
        """A number that rises when a device comes, goes or is replaced. Cheap enough to ask ten times a second."""


class VideoDevice(abc.ABC):
    """One open device. One thread at a time. Any method may raise `OSError`; ENODEV means that it was unplugged."""

    @abc.abstractmethod
    def query(self) -> Capability:
        """What the device can do."""

    @abc.abstractmethod
    def formats(self) -> List[Offer]:
        """The pictures that it can send."""

    @abc.abstractmethod
    def set_format(self, fourcc: str, width: int, height: int) -> Chosen:
        """Ask for a picture; EBUSY while it streams."""

    @abc.abstractmethod
    def set_rate(self, rate_hz: float) -> float:
        """Ask for a frame rate. Returns the one that the driver chose, or 0.0 if it does not say."""

    @abc.abstractmethod
    def start(self, buffers: int = BUFFERS) -> None:
        """Start streaming into that many buffers."""

    @abc.abstractmethod
    def dequeue(self, timeout_s: float) -> Optional[Buffer]:
        """The oldest filled buffer, which goes back to the device at once; None if none came in time."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop streaming and free the buffers; does nothing if it does not stream."""

    @abc.abstractmethod
    def close(self) -> None:
        """Stop and close. Never raises; may be called twice."""

    @abc.abstractmethod
    def set_control(self, control: int, value: int) -> None:
        """Set a V4L2 control by its number."""

    @abc.abstractmethod
    def xu_query(self, unit: int, selector: int, kind: int, data: bytes) -> bytes:
        """One request to a UVC extension unit.

        Args:
            unit, selector: which control.
            kind: UVC request, such as ``SET_CUR`` 0x01.
            data: what is sent, or as many bytes as are requested.
        Returns:
            As long as ``data``: the answer, or what was sent.
        """

    @abc.abstractmethod
    def usb_control(self, request_type: int, request: int, value: int, index: int, data: bytes) -> bytes:
        """One control transfer to the USB device that the video device belongs to, for a maker's own commands.

        Args:
            request_type, request, value, index: as USB names them (bmRequestType, bRequest, wValue, wIndex).
            data: what is sent, or as many bytes as are requested.
        Returns:
            As long as ``data``: the answer, or what was sent.
        """


class KernelDevice(VideoDevice):
    """A device that is a file of the kernel.

    Args:
        path: of the file.
        calls: how the kernel is reached.
    Raises:
        OSError: as the kernel answers.
    """

    def __init__(self, path: str, calls: Any) -> None:
        self._calls = calls
        self._descriptor: Optional[int] = calls.open(path)

    def close(self) -> None:
        if self._descriptor is None:
            return
        try:
            self.stop()
        except OSError:  # it was unplugged; closing frees the rest
            pass
        descriptor, self._descriptor = self._descriptor, None
        try:
            self._calls.close(descriptor)
        except OSError:
            pass

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, 'closed')
        return self._descriptor



def camera_error(error: OSError, name: str, path: str, opening: bool = False) -> CameraError:
    """The message for an `OSError` of a video device.

    Args:
        error: as the kernel or a simulated device raised it.
        name: of the camera, for the sentence.
        path: of its node.
        opening: whether the camera is not running yet.
    Returns:
        ``camera-missing``, ``camera-gone``, ``camera-permission``, ``camera-busy``, ``camera-usb-full``,
        ``camera-bad-frame`` or ``camera-failed``.
    """
    number, detail = error.errno, '%s: %s' % (path, error)
    if number in _GONE and opening:
        return CameraError('camera-missing', 'The %s is not plugged in.' % name, 'Plug it in.', detail)
    if number in _GONE:
        return CameraError('camera-gone', 'The %s is gone.' % name, 'Plug it in again.', detail)
    if number in (errno.EACCES, errno.EPERM):
        return CameraError('camera-permission', 'This user may not use the %s at %s.' % (name, path),
                           'Run "sudo usermod -aG video $USER" and log in again.', detail)
    if number == errno.EBUSY:
        return CameraError('camera-busy', 'Another program uses the %s.' % name, 'Close that program.', detail)
    if number == errno.ENOSPC:
        return CameraError('camera-usb-full', 'The USB bus has no room for the %s.' % name,
                           'Plug it into a port of its own, not into a hub.', detail)
    if number in _DAMAGED:
        return CameraError('camera-bad-frame', 'The %s sent damaged data.' % name, 'Check its cable, without a hub.',
                           detail)
    return CameraError('camera-failed', 'The %s does not work as a camera should.' % name,
                       'Unplug it and plug it in again.', detail)
