"""One video device of the kernel: mapped buffers, the driver's own timestamps and sequence numbers.

Has not run on a camera yet: the layouts are checked against a C compiler's, the logic over a pretended kernel.
"""
import ctypes
import errno

from . import layouts as v4l2
from .seam import BUFFERS, Buffer, Capability, Chosen, Offer, VideoDevice

#: An enumeration ends with EINVAL; a device that never ends one is stopped here.
_MOST = 128
#: A frame that was waited for is not older than this, whatever its stamp says.
_OLDEST_S = 1.0
#: For a camera's own commands over USB, in milliseconds.
_USB_TIMEOUT_MS = 1000


class LinuxVideoDevice(VideoDevice):
    """An open node.

    Args:
        path (str): such as ``'/dev/video0'``.
        usb_path (str): the USB device it belongs to, or ``''``.
        calls (KernelCalls): what the kernel is asked through.
    Raises:
        OSError: as the kernel answers.
    """

    def __init__(self, path, usb_path, calls):
        self._calls = calls
        self._usb_path = usb_path
        self._maps = []
        self._descriptor = calls.open(path)

    def query(self):
        found = self._ask(v4l2.QUERYCAP, v4l2.Capability())
        flags = found.device_caps if found.capabilities & v4l2.CAP_DEVICE_CAPS else found.capabilities
        return Capability(_text(found.driver), _text(found.card), _text(found.bus_info),
                          bool(flags & v4l2.CAP_VIDEO_CAPTURE), bool(flags & v4l2.CAP_STREAMING))

    def formats(self):
        offers = []
        for found in self._each(v4l2.ENUM_FMT, v4l2.FormatDescription, type=v4l2.CAPTURE):
            for size in self._each(v4l2.ENUM_FRAMESIZES, v4l2.FrameSize, pixel_format=found.pixelformat):
                if size.type == v4l2.DISCRETE:
                    width, height = size.discrete.width, size.discrete.height
                else:
                    width, height = size.stepwise.max_width, size.stepwise.max_height
                offers.append(Offer(v4l2.fourcc_of(found.pixelformat), width, height,
                                    self._rates(found.pixelformat, width, height)))
        return offers

    def set_format(self, fourcc, width, height):
        wish = v4l2.Format(type=v4l2.CAPTURE, width=width, height=height, pixelformat=v4l2.code_of(fourcc))
        chosen = self._ask(v4l2.S_FMT, wish)
        return Chosen(v4l2.fourcc_of(chosen.pixelformat), chosen.width, chosen.height, chosen.bytesperline,
                      chosen.sizeimage)

    def set_rate(self, rate_hz):
        wish = v4l2.StreamParameters(type=v4l2.CAPTURE)
        # In units of 100 ns, as UVC counts: 9 Hz is 10000000/9 and no decimal fraction of a second.
        wish.interval.numerator, wish.interval.denominator = round(1e7 / rate_hz), 10000000
        chosen = self._ask(v4l2.S_PARM, wish).interval
        return _rate_hz(chosen) if chosen.numerator else 0.0

    def start(self, buffers=BUFFERS):
        self.stop()
        wish = v4l2.RequestBuffers(count=buffers, type=v4l2.CAPTURE, memory=v4l2.MMAP)
        count = self._ask(v4l2.REQBUFS, wish).count
        if not count:
            raise OSError(errno.ENOMEM, 'no buffers')
        for index in range(count):
            found = self._ask(v4l2.QUERYBUF, self._buffer(index))
            self._maps.append(self._calls.map(self._descriptor, found.length, found.offset))
            self._ask(v4l2.QBUF, self._buffer(index))
        self._ask(v4l2.STREAMON, ctypes.c_int(v4l2.CAPTURE))

    def dequeue(self, timeout_s):
        waited = not self._calls.wait(self._descriptor, 0.0)
        if waited and not self._calls.wait(self._descriptor, timeout_s):
            return None
        try:
            filled = self._ask(v4l2.DQBUF, self._buffer())
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise
        if filled.index >= len(self._maps):
            raise OSError(errno.EIO, 'buffer %d of %d' % (filled.index, len(self._maps)))
        data = self._maps[filled.index][:filled.bytesused]
        found = Buffer(data, filled.bytesused, filled.sequence, self._taken_s(filled, waited),
                       bool(filled.flags & v4l2.FLAG_ERROR))
        self._ask(v4l2.QBUF, self._buffer(filled.index))
        return found

    def stop(self):
        if not self._maps:
            return
        try:
            self._ask(v4l2.STREAMOFF, ctypes.c_int(v4l2.CAPTURE))
        finally:
            self._unmap()
        self._ask(v4l2.REQBUFS, v4l2.RequestBuffers(count=0, type=v4l2.CAPTURE, memory=v4l2.MMAP))

    def close(self):
        if self._descriptor is None:
            return
        try:
            self.stop()
        except OSError:  # it was pulled; closing frees the rest
            pass
        descriptor, self._descriptor = self._descriptor, None
        try:
            self._calls.close(descriptor)
        except OSError:
            pass

    def get_control(self, control):
        return self._ask(v4l2.G_CTRL, v4l2.Control(id=control)).value

    def set_control(self, control, value):
        self._ask(v4l2.S_CTRL, v4l2.Control(id=control, value=value))

    def xu_query(self, unit, selector, kind, data):
        memory = ctypes.create_string_buffer(data, len(data))
        self._ask(v4l2.UVC_CTRL_QUERY, v4l2.ExtensionQuery(unit=unit, selector=selector, query=kind, size=len(data),
                                                           data=ctypes.addressof(memory)))
        return memory.raw

    def usb_control(self, request_type, request, value, index, data):
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

    def _ask(self, request, structure):
        if self._descriptor is None:
            raise OSError(errno.EBADF, 'closed')
        self._calls.ioctl(self._descriptor, request, structure)
        return structure

    def _each(self, request, structure, **fields):
        """What an enumeration gives, until the device says that there is no more."""
        for index in range(_MOST):
            try:
                found = self._ask(request, structure(index=index, **fields))
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOTTY):
                    return
                raise
            yield found
            if getattr(found, 'type', v4l2.DISCRETE) in (v4l2.CONTINUOUS, v4l2.STEPWISE):
                return  # such a one is the only one

    def _rates(self, code, width, height):
        intervals = (found.interval for found in self._each(v4l2.ENUM_FRAMEINTERVALS, v4l2.FrameInterval,
                                                            pixel_format=code, width=width, height=height))
        return tuple(sorted((_rate_hz(interval) for interval in intervals if interval.numerator), reverse=True))

    def _taken_s(self, filled, waited):
        """When the frame was taken, on CLOCK_MONOTONIC.

        A frame that was waited for was taken just now; a stamp that says otherwise is of a broken clock. One that lay
        there is as old as its stamp, however old that is.
        """
        now_s = self._calls.now()
        if filled.flags & v4l2.FLAG_CLOCK_MASK != v4l2.FLAG_CLOCK_MONOTONIC:
            return now_s
        taken_s = filled.seconds + filled.microseconds / 1e6
        if taken_s > now_s or waited and now_s - taken_s > _OLDEST_S:
            return now_s
        return taken_s

    def _unmap(self):
        maps, self._maps = self._maps, []
        for mapped in maps:
            mapped.close()

    @staticmethod
    def _buffer(index=0):
        return v4l2.Buffer(index=index, type=v4l2.CAPTURE, memory=v4l2.MMAP)


def _rate_hz(interval):
    """Frames per second of a frame interval, to a thousandth, which is what its 100 ns are good for."""
    return round(interval.denominator / interval.numerator, 3)


def _text(raw):
    """A C string as printable text."""
    return ''.join(character for character in raw.decode('utf-8', 'replace') if character.isprintable())
