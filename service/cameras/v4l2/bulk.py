"""A thermal camera that is no video device: a Thermal Master P3, through the kernel's own file of its USB device.

It takes commands of 18 bytes as control transfers and sends its frames by bulk transfers. A frame is a mark of 12
bytes, the picture, and a second mark that comes in a transfer of its own. Source: P3_PROTOCOL.md and p3_camera.py of
jvdillon/p3-ir-camera (commands, order, pauses, marks). Has not run on a camera: the structures are checked against
those of a C compiler, the logic against a fake USB device.
"""
import ctypes
import errno
import struct
from typing import Any, List, NamedTuple, Optional

from ..base import EVERY
from ..wire import WireFormat
from . import layouts as usb
from .interface import BUFFERS, Buffer, Capability, Chosen, KernelDevice, Offer, VideoDevice

#: Interfaces, the setting of the second in which it sends, and where it sends.
_CONTROL, _STREAM, _SENDING, _PICTURES = 0, 1, 1, 0x81
#: Vendor requests: command, answer and state of the first interface; start of the second.
_OUT, _IN, _DEVICE, _COMMAND, _ANSWER, _STATE, _BEGIN = 0x41, 0xC1, 0x40, 0x20, 0x21, 0x22, 0xEE
_START = bytes.fromhex('012f81000000000000000000010000004930')
#: Low gain is for hot things, and its values have another step.
_HIGH_GAIN = bytes.fromhex('012f41000100000000000000000000004939')
SHUTTER = bytes.fromhex('01364300000000000000000000000000cd0b')
#: As the maker's own program waits: after the first command, and until the camera is ready.
_SETTLE_S, _READY_S, _FLUSH_MS = 1.0, 2.0, 100

#: Larger reads fail on some machines.
_CHUNK_BYTES = 16384
_TIMEOUT_MS = 1000
#: A mark: its length, what it is, and counters. The first is that of the frame, the last the time in milliseconds
#: modulo 2048.
_MARK = struct.Struct('<BBIIH')
_STARTS, _ENDS = (0x8C, 0x8D), (0x8E, 0x8F)
_WRAP_MS = 2048


class _Mark(NamedTuple):
    length: int
    kind: int
    number: int
    second: int
    time_ms: int


class BulkVideoDevice(KernelDevice):
    """An open P3, as the driver of the video devices sees it. Its frames come without their marks.

    Nothing is buffered here: a reader that was away gets the frame that begins after it came back.

    Args:
        path: of the USB device, such as ``'/dev/bus/usb/001/004'``.
        wire: the picture that it sends.
        calls: how the kernel is reached.
    Raises:
        OSError: as the kernel answers.
    """

    def __init__(self, path: str, wire: WireFormat, calls: Any) -> None:
        super().__init__(path, calls)
        self._wire = wire
        self._claimed: List[int] = []
        self._streaming = False
        self._data = bytearray()
        #: Whether the next byte is the first of a frame.
        self._in_step = False
        self._read_s = 0.0
        self._sequence, self._time_ms = 0, -1

    def query(self) -> Capability:
        self._open_descriptor()
        return Capability('usbfs', self._wire.camera, 'usb', True, True)

    def formats(self) -> List[Offer]:
        self._open_descriptor()
        return [Offer(self._wire.fourcc, self._wire.width, self._wire.height, (self._wire.rate_hz,))]

    def set_format(self, fourcc: str, width: int, height: int) -> Chosen:
        self._open_descriptor()
        return Chosen(self._wire.fourcc, self._wire.width, self._wire.height, 2 * self._wire.width,
                      self._wire.frame_bytes)

    def set_rate(self, rate_hz: float) -> float:
        return self._wire.rate_hz

    def start(self, buffers: int = BUFFERS) -> None:
        self.stop()
        for interface in (_CONTROL, _STREAM):
            self._ask(usb.CLAIM_INTERFACE, ctypes.c_uint(interface))
            self._claimed.append(interface)
        self._tell(_HIGH_GAIN)
        self._tell(_START, answer_bytes=1)
        self._calls.sleep(_SETTLE_S)
        self._ask(usb.SET_INTERFACE, usb.UsbInterface(interface=_STREAM, setting=_SENDING))
        self._streaming = True
        self.usb_control(_DEVICE, _BEGIN, 0, _STREAM, b'')
        self._calls.sleep(_READY_S)
        self._chunk(_FLUSH_MS)
        self._tell(_START, answer_bytes=1)
        self._data.clear()
        self._in_step, self._sequence, self._time_ms = False, 0, -1

    def dequeue(self, timeout_s: float) -> Optional[Buffer]:
        if not self._streaming:
            raise OSError(errno.EINVAL, 'not streaming')
        if timeout_s <= 0:
            return None
        now_s = self._calls.now()
        deadline_s = now_s + timeout_s
        late = now_s - self._read_s > 1.5 / self._wire.rate_hz
        if late:
            self._in_step = False  # what is left of an old frame comes first
        while now_s < deadline_s:
            buffer = self._take(self._chunk(max(int(1e3 * (deadline_s - now_s)), 1)))
            now_s = self._read_s = self._calls.now()
            if buffer is not None:
                return buffer._replace(missed=EVERY) if late else buffer
        return None

    def stop(self) -> None:
        claimed, self._claimed = self._claimed, []
        streaming, self._streaming = self._streaming, False
        if streaming:
            self._ask(usb.SET_INTERFACE, usb.UsbInterface(interface=_STREAM, setting=0))
        for interface in claimed:
            self._ask(usb.RELEASE_INTERFACE, ctypes.c_uint(interface))

    def set_control(self, control: int, value: int) -> None:
        raise OSError(errno.ENOTTY, 'no video device')

    def xu_query(self, unit: int, selector: int, kind: int, data: bytes) -> bytes:
        raise OSError(errno.ENOTTY, 'no video device')

    def usb_control(self, request_type: int, request: int, value: int, index: int, data: bytes) -> bytes:
        memory = ctypes.create_string_buffer(data, len(data))
        self._ask(usb.USB_CONTROL, usb.UsbControl(
            request_type=request_type, request=request, value=value, index=index, length=len(data),
            timeout_ms=_TIMEOUT_MS, data=ctypes.addressof(memory)))
        return memory.raw

    def _tell(self, command: bytes, answer_bytes: int = 0) -> None:
        """One command, with the reads of its state after which the maker's program waits."""
        tell(self, command)
        if answer_bytes:
            self.usb_control(_IN, _ANSWER, 0, 0, bytes(answer_bytes))
            self.usb_control(_IN, _STATE, 0, 0, b'\0')

    def _chunk(self, timeout_ms: int) -> bytes:
        """What comes in one read; empty if nothing came in time."""
        memory = ctypes.create_string_buffer(_CHUNK_BYTES)
        try:
            length = self._ask(usb.USB_BULK, usb.UsbBulk(endpoint=_PICTURES, length=_CHUNK_BYTES, timeout_ms=timeout_ms,
                                                         data=ctypes.addressof(memory)))
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                return b''
            raise
        return memory.raw[:length]

    def _take(self, chunk: bytes) -> Optional[Buffer]:
        """Put a read to the frame; the frame if that was its second mark."""
        if len(chunk) != _MARK.size:
            if self._in_step:
                self._data += chunk
            if len(self._data) > _MARK.size + self._wire.frame_bytes:
                self._in_step = False
                self._data.clear()
            return None
        # A transfer of a mark's length ends a frame, whatever it says: the next byte is the first of another one.
        data, in_step = bytes(self._data), self._in_step
        self._data.clear()
        self._in_step = True
        if not in_step or len(data) != _MARK.size + self._wire.frame_bytes:
            return None  # it began in the middle, or the shutter closed in it
        first, last = _Mark(*_MARK.unpack_from(data)), _Mark(*_MARK.unpack(chunk))
        whole = (first.length == last.length == _MARK.size and first.kind in _STARTS and last.kind in _ENDS and
                 first.number == last.number)
        return Buffer(data[_MARK.size:], self._count(last.time_ms), self._calls.now(), not whole)

    def _count(self, time_ms: int) -> int:
        """The number of a frame, with those that were lost since the one before."""
        if self._time_ms >= 0:
            passed_ms = (time_ms - self._time_ms) % _WRAP_MS
            self._sequence += max(int(round(passed_ms * self._wire.rate_hz / 1000)), 1)
        self._time_ms = time_ms
        return self._sequence

    def _ask(self, request: int, structure: Any) -> int:
        return int(self._calls.ioctl(self._open_descriptor(), request, structure))


def tell(device: VideoDevice, command: bytes) -> None:
    """Send a P3 one command, and read its state, which acknowledges it."""
    device.usb_control(_OUT, _COMMAND, 0, 0, command)
    device.usb_control(_IN, _STATE, 0, 0, b'\0')
