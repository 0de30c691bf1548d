"""TIFF: both byte orders, every compression, and directories that lie."""
import resource
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.readers import count_frames, read_raw, read_thermogram

from .contract import CountsContract, ReaderContract, refusal
from .files import body_c, tiff, tiff_pages


class TestTiff(CountsContract):
    name, suffix = 'tiff', '.tif'

    def content(self, celsius):
        return tiff(self.counts(celsius))


class TestBigEndianTiff(TestTiff):
    suffix = '.tiff'

    def content(self, celsius):
        return tiff(self.counts(celsius), '>', rows_per_strip=60)


class TestDeflatedTiff(TestTiff):
    def content(self, celsius):
        return tiff(self.counts(celsius), compression=8)


class TestLzwTiff(TestTiff):
    """What OpenCV writes: LZW with a predictor."""

    def content(self, celsius):
        return cv2.imencode('.tif', self.counts(celsius))[1].tobytes()


class TestPackBitsTiff(TestTiff):
    """Without a checksum and without a structure, so that cuts are noticed by the length alone."""

    def content(self, celsius):
        return tiff(self.counts(celsius), compression=32773)


class TestGreyTiff(ReaderContract):
    name, suffix, unit, tolerance = 'tiff', '.tif', 'relative', 0

    def content(self, celsius):
        return tiff(self.expected(celsius).astype(np.uint8))

    def expected(self, celsius):
        return np.floor(celsius * 4)


def encoded(image, compression):
    """A TIFF as OpenCV writes it."""
    return cv2.imencode('.tif', image, [int(cv2.IMWRITE_TIFF_COMPRESSION), compression])[1].tobytes()


COUNTS = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) + 28000


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.tif'


class TestFloatTiff(ReaderContract):
    """What ImageJ and Python write: degrees Celsius."""

    name, suffix, tolerance = 'tiff', '.tif', 1e-6

    def content(self, celsius):
        return tiff(celsius.astype('<f4'))

    def expected(self, celsius):
        return celsius.astype(np.float32)


class TestBigEndianFloat64Tiff(TestFloatTiff):
    def content(self, celsius):
        return tiff(celsius, '>', compression=8)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('compression', [1, 8, 32773])
def test_floats_are_degrees_celsius(path, order, dtype, compression):
    path.write_bytes(tiff(body_c().astype(dtype), order, compression=compression))
    thermogram = read_thermogram(path, scale='centikelvin')
    assert np.array_equal(thermogram.pixels, body_c().astype(np.float32)) and thermogram.is_celsius
    assert any('not used' in note for note in thermogram.provenance.notes)


@pytest.mark.parametrize('value, code', [(np.nan, 'frame-not-finite'), (np.inf, 'frame-not-finite'),
                                         (-9999, 'temperature-impossible'), (1e300, 'temperature-impossible')])
def test_floats_that_are_no_temperature(path, value, code):
    celsius = body_c()
    celsius[3, 5] = value
    path.write_bytes(tiff(celsius))
    refusal(path, code)


def test_pages_are_frames(path):
    path.write_bytes(tiff_pages([body_c(seed=1), body_c(48, 64, seed=2), COUNTS], '>'))
    assert count_frames(path) == 3
    assert np.array_equal(read_thermogram(path).pixels, body_c(seed=1).astype(np.float32))
    second = read_thermogram(path, frame=2)
    assert np.array_equal(second.pixels, body_c(48, 64, seed=2).astype(np.float32))
    assert second.provenance.notes == ('frame 2 of 3',)
    refusal(path, 'scale-unknown', frame=3)
    refusal(path, 'frame-missing', frame=4)


@pytest.mark.parametrize('kind', [1, 4, 5])
def test_smaller_copies_and_masks_are_no_frames(path, kind):
    path.write_bytes(tiff_pages([body_c(40, 50), body_c(seed=1)], extra=({254: kind}, {254: 2})))
    thermogram = read_thermogram(path)
    assert count_frames(path) == 1 and thermogram.pixels.shape == (60, 80)
    assert any('copies' in note for note in thermogram.provenance.notes)
    path.write_bytes(tiff_pages([body_c(seed=1)], extra=({254: kind},)))
    assert read_thermogram(path).pixels.shape == (60, 80)


@pytest.mark.parametrize('more', [8, 0xFFFFFFF0])
def test_pages_that_lead_nowhere_or_back(path, more):
    data = tiff_pages([body_c(seed=1), body_c(seed=2)], more=more)
    path.write_bytes(data)
    thermogram = read_thermogram(path)
    assert np.array_equal(thermogram.pixels, body_c(seed=1).astype(np.float32))
    assert any('cut off or damaged' in note for note in thermogram.provenance.notes)
    assert count_frames(path) == 2


@pytest.mark.parametrize('entries, limit', [(0, 4096), (200, (4 << 20) // 2406)])
def test_a_long_chain_of_pages_ends(path, entries, limit):
    size = 6 + 12 * entries
    chain = b''.join(struct.pack('<H', entries) + bytes(size - 6) + struct.pack('<I', 8 + size * (place + 1))
                     for place in range(5000))
    path.write_bytes(b'II*\0\x08\0\0\0' + chain)
    assert count_frames(path) == limit
    refusal(path, 'file-damaged')


def test_unknown_tags_do_no_harm(path, capfd):
    path.write_bytes(tiff(COUNTS, extra={50735: 0x7FFFFFFF, 65000: 1, 34665: 12}))
    assert read_thermogram(path, scale='centikelvin').is_celsius
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('tags, code', [
    ({256: 20000, 257: 20000}, 'frame-too-large'),
    ({256: 1, 257: 1}, 'frame-too-small'),
    ({256: 0}, 'frame-too-small'),
    ({257: 0xFFFFFFFF}, 'frame-too-large'),
    ({277: 3}, 'picture-colour'),
    ({262: 2}, 'picture-colour'),
    ({262: 3}, 'picture-colour'),
    ({262: 0}, 'format-unsupported'),
    ({258: 32}, 'format-unsupported'),
    ({258: 64}, 'format-unsupported'),
    ({339: 3, 258: 24}, 'format-unsupported'),
    ({339: 3, 258: 32, 317: 2}, 'format-unsupported'),
    ({339: 4}, 'format-unsupported'),
    ({258: 1}, 'format-unsupported'),
    ({339: 2}, 'format-unsupported'),
    ({339: 3}, 'format-unsupported'),
    ({259: 7}, 'format-unsupported'),
    ({274: 2}, 'format-unsupported'),
    ({317: 3}, 'format-unsupported'),
    ({322: 16}, 'format-unsupported'),
    ({278: 0}, 'file-damaged'),
    ({278: 17}, 'file-damaged'),
    ({278: 0xFFFFFFFF}, 'file-damaged'),
    ({257: 64}, 'file-damaged')])
def test_unusable_kinds(path, tags, code):
    path.write_bytes(tiff(COUNTS, extra=tags))
    message = refusal(path, code, scale='centikelvin').message
    assert '16 bits' not in message.next_step  # programs stretch temperatures over them


def test_big_tiff_is_refused_by_name(path):
    path.write_bytes(b'II+\0' + b'\0' * 100)
    assert 'BigTIFF' in refusal(path, 'format-unsupported').message.text


@pytest.mark.parametrize('data', [
    b'II*\0', b'II*\0\x08\0\0\0', b'II*\0\xff\xff\xff\xff', b'II*\0\x08\0\0\0\xff\xff',
    b'II*\0\x08\0\0\0\0\0\0\0\0\0',
    b'II*\0\x08\0\0\0\x01\0' + struct.pack('<HHII', 256, 4, 0xFFFFFFFF, 0) + b'\0' * 4,
    b'II*\0\x08\0\0\0\x01\0' + struct.pack('<HHII', 256, 4, 1000, 0xFFFFFFF0) + b'\0' * 4,
    b'II*\0\x08\0\0\0\x01\0' + struct.pack('<HHII', 256, 12, 1, 0) + b'\0' * 4])
def test_stubs_are_refused(path, data):
    path.write_bytes(data)
    assert refusal(path).code in ('file-truncated', 'file-damaged')


def lzw(codes, widths):
    """Codes as bytes, each with its number of bits, the highest bit first."""
    bits = ''.join(format(code, '0%db' % width) for code, width in zip(codes, widths))
    bits += '0' * (-len(bits) % 8)
    return bytes(int(bits[start:start + 8], 2) for start in range(0, len(bits), 8))


def strip_tiff(strip, compression, height=40, width=40):
    """A TIFF of 8-bit grey with one strip of other bytes."""
    data = tiff(np.zeros((height, width), np.uint8), rows_per_strip=height, extra={259: compression})
    start = len(data) - height * width
    counts = struct.pack('<HHII', 279, 4, 1, height * width)
    return data[:start].replace(counts, struct.pack('<HHII', 279, 4, 1, len(strip))) + strip


def test_lzw_after_the_specification(path):
    """Section 13: 7 7 7 8 8 7 7 6 6 is 256 7 258 8 8 258 6 6 257; here with zeros up to the end of the picture."""
    codes = [256, 7, 258, 8, 8, 258, 6, 6] + [0] * 200 + [256] + [0] * 200 + [256, 0] + list(range(258, 300)) + \
        list(range(258, 290)) + [257]
    path.write_bytes(strip_tiff(lzw(codes, [9] * len(codes)), 5))
    expected = np.zeros(1600)
    expected[:9] = 7, 7, 7, 8, 8, 7, 7, 6, 6
    assert np.array_equal(read_thermogram(path).pixels.ravel(), expected)


@pytest.mark.parametrize('codes', [[256, 300], [256, 258], [256, 7, 259], [256, 257], [], [256] * 3000])
def test_lzw_codes_that_cannot_be(path, codes):
    path.write_bytes(strip_tiff(lzw(codes + [257], [9] * (len(codes) + 1)), 5))
    refusal(path, 'file-damaged')


@pytest.mark.parametrize('strip, compression', [
    (b'\x81' * 5000, 32773), (b'\x80' * 5000, 32773), (zlib.compress(bytes(1 << 26)), 8),
    (zlib.compress(bytes(1600))[:-1] + b'?', 8), (zlib.compress(bytes(1599)), 8), (b'\0' * 1599, 1)])
def test_strips_of_more_or_less_than_the_picture(path, strip, compression):
    path.write_bytes(strip_tiff(strip, compression))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert read_thermogram(path).pixels.shape == (40, 40)
    except InputError as error:
        assert error.code == 'file-damaged'
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10


@pytest.mark.parametrize('compression', [1, 5, 8, 32773])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@settings(max_examples=15)
@given(st.integers(40, 90), st.integers(40, 90), st.integers(0, 1000), st.sampled_from([1, 3, 50, 65536]))
def test_what_is_packed_is_unpacked(tmp_path_factory, compression, dtype, height, width, seed, spread):
    image = np.random.RandomState(seed).randint(0, spread, (height, width)).astype(dtype)
    path = tmp_path_factory.getbasetemp() / 'any.tif'
    # OpenCV 4.5 cannot write PackBits.
    path.write_bytes(tiff(image, compression=compression) if compression == 32773 else encoded(image, compression))
    raw = read_raw(path, 'optris' if dtype == np.uint16 else None)
    assert np.array_equal(raw.values, image) and raw.values.dtype == dtype


def test_damaged_lzw_is_refused_in_silence(path, capfd):
    noise = np.random.RandomState(0).randint(0, 65535, (60, 80)).astype(np.uint16)
    data = bytearray(cv2.imencode('.tif', noise)[1])
    data[200:3000] = b'\xff' * 2800
    path.write_bytes(bytes(data))
    refusal(path, 'file-damaged', scale='centikelvin')
    assert capfd.readouterr() == ('', '')


def test_strips_beyond_the_end_are_truncation(path):
    path.write_bytes(tiff((body_c() * 100).astype(np.uint16))[:-100])
    refusal(path, 'file-truncated', scale='centicelsius')
