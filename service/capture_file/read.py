"""Frames out of a capture file. What it says of itself is believed only as far as its checksums go."""
import os
from dataclasses import dataclass

import numpy as np

from ..messages import InputError
from .header import damaged, parse_header
from .layout import FIXED, HASH_BYTES, HEADER_START, MAGIC, MAX_HEADER_BYTES, VERSION, sha256
from .pixels import unpack


@dataclass(frozen=True)
class StoredFrame:
    """One frame of a capture file.

    Attributes:
        values (numpy.ndarray): uint8, uint16 or float32 HxW, as they were measured.
        meaning (FlirParameters, Temperatures or GreyLevels): what makes them temperatures.
        captured_at (str): UTC ISO-8601, or ``''``.
        source, reader (str): where they came from.
        notes (tuple of str): what was decided on the way.
    """

    values: np.ndarray
    meaning: object
    captured_at: str
    source: str
    reader: str
    notes: tuple


class CaptureFile:
    """A capture file whose header was checked; frames are checked when they are read.

    Attributes:
        width, height (int): of every frame, in pixels.
        written_at (str): UTC ISO-8601.
        notes (tuple of str): none; frames have their own.
    """

    notes = ()

    def __init__(self, source, header, start):
        self._source = source
        self._meanings, self._entries, offset = header['meanings'], header['frames'], start
        self._starts = []
        for entry in self._entries:
            self._starts.append(offset)
            offset += entry['bytes']
        self.width, self.height = header['width'], header['height']
        self.written_at = header['written_at']

    def __len__(self):
        return len(self._entries)

    def frame(self, stream, number):
        """One frame.

        Args:
            stream (file): the same file, open for reading bytes.
            number (int): counted from 1.
        Returns:
            StoredFrame
        Raises:
            InputError: ``file-damaged``: its bytes are not those that were written.
        """
        entry = self._entries[number - 1]
        stream.seek(self._starts[number - 1])
        data = stream.read(entry['bytes'])
        if sha256(data).hex() != entry['sha256']:
            raise damaged(self._source, 'frame %d is not what was written' % number)
        try:
            values = unpack(data, entry['pixels'], self.width, self.height)
        except ValueError as error:
            raise damaged(self._source, 'frame %d: %s' % (number, error))
        return StoredFrame(values, self._meanings[entry['meaning']], entry['captured_at'], entry['source'],
                           entry['reader'], tuple(entry['notes']))


def open_capture(stream, source):
    """Check a capture file as far as its header.

    Args:
        stream (file): open for reading bytes.
        source (str): its name for sentences.
    Returns:
        CaptureFile
    Raises:
        InputError: ``file-truncated``, ``file-damaged``, ``capture-version``, ``frame-too-small`` or
            ``frame-too-large``. Never more than the header is in memory.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    fixed = stream.read(HEADER_START)
    if len(fixed) < HEADER_START:
        raise _truncated(source)
    magic, version, length = FIXED.unpack_from(fixed)
    if magic != MAGIC:
        raise damaged(source, 'magic')
    if version != VERSION:
        raise InputError('capture-version', '%s is a capture file of version %d and this program reads version %d; '
                         'update it.' % (source, version, VERSION))
    if length > MAX_HEADER_BYTES:
        raise damaged(source, 'a header of %d bytes' % length)
    text = stream.read(length)
    if len(text) < length:
        raise _truncated(source)
    if sha256(fixed[:FIXED.size] + text) != fixed[FIXED.size:FIXED.size + HASH_BYTES]:
        raise damaged(source, 'the header is not what was written')
    header = parse_header(text, source)
    expected = HEADER_START + length + sum(entry['bytes'] for entry in header['frames'])
    if size < expected:
        raise _truncated(source)
    if size > expected:
        raise damaged(source, '%d bytes too many' % (size - expected))
    return CaptureFile(source, header, HEADER_START + length)


def _truncated(source):
    return InputError('file-truncated', '%s is cut off; copy it again from its source.' % source)
