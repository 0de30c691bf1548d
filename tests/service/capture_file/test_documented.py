"""A capture file is what docs/capture-file.md says, byte by byte, read without our own reader."""
import hashlib
import json
import re
import struct
import zlib

import numpy as np

from service.capture_file import MAX_FRAMES, pack_capture
from service.capture_file.layout import MAX_HEADER_BYTES, MAX_NOTES
from service.radiometry import FlirParameters, GreyLevels, PlanckConstants, Raw, Temperatures
from service.thermogram import MAX_SIDE_PX, MIN_SIDE_PX, Provenance

FLIR = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818))


def test_every_byte_is_where_the_page_says():
    counts = np.random.RandomState(1).randint(12000, 14000, (41, 43)).astype(np.uint16)
    celsius = np.random.RandomState(2).uniform(20, 40, (41, 43)).astype(np.float32)
    data = pack_capture([Raw(counts, FLIR, Provenance('a')), Raw(celsius, Temperatures(), Provenance('b'))])
    assert data[:8] == bytes.fromhex('895453430D0A1A0A')
    version, length = struct.unpack_from('<II', data, 8)
    assert version == 1 and hashlib.sha256(data[:16] + data[48:48 + length]).digest() == data[16:48]
    header, start = json.loads(data[48:48 + length].decode('ascii')), 48 + length
    for entry, expected in zip(header['frames'], (counts, celsius)):
        blob, start = data[start:start + entry['bytes']], start + entry['bytes']
        assert hashlib.sha256(blob).hexdigest() == entry['sha256'] and entry['pixels'] == expected.dtype.name
        plain, size = zlib.decompress(blob), expected.itemsize
        row = []
        for column in range(43):  # of the last row, number by number
            at = 40 * 43 + column
            step = sum(plain[byte * 41 * 43 + at] << 8 * byte for byte in range(size))
            row.append((step + (row[-1] if row else 0)) % 256 ** size)
        assert struct.pack('<43' + {2: 'H', 4: 'I'}[size], *row) == expected[40].tobytes()
    assert start == len(data)


def test_the_page_has_every_key_and_bound(root):
    page = (root / 'docs' / 'capture-file.md').read_text(encoding='utf-8')
    data = pack_capture([Raw(np.full((41, 43), 13000, np.uint16), FLIR, Provenance('a'))])
    header = json.loads(data[48:48 + struct.unpack_from('<I', data, 12)[0]].decode('ascii'))
    documented = set(re.findall(r'`(\w+)`', page))
    for document in (header, header['frames'][0], FLIR.to_dict(), FLIR.to_dict()['planck'], FLIR.to_dict()['air'],
                     FLIR.to_dict()['scene'], Temperatures().to_dict()):
        assert set(document) <= documented
    assert {FlirParameters.kind, Temperatures.kind, GreyLevels.kind} <= documented
    for number in (MAX_FRAMES, MAX_NOTES, MIN_SIDE_PX, MAX_SIDE_PX, MAX_HEADER_BYTES >> 20):
        assert re.search(r'\b%d\b' % number, page), number
