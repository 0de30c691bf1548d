"""A built engine as bytes that only the double reads.

The first 28 bytes are those of newer releases' plans as NVIDIA's samples peek at them: magic, zero, and the version in
the last four. Behind them: lengths and checksum, a description as JSON, the ONNX file.
"""
import json
import struct
import zlib

MAGIC = 0x74727466
_HEAD = struct.Struct('<II16s4B')
_SIZES = struct.Struct('<III')


class DamagedError(Exception):
    """Bytes that are no plan, or no longer."""


def write_plan(version, description, model):
    """A plan (bytes).

    Args:
        version (tuple): release, three numbers.
        description (dict): everything else; see `builder`.
        model (bytes): the ONNX file with its weights as the precision has them.
    """
    text = json.dumps(description, sort_keys=True).encode()
    body = text + model
    return (_HEAD.pack(MAGIC, 0, b'', *(tuple(version) + (0,)))
            + _SIZES.pack(len(text), len(model), zlib.crc32(body) & 0xFFFFFFFF) + body)


def plan_version(data):
    """The release that wrote a plan, three numbers; DamagedError where the bytes are no plan."""
    if len(data) < _HEAD.size + _SIZES.size:
        raise DamagedError('Magic tag does not match')
    magic, zero, _, major, minor, patch, _ = _HEAD.unpack_from(data)
    if (magic, zero) != (MAGIC, 0):
        raise DamagedError('Magic tag does not match')
    return major, minor, patch


def read_plan(data):
    """Description and ONNX file of a plan; DamagedError where a byte is wrong or missing."""
    plan_version(data)
    text, model, checksum = _SIZES.unpack_from(data, _HEAD.size)
    body = data[_HEAD.size + _SIZES.size:]
    if len(body) != text + model or zlib.crc32(body) & 0xFFFFFFFF != checksum:
        raise DamagedError('Size specified in header does not match archive size')
    return json.loads(body[:text].decode()), body[text:]
