"""USB thermal cameras by specification: real, simulated under the same driver, and recorded byte for byte."""
import re

from .faults import NONE, Fault
from .replay import ReplayCamera
from .simulated import SimulatedCamera
from .v4l2 import (
    FAULTS,
    Choice,
    LinuxVideoSystem,
    RecordedVideoSystem,
    SimulatedUsbCamera,
    SimulatedVideoSystem,
    V4l2Camera,
)
from .v4l2.selection import wire_named
from .wire import FORMATS

_IDS = re.compile('[0-9a-fA-F]{4}:[0-9a-fA-F]{4}')
_NAMES = tuple(sorted(name for name, wire in FORMATS.items() if wire.usb))


class UsbCamera(V4l2Camera):
    """The first known camera that is plugged in, whichever node it has: ``usb``; one kind of it: ``usb:VID:PID``."""

    kind = 'usb'

    @classmethod
    def from_spec(cls, where, options, clock):
        """``usb`` or ``usb:VID:PID`` with ``format`` (a wire format by name, where its USB ids do not say enough)."""
        if where and not _IDS.fullmatch(where):
            raise options.error('needs USB ids of four hexadecimal digits each: usb:1e4e:0100')
        camera = cls(LinuxVideoSystem(), Choice(ids=where.split(':') if where else (), wire=_format_of(options)), clock)
        options.finish()
        return camera


class VideoNodeCamera(V4l2Camera):
    """The camera at one video device: ``v4l2:/dev/video0``, ``v4l2:/dev/thermal-lepton``."""

    kind = 'v4l2'

    @classmethod
    def from_spec(cls, where, options, clock):
        """``v4l2:PATH`` with ``format``, as for `UsbCamera`."""
        if not where.startswith('/'):
            raise options.error('needs a video device: v4l2:/dev/video0')
        camera = cls(LinuxVideoSystem(), Choice(where, wire=_format_of(options)), clock)
        options.finish()
        return camera


class SimulatedCameraOverUsb(V4l2Camera):
    """A simulated device under the driver of the real ones: ``simusb:p2pro``, ``simusb:lepton?fault=freeze&at=5``."""

    kind = 'simusb'
    called = 'simulated %s'
    accuracy = SimulatedCamera.accuracy

    @classmethod
    def from_spec(cls, where, options, clock):
        """``simusb:FORMAT`` with ``seed``, ``rate``, ``uptime`` (s), ``fault``, ``at`` and ``for`` (s): as `Fault`.

        FORMAT is the name of a wire format or the beginning of one.
        """
        wire = wire_named(where)
        if wire is None:
            raise options.error('needs a camera to simulate, one of %s' % ', '.join(_NAMES))
        fault = Fault(options.choice('fault', NONE, (NONE,) + tuple(FAULTS)), options.number('at', 10.0, 0, 1e6),
                      options.number('for', 5.0, 0, 1e6))
        unit = SimulatedUsbCamera(wire, options.whole('seed', 1, 0, 999999999), fault,
                                  uptime_s=options.number('uptime', 600.0, 0, 1e6),
                                  rate_hz=options.number('rate', wire.rate_hz, 0.1, 100.0))
        options.finish()
        return cls(SimulatedVideoSystem([unit], clock), Choice(wire=wire), clock)


class RecordedCameraOverUsb(V4l2Camera):
    """Raw frames of a file or folder through the same driver: ``raw:/media/usb/dump.raw?format=p2pro``."""

    kind = 'raw'
    called = 'recording of a %s'
    accuracy = ReplayCamera.accuracy
    warms_up = never_repeats = False
    never_repeats = False

    @classmethod
    def from_spec(cls, where, options, clock):
        """``raw:PATH`` with ``format`` (needed) and ``rate``."""
        wire = _format_of(options)
        if not where or wire is None:
            raise options.error('needs a file or folder and its format: raw:/path/of/dump.raw?format=p2pro')
        system = RecordedVideoSystem(where, wire, options.number('rate', wire.rate_hz, 0.1, 100.0), clock)
        options.finish()
        return cls(system, Choice(where, wire=wire), clock)


def _format_of(options):
    name = options.choice('format', None, _NAMES)
    return FORMATS[name] if name else None
