"""JPEG: grey pictures without temperatures, and nothing else."""
import struct

import cv2
import numpy as np
import pytest

from service.readers import read_thermogram

from .contract import ReaderContract, refusal
from .files import body_c

GREY = np.floor(body_c(64, 96) * 5).astype(np.uint8)


def jpeg(image, *options):
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95] + list(options))[1].tobytes()


class TestJpeg(ReaderContract):
    name, suffix, unit, tolerance = 'jpeg', '.jpg', 'relative', 12

    def content(self, celsius):
        return jpeg(self.expected(celsius).astype(np.uint8))

    def expected(self, celsius):
        return np.floor(celsius * 5)


class TestProgressiveJpeg(TestJpeg):
    suffix = '.jpeg'

    def content(self, celsius):
        return jpeg(self.expected(celsius).astype(np.uint8), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.jpg'


def test_equal_channels_are_grey(path):
    path.write_bytes(jpeg(np.dstack([GREY] * 3)))
    assert read_thermogram(path).unit == 'relative'


def test_colour_is_refused(path):
    path.write_bytes(jpeg(cv2.applyColorMap(GREY, cv2.COLORMAP_JET)))
    assert 'palette' in refusal(path, 'picture-colour').message.text


def after_start(data, marker, body):
    return data[:2] + struct.pack('>BBH', 0xFF, marker, len(body) + 2) + body + data[2:]


def exif(orientation):
    entry = struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0)
    return b'Exif\0\0MM\0*\0\0\0\x08\0\x01' + entry + b'\0\0\0\0'


def test_a_mirrored_orientation_is_undone(path):
    """Exif orientation 2 says the stored picture is a mirror image."""
    path.write_bytes(jpeg(GREY))
    plain = read_thermogram(path).pixels
    path.write_bytes(after_start(jpeg(GREY), 0xE1, exif(2)))
    assert np.array_equal(read_thermogram(path).pixels, plain[:, ::-1])


def resized(data, width, height, channels=1):
    start = data.index(b'\xff\xc0')
    return data[:start + 5] + struct.pack('>HHB', height, width, channels) + data[start + 10:]


@pytest.mark.parametrize('change, code', [
    (lambda data: resized(data, 20000, 20000), 'frame-too-large'),
    (lambda data: resized(data, 1, 1), 'frame-too-small'),
    (lambda data: resized(data, 96, 0), 'frame-too-small'),
    (lambda data: resized(data, 96, 64, 4), 'picture-colour'),
    (lambda data: data.replace(b'\xff\xc0', b'\xff\xc3', 1), 'format-unsupported'),
    (lambda data: data.replace(b'\xff\xc0\x00\x0b\x08', b'\xff\xc0\x00\x0b\x0c', 1), 'format-unsupported'),
    (lambda data: data.replace(b'\xff\xc0', b'\xff\xe9', 1), 'file-damaged'),
    (lambda data: data[:2] + data[2:].replace(b'\xff\xda', b'\xff\xd9', 1), 'file-damaged'),
    (lambda data: data[:-2], 'file-truncated'),
    (lambda data: data[:-400] + b'\xff\xd9', 'file-damaged'),
    (lambda data: b'\xff\xd8\xff', 'file-truncated'),
    (lambda data: b'\xff\xd8\xff\xe0\xff\xff', 'file-truncated'),
    (lambda data: b'\xff\xd8\xff\xe0\x00\x00' + data, 'file-damaged'),
    (lambda data: b'\xff\xd8\xff\xe0\x00\x02junk', 'file-damaged'),
    (lambda data: data[:-2] + data[data.index(b'\xff\xda'):-2] * 70 + b'\xff\xd9', 'file-damaged')])
def test_unusable_files(path, change, code, capfd):
    path.write_bytes(change(jpeg(GREY)))
    refusal(path, code)
    assert capfd.readouterr() == ('', '')
