"""JPEG pictures of InfiRay's phone apps: of the P2 Pro, Thermal Master P2 and their kin.

Before the picture, segment APP2 tells the sizes of what the segments APP3 hold together: a grey picture of the sensor,
its temperatures in 1/64 K and, at times, a photograph. Offsets are those of [InfirayTags], which found heights that are
wrong where sizes are right; that the temperatures come second, low byte first, is in [P2Extractor2026] too. Of the two
apps, that of the Thermal Master states the grey picture alone, and the temperatures have its size.
"""
import struct

import numpy as np

from ..messages import InputError
from ..radiometry import Temperatures
from ..thermogram import check_size
from .base import SCALES, DecodedImage, Path, PictureReader
from .files import damaged, read_bytes
from .pictures import JPEG_APP2, JPEG_APP3, JpegReader, jpeg_segments
from .recordings import doubt_kelvin64

_SIGNATURE_AT, _SIGNATURE = 4, b'IJPEG\0'
#: Offsets in the header: rotation and mirroring; size in bytes, format and width of each picture.
_ROTATION, _GREY, _TEMPERATURES, _HEADER_BYTES = 0x0E, 0x20, 0x30, 0x40


class InfirayJpegReader(PictureReader):
    """The picture in a palette's colours is ignored."""

    name = 'infiray-jpeg'
    label = 'an InfiRay radiometric JPEG'
    suffixes = JpegReader.suffixes
    max_bytes = JpegReader.max_bytes

    def sniff(self, head: bytes, path: Path) -> bool:
        if not head.startswith(b'\xff\xd8\xff'):
            return False
        try:
            return any(_is_header(marker, body) for marker, body in jpeg_segments(read_bytes(path, self.max_bytes), ''))
        except InputError:
            return False

    def decode(self, data: bytes, source: str) -> DecodedImage:
        segments = list(jpeg_segments(data, source))
        header = next((body for marker, body in segments if _is_header(marker, body)), b'')
        if len(header) < _HEADER_BYTES:
            raise _damaged(source, 'header of %d bytes' % len(header))
        start, _, grey_width = struct.unpack_from('<QHH', header, _GREY)
        size, _, width = struct.unpack_from('<QHH', header, _TEMPERATURES)
        if not size:
            size, width = start, grey_width
        height = size // (2 * width) if width else 0
        check_size(width, height, source)
        words = b''.join(body for marker, body in segments if marker == JPEG_APP3)[start:start + size]
        if size != 2 * width * height or len(words) != size:
            raise _damaged(source, '%d bytes of %d, %d pixels wide' % (len(words), size, width))
        counts = np.frombuffer(words, '<u2').reshape(height, width).astype(np.uint16)
        doubt = doubt_kelvin64(counts)
        if doubt:
            raise InputError('format-unsupported', '%s holds values that cannot be temperatures of a body: it was '
                             'taken in the hot range of the camera, or is damaged.' % source,
                             'Take it again in the normal range.', doubt)
        rotation, mirroring = struct.unpack_from('BB', header, _ROTATION)
        notes = ('the app states rotation %d and mirroring %d; the pixels are as the sensor gave them'
                 % (rotation, mirroring),) if rotation or mirroring else ()
        return DecodedImage(counts, notes, meaning=Temperatures(SCALES['kelvin64']))


def _is_header(marker: int, body: bytes) -> bool:
    return marker == JPEG_APP2 and body.startswith(_SIGNATURE, _SIGNATURE_AT)


def _damaged(source: str, detail: str) -> InputError:
    return damaged(source, detail, 'damaged: its InfiRay data contradict themselves')
