"""Where everything is in a capture file."""
import hashlib
import json
import struct

SUFFIX = '.tscap'
#: As PNG's: not text, and damaged by whatever rewrites line ends.
MAGIC = b'\x89TSC\r\n\x1a\n'
VERSION = 1
#: Magic, version and length of the header, then SHA-256 of those and of the header.
FIXED = struct.Struct('<8sII')
HASH_BYTES = 32
HEADER_START = FIXED.size + HASH_BYTES
#: A header of `MAX_FRAMES` frames is shorter.
MAX_HEADER_BYTES = 8 << 20
#: Half an hour at 9 frames a second.
MAX_FRAMES = 16384
#: Of one frame, the last ones.
MAX_NOTES = 64
#: Type of the values by their name in the header.
PIXELS = {'uint8': '|u1', 'uint16': '<u2', 'float32': '<f4'}


def header_bytes(document):
    """A header as it stands in the file, with everything before it.

    Args:
        document (dict): JSON.
    Returns:
        bytes
    """
    text = json.dumps(document, allow_nan=False, sort_keys=True, separators=(',', ':')).encode('ascii')
    fixed = FIXED.pack(MAGIC, VERSION, len(text))
    return fixed + sha256(fixed + text) + text


def sha256(data):
    """32 bytes."""
    return hashlib.sha256(data).digest()
