"""Plain pictures and arrays, good and damaged: PNG, JPEG and npy; and nothing is said to standard error."""
import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.readers import SCALES, read_thermogram

from .contract import CountsContract, ReaderContract, refusal
from .files import body_c, chunk, npy, npy_of, png, tiff


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
def png_path(tmp_path):
    return tmp_path / 'frame.png'


GREY = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80).astype(np.uint8)


@settings(max_examples=40)
@given(st.integers(40, 60), st.integers(40, 60), st.integers(0, 10000), st.sampled_from(sorted(SCALES)))
def test_every_count_of_every_scale(tmp_path_factory, height, width, seed, scale):
    per_count, zero_c = SCALES[scale].per_count_c, SCALES[scale].zero_c
    highest = min(65535, int((2000 - zero_c) / per_count))
    lowest = max(0, -int((273.15 + zero_c) / per_count))
    counts = np.random.RandomState(seed).randint(lowest, highest + 1, (height, width)).astype(np.uint16)
    png_path = tmp_path_factory.getbasetemp() / 'counts.png'
    png_path.write_bytes(png(counts))
    pixels = read_thermogram(png_path, scale=scale).pixels
    assert np.array_equal(pixels, (counts * per_count + zero_c).astype(np.float32))


@pytest.mark.parametrize('scale, count, tolerance', [
    ('centikelvin', 30715, 0.005), ('kelvin64', 19658, 0.008), ('ax5', 7679, 0.02),
    ('decikelvin', 3072, 0.06), ('optris', 1340, 0.005), ('centicelsius', 3400, 0.005)])
def test_golden_counts_of_34_degrees(png_path, scale, count, tolerance):
    png_path.write_bytes(png(np.full((48, 64), count, np.uint16)))
    assert abs(read_thermogram(png_path, scale=scale).pixels[0, 0] - 34) <= tolerance


def test_what_opencv_writes_is_read(png_path):
    counts = np.random.RandomState(0).randint(29000, 31000, (48, 64)).astype(np.uint16)
    png_path.write_bytes(cv2.imencode('.png', counts)[1].tobytes())
    assert np.abs(read_thermogram(png_path, scale='centikelvin').pixels - (counts * 0.01 - 273.15)).max() < 1e-4


@pytest.mark.parametrize('opacity', [None, 255])
def test_equal_channels_of_a_png_are_grey(png_path, opacity):
    channels = [GREY] * 3 + ([] if opacity is None else [np.full_like(GREY, opacity)])
    png_path.write_bytes(png(np.dstack(channels)))
    thermogram = read_thermogram(png_path)
    assert thermogram.unit == 'relative' and np.array_equal(thermogram.pixels, GREY)


def test_a_scale_does_not_make_temperatures_of_grey(png_path):
    png_path.write_bytes(png(GREY))
    thermogram = read_thermogram(png_path, scale='centikelvin')
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
def test_unusable_kinds_of_png(png_path, image, header, code):
    png_path.write_bytes(png(image, **header))
    refusal(png_path, code, scale='centikelvin')


def of_chunks(*chunks):
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunks)


IHDR = chunk(b'IHDR', struct.pack('>IIBBBBB', 80, 60, 8, 0, 0, 0, 0))
IEND = chunk(b'IEND', b'')
ROWS = b''.join(b'\0' + row.tobytes() for row in GREY)


def test_a_compressed_bomb_is_stopped(png_path):
    """A gigabyte of zeros in a megabyte: never more is unpacked than the header promises."""
    packer = zlib.compressobj(9)
    bomb = b''.join(packer.compress(b'\0' * (1 << 20)) for _ in range(64)) + packer.flush()
    png_path.write_bytes(of_chunks(IHDR, chunk(b'IDAT', bomb), IEND))
    refusal(png_path, 'file-damaged')


def test_other_chunks_do_no_harm(png_path, capfd):
    bomb = b'Comment\0\0' + zlib.compress(b'x' * (1 << 22))
    png_path.write_bytes(of_chunks(IHDR, chunk(b'zTXt', bomb), chunk(b'gAMA', b'\0'), chunk(b'iCCP', b'junk'),
                               chunk(b'tRNS', b'\0\0'), chunk(b'IDAT', zlib.compress(ROWS)), IEND))
    assert np.array_equal(read_thermogram(png_path).pixels, GREY)
    assert capfd.readouterr() == ('', '')


def test_pixels_may_come_in_many_chunks(png_path):
    packed = zlib.compress(ROWS)
    parts = [chunk(b'IDAT', packed[start:start + 9]) for start in range(0, len(packed), 9)]
    png_path.write_bytes(of_chunks(IHDR, *(parts + [IEND])))
    assert np.array_equal(read_thermogram(png_path).pixels, GREY)


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
def test_damage_in_the_chunks(png_path, chunks, code, capfd):
    png_path.write_bytes(of_chunks(*chunks))
    refusal(png_path, code)
    assert capfd.readouterr() == ('', '')


JPEG_GREY = np.floor(body_c(64, 96) * 5).astype(np.uint8)


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
def jpeg_path(tmp_path):
    return tmp_path / 'frame.jpg'


def test_equal_channels_of_a_jpeg_are_grey(jpeg_path):
    jpeg_path.write_bytes(jpeg(np.dstack([JPEG_GREY] * 3)))
    assert read_thermogram(jpeg_path).unit == 'relative'


def test_a_colour_jpeg_is_refused(jpeg_path):
    jpeg_path.write_bytes(jpeg(cv2.applyColorMap(JPEG_GREY, cv2.COLORMAP_JET)))
    assert 'palette' in refusal(jpeg_path, 'picture-colour').message.text


def after_start(data, marker, body):
    return data[:2] + struct.pack('>BBH', 0xFF, marker, len(body) + 2) + body + data[2:]


def exif(orientation):
    entry = struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0)
    return b'Exif\0\0MM\0*\0\0\0\x08\0\x01' + entry + b'\0\0\0\0'


def test_a_mirrored_orientation_is_undone(jpeg_path):
    """Exif orientation 2 says the stored picture is a mirror image."""
    jpeg_path.write_bytes(jpeg(JPEG_GREY))
    plain = read_thermogram(jpeg_path).pixels
    jpeg_path.write_bytes(after_start(jpeg(JPEG_GREY), 0xE1, exif(2)))
    assert np.array_equal(read_thermogram(jpeg_path).pixels, plain[:, ::-1])


def of_maker(make, colour=True, markers=(), behind=b''):
    """A picture whose Exif names a make, with empty segments of other markers and bytes behind its end."""
    name = make.encode('ascii') + b'\0'
    tags = b'Exif\0\0MM\0*\0\0\0\x08\0\x01' + struct.pack('>HHI', 0x010F, 2, len(name))
    tags += name.ljust(4, b'\0') + bytes(4) if len(name) <= 4 else struct.pack('>II', 26, 0) + name
    data = after_start(jpeg(cv2.applyColorMap(JPEG_GREY, cv2.COLORMAP_JET) if colour else JPEG_GREY), 0xE1, tags)
    for marker in markers:
        data = after_start(data, marker, b'')
    return data + behind


#: Pictures that hold temperatures where this program does not read them, or held them: (file, maker, program).
MAKERS = {
    'DJI': (dict(make='DJI', markers=[0xE3, 0xE4]), 'DJI R-JPEG', 'DJI Thermal SDK'),
    'HIKMICRO': (dict(make='HIKMICRO'), 'HIKMICRO', 'HIKMICRO Analyzer'),
    'HIKMICRO without a make': (dict(make='', behind=b'HDRI' + bytes(400)), 'HIKMICRO', 'HIKMICRO Analyzer'),
    'FLIR A400': (dict(make='FLIR Systems AB'), 'FLIR camera without the counts', 'FLIR Thermal Studio')}


@pytest.mark.parametrize('name', sorted(MAKERS))
def test_the_maker_s_program_is_named(jpeg_path, name):
    picture, what, program = MAKERS[name]
    jpeg_path.write_bytes(of_maker(**picture))
    message = refusal(jpeg_path, 'picture-colour').message
    assert what in message.sentence and program in message.next_step
    jpeg_path.write_bytes(of_maker(colour=False, **picture))
    thermogram = read_thermogram(jpeg_path)
    assert not thermogram.is_celsius and any(program in note for note in thermogram.provenance.notes)


@pytest.mark.parametrize('make', ['DJI', 'Canon', ''])
def test_photographs_are_colour_pictures(jpeg_path, make):
    jpeg_path.write_bytes(of_maker(make))
    assert 'palette' in refusal(jpeg_path, 'picture-colour').message.text


@pytest.mark.parametrize('offset', [0, 26, 400])
def test_a_make_that_cannot_be_read_is_none(jpeg_path, offset):
    data = of_maker('FLIR Systems')
    place = data.index(struct.pack('>I', 26))
    jpeg_path.write_bytes(data[:place] + struct.pack('>I', offset) + data[place + 4:])
    assert ('FLIR' in refusal(jpeg_path, 'picture-colour').message.text) == (offset == 26)


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
def test_unusable_jpegs(jpeg_path, change, code, capfd):
    jpeg_path.write_bytes(change(jpeg(JPEG_GREY)))
    refusal(jpeg_path, code)
    assert capfd.readouterr() == ('', '')


class TestNpy(ReaderContract):
    name, suffix = 'npy', '.npy'

    def content(self, celsius):
        return npy(celsius.astype(np.float32))


class TestCountsNpy(CountsContract):
    name, suffix = 'npy', '.npy'

    def content(self, celsius):
        return npy(self.counts(celsius))


@pytest.fixture
def npy_path(tmp_path):
    return tmp_path / 'frame.npy'


@settings(max_examples=30)
@given(st.sampled_from(['<f4', '>f4', '<f8', '>f8']), st.booleans(), st.integers(40, 60), st.integers(40, 60))
def test_what_numpy_saves_is_read(tmp_path_factory, dtype, fortran, height, width):
    celsius = body_c(height, width).astype(dtype)
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(celsius) if fortran else celsius)
    npy_path = tmp_path_factory.getbasetemp() / 'any.npy'
    npy_path.write_bytes(stream.getvalue())
    pixels = read_thermogram(npy_path).pixels
    assert np.array_equal(pixels, celsius.astype(np.float32)) and pixels.dtype == np.float32


@pytest.mark.parametrize('version', [(1, 0), (2, 0), (3, 0)])
def test_every_header_version(npy_path, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, body_c(), version=version)
    npy_path.write_bytes(stream.getvalue())
    assert read_thermogram(npy_path).is_celsius


@pytest.mark.parametrize('array, code', [
    (np.zeros((60, 80, 3), np.float32), 'frame-not-2d'),
    (np.zeros(4800, np.float32), 'frame-not-2d'),
    (np.zeros((60, 80), np.int32), 'frame-not-numbers'),
    (np.zeros((60, 80), np.uint8), 'frame-not-numbers'),
    (np.zeros((60, 80), np.complex64), 'frame-not-numbers'),
    (np.zeros((60, 80), bool), 'frame-not-numbers'),
    (np.full((60, 80), np.nan), 'frame-not-finite'),
    (np.full((60, 80), np.inf, np.float32), 'frame-not-finite'),
    (np.full((60, 80), 1e300), 'temperature-impossible'),
    (np.full((60, 80), -274.0), 'temperature-impossible'),
    (np.full((60, 80), 3072.0), 'temperature-impossible'),
    (np.zeros((1, 1)), 'frame-too-small')])
def test_unusable_arrays(npy_path, array, code):
    npy_path.write_bytes(npy(array))
    refusal(npy_path, code)


def test_what_python_2_wrote_is_read_without_a_warning(npy_path):
    """Its header writes a large number as 120L, which NumPy warns of on standard error."""
    whole = npy(np.full((120, 160), 30, np.float32))
    npy_path.write_bytes(whole.replace(b'(120, 160), } ', b'(120L, 160), }'))
    assert read_thermogram(npy_path).height == 120


def test_objects_are_not_unpickled(npy_path):
    stream = io.BytesIO()
    np.save(stream, np.array([[{}] * 60] * 60, object), allow_pickle=True)
    npy_path.write_bytes(stream.getvalue())
    assert refusal(npy_path).code in ('file-damaged', 'frame-not-numbers')


NPY_HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (60, 80), }"


@pytest.mark.parametrize('header, code', [
    (NPY_HEADER.replace('60, 80', '20000, 20000'), 'frame-too-large'),
    (NPY_HEADER.replace('60, 80', '4000, 4000'), 'file-truncated'),
    (NPY_HEADER.replace('60, 80', '9' * 90 + ', 80'), 'frame-too-large'),
    (NPY_HEADER.replace('60, 80', '60 60, 80'), 'file-damaged'),
    (NPY_HEADER.replace('60, 80', ''), 'frame-not-2d'),
    (NPY_HEADER.replace('60, 80', '-60, 80'), 'file-damaged'),
    (NPY_HEADER.replace('60, 80', '50, 80'), 'file-damaged'),
    (NPY_HEADER.replace('<f4', '|O8'), 'frame-not-numbers'),
    (NPY_HEADER.replace("'<f4'", "[('a', '<f4')]"), 'file-damaged'),
    (NPY_HEADER.replace('False', '__import__("os")'), 'file-damaged'),
    ('(' * 4000, 'file-damaged'),
    (NPY_HEADER + ' ' * 9000, 'file-damaged')])
def test_headers_that_lie(npy_path, header, code):
    npy_path.write_bytes(npy_of(header, body_c().astype('<f4').tobytes()))
    refusal(npy_path, code)


def test_an_unknown_version_of_npy_is_refused(npy_path):
    npy_path.write_bytes(npy(body_c()).replace(b'NUMPY\x01', b'NUMPY\x09', 1))
    refusal(npy_path, 'file-damaged')


JPEG_GREY = np.floor(body_c(64, 96) * 5).astype(np.uint8)
CENTIKELVIN = np.round((body_c() + 273.15) * 100).astype(np.uint16)


def grey_jpeg():
    return cv2.imencode('.jpg', JPEG_GREY, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


PICTURES = {'grey.jpg': grey_jpeg(), 'grey.png': png(JPEG_GREY), 'counts.png': png(CENTIKELVIN),
            'grey.tif': tiff(JPEG_GREY), 'lzw.tif': cv2.imencode('.tif', CENTIKELVIN)[1].tobytes()}


#: Reads whole pictures and says which descriptors are left over; then closes standard error, as a service manager may,
#: and says what becomes of a picture with a hole in it. A process of its own, whose descriptors nobody else closes.
ALONE = '''
import os, sys, tempfile
from service.messages import InputError
from service.readers import read_thermogram

def refuse(*args):
    raise AssertionError('a descriptor was duplicated')

os.dup = os.dup2 = refuse
tempfile.tempdir = '/nowhere'
hole, whole = sys.argv[1], sys.argv[2:]
before = os.listdir('/proc/self/fd')
for path in whole:
    assert read_thermogram(path, scale='centikelvin').pixels.size
    print('%s left' % sorted(set(os.listdir('/proc/self/fd')) - set(before)))
os.close(2)
try:
    read_thermogram(hole)
    print('accepted')
except InputError as error:
    print(error.code)
'''


#: One thread writes numbered lines while another one reads pictures.
TALKING = '''
import os, sys, threading
from service.readers import read_thermogram
read = threading.Event()

def talk():
    number = 0
    while number < 2000 or not read.is_set():
        number += 1
        os.write(2, b'Warning: %d\\n' % number)
    print(number)

talker = threading.Thread(target=talk)
talker.start()
for _ in range(100):
    read_thermogram(sys.argv[1])
read.set()
talker.join()
'''


def run(program, paths, root):
    done = subprocess.run([sys.executable, '-c', program] + [str(path) for path in paths], cwd=str(root),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    return done.stdout.decode().strip(), done.stderr.splitlines()


def test_reading_needs_no_descriptor_more_and_no_standard_error(tmp_path, root):
    paths = [tmp_path / name for name in ['hole.jpg'] + sorted(PICTURES)]
    paths[0].write_bytes(grey_jpeg()[:-400] + b'\xff\xd9')
    refusal(paths[0], 'file-damaged')
    for path in paths[1:]:
        path.write_bytes(PICTURES[path.name])
    out, err = run(ALONE, paths, root)
    assert out.splitlines() == ['[] left'] * len(PICTURES) + ['file-damaged'] and err == []


def test_lines_of_other_threads_are_all_there(tmp_path, root):
    path = tmp_path / 'grey.jpg'
    path.write_bytes(PICTURES['grey.jpg'])
    count, lines = run(TALKING, [path], root)
    assert lines == [b'Warning: %d' % number for number in range(1, int(count) + 1)]
