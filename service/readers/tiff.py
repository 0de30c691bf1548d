"""TIFF: floats are degrees Celsius, 16-bit grey is counts, 8-bit grey is a picture. After the specification, [TIFF6].

Decoded here rather than by a library: libtiff writes to the standard error of the process, and the readers of strips in
Pillow do not notice a strip that is too short. What is unpacked is bounded by the size of the picture.
"""
import struct
import zlib
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

import numpy as np

from ..messages import InputError
from ..thermogram import check_size
from .base import DecodedImage, Path, Reader, Recording
from .files import MAX_HELD_BYTES, colour_error, damaged, read_bytes, shown_name, truncated
from .recordings import CUT_NOTE

_ORDERS = {b'II*\0': '<', b'MM\0*': '>'}
_BIG = (b'II+\0', b'MM\0+')
#: Bytes of one value of the types that matter, and its letter for `struct`: SHORT and LONG.
_TYPES = {3: (2, 'H'), 4: (4, 'I')}
_ASCII = 2

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _CHANNELS, _ROWS, _COUNTS, _PREDICTOR = 273, 274, 277, 278, 279, 317
_TILE_WIDTH, _SAMPLE_FORMAT = 322, 339
_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_BLACK_IS_ZERO = 1
#: Bound the walk through a file that lies; a page of a camera has some twenty tags of 12 bytes.
_MAX_PAGES, _MAX_DIRECTORY_BYTES = 4096, 4 << 20
#: Of a page: a smaller copy of another one, or a mask of it.
_COPY_OR_MASK = 1 | 4
#: NumPy's letter for a sample format and the bits that it may have.
_KINDS = {1: ('u', (8, 16)), 3: ('f', (32, 64))}
_HORIZONTAL_DIFFERENCES = 2

_CLEAR, _END = 256, 257
#: Strings that a table starts with; those of the two codes above are never taken.
_LZW_SINGLES = tuple(bytes([value]) for value in range(256)) + (b'', b'')
#: Width of each code since the last Clear, in bits: one bit more before the table has outgrown it. 4096 codes are all.
_LZW_WIDTHS = np.array([9] + [min(len(_LZW_SINGLES) + number, 4095).bit_length() for number in range(1, 3839)])
_LZW_STARTS = np.cumsum(_LZW_WIDTHS) - _LZW_WIDTHS
#: A full table takes ten times as many bytes; no writer starts anew more often, and each start costs time.
_LZW_CLEAR_BYTES = 512


class TiffReader(Reader):
    """TIFF pictures; every page is a frame."""

    name = 'tiff'
    label = 'a TIFF picture'
    suffixes = ('.tif', '.tiff')

    def sniff(self, head: bytes, path: Path) -> bool:
        return head[:4] in _ORDERS or head[:4] in _BIG

    def open(self, path: Path) -> Recording:
        source = shown_name(path)
        return _Pages(read_bytes(path, MAX_HELD_BYTES), source)


class _Pages(Recording):
    """The pages of a file, but for smaller copies and masks of others.

    Raises:
        InputError: the first page cannot be found.
    """

    def __init__(self, data: bytes, source: str) -> None:
        pages = [TiffDirectory.of(data, source)]
        offsets, size, whole = {pages[0].offset}, pages[0].size, True
        while pages[-1].next_offset and whole:
            try:
                page = pages[-1].following()
            except InputError:
                whole = False
                break
            size += page.size
            whole = page.offset not in offsets and size <= _MAX_DIRECTORY_BYTES and len(pages) < _MAX_PAGES
            if whole:
                pages.append(page)
                offsets.add(page.offset)
        kept = [page for page in pages if not page.is_copy_or_mask] or pages
        self._pages = kept
        self.notes = (() if whole else (CUT_NOTE,)) + (() if len(kept) == len(pages) else (
            '%d smaller copies or masks in the file were left out' % (len(pages) - len(kept)),))

    def __len__(self) -> int:
        return len(self._pages)

    def read(self, number: int) -> DecodedImage:
        directory = self._pages[number - 1]
        check_size(directory.one(_WIDTH), directory.one(_HEIGHT), directory.source)
        _check_kind(directory)
        return DecodedImage(_pixels(directory))


@dataclass(frozen=True)
class TiffDirectory:
    """A directory of a TIFF, or of the Exif data in a JPEG.

    Attributes:
        data: the file.
        order: byte order for `struct`.
        tags: (type, number of values, offset of the value field) by tag.
        offset, size: where it is, and its bytes.
        next_offset: where the directory of the next page is; 0 after the last.
        source: the file's name for sentences.
    """

    data: bytes
    order: str
    tags: Dict[int, Tuple[int, int, int]]
    offset: int
    size: int
    next_offset: int
    source: str

    @classmethod
    def of(cls, data: bytes, source: str) -> 'TiffDirectory':
        """Read the first directory.

        Raises:
            InputError: ``format-unsupported``, ``file-truncated``.
        """
        order = _ORDERS.get(data[:4])
        if order is None:
            raise InputError('format-unsupported', '%s is a BigTIFF.' % source, 'Save it as an ordinary TIFF.')
        if len(data) < 8:
            raise truncated(source)
        return cls._at(struct.unpack_from(order + 'I', data, 4)[0], data, order, source)

    def following(self) -> 'TiffDirectory':
        """The directory at `next_offset`.

        Raises:
            InputError: ``file-truncated``.
        """
        return self._at(self.next_offset, self.data, self.order, self.source)

    @classmethod
    def _at(cls, offset: int, data: bytes, order: str, source: str) -> 'TiffDirectory':
        if offset + 2 > len(data):
            raise truncated(source)
        count = struct.unpack_from(order + 'H', data, offset)[0]
        end = offset + 2 + 12 * count
        if end + 4 > len(data):
            raise truncated(source)
        tags: Dict[int, Tuple[int, int, int]] = {}
        for entry in range(offset + 2, end, 12):
            tag, kind, length = struct.unpack_from(order + 'HHI', data, entry)
            tags.setdefault(tag, (kind, length, entry + 8))
        return cls(data, order, tags, offset, end + 4 - offset, struct.unpack_from(order + 'I', data, end)[0], source)

    @property
    def is_copy_or_mask(self) -> bool:
        """Whether the page is a smaller copy or a mask of another; a damaged tag says no."""
        try:
            return bool(self.one(_SUBFILE, 0) & _COPY_OR_MASK)
        except InputError:
            return False

    def many(self, tag: int) -> Tuple[int, ...]:
        """All whole numbers of a tag."""
        kind, count, offset = self.tags.get(tag, (0, 0, 0))
        if kind not in _TYPES or not 1 <= count <= 65536:
            raise self.damaged('tag %d' % tag)
        size, letter = _TYPES[kind]
        if size * count > 4:
            offset = struct.unpack_from(self.order + 'I', self.data, offset)[0]
        if offset + size * count > len(self.data):
            raise truncated(self.source)
        return struct.unpack_from('%s%d%s' % (self.order, count, letter), self.data, offset)

    def one(self, tag: int, default: Optional[int] = None) -> int:
        """The first number of a tag, or its default where TIFF has one."""
        return default if default is not None and tag not in self.tags else self.many(tag)[0]

    def text(self, tag: int) -> str:
        """The characters of a tag, or none where it is missing or cannot be read."""
        kind, count, offset = self.tags.get(tag, (0, 0, 0))
        if kind != _ASCII:
            return ''
        if count > 4:
            offset = struct.unpack_from(self.order + 'I', self.data, offset)[0]
        return self.data[offset:offset + min(count, 256)].partition(b'\0')[0].decode('ascii', 'replace').strip()

    def damaged(self, detail: str) -> InputError:
        """The error for a directory that contradicts itself."""
        return damaged(self.source, detail, 'a damaged TIFF')


def _check_kind(directory: TiffDirectory) -> None:
    """Refuse kinds of TIFF that are no thermogram, or that no camera writes."""
    if directory.one(_CHANNELS, 1) != 1 or directory.one(_PHOTOMETRIC) in (2, 3, 5, 6):
        raise colour_error(directory.source)
    # Not "with 16 bits": programs stretch the temperatures over them.
    as_floats = 'Save the temperatures as 32-bit floats in degrees Celsius, or as CSV.'
    kind = directory.one(_SAMPLE_FORMAT, 1)
    for tag, default, accepted, next_step in (
            (_SAMPLE_FORMAT, 1, tuple(_KINDS), as_floats),
            (_BITS, 1, _KINDS.get(kind, ('', ()))[1], as_floats),
            (_PHOTOMETRIC, None, (_BLACK_IS_ZERO,), 'Save it with black as zero.'),
            (_COMPRESSION, 1, (_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS), 'Save it uncompressed.'),
            (_PREDICTOR, 1, (1, _HORIZONTAL_DIFFERENCES) if kind == 1 else (1,), 'Save it uncompressed.'),
            (_FILL_ORDER, 1, (1,), 'Save it uncompressed.'),
            (_ORIENTATION, 1, (1,), 'Save it upright and not mirrored.')):
        value = directory.one(tag, default)
        if value not in accepted:
            raise InputError('format-unsupported', '%s is a TIFF of a kind that this program does not read.'
                             % directory.source, next_step, 'tag %d is %d' % (tag, value))
    if _TILE_WIDTH in directory.tags:
        raise InputError('format-unsupported', '%s is a tiled TIFF.' % directory.source, 'Save it in strips.')


def _pixels(directory: TiffDirectory) -> np.ndarray:
    """The pixels of an accepted kind of TIFF: uint8, uint16, float32 or float64 HxW."""
    width, height, bits = directory.one(_WIDTH), directory.one(_HEIGHT), directory.one(_BITS)
    compression = directory.one(_COMPRESSION, 1)
    data = b''.join(_unpacked(strip, compression, size, directory) for strip, size in _strips(directory))
    dtype = np.dtype('%s%s%d' % (directory.order, _KINDS[directory.one(_SAMPLE_FORMAT, 1)][0], bits // 8))
    values = np.frombuffer(data, dtype).reshape(height, width).astype(dtype.newbyteorder('='))
    if compression in (_LZW, _DEFLATE, _OLD_DEFLATE) and directory.one(_PREDICTOR, 1) == _HORIZONTAL_DIFFERENCES:
        values = np.cumsum(values, axis=1, dtype=values.dtype)
    return values


def _strips(directory: TiffDirectory) -> Iterator[Tuple[bytes, int]]:
    """(bytes, size when unpacked) of every strip, all of them inside the file."""
    height = directory.one(_HEIGHT)
    rows = min(directory.one(_ROWS, height), height)
    if not rows:
        raise directory.damaged('no rows in a strip')
    offsets, counts = directory.many(_OFFSETS), directory.many(_COUNTS)
    if not len(offsets) == len(counts) == -(-height // rows):
        raise directory.damaged('number of strips')
    if sum(counts) > len(directory.data):
        raise truncated(directory.source)
    row_bytes = directory.one(_WIDTH) * directory.one(_BITS, 1) // 8
    for index, (offset, count) in enumerate(zip(offsets, counts)):
        if not count:
            raise directory.damaged('strip %d is empty' % index)
        if offset + count > len(directory.data):
            raise truncated(directory.source)
        yield directory.data[offset:offset + count], min(rows, height - index * rows) * row_bytes


def _unpacked(strip: bytes, compression: int, size: int, directory: TiffDirectory) -> bytes:
    """The first `size` bytes that a strip holds; some writers fill up the last one."""
    try:
        if compression == _LZW:
            data = _unpack_lzw(strip, size)
        elif compression == _PACKBITS:
            data = _unpack_packbits(strip, size)
        elif compression == _UNCOMPRESSED:
            data = strip
        else:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(strip, size)
            unpacker.decompress(unpacker.unconsumed_tail, 1)  # goes on to the checksum
    except (ValueError, zlib.error) as error:
        raise directory.damaged(str(error))
    if len(data) < size:
        raise directory.damaged('a strip of %d bytes instead of %d' % (len(data), size))
    return data[:size]


def _unpack_packbits(strip: bytes, size: int) -> bytes:
    """Runs and literals, section 9 of [TIFF6]."""
    data, offset = bytearray(), 0
    while offset < len(strip) and len(data) < size:
        control = strip[offset]
        if control < 128:
            data += strip[offset + 1:offset + 2 + control]
            offset += 2 + control
        else:
            if control > 128:
                data += strip[offset + 1:offset + 2] * (257 - control)
            offset += 1 + (control > 128)
    return bytes(data)


def _unpack_lzw(strip: bytes, size: int) -> bytes:
    """Codes of 9 to 12 bits for strings seen before, section 13 of [TIFF6].

    The widths of codes depend on nothing but their number since the last Clear, so that all of them up to the next one
    are cut out at once.

    Raises:
        ValueError: a code that cannot be there.
    """
    packed = np.frombuffer(strip + bytes(4), np.uint8).astype(np.uint32)
    pieces: List[bytes] = []
    unpacked, start, clears = 0, 0, 0
    while unpacked < size:
        places = start + _LZW_STARTS[:np.searchsorted(_LZW_STARTS + _LZW_WIDTHS, 8 * len(strip) - start, 'right')]
        widths, at = _LZW_WIDTHS[:len(places)], places >> 3
        windows = packed[at] << 24 | packed[at + 1] << 16 | packed[at + 2] << 8 | packed[at + 3]
        codes = windows << (places & 7).astype(np.uint32) >> (32 - widths).astype(np.uint32)
        ends = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        count = int(ends[0]) if len(ends) else len(codes)
        unpacked += _append_lzw(pieces, codes[:count].tolist(), size - unpacked)
        if count == len(codes) or codes[count] == _END:
            break
        start, clears = int(places[count] + widths[count]), clears + 1
        if clears > 2 + len(strip) // _LZW_CLEAR_BYTES:
            raise ValueError('%d LZW tables in %d bytes' % (clears, len(strip)))
    return b''.join(pieces)


def _append_lzw(pieces: List[bytes], codes: List[int], wanted: int) -> int:
    """Append the strings of the codes of one table, as many as are wanted; their length."""
    table, previous, unpacked = list(_LZW_SINGLES), b'', 0
    for code in codes:
        if code < len(table):
            piece = table[code]
        elif code == len(table) and previous:
            piece = previous + previous[:1]
        else:
            raise ValueError('LZW code %d of %d' % (code, len(table)))
        pieces.append(piece)
        unpacked += len(piece)
        if unpacked >= wanted:
            break
        if previous:
            table.append(previous + piece[:1])
        previous = piece
    return unpacked
