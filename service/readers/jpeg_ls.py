"""JPEG-LS, in which FLIR's programs and recording cameras pack counts: one plane, without loss.

Decoded here, after [JpegLs1998]: the only library with a wheel for Python 3.6 on aarch64 is GDCM, whose CharLS 2.0 ends
the process on some damaged files. Every pixel depends on the one before it, so this is a loop in plain Python, of which
docs/figures.md has the times; NumPy computes what depends on the row above alone.
"""
import re
import struct
from typing import List, NamedTuple, Tuple

import numpy as np

from ..messages import InputError
from ..thermogram import check_size
from .files import damaged, truncated

#: A JPEG of any kind begins so.
JPEG_START = b'\xff\xd8\xff'
_FRAME, _PRESET, _SCAN, _RESTARTS, _END = 0xF7, 0xF8, 0xDA, 0xDD, 0xD9
#: The first of the markers that stand alone; those below it are the frame headers of other kinds of JPEG.
_RESTART = 0xD0
#: Where entropy-coded data end: after a byte of ones they continue with a bit 0.
_AFTER_SCAN = re.compile(b'\xff+([\x80-\xfe])')
#: The largest detectors of FLIR's cameras have 1280x1024 pixels; larger pictures would take too long.
_MAX_PIXELS = 1280 * 1024
#: What cannot be compressed takes little more than its 16 bits a pixel.
_MAX_BYTES_A_PIXEL = 3
#: Bits take a byte each while they are sorted; so many bytes at a time.
_BLOCK_BYTES = 65536

#: A last byte that is not full, and one that follows a byte of ones.
_MAX_SPARE_BITS = 16

#: Contexts of differences in three directions, -4..4 each, signs folded; two more for the ends of runs.
_CONTEXTS = 365
_MIN_CORRECTION, _MAX_CORRECTION = -128, 127
#: Order of the run lengths, which grow as a run goes on.
_RUN_ORDERS = (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15)


class _Header(NamedTuple):
    """What a stream states about its picture.

    Attributes:
        width, height: pixels.
        bits: of a count, 8..16.
        largest: count.
        thresholds: of differences, T1..T3.
        reset: number of pixels after which a context's statistics are halved.
    """

    width: int
    height: int
    bits: int
    largest: int
    thresholds: Tuple[int, int, int]
    reset: int


def decode_jpeg_ls(data: bytes, source: str) -> np.ndarray:
    """The counts of a stream.

    Args:
        data: from the start-of-image marker to the end-of-image marker; what follows is ignored.
        source: the file's name for sentences.
    Returns:
        uint16 HxW.
    Raises:
        InputError: ``file-truncated``, ``file-damaged``, ``format-unsupported``, ``frame-too-small`` or
            ``frame-too-large``.
    """
    header, start = _header(data, source)
    end = _AFTER_SCAN.search(data, start)
    if end is None:
        raise truncated(source)
    if end.group(1)[0] != _END:
        raise _damaged(source, 'marker 0x%02X among the pixels' % end.group(1)[0])
    packed = data[start:end.start()]
    if len(packed) > _MAX_BYTES_A_PIXEL * header.width * header.height:
        raise _damaged(source, '%d bytes of pixels' % len(packed))
    words, total_bits = _words(packed, header.width)
    return _pixels(header, words, total_bits, source)


def _header(data: bytes, source: str) -> Tuple[_Header, int]:
    """(header, where the entropy-coded data start); every number in it is checked."""
    width, height, bits, preset = 0, 0, 0, (0, 0, 0, 0, 0)
    offset = 2
    while True:
        marker, body = _segment(data, offset, source)
        offset += 4 + len(body)
        if marker == _FRAME:
            if bits or len(body) < 6:
                raise _damaged(source, 'frame header')
            bits, height, width, planes = struct.unpack_from('>BHHB', body)
            check_size(width, height, source)
            if planes != 1 or not 8 <= bits <= 16 or width * height > _MAX_PIXELS:
                raise _unsupported(source, '%d planes of %d bits, %dx%d pixels' % (planes, bits, width, height))
        elif marker < _RESTART:
            raise _unsupported(source, 'JPEG frame 0x%02X' % marker)
        elif marker == _PRESET:
            if len(body) != 11 or body[0] != 1:
                raise _unsupported(source, 'preset parameters %r' % body[:1])
            preset = struct.unpack_from('>5H', body, 1)
        elif marker == _RESTARTS and any(body):
            raise _unsupported(source, 'restart markers')
        elif marker == _SCAN:
            if not bits or len(body) != 6 or body[0] != 1:
                raise _damaged(source, 'scan header')
            if any(body[2:]):  # a table of values, loss, order of planes, shift
                raise _unsupported(source, 'scan parameters %r' % body[2:])
            return _with_defaults(width, height, bits, preset, source), offset


def _segment(data: bytes, offset: int, source: str) -> Tuple[int, bytes]:
    """(marker, body) of the segment at some byte."""
    if offset + 4 > len(data):
        raise truncated(source)
    ones, marker, length = struct.unpack_from('>BBH', data, offset)
    if ones != 0xFF or marker < 0xC0 or _RESTART <= marker <= _END or length < 2:
        raise _damaged(source, 'segment at byte %d' % offset)
    if offset + 2 + length > len(data):
        raise truncated(source)
    return marker, data[offset + 4:offset + 2 + length]


def _with_defaults(width: int, height: int, bits: int, preset: Tuple[int, ...], source: str) -> _Header:
    """A header with the defaults of [JpegLs1998], C.2.4.1.1, for parameters that are 0."""
    largest = preset[0] or (1 << bits) - 1
    factor = (min(largest, 4095) + 128) >> 8
    first = preset[1] or factor + 2
    second = preset[2] or 4 * factor + 3
    third = preset[3] or 17 * factor + 4
    reset = preset[4] or 64
    if not 128 <= largest < 1 << bits or not 0 < first <= second <= third <= largest or reset < 3:
        raise _damaged(source, 'parameters %r' % (preset,))
    return _Header(width, height, bits, largest, (first, second, third), reset)


def _words(packed: bytes, width: int) -> Tuple[List[int], int]:
    """(numbers of 64 bits, how many of all bits are data) of entropy-coded bytes, without the stuffed zeros.

    A row of ones follows, so that no loop over a row reads past the end.
    """
    codes = np.frombuffer(packed, np.uint8)
    stuffed = np.zeros(len(codes), bool)
    stuffed[1:] = codes[:-1] == 0xFF
    words: List[int] = []
    rest = np.empty(0, np.uint8)
    for start in range(0, len(codes), _BLOCK_BYTES):
        block = slice(start, start + _BLOCK_BYTES)
        kept = np.ones((len(codes[block]), 8), bool)
        kept[stuffed[block], 0] = False
        bits = np.concatenate((rest, np.unpackbits(codes[block]).reshape(-1, 8)[kept]))
        whole = len(bits) // 64 * 64
        words += np.packbits(bits[:whole]).view('>u8').tolist()
        rest = bits[whole:]
    last = np.concatenate((rest, np.ones(64 - len(rest), np.uint8)))
    words += np.packbits(last).view('>u8').tolist() + [2 ** 64 - 1] * (width + 2)
    return words, 8 * len(codes) - int(np.count_nonzero(stuffed))


def _pixels(header: _Header, words: List[int], total_bits: int, source: str) -> np.ndarray:
    """Decode a picture: [JpegLs1998], A.2 to A.7, in one function, because calls would cost more than all the rest.

    Statistics A, B, C and N have the standard's names; its neighbours a, b and c are here west, north and north-west.
    `bits` are those that are not decoded yet, `left` of them; 64 are always enough for the next code.
    """
    width, largest, reset = header.width, header.largest, header.reset
    modulus, code_bits = largest + 1, largest.bit_length()
    # More zeros than in any other code announce a plain number of `code_bits` bits.
    escape = 2 * (code_bits + max(8, code_bits)) - code_bits - 1
    masks = [(1 << count) - 1 for count in range(128)]
    by_81, by_9, by_1 = _quantisers(header.thresholds, largest)
    quantise: List[int] = by_1.tolist()
    a, n = [max(2, (modulus + 32) >> 6)] * (_CONTEXTS + 2), [1] * (_CONTEXTS + 2)
    b, c = [0] * _CONTEXTS, [0] * _CONTEXTS
    negatives, run_index = [0, 0], 0
    bits, left, taken = 0, 0, 0
    image = np.empty((header.height, width), np.uint16)
    # A row is a pixel longer on both sides: on the left by the first pixel of the row above it.
    row = [0] * (width + 2)
    for y in range(header.height):
        if 64 * taken - left > total_bits:
            raise truncated(source)
        above, differences = row, np.diff(row)
        contexts: List[int] = (by_81[differences[1:]] + by_9[differences[:-1]]).tolist()
        row = [above[1]]
        north_west, north, west = above[0], above[1], above[1]
        x = 0
        while x < width:
            if left < 64:
                bits = bits << 64 | words[taken]
                left += 64
                taken += 1
            context = contexts[x] + quantise[north_west - west]
            if context:
                if west < north:
                    predicted = west if north_west >= north else north if north_west <= west else \
                        west + north - north_west
                else:
                    predicted = north if north_west >= west else west if north_west <= north else \
                        west + north - north_west
                if context > 0:
                    q = context
                    predicted += c[q]
                else:
                    q = -context
                    predicted -= c[q]
                if predicted < 0:
                    predicted = 0
                elif predicted > largest:
                    predicted = largest
                a_q, n_q, most_zeros = a[q], n[q], escape
                order = ((a_q - 1) // n_q).bit_length() if a_q else 0
            else:
                # All neighbours are equal: a run of them, and where it does not reach the end, another pixel.
                start = x
                while x < width:
                    run_order = _RUN_ORDERS[run_index]
                    left -= 1
                    if not bits >> left:
                        left -= run_order
                        x += bits >> left
                        bits &= masks[left]
                        if x >= width:
                            raise _damaged(source, 'run beyond row %d' % y)
                        break
                    bits &= masks[left]
                    x += 1 << run_order
                    if x <= width and run_index < 31:
                        run_index += 1
                    if left < 64:
                        bits = bits << 64 | words[taken]
                        left += 64
                        taken += 1
                row += [west] * (min(x, width) - start)
                if x >= width:
                    break
                if left < 64:
                    bits = bits << 64 | words[taken]
                    left += 64
                    taken += 1
                north = above[x + 1]
                same = int(west == north)
                q = _CONTEXTS + same
                a_q, n_q, most_zeros = a[q], n[q], escape - run_order - 1
                estimate = a_q + (n_q >> 1 if same else 0)
                order = ((estimate - 1) // n_q).bit_length() if estimate else 0
            # A Golomb code: zeros, a one, `order` bits.
            rest = bits.bit_length()
            zeros = left - rest
            if zeros < most_zeros:
                left = rest - 1 - order
                code = (zeros - 1 << order) + (bits >> left)
            else:
                left -= most_zeros + 1 + code_bits
                code = (bits >> left) - (1 << code_bits) + 1
            bits &= masks[left]
            if zeros > most_zeros or code > modulus:
                raise _damaged(source, 'difference in row %d' % y)
            if context:
                b_q = b[q]
                error = ~(code >> 1) if code & 1 else code >> 1
                if not order and 2 * b_q <= -n_q:
                    error = ~error
                west = (predicted + error if context > 0 else predicted - error) % modulus
                b_q += error
                a_q += error if error > 0 else -error
                if n_q == reset:
                    a_q >>= 1
                    b_q >>= 1
                    n_q >>= 1
                n_q += 1
                if b_q <= -n_q:
                    b_q += n_q
                    if b_q <= -n_q:
                        b_q = 1 - n_q
                    if c[q] > _MIN_CORRECTION:
                        c[q] -= 1
                elif b_q > 0:
                    b_q -= n_q
                    if b_q > 0:
                        b_q = 0
                    if c[q] < _MAX_CORRECTION:
                        c[q] += 1
                b[q] = b_q
            else:
                code += same
                error = code + 1 >> 1
                if error and bool(code & 1) == (order > 0 or 2 * negatives[same] >= n_q):
                    error = -error
                    negatives[same] += 1
                a_q += code + 1 - 2 * same >> 1
                west = (north + error if west <= north else north - error) % modulus
                if n_q == reset:
                    a_q >>= 1
                    n_q >>= 1
                    negatives[same] >>= 1
                n_q += 1
                if run_index:
                    run_index -= 1
            a[q], n[q] = a_q, n_q
            row.append(west)
            x += 1
            north_west, north = north, above[x + 1]
        image[y] = row[1:]
        row.append(row[width])
    _check_end(64 * taken - left, total_bits, source)
    return image


def _quantisers(thresholds: Tuple[int, int, int], largest: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables of how large a difference is, -4..4, in the three places of a context's number.

    An index is the difference itself: negative ones count from the end.
    """
    sizes = np.searchsorted((1,) + thresholds, np.arange(largest + 1), 'right')
    signed = np.concatenate((sizes, -sizes[:0:-1]))
    return 81 * signed, 9 * signed, signed


def _check_end(decoded_bits: int, total_bits: int, source: str) -> None:
    """Refuse pixels that took more or clearly fewer bits than there are; there is no checksum."""
    if decoded_bits > total_bits:
        raise truncated(source)
    if total_bits - decoded_bits >= _MAX_SPARE_BITS:
        raise _damaged(source, '%d bits behind the last pixel' % (total_bits - decoded_bits))


def _damaged(source: str, detail: str) -> InputError:
    return damaged(source, detail, 'damaged: its packed counts contradict themselves')


def _unsupported(source: str, detail: str) -> InputError:
    return InputError('format-unsupported', '%s holds counts packed in a way that this program does not unpack.'
                      % source, 'Export the picture as CSV from the camera software.', detail)
