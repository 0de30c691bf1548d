"""Fake PyGObject and Aravis, offering only names that Aravis 0.6 and 0.8 both have.

Any other name is an `AttributeError`, as it is on a board. As in the real ones, 0.6 says nothing where a feature cannot
be set, and 0.8 raises.
"""
import sys
import types

from service.cameras.wire.gige import MODES, GigeFormat


class GError(Exception):
    """Stands in for ``GLib.Error``."""


class MisuseError(Exception):
    """The double was used as the real library cannot be."""


class NetworkCamera:
    """One camera on the fake network.

    Args:
        clock: time of its frames, also of the wall (`wall`).
        picture (callable): float32 HxW Celsius of a frame number.
        **faults: ``damaged`` (set of frame numbers), ``busy``, ``stubborn`` (takes no setting), ``silent``,
            ``first_id``, ``short`` (bytes missing of every frame), ``features`` (dict), ``shape``.
    """

    def __init__(self, clock, picture, rate_hz=10.0, address='192.168.2.10', model='FLIR A50', **faults):
        self.clock, self.picture, self.rate_hz = clock, picture, rate_hz
        self.address, self.model = address, model
        self.features = faults.pop('features', {'IRFormat': 'Radiometric'})
        self.shape = faults.pop('shape', (48, 64))
        self.first_id = faults.pop('first_id', 1)
        self.damaged = faults.pop('damaged', set())
        self.busy, self.stubborn, self.silent, self.short = (faults.pop(name, 0) for name in (
            'busy', 'stubborn', 'silent', 'short'))
        if faults:
            raise MisuseError('no faults %s' % ', '.join(faults))
        self.pixel_format = 'Mono8'
        self.running = False
        self.opened = 0
        self.lost_callbacks = []

    def wall(self):
        """Seconds since 1970 by the fake clock."""
        return 1.6e9 + self.clock.now()

    def lose(self):
        """Pull its network cable."""
        for callback in self.lost_callbacks:
            callback(None)

    def mode(self):
        """The mode that its settings make, or None."""
        for name, feature, value in (('gige-10mk', 'IRFormat', 'TemperatureLinear10mK'),
                                     ('gige-100mk', 'IRFormat', 'TemperatureLinear100mK'),
                                     ('ax5-high', 'TemperatureLinearResolution', 'High'),
                                     ('ax5-low', 'TemperatureLinearResolution', 'Low')):
            if self.features.get(feature) == value and self.pixel_format == MODES[name][0]:
                return name
        return None


def install(monkeypatch, cameras, version='0.8'):
    """Put the double into `sys.modules` until the test ends.

    Args:
        monkeypatch: pytest's.
        cameras (list of NetworkCamera): what is on the network.
        version (str): series that is installed, ``'0.6'`` or ``'0.8'``; ``''`` for PyGObject without Aravis.
    """
    gi, repository = types.ModuleType('gi'), types.ModuleType('gi.repository')

    def require_version(namespace, wanted):
        if (namespace, wanted) != ('Aravis', version):
            raise ValueError('Namespace %s not available for version %s' % (namespace, wanted))
    gi.require_version = require_version
    gi.repository = repository
    repository.Aravis = _aravis(cameras, version == '0.8')
    repository.GLib = types.SimpleNamespace(Error=GError)
    monkeypatch.setitem(sys.modules, 'gi', gi)
    monkeypatch.setitem(sys.modules, 'gi.repository', repository)


def _aravis(cameras, raises):
    class Camera(_Camera):
        @staticmethod
        def new(name):
            for camera in cameras:
                if name in (camera.address, camera.model) and not camera.busy:
                    camera.opened += 1
                    return Camera(camera, raises)
            if raises:
                raise GError('Device not found')
            raise TypeError('constructor returned NULL')
    found = []
    return types.SimpleNamespace(
        update_device_list=lambda: found.__setitem__(slice(None), cameras), get_n_devices=lambda: len(found),
        get_device_id=lambda index: found[index].address, Camera=Camera, Buffer=_Buffer,
        BufferStatus=types.SimpleNamespace(SUCCESS=0, MISSING_PACKETS=5),
        AcquisitionMode=types.SimpleNamespace(CONTINUOUS=0))


class _Camera:
    def __init__(self, unit, raises):
        self._unit, self._device = unit, _Device(unit, raises)

    def get_device(self):
        return self._device

    def get_model_name(self):
        return self._unit.model

    def set_pixel_format_from_string(self, name):
        if not self._unit.stubborn:
            self._unit.pixel_format = name

    def get_pixel_format_as_string(self):
        return self._unit.pixel_format

    def get_region(self):
        height, width = self._unit.shape
        return 0, 0, width, height

    def get_frame_rate(self):
        return self._unit.rate_hz

    def get_payload(self):
        height, width = self._unit.shape
        return 2 * height * width

    def create_stream(self, callback, user_data):
        return _Stream(self._unit)

    def set_acquisition_mode(self, mode):
        if mode != 0:
            raise MisuseError('mode %r' % mode)

    def start_acquisition(self):
        self._unit.running = True
        self._unit.started_s = self._unit.clock.now()

    def stop_acquisition(self):
        self._unit.running = False


class _Device:
    def __init__(self, unit, raises):
        self._unit, self._raises = unit, raises

    def connect(self, signal, callback):
        if signal != 'control-lost':
            raise TypeError('unknown signal name: %s' % signal)
        self._unit.lost_callbacks.append(callback)

    def get_feature(self, name):
        return object() if name in self._unit.features else None

    def set_string_feature_value(self, name, value):
        if self._unit.stubborn:
            if self._raises:
                raise GError('%s is locked' % name)
            return
        self._unit.features[name] = value

    def get_string_feature_value(self, name):
        return self._unit.features[name]


class _Buffer:
    def __init__(self, size):
        self.size, self.content, self.number, self.frame_id, self.status, self.received_ns = size, b'', -1, 0, -1, 0

    @staticmethod
    def new_allocate(size):
        return _Buffer(size)

    def get_status(self):
        return self.status

    def get_data(self):
        return self.content

    def get_frame_id(self):
        return self.frame_id

    def get_system_timestamp(self):
        return self.received_ns


class _Stream:
    """Frame n is there n / rate after the start; without an empty buffer for it, it is lost."""

    def __init__(self, unit):
        self._unit, self._empty, self._full, self._next = unit, [], [], 0

    def push_buffer(self, buffer):
        if buffer in self._empty or buffer in self._full:
            raise MisuseError('a buffer was given back twice')
        self._receive()
        self._empty.append(buffer)

    def try_pop_buffer(self):
        self._receive()
        return self._full.pop(0) if self._full else None

    def timeout_pop_buffer(self, timeout_us):
        buffer = self.try_pop_buffer()
        if buffer is None:
            unit = self._unit
            wait_s = float('inf') if unit.silent else unit.started_s + self._next / unit.rate_hz - unit.clock.now()
            unit.clock.sleep(max(min(wait_s + 1e-9, timeout_us / 1e6), 0.0))
            buffer = self.try_pop_buffer()
        return buffer

    def _receive(self):
        unit = self._unit
        while unit.running and not unit.silent and unit.clock.now() >= unit.started_s + self._next / unit.rate_hz:
            if self._empty:
                self._fill(self._empty.pop(0), self._next)
            self._next += 1

    def _fill(self, buffer, number):
        unit = self._unit
        mode = unit.mode()
        if mode is None:
            raise MisuseError('a camera that was not told what to send')
        data = GigeFormat(mode, *unit.shape).encode(unit.picture(number))
        if len(data) > buffer.size:
            raise MisuseError('a frame larger than its buffer')
        buffer.content = data[:len(data) - unit.short]
        buffer.status = 5 if number in unit.damaged else 0
        buffer.frame_id = (unit.first_id - 1 + number) % 0xFFFF + 1
        taken_s = unit.started_s + number / unit.rate_hz
        buffer.received_ns = int((1.6e9 + taken_s) * 1e9)
        self._full.append(buffer)
