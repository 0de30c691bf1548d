"""JPEG: a picture without temperatures, and only if it is grey. Radiometric JPEGs are read in `flir`."""
import re
import struct

import cv2

from ..messages import InputError
from ..thermogram import check_size
from .base import IN_GREY, Decoded, Reader
from .picture import colour_error, cut_off, decode_picture, grey_of

_START, _END, SCAN = 0xD8, 0xD9, 0xDA
#: Frame headers that every libjpeg decodes: baseline, extended, progressive.
_FRAMES = (0xC0, 0xC1, 0xC2)
#: Those it does not: lossless, hierarchical, arithmetic.
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
#: Progressive pictures have about ten scans; each costs a pass over the whole picture.
_MAX_SCANS = 64
#: The end of entropy-coded data: a marker that is neither stuffing nor a restart.
_AFTER_SCAN = re.compile(b'\xff[^\x00\xd0-\xd7\xff]')


class JpegReader(Reader):
    """JPEG pictures."""

    name = 'jpeg'
    label = 'a JPEG picture'
    suffixes = ('.jpg', '.jpeg')
    max_bytes = 32 << 20

    def sniff(self, head, path):
        return head.startswith(b'\xff\xd8\xff')

    def _decode(self, data, source):
        width, height, channels = _header(data, source)
        check_size(width, height, source)
        if channels not in (1, 3):
            raise colour_error(source)
        # Decoded as colour, because OpenCV then turns the picture upright as its Exif tag says: a
        # mirrored orientation would otherwise swap the patient's sides.
        image = decode_picture(data, cv2.IMREAD_COLOR, source)
        return Decoded(grey_of(image, source), IN_GREY)


def _header(data, source):
    """(width, height, channels) of a JPEG that runs to its end marker."""
    frame, scans = None, 0
    for marker, body in segments(data, source):
        if marker in _OTHER_FRAMES:
            raise InputError('format-unsupported', '%s is a lossless or arithmetic-coded JPEG; save it as an '
                             'ordinary JPEG or as PNG.' % source)
        elif marker in _FRAMES:
            if frame or len(body) < 6:
                raise _damaged(source)
            depth, height, width, channels = struct.unpack_from('>BHHB', body)
            frame = width, height, channels
            check_size(width, height, source)
            if depth != 8:
                raise InputError('format-unsupported', '%s is a JPEG with %d bits a channel; save it as '
                                 '16-bit PNG.'
                                 % (source, depth))
        elif marker == SCAN:
            scans += 1
            if scans > _MAX_SCANS or not frame:
                raise _damaged(source)
    if not frame or not scans:
        raise _damaged(source)
    return frame


def segments(data, source):
    """Every (marker, body) up to the end of the picture.

    Args:
        data (bytes): a JPEG file.
        source (str): its name for sentences.
    Raises:
        InputError: ``file-truncated`` or ``file-damaged``, where the walk comes upon it.
    """
    offset = 2
    while True:
        while data[offset:offset + 2] == b'\xff\xff':
            offset += 1
        if offset + 2 > len(data):
            raise cut_off(source)
        if data[offset] != 0xFF:
            raise _damaged(source)
        marker = data[offset + 1]
        if marker == _END:
            return
        if offset + 4 > len(data):
            raise cut_off(source)
        length = struct.unpack_from('>H', data, offset + 2)[0]
        if marker in (_START, 0) or length < 2:
            raise _damaged(source)
        end = offset + 2 + length
        if end > len(data):
            raise cut_off(source)
        yield marker, data[offset + 4:end]
        if marker == SCAN:
            after = _AFTER_SCAN.search(data, end)
            if after is None:
                raise cut_off(source)
            end = after.start()
        offset = end


def _damaged(source):
    return InputError('file-damaged', '%s is a damaged JPEG; copy it again from its source.' % source)
