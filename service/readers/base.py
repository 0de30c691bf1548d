"""What a reader implements, and the one way from the values that it decodes to a thermogram."""
import abc
import os
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

import numpy as np

from ..lepton import FULL_SCALE_COUNTS, Telemetry, find_telemetry
from ..messages import InputError
from ..radiometry import ZERO_K_C, GreyLevels, LinearScale, Meaning, Raw, Temperatures, check_possible
from ..thermogram import Provenance, Thermogram
from .files import read_bytes, shown_name

Path = Union[str, 'os.PathLike[str]']

#: What one count of a 16-bit file means, by the name of the scale. It is always stated, never guessed.
SCALES: Dict[str, LinearScale] = {
    'centikelvin': LinearScale(0.01, -273.15),
    'decikelvin': LinearScale(0.1, -273.15),
    'kelvin64': LinearScale(1 / 64.0, -273.15),
    'ax5': LinearScale(0.04, -273.15),
    'centicelsius': LinearScale(0.01, 0.0),
    'optris': LinearScale(0.1, -100.0),
}

#: In a list of the scales: what each makes of a count, and what this makes of some temperatures.
SCALE_HELP = 'What one count of a 16-bit file means: %s.' % ', '.join(
    '%s (%.4g °C, 0 is %g °C)' % (name, scale.per_count_c, scale.zero_c)
    for name, scale in sorted(SCALES.items()))

#: Percent of the pixels below and above what a picture is said to hold: a dead pixel is none of it.
_TAIL_PERCENT = 1.0

#: The warmest of a picture of a person is in between, °C.
_PERSON_C = (25.0, 45.0)

#: Nothing in front of a bedside camera is so cold that all of a picture is below this, °C.
_ALL_COLDER_C = -100.0


def check_scale(name: Any, source: str) -> None:
    """Refuse a scale that does not exist.

    Args:
        name: should be a key of `SCALES`.
        source: who named it, as the start of the sentence.
    Raises:
        InputError: ``scale-name``.
    """
    if not isinstance(name, str) or name not in SCALES:
        raise InputError('scale-name', '%s names the scale %s, which does not exist.' % (source, repr(name)[:40]),
                         'Use one of %s.' % ', '.join(sorted(SCALES)))


def scale_meanings(lowest: float, highest: float) -> Dict[str, str]:
    """What counts mean in each scale, by its name, such as ``'20 to 35 °C'``.

    Args:
        lowest, highest: counts.
    Returns:
        First those in which the highest is as warm as a person.
    """
    ends = {name: scale.celsius(np.array([lowest, highest], np.uint16)) for name, scale in sorted(SCALES.items())}
    order = sorted(ends, key=lambda name: not _PERSON_C[0] <= ends[name][1] <= _PERSON_C[1])
    return {name: '%d to %d °C' % tuple(np.rint(ends[name])) for name in order}


@dataclass(frozen=True)
class ReadOptions:
    """What is known about a file beside its content.

    Attributes:
        scale: key of `SCALES`. Files that state temperatures, and 8-bit pictures, do not use it.
        object_parameters: by the names of `OBJECT_PARAMETERS`. Of temperatures, what the camera computed them with;
            counts of a detector are computed with them, whatever the camera was set to.
        captured_at: UTC ISO-8601, or empty.
        mirrored: the file is a mirror image; it is flipped back.
        notes: of what lies beside the file, for the record.
    """

    scale: Optional[str] = None
    object_parameters: Mapping[str, float] = field(default_factory=dict)
    captured_at: str = ''
    mirrored: bool = False
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """What a file holds, before it becomes a thermogram.

    Attributes:
        values: HxW. Where `meaning` is None, their type says what they are: uint8 grey levels, uint16 counts of a
            scale that the file does not state, floats in degrees Celsius.
        notes: what was decided on the way, for the record.
        captured_at: as the file states it, UTC ISO-8601, or empty.
        meaning: of values that the file itself explains.
    """

    values: np.ndarray
    notes: Tuple[str, ...] = ()
    captured_at: str = ''
    meaning: Optional[Meaning] = None


class Recording(abc.ABC):
    """The frames of one file.

    Attributes:
        notes: what is wrong beside the frames, for the record.
    """

    notes: Tuple[str, ...] = ()

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of frames, at least 1."""

    @abc.abstractmethod
    def read(self, number: int) -> DecodedImage:
        """One frame, counted from 1, which is the only one in memory.

        Raises:
            InputError: and nothing else.
        """


class Reader(abc.ABC):
    """Interface of the readers: a name, suffixes, a look at the first bytes, and the frames of a file."""

    #: Stable name for the record, such as ``'png'``.
    name = ''
    #: The format in a few words, with its article.
    label = ''
    #: Suffixes in lower case with their dot.
    suffixes: Tuple[str, ...] = ()
    #: Whether ``STEM.json`` beside ``STEM.suffix`` is about this file; ``STEM.suffix.json`` always is.
    takes_stem_sidecar = True

    @abc.abstractmethod
    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether a file is of this format by its content.

        Args:
            head: its first bytes (up to 512).
            path: for formats that look alike.
        """

    @abc.abstractmethod
    def open(self, path: Path) -> Recording:
        """The frames of a file.

        Raises:
            InputError: and nothing else.
        """

    def mismatch(self, path: Path, other: Optional['Reader']) -> InputError:
        """The error for a file that has a suffix of this format, but not its content.

        Args:
            path: the file.
            other: the reader that its content belongs to, if any.
        """
        name = shown_name(path)
        if other is None:
            return InputError('format-mismatch', '%s claims to be %s but does not look like one.' % (name, self.label),
                              'Copy it again from its source.')
        return InputError('format-mismatch', '%s claims to be %s but is %s.' % (name, self.label, other.label),
                          'If it is a thermogram, rename it to end in %s.' % other.suffixes[0])

    def read(self, path: Path, options: ReadOptions = ReadOptions()) -> Thermogram:
        """Read the only or the first frame of a file.

        Args:
            path: the file.
            options: what is known beside its content; takes precedence over what the file says.
        Returns:
            In °C, or relative for an 8-bit picture; the patient's right is on the left.
        Raises:
            InputError: whatever is wrong with the file; nothing else is raised.
        """
        return next(self.read_each(path, (1,), options)).thermogram()

    def read_each(self, path: Path, numbers: Iterable[int], options: ReadOptions = ReadOptions()) -> Iterator[Raw]:
        """Read frames of a file, which is searched for them once, and compute nothing.

        Args:
            path: the file.
            numbers: which frames, counted from 1.
            options: as for `read`.
        Raises:
            InputError: as `read`, and ``frame-missing``.
        """
        recording, source = self.open(path), shown_name(path)
        for number in numbers:
            if not 1 <= number <= len(recording):
                raise InputError('frame-missing', '%s has no frame %d; it holds %s.'
                                 % (source, number,
                                    'one' if len(recording) == 1 else 'frames 1 to %d' % len(recording)))
            notes = () if len(recording) == 1 else ('frame %d of %d' % (number, len(recording)),)
            yield self._to_raw(recording.read(number), source, options, notes + recording.notes)

    def _to_raw(self, image: DecodedImage, source: str, options: ReadOptions, frame_notes: Tuple[str, ...]) -> Raw:
        """Give values their meaning, and apply what is known beside the file."""
        image = _without_telemetry(image, source, options)
        values, notes, meaning = image.values, image.notes, image.meaning
        is_counts = values.dtype == np.uint16
        if is_counts and meaning is None:
            if options.scale is None:
                raise _scale_unknown(values, source)
            meaning = Temperatures(SCALES[options.scale])
            _check_scale_fits(values, options.scale, source)
            notes += ('16-bit counts read as %s' % options.scale,)
        elif options.scale is not None:
            notes += ('scale %s not used: the file %s' % (
                options.scale, 'says itself what its counts mean' if is_counts else 'does not hold 16-bit counts'),)
        if meaning is None and values.dtype == np.uint8:
            meaning = GreyLevels()
            notes += ('8-bit picture: grey levels without temperatures',)
        elif not is_counts and not isinstance(meaning, GreyLevels):
            check_possible(values, source)
            values = values.astype(np.float32)
        notes += frame_notes + options.notes
        if options.mirrored:
            values = values[:, ::-1]
            notes += ('mirror image flipped back',)
        provenance = Provenance(source=source, reader=self.name, mirrored=options.mirrored, notes=notes,
                                captured_at=options.captured_at or image.captured_at,
                                emissivity=options.object_parameters.get('emissivity'))
        return Raw(values, meaning or Temperatures(), provenance).with_stated(options.object_parameters)


class PictureReader(Reader):
    """Base of the formats with one frame, which are small enough to read whole."""

    #: Larger files are refused before they are read.
    max_bytes = 64 << 20

    def open(self, path: Path) -> Recording:
        return _Picture(self, path)

    @abc.abstractmethod
    def decode(self, data: bytes, source: str) -> DecodedImage:
        """The content of a file.

        Args:
            data: the whole file, at least one byte and at most `max_bytes`.
            source: its name for sentences.
        Raises:
            InputError: and nothing else.
        """


class _Picture(Recording):
    """The one frame of a picture."""

    def __init__(self, reader: PictureReader, path: Path) -> None:
        self._reader, self._path = reader, path

    def __len__(self) -> int:
        return 1

    def read(self, number: int) -> DecodedImage:
        return self._reader.decode(read_bytes(self._path, self._reader.max_bytes), shown_name(self._path))


def _without_telemetry(image: DecodedImage, source: str, options: ReadOptions) -> DecodedImage:
    """A picture of a Lepton without the telemetry rows that were saved with it, read as they say.

    Raises:
        InputError: ``lepton-telemetry``, ``lepton-counts`` or ``scale-contradiction``.
    """
    values, is_counts = image.values, image.values.dtype == np.uint16
    if image.meaning is not None or not (is_counts or values.dtype.kind == 'f'):
        return image
    try:
        # Degrees that somebody computed from a whole frame have its telemetry in them.
        found = find_telemetry(values if is_counts else _centikelvin(values))
    except ValueError as error:
        if not is_counts:
            return image
        raise InputError('lepton-telemetry', '%s has the size of a Lepton frame with telemetry (%dx%d), and neither '
                         'its last nor its first rows are telemetry.' % (source, values.shape[1], values.shape[0]),
                         'Save it as the camera sent it, or without those rows.', str(error))
    if found is None:
        return image
    rows, telemetry = found
    picture = values[rows]
    notes = image.notes + ('%d rows of Lepton telemetry were left out: %s'
                           % (len(values) - len(picture), _said(telemetry)),)
    if not is_counts:
        return DecodedImage(picture, notes, image.captured_at)
    if not telemetry.tlinear or telemetry.condition.agc:
        raise InputError('lepton-counts', '%s holds counts of a Lepton and no temperatures: its telemetry says %s.'
                         % (source, _said(telemetry)),
                         'Switch TLinear on in the program that records, and record again.')
    scale = next(name for name, scale in SCALES.items()
                 if scale == LinearScale(telemetry.resolution_k, ZERO_K_C))
    if options.scale not in (None, scale):
        raise InputError('scale-contradiction', '%s was asked for as %s, but its telemetry says %s.'
                         % (source, options.scale, scale), 'Leave the scale out.')
    return DecodedImage(picture, notes, image.captured_at, Temperatures(SCALES[scale]))


def _centikelvin(celsius: np.ndarray) -> np.ndarray:
    """Counts of 0.01 K: uint16 of the same shape, 0 for what is none."""
    with np.errstate(invalid='ignore', over='ignore'):
        counts = np.rint((celsius.astype(np.float64) - ZERO_K_C) * 100)
    return np.where((counts >= 0) & (counts <= 65535), counts, 0).astype(np.uint16)


def _said(telemetry: Telemetry) -> str:
    """What telemetry says of the temperatures, in a few words."""
    condition = telemetry.condition
    parts = ['TLinear in steps of %g K' % telemetry.resolution_k if telemetry.tlinear else 'TLinear off']
    parts += ['AGC on'] if condition.agc else []
    parts += ['%s gain' % condition.gain] if condition.gain else []
    parts += ['shutter correction %s' % condition.ffc]
    return ', '.join(parts)


def _check_scale_fits(counts: np.ndarray, scale: str, source: str) -> None:
    """Refuse a scale with which nothing in the picture is a temperature in front of a camera.

    Raises:
        InputError: ``lepton-counts``, ``temperature-impossible``.
    """
    warmest_c = float(SCALES[scale].celsius(counts.max(keepdims=True))[0, 0])
    if warmest_c >= _ALL_COLDER_C:
        return
    if counts.max() <= FULL_SCALE_COUNTS:
        raise InputError('lepton-counts', '%s holds counts up to %d, as a Lepton with TLinear off sends, and no '
                         'temperatures: as %s nothing in it would be warmer than %.0f °C.'
                         % (source, counts.max(), scale, warmest_c),
                         'Give the scale of its camera; for a Lepton, switch TLinear on and record again.')
    raise InputError('temperature-impossible', '%s has nothing warmer than %.0f °C as %s.' % (source, warmest_c, scale),
                     'Give the scale of the camera that took it.')


def _scale_unknown(counts: np.ndarray, source: str) -> InputError:
    """The error for counts that nothing explains; its facts have ``scales``, as of `scale_meanings`."""
    scales = scale_meanings(*np.percentile(counts, (_TAIL_PERCENT, 100 - _TAIL_PERCENT)))
    error = InputError('scale-unknown', '%s holds 16-bit counts, and nothing says what one count means.' % source,
                       'Give the scale of its camera (--scale %s), or put {"scale": "centikelvin"} into %s.json next '
                       'to it.' % (', or '.join('%s: %s' % pair for pair in scales.items()), source))
    error.message = replace(error.message, facts={'scales': scales})
    return error
