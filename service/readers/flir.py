"""Files of FLIR cameras: radiometric JPEG, FFF, and the recordings SEQ and CSQ.

All of them hold FLIR's record container, FFF: a header of 64 bytes, a directory of 32 bytes a record, the records. A
radiometric JPEG carries one in its APP1 segments, recordings are made of them. Offsets are those of the tables of
FLIR's tags in [ExifTool]. Read here rather than with a library: none is available for Python 3.6, or they start
ExifTool.
"""
import datetime
import struct
from dataclasses import dataclass
from typing import BinaryIO, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from ..messages import InputError
from ..radiometry import ZERO_K_C, AirConstants, FlirParameters, PlanckConstants
from ..radiometry.object_parameters import with_source
from ..thermogram import check_size
from .base import DecodedImage, Path, PictureReader, Reader, Recording
from .files import damaged, opened, read_bytes, shown_name, truncated
from .jpeg_ls import JPEG_START, decode_jpeg_ls
from .pictures import JPEG_APP1, JPEG_SCAN, NO_COUNTS_STEP, PNG_MAGIC, JpegReader, decode_png, jpeg_segments
from .recordings import CUT_NOTE

_MAGICS = (b'FFF\0', b'AFF\0')
_HEADER_BYTES = 0x40
_ENTRY_BYTES = 32
#: Kinds of record that matter here.
_RAW_DATA, _CAMERA_INFO = 0x01, 0x20
#: Files have 14 places or a few more; most stay empty.
_MAX_ENTRIES = 1024
#: The header's version; the byte order in which it reads so is that of header and directory.
_VERSIONS = range(100, 200)

#: FLIR's APP1 segments: a mark, a byte 1, the number of this chunk and that of the last one.
_CHUNK_MARK = b'FLIR\0'
_CHUNK_HEAD_BYTES = 8

#: Offsets in the camera record. The time is in seconds since 1970 in UTC, milliseconds, minutes west of Greenwich; both
#: real files of the tests agree with the local time of their Exif.
_OBJECT, _HUMIDITY, _PLANCK, _AIR, _MODEL, _OFFSET_AND_R2, _TIME = 0x20, 0x3C, 0x58, 0x70, 0xD4, 0x308, 0x384
_MODEL_BYTES = 32
#: A relative humidity above this is a percentage; cameras store a share, and a few of them percent.
_LARGEST_SHARE = 2.0
#: Digital cameras with thermal detectors are not older.
_FIRST_YEAR, _LAST_YEAR = 1995, 2100

_RAW_HEAD_BYTES = 32
#: One frame is smaller than this.
_MAX_FRAME_BYTES = 64 << 20
#: More than two hours at 9 frames a second; bounds the walk through a file that lies.
_MAX_FRAMES = 100000
#: Padding between two containers; none is known to be longer.
_MAX_GAP = 4096


class FlirJpegReader(PictureReader):
    """A JPEG picture in the colours of a palette, with the raw counts and their parameters beside it."""

    name = 'flir-jpeg'
    label = 'a FLIR radiometric JPEG'
    suffixes = JpegReader.suffixes
    max_bytes = JpegReader.max_bytes

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(b'\xff\xd8\xff') and _holds_flir(read_bytes(path, self.max_bytes))

    def decode(self, data: bytes, source: str) -> DecodedImage:
        return _decode_container(_join_chunks(data, source), source)


class FffReader(Reader):
    """FFF, SEQ and CSQ, of one frame or many."""

    name = 'fff'
    label = 'a FLIR recording'
    suffixes = ('.fff', '.seq', '.csq')

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(_MAGICS)

    def open(self, path: Path) -> Recording:
        return _FlirRecording(path)


class _FlirRecording(Recording):
    """Containers one after another, read one at a time however long the file is.

    Raises:
        InputError: ``file-truncated`` or ``file-damaged`` where not even the first frame is whole.
    """

    def __init__(self, path: Path) -> None:
        self._path, source = path, shown_name(path)
        #: (first byte, byte after the last) of every whole frame.
        self._spans: List[Tuple[int, int]] = []
        with opened(path) as stream:
            size, start = stream.seek(0, 2), 0  # type: Tuple[int, Optional[int]]
            while start is not None and len(self._spans) < _MAX_FRAMES:
                try:
                    self._spans.append((start, _container_end(stream, start, size, source)))
                except InputError:
                    if not self._spans:
                        raise
                    break
                start = _next_container(stream, self._spans[-1][1])
        # A camera whose battery died leaves half a frame.
        if start is not None or size - self._spans[-1][1] > _MAX_GAP:
            self.notes = (CUT_NOTE,)

    def __len__(self) -> int:
        return len(self._spans)

    def read(self, number: int) -> DecodedImage:
        source, (start, end) = shown_name(self._path), self._spans[number - 1]
        if end - start > _MAX_FRAME_BYTES:
            raise _damaged(source, 'a frame of %d bytes' % (end - start))
        with opened(self._path) as stream:
            data = _bytes_at(stream, start, end - start)
        return _decode_container(data, source)


def _container_end(stream: BinaryIO, start: int, size: int, source: str) -> int:
    """Where the last record of a frame ends."""
    directory = _Directory.of(_bytes_at(stream, start, _HEADER_BYTES), source)
    entries = _bytes_at(stream, start + directory.offset, _ENTRY_BYTES * directory.entries)
    if len(entries) < _ENTRY_BYTES * directory.entries:
        raise truncated(source)
    end = start + max([directory.end] + [offset + length for _, offset, length in directory.records(entries)])
    if end > size:
        raise truncated(source)
    return end


def _next_container(stream: BinaryIO, end: int) -> Optional[int]:
    """Where the next container starts, behind padding; None at the end of the recording."""
    gap = _bytes_at(stream, end, _MAX_GAP)
    starts = [start for start in (gap.find(magic) for magic in _MAGICS) if start >= 0]
    return end + min(starts) if starts else None


def _bytes_at(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    return stream.read(length)


def _holds_flir(data: bytes) -> bool:
    """Whether a JPEG has FLIR's data before its picture."""
    try:
        for marker, body in jpeg_segments(data, ''):
            if marker == JPEG_SCAN:
                return False
            if _is_chunk(marker, body):
                return True
    except InputError:
        pass
    return False


def _join_chunks(data: bytes, source: str) -> bytes:
    """The container of a JPEG, which is cut into segments of at most 64 KiB.

    Chunks are put in the order of their numbers. Some software leaves all numbers zero; those follow each other.

    Raises:
        InputError: ``file-truncated`` or ``file-damaged``, also where a chunk is missing.
    """
    chunks = [body for marker, body in jpeg_segments(data, source) if _is_chunk(marker, body)]
    if any(len(body) < _CHUNK_HEAD_BYTES for body in chunks):
        raise _damaged(source, 'chunk')
    numbers = [(body[6], body[7]) for body in chunks]
    if any(pair != (0, 0) for pair in numbers):
        if sorted(numbers) != [(number, len(chunks) - 1) for number in range(len(chunks))]:
            raise _damaged(source, 'chunks %r' % numbers[:20])
        chunks = [body for _, body in sorted(zip(numbers, chunks))]
    return b''.join(body[_CHUNK_HEAD_BYTES:] for body in chunks)


def _is_chunk(marker: int, body: bytes) -> bool:
    return marker == JPEG_APP1 and body.startswith(_CHUNK_MARK)


@dataclass(frozen=True)
class _Directory:
    """Where the records of one container are.

    Attributes:
        order: byte order of header and directory, for `struct`.
        offset: of the directory, bytes from the header's first.
        entries: places in it.
    """

    order: str
    offset: int
    entries: int

    @classmethod
    def of(cls, header: bytes, source: str) -> '_Directory':
        """Read a header, of which at least the first 64 bytes are given.

        Raises:
            InputError: ``file-truncated`` or ``file-damaged``.
        """
        if len(header) < _HEADER_BYTES:
            raise truncated(source)
        if header[:4] in _MAGICS:
            for order in '><':
                version, offset, entries = struct.unpack_from(order + 'III', header, 0x14)
                if version in _VERSIONS and offset >= _HEADER_BYTES and 0 < entries <= _MAX_ENTRIES:
                    return cls(order, offset, entries)
        raise _damaged(source, 'header')

    @property
    def end(self) -> int:
        """The first byte after the directory."""
        return self.offset + _ENTRY_BYTES * self.entries

    def records(self, data: bytes, at: int = 0) -> Iterator[Tuple[int, int, int]]:
        """(kind, offset, length) of every record, from a directory that starts `at` some byte of `data`."""
        for entry in range(at, at + _ENTRY_BYTES * self.entries, _ENTRY_BYTES):
            kind, offset, length = struct.unpack_from(self.order + 'H10xII', data, entry)
            if kind and length:
                yield kind, offset, length


def _record(data: bytes, wanted: int, source: str) -> Optional[bytes]:
    """The first record of a kind in a container, or None.

    Raises:
        InputError: ``file-truncated`` or ``file-damaged``.
    """
    directory = _Directory.of(data, source)
    if directory.end > len(data):
        raise truncated(source)
    for kind, offset, length in directory.records(data, directory.offset):
        if kind == wanted:
            if offset + length > len(data):
                raise truncated(source)
            return data[offset:offset + length]
    return None


def _record_order(body: bytes, source: str) -> str:
    """Byte order of a record for `struct`: each begins with the number 2 in its own."""
    order = {b'\x02\x00': '<', b'\x00\x02': '>'}.get(body[:2])
    if order is None:
        raise _damaged(source, 'byte order of a record')
    return order


def _decode_container(data: bytes, source: str) -> DecodedImage:
    """The counts of a container, with the parameters that make them temperatures."""
    raw, notes = _raw_counts(data, source)
    info = _camera_info(data, source)
    if any(letter.isalnum() for letter in info.model):  # some software puts a star there
        notes += ('taken with a %s' % info.model,)
    return DecodedImage(raw, notes, info.captured_at, info.parameters)


class _CameraInfo(NamedTuple):
    """What a camera states: its calibration and object parameters, the time (UTC ISO-8601 or empty), its model."""

    parameters: FlirParameters
    captured_at: str
    model: str


def _camera_info(data: bytes, source: str) -> _CameraInfo:
    """The camera record of a container.

    Raises:
        InputError: ``flir-no-calibration``, ``radiometry-constant`` for a calibration out of bounds,
            ``file-truncated`` or ``file-damaged``.
    """
    body = _record(data, _CAMERA_INFO, source)
    if body is None:
        raise InputError('flir-no-calibration', "%s holds raw counts without the camera's calibration, so they are no "
                         'temperatures.' % source, 'Export it as CSV from the camera software.')
    order = _record_order(body, source)
    if len(body) < _OFFSET_AND_R2 + 8:
        raise _damaged(source, 'camera record of %d bytes' % len(body))
    emissivity, distance, reflected, air, window, transmission = struct.unpack_from(order + '6f', body, _OBJECT)
    humidity, = struct.unpack_from(order + 'f', body, _HUMIDITY)
    r1, b, f = struct.unpack_from(order + '3f', body, _PLANCK)
    o, r2 = struct.unpack_from(order + 'if', body, _OFFSET_AND_R2)
    try:
        parameters = FlirParameters.of_header(
            PlanckConstants(r1, b, f, float(o), r2),
            {'emissivity': emissivity, 'reflected_c': reflected + ZERO_K_C, 'air_c': air + ZERO_K_C,
             'humidity_percent': humidity if humidity > _LARGEST_SHARE else 100 * humidity, 'distance_m': distance,
             'window_c': window + ZERO_K_C, 'window_transmission': transmission},
            AirConstants(*struct.unpack_from(order + '5f', body, _AIR)))
    except InputError as error:
        raise with_source(error, source)
    model = body[_MODEL:_MODEL + _MODEL_BYTES].partition(b'\0')[0].decode('ascii', 'replace')
    model = ''.join(letter for letter in model if letter.isprintable()).strip()
    return _CameraInfo(parameters, _captured_at(body, order), model)


def _captured_at(body: bytes, order: str) -> str:
    if len(body) < _TIME + 8:
        return ''
    seconds, milliseconds = struct.unpack_from(order + 'II', body, _TIME)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(0, seconds, 0, milliseconds & 0xFFFF)
    return moment.isoformat(timespec='milliseconds') + 'Z' if _FIRST_YEAR <= moment.year < _LAST_YEAR else ''


def _raw_counts(data: bytes, source: str) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """The counts of a container, plain, as PNG or as JPEG-LS: (uint16 HxW in the byte order of the machine, notes).

    Raises:
        InputError: ``flir-no-raw``, ``format-unsupported``, ``file-truncated``, ``file-damaged``,
            ``frame-too-small`` or ``frame-too-large``.
    """
    body = _record(data, _RAW_DATA, source)
    if body is None:
        raise InputError('flir-no-raw', '%s holds no raw counts, only a picture of them.' % source, NO_COUNTS_STEP)
    if len(body) < _RAW_HEAD_BYTES:
        raise _damaged(source, 'raw data')
    order = _record_order(body, source)
    width, height = struct.unpack_from(order + 'HH', body, 2)
    check_size(width, height, source)
    pixels = body[_RAW_HEAD_BYTES:]
    notes: Tuple[str, ...] = ()
    if pixels.startswith(PNG_MAGIC):
        counts, notes = _in_machine_order(decode_png(pixels, source), source)
    elif pixels.startswith(JPEG_START):
        counts = decode_jpeg_ls(pixels, source)
    elif len(pixels) < 2 * width * height:
        raise _damaged(source, 'raw data of %d bytes' % len(pixels))
    else:
        counts = np.frombuffer(pixels, order + 'u2', width * height).reshape(height, width).astype(np.uint16)
    if counts.shape != (height, width):
        raise _damaged(source, 'size of the raw picture')
    return counts, notes


def _in_machine_order(image: np.ndarray, source: str) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """(counts, notes) of the values of a PNG, which FLIR writes low byte first where PNG wants the high one.

    Not all software does. In the wrong order neighbours differ by hundreds of counts where they differed by a few, so
    the order in which they differ less is the right one; it is noted where that is not FLIR's.
    """
    if image.dtype != np.uint16:
        raise _damaged(source, 'raw picture of %s' % image.dtype)
    swapped = image.byteswap()
    if _roughness(image) < _roughness(swapped):
        return image, ('the raw counts were stored high byte first',)
    return swapped, ()


def _roughness(counts: np.ndarray) -> int:
    """Sum of the differences between neighbours in a row."""
    return int(np.abs(np.diff(counts.astype(np.int32), axis=1)).sum(dtype=np.int64))


def _damaged(source: str, detail: str) -> InputError:
    return damaged(source, detail, 'damaged: its FLIR data contradict themselves')
