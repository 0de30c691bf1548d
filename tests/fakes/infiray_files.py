"""JPEG pictures of InfiRay's phone apps, written by hand from the public tables; no byte comes from a phone."""
import struct

import cv2
import numpy as np

#: Both apps split their data into segments of this many bytes.
_CHUNK_BYTES = 65000


def infiray_jpeg(words, header=None, grey=None, states_temperatures=False, extra=b''):
    """A picture with its temperatures.

    Args:
        words (ndarray): HxW of kelvin times 64.
        header (dict): offset to (struct format, value) to overwrite.
        grey (bytes): of the picture before the temperatures; None makes neutral ones of the same size.
        states_temperatures (bool): the header states size and width of the temperatures, as for the P2 Pro.
        extra (bytes): what follows the temperatures, a photograph.
    """
    height, width = words.shape
    size = 2 * height * width
    head = bytearray(80)
    head[:10] = b'\0\2\2\0IJPEG\0'
    struct.pack_into('<QHHHB', head, 0x20, size, 2, width, height, 16)
    if states_temperatures:
        struct.pack_into('<QHHHB', head, 0x20, size, 2, width, 2 * height, 8)
        struct.pack_into('<QHHHB', head, 0x30, size, 2, width, height, 16)
    for offset, (kind, value) in (header or {}).items():
        struct.pack_into('<' + kind, head, offset, value)
    data = (b'\x40\x80' * (size // 2) if grey is None else grey) + words.astype('<u2').tobytes() + extra
    segments = [(0xE2, bytes(head))] + [(0xE3, data[start:start + _CHUNK_BYTES])
                                        for start in range(0, len(data), _CHUNK_BYTES)]
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    picture = cv2.imencode('.jpg', cv2.applyColorMap(ramp, cv2.COLORMAP_JET))[1].tobytes()
    return picture[:2] + b''.join(struct.pack('>BBH', 0xFF, marker, len(body) + 2) + body
                                  for marker, body in segments) + picture[2:]
