"""Raw dumps of the Topdon TC001 and its family: the bytes of its USB frames, with or without a header.

Source: the raw files that Thermal-Camera-Redux saves, with 8 bytes before the frame (rows, columns,
header bytes, bytes a pixel); ``v4l2-ctl --stream-to`` puts nothing before or between.
"""
import struct

from ..messages import CameraError, InputError
from ..radiometry import Temperatures
from .base import IN_COUNTS, Decoded, Layout, Reader
from .files import opened, shown_name
from .picture import CUT_NOTE, cut_off
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

    def _layout(self, path):
        with opened(path) as stream:
            start = len(_HEADER) if stream.read(len(_HEADER)) == _HEADER else 0
            frames, rest = divmod(stream.seek(0, 2) - start, _FRAME_BYTES)
        if not frames:
            raise cut_off(shown_name(path))
        return Layout(range(start, start + frames * _FRAME_BYTES, _FRAME_BYTES), (CUT_NOTE,) if rest else ())

    def _content(self, path, layout, number):
        with opened(path) as stream:
            stream.seek(layout.starts[number - 1])
            return stream.read(_FRAME_BYTES)

    def _decode(self, data, source):
        from ..cameras.wire.p2pro import P2ProFormat  # the cameras import the readers: replay shows files
        try:
            return Decoded(P2ProFormat().decode(data).counts, IN_COUNTS, meaning=Temperatures(SCALES['kelvin64']))
        except CameraError as error:
            raise InputError('file-damaged', '%s holds a frame that no TC001 sends whole; record it again.' % source,
                             detail=error.detail or error.message.text)
