"""Raw dumps of the Topdon TC001 and its family: the bytes of its USB frames, with or without a header.

Source: facts/cameras-and-clinic 1.3. A program that saves single frames puts 8 bytes before them (rows, columns,
header bytes, bytes a pixel); ``v4l2-ctl --stream-to`` puts nothing before or between.
"""
import struct

from ..errors import CameraError, InputError
from ..radiometry import Temperatures
from .base import IN_COUNTS, Decoded, Reader, no_such_frame
from .files import opened, shown_name
from .picture import cut_off
from .scales import SCALES

_ROWS, _COLUMNS = 384, 256
_FRAME_BYTES = 2 * _ROWS * _COLUMNS
_HEADER = struct.pack('<4H', _ROWS, _COLUMNS, 8, 2)
#: The first row as far as `sniff` sees it: every second byte is neutral chroma.
_NEUTRAL = b'\x80' * 256


class Tc001Reader(Reader):
    """The lower half of every frame is Kelvin * 64; the upper half shows whether the frame is whole."""

    name = 'tc001'
    label = 'a raw dump of a TC001'
    suffixes = ('.raw',)

    def sniff(self, head, path):
        return head.startswith(_HEADER) or head[1::2] == _NEUTRAL

    def frames(self, path):
        with opened(path) as stream:
            return max(1, self._layout(stream)[1])

    def _content(self, path, frame):
        source = shown_name(path)
        with opened(path) as stream:
            start, frames, rest = self._layout(stream)
            if not 1 <= frame <= max(1, frames):
                raise no_such_frame(source, frame, max(1, frames))
            if rest:
                raise cut_off(source)
            stream.seek(start + (frame - 1) * _FRAME_BYTES)
            return stream.read(_FRAME_BYTES)

    def _layout(self, stream):
        """(first byte of the first frame, whole frames, bytes of a frame that is not whole)."""
        start = len(_HEADER) if stream.read(len(_HEADER)) == _HEADER else 0
        return (start,) + divmod(stream.seek(0, 2) - start, _FRAME_BYTES)

    def _decode(self, data, source, options):
        from ..cameras.wire.p2pro import P2ProFormat  # the cameras import the readers: replay shows files
        try:
            return Decoded(P2ProFormat().decode(data).counts, IN_COUNTS, meaning=Temperatures(SCALES['kelvin64']))
        except CameraError as error:
            raise InputError('file-damaged', '%s holds a frame that no TC001 sends whole; record it again.' % source,
                             error.detail or error.message)
