"""DICOM thermograms: those of this program, those of others, and objects that are none."""
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from service.readers import count_frames, read_raw, read_thermogram

from ...fakes.dicom_files import BIG, IMPLICIT, element, mapping, part10, thermogram, words
from .contract import CountsContract, ReaderContract, refusal
from .files import body_c

WITH_UNIT = {0x00409096: mapping()}


class TestDicom(ReaderContract):
    name, suffix = 'dicom', '.dcm'

    def content(self, celsius):
        return thermogram(words(celsius), WITH_UNIT)


class TestImplicitDicom(TestDicom):
    def content(self, celsius):
        return thermogram(words(celsius), WITH_UNIT, IMPLICIT)


class TestBigEndianDicom(TestDicom):
    def content(self, celsius):
        return thermogram(words(celsius), WITH_UNIT, BIG)


class TestDicomInKelvin(TestDicom):
    """A parametric map: floats, and a mapping for all frames."""

    tolerance = 1e-4

    def content(self, celsius):
        return thermogram((celsius + 273.15).astype(np.float32), {0x52009229: [{0x00409096: mapping(1.0, 0.0, 'K')}]})


class TestSignedDicom(TestDicom):
    def content(self, celsius):
        return thermogram(np.round(celsius * 100).astype(np.int16), {0x00409096: mapping(0.01, 0.0)})


class TestDicomCounts(CountsContract):
    """Without a unit nobody knows what the values mean."""

    name, suffix = 'dicom', '.dcm'

    def content(self, celsius):
        return thermogram(self.counts(celsius), {0x00281052: '-27315', 0x00281053: '1', 0x00281054: 'US'})


class TestGreyDicom(ReaderContract):
    name, suffix, unit, tolerance = 'dicom', '.dcm', 'relative', 0

    def content(self, celsius):
        return thermogram(self.expected(celsius).astype(np.uint8))

    def expected(self, celsius):
        return np.floor(celsius * 4)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.dcm'


WORDS = words(body_c())


def test_frames_their_time_their_origin_and_a_mirror_image(path):
    celsius = np.stack([body_c(seed=seed) for seed in range(3)])
    private = {0x00990010: b'SOMEBODY ELSE ', 0x00990011: b'THERMOSCREEN 1', 0x00991101: b'a1b2c3d4e5f60718',
               0x00991102: b'7 '}
    context = [{0x0040A043: [{0x00080100: 'emissivity'}], 0x0040A30A: '0.98'}]
    path.write_bytes(thermogram(words(celsius), merged(WITH_UNIT, private, {
        0x00080023: '20261130', 0x00080033: '013005.250', 0x00080201: '+0200', 0x00200020: 'R\\F',
        0x00400555: context})))
    assert count_frames(path) == 3
    third = read_thermogram(path, frame=3)
    assert np.abs(third.pixels[:, ::-1] - celsius[2]).max() < 0.006
    assert third.provenance.captured_at == '2026-11-29T23:30:05.000Z' and third.provenance.emissivity == 0.98
    assert third.provenance.notes == (
        'mirror image flipped back, as its orientation says', 'picture 7 of the exam a1b2c3d4e5f60718 of a station',
        'frame 3 of 3')


def merged(*parts):
    return {tag: value for part in parts for tag, value in part.items()}


def test_degrees_of_a_rescale_type_and_values_that_are_not_mapped(path):
    path.write_bytes(thermogram(WORDS, {0x00281052: '-273.15000001', 0x00281053: '0.01', 0x00281054: 'CEL'}))
    assert np.abs(read_thermogram(path).pixels - body_c()).max() < 0.006
    path.write_bytes(thermogram(WORDS, {0x00409096: mapping(last=int(WORDS.max()) - 1)}))
    assert 'beyond what the file maps' in read_thermogram(path).provenance.notes[0]


def test_twelve_bits_whose_others_mean_nothing(path):
    stored = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) % 4096
    twelve = {0x00280101: 12, 0x00280102: 11}
    path.write_bytes(thermogram(stored | 0xA000, twelve))
    assert np.array_equal(read_raw(path, 'optris').values, stored)
    signed = {0x00280101: 12, 0x00280102: 11, 0x00280103: 1, 0x00409096: mapping(0.1, 0.0)}
    path.write_bytes(thermogram(stored, signed))
    assert read_thermogram(path).pixels.min() == np.float32(-204.8)


@pytest.mark.parametrize('changes, code', [
    ({0x00280004: 'RGB', 0x00280002: 3}, 'picture-colour'), ({0x00280004: 'PALETTE COLOR'}, 'picture-colour'),
    ({0x00280010: 0}, 'frame-too-small'), ({0x00280010: 60000, 0x00280011: 60000}, 'frame-too-large'),
    ({0x00280011: 81}, 'file-truncated'), ({0x00280008: '2147483647'}, 'file-truncated'),
    ({0x00280008: '0'}, 'file-truncated'), ({0x00280008: '-3'}, 'file-damaged'), ({0x00280008: 'x'}, 'file-damaged'),
    ({0x00280100: 32}, 'format-unsupported'), ({0x00280101: 17}, 'format-unsupported'),
    ({0x00280102: 3}, 'format-unsupported'), ({0x00280010: None}, 'frame-too-small'),
    ({0x00280004: None}, 'picture-colour'), ({0x00280010: b'\x3c\0' * 2000}, 'file-damaged'),
    ({0x00409096: mapping(unit='%')}, 'dicom-unit'), ({0x00409096: mapping(unit='')}, 'dicom-unit'),
    ({0x00409096: mapping(slope=float('nan'))}, 'radiometry-constant'),
    ({0x00409096: mapping(slope=0.0)}, 'radiometry-constant'),
    ({0x00409096: mapping(slope=900.0)}, 'temperature-impossible'),
    ({0x00409096: None}, 'scale-unknown'), ({0x00080060: 'SR'}, 'format-unsupported'),
    ({0x7FE00010: None}, 'file-truncated'), ({0x00409096: b'\xff' * 64}, 'file-damaged')])
def test_objects_that_are_no_thermograms(path, changes, code):
    path.write_bytes(thermogram(WORDS, merged(WITH_UNIT, changes)))
    refusal(path, code)


@pytest.mark.parametrize('syntax', ['1.2.840.10008.1.2.4.80', '1.2.840.10008.1.2.1.99', '', '1.2.3'])
def test_nothing_is_decompressed(path, syntax):
    """Deflated bytes may be a thousand times as many."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    path.write_bytes(part10(packed.compress(bytes(1 << 22)) + packed.flush(), syntax))
    assert 'compressed' in refusal(path, 'format-unsupported').message.text


@pytest.mark.parametrize('body', [
    element(0x00081140, b'', length=0xFFFFFFFF) * 20000,  # sequences without an end, one in the other
    element(0x00280010, b'', length=0xFFFE), struct.pack('<HH', 0x0008, 0x0005) * 400000, b'\xff' * (1 << 21),
    b''.join(struct.pack('<HH2sH', 9, number % 65536, b'LO', 0) for number in range(300000)), b''],
    ids=['nested', 'long', 'pairs', 'ones', 'many', 'nothing'])
def test_hostile_headers_cost_little(path, body):
    path.write_bytes(part10(body))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(path).code in ('file-damaged', 'file-truncated', 'frame-too-small')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_pydicom_is_imported_when_such_a_file_is_opened():
    code = 'import sys, service.readers, service.cli; assert "pydicom" not in sys.modules'
    assert subprocess.call([sys.executable, '-c', code]) == 0
