"""What every reader is: a name, suffixes, a look at the first bytes, and one way to a thermogram."""
import abc
from dataclasses import dataclass, field
from typing import Optional, Sequence

import numpy as np

from ..messages import InputError
from ..radiometry import GreyLevels, Raw, Temperatures, check_possible
from ..thermogram import Provenance
from .files import read_bytes, shown_name
from .scales import SCALES, unknown_scale

#: What the values of a file are.
IN_CELSIUS, IN_COUNTS, IN_GREY = 'celsius', 'counts', 'grey'


@dataclass(frozen=True)
class ReadOptions:
    """What is known of a file beside its content.

    Attributes:
        scale (str): key of `SCALES`; what one count of a 16-bit file means. Files that state
            temperatures, and 8-bit pictures, do not use it.
        scene (dict): by the names of `SCENE_FIELDS`. Of temperatures, what the camera computed them with; a file
            with the detector's counts is computed with it, whatever the camera was set to.
        captured_at (str): UTC ISO-8601, or ``''``.
        mirrored (bool): the file is a mirror image; it is flipped back.
    """

    scale: Optional[str] = None
    scene: dict = field(default_factory=dict)
    captured_at: str = ''
    mirrored: bool = False


@dataclass(frozen=True)
class Decoded:
    """What a format holds, before it becomes a thermogram.

    Attributes:
        values (numpy.ndarray): HxW; floats for ``'celsius'``, uint16 for ``'counts'``, uint8 for
            ``'grey'``.
        kind (str): ``'celsius'``, ``'counts'`` or ``'grey'``.
        notes (tuple of str): what was decided on the way, in words.
        captured_at (str): as the file states it, UTC ISO-8601, or ``''``.
        meaning (FlirParameters, Temperatures or GreyLevels): of values that the file itself explains; else None.
    """

    values: np.ndarray
    kind: str
    notes: tuple = field(default_factory=tuple)
    captured_at: str = ''
    meaning: object = None


@dataclass(frozen=True)
class Layout:
    """Where the frames of a file are.

    Attributes:
        starts (sequence of int): first byte of each, at least one.
        notes (tuple of str): what is wrong beside them, in words.
    """

    starts: Sequence = (0,)
    notes: tuple = ()

    def __len__(self):
        return len(self.starts)


class Reader(abc.ABC):
    """Base of the readers. A format overrides the attributes, `sniff` and `_decode`."""

    #: Stable name for the record, such as ``'png'``.
    name = ''
    #: The format in a sentence, with its article.
    label = ''
    #: Suffixes in lower case with their dot.
    suffixes = ()
    #: Larger files are refused before they are read.
    max_bytes = 64 << 20
    #: Whether ``STEM.json`` beside ``STEM.suffix`` is about this file; ``STEM.suffix.json`` always is.
    takes_stem_sidecar = True

    @abc.abstractmethod
    def sniff(self, head, path):
        """Whether a file is of this format by its content.

        Args:
            head (bytes): its first bytes (up to 512).
            path (str): its path; only formats that share their content's look need it.
        """

    def read(self, path, options=ReadOptions()):
        """Read the only or the first frame of a file.

        Args:
            path (str): the file.
            options (ReadOptions): what is known beside its content; it goes before what the file says.
        Returns:
            Thermogram: in degrees Celsius, or relative for an 8-bit picture; the patient's right on
            the left.
        Raises:
            InputError: whatever is wrong with the file; nothing else is raised.
        """
        return next(self.read_each(path, (1,), options)).thermogram()

    def read_each(self, path, numbers, options=ReadOptions()):
        """Read frames of a file, which is searched for them once, and compute nothing.

        Args:
            path (str): the file.
            numbers (iterable of int): which, counted from 1.
            options (ReadOptions): as for `read`.
        Yields:
            Raw: its `thermogram` is what `read` gives.
        Raises:
            InputError: as `read`, and ``frame-missing``.
        """
        layout = self._layout(path)
        for number in numbers:
            if not 1 <= number <= len(layout):
                raise InputError('frame-missing', '%s has no frame %d; it holds %s.'
                                 % (shown_name(path), number,
                                    'one' if len(layout) == 1 else 'frames 1 to %d' % len(layout)))
            notes = () if len(layout) == 1 else ('frame %d of %d' % (number, len(layout)),)
            yield self._raw(self._content(path, layout, number), shown_name(path), options, notes + layout.notes)

    def frames(self, path):
        """How many frames a file holds: 1, except of a format for recordings.

        Raises:
            InputError: the file cannot be read.
        """
        return len(self._layout(path))

    def _raw(self, content, source, options, frame_notes):
        decoded = self._decode(content, source)
        values, notes, meaning = decoded.values, decoded.notes, decoded.meaning
        scale = None
        if decoded.kind == IN_COUNTS and meaning is None:
            if options.scale is None:
                raise unknown_scale(source)
            scale = SCALES[options.scale]
            notes += ('16-bit counts read as %s' % options.scale,)
        elif options.scale is not None:
            notes += ('scale %s not used: the file %s' % (options.scale, 'does not hold 16-bit counts' if
                      decoded.kind != IN_COUNTS else 'says itself what its counts mean'),)
        if decoded.kind == IN_GREY and meaning is None:
            notes += ('8-bit picture: grey levels without temperatures',)
        elif decoded.kind == IN_CELSIUS:
            check_possible(values, source)
            values = values.astype(np.float32)
        notes += frame_notes
        if options.mirrored:
            values = values[:, ::-1]
            notes += ('mirror image flipped back',)
        if meaning is None:
            meaning = GreyLevels() if decoded.kind == IN_GREY else Temperatures(scale)
        provenance = Provenance(source=source, reader=self.name, mirrored=options.mirrored, notes=notes,
                                captured_at=options.captured_at or decoded.captured_at,
                                emissivity=options.scene.get('emissivity'))
        return Raw(values, meaning, provenance).told(options.scene)

    def _layout(self, path):
        """Where the frames of a file are: a `Layout`, or a class like it of a format for recordings."""
        return Layout()

    def _content(self, path, layout, number):
        """What `_decode` takes: of a format for single pictures, the bytes of the whole file."""
        return read_bytes(path, self.max_bytes)

    @abc.abstractmethod
    def _decode(self, data, source):
        """The content of a file.

        Args:
            data (bytes): what `_content` gave: all of the file, at least one byte and at most `max_bytes`.
            source (str): its name for sentences.
        Returns:
            Decoded
        Raises:
            InputError: and nothing else.
        """
