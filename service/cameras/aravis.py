"""FLIR cameras on the network (GigE Vision) through Aravis, if the board has it installed.

Uses only what Aravis 0.6 (Ubuntu 18.04, JetPack 4) and 0.8 (Ubuntu 20.04 and later) both offer. Version 0.6 reports no
errors, so every setting is read back. A picture becomes temperatures only when the camera confirms that it sends them.
"""
import re
import threading
import time
from typing import Any, Callable, List, NamedTuple, Optional, Tuple, Type

from ..messages import CameraError, InputError
from ..thermogram import Provenance, Thermogram, utc_now
from .base import EVERY, Camera, Frame
from .clock import SystemClock
from .specification import Options
from .wire.gige import MODES, GigeFormat

#: Series of Aravis, newest first.
_VERSIONS = ('0.8', '0.6')

#: By mode, the features that make a camera send temperatures and their values. Source: FLIR support pages on A50, A400
#: and A6xx (IRFormat), and on Ax5 (TemperatureLinear...).
_FEATURES = {
    'gige-10mk': (('IRFormat', 'TemperatureLinear10mK'),),
    'gige-100mk': (('IRFormat', 'TemperatureLinear100mK'),),
    'ax5-high': (('TemperatureLinearMode', 'On'), ('TemperatureLinearResolution', 'High')),
    'ax5-low': (('TemperatureLinearMode', 'On'), ('TemperatureLinearResolution', 'Low')),
}

#: Without a mode in the specification, the first of these whose features the camera has.
_DEFAULT_MODES = ('gige-10mk', 'ax5-high')

#: Half a second at 30 Hz. Once all are full the camera's frames are lost, and the buffered ones are old.
_BUFFERS = 16
_OPEN_TIMEOUT_S = 5.0

#: A 16-bit frame id counts 1..65535; 0 is not used.
_FRAME_IDS = 0xFFFF

_NAME = re.compile(r'[\w .:-]{0,80}')


class Library(NamedTuple):
    """Aravis as Python sees it.

    Attributes:
        aravis: the module ``gi.repository.Aravis``.
        errors: exceptions that its calls raise.
    """

    aravis: Any
    errors: Tuple[Type[BaseException], ...]

    def device_ids(self) -> List[str]:
        """Ids of the cameras that answer a search."""
        self.aravis.update_device_list()
        return [self.aravis.get_device_id(index) for index in range(self.aravis.get_n_devices())]

    def open(self, address: str) -> Any:
        """The camera of an id or address, or None if it does not answer or is in use."""
        try:
            return self.aravis.Camera.new(address)
        except self.errors:
            return None


def load_library() -> Library:
    """Import Aravis, which happens only when a network camera is asked for.

    Raises:
        CameraError: ``camera-library`` if it, or Python's access to it, is not installed.
    """
    try:
        import gi
    except ImportError as error:
        raise _not_installed(error)
    reasons = []
    for version in _VERSIONS:
        try:
            gi.require_version('Aravis', version)
        except ValueError as error:
            reasons.append(error)
            continue
        try:
            from gi.repository import Aravis, GLib
        except ImportError as error:
            raise _not_installed(error)
        # PyGObject raises TypeError where a constructor of 0.6 returns nothing.
        return Library(Aravis, (GLib.Error, TypeError))
    raise _not_installed(reasons[-1])


def _not_installed(error: Exception) -> CameraError:
    return CameraError('camera-library', 'Network cameras need Aravis, which is not installed here.',
                       'Run "sudo apt install python3-gi gir1.2-aravis-0.8" (0.6 on Ubuntu 18.04) and use the Python '
                       'of the system.', str(error))


class _Received(NamedTuple):
    data: bytes
    frame_id: int
    t_monotonic: float


class AravisCamera(Camera):
    """One GigE Vision camera.

    Args:
        address: device id or IP address as ``arv-tool`` prints them; ``''`` for the first camera found.
        mode: key of `MODES`, or ``''`` for the finest that the camera has.
        clock: of `Frame.t_monotonic`.
        wall: seconds since 1970, the clock of Aravis' own timestamps.
    """

    kind = 'gige'
    warms_up = True
    never_repeats = True

    def __init__(self, address: str = '', mode: str = '', clock: Optional[SystemClock] = None,
                 wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.name = 'network camera %s' % address if address else 'network camera'
        self._address = address
        self._mode = mode
        self._clock = clock or SystemClock()
        self._wall = wall
        self._library: Optional[Library] = None
        self._camera: Any = None
        self._stream: Any = None
        self._wire = GigeFormat('gige-10mk', 0, 0)
        self._lost = threading.Event()
        self._first: Optional[_Received] = None
        self._last_id: Optional[int] = None
        self._sequence, self._emptied_s = 0, 0.0

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'AravisCamera':
        """``gige`` (the first one) or ``gige:ADDRESS`` with ``mode`` (a key of `MODES`)."""
        if not _NAME.fullmatch(where):
            raise options.error('needs the address or the id of a camera: gige:192.168.2.10')
        camera = cls(where, options.choice('mode', '', tuple(MODES)) or '', clock)
        options.finish()
        return camera

    def _open(self) -> Tuple[str, Tuple[int, int]]:
        self._library = load_library()
        self._last_id, self._sequence = None, 0
        try:
            self._connect(self._library)
            self._start(self._library)
        except self._library.errors as error:
            raise CameraError('camera-failed', 'The %s could not be started.' % self.name,
                              'Close other programs that use it, and switch it off and on.',
                              '%s: %s' % (type(error).__name__, error))
        self._first, _ = self._newest(_OPEN_TIMEOUT_S)
        reading = self._wire.decode(self._first.data)
        return reading.unit, reading.pixels.shape

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        self._stream = self._first = None
        if camera is not None and self._library is not None:
            try:
                camera.stop_acquisition()
            except self._library.errors:
                pass  # the camera is gone already

    def _read(self, timeout_s: float) -> Frame:
        received, missed = self._newest(timeout_s)
        reading = self._wire.decode(received.data)
        provenance = Provenance(self.name, reader=self._wire.name, captured_at=utc_now())
        try:
            thermogram = Thermogram(reading.pixels, reading.unit, provenance)
        except InputError as error:
            raise self._bad_frame('sent an invalid frame', error.message.text)
        return Frame(thermogram, self._count(received.frame_id), received.t_monotonic, reading.condition, missed)

    def _connect(self, library: Library) -> None:
        ids = library.device_ids()
        if not ids and not self._address:
            raise CameraError('camera-missing', 'There is no network camera here.',
                              'Check its power, and that it is on the network card of this machine with an address of '
                              'the same network.')
        # An address is tried even if nothing answered the search: it may be behind a switch.
        self._camera = library.open(self._address or ids[0])
        if self._camera is None:
            raise CameraError('camera-missing', 'The %s does not answer.' % self.name,
                              'Check its power and its address, and close other programs that use it.', ', '.join(ids))
        self.name = 'network camera %s' % self._camera.get_model_name()
        # Called from a thread of Aravis, where only setting a flag is safe. Every connection has a flag of its own: the
        # signal of the previous one may come late.
        lost = self._lost = threading.Event()
        self._camera.get_device().connect('control-lost', lambda *_: lost.set())

    def _start(self, library: Library) -> None:
        camera = self._camera
        mode = self._choose_mode()
        for feature, value in _FEATURES[mode]:
            camera.get_device().set_string_feature_value(feature, value)
            self._confirm(feature, value, camera.get_device().get_string_feature_value(feature))
        camera.set_pixel_format_from_string(MODES[mode][0])
        self._confirm('PixelFormat', MODES[mode][0], camera.get_pixel_format_as_string())
        _, _, width, height = camera.get_region()
        self._wire = GigeFormat(mode, height, width)
        self.rate_hz = float(camera.get_frame_rate()) or self._wire.rate_hz
        self.accuracy = self._wire.accuracy
        payload = camera.get_payload()
        self._stream = camera.create_stream(None, None)
        if self._stream is None or payload < self._wire.frame_bytes:
            raise CameraError('camera-format', 'The %s gives no stream of pictures.' % self.name,
                              'Switch it off and on.', 'payload of %d bytes for %dx%d' % (payload, width, height))
        for _ in range(_BUFFERS):
            self._stream.push_buffer(library.aravis.Buffer.new_allocate(payload))
        camera.set_acquisition_mode(library.aravis.AcquisitionMode.CONTINUOUS)
        self._emptied_s = self._clock.now()
        camera.start_acquisition()

    def _choose_mode(self) -> str:
        device = self._camera.get_device()
        for mode in (self._mode,) if self._mode else _DEFAULT_MODES:
            if all(device.get_feature(feature) is not None for feature, _ in _FEATURES[mode]):
                return mode
        raise CameraError('camera-no-temperatures', 'The %s cannot send temperatures%s.'
                          % (self.name, ' as %s' % self._mode if self._mode else ''),
                          'Use one that has IRFormat or TemperatureLinearMode.')

    def _confirm(self, feature: str, requested: str, reported: str) -> None:
        if reported != requested:
            raise CameraError('camera-no-temperatures', 'The %s did not accept the setting %s that makes it send '
                              'temperatures.' % (self.name, feature),
                              'Close other programs that use it, and switch it off and on.',
                              '%r instead of %r' % (reported, requested))

    def _newest(self, timeout_s: float) -> Tuple[_Received, int]:
        """The newest whole frame; the next one if every buffer was full, because the buffered ones are then old.

        Returns:
            The frame and its `Frame.missed`.
        """
        deadline_s = self._clock.now() + timeout_s
        whole = -1 if self._first is None else 0
        (newest, self._first), count, damaged = (self._first, None), 0, 0
        while not self._lost.is_set():
            now_s = self._clock.now()
            if newest is None or count >= _BUFFERS and now_s - newest.t_monotonic > 1.5 / self.rate_hz:
                buffer = self._stream.timeout_pop_buffer(int(round(max(deadline_s - now_s, 0.0) * 1e6)))
            else:
                buffer = self._stream.try_pop_buffer()
            if buffer is None:
                break
            count += 1
            received = self._receive(buffer)
            newest, whole, damaged = received or newest, whole + (received is not None), damaged + (received is None)
        self._emptied_s = self._clock.now()
        if self._lost.is_set():
            raise self._gone('Check its network cable and its power.')
        if newest is not None:
            return newest, whole if count < _BUFFERS else EVERY
        if damaged:
            raise CameraError('camera-bad-frame', 'The %s lost parts of every frame on the way.' % self.name,
                              'Give it a network card of its own and let its stream through the firewall.',
                              '%d damaged frames in %.1f s' % (damaged, timeout_s))
        raise self._silent(timeout_s)

    def _receive(self, buffer: Any) -> Optional[_Received]:
        """Copy a frame out of its buffer and give the buffer back; None for a damaged frame."""
        received = None
        assert self._library is not None
        if buffer.get_status() == self._library.aravis.BufferStatus.SUCCESS:
            age_s = self._wall() - buffer.get_system_timestamp() / 1e9
            # It arrived after the buffers were last emptied, even if the wall clock was set in between.
            taken_s = min(max(self._clock.now() - age_s, self._emptied_s), self._clock.now())
            received = _Received(bytes(buffer.get_data())[:self._wire.frame_bytes], buffer.get_frame_id(), taken_s)
        self._stream.push_buffer(buffer)
        return received

    def _count(self, frame_id: int) -> int:
        """The frame's number since the camera was opened; ids start over after 65535."""
        if self._last_id is not None:
            step = frame_id - self._last_id
            self._sequence += step if step >= 0 else step + _FRAME_IDS
        self._last_id = frame_id
        return self._sequence
