"""Frames into a capture file."""
from ..durable import atomic_write, write_new
from ..messages import InputError
from ..thermogram import utc_now
from .header import parse_header
from .layout import HEADER_START, MAX_FRAMES, MAX_HEADER_BYTES, MAX_NOTES, header_bytes, sha256
from .pixels import pack


def write_capture(path, raws, replace=False):
    """Write frames so that the file is there whole or not at all.

    Args:
        path (str): the file.
        raws (iterable of Raw): at least one; all of one size. Times, notes and parameters may differ.
        replace (bool): an old file of that name is replaced.
    Raises:
        InputError: as `pack_capture`.
        StorageError: ``file-exists`` unless `replace`, ``disk-full`` and the like.
    """
    data = pack_capture(raws)
    if replace:
        atomic_write(path, data)
    else:
        write_new(path, data)


def pack_capture(raws):
    """The bytes of a capture file.

    Each frame is made into temperatures once, and the header is parsed: nothing is written that could not be
    read. Frames are packed as they come: an iterator is never held in memory whole.

    Args:
        raws (iterable of Raw)
    Returns:
        bytes
    Raises:
        InputError: ``capture-no-frames``, ``capture-too-many``, ``capture-sizes`` or what is wrong with a frame.
    """
    meanings, entries, blobs, size = [], [], [], None
    for number, raw in enumerate(raws, 1):
        thermogram = raw.thermogram()
        if number > MAX_FRAMES:
            raise _too_many()
        size = size or thermogram.pixels.shape
        if size != thermogram.pixels.shape:
            raise InputError('capture-sizes', 'Frame %d is %dx%d pixels and the first is %dx%d; save frames of one '
                             'size in a file.' % (number, thermogram.width, thermogram.height, size[1], size[0]))
        raw = raw.packed()
        meaning = raw.meaning.to_dict()
        if meaning not in meanings:
            meanings.append(meaning)
        blobs.append(pack(raw.values))
        entries.append(_entry(raw, meanings.index(meaning), blobs[-1]))
    if not entries:
        raise InputError('capture-no-frames', 'There is no frame to save; capture one first.')
    header = {'format': 'thermoscreen capture', 'written_at': utc_now(), 'width': size[1], 'height': size[0],
              'meanings': meanings, 'frames': entries}
    head = header_bytes(header)
    if len(head) > MAX_HEADER_BYTES:
        raise _too_many()
    parse_header(head[HEADER_START:], 'The capture')
    return b''.join([head] + blobs)


def _entry(raw, meaning, blob):
    """What the header says of one frame."""
    provenance = raw.provenance
    return {'meaning': meaning, 'pixels': raw.values.dtype.name, 'bytes': len(blob), 'sha256': sha256(blob).hex(),
            'captured_at': provenance.captured_at, 'source': provenance.source, 'reader': provenance.reader,
            'notes': list(provenance.notes[-MAX_NOTES:])}


def _too_many():
    return InputError('capture-too-many', 'A capture file holds at most %d frames, and less where each has much to '
                      'say; save the recording in parts.' % MAX_FRAMES)
