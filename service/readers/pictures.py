"""Plain pictures and arrays: PNG, JPEG and NumPy's ``.npy``. Size and content are checked before anything is decoded.

16-bit grey is counts, 8-bit grey is a picture without temperatures; radiometric JPEGs are read in `flir`. OpenCV is
only given what it cannot complain about, because it complains to standard error and decodes damaged data all the same.
"""
import io
import re
import struct
import warnings
import zlib
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

import cv2
import numpy as np
import simplejpeg

from ..messages import InputError
from ..thermogram import check_size
from .base import DecodedImage, Path, PictureReader
from .files import colour_error, damaged, truncated
from .tiff import TiffDirectory

PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
#: Channels by PNG colour type; a palette (3) is refused before.
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
#: Files have a few chunks, or one per few KiB of pixels.
_MAX_CHUNKS = 65536

_START, _END, JPEG_SCAN, JPEG_APP1, JPEG_APP2, JPEG_APP3 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3
#: Frame headers that are decoded: baseline, extended, progressive.
_FRAMES = (0xC0, 0xC1, 0xC2)
#: Those that are not: lossless, hierarchical, arithmetic.
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
#: Progressive pictures have about ten scans; each costs a pass over the whole picture.
_MAX_SCANS = 64
#: The end of entropy-coded data: a marker that is neither stuffing nor a restart.
_AFTER_SCAN = re.compile(b'\xff[^\x00\xd0-\xd7\xff]')
_EXIF, _MAKE, _ORIENTATION = b'Exif\0\0', 271, 274
#: HIKMICRO's cameras put this and their temperatures behind the end of the picture.
_HIKMICRO_DATA = b'\xff\xd9HDRI'

#: What helps where FLIR's counts are missing.
NO_COUNTS_STEP = ('Set the camera to radiometric pictures and take it again, or open the original in FLIR Thermal '
                  'Studio and export its temperatures as CSV.')

_NPY_MAGIC = b'\x93NUMPY'
#: NumPy's header of a two-dimensional array takes 128 bytes; longer ones are not parsed.
_NPY_HEAD_BYTES = 256
#: What a value may be: degrees Celsius in floats, or counts.
_NPY_TYPES = ('f4', 'f8', 'u2')


def _unsupported(source: str, what: str, next_step: str) -> InputError:
    return InputError('format-unsupported', '%s is %s, which this program does not read.' % (source, what), next_step)


def _grey_of(image: np.ndarray, source: str) -> np.ndarray:
    """The grey levels of an 8-bit picture.

    Args:
        image: uint8 HxW, HxWx3 or HxWx4 (the fourth channel is opacity).
        source: its name.
    Returns:
        uint8 HxW.
    Raises:
        InputError: ``picture-colour`` or ``picture-transparent``.
    """
    if image.ndim == 2:
        return image
    if image.shape[2] == 4 and (image[:, :, 3] != 255).any():
        raise InputError('picture-transparent', '%s is partly transparent.' % source, 'Save it without transparency.')
    grey = image[:, :, 0]
    if not all(np.array_equal(grey, image[:, :, channel]) for channel in (1, 2)):
        raise colour_error(source)
    return np.ascontiguousarray(grey)


class PngReader(PictureReader):
    """PNG pictures."""

    name = 'png'
    label = 'a PNG picture'
    suffixes = ('.png',)

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(PNG_MAGIC)

    def decode(self, data: bytes, source: str) -> DecodedImage:
        return DecodedImage(decode_png(data, source))


class _PngHeader(NamedTuple):
    """The fields of IHDR that matter; sides in pixels, depth in bits per channel."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of pixels, without its filter byte."""
        return self.width * _CHANNELS[self.colour] * self.depth // 8


def decode_png(data: bytes, source: str) -> np.ndarray:
    """The pixels of a PNG, which may be a file or a part of one.

    Chunks that carry no pixels are left out, so that no text, profile or orientation can do harm.

    Args:
        data: from the signature to the last chunk; what follows is ignored.
        source: the file's name for sentences.
    Returns:
        HxW; uint16 as stored, or the grey levels of an 8-bit picture as uint8.
    Raises:
        InputError: ``file-truncated``, ``file-damaged``, ``format-unsupported``, ``frame-too-small``,
            ``frame-too-large``, ``picture-colour`` or ``picture-transparent``.
    """
    chunks = _png_chunks(data, source)
    header = _png_header(chunks, source)
    check_size(header.width, header.height, source)
    if header.colour == 3 or (header.colour == 2 and header.depth == 16):
        raise colour_error(source)
    if header.colour not in _CHANNELS or header.depth not in ((8, 16) if header.colour == 0 else (8,)):
        raise _unsupported(source, 'a PNG with %d bits and colour type %d' % (header.depth, header.colour),
                           'Save it as 8-bit or 16-bit grey.')
    if header.interlaced:
        raise _unsupported(source, 'an interlaced PNG', 'Save it without interlacing.')
    rows = _png_rows(b''.join(body for kind, body in chunks if kind == b'IDAT'), header, source)
    # Rows that were found whole are stored again as they are: libpng can find nothing wrong with them.
    whole = PNG_MAGIC + b''.join(_png_chunk(kind, body) for kind, body in (
        (b'IHDR', chunks[0][1]), (b'IDAT', zlib.compress(rows, 0)), (b'IEND', b'')))
    image = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise _damaged_png(source, 'not decoded')
    return image if header.depth == 16 else _grey_of(image, source)


def _png_chunks(data: bytes, source: str) -> List[Tuple[bytes, bytes]]:
    """Every chunk up to IEND as (kind, body); the checksums of those that matter are right."""
    chunks: List[Tuple[bytes, bytes]] = []
    offset = len(PNG_MAGIC)
    while len(chunks) < _MAX_CHUNKS:
        if offset + 12 > len(data):
            raise truncated(source)
        length, kind = struct.unpack_from('>I4s', data, offset)
        end = offset + 8 + length
        if end + 4 > len(data):
            raise truncated(source)
        body = data[offset + 8:end]
        if kind in (b'IHDR', b'IDAT', b'IEND') and zlib.crc32(kind + body) != struct.unpack_from('>I', data, end)[0]:
            raise _damaged_png(source, 'checksum of %s' % kind.decode('ascii'))
        chunks.append((kind, body))
        if kind == b'IEND':
            return chunks
        offset = end + 4
    raise _damaged_png(source, 'too many chunks')


def _png_header(chunks: List[Tuple[bytes, bytes]], source: str) -> _PngHeader:
    kind, body = chunks[0]
    if kind != b'IHDR' or len(body) != 13:
        raise _damaged_png(source, 'header')
    width, height, depth, colour, compression, filters, interlace = struct.unpack('>IIBBBBB', body)
    if compression or filters or interlace > 1:
        raise _damaged_png(source, 'header')
    return _PngHeader(width, height, depth, colour, bool(interlace))


def _png_rows(pixels: bytes, header: _PngHeader, source: str) -> bytes:
    """Unpacked rows with their filter bytes, exactly as many as the header promises; never more are unpacked."""
    expected = header.height * (header.row_bytes + 1)
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(pixels, expected)
        surplus = unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise _damaged_png(source, str(error))
    if len(rows) < expected and not unpacker.eof:
        raise truncated(source)
    if len(rows) != expected or surplus or not unpacker.eof:
        raise _damaged_png(source, 'number of pixels')
    if max(rows[::header.row_bytes + 1]) > 4:
        raise _damaged_png(source, 'filter')
    return rows


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def _damaged_png(source: str, detail: str) -> InputError:
    return damaged(source, detail, 'a damaged PNG')


class JpegReader(PictureReader):
    """JPEG pictures, and only grey ones."""

    name = 'jpeg'
    label = 'a JPEG picture'
    suffixes = ('.jpg', '.jpeg')
    max_bytes = 32 << 20

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(b'\xff\xd8\xff')

    def decode(self, data: bytes, source: str) -> DecodedImage:
        header = _jpeg_header(data, source)
        maker = _maker_of(data, header, source)
        if header.channels not in (1, 3):
            raise maker or colour_error(source)
        try:
            # Strict: libjpeg fills what is missing with grey, which would not be the patient.
            image = simplejpeg.decode_jpeg(data, 'GRAY' if header.channels == 1 else 'BGR')
        except ValueError as error:
            raise _damaged_jpeg(source, str(error)[:400])
        try:
            grey = image[:, :, 0] if header.channels == 1 else _grey_of(image, source)
        except InputError as error:
            raise maker or error
        return DecodedImage(_upright(grey, header.orientation), (maker.message.text,) if maker else ())


class _JpegHeader(NamedTuple):
    """What a JPEG states: colour channels, Exif orientation and make of the camera, markers of its segments."""

    channels: int
    orientation: int
    make: str
    markers: Set[int]


def _jpeg_header(data: bytes, source: str) -> _JpegHeader:
    """The header of a JPEG of acceptable size that runs to its end marker."""
    channels, orientation, make, scans, markers = 0, 1, '', 0, set()
    for marker, body in jpeg_segments(data, source):
        markers.add(marker)
        if marker in _OTHER_FRAMES:
            raise _unsupported(source, 'a lossless or arithmetic-coded JPEG', 'Save it as an ordinary JPEG or as PNG.')
        if marker in _FRAMES:
            if channels or len(body) < 6:
                raise _damaged_jpeg(source, 'frame header')
            depth, height, width, channels = struct.unpack_from('>BHHB', body)
            check_size(width, height, source)
            if depth != 8:
                raise _unsupported(source, 'a JPEG with %d bits a channel' % depth, 'Save it as 16-bit PNG.')
        elif marker == JPEG_SCAN:
            scans += 1
            if scans > _MAX_SCANS or not channels:
                raise _damaged_jpeg(source, 'scan %d' % scans)
        elif marker == JPEG_APP1 and body.startswith(_EXIF):
            orientation, make = _exif(body[len(_EXIF):])
    if not channels or not scans:
        raise _damaged_jpeg(source, 'no picture')
    return _JpegHeader(channels, orientation, make, markers)


def _maker_of(data: bytes, header: _JpegHeader, source: str) -> Optional[InputError]:
    """What to say of a picture whose maker keeps the temperatures where this program does not read them, or None."""
    make = header.make.lower()
    if make.startswith('dji') and JPEG_APP3 in header.markers:
        what = 'a DJI R-JPEG, whose temperatures this program does not read'
        next_step = ('Convert it to a TIFF in degrees Celsius (float32) with the DJI Thermal SDK or a program that is '
                     'built on it.')
    elif make.startswith('hikmicro') or _HIKMICRO_DATA in data:
        what = 'a HIKMICRO picture, whose temperatures this program does not read'
        next_step = 'Open it in HIKMICRO Analyzer and export its temperatures as CSV.'
    elif 'flir' in make:
        what, next_step = 'a picture of a FLIR camera without the counts of its detector', NO_COUNTS_STEP
    else:
        return None
    return InputError('picture-colour', '%s is %s.' % (source, what), next_step)


def jpeg_segments(data: bytes, source: str) -> Iterator[Tuple[int, bytes]]:
    """Every (marker, body) of a JPEG up to the end of the picture.

    Raises:
        InputError: ``file-truncated`` or ``file-damaged``, where the walk comes upon it.
    """
    offset = 2
    while True:
        while data[offset:offset + 2] == b'\xff\xff':
            offset += 1
        if offset + 2 > len(data):
            raise truncated(source)
        if data[offset] != 0xFF:
            raise _damaged_jpeg(source, 'no marker at byte %d' % offset)
        marker = data[offset + 1]
        if marker == _END:
            return
        if offset + 4 > len(data):
            raise truncated(source)
        length = struct.unpack_from('>H', data, offset + 2)[0]
        if marker in (_START, 0) or length < 2:
            raise _damaged_jpeg(source, 'segment at byte %d' % offset)
        end = offset + 2 + length
        if end > len(data):
            raise truncated(source)
        yield marker, data[offset + 4:end]
        if marker == JPEG_SCAN:
            after = _AFTER_SCAN.search(data, end)
            if after is None:
                raise truncated(source)
            end = after.start()
        offset = end


def _exif(exif: bytes) -> Tuple[int, str]:
    """(how a camera was held, 1..8 as in the TIFF tag, its make); 1 (upright) and empty where they cannot be read."""
    try:
        directory = TiffDirectory.of(exif, 'Exif')
        return directory.one(_ORIENTATION, 1), directory.text(_MAKE)
    except InputError:
        return 1, ''


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """A picture as it was seen: a mirrored orientation would swap the patient's sides."""
    if orientation in (5, 6, 7, 8):
        image = image.T
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _damaged_jpeg(source: str, detail: str) -> InputError:
    return damaged(source, detail, 'a damaged JPEG')


class NpyReader(PictureReader):
    """NumPy arrays: float degrees Celsius, or uint16 counts with a scale. Nothing is unpickled."""

    name = 'npy'
    label = 'a NumPy array'
    suffixes = ('.npy',)
    max_bytes = (4096 * 4096 * 8) + (64 << 10)

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(_NPY_MAGIC)

    def decode(self, data: bytes, source: str) -> DecodedImage:
        # Not numpy.load: it allocates what the header asks for before it looks how much is there.
        start, shape, fortran_order, dtype = _npy_header(data, source)
        if len(shape) != 2:
            raise InputError('frame-not-2d', '%s has %d dimensions; a thermogram has rows and columns only.'
                             % (source, len(shape)), 'Save one frame.')
        check_size(shape[1], shape[0], source)
        if dtype.str[1:] not in _NPY_TYPES:
            raise InputError('frame-not-numbers', '%s holds values of type %s.' % (source, dtype.name),
                             'Save degrees Celsius as float32 or counts as uint16.')
        missing = shape[0] * shape[1] * dtype.itemsize - (len(data) - start)
        if missing > 0:
            raise truncated(source)
        if missing < 0:
            raise damaged(source, '%d bytes more than the header says' % -missing)
        values = np.frombuffer(data, dtype, shape[0] * shape[1], start)
        return DecodedImage(values.reshape(shape, order='F' if fortran_order else 'C').astype(dtype.newbyteorder('=')))


def _npy_header(data: bytes, source: str) -> Tuple[int, Tuple[int, ...], bool, np.dtype]:
    """(offset of the values, shape, whether columns come first, type)."""
    stream = io.BytesIO(data[:_NPY_HEAD_BYTES])
    try:
        if _nesting(data[:_NPY_HEAD_BYTES]) > 4:
            raise ValueError('deeply nested header')
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError('version %d.%d' % version)
        # Version 3 differs in the encoding of field names, and a plain array has none.
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
            np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about what Python 2 wrote, which is read all the same
            shape, fortran_order, dtype = read_header(stream)
        if dtype.names or dtype.subdtype or min(shape, default=0) < 0:
            raise ValueError('not a plain array')
    except Exception as error:  # NumPy evaluates the header, and names no errors for what may be wrong with it
        raise damaged(source, repr(error)[:400], 'not a plain array of numbers')
    return stream.tell(), shape, fortran_order, dtype


def _nesting(head: bytes) -> int:
    """Brackets in the header line: the parser of Python 3.6 complains to standard error about many."""
    line = head.partition(b'\n')[0]
    return max(line.count(bracket) for bracket in (b'(', b'[', b'{'))
