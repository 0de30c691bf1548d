"""What a reader implements, and the one way from the values that it decodes to a thermogram."""
import abc
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

import numpy as np

from ..messages import InputError
from ..radiometry import GreyLevels, LinearScale, Meaning, Raw, Temperatures, check_possible
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


@dataclass(frozen=True)
class ReadOptions:
    """What is known about a file beside its content.

    Attributes:
        scale: key of `SCALES`. Files that state temperatures, and 8-bit pictures, do not use it.
        object_parameters: by the names of `OBJECT_PARAMETERS`. Of temperatures, what the camera computed them with;
            counts of a detector are computed with them, whatever the camera was set to.
        captured_at: UTC ISO-8601, or empty.
        mirrored: the file is a mirror image; it is flipped back.
    """

    scale: Optional[str] = None
    object_parameters: Mapping[str, float] = field(default_factory=dict)
    captured_at: str = ''
    mirrored: bool = False


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
        values, notes, meaning = image.values, image.notes, image.meaning
        is_counts = values.dtype == np.uint16
        if is_counts and meaning is None:
            if options.scale is None:
                raise _scale_unknown(source)
            meaning = Temperatures(SCALES[options.scale])
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
        notes += frame_notes
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


def _scale_unknown(source: str) -> InputError:
    return InputError('scale-unknown', '%s holds 16-bit counts, and nothing says what one count means.' % source,
                      'Give a scale (--scale %s) or put {"scale": "centikelvin"} into %s.json next to it.'
                      % ('|'.join(sorted(SCALES)), source))
