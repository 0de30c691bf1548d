"""What a camera is told besides its picture format: temperatures instead of counts, and a flat field (FFC, NUC) now.

By the USB ids of a wire format. Every function may raise `OSError`. None of this has run on a camera yet; the numbers
are those of the sources named.
"""
import errno
import struct
import time
from typing import Callable, Dict, Type

from ..wire import WireFormat
from .bulk import SHUTTER, tell
from .interface import VideoDevice
from .layouts import ZOOM_ABSOLUTE

_SET_CUR = 0x01


class Commands:
    """A camera that is told nothing: it runs its flat-field correction by itself."""

    #: Whether `flat_field` works.
    has_flat_field = False

    def prepare(self, device: VideoDevice) -> None:
        """Before the stream starts."""

    def want_temperatures(self, device: VideoDevice) -> bool:
        """Ask a streaming camera that sends counts for temperatures. Returns whether it accepted."""
        return False

    def flat_field(self, device: VideoDevice) -> None:
        """Ask a streaming camera to close its shutter and even its pixels out."""
        raise OSError(errno.ENOTTY, 'no flat field on request')


class PureThermalCommands(Commands):
    """Lepton on a PureThermal, through UVC extension units that pass a Lepton command on.

    The selector is the command's offset in its module, divided by four, plus one. RAD has more commands than fit one
    unit: newer firmware offers the rest as a second one. Source: groupgets/purethermal1-firmware, FLIR Lepton SDK.
    """

    has_flat_field = True
    _SYS, _RAD, _RAD_2 = 6, 5, 21
    #: Controls in the first unit if there is a second one.
    _FIRST = 31
    _RUN_FFC, _TLINEAR, _RESOLUTION = 0x40, 0xC0, 0xC4

    def flat_field(self, device: VideoDevice) -> None:
        device.xu_query(self._SYS, self._selector(self._RUN_FFC), _SET_CUR, b'\1')

    def want_temperatures(self, device: VideoDevice) -> bool:
        for unit, skipped in ((self._RAD, 0), (self._RAD_2, self._FIRST)):
            try:
                for command in (self._RESOLUTION, self._TLINEAR):
                    device.xu_query(unit, self._selector(command) - skipped, _SET_CUR, struct.pack('<I', 1))
                return True
            except OSError as error:
                # Another unit may have it; a camera that is not radiometric refuses, and has no temperatures.
                if error.errno not in (errno.ENOENT, errno.EINVAL, errno.EIO, errno.EPIPE, errno.ENOTTY, errno.ENOBUFS,
                                       errno.EBADRQC, errno.EACCES):
                    raise
        return False

    @staticmethod
    def _selector(offset: int) -> int:
        return (offset >> 2) + 1


class InfirayP2Commands(Commands):
    """P2 Pro family: vendor requests to the USB device. Source: the command codes of InfiRay's Tiny1 SDK headers.

    A standard command is eight bytes: the code, low byte first (kind 0x0D, sub-command 0xC1: measure the shutter
    again), and parameters, all 0 here.
    """

    has_flat_field = True
    _OUT, _IN, _SEND, _ASK, _VALUE, _COMMAND, _STATUS = 0x41, 0xC1, 0x45, 0x44, 0x78, 0x1D00, 0x0200
    _FLAT_FIELD = 0xC10D
    _BUSY, _FAILED = 0x03, 0xFC
    _TRIES, _PAUSE_S = 50, 0.02

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def flat_field(self, device: VideoDevice) -> None:
        device.usb_control(self._OUT, self._SEND, self._VALUE, self._COMMAND, struct.pack('<H6x', self._FLAT_FIELD))
        for _ in range(self._TRIES):
            status = device.usb_control(self._IN, self._ASK, self._VALUE, self._STATUS, b'\0')[0]
            if not status & self._BUSY:
                return
            if status & self._FAILED:
                raise OSError(errno.EIO, 'command refused with status 0x%02x' % status)
            self._sleep(self._PAUSE_S)
        raise OSError(errno.EIO, 'command not done in time')


class InfirayT2Commands(Commands):
    """T2S+, T3S, HT-301: commands as values of the zoom control. Source: diminDDL/IR-Py-Thermal."""

    has_flat_field = True
    _RAW, _SHUTTER, _NORMAL_RANGE = 0x8004, 0x8000, 0x8020

    def prepare(self, device: VideoDevice) -> None:
        for value in (self._RAW, self._NORMAL_RANGE):
            device.set_control(ZOOM_ABSOLUTE, value)

    def flat_field(self, device: VideoDevice) -> None:
        device.set_control(ZOOM_ABSOLUTE, self._SHUTTER)


class ThermalMasterP3Commands(Commands):
    """Thermal Master P3: its shutter, as a vendor request. Source: jvdillon/p3-ir-camera."""

    has_flat_field = True

    def flat_field(self, device: VideoDevice) -> None:
        tell(device, SHUTTER)


_BY_VENDOR: Dict[int, Type[Commands]] = {0x1E4E: PureThermalCommands, 0x0BDA: InfirayP2Commands,
                                         0x1514: InfirayT2Commands, 0x04B4: InfirayT2Commands}


def commands_for(wire: WireFormat) -> Commands:
    """The commands of a wire format's camera."""
    if wire.bulk:
        return ThermalMasterP3Commands()
    for vendor, _ in wire.usb:
        if vendor in _BY_VENDOR:
            return _BY_VENDOR[vendor]()
    return Commands()
