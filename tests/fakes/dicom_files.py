"""DICOM files made by hand, so that no test trusts the library that it tests."""
import struct

import numpy as np

EXPLICIT, IMPLICIT, BIG = '1.2.840.10008.1.2.1', '1.2.840.10008.1.2', '1.2.840.10008.1.2.2'

#: Types of the elements that are written here.
TYPES = {0x00020010: 'UI', 0x00080016: 'UI', 0x00080023: 'DA', 0x00080033: 'TM', 0x00080060: 'CS', 0x00080100: 'SH',
         0x00080201: 'SH', 0x00200020: 'CS', 0x00280002: 'US', 0x00280004: 'CS', 0x00280008: 'IS', 0x00280010: 'US',
         0x00280011: 'US', 0x00280100: 'US', 0x00280101: 'US', 0x00280102: 'US', 0x00280103: 'US', 0x00281052: 'DS',
         0x00281053: 'DS', 0x00281054: 'LO', 0x00409096: 'SQ', 0x004008EA: 'SQ', 0x00409216: 'US', 0x00409211: 'US',
         0x00409224: 'FD', 0x00409225: 'FD', 0x7FE00008: 'OF', 0x7FE00010: 'OW', 0x52009229: 'SQ', 0x00400555: 'SQ',
         0x0040A043: 'SQ', 0x0040A30A: 'DS', 0x00990010: 'LO', 0x00990011: 'LO', 0x00991101: 'LO', 0x00991102: 'IS',
         0x00081140: 'SQ'}


def element(tag, value, syntax=EXPLICIT, length=None):
    """One element; whole numbers, texts, bytes, or a list of items that are dicts."""
    order, kind = '>' if syntax == BIG else '<', TYPES.get(tag, 'UN')
    if isinstance(value, list):
        value = b''.join(struct.pack(order + 'HHI', 0xFFFE, 0xE000, len(body)) + body for body in (
            elements(item, syntax) for item in value))
    elif kind in ('US', 'FD') and not isinstance(value, bytes):
        value = struct.pack(order + {'US': 'H', 'FD': 'd'}[kind], value)
    elif isinstance(value, str):
        value = value.encode('utf-8')
    value += (b'\0' if kind in ('UI', 'OW', 'OF') else b' ') * (len(value) % 2)
    length = len(value) if length is None else length
    head = struct.pack(order + 'HH', tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack('<I', length) + value
    if kind in ('SQ', 'OW', 'OF', 'UN'):
        return head + kind.encode() + struct.pack(order + 'HI', 0, length) + value
    return head + kind.encode() + struct.pack(order + 'H', length) + value


def elements(values, syntax=EXPLICIT):
    """Elements by their tags, in order; None leaves one out."""
    return b''.join(element(tag, values[tag], syntax) for tag in sorted(values) if values[tag] is not None)


def part10(body, syntax=EXPLICIT):
    """A file around an object."""
    return bytes(128) + b'DICM' + element(0x00020010, syntax) + body


def mapping(slope=0.01, intercept=-273.15, unit='Cel', last=65535):
    """A real world value mapping."""
    return [{0x004008EA: [{0x00080100: unit}], 0x00409224: intercept, 0x00409225: slope, 0x00409216: 0,
             0x00409211: last}]


def thermogram(pixels, changes=None, syntax=EXPLICIT):
    """A DICOM file that holds pixels, with some of its elements changed or left out (None)."""
    pixels = np.asarray(pixels)
    bits, frames = 8 * pixels.itemsize, 1 if pixels.ndim == 2 else len(pixels)
    stored = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder('>' if syntax == BIG else '<')).tobytes()
    values = {0x00080016: '1.2.840.10008.5.1.4.1.1.7', 0x00080060: 'TG', 0x00280002: 1, 0x00280004: 'MONOCHROME2',
              0x00280010: pixels.shape[-2], 0x00280011: pixels.shape[-1], 0x00280100: bits, 0x00280101: bits,
              0x00280102: bits - 1, 0x00280103: int(pixels.dtype.kind == 'i'),
              (0x7FE00008 if pixels.dtype.kind == 'f' else 0x7FE00010): stored}
    if frames > 1:
        values[0x00280008] = str(frames)
    values.update(changes or {})
    return part10(elements(values, syntax), syntax)


def words(celsius):
    """Hundredths of a kelvin."""
    return np.round((celsius + 273.15) * 100).astype(np.uint16)
