"""TIFF: both byte orders, every compression, and directories that lie."""
import struct

import cv2
import numpy as np
import pytest

from service.readers import read_thermogram

from .contract import CountsContract, ReaderContract, refusal
from .files import body_c, tiff


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


class TestGreyTiff(ReaderContract):
    name, suffix, unit, tolerance = 'tiff', '.tif', 'relative', 0

    def content(self, celsius):
        return tiff(self.expected(celsius).astype(np.uint8))

    def expected(self, celsius):
        return np.floor(celsius * 4)


COUNTS = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) + 28000


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.tif'


def test_later_pages_are_mentioned(path):
    path.write_bytes(tiff(COUNTS, more=8))
    assert any('first page' in note for note in read_thermogram(path, scale='centikelvin').provenance.notes)


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
    refusal(path, code, scale='centikelvin')


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
