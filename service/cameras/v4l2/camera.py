"""The driver of the USB thermal cameras: a video device in, thermograms out."""
from ...messages import CameraError, InputError
from ...thermogram import RELATIVE, Provenance, Thermogram, utc_now
from ..base import Camera, Frame
from ..pacing import SystemClock
from .commands import commands_for
from .seam import BUFFERS
from .selection import choose_format
from .trouble import trouble

#: A camera gives its first whole picture within this time of its start, its first shutter included.
OPEN_TIMEOUT_S = 3.0

#: After a camera was asked for temperatures, so many frames may still be counts.
_COUNTS_FRAMES = 20


class V4l2Camera(Camera):
    """A thermal camera behind a `VideoSystem`.

    The newest frame wins: filled buffers are emptied to the last. A reader that was away for so long that every buffer
    filled up gets the next frame instead, because what lies in them is old. `Frame.sequence` and `Frame.t_monotonic`
    are the driver's; a jump of the sequence is what was lost on the way.

    Args:
        system (VideoSystem): where the devices are.
        choice (Choice): which device.
        clock (SystemClock): the clock of the system's timestamps.
    """

    warms_up = True
    never_repeats = True
    #: What it is called, from what the wire format calls it.
    called = '%s'

    def __init__(self, system, choice, clock=None):
        super().__init__()
        self.name = choice.name
        self._system = system
        self._choice = choice
        self._clock = clock or SystemClock()
        self._device = None
        self._wire = None
        self._commands = None
        self._node = None
        self._first = None
        self._first_sequence = 0

    def changes(self):
        return self._system.generation()

    def describe(self):
        """As `Camera.describe`, with ``format`` (wire format), ``node``, ``usb`` (ids) and ``serial``."""
        node, wire = self._node, self._wire
        return dict(super().describe(), format=wire.name if wire else '', node=node.path if node else '',
                    usb='%s:%s' % (node.vid, node.pid) if node and node.vid else '',
                    serial=node.serial if node else '')

    def _open(self):
        self._node, formats = self._choice.find(self._system.nodes())
        self.name = self.called % formats[0].camera
        try:
            self._device = self._system.open(self._node.path)
            self._start(formats)
            unit, shape = self._first_frame()
        except OSError as error:
            raise trouble(error, self.name, self._node.path, opening=True)
        return unit, shape

    def _close(self):
        device, self._device = self._device, None
        self._first = None
        if device is not None:
            device.close()

    def _read(self, timeout_s):
        try:
            buffer = self._newest(timeout_s)
        except OSError as error:
            raise trouble(error, self.name, self._node.path)
        if buffer is None:
            raise self._silent(timeout_s)
        return self._frame(buffer, self._decode(buffer))

    def _flat_field(self):
        if not self._commands.has_flat_field:
            super()._flat_field()
        try:
            self._commands.flat_field(self._device)
        except OSError as error:
            found = trouble(error, self.name, self._node.path)
            if found.code in ('camera-gone', 'camera-permission'):
                raise found
            raise CameraError('camera-no-ffc', 'The %s did not take the request to even its picture out; wait until it '
                              'does so by itself.' % self.name, detail=found.detail)

    def _start(self, formats):
        device = self._device
        capability = device.query()
        if not (capability.capture and capability.streaming):
            raise CameraError('camera-failed', 'The %s gives no stream of pictures; unplug it and plug it in again.'
                              % self.name, detail=self._node.path)
        wire = choose_format(formats, device.formats())
        if wire is None:
            raise self._wrong_format('offers none of the pictures that this program knows of it')
        chosen = device.set_format(wire.fourcc, wire.width, wire.height)
        if (chosen.fourcc, chosen.width, chosen.height) != (wire.fourcc, wire.width, wire.height):
            raise self._wrong_format('gives another picture than it offers', '%r for %s' % (chosen, wire.name))
        self.rate_hz = self._set_rate(wire.rate_hz)
        self._wire, self._commands = wire, commands_for(wire)
        self.name, self.netd_mk = self.called % wire.camera, wire.netd_mk
        self.accuracy = type(self).accuracy or wire.accuracy
        self._commands.prepare(device)
        device.start(BUFFERS)

    def _set_rate(self, rate_hz):
        try:
            return self._device.set_rate(rate_hz) or rate_hz
        except OSError:  # a device of one rate may not take a wish
            return rate_hz

    def _first_frame(self):
        """Wait for the first whole frame, which says whether the camera gives temperatures. Its unit and shape."""
        deadline_s = self._clock.now() + OPEN_TIMEOUT_S
        damaged, counts_left = None, 0
        while True:
            buffer = self._device.dequeue(max(deadline_s - self._clock.now(), 0.0))
            if buffer is None:
                raise damaged or self._silent(OPEN_TIMEOUT_S)
            try:
                decoded = self._decode(buffer)
            except CameraError as error:  # a stream may begin in the middle of a frame
                damaged = error
                if self._clock.now() >= deadline_s:
                    raise
                continue
            if decoded.unit == RELATIVE != self._wire.unit and self._clock.now() < deadline_s:
                if counts_left == 0:
                    counts_left = _COUNTS_FRAMES if self._commands.want_temperatures(self._device) else 1
                counts_left -= 1
                if counts_left:
                    continue
            self._first, self._first_sequence = buffer, buffer.sequence
            return decoded.unit, decoded.pixels.shape

    def _newest(self, timeout_s):
        """The newest filled buffer; the next one where every buffer was full, because then what they hold is old."""
        newest, self._first = self._first, None
        count = 0
        while count < 2 * BUFFERS:
            buffer = self._device.dequeue(0.0)
            if buffer is None:
                break
            newest, count = buffer, count + 1
        if newest is None:
            return self._device.dequeue(timeout_s)
        if count >= BUFFERS and self._clock.now() - newest.t_monotonic > 1.5 / self.rate_hz:
            return self._device.dequeue(timeout_s) or newest
        return newest

    def _decode(self, buffer):
        if buffer.error:
            raise self._bad_frame('sent a damaged frame', 'sequence %d' % buffer.sequence)
        return self._wire.decode(buffer.data)

    def _frame(self, buffer, decoded):
        taken = utc_now(max(self._clock.now() - buffer.t_monotonic, 0.0))
        provenance = Provenance(self.name, reader=self._wire.name, captured_at=taken)
        try:
            thermogram = Thermogram(decoded.pixels, decoded.unit, provenance)
        except InputError as error:
            raise self._bad_frame('sent a frame that is none', error.message.text)
        return Frame(thermogram, buffer.sequence - self._first_sequence, buffer.t_monotonic, decoded.condition)

    def _wrong_format(self, what, detail=''):
        return CameraError('camera-format', 'The %s %s; update its firmware, or see docs/cameras.md.'
                           % (self.name, what), detail=detail)
