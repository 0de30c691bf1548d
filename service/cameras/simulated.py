"""A camera made of the phantom: a breathing patient, noise, and faults on demand."""
import re

from ..messages import CameraError, InputError
from ..simulator import Scene
from ..thermogram import CELSIUS, Thermogram, utc_now
from .base import Camera, Frame
from .faults import FAULTS, FREEZE, GARBAGE, NONE, STOP, UNPLUG, Fault
from .pacing import Pacer, SystemClock

_SEED = re.compile('[0-9]{0,9}')


class SimulatedCamera(Camera):
    """Frames of one simulated patient; the same seed and tick give the same frame.

    Args:
        seed (int): 0 or more; which patient.
        height, width (int): frame size in pixels.
        rate_hz (float): frames per second.
        fault (Fault): what goes wrong and when.
        clock (SystemClock): where the time comes from.
        scene (callable): makes the scene of (seed, height, width); its ``frame(t_s)`` gives float32
            HxW degrees Celsius.
    """

    kind = 'sim'
    netd_mk = 40
    never_repeats = True
    accuracy = 'Simulated: a phantom, not a patient; the temperatures are of nobody.'

    def __init__(self, seed=1, height=480, width=640, rate_hz=9.0, fault=None, clock=None, scene=Scene):
        super().__init__()
        self.name = 'simulated camera %d' % seed
        self.rate_hz = rate_hz
        self._size = height, width
        self._seed = seed
        self._fault = fault or Fault()
        self._clock = clock or SystemClock()
        self._make_scene = scene
        self._scene = None
        self._pacer = None
        self._first_open_s = None

    @classmethod
    def from_spec(cls, where, options, clock):
        """``sim:SEED`` with ``rate``, ``width``, ``height``, ``fault``, ``after`` and ``for``: as `Fault`."""
        if not _SEED.fullmatch(where):
            raise options.error('needs a seed from 0 to 999999999')
        fault = Fault(options.choice('fault', NONE, FAULTS), options.number('after', 10.0, 0, 1e6),
                      options.number('for', 5.0, 0, 1e6))
        camera = cls(int(where or 1), options.whole('height', 480, 40, 1024),
                     options.whole('width', 640, 40, 1280),
                     options.number('rate', 9.0, 0.1, 100.0), fault, clock)
        options.finish()
        return camera

    def _open(self):
        if self._first_open_s is None:
            self._first_open_s = self._clock.now()
        if self._fault.active(UNPLUG, self._age_s()):
            raise CameraError('camera-missing', 'The %s is not plugged in; plug it in.' % self.name)
        if self._scene is None:
            self._scene = self._make_scene(self._seed, *self._size)
        self._pacer = Pacer(self.rate_hz, self._clock)
        return CELSIUS, self._size

    def _close(self):
        self._pacer = None

    def _read(self, timeout_s):
        if self._fault.active(FREEZE, self._age_s()):
            self._clock.sleep(self._fault.end_s - self._age_s())
        deadline_s = self._clock.now() + timeout_s
        if self._fault.active(STOP, self._age_s()):
            self._clock.sleep(min(timeout_s, self._fault.end_s - self._age_s()))
        tick = self._pacer.next_tick(max(deadline_s - self._clock.now(), 0))
        age_s = self._age_s()
        if self._fault.active(UNPLUG, age_s):
            raise self._gone('plug it in and start it again')
        if tick is None or self._fault.active(STOP, age_s):
            raise self._silent(timeout_s)
        taken_s = self._pacer.time_of(tick)
        if self._fault.active(GARBAGE, age_s):
            raise self._bad_frame('sent a frame that is none')
        celsius = self._scene.frame(tick / self.rate_hz)
        try:
            thermogram = Thermogram.from_celsius(celsius, self.name, reader=self.kind, captured_at=utc_now(),
                                                 emissivity=0.98)
        except InputError as error:
            raise self._bad_frame('sent a frame that is none', error.message.text)
        return Frame(thermogram, tick, taken_s)

    def _age_s(self):
        return self._clock.now() - self._first_open_s
