"""JPEG-LS: every way to code a pixel, streams that lie, and the library that has the last word."""
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.readers.jpeg_ls import decode_jpeg_ls
from tests.fakes.jpeg_ls import awkward_counts, jpeg_ls, segment

COUNTS = awkward_counts()
STREAM = jpeg_ls(COUNTS)
#: Of the scan that CharLS 2.4 (pyjpegls 1.5.1) writes for these counts.
SCAN_SHA256 = 'ba18fb172ed3fab7018e16ac66c1617c3db7945a4d3cb592ca84da9f2e4896e2'


def scan_of(stream):
    return stream[stream.index(b'\xff\xda'):]


def pictures():
    """Kinds of pictures of `bits` bits: noise, almost even, two levels, and a walk."""
    return st.tuples(st.sampled_from(['noise', 'even', 'levels', 'walk']), st.integers(8, 16), st.integers(40, 48),
                     st.integers(40, 48), st.integers(0, 1000))


def picture(kind, bits, height, width, seed):
    rng, largest = np.random.RandomState(seed), (1 << bits) - 1
    if kind == 'noise':
        counts = rng.randint(0, largest + 1, (height, width))
    elif kind == 'even':
        counts = largest // 2 + rng.randint(-2, 3, (height, width))
    elif kind == 'levels':
        counts = np.where(rng.uniform(size=(height, width)) > 0.95, largest, 0)
    else:
        counts = np.clip(largest // 2 + rng.randint(-largest // 9, largest // 9, (height, width)).cumsum(1), 0, largest)
    return counts.astype(np.uint16)


@settings(max_examples=15)
@given(pictures())
def test_every_kind_of_picture(kind):
    counts = picture(*kind)
    decoded = decode_jpeg_ls(jpeg_ls(counts, kind[1]), 'x')
    assert decoded.dtype == np.uint16 and np.array_equal(decoded, counts)


@pytest.mark.parametrize('preset', [
    (0, 0, 0, 0, 0), (65535, 18, 67, 276, 64), (65535, 1, 1, 1, 3), (65535, 5000, 6000, 65535, 255),
    (65535, 0, 0, 0, 7)])
def test_parameters_of_the_stream(preset):
    assert np.array_equal(decode_jpeg_ls(jpeg_ls(COUNTS, preset=preset), 'x'), COUNTS)


@pytest.mark.parametrize('largest', [128, 4094, 4095, 20002, 65534])
def test_a_largest_count_that_is_no_power_of_two(largest):
    counts = COUNTS % (largest + 1)
    assert np.array_equal(decode_jpeg_ls(jpeg_ls(counts, preset=(largest, 0, 0, 0, 0)), 'x'), counts)


def test_what_stands_around_the_picture_is_passed_over():
    assert np.array_equal(decode_jpeg_ls(jpeg_ls(COUNTS, spiff=True) + b'\xff\xd8more', 'x'), COUNTS)
    commented = STREAM[:2] + segment(0xFE, b'comment') + segment(0xDD, b'\0\0') + STREAM[2:]
    assert np.array_equal(decode_jpeg_ls(commented, 'x'), COUNTS)


@pytest.mark.parametrize('block_bytes', [1, 7, 64])
def test_bits_are_sorted_a_block_at_a_time(monkeypatch, block_bytes):
    monkeypatch.setattr('service.readers.jpeg_ls._BLOCK_BYTES', block_bytes)
    assert np.array_equal(decode_jpeg_ls(STREAM, 'x'), COUNTS)


def test_the_library_writes_the_same_scan():
    """On every Python, also where the library does not exist."""
    assert hashlib.sha256(scan_of(STREAM)).hexdigest() == SCAN_SHA256


class TestLibrary:
    """CharLS, which wrote what FLIR's programs write, agrees in both directions."""

    @pytest.fixture
    def library(self):
        return pytest.importorskip('jpeg_ls', reason='pyjpegls is installed with the tests on Python 3.11')

    @settings(max_examples=15)
    @given(pictures())
    def test_both_ways(self, kind):
        library = pytest.importorskip('jpeg_ls', reason='pyjpegls is installed with the tests on Python 3.11')
        counts = picture(*kind)
        if counts.max() > 255:  # it writes others with 8 bits
            assert np.array_equal(decode_jpeg_ls(library.encode(counts).tobytes(), 'x'), counts)
        stream = np.frombuffer(jpeg_ls(counts, kind[1]), np.uint8)
        assert np.array_equal(library.decode(stream), counts)

    def test_a_large_picture(self, library):
        rows, columns = np.mgrid[0:480, 0:640]
        body = 16000 + 1500 * np.exp(-((columns - 320) ** 2 + (rows - 260) ** 2) / 30000.0)
        counts = np.round(body + np.random.RandomState(0).normal(0, 6, body.shape)).astype(np.uint16)
        assert np.array_equal(decode_jpeg_ls(library.encode(counts).tobytes(), 'x'), counts)


def refused(data):
    with pytest.raises(InputError) as caught:
        decode_jpeg_ls(data, 'frame.csq')
    text = caught.value.message.text
    assert 'frame.csq' in text and '\n' not in text
    return caught.value


def changed(offset, *values):
    return STREAM[:offset] + bytes(values) + STREAM[offset + len(values):]


#: Offsets in the stream: the frame header's body, the scan header's body, its first coded byte.
FRAME, SCAN, CODED = 6, 19, 25
END = b'\xff\xd9'
#: What does not hold together: (bytes, code of the refusal).
LIES = {
    'start only': (STREAM[:2], 'file-truncated'),
    'half a header': (STREAM[:9], 'file-truncated'),
    'headers only': (STREAM[:CODED], 'file-truncated'),
    'no end': (STREAM[:-2], 'file-truncated'),
    'last rows missing': (STREAM[:-402] + END, 'file-truncated'),
    'bytes behind the last row': (STREAM[:-2] + b'abc' + END, 'file-damaged'),
    'no frame header': (STREAM[:2] + STREAM[15:], 'file-damaged'),
    'two frame headers': (STREAM[:15] + STREAM[2:], 'file-damaged'),
    'a short frame header': (STREAM[:2] + segment(0xF7, b'\x10\0') + STREAM[15:], 'file-damaged'),
    'no marker': (STREAM[:2] + b'\0' + STREAM[3:], 'file-damaged'),
    'a start within': (STREAM[:2] + b'\xff\xd8' + STREAM[4:], 'file-damaged'),
    'an impossible length': (STREAM[:2] + b'\xff\xfe\0\1' + STREAM[2:], 'file-damaged'),
    'a marker within': (STREAM[:500] + b'\xff\xd0' + STREAM[500:], 'file-damaged'),
    'too many bytes': (STREAM[:500] + bytes(5 * COUNTS.size) + STREAM[500:], 'file-damaged'),
    'zeros only': (STREAM[:CODED] + bytes(400) + END, 'file-damaged'),
    'a run beyond the row': (STREAM[:CODED] + b'\xff\x7f\xde' + bytes(400) + END, 'file-damaged'),
    'two planes': (changed(SCAN, 2), 'file-damaged'),
    'a table of values': (changed(SCAN + 2, 1), 'format-unsupported'),
    'loss': (changed(SCAN + 3, 2), 'format-unsupported'),
    'lines of planes': (changed(SCAN + 4, 1), 'format-unsupported'),
    'a shift': (changed(SCAN + 5, 1), 'format-unsupported'),
    'another kind of JPEG': (changed(3, 0xC3), 'format-unsupported'),
    '7 bits': (changed(FRAME, 7), 'format-unsupported'),
    '17 bits': (changed(FRAME, 17), 'format-unsupported'),
    '3 planes': (changed(FRAME + 5, 3), 'format-unsupported'),
    '1025x1280': (changed(FRAME + 1, 4, 1, 5, 0), 'format-unsupported'),
    '39 rows': (changed(FRAME + 1, 0, 39), 'frame-too-small'),
    '65535 rows': (changed(FRAME + 1, 255, 255), 'frame-too-large'),
    'a row less': (changed(FRAME + 1, 0, 59), 'file-damaged'),
    'restarts': (STREAM[:2] + segment(0xDD, b'\0\1') + STREAM[2:], 'format-unsupported'),
    'a mapping table': (STREAM[:2] + segment(0xF8, b'\2' + bytes(10)) + STREAM[2:], 'format-unsupported'),
    'thresholds that fall': (jpeg_ls(COUNTS, preset=(0, 9, 8, 0, 0)), 'file-damaged'),
    '99 as largest count': (jpeg_ls(COUNTS % 100, preset=(99, 0, 0, 0, 0)), 'file-damaged'),
    '256 in 8 bits': (jpeg_ls(COUNTS % 256, 8, preset=(256, 0, 0, 0, 0)), 'file-damaged'),
    'a reset after 2': (jpeg_ls(COUNTS, preset=(0, 0, 0, 0, 2)), 'file-damaged')}


@pytest.mark.parametrize('name', sorted(LIES))
def test_streams_that_lie(name):
    data, code = LIES[name]
    assert refused(data).code == code


def test_a_stream_that_is_cut_anywhere_is_refused():
    for length in range(2, len(STREAM), 151):
        assert refused(STREAM[:length]).code == 'file-truncated'
        assert refused(STREAM[:length] + b'\xff\xd9').code in ('file-truncated', 'file-damaged')


def test_flipped_bits_are_decoded_or_refused():
    rng = np.random.RandomState(3)
    for _ in range(60):
        data = np.frombuffer(STREAM, np.uint8).copy()
        data[rng.randint(0, len(data), 3)] ^= np.uint8(1) << rng.randint(0, 8, 3).astype(np.uint8)
        try:
            decoded = decode_jpeg_ls(data.tobytes(), 'x')
        except InputError as error:
            assert '\n' not in error.message.text
        else:
            assert decoded.dtype == np.uint16 and decoded.ndim == 2
