"""TIFF: 16-bit grey is counts, 8-bit grey is a picture without temperatures.

The first directory is read here and written anew with the few tags that carry pixels, so that size
and strips are known to be right before libtiff sees them.
"""
import struct
from dataclasses import dataclass
from itertools import accumulate

import cv2

from ..messages import InputError
from ..thermogram import check_size
from .base import IN_COUNTS, IN_GREY, Decoded, Reader
from .picture import colour_error, cut_off, decode_picture

_ORDERS = {b'II*\0': '<', b'MM\0*': '>'}
_BIG = (b'II+\0', b'MM\0+')
#: Bytes of one value of the types that matter: SHORT and LONG.
_TYPES = {3: (2, 'H'), 4: (4, 'I')}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _CHANNELS, _ROWS, _COUNTS, _PREDICTOR = 273, 274, 277, 278, 279, 317
_TILE_WIDTH, _SAMPLE_FORMAT = 322, 339
_UNCOMPRESSED = 1
#: None, LZW, deflate (two numbers for it), PackBits.
_COMPRESSIONS = (_UNCOMPRESSED, 5, 8, 32946, 32773)
_BLACK_IS_ZERO = 1


class TiffReader(Reader):
    """TIFF pictures, the first page of each."""

    name = 'tiff'
    label = 'a TIFF picture'
    suffixes = ('.tif', '.tiff')

    def sniff(self, head, path):
        return head[:4] in _ORDERS or head[:4] in _BIG

    def _decode(self, data, source):
        directory = _Directory.of(data, source)
        check_size(directory.one(_WIDTH), directory.one(_HEIGHT), source)
        _check_kind(directory)
        image = decode_picture(_minimal(directory), cv2.IMREAD_UNCHANGED, source)
        notes = ('only the first page of the TIFF was read',) if directory.has_more else ()
        return Decoded(image, IN_COUNTS if directory.one(_BITS) == 16 else IN_GREY, notes)


@dataclass(frozen=True)
class _Directory:
    """The first directory of a TIFF.

    Attributes:
        data (bytes): the file.
        order (str): byte order for `struct`.
        tags (dict): (type, count, offset of the value field) by tag.
        has_more (bool): whether another page follows.
        source (str): the file's name for sentences.
    """

    data: bytes
    order: str
    tags: dict
    has_more: bool
    source: str

    @classmethod
    def of(cls, data, source):
        order = _ORDERS.get(data[:4])
        if order is None:
            raise InputError('format-unsupported', '%s is a BigTIFF; save it as an ordinary TIFF.' % source)
        if len(data) < 8:
            raise cut_off(source)
        offset = struct.unpack_from(order + 'I', data, 4)[0]
        if offset + 2 > len(data):
            raise cut_off(source)
        count = struct.unpack_from(order + 'H', data, offset)[0]
        end = offset + 2 + 12 * count
        if end + 4 > len(data):
            raise cut_off(source)
        tags = {}
        for entry in range(offset + 2, end, 12):
            tag, kind, length = struct.unpack_from(order + 'HHI', data, entry)
            tags.setdefault(tag, (kind, length, entry + 8))
        return cls(data, order, tags, bool(struct.unpack_from(order + 'I', data, end)[0]), source)

    def many(self, tag):
        """All whole numbers of a tag."""
        kind, count, offset = self.tags.get(tag, (0, 0, 0))
        if kind not in _TYPES or not 1 <= count <= 65536:
            raise self.damaged('tag %d' % tag)
        size, letter = _TYPES[kind]
        if size * count > 4:
            offset = struct.unpack_from(self.order + 'I', self.data, offset)[0]
        if offset + size * count > len(self.data):
            raise cut_off(self.source)
        return struct.unpack_from('%s%d%s' % (self.order, count, letter), self.data, offset)

    def one(self, tag, default=None):
        """The first number of a tag, or its default where TIFF has one."""
        return default if default is not None and tag not in self.tags else self.many(tag)[0]

    def damaged(self, detail):
        """The error for a directory that contradicts itself."""
        return InputError('file-damaged', '%s is a damaged TIFF; copy it again from its source.'
                          % self.source, detail=detail)


def _check_kind(directory):
    """Refuse kinds of TIFF that are no thermogram, or that no camera writes."""
    if directory.one(_CHANNELS, 1) != 1 or directory.one(_PHOTOMETRIC) in (2, 3, 5, 6):
        raise colour_error(directory.source)
    for tag, default, accepted, remedy in (
            (_BITS, 1, (8, 16), 'save it with 8 or 16 bits a pixel'),
            (_SAMPLE_FORMAT, 1, (1,), 'save it with unsigned whole numbers'),
            (_PHOTOMETRIC, None, (_BLACK_IS_ZERO,), 'save it with black as zero'),
            (_COMPRESSION, 1, _COMPRESSIONS, 'save it uncompressed'),
            (_PREDICTOR, 1, (1, 2), 'save it uncompressed'),
            (_FILL_ORDER, 1, (1,), 'save it uncompressed'),
            (_ORIENTATION, 1, (1,), 'save it upright and not mirrored')):
        value = directory.one(tag, default)
        if value not in accepted:
            raise InputError('format-unsupported', '%s is a TIFF of a kind this program does not read; %s.'
                             % (directory.source, remedy), detail='tag %d is %d' % (tag, value))
    if _TILE_WIDTH in directory.tags:
        raise InputError('format-unsupported', '%s is a tiled TIFF; save it in strips.' % directory.source)


def _strips(directory):
    """(rows of a strip, its bytes for every strip), all of them inside the file."""
    height = directory.one(_HEIGHT)
    rows = min(directory.one(_ROWS, height), height)
    if not rows:
        raise directory.damaged('no rows in a strip')
    offsets, counts = directory.many(_OFFSETS), directory.many(_COUNTS)
    if not len(offsets) == len(counts) == -(-height // rows):
        raise directory.damaged('number of strips')
    if sum(counts) > len(directory.data):
        raise cut_off(directory.source)
    row_bytes = directory.one(_WIDTH) * directory.one(_BITS, 1) // 8
    strips = []
    for index, (offset, count) in enumerate(zip(offsets, counts)):
        least = min(rows, height - index * rows) * row_bytes
        if not count or (count < least and directory.one(_COMPRESSION, 1) == _UNCOMPRESSED):
            raise directory.damaged('strip %d is too short' % index)
        if offset + count > len(directory.data):
            raise cut_off(directory.source)
        strips.append(directory.data[offset:offset + count])
    return rows, strips


def _minimal(directory):
    """A TIFF of the same pixels with nothing but the tags that carry them."""
    order, (rows, strips) = directory.order, _strips(directory)
    lengths = [len(strip) for strip in strips]
    start = 8 + 2 + 12 * 10 + 4
    tables = start + 8 * len(strips)
    offsets = list(accumulate([tables] + lengths))[:-1]
    many = len(strips) > 1
    entries = [(_WIDTH, 1, directory.one(_WIDTH)), (_HEIGHT, 1, directory.one(_HEIGHT)),
               (_BITS, 1, directory.one(_BITS)), (_COMPRESSION, 1, directory.one(_COMPRESSION, 1)),
               (_PHOTOMETRIC, 1, _BLACK_IS_ZERO), (_OFFSETS, len(strips), start if many else offsets[0]),
               (_CHANNELS, 1, 1), (_ROWS, 1, rows),
               (_COUNTS, len(strips), start + 4 * len(strips) if many else lengths[0]),
               (_PREDICTOR, 1, directory.one(_PREDICTOR, 1))]
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'IH', 8, len(entries))
    body = b''.join(struct.pack(order + 'HHII', tag, 4, count, value) for tag, count, value in entries)
    table = struct.pack('%s%dI' % (order, 2 * len(strips)), *(offsets + lengths))
    return head + body + struct.pack(order + 'I', 0) + table + b''.join(strips)
