"""The capture file: frames as the camera measured them, and everything that makes them temperatures.

Lossless, with a checksum over every byte; docs/capture-file.md describes each of them. Nothing in it is executed or
unpickled, and what it says of itself is believed only as far as its checksums go.
"""
import hashlib
import json
import os
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from .messages import InputError
from .radiometry import Meaning, Raw, meaning_from_dict
from .radiometry.object_parameters import with_source
from .thermogram import check_size, utc_now

SUFFIX = '.tscap'
#: As that of PNG: not text, and damaged by whatever rewrites line ends.
MAGIC = b'\x89TSC\r\n\x1a\n'
VERSION = 1
#: Magic, version and length of the header, then the SHA-256 of those and of the header.
FIXED = struct.Struct('<8sII')
_HASH_BYTES = 32
HEADER_START = FIXED.size + _HASH_BYTES
#: A header of `MAX_FRAMES` frames is shorter.
MAX_HEADER_BYTES = 8 << 20
#: Half an hour at 9 frames a second.
MAX_FRAMES = 16384
#: Of one frame, the last ones.
MAX_NOTES = 64
#: Longest text of one field, in characters; a note is a sentence.
_MAX_TEXT = 1000
_TIME = re.compile(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?', re.ASCII)

#: Types of values by their name in the header.
PIXELS = {'uint8': '|u1', 'uint16': '<u2', 'float32': '<f4'}
#: Whole numbers of each size, whose differences wrap around and back again.
_WORDS = {1: '|u1', 2: '<u2', 4: '<u4'}
#: Higher levels cost the processor of a Nano several times as much for a few percent.
_LEVEL = 4
#: What zlib adds at most to data that it cannot shorten.
_SLACK_BYTES = 1024


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """One frame of a capture file.

    Attributes:
        values: uint8, uint16 or float32 HxW, as they were measured.
        meaning: what makes them temperatures.
        captured_at: UTC ISO-8601, or empty.
        source: the file or camera that they came from.
        reader: the reader or driver that gave them.
        notes: what was decided on the way.
    """

    values: np.ndarray
    meaning: Meaning
    captured_at: str
    source: str
    reader: str
    notes: Tuple[str, ...]


class CaptureFile:
    """A capture file whose header was checked; frames are checked when they are read.

    Args:
        stream: open for reading bytes. Never more than the header is in memory.
        source: its name for sentences.
    Raises:
        InputError: ``file-truncated``, ``file-damaged``, ``capture-version``, ``frame-too-small`` or
            ``frame-too-large``.
    """

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._source = source
        size = stream.seek(0, os.SEEK_END)
        text = _header_text(stream, source)
        header = parse_header(text, source)
        self._meanings: List[Meaning] = header['meanings']
        self._entries: List[Dict[str, Any]] = header['frames']
        self._starts: List[int] = []
        end = HEADER_START + len(text)
        for entry in self._entries:
            self._starts.append(end)
            end += entry['bytes']
        if size < end:
            raise _truncated(source)
        if size > end:
            raise damaged_capture(source, '%d bytes too many' % (size - end))
        #: Of every frame, in pixels.
        self.width: int = header['width']
        self.height: int = header['height']

    def __len__(self) -> int:
        return len(self._entries)

    def frame(self, stream: BinaryIO, number: int) -> StoredFrame:
        """One frame.

        Args:
            stream: the same file, open for reading bytes.
            number: counted from 1.
        Raises:
            InputError: ``file-damaged``: its bytes are not those that were written.
        """
        entry = self._entries[number - 1]
        stream.seek(self._starts[number - 1])
        data = stream.read(entry['bytes'])
        if sha256(data).hex() != entry['sha256']:
            raise damaged_capture(self._source, 'frame %d is not what was written' % number)
        try:
            values = unpack(data, entry['pixels'], self.width, self.height)
        except ValueError as error:
            raise damaged_capture(self._source, 'frame %d: %s' % (number, error))
        return StoredFrame(values, self._meanings[entry['meaning']], entry['captured_at'], entry['source'],
                           entry['reader'], tuple(entry['notes']))


def pack_capture(raws: Iterable[Raw]) -> bytes:
    """The bytes of a capture file.

    Each frame is made into temperatures once, and the header is parsed: nothing is written that could not be read.
    Frames are packed as they come: an iterator is never held in memory whole.

    Args:
        raws: at least one; all of one size. Times, notes and parameters may differ.
    Raises:
        InputError: ``capture-no-frames``, ``capture-too-many``, ``capture-sizes`` or what is wrong with a frame.
    """
    meanings: List[Dict[str, Any]] = []
    entries: List[Dict[str, Any]] = []
    blobs: List[bytes] = []
    size: Optional[Tuple[int, ...]] = None
    for number, raw in enumerate(raws, 1):
        thermogram = raw.thermogram()
        if number > MAX_FRAMES:
            raise _too_many()
        size = size or thermogram.pixels.shape
        if size != thermogram.pixels.shape:
            raise InputError('capture-sizes', 'Frame %d is %dx%d pixels and the first is %dx%d.'
                             % (number, thermogram.width, thermogram.height, size[1], size[0]),
                             'Save frames of one size in a file.')
        raw = raw.packed()
        meaning = raw.meaning.to_dict()
        if meaning not in meanings:
            meanings.append(meaning)
        blobs.append(pack(raw.values))
        provenance = raw.provenance
        entries.append({
            'meaning': meanings.index(meaning), 'pixels': raw.values.dtype.name, 'bytes': len(blobs[-1]),
            'sha256': sha256(blobs[-1]).hex(), 'captured_at': provenance.captured_at, 'source': provenance.source,
            'reader': provenance.reader, 'notes': list(provenance.notes[-MAX_NOTES:])})
    if size is None:
        raise InputError('capture-no-frames', 'There is no frame to save.', 'Capture one first.')
    head = header_bytes({'format': 'thermoscreen capture', 'written_at': utc_now(), 'width': size[1], 'height': size[0],
                         'meanings': meanings, 'frames': entries})
    if len(head) > MAX_HEADER_BYTES:
        raise _too_many()
    parse_header(head[HEADER_START:], 'The capture')
    return b''.join([head] + blobs)


def pack(values: np.ndarray) -> bytes:
    """The bytes of a frame.

    Neighbours in a row of a thermogram differ little, and the high bytes of the differences hardly at all: differences
    first, then all low bytes together, then zlib.

    Args:
        values: uint8, uint16 or float32 HxW.
    """
    words = np.ascontiguousarray(values, PIXELS[values.dtype.name]).view(_WORDS[values.itemsize])
    differences = words.copy()
    differences[:, 1:] -= words[:, :-1]
    planes = differences.view(np.uint8).reshape(-1, values.itemsize).T
    return zlib.compress(np.ascontiguousarray(planes).tobytes(), _LEVEL)


def most_bytes(pixels: str, width: int, height: int) -> int:
    """No packed frame of that kind and size is longer."""
    size = width * height * np.dtype(PIXELS[pixels]).itemsize
    return size + size // 512 + _SLACK_BYTES


def unpack(data: bytes, pixels: str, width: int, height: int) -> np.ndarray:
    """The values of a packed frame; never more memory than they take.

    Args:
        data: as `pack` gave them.
        pixels: key of `PIXELS`.
        width: of the frame.
        height: of the frame.
    Returns:
        HxW, in the byte order of the machine.
    Raises:
        ValueError: not what a frame of that kind and size is packed into.
    """
    dtype = np.dtype(PIXELS[pixels])
    size = width * height * dtype.itemsize
    packed = zlib.decompressobj()
    try:
        plain = packed.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error))
    if len(plain) != size or not packed.eof or packed.unused_data:
        raise ValueError('%d bytes of %d' % (len(plain), size))
    planes = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, -1).T
    words = np.ascontiguousarray(planes).view(_WORDS[dtype.itemsize]).reshape(height, width)
    values = np.cumsum(words, axis=1, dtype=words.dtype).view(dtype)
    return values.astype(dtype.newbyteorder('='))


def header_bytes(document: Dict[str, Any]) -> bytes:
    """A header as it stands in the file, with everything before it."""
    text = json.dumps(document, allow_nan=False, sort_keys=True, separators=(',', ':')).encode('ascii')
    fixed = FIXED.pack(MAGIC, VERSION, len(text))
    return fixed + sha256(fixed + text) + text


def sha256(data: bytes) -> bytes:
    """The 32 bytes of the hash."""
    return hashlib.sha256(data).digest()


def _header_text(stream: BinaryIO, source: str) -> bytes:
    """The JSON of a header whose checksum is right."""
    stream.seek(0)
    fixed = stream.read(HEADER_START)
    if len(fixed) < HEADER_START:
        raise _truncated(source)
    magic, version, length = FIXED.unpack_from(fixed)
    if magic != MAGIC:
        raise damaged_capture(source, 'magic')
    if version != VERSION:
        raise InputError('capture-version', '%s is a capture file of version %d and this program reads version %d.'
                         % (source, version, VERSION), 'Update the program.')
    if length > MAX_HEADER_BYTES:
        raise damaged_capture(source, 'a header of %d bytes' % length)
    text = stream.read(length)
    if len(text) < length:
        raise _truncated(source)
    if sha256(fixed[:FIXED.size] + text) != fixed[FIXED.size:]:
        raise damaged_capture(source, 'the header is not what was written')
    return text


def parse_header(text: bytes, source: str) -> Dict[str, Any]:
    """Check a header: it is what this program writes, and nothing else.

    Args:
        text: JSON.
        source: the file's name for sentences.
    Returns:
        As in the file, with each of ``meanings`` a `Meaning`.
    Raises:
        InputError: ``file-damaged``, ``frame-too-small``, ``frame-too-large`` or a ``radiometry-`` code.
    """
    try:
        header = json.loads(text.decode('ascii'))
    except (ValueError, RecursionError) as error:
        raise damaged_capture(source, str(error))
    _expect(header, {'format': _is_text, 'written_at': _is_time, 'width': _is_count, 'height': _is_count,
                     'meanings': _is_list, 'frames': _is_list}, source, 'header')
    check_size(header['width'], header['height'], source)
    if not 1 <= len(header['frames']) <= MAX_FRAMES or len(header['meanings']) > len(header['frames']):
        raise damaged_capture(source, '%d frames' % len(header['frames']))
    try:
        header['meanings'] = [meaning_from_dict(document) for document in header['meanings']]
    except InputError as error:
        raise with_source(error, source)
    for number, entry in enumerate(header['frames'], 1):
        what = 'frame %d' % number
        _expect(entry, {'meaning': _is_count, 'pixels': _is_text, 'bytes': _is_count, 'sha256': _is_text,
                        'captured_at': _is_time, 'source': _is_text, 'reader': _is_text, 'notes': _are_notes},
                source, what)
        if not entry['meaning'] < len(header['meanings']) or not _fits(entry, header):
            raise damaged_capture(source, what)
    return header


def _fits(entry: Dict[str, Any], header: Dict[str, Any]) -> bool:
    """Whether the values of a frame are of a type that its meaning has, and no longer than they can be."""
    return entry['pixels'] in header['meanings'][entry['meaning']].value_types and \
        0 < entry['bytes'] <= most_bytes(entry['pixels'], header['width'], header['height'])


def _expect(document: Any, keys: Dict[str, Callable[[Any], bool]], source: str, what: str) -> None:
    if not isinstance(document, dict) or set(document) != set(keys):
        raise damaged_capture(source, '%s: keys' % what)
    for key, accepts in keys.items():
        if not accepts(document[key]):
            raise damaged_capture(source, '%s: %s' % (what, key))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT and (value.isprintable() or not value)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2 ** 31


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _are_notes(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_NOTES and all(_is_text(note) for note in value)


def damaged_capture(source: str, detail: str) -> InputError:
    """The error for a file that is not what was written."""
    return InputError('file-damaged', '%s is damaged or was changed.' % source, 'Copy it again from its source.',
                      detail)


def _truncated(source: str) -> InputError:
    return InputError('file-truncated', '%s is cut off.' % source, 'Copy it again from its source.')


def _too_many() -> InputError:
    return InputError('capture-too-many', 'A capture file holds at most %d frames, and fewer where each has many '
                      'notes.' % MAX_FRAMES, 'Save the recording in parts.')
