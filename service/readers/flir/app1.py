"""FLIR's data inside a JPEG: cut into APP1 segments, because a segment holds 64 KiB."""
from ...messages import InputError
from ..jpeg import SCAN, segments
from .fff import damaged

_APP1 = 0xE1
_MARK = b'FLIR\0'
#: The mark, a byte 1, this chunk's number and the last chunk's.
_HEAD_BYTES = 8


def holds_flir(data):
    """Whether a JPEG file has FLIR's data before its picture."""
    try:
        for marker, body in segments(data, ''):
            if marker == SCAN:
                return False
            if _is_chunk(marker, body):
                return True
    except InputError:
        pass
    return False


def join_chunks(data, source):
    """FLIR's data of a JPEG that runs to its end marker.

    Chunks are put in the order of their numbers. Some software leaves all numbers zero; those follow each other.

    Args:
        data (bytes): the file.
        source (str): its name for sentences.
    Returns:
        bytes: an FFF container.
    Raises:
        InputError: ``file-truncated`` or ``file-damaged``, also where a chunk is missing.
    """
    chunks = [body for marker, body in segments(data, source) if _is_chunk(marker, body)]
    if any(len(body) < _HEAD_BYTES for body in chunks):
        raise damaged(source, 'chunk')
    numbers = [(body[6], body[7]) for body in chunks]
    if any(pair != (0, 0) for pair in numbers):
        if sorted(numbers) != [(number, len(chunks) - 1) for number in range(len(chunks))]:
            raise damaged(source, 'chunks %r' % numbers[:20])
        chunks = [body for _, body in sorted(zip(numbers, chunks))]
    return b''.join(body[_HEAD_BYTES:] for body in chunks)


def _is_chunk(marker, body):
    return marker == _APP1 and body.startswith(_MARK)
