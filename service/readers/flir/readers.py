"""The two kinds of file that FLIR cameras save: radiometric JPEGs, and containers with one frame or many."""
from ..base import IN_COUNTS, Decoded, Reader
from ..files import read_bytes
from ..jpeg import JpegReader
from .app1 import holds_flir, join_chunks
from .camera_info import parameters_of
from .fff import MAGICS
from .pixels import raw_counts
from .recording import Recording, read_span


class _FlirReader(Reader):
    """What both have in common: the counts and the parameters of an FFF container."""

    def _decode(self, data, source):
        data = self._container(data, source)
        raw, notes = raw_counts(data, source)
        parameters, captured_at, camera = parameters_of(data, source)
        if any(letter.isalnum() for letter in camera):  # some software puts a star there
            notes += ('taken with a %s' % camera,)
        return Decoded(raw, IN_COUNTS, notes, captured_at, parameters)

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

    def _layout(self, path):
        return Recording.of(path)

    def _content(self, path, layout, number):
        return read_span(path, layout.spans[number - 1], self.max_bytes)
