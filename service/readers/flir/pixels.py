"""The raw counts of a FLIR frame: plain, or as a PNG whose bytes mostly stand the wrong way round."""
import struct

import numpy as np

from ...messages import InputError
from ...thermogram import check_size
from ..png import MAGIC, decode_png
from .fff import RAW_DATA, damaged, record, record_order

_HEAD_BYTES = 32
#: A JPEG-LS stream starts so: start of image, then its frame header.
_JPEG_LS = b'\xff\xd8\xff\xf7'


def raw_counts(data, source):
    """The counts of a frame.

    Args:
        data (bytes): an FFF container.
        source (str): the file's name for sentences.
    Returns:
        tuple: (uint16 HxW in the machine's byte order, tuple of notes).
    Raises:
        InputError: ``flir-no-raw``, ``format-unsupported``, ``file-truncated``, ``file-damaged``,
            ``frame-too-small`` or ``frame-too-large``.
    """
    body = record(data, RAW_DATA, source)
    if body is None:
        if _JPEG_LS in data:
            raise _packed(source)
        raise InputError('flir-no-raw', '%s holds no raw counts, only a picture of them; save it as a radiometric '
                         'picture from the camera or its software.' % source)
    if len(body) < _HEAD_BYTES:
        raise damaged(source, 'raw data')
    order = record_order(body, source)
    width, height = struct.unpack_from(order + 'HH', body, 2)
    check_size(width, height, source)
    pixels, notes = body[_HEAD_BYTES:], ()
    if pixels.startswith(MAGIC):
        counts, notes = _turned(decode_png(pixels, source), source)
    elif _JPEG_LS in pixels[:64]:
        raise _packed(source)
    elif len(pixels) < 2 * width * height:
        raise damaged(source, 'raw data of %d bytes' % len(pixels))
    else:
        counts = np.frombuffer(pixels, order + 'u2', width * height).reshape(height, width).astype(np.uint16)
    if counts.shape != (height, width):
        raise damaged(source, 'size of the raw picture')
    return counts, notes


def _turned(image, source):
    """(counts, notes) of a PNG's values, which FLIR writes low byte first where PNG wants the high one.

    Not all software does. Turned the wrong way, neighbours differ by hundreds of counts where they differed by
    a few, so the way round in which they differ less is the right one; it is noted where that is not FLIR's.
    """
    if image.dtype != np.uint16:
        raise damaged(source, 'raw picture of %s' % image.dtype)
    swapped = image.byteswap()
    if _roughness(image) < _roughness(swapped):
        return image, ('the raw counts were stored high byte first',)
    return swapped, ()


def _roughness(counts):
    """Sum of the differences between neighbours in a row."""
    return int(np.abs(np.diff(counts.astype(np.int32), axis=1)).sum(dtype=np.int64))


def _packed(source):
    return InputError('format-unsupported', '%s holds raw counts packed as JPEG-LS, which this program cannot unpack; '
                      'export the frame from the camera software as CSV or as a radiometric JPEG.' % source)
