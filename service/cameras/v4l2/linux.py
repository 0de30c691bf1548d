"""The video devices of this machine's kernel: /sys/class/video4linux, ioctl, mapped buffers.

Has not run on a camera yet: the layouts are checked against those of a C compiler, the logic against a fake kernel.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import re
import select
import threading
import time
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Tuple, TypeVar

from . import layouts as v4l2
from .bulk import BulkVideoDevice
from .interface import BUFFERS, Buffer, Capability, Chosen, KernelDevice, Node, Offer, VideoDevice, VideoSystem
from .selection import formats_of, why_unusable

_CLASS = os.path.join('sys', 'class', 'video4linux')
_USB_DEVICES = os.path.join('sys', 'bus', 'usb', 'devices')
_NODE = re.compile('video([0-9]+)')
#: No sysfs attribute that is read here is longer; a longer one is garbage and is cut.
_LONGEST_BYTES = 256
#: An enumeration ends with EINVAL; a device that never ends one is stopped here.
_MOST = 128
#: A frame that was waited for is not older than this, whatever its timestamp says.
_OLDEST_S = 1.0
#: For a camera's own commands over USB.
_USB_TIMEOUT_MS = 1000

_Structure = TypeVar('_Structure')
#: Inode, device number and change time of a node.
_Stamp = Tuple[int, int, int]


class KernelCalls:
    """The calls that reach the kernel; tests replace them. Each raises `OSError` as the kernel answers."""

    def open(self, path: str) -> int:
        """A file descriptor that never blocks, and that programs started from here do not inherit."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, descriptor: int) -> None:
        """Close it."""
        os.close(descriptor)

    def ioctl(self, descriptor: int, request: int, structure: Any) -> int:
        """One request; the kernel reads and fills a ctypes structure. Its answer. Interrupted calls are repeated."""
        while True:
            try:
                return fcntl.ioctl(descriptor, request, structure, True)
            except InterruptedError:
                continue

    def map(self, descriptor: int, length: int, offset: int) -> mmap.mmap:
        """A mapped buffer."""
        return mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def wait(self, descriptor: int, timeout_s: float) -> bool:
        """Whether something can be read, waiting no longer than the timeout.

        `poll` and not `select`, which takes no descriptor above 1023; an error counts as readable, and the request that
        follows tells which.
        """
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLPRI)
        return bool(poller.poll(max(int(timeout_s * 1e3 + 0.999), 0)))

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC, with which drivers stamp frames."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a camera that needs time between two commands."""
        time.sleep(seconds)


class LinuxVideoSystem(VideoSystem):
    """`VideoSystem` of /sys/class/video4linux and /dev. Any thread may use it.

    Args:
        root: folder that stands for ``/``; tests and recordings use another one.
        calls: how the kernel is reached.
    """

    def __init__(self, root: str = '/', calls: Optional[KernelCalls] = None) -> None:
        self._root = root
        self._calls = calls or KernelCalls()
        self._lock = threading.Lock()
        self._last: Optional[List[Tuple[str, Optional[_Stamp]]]] = None
        self._generation = 0
        self._captures: Dict[Tuple[str, Optional[_Stamp]], bool] = {}

    def nodes(self) -> List[Node]:
        return [self._node(name) for name in self._names()] + self._bulk_cameras()

    def others(self) -> List[Node]:
        video = {self._describe(name).bus for name in self._names()}
        return [node for node in self._usb_devices() if why_unusable(node.vid, node.pid) and node.bus not in video]

    def open(self, path: str) -> VideoDevice:
        # By its real name, because /dev/thermal-camera and /dev/v4l/by-id/... are links to it.
        real = os.path.realpath(self._below(path))
        for node in self._bulk_cameras() if _NODE.fullmatch(os.path.basename(real)) is None else ():
            if os.path.realpath(self._below(node.path)) == real:
                return BulkVideoDevice(real, formats_of(node)[0], self._calls)
        usb_path = self._usb_path(os.path.basename(real))
        return LinuxVideoDevice(real, self._below(usb_path) if usb_path else '', self._calls)

    def generation(self) -> int:
        current = [(name, self._stamp(name)) for name in self._names()]
        current += [(node.path, None) for node in self._bulk_cameras()]
        with self._lock:
            if current != self._last:
                self._last = current
                self._generation += 1
            return self._generation

    def _names(self) -> List[str]:
        """Names such as ``'video0'``, by number."""
        try:
            names = os.listdir(os.path.join(self._root, _CLASS))
        except OSError:
            return []
        return sorted((name for name in names if _NODE.fullmatch(name)), key=lambda name: int(name[5:]))

    def _stamp(self, name: str) -> Optional[_Stamp]:
        """What changes when a node is made anew or its permissions change; None if it does not exist."""
        try:
            status = os.stat(os.path.join(self._root, 'dev', name))
        except OSError:
            return None
        return status.st_ino, status.st_rdev, status.st_ctime_ns

    def _node(self, name: str) -> Node:
        """The node of a name; every node that may be opened is asked once whether it carries pictures."""
        node = self._describe(name)
        key = name, self._stamp(name)
        if key not in self._captures:
            try:
                device = self.open(node.path)
            except OSError:
                return node
            try:
                self._captures[key] = device.query().capture
            except OSError:
                return node
            finally:
                device.close()
        return replace(node, capture=self._captures[key])

    def _describe(self, name: str) -> Node:
        """The node of a name, without opening it.

        `Node.capture` follows the index: a UVC camera's picture comes first, and its metadata is a node of index 1.
        """
        folder = os.path.join(self._root, _CLASS, name)
        usb = self._usb_folder(name)
        index = _attribute(folder, 'index')
        return Node(os.path.join('/dev', name), _attribute(folder, 'name') or name,
                    _attribute(usb, 'idVendor').lower(), _attribute(usb, 'idProduct').lower(),
                    _attribute(usb, 'serial'), os.path.basename(usb), index in ('', '0'))

    def _usb_devices(self) -> List[Node]:
        """Every USB device as a node without a path, in the order of the ports."""
        devices = os.path.join(self._root, _USB_DEVICES)
        try:
            names = sorted(name for name in os.listdir(devices) if ':' not in name)  # the others are interfaces
        except OSError:
            return []
        folders = [os.path.join(devices, name) for name in names]
        return [Node('', _attribute(folder, 'product') or 'USB device', _attribute(folder, 'idVendor').lower(),
                     _attribute(folder, 'idProduct').lower(), _attribute(folder, 'serial'), os.path.basename(folder),
                     False)
                for folder in folders if os.path.exists(os.path.join(folder, 'idVendor'))]

    def _bulk_cameras(self) -> List[Node]:
        """Cameras on USB that are read without a video device, with the path of their USB device."""
        nodes = [replace(node, path=self._device_path(os.path.join(self._root, _USB_DEVICES, node.bus)), capture=True)
                 for node in self._usb_devices()]
        return [node for node in nodes if node.path and any(wire.bulk for wire in formats_of(node))]

    def _usb_folder(self, name: str) -> str:
        """Folder of the USB device that a node belongs to, or ``''``.

        The node's ``device`` is one interface of it; the device is the first folder above that has a vendor.
        """
        top = os.path.realpath(os.path.join(self._root, 'sys'))
        folder = os.path.realpath(os.path.join(self._root, _CLASS, name, 'device'))
        while folder.startswith(top + os.sep):
            if os.path.exists(os.path.join(folder, 'idVendor')):
                return folder
            folder = os.path.dirname(folder)
        return ''

    def _usb_path(self, name: str) -> str:
        """Path of the USB device of a node, such as ``'/dev/bus/usb/001/004'``, or ``''``."""
        return self._device_path(self._usb_folder(name))

    @staticmethod
    def _device_path(folder: str) -> str:
        """Path of the USB device of a folder in /sys, or ``''``."""
        bus, device = _attribute(folder, 'busnum'), _attribute(folder, 'devnum')
        if not (bus.isdigit() and device.isdigit()):
            return ''
        return '/dev/bus/usb/%03d/%03d' % (int(bus), int(device))

    def _below(self, path: str) -> str:
        return os.path.join(self._root, path.lstrip('/'))


class LinuxVideoDevice(KernelDevice):
    """An open node, with the driver's own timestamps and sequence numbers.

    Args:
        path: such as ``'/dev/video0'``.
        usb_path: the USB device it belongs to, or ``''``.
        calls: how the kernel is reached.
    Raises:
        OSError: as the kernel answers.
    """

    def __init__(self, path: str, usb_path: str, calls: KernelCalls) -> None:
        super().__init__(path, calls)
        self._usb_path = usb_path
        self._maps: List[mmap.mmap] = []

    def query(self) -> Capability:
        answer = self._ask(v4l2.QUERYCAP, v4l2.Capability())
        flags = answer.device_caps if answer.capabilities & v4l2.CAP_DEVICE_CAPS else answer.capabilities
        return Capability(_text(answer.driver), _text(answer.card), _text(answer.bus_info),
                          bool(flags & v4l2.CAP_VIDEO_CAPTURE), bool(flags & v4l2.CAP_STREAMING))

    def formats(self) -> List[Offer]:
        offers = []
        for description in self._each(v4l2.ENUM_FMT, v4l2.FormatDescription, type=v4l2.CAPTURE):
            code = description.pixelformat
            for size in self._each(v4l2.ENUM_FRAMESIZES, v4l2.FrameSize, pixel_format=code):
                if size.type == v4l2.DISCRETE:
                    width, height = size.discrete.width, size.discrete.height
                else:
                    width, height = size.stepwise.max_width, size.stepwise.max_height
                offers.append(Offer(v4l2.fourcc_of(code), width, height, self._rates(code, width, height)))
        return offers

    def set_format(self, fourcc: str, width: int, height: int) -> Chosen:
        request = v4l2.Format(type=v4l2.CAPTURE, width=width, height=height, pixelformat=v4l2.code_of(fourcc))
        chosen = self._ask(v4l2.S_FMT, request)
        return Chosen(v4l2.fourcc_of(chosen.pixelformat), chosen.width, chosen.height, chosen.bytesperline,
                      chosen.sizeimage)

    def set_rate(self, rate_hz: float) -> float:
        request = v4l2.StreamParameters(type=v4l2.CAPTURE)
        # In units of 100 ns, as UVC counts: 9 Hz is 10000000/9, which no decimal fraction of a second expresses.
        request.interval.numerator, request.interval.denominator = round(1e7 / rate_hz), 10000000
        chosen = self._ask(v4l2.S_PARM, request).interval
        return _rate_hz(chosen) if chosen.numerator else 0.0

    def start(self, buffers: int = BUFFERS) -> None:
        self.stop()
        request = v4l2.RequestBuffers(count=buffers, type=v4l2.CAPTURE, memory=v4l2.MMAP)
        count = self._ask(v4l2.REQBUFS, request).count
        if not count:
            raise OSError(errno.ENOMEM, 'no buffers')
        for index in range(count):
            buffer = self._ask(v4l2.QUERYBUF, _kernel_buffer(index))
            self._maps.append(self._calls.map(self._open_descriptor(), buffer.length, buffer.offset))
            self._ask(v4l2.QBUF, _kernel_buffer(index))
        self._ask(v4l2.STREAMON, ctypes.c_int(v4l2.CAPTURE))

    def dequeue(self, timeout_s: float) -> Optional[Buffer]:
        descriptor = self._open_descriptor()
        waited = not self._calls.wait(descriptor, 0.0)
        if waited and not self._calls.wait(descriptor, timeout_s):
            return None
        try:
            filled = self._ask(v4l2.DQBUF, _kernel_buffer())
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise
        if filled.index >= len(self._maps):
            raise OSError(errno.EIO, 'buffer %d of %d' % (filled.index, len(self._maps)))
        buffer = Buffer(self._maps[filled.index][:filled.bytesused], filled.sequence, self._taken_s(filled, waited),
                        bool(filled.flags & v4l2.FLAG_ERROR))
        self._ask(v4l2.QBUF, _kernel_buffer(filled.index))
        return buffer

    def stop(self) -> None:
        if not self._maps:
            return
        try:
            self._ask(v4l2.STREAMOFF, ctypes.c_int(v4l2.CAPTURE))
        finally:
            self._unmap()
        self._ask(v4l2.REQBUFS, v4l2.RequestBuffers(count=0, type=v4l2.CAPTURE, memory=v4l2.MMAP))

    def set_control(self, control: int, value: int) -> None:
        self._ask(v4l2.S_CTRL, v4l2.Control(id=control, value=value))

    def xu_query(self, unit: int, selector: int, kind: int, data: bytes) -> bytes:
        memory = ctypes.create_string_buffer(data, len(data))
        self._ask(v4l2.UVC_CTRL_QUERY, v4l2.ExtensionQuery(unit=unit, selector=selector, query=kind, size=len(data),
                                                           data=ctypes.addressof(memory)))
        return memory.raw

    def usb_control(self, request_type: int, request: int, value: int, index: int, data: bytes) -> bytes:
        if not self._usb_path:
            raise OSError(errno.ENOTTY, 'not on USB')
        memory = ctypes.create_string_buffer(data, len(data))
        descriptor = self._calls.open(self._usb_path)
        try:
            self._calls.ioctl(descriptor, v4l2.USB_CONTROL, v4l2.UsbControl(
                request_type=request_type, request=request, value=value, index=index, length=len(data),
                timeout_ms=_USB_TIMEOUT_MS, data=ctypes.addressof(memory)))
        finally:
            self._calls.close(descriptor)
        return memory.raw

    def _ask(self, request: int, structure: _Structure) -> _Structure:
        self._calls.ioctl(self._open_descriptor(), request, structure)
        return structure

    def _each(self, request: int, structure: Any, **fields: int) -> Iterator[Any]:
        """The entries of an enumeration, until the device says that there are no more."""
        for index in range(_MOST):
            try:
                entry = self._ask(request, structure(index=index, **fields))
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOTTY):
                    return
                raise
            yield entry
            if getattr(entry, 'type', v4l2.DISCRETE) in (v4l2.CONTINUOUS, v4l2.STEPWISE):
                return  # a range is the only entry

    def _rates(self, code: int, width: int, height: int) -> Tuple[float, ...]:
        intervals = (entry.interval for entry in self._each(v4l2.ENUM_FRAMEINTERVALS, v4l2.FrameInterval,
                                                            pixel_format=code, width=width, height=height))
        return tuple(sorted((_rate_hz(interval) for interval in intervals if interval.numerator), reverse=True))

    def _taken_s(self, filled: v4l2.Buffer, waited: bool) -> float:
        """When the frame was taken, on CLOCK_MONOTONIC.

        A frame that was waited for was taken just now; a timestamp that says otherwise comes from a broken clock. A
        frame that was already there is as old as its timestamp says, however old that is.
        """
        now_s = self._calls.now()
        if filled.flags & v4l2.FLAG_CLOCK_MASK != v4l2.FLAG_CLOCK_MONOTONIC:
            return now_s
        taken_s = float(filled.seconds + filled.microseconds / 1e6)
        if taken_s > now_s or waited and now_s - taken_s > _OLDEST_S:
            return now_s
        return taken_s

    def _unmap(self) -> None:
        maps, self._maps = self._maps, []
        for mapped in maps:
            mapped.close()


def _attribute(folder: str, name: str) -> str:
    """A sysfs attribute as one printable line, or ``''``."""
    if not folder:
        return ''
    try:
        with open(os.path.join(folder, name), 'rb') as file:
            text = file.read(_LONGEST_BYTES).decode('utf-8', 'replace')
    except OSError:
        return ''
    return ''.join(character for character in text.strip() if character.isprintable())


def _kernel_buffer(index: int = 0) -> v4l2.Buffer:
    return v4l2.Buffer(index=index, type=v4l2.CAPTURE, memory=v4l2.MMAP)


def _rate_hz(interval: v4l2.Fraction) -> float:
    """Frames per second of a frame interval, to a thousandth, which is the precision of its 100 ns."""
    return round(float(interval.denominator / interval.numerator), 3)


def _text(raw: bytes) -> str:
    """A C string as printable text."""
    return ''.join(character for character in raw.decode('utf-8', 'replace') if character.isprintable())
