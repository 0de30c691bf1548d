"""What the driver needs of a video system, whichever is behind it: the kernel, a simulated one or a recording.

What goes wrong is told as the kernel tells it, with an `OSError` and its number: ENODEV for a device that was pulled,
ENOENT for one that is not there, EACCES for one that this user may not open, EBUSY for one in use, EINVAL and ENOTTY
for what a device cannot do. `trouble` makes sentences of them. So a simulated device fails as a real one does.
"""
import abc
from dataclasses import dataclass

#: Buffers between the device and the driver. Fewer lose frames on a busy board; more only cost memory, because the
#: driver takes the newest and gives the others back.
BUFFERS = 4


@dataclass(frozen=True)
class Node:
    """One video device.

    Attributes:
        path (str): such as ``'/dev/video0'``.
        name (str): what the device calls itself.
        vid, pid (str): USB vendor and product, four lower-case hexadecimal digits; ``''`` where it is on no USB.
        serial (str): serial number, or ``''``.
        bus (str): where it is plugged in, such as ``'1-2.1'``; ``''`` where that is not known.
        capture (bool): False for one that carries no pictures, such as the metadata of another.
    """

    path: str
    name: str
    vid: str = ''
    pid: str = ''
    serial: str = ''
    bus: str = ''
    capture: bool = True


@dataclass(frozen=True)
class Capability:
    """What a device says it can do: ``driver``, ``card`` and ``bus`` (str), ``capture`` and ``streaming`` (bool)."""

    driver: str
    card: str
    bus: str
    capture: bool
    streaming: bool


@dataclass(frozen=True)
class Offer:
    """One picture that a device can send.

    Attributes:
        fourcc (str): four characters, such as ``'Y16 '``.
        width, height (int): pixels, as negotiated: metadata rows count.
        rates (tuple of float): frames per second, fastest first; empty where the device does not say.
    """

    fourcc: str
    width: int
    height: int
    rates: tuple = ()


@dataclass(frozen=True)
class Chosen:
    """What a driver made of a wish: ``fourcc``, ``width``, ``height``, ``bytes_per_line``, ``image_bytes``."""

    fourcc: str
    width: int
    height: int
    bytes_per_line: int
    image_bytes: int


@dataclass(frozen=True)
class Buffer:
    """One filled buffer, copied out.

    Attributes:
        data (bytes): what the device sent: ``bytesused`` of it.
        bytesused (int): how much the driver says it is, in bytes.
        sequence (int): the driver's count of frames, those that were lost included.
        t_monotonic (float): when the frame was taken, on the clock of `time.monotonic`, in seconds.
        error (bool): the driver says that the data are damaged.
    """

    data: bytes
    bytesused: int
    sequence: int
    t_monotonic: float
    error: bool = False


class VideoSystem(abc.ABC):
    """The video devices of one machine."""

    @abc.abstractmethod
    def nodes(self):
        """Every video device of now, as a list of `Node` in the order of their numbers. Never raises."""

    def others(self):
        """Thermal cameras on USB that are no video devices and cannot be used, as a list of `Node` without a path."""
        return []

    @abc.abstractmethod
    def open(self, path):
        """Open one of them.

        Returns:
            VideoDevice: close it.
        Raises:
            OSError: ENOENT, EACCES or EBUSY.
        """

    @abc.abstractmethod
    def generation(self):
        """A number that rises when a device comes, goes or is replaced. Cheap enough to ask ten times a second."""


class VideoDevice(abc.ABC):
    """One open device. One thread at a time. Every method may raise an `OSError`; ENODEV says that it was pulled."""

    @abc.abstractmethod
    def query(self):
        """The device's `Capability`."""

    @abc.abstractmethod
    def formats(self):
        """What it can send, as a list of `Offer`."""

    @abc.abstractmethod
    def set_format(self, fourcc, width, height):
        """Ask for a picture. Returns the `Chosen` one: a driver takes the nearest it has. EBUSY while it streams."""

    @abc.abstractmethod
    def set_rate(self, rate_hz):
        """Ask for frames per second. Returns those that the driver chose, or 0.0 where it does not say."""

    @abc.abstractmethod
    def start(self, buffers=BUFFERS):
        """Start streaming into so many buffers."""

    @abc.abstractmethod
    def dequeue(self, timeout_s):
        """The oldest filled `Buffer`, which goes back to the device at once; None where none came in time."""

    @abc.abstractmethod
    def stop(self):
        """Stop streaming and free the buffers; does nothing where it does not stream."""

    @abc.abstractmethod
    def close(self):
        """Stop and close. Never raises; may be called twice."""

    @abc.abstractmethod
    def get_control(self, control):
        """The int value of a V4L2 control by its number."""

    @abc.abstractmethod
    def set_control(self, control, value):
        """Set a V4L2 control by its number."""

    @abc.abstractmethod
    def xu_query(self, unit, selector, kind, data):
        """One request to a UVC extension unit.

        Args:
            unit, selector (int): which control.
            kind (int): UVC request, such as ``SET_CUR`` 0x01 or ``GET_CUR`` 0x81.
            data (bytes): what is sent, or as many bytes as are asked for.
        Returns:
            bytes: as long as ``data``; what was answered, or what was sent.
        """

    @abc.abstractmethod
    def usb_control(self, request_type, request, value, index, data):
        """One control transfer to the USB device that the video device belongs to, for a maker's own commands.

        Args:
            request_type, request, value, index (int): as USB names them (bmRequestType, bRequest, wValue, wIndex).
            data (bytes): what is sent, or as many bytes as are asked for.
        Returns:
            bytes: as long as ``data``; what was answered, or what was sent.
        """
