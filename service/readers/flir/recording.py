"""Recordings (SEQ, CSQ): FFF containers one after another, read one at a time however long the file is."""
from dataclasses import dataclass

from ...messages import InputError
from ..files import opened, shown_name
from ..picture import CUT_NOTE, cut_off
from .fff import ENTRY_BYTES, HEADER_BYTES, MAGICS, Directory, damaged

#: More than two hours at 9 frames a second; bounds the walk through a file that lies.
_MAX_FRAMES = 100000
#: Padding between two containers; none is known to be longer.
_MAX_GAP = 4096


@dataclass(frozen=True)
class Recording:
    """Where the frames of a file are.

    Attributes:
        spans (tuple): (first byte, byte after the last) of every whole frame; at least one.
        whole (bool): nothing but padding follows them. A camera whose battery died leaves half a frame.
    """

    spans: tuple
    whole: bool

    def __len__(self):
        return len(self.spans)

    @property
    def notes(self):
        """What is wrong beside the frames, in words."""
        return () if self.whole else (CUT_NOTE,)

    @classmethod
    def of(cls, path):
        """Walk through a file from header to header.

        Raises:
            InputError: ``file-truncated`` or ``file-damaged`` where not even the first frame is whole.
        """
        source = shown_name(path)
        with opened(path) as stream:
            size, spans, start = stream.seek(0, 2), [], 0
            while start is not None and len(spans) < _MAX_FRAMES:
                try:
                    spans.append((start, _end(stream, start, size, source)))
                except InputError:
                    if not spans:
                        raise
                    break
                start = _next_start(stream, spans[-1][1])
            return cls(tuple(spans), start is None and size - spans[-1][1] <= _MAX_GAP)


def read_span(path, span, max_bytes):
    """The container of one frame: bytes.

    Raises:
        InputError: ``file-damaged`` where it is larger than `max_bytes`.
    """
    start, end = span
    if end - start > max_bytes:
        raise damaged(shown_name(path), 'a frame of %d bytes' % (end - start))
    with opened(path) as stream:
        stream.seek(start)
        return stream.read(end - start)


def _end(stream, start, size, source):
    """Where the last record of a frame ends."""
    directory = Directory.of(_at(stream, start, HEADER_BYTES), source)
    entries = _at(stream, start + directory.offset, ENTRY_BYTES * directory.entries)
    if len(entries) < ENTRY_BYTES * directory.entries:
        raise cut_off(source)
    end = start + max([directory.end] + [offset + length for _, offset, length in directory.spans(entries)])
    if end > size:
        raise cut_off(source)
    return end


def _next_start(stream, end):
    """Where the next container starts, behind padding; None at the end of the recording."""
    gap = _at(stream, end, _MAX_GAP)
    starts = [start for start in (gap.find(magic) for magic in MAGICS) if start >= 0]
    return end + min(starts) if starts else None


def _at(stream, offset, length):
    stream.seek(offset)
    return stream.read(length)
