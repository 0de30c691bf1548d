"""Radiometric JPEGs: temperatures from the counts inside, whatever the picture around them shows."""
import struct

import numpy as np
import pytest

from service.radiometry import flir_celsius, flir_raw
from service.readers import read_raw, read_thermogram
from tests.fakes.flir_files import I7, fff, flir_jpeg, frame, png16, raw_data
from tests.service.readers.contract import ReaderContract, refusal
from tests.service.readers.files import body_c

#: One count of the i7 is 9.4 mK at 34 C and 10.6 mK at 22 C; half of one, plus float32.
QUANTUM_C = 0.0106


class TestFlirJpeg(ReaderContract):
    name, suffix, tolerance = 'flir-jpeg', '.jpg', QUANTUM_C / 2 + 1e-4

    def content(self, celsius):
        return flir_jpeg(frame(celsius))


class TestPackedFlirJpeg(TestFlirJpeg):
    """PNG in many chunks, as newer cameras write it; the record of the camera high byte first."""

    suffix = '.jpeg'

    def content(self, celsius):
        return flir_jpeg(frame(celsius, record_order='>', pixels=png16), chunk_bytes=1500)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.jpg'


BODY = body_c()
WHOLE = frame(BODY)


def test_what_the_file_states_reaches_the_record(path):
    path.write_bytes(flir_jpeg(WHOLE))
    provenance = read_thermogram(path).provenance
    assert (provenance.emissivity, provenance.captured_at) == (0.98, '2024-05-31T09:30:00.250Z')
    assert provenance.notes == ('taken with a FLIR i7',)


def test_the_counts_and_parameters_can_be_had(path):
    path.write_bytes(flir_jpeg(WHOLE))
    saved = read_raw(path)
    assert saved.values.dtype == np.uint16 and np.array_equal(saved.values, flir_raw(BODY, I7))
    assert np.array_equal(flir_celsius(saved.values, saved.meaning), read_thermogram(path).pixels)


def test_a_corrected_emissivity_is_computed_with(path):
    path.write_bytes(flir_jpeg(WHOLE))
    (path.parent / 'frame.json').write_text('{"emissivity": 0.9}')
    corrected = read_thermogram(path)
    expected = flir_celsius(flir_raw(BODY, I7), I7.corrected({'emissivity': 0.9}))
    assert np.abs(corrected.pixels - expected).max() < 1e-4
    assert 0.3 < np.abs(corrected.pixels - BODY).max() < 2
    assert corrected.provenance.emissivity == 0.9
    assert any('0.9 instead of 0.98' in note for note in corrected.provenance.notes)


@pytest.mark.parametrize('numbers', [
    None,
    [(0, 0)] * 11,
    [(10 - number, 10) for number in range(11)]], ids=['numbered', 'all zero', 'backwards'])
def test_chunks_are_put_together(path, numbers):
    data = WHOLE
    size = -(-len(data) // 11)
    if numbers and numbers[0] == (10, 10):
        pieces = [data[start:start + size] for start in range(0, len(data), size)][::-1]
        data = b''.join(piece.ljust(size, b'\0') for piece in pieces)
    path.write_bytes(flir_jpeg(data, size, numbers))
    assert np.abs(read_thermogram(path).pixels - BODY).max() < QUANTUM_C


@pytest.mark.parametrize('numbers', [
    [(0, 2), (1, 2), (1, 2)], [(0, 2), (1, 2), (3, 2)], [(0, 3), (1, 3), (2, 3)], [(0, 2), (1, 2), (0, 0)]])
def test_chunks_that_do_not_fit_together_are_refused(path, numbers):
    path.write_bytes(flir_jpeg(WHOLE, -(-len(WHOLE) // 3), numbers))
    refusal(path, 'file-damaged')


def test_a_chunk_without_a_number_is_refused(path):
    data = flir_jpeg(WHOLE)
    path.write_bytes(data[:2] + struct.pack('>BBH', 0xFF, 0xE1, 8) + b'FLIR\0\1' + data[2:])
    refusal(path, 'file-damaged')


def test_humidity_in_percent_is_understood(path):
    path.write_bytes(flir_jpeg(frame(BODY, humidity=50.0)))
    assert np.abs(read_thermogram(path).pixels - BODY).max() < QUANTUM_C


@pytest.mark.parametrize('swapped, said', [(True, 0), (False, 1)])
def test_both_ways_round_of_a_png_are_read(path, swapped, said):
    path.write_bytes(flir_jpeg(frame(BODY, pixels=lambda raw: png16(raw, swapped))))
    thermogram = read_thermogram(path)
    assert np.abs(thermogram.pixels - BODY).max() < QUANTUM_C
    assert [note for note in thermogram.provenance.notes if 'high byte first' in note] == \
        ['the raw counts were stored high byte first'] * said


@pytest.mark.parametrize('taken_at', [(0, 0), (0xFFFFFFFF, 0)])
def test_a_clock_that_was_never_set_gives_no_time(path, taken_at):
    path.write_bytes(flir_jpeg(frame(BODY, taken_at=taken_at)))
    assert read_thermogram(path).provenance.captured_at == ''


@pytest.mark.parametrize('patch, code', [
    ((0x20, 'f', 0.0), 'radiometry-value'),
    ((0x20, 'f', float('nan')), 'radiometry-value'),
    ((0x24, 'f', -1.0), 'radiometry-value'),
    ((0x28, 'f', float('inf')), 'radiometry-value'),
    ((0x2C, 'f', 0.0), 'radiometry-value'),
    ((0x34, 'f', 0.0), 'radiometry-value'),
    ((0x3C, 'f', -0.5), 'radiometry-value'),
    ((0x3C, 'f', 900.0), 'radiometry-value'),
    ((0x58, 'f', 0.0), 'radiometry-constant'),
    ((0x58, 'f', float('nan')), 'radiometry-constant'),
    ((0x5C, 'f', -1.0), 'radiometry-constant'),
    ((0x70, 'f', float('-inf')), 'radiometry-constant'),
    ((0x30C, 'f', 0.0), 'radiometry-constant'),
    ((0x308, 'i', -60000), 'radiometry-no-temperature'),
    ((0x70, 'f', 5.0), 'radiometry-air'),
    ((0, 'H', 3), 'file-damaged')])
def test_statements_that_cannot_be_are_refused_by_name(path, patch, code):
    path.write_bytes(flir_jpeg(frame(BODY, patch=[patch])))
    assert 'frame.jpg' in refusal(path, code).message.text


@pytest.mark.parametrize('records, code', [
    ([(0x01, 2, raw_data(flir_raw(BODY, I7)))], 'flir-no-calibration'),
    ([(0x22, 1, b'x' * 784)], 'flir-no-raw')])
def test_counts_need_a_calibration_and_a_calibration_counts(path, records, code):
    path.write_bytes(flir_jpeg(fff(records)))
    refusal(path, code)


def test_real_files(shared_data):
    """Minimum, maximum and mean after flyr 5.1.0, as shared/data/formats/README.md states them."""
    for name, shape, statistics in (('flir_e40.jpg', (120, 160), (17.876, 24.700, 21.089)),
                                    ('flir_example.jpg', (320, 240), (25.948, 62.320, 29.119))):
        thermogram = read_thermogram(shared_data / 'formats' / name)
        pixels = thermogram.pixels
        assert pixels.shape == shape and thermogram.provenance.emissivity == 0.95
        assert thermogram.provenance.notes == (('taken with a FLIR E40',) if name == 'flir_e40.jpg' else ())
        assert np.allclose((pixels.min(), pixels.max(), pixels.mean(dtype=np.float64)), statistics, atol=0.0006)


def test_a_real_camera_s_clock(shared_data):
    """Its Exif says 09:24:01 of a clock one hour behind UTC."""
    provenance = read_thermogram(shared_data / 'formats' / 'flir_e40.jpg').provenance
    assert provenance.captured_at == '2013-04-12T10:24:01.131Z'
