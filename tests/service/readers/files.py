"""Files to read: every format made by hand, so that no test trusts the library it tests."""
import struct
import zlib

import numpy as np


def body_c(height=60, width=80, seed=0):
    """A frame of plausible temperatures in hundredths of a degree: float64 HxW."""
    noise = np.random.RandomState(seed).uniform(-1, 1, (height, width))
    return np.round(24 + 8 * np.sin(np.linspace(0, 3.1, width)) + noise, 2)


def matrix(celsius, delimiter=' ', line_end='\n', digits=2, comma=False):
    """A text matrix as bytes."""
    text = ''.join(delimiter.join('%.*f' % (digits, value) for value in row) + line_end for row in celsius)
    return (text.replace('.', ',') if comma else text).encode('ascii')


def png(image, **header):
    """A PNG of uint8 or uint16 HxW, HxWx2..4 (RGB order), its IHDR fields overridden by `header`."""
    image = np.asarray(image)
    channels = 1 if image.ndim == 2 else image.shape[2]
    fields = dict(width=image.shape[1], height=image.shape[0], depth=image.dtype.itemsize * 8,
                  colour={1: 0, 2: 4, 3: 2, 4: 6}[channels], interlace=0)
    fields.update(header)
    rows = image.astype(image.dtype.newbyteorder('>'))
    raw = b''.join(b'\0' + row.tobytes() for row in rows)
    ihdr = struct.pack('>IIBBBBB', fields['width'], fields['height'], fields['depth'], fields['colour'], 0, 0,
                       fields['interlace'])
    chunks = (b'IHDR', ihdr), (b'IDAT', zlib.compress(raw)), (b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(kind, body) for kind, body in chunks)


def chunk(kind, body):
    """One PNG chunk with its checksum."""
    checksum = zlib.crc32(kind + body) & 0xFFFFFFFF
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', checksum)


def tiff(image, order='<', rows_per_strip=16, extra=(), compression=1, more=0, at=0):
    """A TIFF of uint8, uint16 or floats HxW in strips; `extra` adds or overrides (tag, value) of type LONG.

    `more` is the offset of the next page; `at` is where the file will stand in another, whose header serves both.
    """
    image = np.asarray(image)
    height, width = image.shape
    native = image.astype(image.dtype.newbyteorder(order))
    strips = [native[top:top + rows_per_strip].tobytes() for top in range(0, height, rows_per_strip)]
    strips = [{8: zlib.compress, 32773: pack_bits}.get(compression, bytes)(strip) for strip in strips]
    tags = {256: width, 257: height, 258: image.dtype.itemsize * 8, 259: compression, 262: 1, 277: 1,
            278: rows_per_strip}
    tags.update({339: 3} if image.dtype.kind == 'f' else {})
    tags.update(dict(extra))
    count = len(strips)
    table = at + 8 + 2 + 12 * (len(tags) + 2) + 4
    offsets, position = [], table + 8 * count
    for strip in strips:
        offsets.append(position)
        position += len(strip)
    entries = {tag: (1, value) for tag, value in tags.items()}
    entries[273] = (count, table if count > 1 else offsets[0])
    entries[279] = (count, table + 4 * count if count > 1 else len(strips[0]))
    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'IH', at + 8, len(entries))
    head += b''.join(struct.pack(order + 'HHII', tag, 4, *entries[tag]) for tag in sorted(entries))
    lists = struct.pack('%s%dI' % (order, 2 * count), *(offsets + [len(strip) for strip in strips]))
    return head + struct.pack(order + 'I', more) + lists + b''.join(strips)


def tiff_pages(images, order='<', extra=({},), more=0):
    """A TIFF of several pages, with `extra` tags for the first of them; `more` follows the last."""
    pages, at = [], 0
    for number, image in enumerate(images):
        tags = extra[number] if number < len(extra) else {}
        length = len(tiff(image, order, extra=tags))
        following = more if number == len(images) - 1 else at + length + 8
        pages.append(tiff(image, order, extra=tags, more=following, at=at))
        at += length
    return b''.join(pages)


def pack_bits(data):
    """PackBits of TIFF 6.0, section 9: runs and literals of at most 128 bytes."""
    packed, start = bytearray(), 0
    while start < len(data):
        end = start + 1
        if data[start:start + 2] == data[start:start + 1] * 2:
            while end < min(len(data), start + 128) and data[end] == data[start]:
                end += 1
            packed += bytes([257 - (end - start), data[start]])
        else:
            while end < min(len(data), start + 128) and data[end:end + 2] != data[end:end + 1] * 2:
                end += 1
            packed += bytes([end - start - 1]) + data[start:end]
        start = end
    return bytes(packed)


def npy(array):
    """A version 1 ``.npy`` file."""
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (array.dtype.str, tuple(array.shape))
    return npy_of(header, array.tobytes())


def npy_of(header, data):
    """A version 1 ``.npy`` file of a header text and the bytes of its values."""
    text = header.encode('latin-1') + b' ' * (-(len(header) + 11) % 64) + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + data
