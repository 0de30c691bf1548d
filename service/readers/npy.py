"""NumPy's ``.npy``: float degrees Celsius, or uint16 counts with a scale. Nothing is unpickled."""
import re
import struct

import numpy as np

from ..messages import InputError
from ..thermogram import check_size
from .base import IN_CELSIUS, IN_COUNTS, Decoded, Reader

_MAGIC = b'\x93NUMPY'
#: A header of a two-dimensional array of one number type is far shorter.
_MAX_HEADER = 4096
_DESCR = re.compile(rb"'descr'\s*:\s*'([<>=|]?)([a-zA-Z]\d{1,3})'")
_ORDER = re.compile(rb"'fortran_order'\s*:\s*(True|False)")
_SHAPE = re.compile(rb"'shape'\s*:\s*\(([\d, L]{0,100})\)")
_KINDS = {b'f4': IN_CELSIUS, b'f8': IN_CELSIUS, b'u2': IN_COUNTS}


class NpyReader(Reader):
    """Header by hand: `numpy.load` would allocate what the header asks for, and evaluate it."""

    name = 'npy'
    label = 'a NumPy array'
    suffixes = ('.npy',)
    max_bytes = (4096 * 4096 * 8) + (64 << 10)

    def sniff(self, head, path):
        return head.startswith(_MAGIC)

    def _decode(self, data, source):
        start, (order, kind), fortran, shape = _header(data, source)
        if len(shape) != 2:
            raise InputError('frame-not-2d', '%s has %d dimensions; a thermogram has rows and columns only.'
                             % (source, len(shape)))
        check_size(shape[1], shape[0], source)
        if kind not in _KINDS:
            raise InputError('frame-not-numbers', '%s holds values of type %s; save degrees Celsius as '
                             'float32 or counts as uint16.' % (source, kind.decode('ascii')))
        dtype = np.dtype((order + kind).decode('ascii').replace('|', '='))
        missing = shape[0] * shape[1] * dtype.itemsize - (len(data) - start)
        if missing > 0:
            raise InputError('file-truncated', '%s is cut off (%d bytes are missing); copy it again from its '
                             'source.'
                             % (source, missing))
        if missing < 0:
            raise InputError('file-damaged', '%s has %d bytes more than its header says; save it again.'
                             % (source, -missing))
        values = np.frombuffer(data, dtype, shape[0] * shape[1], start)
        values = values.reshape(shape, order='F' if fortran else 'C')
        return Decoded(values.astype(dtype.newbyteorder('=')), _KINDS[kind])


def _header(data, source):
    """(offset of the values, (byte order, type), whether columns come first, shape)."""
    major = data[6] if len(data) > 6 else 0
    size_format, size_end = ('<H', 10) if major == 1 else ('<I', 12)
    if len(data) < size_end:
        raise InputError('file-truncated', '%s is cut off in its header; copy it again from its source.'
                         % source)
    end = size_end + struct.unpack_from(size_format, data, 8)[0]
    header = data[size_end:min(end, size_end + _MAX_HEADER)]
    descr, order, shape = _DESCR.search(header), _ORDER.search(header), _SHAPE.search(header)
    if major not in (1, 2, 3) or end - size_end > _MAX_HEADER or not (descr and order and shape):
        raise InputError('file-damaged', '%s has a header that is not of a plain array of numbers; save it '
                         'again with numpy.save.' % source)
    sides = [side.strip(b' L') for side in shape.group(1).split(b',')]
    try:
        sides = tuple(int(side) for side in sides if side)
    except ValueError:
        raise InputError('file-damaged', '%s has a header without a usable shape; save it again.' % source)
    return end, descr.groups(), order.group(1) == b'True', sides
