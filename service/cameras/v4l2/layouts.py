"""The kernel's structures and request numbers of V4L2, of UVC extension units and of USB transfers.

From linux/videodev2.h, linux/uvcvideo.h and linux/usbdevice_fs.h, for 64-bit little-endian machines: x86-64 and
aarch64 share the layout and the numbers. The numbers are made of direction, size and command as
asm-generic/ioctl.h makes them, so that a structure of the wrong size shows as a wrong number; both are tested against a
C compiler.
"""
import ctypes

_U8, _U16, _U32, _I32 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_int32

#: V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_MEMORY_MMAP.
CAPTURE, MMAP = 1, 1
#: Of `Capability.capabilities`: pictures, streaming, and that `device_caps` describes this node alone.
CAP_VIDEO_CAPTURE, CAP_STREAMING, CAP_DEVICE_CAPS = 0x00000001, 0x04000000, 0x80000000
#: Of `Buffer.flags`: damaged data; which clock stamped it; that it was CLOCK_MONOTONIC.
FLAG_ERROR, FLAG_CLOCK_MASK, FLAG_CLOCK_MONOTONIC = 0x0040, 0xE000, 0x2000
#: Kinds of frame sizes and intervals: single values, a range, a range in steps.
DISCRETE, CONTINUOUS, STEPWISE = 1, 2, 3
#: V4L2_CID_ZOOM_ABSOLUTE, through which InfiRay's T2S+ and HT-301 take commands.
ZOOM_ABSOLUTE = 0x009A090D


class Capability(ctypes.Structure):
    """struct v4l2_capability."""

    _fields_ = [('driver', ctypes.c_char * 16), ('card', ctypes.c_char * 32), ('bus_info', ctypes.c_char * 32),
                ('version', _U32), ('capabilities', _U32), ('device_caps', _U32), ('reserved', _U32 * 3)]


class FormatDescription(ctypes.Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = [('index', _U32), ('type', _U32), ('flags', _U32), ('description', ctypes.c_char * 32),
                ('pixelformat', _U32), ('reserved', _U32 * 4)]


class FrameSize(ctypes.Structure):
    """struct v4l2_frmsizeenum; of a stepwise one, width and height are the smallest."""

    class _Union(ctypes.Union):
        class _Discrete(ctypes.Structure):
            _fields_ = [('width', _U32), ('height', _U32)]

        class _Stepwise(ctypes.Structure):
            _fields_ = [('min_width', _U32), ('max_width', _U32), ('step_width', _U32), ('min_height', _U32),
                        ('max_height', _U32), ('step_height', _U32)]
        _fields_ = [('discrete', _Discrete), ('stepwise', _Stepwise)]
    _anonymous_ = ('u',)
    _fields_ = [('index', _U32), ('pixel_format', _U32), ('type', _U32), ('u', _Union), ('reserved', _U32 * 2)]


class Fraction(ctypes.Structure):
    """struct v4l2_fract."""

    _fields_ = [('numerator', _U32), ('denominator', _U32)]


class FrameInterval(ctypes.Structure):
    """struct v4l2_frmivalenum; of a stepwise one, `interval` is the shortest."""

    _fields_ = [('index', _U32), ('pixel_format', _U32), ('width', _U32), ('height', _U32), ('type', _U32),
                ('interval', Fraction), ('longest', Fraction), ('step', Fraction), ('reserved', _U32 * 2)]


class Format(ctypes.Structure):
    """struct v4l2_format with a v4l2_pix_format; the union has pointers elsewhere, hence the gap after `type`."""

    _fields_ = [('type', _U32), ('gap', _U32), ('width', _U32), ('height', _U32), ('pixelformat', _U32),
                ('field', _U32), ('bytesperline', _U32), ('sizeimage', _U32), ('colorspace', _U32), ('private', _U32),
                ('flags', _U32), ('encoding', _U32), ('quantization', _U32), ('transfer', _U32), ('rest', _U8 * 152)]


class RequestBuffers(ctypes.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = [('count', _U32), ('type', _U32), ('memory', _U32), ('reserved', _U32 * 2)]


class Buffer(ctypes.Structure):
    """struct v4l2_buffer with a 64-bit timeval and the offset of a mapped buffer."""

    _fields_ = [('index', _U32), ('type', _U32), ('bytesused', _U32), ('flags', _U32), ('field', _U32),
                ('seconds', ctypes.c_int64), ('microseconds', ctypes.c_int64), ('timecode', _U8 * 16),
                ('sequence', _U32), ('memory', _U32), ('offset', ctypes.c_uint64), ('length', _U32),
                ('reserved', _U32), ('request', _I32)]


class StreamParameters(ctypes.Structure):
    """struct v4l2_streamparm with a v4l2_captureparm."""

    _fields_ = [('type', _U32), ('capability', _U32), ('mode', _U32), ('interval', Fraction), ('rest', _U8 * 184)]


class Control(ctypes.Structure):
    """struct v4l2_control."""

    _fields_ = [('id', _U32), ('value', _I32)]


class ExtensionQuery(ctypes.Structure):
    """struct uvc_xu_control_query."""

    _fields_ = [('unit', _U8), ('selector', _U8), ('query', _U8), ('size', _U16), ('data', ctypes.c_void_p)]


class UsbControl(ctypes.Structure):
    """struct usbdevfs_ctrltransfer."""

    _fields_ = [('request_type', _U8), ('request', _U8), ('value', _U16), ('index', _U16), ('length', _U16),
                ('timeout_ms', _U32), ('data', ctypes.c_void_p)]


class UsbBulk(ctypes.Structure):
    """struct usbdevfs_bulktransfer."""

    _fields_ = [('endpoint', _U32), ('length', _U32), ('timeout_ms', _U32), ('data', ctypes.c_void_p)]


class UsbInterface(ctypes.Structure):
    """struct usbdevfs_setinterface."""

    _fields_ = [('interface', _U32), ('setting', _U32)]


_WRITE, _READ = 1, 2


def _number(direction: int, kind: str, command: int, structure: type) -> int:
    """The request number that asm-generic/ioctl.h makes of these."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord(kind) << 8 | command


QUERYCAP = _number(_READ, 'V', 0, Capability)
ENUM_FMT = _number(_READ | _WRITE, 'V', 2, FormatDescription)
S_FMT = _number(_READ | _WRITE, 'V', 5, Format)
REQBUFS = _number(_READ | _WRITE, 'V', 8, RequestBuffers)
QUERYBUF = _number(_READ | _WRITE, 'V', 9, Buffer)
QBUF = _number(_READ | _WRITE, 'V', 15, Buffer)
DQBUF = _number(_READ | _WRITE, 'V', 17, Buffer)
STREAMON = _number(_WRITE, 'V', 18, ctypes.c_int)
STREAMOFF = _number(_WRITE, 'V', 19, ctypes.c_int)
S_PARM = _number(_READ | _WRITE, 'V', 22, StreamParameters)
S_CTRL = _number(_READ | _WRITE, 'V', 28, Control)
ENUM_FRAMESIZES = _number(_READ | _WRITE, 'V', 74, FrameSize)
ENUM_FRAMEINTERVALS = _number(_READ | _WRITE, 'V', 75, FrameInterval)
UVC_CTRL_QUERY = _number(_READ | _WRITE, 'u', 0x21, ExtensionQuery)
USB_CONTROL = _number(_READ | _WRITE, 'U', 0, UsbControl)
USB_BULK = _number(_READ | _WRITE, 'U', 2, UsbBulk)
SET_INTERFACE = _number(_READ, 'U', 4, UsbInterface)
CLAIM_INTERFACE = _number(_READ, 'U', 15, ctypes.c_uint)
RELEASE_INTERFACE = _number(_READ, 'U', 16, ctypes.c_uint)


def code_of(fourcc: str) -> int:
    """The number of a four-character code: ``'Y16 '`` is 0x20363159."""
    return int.from_bytes(fourcc.encode('ascii'), 'little')


def fourcc_of(code: int) -> str:
    """The four characters of a number; what is not printable ASCII becomes ``'?'``."""
    return ''.join(chr(byte) if 32 <= byte < 127 else '?' for byte in code.to_bytes(4, 'little'))
