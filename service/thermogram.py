"""One frame with temperatures, and where it came from."""
import datetime
from dataclasses import dataclass
from typing import Any, Optional, Tuple

import numpy as np

from .messages import InputError, Message

#: Smallest and largest side that is a thermogram rather than a mistake, in pixels. The low end admits a Lepton 2.5
#: (80x60); the high end is beyond any thermal array and bounds memory.
MIN_SIDE_PX = 40
MAX_SIDE_PX = 4096

CELSIUS = 'celsius'
RELATIVE = 'relative'


@dataclass(frozen=True)
class Provenance:
    """Where a thermogram came from.

    Attributes:
        source: file name, camera name or ``'phantom'``; never a patient's name.
        reader: the reader or camera driver that produced it.
        captured_at: UTC ISO-8601, or ``''`` where the source does not say.
        emissivity: as set in the camera, where known (skin: 0.98).
        mirrored: whether the picture was a mirror image, with the patient's right on the right of the picture.
            Readers and cameras undo it; it is kept for the record.
        notes: what a reader had to decide, in sentences.
        warnings: what somebody should look at before relying on the temperatures.
    """

    source: str
    reader: str = ''
    captured_at: str = ''
    emissivity: Optional[float] = None
    mirrored: bool = False
    notes: Tuple[str, ...] = ()
    warnings: Tuple[Message, ...] = ()


@dataclass(frozen=True, eq=False)
class Thermogram:
    """An immutable frame.

    Attributes:
        pixels: float32 HxW, read-only. Degrees Celsius where `unit` is ``'celsius'``; grey levels 0..255 where it is
            ``'relative'``.
        unit: ``'celsius'`` or ``'relative'``. A relative frame has no temperatures, and nothing computed from it may
            be printed with a degree sign.
    """

    pixels: np.ndarray
    unit: str
    provenance: Provenance

    def __post_init__(self) -> None:
        if self.unit not in (CELSIUS, RELATIVE):
            raise ValueError("unit must be 'celsius' or 'relative', not %r" % (self.unit,))
        object.__setattr__(self, 'pixels', _checked(self.pixels, self.provenance.source))

    @classmethod
    def from_celsius(cls, array: np.ndarray, source: str, **provenance: Any) -> 'Thermogram':
        """Make a thermogram from an HxW array in degrees Celsius.

        Raises:
            InputError: not two-dimensional, too small, too large, or not finite.
        """
        return cls(array, CELSIUS, Provenance(source=source, **provenance))

    @classmethod
    def from_relative(cls, array: np.ndarray, source: str, **provenance: Any) -> 'Thermogram':
        """Make a thermogram from an HxW array of grey levels 0..255, which have no temperature."""
        return cls(array, RELATIVE, Provenance(source=source, **provenance))

    @property
    def is_celsius(self) -> bool:
        """Whether the pixels are temperatures."""
        return self.unit == CELSIUS

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]


def utc_now(ago_s: float = 0.0) -> str:
    """The time as records state it: UTC ISO-8601 with milliseconds.

    Args:
        ago_s: gives the time so many seconds ago, such as when a frame was taken that has just been read.
    """
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return (now - datetime.timedelta(seconds=ago_s)).isoformat(timespec='milliseconds') + 'Z'


def _checked(array: np.ndarray, source: str) -> np.ndarray:
    """A read-only float32 copy of `array`, or an `InputError` saying what is wrong with it."""
    array = np.asarray(array)
    if array.ndim != 2:
        raise InputError('frame-not-2d', '%s has %d dimensions; a thermogram has rows and columns only.'
                         % (source, array.ndim))
    check_size(array.shape[1], array.shape[0], source)
    if array.dtype.kind not in 'fiu':
        raise InputError('frame-not-numbers', '%s holds %s values; temperatures must be numbers.'
                         % (source, array.dtype))
    with np.errstate(over='ignore'):  # beyond float32 becomes infinite, which is refused below
        array = np.array(array, np.float32, order='C')
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise InputError('frame-not-finite', '%s has %d pixels without a number (NaN or infinite).' % (source, bad),
                         'Export it again from the camera software.')
    array.setflags(write=False)
    return array


def check_size(width: int, height: int, source: str) -> None:
    """Refuse a frame that is too small to hold a torso or too large to be a thermogram.

    Raises:
        InputError: ``frame-too-small`` or ``frame-too-large``.
    """
    if min(width, height) < MIN_SIDE_PX:
        raise InputError('frame-too-small', '%s is %dx%d pixels; the smallest usable thermogram is %dx%d.'
                         % (source, width, height, MIN_SIDE_PX, MIN_SIDE_PX))
    if max(width, height) > MAX_SIDE_PX:
        raise InputError('frame-too-large', '%s is %dx%d pixels; the largest accepted side is %d.'
                         % (source, width, height, MAX_SIDE_PX))
