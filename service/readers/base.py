"""What every reader is: a name, suffixes, a look at the first bytes, and one way to a thermogram."""
import abc
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from ..errors import InputError
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
        frame (int): which one of a file with several, counted from 1.
    """

    scale: Optional[str] = None
    scene: dict = field(default_factory=dict)
    captured_at: str = ''
    mirrored: bool = False
    frame: int = 1


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
        """Read one file.

        Args:
            path (str): the file.
            options (ReadOptions): what is known beside its content; it goes before what the file says.
        Returns:
            Thermogram: in degrees Celsius, or relative for an 8-bit picture; the patient's right on
            the left.
        Raises:
            InputError: whatever is wrong with the file; nothing else is raised.
        """
        return self.read_raw(path, options).thermogram()

    def read_raw(self, path, options=ReadOptions()):
        """Read one file, and compute nothing: its counts, and what makes them temperatures.

        Args, raises: as `read`.
        Returns:
            Raw: its `thermogram` is what `read` gives.
        """
        source = shown_name(path)
        decoded = self._decode(self._content(path, options.frame), source, options)
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
        if decoded.kind == IN_GREY:
            notes += ('8-bit picture: grey levels without temperatures',)
        elif decoded.kind == IN_CELSIUS:
            check_possible(values, source)
            values = values.astype(np.float32)
        notes += self._frame_notes(path, options.frame)
        if options.mirrored:
            values = values[:, ::-1]
            notes += ('mirror image flipped back',)
        if meaning is None:
            meaning = GreyLevels() if decoded.kind == IN_GREY else Temperatures(scale)
        provenance = Provenance(source=source, reader=self.name, mirrored=options.mirrored, notes=notes,
                                captured_at=options.captured_at or decoded.captured_at,
                                emissivity=options.scene.get('emissivity'))
        return Raw(values, meaning, provenance).told(options.scene)

    def frames(self, path):
        """How many frames a file holds: 1, except of a format for recordings.

        Raises:
            InputError: the file cannot be read.
        """
        return 1

    def _content(self, path, frame):
        """The bytes that hold a frame; of a format for single pictures, those of the whole file."""
        if frame != 1:
            raise no_such_frame(shown_name(path), frame, 1)
        return read_bytes(path, self.max_bytes)

    def _frame_notes(self, path, frame):
        """Which frame it was, where there are several."""
        frames = self.frames(path)
        return ('frame %d of %d' % (frame, frames),) if frames > 1 else ()

    @abc.abstractmethod
    def _decode(self, data, source, options):
        """The content of a file.

        Args:
            data (bytes): what `_content` gave: all of the file, at least one byte and at most `max_bytes`.
            source (str): its name for sentences.
            options (ReadOptions): for formats whose temperatures depend on them; `read` does the rest.
        Returns:
            Decoded
        Raises:
            InputError: and nothing else.
        """


def no_such_frame(source, frame, frames):
    """The error for a frame that a file does not have."""
    return InputError('frame-missing', '%s has no frame %d; it holds %s.'
                      % (source, frame, 'one' if frames == 1 else 'frames 1 to %d' % frames))
