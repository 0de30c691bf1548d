"""The driver of the USB thermal cameras, and the kinds of camera that use it: real, simulated and recorded."""
import re
from typing import Any, Dict, Optional, Sequence, Tuple

from ...messages import CameraError, InputError, did_you_mean
from ...thermogram import RELATIVE, Provenance, Thermogram, utc_now
from ..base import EVERY, Camera, Frame
from ..clock import SystemClock
from ..simulated import NONE, Fault, SimulatedCamera
from ..specification import Options
from ..wire import FORMATS, WireFormat, WireReading
from .commands import Commands, commands_for
from .interface import BUFFERS, Buffer, Node, VideoDevice, VideoSystem, camera_error
from .linux import LinuxVideoSystem
from .recorded import RecordedVideoSystem
from .selection import Choice, choose_format, wire_named, without_picture, wrong_pictures
from .simulated import FAULTS, SimulatedUsbCamera, SimulatedVideoSystem

#: A camera delivers its first whole picture within this time of its start, including its first shutter.
OPEN_TIMEOUT_S = 3.0

#: After a camera was asked for temperatures, this many frames may still be counts.
_COUNTS_FRAMES = 20

_IDS = re.compile('[0-9a-fA-F]{4}:[0-9a-fA-F]{4}')
_NAMES = tuple(sorted(name for name, wire in FORMATS.items() if wire.usb))


class V4l2Camera(Camera):
    """A thermal camera behind a `VideoSystem`.

    The newest frame wins: filled buffers are emptied to the last. A reader that was away for so long that every buffer
    filled up gets the next frame instead, because the buffered ones are old. `Frame.sequence` and `Frame.t_monotonic`
    are the driver's; a jump of the sequence is what was passed over here (`Frame.missed`) and what was lost on the way.

    Args:
        system: where the devices are.
        choice: which device.
        clock: the clock of the system's timestamps.
    """

    warms_up = True
    never_repeats = True
    #: Its name, made from the camera's name in the wire format.
    called = '%s'

    def __init__(self, system: VideoSystem, choice: Choice, clock: Optional[SystemClock] = None) -> None:
        super().__init__()
        self.name = choice.name
        self._system = system
        self._choice = choice
        self._clock = clock or SystemClock()
        self._device: Optional[VideoDevice] = None
        self._wire: Optional[WireFormat] = None
        self._commands = Commands()
        self._node: Optional[Node] = None
        self._first: Optional[Buffer] = None
        self._first_sequence = 0

    def changes(self) -> int:
        return self._system.generation()

    def describe(self) -> Dict[str, Any]:
        """As `Camera.describe`, with ``format`` (wire format), ``node``, ``usb`` (ids) and ``serial``."""
        node, wire = self._node, self._wire
        return dict(super().describe(), format=wire.name if wire else '', node=node.path if node else '',
                    usb='%s:%s' % (node.vid, node.pid) if node and node.vid else '',
                    serial=node.serial if node else '')

    def _open(self) -> Tuple[str, Tuple[int, int]]:
        self._node, formats = self._choice.find(self._system.nodes())
        self.name = self.called % formats[0].camera
        try:
            device = self._device = self._system.open(self._node.path)
            wire = self._wire = self._start(device, self._node, formats)
            return self._first_frame(device, wire)
        except OSError as error:
            raise camera_error(error, self.name, self._node.path, opening=True)

    def _close(self) -> None:
        device, self._device = self._device, None
        self._first = None
        if device is not None:
            device.close()

    def _read(self, timeout_s: float) -> Frame:
        device, wire = self._running()
        try:
            buffer, missed = self._newest(device, timeout_s)
        except OSError as error:
            raise self._failed(error)
        if buffer is None:
            raise self._silent(timeout_s)
        return self._frame(buffer, self._decode(wire, buffer), wire, missed)

    def _flat_field(self) -> None:
        if not self._commands.has_flat_field:
            super()._flat_field()
        device, _ = self._running()
        try:
            self._commands.flat_field(device)
        except OSError as error:
            failure = self._failed(error)
            if failure.code in ('camera-gone', 'camera-permission'):
                raise failure
            raise CameraError('camera-no-ffc', 'The %s did not accept the request to calibrate.' % self.name,
                              'Wait until it calibrates by itself.', failure.detail)

    def _start(self, device: VideoDevice, node: Node, formats: Sequence[WireFormat]) -> WireFormat:
        capability = device.query()
        if not (capability.capture and capability.streaming):
            raise CameraError('camera-failed', 'The %s gives no stream of pictures.' % self.name,
                              'Unplug it and plug it in again.', node.path)
        wire = choose_format(formats, device.formats())
        if wire is None:
            raise without_picture(node, self.name)
        chosen = device.set_format(wire.fourcc, wire.width, wire.height)
        if (chosen.fourcc, chosen.width, chosen.height) != (wire.fourcc, wire.width, wire.height):
            raise wrong_pictures(self.name, 'gives another picture than it offers', '%r for %s' % (chosen, wire.name))
        self.rate_hz = self._set_rate(device, wire.rate_hz)
        self._commands = commands_for(wire)
        self.name, self.netd_mk = self.called % wire.camera, wire.netd_mk
        self.accuracy = type(self).accuracy or wire.accuracy
        self._commands.prepare(device)
        device.start(BUFFERS)
        return wire

    @staticmethod
    def _set_rate(device: VideoDevice, rate_hz: float) -> float:
        try:
            return device.set_rate(rate_hz) or rate_hz
        except OSError:  # a device with a single rate may refuse the request
            return rate_hz

    def _first_frame(self, device: VideoDevice, wire: WireFormat) -> Tuple[str, Tuple[int, int]]:
        """Wait for the first whole frame, which says whether the camera sends temperatures. Its unit and shape."""
        deadline_s = self._clock.now() + OPEN_TIMEOUT_S
        damaged, counts_left = None, 0
        while True:
            buffer = device.dequeue(max(deadline_s - self._clock.now(), 0.0))
            if buffer is None:
                raise damaged or self._silent(OPEN_TIMEOUT_S)
            try:
                reading = self._decode(wire, buffer)
            except CameraError as error:  # a stream may begin in the middle of a frame
                damaged = error
                if self._clock.now() >= deadline_s:
                    raise
                continue
            if reading.unit == RELATIVE != wire.unit and self._clock.now() < deadline_s:
                if counts_left == 0:
                    counts_left = _COUNTS_FRAMES if self._commands.want_temperatures(device) else 1
                counts_left -= 1
                if counts_left:
                    continue
            self._first, self._first_sequence = buffer, buffer.sequence
            return reading.unit, reading.pixels.shape

    def _newest(self, device: VideoDevice, timeout_s: float) -> Tuple[Optional[Buffer], int]:
        """The newest filled buffer; the next one if every buffer was full, because what they hold is then old.

        Returns:
            The buffer, or None if there is none in time, and `Frame.missed`.
        """
        newest, self._first = self._first, None
        count, passed_over = 0, -1 if newest is None else 0
        while count < 2 * BUFFERS:
            buffer = device.dequeue(0.0)
            if buffer is None:
                break
            newest, count, passed_over = buffer, count + 1, passed_over + 1 + buffer.missed
        if newest is None:
            newest = device.dequeue(timeout_s)
            return newest, newest.missed if newest is not None else 0
        if count < BUFFERS:
            return newest, passed_over
        if self._clock.now() - newest.t_monotonic > 1.5 / self.rate_hz:
            newest = device.dequeue(timeout_s) or newest
        return newest, EVERY

    def _decode(self, wire: WireFormat, buffer: Buffer) -> WireReading:
        if buffer.error:
            raise self._bad_frame('sent a damaged frame', 'sequence %d' % buffer.sequence)
        return wire.decode(buffer.data)

    def _frame(self, buffer: Buffer, reading: WireReading, wire: WireFormat, missed: int) -> Frame:
        captured_at = utc_now(max(self._clock.now() - buffer.t_monotonic, 0.0))
        provenance = Provenance(self.name, reader=wire.name, captured_at=captured_at,
                                warnings=tuple(reading.condition.warnings()))
        try:
            thermogram = Thermogram(reading.pixels, reading.unit, provenance)
        except InputError as error:
            raise self._bad_frame('sent an invalid frame', error.message.text)
        return Frame(thermogram, buffer.sequence - self._first_sequence, buffer.t_monotonic, reading.condition, missed)

    def _running(self) -> Tuple[VideoDevice, WireFormat]:
        if self._device is None or self._wire is None:
            raise self._closed()
        return self._device, self._wire

    def _failed(self, error: OSError) -> CameraError:
        return camera_error(error, self.name, self._node.path if self._node else '')


class UsbCamera(V4l2Camera):
    """The first known camera that is plugged in, whichever node it has: ``usb``; one kind of it: ``usb:VID:PID``."""

    kind = 'usb'

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'UsbCamera':
        """``usb`` or ``usb:VID:PID`` with ``format`` (a wire format by name, if its USB ids do not say enough)."""
        if where and not _IDS.fullmatch(where):
            raise options.error('needs USB ids of four hexadecimal digits each: usb:1e4e:0100')
        camera = cls(LinuxVideoSystem(), Choice(ids=where.split(':') if where else (), wire=_format_of(options)), clock)
        options.finish()
        return camera


class VideoNodeCamera(V4l2Camera):
    """The camera at one video device: ``v4l2:/dev/video0``, ``v4l2:/dev/thermal-lepton``."""

    kind = 'v4l2'

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'VideoNodeCamera':
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
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'SimulatedCameraOverUsb':
        """``simusb:FORMAT`` with ``seed``, ``rate``, ``uptime`` (s), ``fault``, ``at`` and ``for`` (s), as of `Fault`.

        FORMAT is the name of a wire format or the beginning of one.
        """
        wire = wire_named(where)
        if wire is None:
            raise options.error('needs a camera to simulate, one of %s' % ', '.join(_NAMES),
                                did_you_mean(where, _NAMES))
        fault = Fault(options.choice('fault', NONE, (NONE,) + tuple(FAULTS)) or NONE,
                      options.number('at', 10.0, 0, 1e6), options.number('for', 5.0, 0, 1e6))
        unit = SimulatedUsbCamera(wire, options.whole('seed', 1, 0, 999999999), fault,
                                  uptime_s=options.number('uptime', 600.0, 0, 1e6),
                                  rate_hz=options.number('rate', wire.rate_hz, 0.1, 100.0))
        options.finish()
        return cls(SimulatedVideoSystem([unit], clock), Choice(wire=wire), clock)


class RecordedCameraOverUsb(V4l2Camera):
    """Raw frames of a file or folder through the same driver: ``raw:/media/usb/dump.raw?format=p2pro``."""

    kind = 'raw'
    called = 'recording of a %s'
    accuracy = 'As stated for the camera that took the recording.'
    warms_up = never_repeats = False

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'RecordedCameraOverUsb':
        """``raw:PATH`` with ``format`` (required) and ``rate``."""
        wire = _format_of(options)
        if not where or wire is None:
            raise options.error('needs a file or folder and its format: raw:/path/of/dump.raw?format=p2pro')
        system = RecordedVideoSystem(where, wire, options.number('rate', wire.rate_hz, 0.1, 100.0), clock)
        options.finish()
        return cls(system, Choice(where, wire=wire), clock)


def _format_of(options: Options) -> Optional[WireFormat]:
    name = options.choice('format', None, _NAMES)
    return FORMATS[name] if name else None
