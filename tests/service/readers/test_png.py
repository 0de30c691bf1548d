"""PNG: counts, grey pictures, and files made to do harm."""
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.readers import SCALES, read_thermogram

from .contract import CountsContract, ReaderContract, refusal
from .files import chunk, png


class TestCountsPng(CountsContract):
    name, suffix = 'png', '.png'

    def content(self, celsius):
        return png(self.counts(celsius))


class TestGreyPng(ReaderContract):
    name, suffix, unit, tolerance = 'png', '.png', 'relative', 0

    def content(self, celsius):
        return png(self.expected(celsius).astype(np.uint8))

    def expected(self, celsius):
        return np.floor(celsius * 4)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.png'


GREY = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80).astype(np.uint8)


@settings(max_examples=40)
@given(st.integers(40, 60), st.integers(40, 60), st.integers(0, 10000), st.sampled_from(sorted(SCALES)))
def test_every_count_of_every_scale(tmp_path_factory, height, width, seed, scale):
    per_count, zero_c = SCALES[scale].per_count_c, SCALES[scale].zero_c
    highest = min(65535, int((2000 - zero_c) / per_count))
    lowest = max(0, -int((273.15 + zero_c) / per_count))
    counts = np.random.RandomState(seed).randint(lowest, highest + 1, (height, width)).astype(np.uint16)
    path = tmp_path_factory.getbasetemp() / 'counts.png'
    path.write_bytes(png(counts))
    pixels = read_thermogram(path, scale=scale).pixels
    assert np.array_equal(pixels, (counts * per_count + zero_c).astype(np.float32))


@pytest.mark.parametrize('scale, count, tolerance', [
    ('centikelvin', 30715, 0.005), ('kelvin64', 19658, 0.008), ('ax5', 7679, 0.02),
    ('decikelvin', 3072, 0.06), ('optris', 1340, 0.005), ('centicelsius', 3400, 0.005)])
def test_golden_counts_of_34_degrees(path, scale, count, tolerance):
    path.write_bytes(png(np.full((48, 64), count, np.uint16)))
    assert abs(read_thermogram(path, scale=scale).pixels[0, 0] - 34) <= tolerance


def test_what_opencv_writes_is_read(path):
    counts = np.random.RandomState(0).randint(29000, 31000, (48, 64)).astype(np.uint16)
    path.write_bytes(cv2.imencode('.png', counts)[1].tobytes())
    assert np.abs(read_thermogram(path, scale='centikelvin').pixels - (counts * 0.01 - 273.15)).max() < 1e-4


@pytest.mark.parametrize('opacity', [None, 255])
def test_equal_channels_are_grey(path, opacity):
    channels = [GREY] * 3 + ([] if opacity is None else [np.full_like(GREY, opacity)])
    path.write_bytes(png(np.dstack(channels)))
    thermogram = read_thermogram(path)
    assert thermogram.unit == 'relative' and np.array_equal(thermogram.pixels, GREY)


def test_a_scale_does_not_make_temperatures_of_grey(path):
    path.write_bytes(png(GREY))
    thermogram = read_thermogram(path, scale='centikelvin')
    assert not thermogram.is_celsius and any('not used' in note for note in thermogram.provenance.notes)


@pytest.mark.parametrize('image, header, code', [
    (np.dstack([GREY, GREY, 255 - GREY]), {}, 'picture-colour'),
    (np.dstack([GREY, GREY, GREY, GREY]), {}, 'picture-transparent'),
    (GREY, {'colour': 3}, 'picture-colour'),
    (np.dstack([GREY] * 3).astype(np.uint16), {}, 'picture-colour'),
    (np.dstack([GREY] * 2).astype(np.uint16), {}, 'format-unsupported'),
    (GREY, {'depth': 4}, 'format-unsupported'),
    (GREY, {'colour': 5}, 'format-unsupported'),
    (GREY, {'interlace': 1}, 'format-unsupported'),
    (GREY, {'interlace': 7}, 'file-damaged'),
    (GREY, {'height': 61}, 'file-damaged'),
    (GREY, {'height': 59}, 'file-damaged'),
    (GREY, {'width': 81}, 'file-damaged'),
    (GREY, {'width': 20000, 'height': 20000}, 'frame-too-large'),
    (GREY, {'width': 1, 'height': 1}, 'frame-too-small'),
    (GREY, {'width': 0, 'height': 0}, 'frame-too-small'),
    (GREY, {'width': 0x7FFFFFFF, 'height': 0x7FFFFFFF}, 'frame-too-large')])
def test_unusable_kinds(path, image, header, code):
    path.write_bytes(png(image, **header))
    refusal(path, code, scale='centikelvin')


def of_chunks(*chunks):
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunks)


IHDR = chunk(b'IHDR', struct.pack('>IIBBBBB', 80, 60, 8, 0, 0, 0, 0))
IEND = chunk(b'IEND', b'')
ROWS = b''.join(b'\0' + row.tobytes() for row in GREY)


def test_a_compressed_bomb_is_stopped(path):
    """A gigabyte of zeros in a megabyte: never more is unpacked than the header promises."""
    packer = zlib.compressobj(9)
    bomb = b''.join(packer.compress(b'\0' * (1 << 20)) for _ in range(64)) + packer.flush()
    path.write_bytes(of_chunks(IHDR, chunk(b'IDAT', bomb), IEND))
    refusal(path, 'file-damaged')


def test_other_chunks_do_no_harm(path, capfd):
    bomb = b'Comment\0\0' + zlib.compress(b'x' * (1 << 22))
    path.write_bytes(of_chunks(IHDR, chunk(b'zTXt', bomb), chunk(b'gAMA', b'\0'), chunk(b'iCCP', b'junk'),
                               chunk(b'tRNS', b'\0\0'), chunk(b'IDAT', zlib.compress(ROWS)), IEND))
    assert np.array_equal(read_thermogram(path).pixels, GREY)
    assert capfd.readouterr() == ('', '')


def test_pixels_may_come_in_many_chunks(path):
    packed = zlib.compress(ROWS)
    parts = [chunk(b'IDAT', packed[start:start + 9]) for start in range(0, len(packed), 9)]
    path.write_bytes(of_chunks(IHDR, *(parts + [IEND])))
    assert np.array_equal(read_thermogram(path).pixels, GREY)


@pytest.mark.parametrize('chunks, code', [
    ([IEND], 'file-damaged'),
    ([chunk(b'IHDR', b'short'), IEND], 'file-damaged'),
    ([IHDR, IEND], 'file-truncated'),
    ([IHDR, chunk(b'IDAT', b'not zlib'), IEND], 'file-damaged'),
    ([IHDR, chunk(b'IDAT', zlib.compress(ROWS)[:-20]), IEND], 'file-truncated'),
    ([IHDR, chunk(b'IDAT', zlib.compress(ROWS[:-1])), IEND], 'file-damaged'),
    ([IHDR, chunk(b'IDAT', zlib.compress(b'\x09' + ROWS[1:])), IEND], 'file-damaged'),
    ([IHDR, chunk(b'IDAT', zlib.compress(ROWS))[:-1] + b'?', IEND], 'file-damaged'),
    ([IHDR, struct.pack('>I4s', 0xFFFFFFFF, b'IDAT') + b'x' * 64], 'file-truncated')])
def test_damage_in_the_chunks(path, chunks, code, capfd):
    path.write_bytes(of_chunks(*chunks))
    refusal(path, code)
    assert capfd.readouterr() == ('', '')
