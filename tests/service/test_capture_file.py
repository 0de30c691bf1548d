"""What is written is what is read, as docs/capture-file.md says byte by byte; and nothing else is read."""
import hashlib
import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.capture_file import (
    FIXED,
    HEADER_START,
    MAX_FRAMES,
    MAX_HEADER_BYTES,
    MAX_NOTES,
    PIXELS,
    CaptureFile,
    header_bytes,
    most_bytes,
    pack,
    pack_capture,
    sha256,
    unpack,
)
from service.messages import InputError
from service.radiometry import (
    FlirParameters,
    GreyLevels,
    LinearScale,
    ObjectParameters,
    PlanckConstants,
    Raw,
    Temperatures,
)
from service.thermogram import MAX_SIDE_PX, MIN_SIDE_PX, Provenance

from .readers.files import body_c

I7 = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818),
                    ObjectParameters(0.95, 21.0, distance_m=1.0))
COUNTS = np.random.RandomState(1).randint(12000, 14000, (60, 80)).astype(np.uint16)


def raw(values=COUNTS, meaning=I7, **provenance):
    return Raw(values, meaning, Provenance('IMG_1.jpg', 'flir-jpeg', **provenance))


def opened(data):
    return CaptureFile(io.BytesIO(data), 'a.tscap')


def refused(code, data, number=None):
    with pytest.raises(InputError) as caught:
        capture = opened(data)
        if number:
            capture.frame(io.BytesIO(data), number)
    error = caught.value
    assert error.code == code, (error.code, error.message.text, error.detail)
    assert '\n' not in error.message.text and error.message.text.endswith('.')


def parts(data):
    """(header as JSON, bytes of the frames) of a capture file."""
    length = FIXED.unpack_from(data)[2]
    return json.loads(data[HEADER_START:HEADER_START + length].decode('ascii')), data[HEADER_START + length:]


def arrays():
    """Values of every type and many looks: noise, ramps, all alike."""
    return st.builds(lambda dtype, height, width, seed, spread: (np.random.RandomState(seed).uniform(
        0, spread, (height, width))).astype(dtype), st.sampled_from(sorted(PIXELS)), st.integers(40, 60),
        st.integers(40, 60), st.integers(0, 10 ** 6), st.sampled_from([0, 3, 255]))


@settings(max_examples=50)
@given(arrays())
def test_values_come_back_bit_for_bit(values):
    data = pack(values)
    again = unpack(data, values.dtype.name, values.shape[1], values.shape[0])
    assert again.dtype == values.dtype and np.array_equal(again, values)
    assert len(data) <= most_bytes(values.dtype.name, values.shape[1], values.shape[0])


@settings(max_examples=30)
@given(st.integers(0, 10 ** 6), st.sampled_from(sorted(PIXELS)))
def test_any_bits_come_back(seed, pixels):
    """Also those of numbers that no camera sends, such as NaN with a payload."""
    bits = np.random.RandomState(seed).bytes(41 * 43 * np.dtype(PIXELS[pixels]).itemsize)
    values = np.frombuffer(bits, PIXELS[pixels]).reshape(41, 43)
    data = pack(values)
    assert unpack(data, pixels, 43, 41).tobytes() == bits and len(data) <= most_bytes(pixels, 43, 41)


def test_a_thermogram_takes_less_than_plain_counts():
    counts = np.round((body_c(120, 160) + 273.15) * 100).astype(np.uint16)
    assert len(pack(counts)) < 0.7 * counts.nbytes


@pytest.mark.parametrize('values, meaning', [
    (COUNTS, I7),
    (np.uint16(np.round((body_c() + 273.15) * 100)), Temperatures(LinearScale(0.01, -273.15), {'emissivity': 1.0})),
    (body_c().astype(np.float32) + np.float32(1e-4), Temperatures(None, {'emissivity': 1.0}, {'reflected_c': 22.0})),
    (np.uint8(body_c()), GreyLevels()),
    (np.float32(body_c()) + np.float32(0.25), GreyLevels())])
def test_a_frame_comes_back_with_all_that_was_known(values, meaning):
    original = raw(values, meaning, captured_at='2026-01-02T03:04:05.678Z', notes=('one', 'two'))
    data = pack_capture([original])
    capture = opened(data)
    frame = capture.frame(io.BytesIO(data), 1)
    assert (capture.width, capture.height, len(capture)) == (80, 60, 1)
    assert frame.values.dtype == values.dtype and np.array_equal(frame.values, values) and frame.meaning == meaning
    assert (frame.captured_at, frame.source, frame.reader) == ('2026-01-02T03:04:05.678Z', 'IMG_1.jpg', 'flir-jpeg')
    assert frame.notes == ('one', 'two')
    again = Raw(frame.values, frame.meaning, original.provenance).thermogram()
    assert np.array_equal(again.pixels, original.thermogram().pixels)


def test_frames_may_differ_in_all_but_their_size():
    other = I7.corrected({'emissivity': 0.9})
    data = pack_capture([raw(), raw(meaning=other), raw(np.uint8(body_c()), GreyLevels()), raw()])
    meanings = [opened(data).frame(io.BytesIO(data), number).meaning for number in (1, 2, 3, 4)]
    assert meanings == [I7, other, GreyLevels(), I7]
    with pytest.raises(InputError) as caught:
        pack_capture([raw(), raw(COUNTS[:50])])
    assert caught.value.code == 'capture-sizes'


def test_nothing_is_written_that_could_not_be_read(monkeypatch):
    for frames, code in (([], 'capture-no-frames'), ([raw(np.full((60, 80), np.nan, np.float32), Temperatures())],
                                                     'frame-not-finite'),
                         ([raw(COUNTS[:39])], 'frame-too-small'), ([raw(COUNTS * 0)], 'radiometry-no-temperature')):
        with pytest.raises(InputError) as caught:
            pack_capture(frames)
        assert caught.value.code == code
    for limit, value in (('MAX_FRAMES', 2), ('MAX_HEADER_BYTES', 900)):
        with monkeypatch.context() as patch:
            patch.setattr('service.capture_file.' + limit, value)
            with pytest.raises(InputError) as caught:
                pack_capture([raw()] * 3)
            assert caught.value.code == 'capture-too-many'


DATA = pack_capture([raw(), raw(notes=('second',))])


def test_every_changed_byte_of_the_header_is_noticed():
    end = len(DATA) - len(parts(DATA)[1])
    for position in range(0, end, 7):
        changed = bytearray(DATA)
        changed[position] ^= 1 << position % 8
        with pytest.raises(InputError) as caught:
            opened(bytes(changed))
        assert caught.value.code in ('file-damaged', 'file-truncated', 'capture-version'), position


def test_a_changed_byte_of_a_frame_spoils_that_frame_only():
    first = parts(DATA)[0]['frames'][0]['bytes']
    start = len(DATA) - len(parts(DATA)[1])
    changed = bytearray(DATA)
    changed[start + first // 2] ^= 4
    refused('file-damaged', bytes(changed), 1)
    assert np.array_equal(opened(DATA).frame(io.BytesIO(changed), 2).values, COUNTS)


def test_every_cut_is_noticed():
    for length in list(range(0, 60)) + [len(DATA) // 3, len(DATA) // 2, len(DATA) - 1]:
        refused('file-truncated', DATA[:length])
    refused('file-damaged', DATA + b'\0')


def test_a_later_version_is_named():
    refused('capture-version', DATA[:8] + b'\2' + DATA[9:])


def test_a_huge_header_is_not_read():
    class Stream(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size <= MAX_HEADER_BYTES
            return super().read(size)

    with pytest.raises(InputError) as caught:
        CaptureFile(Stream(FIXED.pack(DATA[:8], 1, 0xFFFFFFFF) + b'x' * 100), 'a.tscap')
    assert caught.value.code == 'file-damaged'


def forged(change):
    """The file with a changed header and a right checksum over it."""
    header, rest = parts(DATA)
    header = change(header) or header
    return header_bytes(header) + rest


def put(*path):
    """Sets a value somewhere in a header."""
    def change(header):
        inner = header
        for key in path[:-2]:
            inner = inner[key]
        inner[path[-2]] = path[-1]
    return change


@pytest.mark.parametrize('change', [
    lambda header: [header], lambda header: 'x', put('width', -1), put('width', 80.0), put('width', True),
    put('height', '60'), put('format', None), put('written_at', 'today'), put('more', 1), put('frames', {}),
    put('frames', []), put('frames', 0, 7), put('frames', 0, 'bytes', 0), put('frames', 0, 'bytes', 10 ** 7),
    put('frames', 0, 'bytes', -5), put('frames', 0, 'meaning', 9), put('frames', 0, 'meaning', -1),
    put('frames', 0, 'pixels', 'float32'), put('frames', 0, 'pixels', 'object'), put('frames', 0, 'notes', 'x'),
    put('frames', 0, 'notes', ['a\nb']), put('frames', 0, 'notes', ['x'] * 65), put('frames', 0, 'source', 'x' * 1001),
    put('frames', 0, 'captured_at', '2026-01-02'), put('frames', 0, 'sha256', 5), put('meanings', [I7.to_dict()] * 3)])
def test_a_header_that_lies_with_a_right_checksum(change):
    refused('file-damaged', forged(change))


@pytest.mark.parametrize('change, code', [
    (put('width', 39), 'frame-too-small'), (put('height', 5000), 'frame-too-large'),
    (put('meanings', 0, 'kind', 'magic'), 'radiometry-stored'), (put('meanings', 0, 5), 'radiometry-stored'),
    (put('meanings', 0, 'more', 5), 'radiometry-stored'), (put('meanings', 0, 'scene', None), 'radiometry-stored'),
    (put('meanings', 0, 'scene', 'emissivity', 2), 'radiometry-value'),
    (put('meanings', 0, 'planck', 'r1', 10 ** 400), 'radiometry-constant')])
def test_a_meaning_that_cannot_be(change, code):
    refused(code, forged(change))


def test_a_frame_of_another_size_than_stated_is_refused():
    refused('file-damaged', forged(put('width', 81)), 1)
    refused('file-damaged', forged(put('width', 79)), 1)


def test_a_bomb_is_not_unpacked():
    """A large frame of zeros in as few bytes as a small one has."""
    bomb = pack(np.zeros((1500, 1500), np.uint16))

    def change(header):
        header['frames'] = [dict(header['frames'][0], bytes=len(bomb), sha256=sha256(bomb).hex())]
        header['width'] = header['height'] = 200
    header, _ = parts(DATA)
    change(header)
    refused('file-damaged', header_bytes(header) + bomb, 1)


def test_text_that_is_no_json_is_refused():
    for text in (b'{', b'[' * 100000, b'\xff', b'NaN', b'{"a": 1e999}'):
        fixed = FIXED.pack(DATA[:8], 1, len(text))
        refused('file-damaged', fixed + sha256(fixed + text) + text)


def test_the_most_frames_fit_into_the_longest_header():
    header, _ = parts(DATA)
    entry = dict(header['frames'][0], notes=['x' * 150])
    assert len(header_bytes(dict(header, frames=[entry] * MAX_FRAMES))) < MAX_HEADER_BYTES


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
