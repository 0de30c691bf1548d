"""Recordings (SEQ, CSQ): FFF containers one after another, read one at a time however long the file is."""
from ...errors import InputError
from ..files import opened, shown_name
from ..picture import cut_off
from .fff import ENTRY_BYTES, HEADER_BYTES, MAGICS, Directory, damaged

#: More than two hours at 9 frames a second; bounds the walk through a file that lies.
_MAX_FRAMES = 100000
#: Padding between two containers; none is known to be longer.
_MAX_GAP = 4096


def count_frames(path):
    """How many whole frames a recording has; a last one that was cut off does not count.

    Raises:
        InputError: ``file-truncated`` or ``file-damaged`` where not even the first is whole.
    """
    return sum(1 for _ in _spans(path))


def read_frame(path, number, max_bytes):
    """The container of one frame.

    Args:
        path (str): the file.
        number (int): counted from 1.
        max_bytes (int): a larger frame is none.
    Returns:
        bytes or None: where the recording has no such frame.
    Raises:
        InputError: as `count_frames`.
    """
    for found, (start, end) in enumerate(_spans(path), 1):
        if found == number:
            if end - start > max_bytes:
                raise damaged(shown_name(path), 'a frame of %d bytes' % (end - start))
            with opened(path) as stream:
                stream.seek(start)
                return stream.read(end - start)
    return None


def _spans(path):
    """(first byte, byte after the last) of every whole frame."""
    source = shown_name(path)
    with opened(path) as stream:
        size, start = stream.seek(0, 2), 0
        for number in range(_MAX_FRAMES):
            end = _end(stream, start, size, source) if number == 0 else _end_or_none(stream, start, size, source)
            if end is None:
                return
            yield start, end
            start = _next_start(stream, end)
            if start is None:
                return


def _end_or_none(stream, start, size, source):
    try:
        return _end(stream, start, size, source)
    except InputError:
        return None


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
