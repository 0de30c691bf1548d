"""Corrections between the camera and everybody who reads it: bad pixels, blackbody offset, noise, in this order.

Bad pixels come first because they would spoil the rest.
"""
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from ...messages import INFO, WARNING, InputError, Message, SettingsError
from ...thermogram import Thermogram

if TYPE_CHECKING:
    from ...settings import Settings

#: Left, top, width and height as shares of the picture.
Patch = Tuple[float, float, float, float]

#: A pixel that keeps its value through this many frames is stuck. At a noise of three quanta a working pixel repeats
#: its value in fewer than one frame in seven, and never 64 times in a row.
STUCK_FRAMES = 64

#: If a larger share of the pixels stands still, the pixels are not at fault: it is a recording, or the quantisation
#: step exceeds the noise.
MOST_STUCK = 0.005

#: A longer list is not a list of bad pixels.
_MOST_LISTED = 4096
_PLACE = re.compile(r'([0-9]{1,4})\s*,\s*([0-9]{1,4})')

#: Beyond this offset the blackbody is doubted and not the camera: the 5 °C that the maker of the Lepton allows.
MOST_OFFSET_C = 5.0

#: Beyond this spread something else is in the patch. A plate of one temperature spreads by the noise, 0.05 °C.
_MOST_SPREAD_C = 0.5

#: The offset follows slowly so that it adds no flicker; cameras drift over minutes.
_TIME_CONSTANT_S = 5.0

#: Weight of the newest frame where nothing moves. The noise of a still pixel falls by sqrt(w / (2 - w)), to 0.45.
WEIGHT = 1.0 / 3.0

#: A pixel has moved if the mean of its neighbourhood changed by more than this many standard deviations. It is then
#: shown as it is now: an average over a breath would be a temperature that never existed.
_MOVED = 4.0

#: Width of that neighbourhood in pixels; a single pixel cannot be told from its noise.
_ACROSS = 5


class BadPixels:
    """Replaces bad pixels by the median of their good neighbours.

    Listed pixels are replaced from the first frame on. Others are replaced only if they are stuck: a pixel that is
    merely hotter than its neighbours may be a small hot spot of the patient, and stays.

    Args:
        listed: (row, column) each; those outside the frame are ignored.
    Attributes:
        count: how many pixels are replaced.
    """

    def __init__(self, listed: Sequence[Tuple[int, int]] = ()) -> None:
        self._listed = tuple(listed)
        self.reset()

    def reset(self) -> None:
        """Forget the pixels that were found to be stuck."""
        self.count = 0
        self._bad: Optional[np.ndarray] = None
        self._lowest = self._highest = np.empty(0)
        self._frames = 0

    def repair(self, pixels: np.ndarray) -> np.ndarray:
        """A float32 HxW frame with its bad pixels replaced; the same array if none is bad."""
        if self._bad is None or self._bad.shape != pixels.shape:
            self.reset()
            self._bad = np.zeros(pixels.shape, bool)
            for row, column in self._listed:
                if row < pixels.shape[0] and column < pixels.shape[1]:
                    self._bad[row, column] = True
            self.count = int(self._bad.sum())
        self._find_stuck(pixels, self._bad)
        return _filled(pixels, self._bad) if self.count else pixels

    def _find_stuck(self, pixels: np.ndarray, bad: np.ndarray) -> None:
        if self._frames == 0:
            self._lowest, self._highest = pixels.copy(), pixels.copy()
        else:
            np.minimum(self._lowest, pixels, out=self._lowest)
            np.maximum(self._highest, pixels, out=self._highest)
        self._frames += 1
        if self._frames < STUCK_FRAMES:
            return
        self._frames = 0
        stuck = self._lowest == self._highest
        if stuck.mean() <= MOST_STUCK:
            bad |= stuck
            self.count = int(bad.sum())


def read_bad_pixels(path: str) -> Tuple[Tuple[int, int], ...]:
    """Bad pixels from a text file: one ``column, row`` per line, counted from 0; ``#`` begins a comment.

    Returns:
        (row, column) each.
    Raises:
        InputError: ``bad-pixels-unreadable`` or ``bad-pixels-line``.
    """
    try:
        with open(path, encoding='utf-8') as stream:
            lines = stream.read(64 * _MOST_LISTED).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError('bad-pixels-unreadable', 'The list of bad pixels %s cannot be read.' % path,
                         'Check the setting bad_pixels.', str(error))
    places = []
    for number, line in enumerate(lines, 1):
        line = line.partition('#')[0].strip()
        match = _PLACE.fullmatch(line)
        if line and not match:
            raise InputError('bad-pixels-line', 'Line %d of the list of bad pixels %s is not "column, row".'
                             % (number, path), 'Correct it.', line[:80])
        if match:
            places.append((int(match.group(2)), int(match.group(1))))
    if len(places) > _MOST_LISTED:
        raise InputError('bad-pixels-line', 'The list of bad pixels %s names %d pixels.' % (path, len(places)),
                         'Replace a camera with so many.')
    return tuple(places)


def _filled(pixels: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Fill bad pixels; in the centre of a cluster the good pixels of a wider ring serve."""
    filled = pixels.copy()
    height, width = pixels.shape
    for row, column in np.argwhere(bad):
        for reach in range(1, max(height, width)):
            top, left = max(row - reach, 0), max(column - reach, 0)
            near = np.s_[top:row + reach + 1, left:column + reach + 1]
            good = pixels[near][~bad[near]]
            if good.size:
                filled[row, column] = np.median(good)
                break
    return filled


class Blackbody:
    """Shifts every frame so that a blackbody in the picture has the temperature that it is known to have.

    Args:
        patch: where it is in the picture.
        celsius: its temperature.
    Attributes:
        offset_c: what is added to every pixel; None while nothing is.
    """

    def __init__(self, patch: Patch, celsius: float) -> None:
        self._patch = patch
        self._celsius = celsius
        self.reset()

    def reset(self) -> None:
        """Forget the offset."""
        self.offset_c: Optional[float] = None
        self._last_s = 0.0
        self._message: Optional[Message] = None

    def correct(self, pixels: np.ndarray, t_s: float) -> np.ndarray:
        """A float32 HxW frame in °C, taken at `t_s`, shifted by the offset; the same array if there is none."""
        patch = pixels[self._area(pixels.shape)]
        spread_c = float(np.percentile(patch, 90) - np.percentile(patch, 10))
        measured_c = float(np.median(patch))
        error_c = self._celsius - measured_c
        self._message = self._judge(spread_c, measured_c, error_c)
        if self._message is not None:
            self.offset_c = None
            return pixels
        if self.offset_c is None:
            self.offset_c = error_c
        else:
            weight = 1.0 - np.exp(-max(0.0, t_s - self._last_s) / _TIME_CONSTANT_S)
            self.offset_c += float(weight) * (error_c - self.offset_c)
        self._last_s = t_s
        return pixels + np.float32(self.offset_c)

    def messages(self) -> List[Message]:
        """Why temperatures are not corrected; empty while they are."""
        return [self._message] if self._message else []

    def _judge(self, spread_c: float, measured_c: float, error_c: float) -> Optional[Message]:
        if spread_c > _MOST_SPREAD_C:
            return Message('reference-covered', 'The blackbody in the picture is covered; temperatures are not '
                           'corrected.', 'Clear the view of the blackbody.', INFO)
        if abs(error_c) > MOST_OFFSET_C:
            return Message('reference-off', 'The blackbody in the picture measures %.1f °C instead of %.1f °C; '
                           'temperatures are not corrected.' % (measured_c, self._celsius),
                           'Check the blackbody and the camera.', WARNING)
        return None

    def _area(self, shape: Tuple[int, ...]) -> Tuple[slice, slice]:
        left, top, width, height = self._patch
        rows = slice(int(top * shape[0]), max(int((top + height) * shape[0]), int(top * shape[0]) + 1))
        columns = slice(int(left * shape[1]), max(int((left + width) * shape[1]), int(left * shape[1]) + 1))
        return rows, columns


def parse_patch(text: str) -> Patch:
    """The place of the blackbody from ``left,top,width,height``.

    Raises:
        SettingsError: ``setting-range``.
    """
    try:
        left, top, width, height = [float(word) for word in text.split(',')]
        fits = min(left, top) >= 0 and min(width, height) > 0 and left + width <= 1 and top + height <= 1
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError('setting-range', 'reference_patch must be left,top,width,height as shares of the picture, '
                            'such as 0.02,0.02,0.08,0.08, not %r.' % text)
    return left, top, width, height


class Denoiser:
    """A running mean of every pixel that starts over where the picture moves.

    Measured with ``python -m benchmarks.denoise`` (8 phantoms of 160x120, 9 Hz, noise 50 mK): the noise of a pixel
    falls to 0.45 at rest and to 0.67 while breathing. The error of the left-right difference, a mean over hundreds of
    pixels, falls from 1.4 to 0.6 mK at rest and rises to 2.1 mK while breathing: the picture becomes calmer, the result
    no better. That is why it is off by default.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._mean: Optional[np.ndarray] = None
        self._sigma: Optional[float] = None

    def smooth(self, pixels: np.ndarray) -> np.ndarray:
        """The mean of this float32 HxW frame and those before it, wherever nothing moved."""
        if self._mean is None or self._mean.shape != pixels.shape:
            self._mean = pixels.copy()
            return self._mean.copy()
        change = pixels - self._mean
        # The sensor's noise here and now; the median ignores what moves. The factor 1.4826 turns the median absolute
        # deviation of a normal distribution into its standard deviation.
        sigma = 1.4826 * float(np.median(np.abs(change)))
        self._sigma = sigma if self._sigma is None else 0.9 * self._sigma + 0.1 * sigma
        moved = np.abs(cv2.blur(change, (_ACROSS, _ACROSS))) > _MOVED * self._sigma / _ACROSS
        self._mean += np.where(moved, np.float32(1), np.float32(WEIGHT)) * change
        return self._mean.copy()


class Corrections:
    """What is done to every frame; the notes of its provenance say so.

    Args:
        bad_pixels, blackbody, denoiser: None for a correction that is off.
    """

    def __init__(self, bad_pixels: Optional[BadPixels] = None, blackbody: Optional[Blackbody] = None,
                 denoiser: Optional[Denoiser] = None) -> None:
        self._bad_pixels = bad_pixels
        self._blackbody = blackbody
        self._denoiser = denoiser

    @classmethod
    def from_settings(cls, settings: 'Settings') -> 'Corrections':
        """The corrections that the settings ask for.

        Raises:
            InputError: the list of bad pixels cannot be read.
            SettingsError: the place of the blackbody makes no sense.
        """
        listed = read_bad_pixels(settings.bad_pixels) if settings.bad_pixels else ()
        blackbody = None
        if settings.reference_patch:
            blackbody = Blackbody(parse_patch(settings.reference_patch), settings.reference_c)
        return cls(BadPixels(listed) if listed or settings.find_bad_pixels else None, blackbody,
                   Denoiser() if settings.denoise else None)

    def reset(self) -> None:
        """The camera was opened again: forget all that was learnt from its frames."""
        for correction in (self._bad_pixels, self._blackbody, self._denoiser):
            if correction is not None:
                correction.reset()

    def apply(self, thermogram: Thermogram, t_s: float) -> Thermogram:
        """A frame, taken at `t_s` on the clock of the frames, corrected; the same one if nothing was to do."""
        pixels, notes = thermogram.pixels, []
        if self._bad_pixels is not None:
            pixels = self._bad_pixels.repair(pixels)
            if self._bad_pixels.count:
                notes.append('%d bad pixels repaired' % self._bad_pixels.count)
        if self._blackbody is not None and thermogram.is_celsius:
            pixels = self._blackbody.correct(pixels, t_s)
            if self._blackbody.offset_c is not None:
                notes.append('shifted by %+.2f °C to the blackbody' % self._blackbody.offset_c)
        if self._denoiser is not None:
            pixels = self._denoiser.smooth(pixels)
            notes.append('noise reduced over frames')
        if pixels is thermogram.pixels:
            return thermogram
        provenance = replace(thermogram.provenance, notes=thermogram.provenance.notes + tuple(notes))
        return replace(thermogram, pixels=pixels, provenance=provenance)

    def messages(self) -> List[Message]:
        """What stands in the way of a correction."""
        return self._blackbody.messages() if self._blackbody is not None else []

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values: ``bad_pixels`` (how many are replaced), ``offset_c`` (or None) and ``denoised``."""
        offset_c = self._blackbody.offset_c if self._blackbody is not None else None
        return {'bad_pixels': self._bad_pixels.count if self._bad_pixels is not None else 0,
                'offset_c': None if offset_c is None else round(offset_c, 2), 'denoised': self._denoiser is not None}
