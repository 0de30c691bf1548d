"""A folder of thermograms as if a camera gave them."""
import os

from ..messages import CameraError, InputError
from ..readers import SCALES, find_thermograms, read_thermogram
from ..readers.files import shown_name
from .base import Camera, Frame
from .pacing import Pacer, SystemClock

#: Decoded frames are kept up to this size, so that a short loop costs no reading.
_CACHE_BYTES = 32 << 20


class ReplayCamera(Camera):
    """Shows the thermograms of a folder in the order of their names, at a fixed rate.

    Tick n is file n: a slow reader misses files, as it would miss frames. Every frame has the unit
    and size of the first usable file; a file that cannot be read or is of another kind is skipped
    and counted, and the file after it is shown in its place.

    Args:
        folder (str): where the files are.
        rate_hz (float): files per second.
        loop (bool): start again after the last file; without it the camera is then gone.
        scale (str): key of `SCALES` for 16-bit files without a sidecar.
        clock (SystemClock): where the time comes from.
    """

    kind = 'replay'
    accuracy = 'As stated for the camera that took the recording.'

    def __init__(self, folder, rate_hz=9.0, loop=True, scale=None, clock=None):
        super().__init__()
        self.name = 'recording %s' % shown_name(folder)
        self.rate_hz = rate_hz
        self._folder = folder
        self._loop = loop
        self._scale = scale
        self._clock = clock or SystemClock()
        self._pacer = None
        self._files = []
        self._bad = {}
        self._cache = {}

    @classmethod
    def from_spec(cls, where, options, clock):
        """``replay:FOLDER`` with ``rate`` (frames per second), ``loop`` (0 or 1) and ``scale``."""
        if not where:
            raise options.error('needs a folder: replay:/path/of/folder')
        camera = cls(where, options.number('rate', 9.0, 0.1, 100.0),
                     options.choice('loop', '1', ('0', '1')) == '1',
                     options.choice('scale', None, tuple(SCALES)), clock)
        options.finish()
        return camera

    @property
    def skipped_files(self):
        """How many different files were skipped since `open`."""
        return len(self._bad)

    def describe(self):
        """As `Camera.describe`, with ``files`` and ``skipped_files``."""
        return dict(super().describe(), files=len(self._files), skipped_files=self.skipped_files)

    def _open(self):
        self._bad, self._cache = {}, {}
        if not os.path.isdir(self._folder):
            raise CameraError('camera-missing', 'The folder of the %s does not exist; check the path or plug '
                              'the disk in.' % self.name, detail=self._folder)
        try:
            self._files = find_thermograms([self._folder])
        except InputError as error:
            raise CameraError('camera-missing', error.message.text, detail=error.detail)
        first = self._usable(0, None)
        self._pacer = Pacer(self.rate_hz, self._clock)
        return first.unit, first.pixels.shape

    def _close(self):
        self._pacer = None
        self._cache = {}

    def _read(self, timeout_s):
        tick = self._pacer.next_tick(timeout_s)
        if tick is None:
            raise self._silent(timeout_s)
        if tick >= len(self._files) and not self._loop:
            raise self._over()
        kind = (self._unit, self._shape)
        return Frame(self._usable(tick, kind), tick, self._pacer.time_of(tick))

    def _usable(self, tick, kind):
        """The thermogram of a tick: its own file, or the next that can be shown."""
        last = tick + len(self._files) if self._loop or kind is None else len(self._files)
        for index in range(tick, last):
            path = self._files[index % len(self._files)]
            thermogram = self._load(path, kind)
            if thermogram is not None:
                return thermogram
        if not os.path.isdir(self._folder):
            raise self._gone('plug the disk of the recording in and start it again')
        if kind is not None and not self._loop:
            raise self._over()
        reason = next(iter(self._bad.values()))
        raise CameraError('camera-bad-frame', 'No file of the %s can be shown. The first: %s'
                          % (self.name, reason))

    def _over(self):
        return CameraError('camera-gone', 'The %s is over; start it again.' % self.name)

    def _load(self, path, kind):
        """The thermogram of a file, or None where it cannot be shown."""
        if path in self._bad:
            return None
        thermogram = self._cache.get(path)
        if thermogram is None:
            try:
                thermogram = read_thermogram(path, scale=self._scale)
            except InputError as error:
                self._bad[path] = error.message.text
                return None
            if kind not in (None, (thermogram.unit, thermogram.pixels.shape)):
                self._bad[path] = '%s is of another size or unit than the rest.' % shown_name(path)
                return None
            if (len(self._cache) + 1) * thermogram.pixels.nbytes <= _CACHE_BYTES:
                self._cache[path] = thermogram
        return thermogram
