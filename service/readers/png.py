"""PNG: 16-bit grey is counts, 8-bit grey is a picture without temperatures.

Everything is checked before libpng sees it: chunks, checksums, size, and how much comes out of the
compressed data. Chunks that do not carry pixels are left out, so that no text, profile or
orientation can do harm.
"""
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from ..messages import InputError
from ..thermogram import check_size
from .base import IN_COUNTS, IN_GREY, Decoded, Reader
from .picture import colour_error, cut_off, decode_picture, grey_of

MAGIC = b'\x89PNG\r\n\x1a\n'
#: Channels by PNG colour type; a palette (3) is refused before.
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
#: Files have a few chunks, or one per few KiB of pixels.
_MAX_CHUNKS = 65536


@dataclass(frozen=True)
class PngHeader:
    """The IHDR chunk: sides in pixels, bits per channel, colour type, and whether it is interlaced."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def row_bytes(self):
        """Bytes of one row of pixels, without its filter byte."""
        return self.width * _CHANNELS[self.colour] * self.depth // 8


class PngReader(Reader):
    """PNG pictures."""

    name = 'png'
    label = 'a PNG picture'
    suffixes = ('.png',)

    def sniff(self, head, path):
        return head.startswith(MAGIC)

    def _decode(self, data, source):
        image = decode_png(data, source)
        return Decoded(image, IN_COUNTS if image.dtype == np.uint16 else IN_GREY)


def decode_png(data, source):
    """The pixels of a PNG, which may be a file or a part of one.

    Args:
        data (bytes): from the signature to the last chunk; what follows is not looked at.
        source (str): the file's name for sentences.
    Returns:
        numpy.ndarray: HxW; uint16 as stored, or the grey levels of an 8-bit picture as uint8.
    Raises:
        InputError: ``file-truncated``, ``file-damaged``, ``format-unsupported``, ``frame-too-small``,
            ``frame-too-large``, ``picture-colour`` or ``picture-transparent``.
    """
    chunks = _chunks(data, source)
    header = _header(chunks, source)
    check_size(header.width, header.height, source)
    _check_kind(header, source)
    pixels = b''.join(body for kind, body in chunks if kind == b'IDAT')
    _check_pixels(pixels, header, source)
    image = decode_picture(_minimal(chunks[0][1], pixels), cv2.IMREAD_UNCHANGED, source)
    return image if header.depth == 16 else grey_of(image, source)


def _chunks(data, source):
    """Every chunk up to IEND as (kind, body); the checksums of those that matter are right."""
    chunks, offset = [], len(MAGIC)
    while len(chunks) < _MAX_CHUNKS:
        if offset + 12 > len(data):
            raise cut_off(source)
        length, kind = struct.unpack_from('>I4s', data, offset)
        end = offset + 8 + length
        if end + 4 > len(data):
            raise cut_off(source)
        body = data[offset + 8:end]
        if kind in (b'IHDR', b'IDAT', b'IEND'):
            if _checksum(kind + body) != struct.unpack_from('>I', data, end)[0]:
                raise _damaged(source)
        chunks.append((kind, body))
        if kind == b'IEND':
            return chunks
        offset = end + 4
    raise _damaged(source)


def _header(chunks, source):
    kind, body = chunks[0]
    if kind != b'IHDR' or len(body) != 13:
        raise _damaged(source)
    width, height, depth, colour, compression, filters, interlace = struct.unpack('>IIBBBBB', body)
    if compression or filters or interlace > 1:
        raise _damaged(source)
    return PngHeader(width, height, depth, colour, bool(interlace))


def _check_kind(header, source):
    """Refuse kinds of PNG that are no thermogram, or that no camera software writes."""
    if header.colour == 3 or (header.colour == 2 and header.depth == 16):
        raise colour_error(source)
    depths = (8, 16) if header.colour == 0 else (8,)
    if header.colour not in _CHANNELS or header.depth not in depths:
        raise InputError('format-unsupported', '%s is a PNG with %d bits and colour type %d; save it as '
                         '8-bit or 16-bit grey.' % (source, header.depth, header.colour))
    if header.interlaced:
        raise InputError('format-unsupported', '%s is an interlaced PNG; save it without interlacing.'
                         % source)


def _check_pixels(pixels, header, source):
    """Unpack the pixels, never more than the header promises, and see that all of them are there."""
    expected = header.height * (header.row_bytes + 1)
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(pixels, expected)
        surplus = unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error:
        raise _damaged(source)
    if len(rows) < expected and not unpacker.eof:
        raise cut_off(source)
    filters = np.frombuffer(rows[:expected // (header.row_bytes + 1) * (header.row_bytes + 1)], np.uint8)
    if len(rows) != expected or surplus or not unpacker.eof or filters[::header.row_bytes + 1].max() > 4:
        raise _damaged(source)


def _minimal(header, pixels):
    """A PNG of a header and pixels, and nothing else."""
    return MAGIC + b''.join(_chunk(kind, body)
                            for kind, body in ((b'IHDR', header), (b'IDAT', pixels), (b'IEND', b'')))


def _chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', _checksum(kind + body))


def _checksum(data):
    return zlib.crc32(data) & 0xFFFFFFFF


def _damaged(source):
    return InputError('file-damaged', '%s is a damaged PNG; copy it again from its source.' % source)
