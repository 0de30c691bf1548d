"""FLIR cameras on the network (GigE Vision) through Aravis, where the board has it installed.

Uses only what Aravis 0.6 (Ubuntu 18.04, JetPack 4) and 0.8 (Ubuntu 20.04 and later) both offer. 0.6
reports no errors, so everything that is set is read back. A picture becomes temperatures only when
the camera confirms that it sends them.
"""
import re
import time
from typing import NamedTuple

from ..messages import CameraError, InputError
from ..thermogram import Provenance, Thermogram, utc_now
from .aravis_library import load_library
from .base import Camera, Frame
from .pacing import SystemClock
from .wire.gige import MODES, GigeFormat

#: Features that make a camera send temperatures, and what to set them to, by mode. Source: FLIR
#: support pages for A50/A400/A6xx (IRFormat) and Ax5 (TemperatureLinear...).
_FEATURES = {
    'gige-10mk': (('IRFormat', 'TemperatureLinear10mK'),),
    'gige-100mk': (('IRFormat', 'TemperatureLinear100mK'),),
    'ax5-high': (('TemperatureLinearMode', 'On'), ('TemperatureLinearResolution', 'High')),
    'ax5-low': (('TemperatureLinearMode', 'On'), ('TemperatureLinearResolution', 'Low')),
}

#: Tried in this order where no mode is asked for: the first whose features the camera has.
_BY_ITSELF = ('gige-10mk', 'ax5-high')

#: Half a second at 30 Hz. Once all are full the camera's frames are lost and what lies here is old.
_BUFFERS = 16
_OPEN_TIMEOUT_S = 5.0

#: A 16-bit frame id counts 1..65535; 0 is no frame.
_FRAME_IDS = 0xFFFF

_NAME = re.compile(r'[\w .:-]{0,80}')


class _Taken(NamedTuple):
    data: bytes
    frame_id: int
    t_monotonic: float


class AravisCamera(Camera):
    """One GigE Vision camera.

    Args:
        address (str): device id or IP address as ``arv-tool`` prints them; ``''`` for the first there is.
        mode (str): key of `MODES`, or ``''`` for the finest that the camera has.
        clock (SystemClock): of `Frame.t_monotonic`.
        wall (callable): seconds since 1970, the clock of Aravis' own timestamps.
    """

    kind = 'gige'
    warms_up = True
    never_repeats = True

    def __init__(self, address='', mode='', clock=None, wall=time.time):
        super().__init__()
        self.name = 'network camera %s' % address if address else 'network camera'
        self._address = address
        self._mode = mode
        self._clock = clock or SystemClock()
        self._wall = wall
        self._library = None
        self._camera = self._stream = self._wire = None
        self._lost = False
        self._first = None
        self._last_id, self._sequence, self._emptied_s = None, 0, 0.0

    @classmethod
    def from_spec(cls, where, options, clock):
        """``gige`` (the first one) or ``gige:ADDRESS`` with ``mode`` (a key of `MODES`)."""
        if not _NAME.fullmatch(where):
            raise options.error('needs the address or the id of a camera: gige:192.168.2.10')
        camera = cls(where, options.choice('mode', '', tuple(MODES)), clock)
        options.finish()
        return camera

    def _open(self):
        self._library = load_library()
        self._lost, self._last_id, self._sequence = False, None, 0
        try:
            self._connect()
            self._start()
        except self._library.errors as error:
            raise self._failed(error)
        self._first = self._newest(_OPEN_TIMEOUT_S)
        decoded = self._wire.decode(self._first.data)
        return decoded.unit, decoded.pixels.shape

    def _close(self):
        camera, self._camera = self._camera, None
        self._stream = self._first = None
        if camera is not None:
            try:
                camera.stop_acquisition()
            except self._library.errors:
                pass  # the camera is gone already

    def _read(self, timeout_s):
        taken = self._newest(timeout_s)
        decoded = self._wire.decode(taken.data)
        provenance = Provenance(self.name, reader=self._wire.name, captured_at=utc_now())
        try:
            thermogram = Thermogram(decoded.pixels, decoded.unit, provenance)
        except InputError as error:
            raise self._bad_frame('sent a frame that is none', error.message.text)
        return Frame(thermogram, self._count(taken.frame_id), taken.t_monotonic, decoded.condition)

    def _connect(self):
        found = self._library.device_ids()
        if not found and not self._address:
            raise CameraError('camera-missing', 'There is no network camera here; check its power, and that it is on '
                              'the network card of this machine with an address of the same network.')
        # An address is tried even where nothing answered the search: it may be behind a switch.
        self._camera = self._library.open(self._address or found[0])
        if self._camera is None:
            raise CameraError('camera-missing', 'The %s does not answer; check its power and its address, and close '
                              'other programs that use it.' % self.name, detail=', '.join(found))
        self.name = 'network camera %s' % self._camera.get_model_name()
        self._camera.get_device().connect('control-lost', self._on_lost)

    def _start(self):
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
            raise CameraError('camera-format', 'The %s gives no stream of pictures; restart it.' % self.name,
                              detail='payload of %d bytes for %dx%d' % (payload, width, height))
        for _ in range(_BUFFERS):
            self._stream.push_buffer(self._library.aravis.Buffer.new_allocate(payload))
        camera.set_acquisition_mode(self._library.aravis.AcquisitionMode.CONTINUOUS)
        self._emptied_s = self._clock.now()
        camera.start_acquisition()

    def _choose_mode(self):
        device = self._camera.get_device()
        for mode in (self._mode,) if self._mode else _BY_ITSELF:
            if all(device.get_feature(feature) is not None for feature, _ in _FEATURES[mode]):
                return mode
        raise CameraError('camera-no-temperatures', 'The %s cannot send temperatures%s; use one that has IRFormat or '
                          'TemperatureLinearMode.' % (self.name, ' as %s' % self._mode if self._mode else ''))

    def _confirm(self, feature, wanted, told):
        if told != wanted:
            raise CameraError('camera-no-temperatures', 'The %s did not take the setting %s that makes it send '
                              'temperatures; close other programs that use it, and restart it.' % (self.name, feature),
                              detail='%r instead of %r' % (told, wanted))

    def _newest(self, timeout_s):
        """The newest whole frame, as `_Taken`; the next one where every buffer was full, because those are old."""
        deadline_s = self._clock.now() + timeout_s
        (newest, self._first), count, damaged = (self._first, None), 0, 0
        while not self._lost:
            now_s = self._clock.now()
            if newest is None or count >= _BUFFERS and now_s - newest.t_monotonic > 1.5 / self.rate_hz:
                buffer = self._stream.timeout_pop_buffer(int(round(max(deadline_s - now_s, 0.0) * 1e6)))
            else:
                buffer = self._stream.try_pop_buffer()
            if buffer is None:
                break
            count += 1
            taken = self._take(buffer)
            newest, damaged = taken or newest, damaged + (taken is None)
        self._emptied_s = self._clock.now()
        if self._lost:
            raise self._gone('check its network cable and its power, and start it again')
        if newest is not None:
            return newest
        if damaged:
            raise CameraError('camera-bad-frame', 'The %s lost parts of every frame on the way; give it a network card '
                              'of its own and let its stream through the firewall.' % self.name,
                              detail='%d damaged frames in %.1f s' % (damaged, timeout_s))
        raise self._silent(timeout_s)

    def _take(self, buffer):
        """Copy a frame out of its buffer and give the buffer back; None for a damaged frame."""
        taken = None
        if buffer.get_status() == self._library.aravis.BufferStatus.SUCCESS:
            age_s = self._wall() - buffer.get_system_timestamp() / 1e9
            # It came since the buffers were last empty, whatever a clock that was set meanwhile makes of its age.
            taken_s = min(max(self._clock.now() - age_s, self._emptied_s), self._clock.now())
            taken = _Taken(bytes(buffer.get_data())[:self._wire.frame_bytes], buffer.get_frame_id(), taken_s)
        self._stream.push_buffer(buffer)
        return taken

    def _count(self, frame_id):
        """The frame's place since the camera was opened; ids begin again after 65535."""
        if self._last_id is not None:
            step = frame_id - self._last_id
            self._sequence += step if step >= 0 else step + _FRAME_IDS
        self._last_id = frame_id
        return self._sequence

    def _on_lost(self, *_):
        # Called from a thread of Aravis; a flag is all that is safe.
        self._lost = True

    def _failed(self, error):
        return CameraError('camera-failed', 'The %s could not be started; close other programs that use it, and '
                           'restart it.' % self.name, detail='%s: %s' % (type(error).__name__, error))
