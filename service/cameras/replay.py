"""A folder of thermograms, played back as if a camera delivered them."""
import os
from typing import Any, Dict, List, Optional, Tuple

from ..messages import CameraError, InputError
from ..readers import SCALES, find_thermograms, read_thermogram
from ..readers.files import shown_name
from ..thermogram import Thermogram
from .base import Camera, Frame
from .clock import Pacer, SystemClock
from .specification import Options

#: Decoded frames are kept up to this size, so that a short loop is read only once.
_CACHE_BYTES = 32 << 20

#: Files per second: each may show another patient, and is looked at for two seconds.
RATE_HZ = 0.5

#: Unit and shape.
_Format = Tuple[str, Tuple[int, ...]]


class ReplayCamera(Camera):
    """Shows the thermograms of a folder in the order of their names, at a fixed rate.

    Tick n is file n: a slow reader misses files, as it would miss frames. Every frame has the unit and size of the
    first usable file; a file that cannot be read, or differs, is skipped and counted, and the next one takes its place.

    Args:
        folder: where the files are.
        rate_hz: files per second.
        loop: start again after the last file; otherwise the camera is then gone.
        scale: key of `SCALES` for 16-bit files without a sidecar.
        clock: where the time comes from.
    """

    kind = 'replay'
    accuracy = 'As stated for the camera that took the recording.'

    def __init__(self, folder: str, rate_hz: float = RATE_HZ, loop: bool = True, scale: Optional[str] = None,
                 clock: Optional[SystemClock] = None) -> None:
        super().__init__()
        self.name = 'recording %s' % shown_name(folder)
        self.rate_hz = rate_hz
        self._folder = folder
        self._loop = loop
        self._scale = scale
        self._clock = clock or SystemClock()
        self._pacer = Pacer(rate_hz, self._clock)
        self._files: List[str] = []
        self._bad: Dict[str, str] = {}
        self._cache: Dict[str, Thermogram] = {}

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'ReplayCamera':
        """``replay:FOLDER`` with ``rate`` (frames per second), ``loop`` (0 or 1) and ``scale``."""
        if not where:
            raise options.error('needs a folder: replay:/path/of/folder')
        camera = cls(where, options.number('rate', RATE_HZ, 0.1, 100.0),
                     options.choice('loop', '1', ('0', '1')) == '1',
                     options.choice('scale', None, tuple(SCALES)), clock)
        options.finish()
        return camera

    @property
    def skipped_files(self) -> int:
        """How many different files were skipped since `open`."""
        return len(self._bad)

    def describe(self) -> Dict[str, Any]:
        """As `Camera.describe`, with ``files`` and ``skipped_files``."""
        return dict(super().describe(), files=len(self._files), skipped_files=self.skipped_files)

    def _open(self) -> Tuple[str, Tuple[int, int]]:
        self._bad, self._cache = {}, {}
        if not os.path.isdir(self._folder):
            raise CameraError('camera-missing', 'The folder of the %s does not exist.' % self.name,
                              'Check the path or plug the disk in.', self._folder)
        try:
            self._files = find_thermograms([self._folder])
        except InputError as error:
            raise CameraError('camera-missing', error.message.sentence, error.message.next_step, error.detail)
        first = self._usable(0, None)
        self._pacer = Pacer(self.rate_hz, self._clock)
        return first.unit, first.pixels.shape

    def _close(self) -> None:
        self._cache = {}

    def _read(self, timeout_s: float) -> Frame:
        tick = self._pacer.next_tick(timeout_s)
        if tick is None:
            raise self._silent(timeout_s)
        if tick >= len(self._files) and not self._loop:
            raise self._over()
        return Frame(self._usable(tick, (self._unit, self._shape)), tick, self._pacer.time_of(tick),
                     missed=self._pacer.missed)

    def _usable(self, tick: int, required: Optional[_Format]) -> Thermogram:
        """The thermogram of a tick: its own file, or the next that can be shown."""
        last = tick + len(self._files) if self._loop or required is None else len(self._files)
        for index in range(tick, last):
            path = self._files[index % len(self._files)]
            thermogram = self._load(path, required)
            if thermogram is not None:
                return thermogram
        if not os.path.isdir(self._folder):
            raise self._gone('Plug the disk with the recording in and start it again.')
        if required is not None and not self._loop:
            raise self._over()
        raise CameraError('camera-bad-frame', 'No file of the %s can be shown. The first: %s'
                          % (self.name, next(iter(self._bad.values()))))

    def _over(self) -> CameraError:
        return CameraError('camera-gone', 'The %s is over.' % self.name, 'Start it again.')

    def _load(self, path: str, required: Optional[_Format]) -> Optional[Thermogram]:
        """The thermogram of a file, or None if it cannot be shown."""
        if path in self._bad:
            return None
        thermogram = self._cache.get(path)
        if thermogram is None:
            try:
                thermogram = read_thermogram(path, scale=self._scale)
            except InputError as error:
                self._bad[path] = error.message.text
                return None
            if required not in (None, (thermogram.unit, thermogram.pixels.shape)):
                self._bad[path] = '%s is of another size or unit than the rest.' % shown_name(path)
                return None
            if (len(self._cache) + 1) * thermogram.pixels.nbytes <= _CACHE_BYTES:
                self._cache[path] = thermogram
        return thermogram
