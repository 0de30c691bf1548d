"""Values of a frame to few bytes and back, without loss.

Neighbours in a row of a thermogram differ little, and the high bytes of the differences hardly at all: differences
first, then all low bytes together, then zlib.
"""
import zlib

import numpy as np

from .layout import PIXELS

#: Higher levels cost a Nano's processor several times as much for a few percent.
_LEVEL = 4
#: Whole numbers of each size, whose differences wrap around and back again.
_WORDS = {1: '|u1', 2: '<u2', 4: '<u4'}
#: What zlib adds at most to data that it cannot shorten.
_SLACK_BYTES = 1024


def pack(values):
    """The bytes of a frame.

    Args:
        values (numpy.ndarray): uint8, uint16 or float32 HxW.
    Returns:
        bytes
    """
    words = np.ascontiguousarray(values, PIXELS[values.dtype.name]).view(_WORDS[values.itemsize])
    differences = words.copy()
    differences[:, 1:] -= words[:, :-1]
    planes = differences.view(np.uint8).reshape(-1, values.itemsize).T
    return zlib.compress(np.ascontiguousarray(planes).tobytes(), _LEVEL)


def most_bytes(pixels, width, height):
    """No packed frame of that kind and size is longer."""
    size = width * height * np.dtype(PIXELS[pixels]).itemsize
    return size + size // 512 + _SLACK_BYTES


def unpack(data, pixels, width, height):
    """The values of a packed frame; never more memory than they take.

    Args:
        data (bytes): as `pack` gave them.
        pixels (str): key of `PIXELS`.
        width, height (int): sides in pixels.
    Returns:
        numpy.ndarray: HxW, in the machine's byte order.
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
