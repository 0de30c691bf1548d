"""A camera made of the phantom: a breathing patient, noise, and faults on demand."""
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

from ..messages import CameraError, InputError
from ..simulator import Scene
from ..thermogram import CELSIUS, Thermogram, utc_now
from .base import Camera, Frame
from .clock import Pacer, SystemClock
from .specification import Options

NONE, STOP, UNPLUG, GARBAGE, FREEZE = 'none', 'stop', 'unplug', 'garbage', 'freeze'
FAULTS = (NONE, STOP, UNPLUG, GARBAGE, FREEZE)

_SEED = re.compile('[0-9]{0,9}')


@dataclass(frozen=True)
class Fault:
    """A fault of a simulated camera, planted on purpose for tests and demonstrations.

    Attributes:
        kind: ``'none'``; ``'stop'`` delivers no frames; ``'unplug'`` is gone and cannot be opened; ``'garbage'``
            delivers invalid frames; ``'freeze'`` is a read that does not return before the fault is over, as in a
            driver that hangs. A simulated camera under the USB driver has others.
        after_s: when it begins, counted from the first time the camera was opened.
        for_s: how long it lasts.
    """

    kind: str = NONE
    after_s: float = 10.0
    for_s: float = 5.0

    def active(self, kind: str, t_s: float) -> bool:
        """Whether a kind of fault is present at a time."""
        return self.kind == kind and self.after_s <= t_s < self.after_s + self.for_s

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.after_s + self.for_s


class SimulatedCamera(Camera):
    """Frames of one simulated patient; the same seed and tick give the same frame.

    Args:
        seed: which patient; 0 or more.
        height, width: frame size in pixels.
        rate_hz: frames per second.
        fault: what goes wrong and when.
        clock: where the time comes from.
        scene: makes the scene of (seed, height, width); its ``frame(t_s)`` gives float32 HxW °C.
    """

    kind = 'sim'
    netd_mk = 40
    never_repeats = True
    accuracy = 'Simulated: a phantom, not a patient; nobody has these temperatures.'

    def __init__(self, seed: int = 1, height: int = 480, width: int = 640, rate_hz: float = 9.0,
                 fault: Optional[Fault] = None, clock: Optional[SystemClock] = None,
                 scene: Callable[[int, int, int], Any] = Scene) -> None:
        super().__init__()
        self.name = 'simulated camera %d' % seed
        self.rate_hz = rate_hz
        self._size = height, width
        self._seed = seed
        self._fault = fault or Fault()
        self._clock = clock or SystemClock()
        self._make_scene = scene
        self._scene: Any = None
        self._pacer = Pacer(rate_hz, self._clock)
        self._first_open_s: Optional[float] = None

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'SimulatedCamera':
        """``sim:SEED`` with ``rate``, ``width``, ``height``, ``fault``, ``after`` and ``for``, as of `Fault`."""
        if not _SEED.fullmatch(where):
            raise options.error('needs a seed from 0 to 999999999')
        fault = Fault(options.choice('fault', NONE, FAULTS) or NONE, options.number('after', 10.0, 0, 1e6),
                      options.number('for', 5.0, 0, 1e6))
        camera = cls(int(where or 1), options.whole('height', 480, 40, 1024),
                     options.whole('width', 640, 40, 1280),
                     options.number('rate', 9.0, 0.1, 100.0), fault, clock)
        options.finish()
        return camera

    def _open(self) -> Tuple[str, Tuple[int, int]]:
        if self._first_open_s is None:
            self._first_open_s = self._clock.now()
        if self._fault.active(UNPLUG, self._age_s()):
            raise CameraError('camera-missing', 'The %s is not plugged in.' % self.name, 'Plug it in.')
        if self._scene is None:
            self._scene = self._make_scene(self._seed, *self._size)
        self._pacer = Pacer(self.rate_hz, self._clock)
        return CELSIUS, self._size

    def _close(self) -> None:
        """Nothing to free."""

    def _read(self, timeout_s: float) -> Frame:
        if self._fault.active(FREEZE, self._age_s()):
            self._clock.sleep(self._fault.end_s - self._age_s())
        deadline_s = self._clock.now() + timeout_s
        if self._fault.active(STOP, self._age_s()):
            self._clock.sleep(min(timeout_s, self._fault.end_s - self._age_s()))
        tick = self._pacer.next_tick(max(deadline_s - self._clock.now(), 0))
        age_s = self._age_s()
        if self._fault.active(UNPLUG, age_s):
            raise self._gone('Plug it in.')
        if tick is None or self._fault.active(STOP, age_s):
            raise self._silent(timeout_s)
        taken_s = self._pacer.time_of(tick)
        if self._fault.active(GARBAGE, age_s):
            raise self._bad_frame('sent an invalid frame')
        celsius = self._scene.frame(tick / self.rate_hz)
        try:
            thermogram = Thermogram.from_celsius(celsius, self.name, reader=self.kind, captured_at=utc_now(),
                                                 emissivity=0.98)
        except InputError as error:
            raise self._bad_frame('sent an invalid frame', error.message.text)
        return Frame(thermogram, tick, taken_s, missed=self._pacer.missed)

    def _age_s(self) -> float:
        return self._clock.now() - (self._first_open_s or 0.0)
