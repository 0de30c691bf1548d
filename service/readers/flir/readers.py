"""The two kinds of file that FLIR cameras save: radiometric JPEGs, and containers with one frame or many."""
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...radiometry import FlirParameters, flir_celsius
from ..base import IN_CELSIUS, Decoded, Reader, no_such_frame
from ..files import read_bytes, shown_name
from ..jpeg import JpegReader
from .app1 import holds_flir, join_chunks
from .camera_info import parameters_of
from .fff import MAGICS
from .pixels import raw_counts
from .recording import count_frames, read_frame


@dataclass(frozen=True)
class FlirFrame:
    """One frame before anything was computed from it.

    Attributes:
        raw (numpy.ndarray): uint16 HxW, counts of the detector.
        parameters (FlirParameters): what the file states.
        captured_at (str): by the camera's clock, UTC ISO-8601, or ``''``.
        camera (str): model, or ``''``.
        notes (tuple of str): what was decided on the way, in words.
    """

    raw: np.ndarray
    parameters: FlirParameters
    captured_at: str
    camera: str
    notes: tuple


class _FlirReader(Reader):
    """What both have in common: an FFF container makes a thermogram."""

    def read_raw(self, path, frame=1):
        """A frame as the camera saved it, to compute temperatures with other parameters.

        Args:
            path (str): the file.
            frame (int): counted from 1.
        Returns:
            FlirFrame
        Raises:
            InputError: whatever is wrong with the file.
        """
        return self._frame(self._content(path, frame), shown_name(path))

    def _decode(self, data, source, options):
        frame = self._frame(data, source)
        parameters, notes = frame.parameters, frame.notes
        stated = round(parameters.scene.emissivity, 6)  # the file has seven digits of it
        if options.emissivity not in (None, stated):
            parameters = parameters.corrected({'emissivity': options.emissivity})
            notes += ('computed with emissivity %g instead of %g, which the camera was set to'
                      % (options.emissivity, stated),)
        try:
            celsius = flir_celsius(frame.raw, parameters)
        except InputError as error:
            raise InputError(error.code, '%s: %s' % (source, error.message), error.detail)
        return Decoded(celsius, IN_CELSIUS, notes, stated, frame.captured_at)

    def _frame(self, data, source):
        data = self._container(data, source)
        raw, notes = raw_counts(data, source)
        parameters, captured_at, camera = parameters_of(data, source)
        return FlirFrame(raw, parameters, captured_at, camera, notes)

    def _container(self, data, source):
        return data


class FlirJpegReader(_FlirReader):
    """A JPEG picture in a palette's colours, with the raw counts and their parameters beside it."""

    name = 'flir-jpeg'
    label = 'a FLIR radiometric JPEG'
    suffixes = JpegReader.suffixes
    max_bytes = JpegReader.max_bytes

    def sniff(self, head, path):
        return head.startswith(b'\xff\xd8\xff') and holds_flir(read_bytes(path, self.max_bytes))

    def _container(self, data, source):
        return join_chunks(data, source)


class FffReader(_FlirReader):
    """FFF, SEQ and CSQ; the frames of the latter only where they are not packed as JPEG-LS."""

    name = 'fff'
    label = 'a FLIR recording'
    suffixes = ('.fff', '.seq', '.csq')

    def sniff(self, head, path):
        return head.startswith(MAGICS)

    def frames(self, path):
        return count_frames(path)

    def _content(self, path, frame):
        data = read_frame(path, frame, self.max_bytes)
        if data is None:
            raise no_such_frame(shown_name(path), frame, count_frames(path))
        return data
