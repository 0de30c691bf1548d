"""Files of FLIR cameras: radiometric JPEGs, containers of one frame and of many, and directories that lie."""
import json
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.radiometry import flir_celsius, flir_raw
from service.readers import count_frames, read_raw, read_thermogram
from tests.fakes.flir_files import I7, camera_info, fff, flir_jpeg, frame, png16, raw_data
from tests.fakes.jpeg_ls import jpeg_ls

from .contract import ReaderContract, refusal
from .files import body_c

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


class TestJpegLsFlirJpeg(TestFlirJpeg):
    """As FLIR Thermal Studio saves a picture again."""

    def content(self, celsius):
        return flir_jpeg(frame(celsius, pixels=lambda raw: jpeg_ls(raw, spiff=True)), chunk_bytes=1500)


@pytest.fixture
def jpeg_path(tmp_path):
    return tmp_path / 'frame.jpg'


BODY = body_c()
WHOLE = frame(BODY)


def test_what_the_file_states_reaches_the_record(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(WHOLE))
    provenance = read_thermogram(jpeg_path).provenance
    assert (provenance.emissivity, provenance.captured_at) == (0.98, '2024-05-31T09:30:00.250Z')
    assert provenance.notes == ('taken with a FLIR i7',)


def test_the_counts_and_parameters_can_be_had(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(WHOLE))
    saved = read_raw(jpeg_path)
    assert saved.values.dtype == np.uint16 and np.array_equal(saved.values, flir_raw(BODY, I7))
    assert np.array_equal(flir_celsius(saved.values, saved.meaning), read_thermogram(jpeg_path).pixels)


def test_a_corrected_emissivity_is_computed_with(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(WHOLE))
    (jpeg_path.parent / 'frame.json').write_text('{"emissivity": 0.9}')
    corrected = read_thermogram(jpeg_path)
    expected = flir_celsius(flir_raw(BODY, I7), I7.corrected({'emissivity': 0.9}))
    assert np.abs(corrected.pixels - expected).max() < 1e-4
    assert 0.3 < np.abs(corrected.pixels - BODY).max() < 2
    assert corrected.provenance.emissivity == 0.9
    assert any('0.9 instead of 0.98' in note for note in corrected.provenance.notes)


@pytest.mark.parametrize('numbers', [
    None,
    [(0, 0)] * 11,
    [(10 - number, 10) for number in range(11)]], ids=['numbered', 'all zero', 'backwards'])
def test_chunks_are_put_together(jpeg_path, numbers):
    data = WHOLE
    size = -(-len(data) // 11)
    if numbers and numbers[0] == (10, 10):
        pieces = [data[start:start + size] for start in range(0, len(data), size)][::-1]
        data = b''.join(piece.ljust(size, b'\0') for piece in pieces)
    jpeg_path.write_bytes(flir_jpeg(data, size, numbers))
    assert np.abs(read_thermogram(jpeg_path).pixels - BODY).max() < QUANTUM_C


@pytest.mark.parametrize('numbers', [
    [(0, 2), (1, 2), (1, 2)], [(0, 2), (1, 2), (3, 2)], [(0, 3), (1, 3), (2, 3)], [(0, 2), (1, 2), (0, 0)]])
def test_chunks_that_do_not_fit_together_are_refused(jpeg_path, numbers):
    jpeg_path.write_bytes(flir_jpeg(WHOLE, -(-len(WHOLE) // 3), numbers))
    refusal(jpeg_path, 'file-damaged')


def test_a_chunk_without_a_number_is_refused(jpeg_path):
    data = flir_jpeg(WHOLE)
    jpeg_path.write_bytes(data[:2] + struct.pack('>BBH', 0xFF, 0xE1, 8) + b'FLIR\0\1' + data[2:])
    refusal(jpeg_path, 'file-damaged')


def test_humidity_in_percent_is_understood(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, humidity=50.0)))
    assert np.abs(read_thermogram(jpeg_path).pixels - BODY).max() < QUANTUM_C


@pytest.mark.parametrize('swapped, said', [(True, 0), (False, 1)])
def test_both_ways_round_of_a_png_are_read(jpeg_path, swapped, said):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, pixels=lambda raw: png16(raw, swapped))))
    thermogram = read_thermogram(jpeg_path)
    assert np.abs(thermogram.pixels - BODY).max() < QUANTUM_C
    assert [note for note in thermogram.provenance.notes if 'high byte first' in note] == \
        ['the raw counts were stored high byte first'] * said


@pytest.mark.parametrize('taken_at', [(0, 0), (0xFFFFFFFF, 0)])
def test_a_clock_that_was_never_set_gives_no_time(jpeg_path, taken_at):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, taken_at=taken_at)))
    assert read_thermogram(jpeg_path).provenance.captured_at == ''


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
def test_statements_that_cannot_be_are_refused_by_name(jpeg_path, patch, code):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, patch=[patch])))
    assert 'frame.jpg' in refusal(jpeg_path, code).message.text


@pytest.mark.parametrize('patch, stated, note', [
    ((0x20, 'f', 0.0), {'emissivity': 0.98}, 'emissivity 0.98 instead of 0'),
    ((0x20, 'f', float('nan')), {'emissivity': 0.98}, 'emissivity 0.98 instead of nan'),
    ((0x20, 'f', 95.0), {'emissivity': 0.98}, 'emissivity 0.98 instead of 95'),
    ((0x24, 'f', -1.0), {'distance_m': 1.0}, 'distance 1 instead of -1'),
    ((0x28, 'f', float('inf')), {'reflected_c': 21.0}, 'reflected temperature 21 instead of inf'),
    ((0x2C, 'f', 0.0), {'air_c': 22.0}, 'air temperature 22 instead of -273.15'),
    ((0x34, 'f', 0.0), {'window_transmission': 1.0}, 'transmission of the window 1 instead of 0'),
    ((0x3C, 'f', 900.0), {'humidity_percent': 50.0}, 'relative humidity 50 instead of 900')])
@pytest.mark.parametrize('sidecar', [True, False])
def test_a_statement_that_cannot_be_is_overruled(jpeg_path, patch, stated, note, sidecar):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, patch=[patch])))
    if sidecar:
        (jpeg_path.parent / 'frame.json').write_text(json.dumps(stated))
    thermogram = read_thermogram(jpeg_path, corrections={} if sidecar else stated)
    assert np.abs(thermogram.pixels - BODY).max() < QUANTUM_C
    assert 'computed with ' + note in thermogram.provenance.notes and thermogram.provenance.warnings == ()


def test_an_option_overrules_the_sidecar(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY)))
    (jpeg_path.parent / 'frame.json').write_text('{"emissivity": 0.5}')
    assert np.abs(read_thermogram(jpeg_path, corrections={'emissivity': 0.98}).pixels - BODY).max() < QUANTUM_C


def test_a_window_of_0_k_counts_only_where_there_is_one(jpeg_path):
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, patch=[(0x30, 'f', 0.0)])))
    assert np.abs(read_thermogram(jpeg_path).pixels - BODY).max() < QUANTUM_C
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, patch=[(0x30, 'f', 0.0), (0x34, 'f', 0.9)])))
    assert '--window 22' in refusal(jpeg_path, 'radiometry-value').message.next_step


def test_statements_of_a_cat_s61_are_in_doubt(jpeg_path):
    """See issue 19 of Thermimage: a room of 298 K written as °C, and a window that nobody has put there."""
    jpeg_path.write_bytes(flir_jpeg(frame(BODY, patch=[(0x28, 'f', 571.15), (0x34, 'f', 0.82)])))
    warnings = read_thermogram(jpeg_path).provenance.warnings
    assert [name for warning in warnings for name in warning.facts] == ['reflected_c', 'window_transmission']
    assert 'reflected temperature is 298 °C' in warnings[0].sentence and '24.9 °C' in warnings[0].sentence
    assert '0.82' in warnings[1].sentence and '--window-transmission 1,' in warnings[1].next_step
    right = read_thermogram(jpeg_path, corrections={'reflected_c': 21.0, 'window_transmission': 1.0})
    assert np.abs(right.pixels - BODY).max() < QUANTUM_C and right.provenance.warnings == ()


@pytest.mark.parametrize('records, code', [
    ([(0x01, 2, raw_data(flir_raw(BODY, I7)))], 'flir-no-calibration'),
    ([(0x22, 1, b'x' * 784)], 'flir-no-raw')])
def test_counts_need_a_calibration_and_a_calibration_counts(jpeg_path, records, code):
    jpeg_path.write_bytes(flir_jpeg(fff(records)))
    message = refusal(jpeg_path, code).message
    assert 'CSV' in message.next_step and 'as a radiometric' not in message.next_step


@pytest.mark.parametrize('name, shape, notes, statistics, by_halves', [
    ('flir_e40.jpg', (120, 160), ('taken with a FLIR E40',), (17.863, 24.668, 21.067), (17.876, 24.700, 21.089)),
    ('flir_example.jpg', (320, 240), (), (25.934, 62.231, 29.097), (25.948, 62.320, 29.119))])
def test_real_files(shared_data, name, shape, notes, statistics, by_halves):
    """Minimum, maximum, mean. flyr 5.1.0, which shared/data/formats/README.md quotes, takes the air by halves."""
    raw = read_raw(shared_data / 'formats' / name)
    thermogram = raw.thermogram()
    assert thermogram.pixels.shape == shape and thermogram.provenance.emissivity == 0.95
    assert thermogram.provenance.notes == notes
    assert np.allclose(statistics_of(thermogram.pixels), statistics, atol=0.0006)
    assert np.allclose(statistics_of(celsius_by_halves(raw.values, raw.meaning)), by_halves, atol=0.0006)


def statistics_of(celsius):
    return celsius.min(), celsius.max(), celsius.mean(dtype=np.float64)


def celsius_by_halves(raw, parameters):
    """The formula of [Thermimage], which flyr uses: a window in the middle, half of the air on each side of it."""
    setting, planck = parameters.object_parameters, parameters.planck
    half, window = parameters.air.transmission(setting.corrected({'distance_m': setting.distance_m / 2})), \
        setting.window_transmission
    whole = half * half * window
    others = ((1 - setting.emissivity) * whole * planck.counts(setting.reflected_c) +
              (half * window + 1) * (1 - half) * planck.counts(setting.air_c) +
              half * (1 - window) * planck.counts(setting.window_c))
    return planck.celsius((raw - others) / (setting.emissivity * whole))


def test_headers_of_other_people_as_they_are(shared_data):
    assert '--emissivity 0.98' in refusal(shared_data / 'cases' / 'k7_emissivity_0.jpg',
                                          'radiometry-value').message.next_step
    warnings = read_thermogram(shared_data / 'cases' / 'k9_cat_s61.jpg').provenance.warnings
    assert [name for warning in warnings for name in warning.facts] == ['reflected_c', 'window_transmission']


def test_a_real_camera_s_clock(shared_data):
    """Its Exif says 09:24:01 of a clock one hour behind UTC."""
    provenance = read_thermogram(shared_data / 'formats' / 'flir_e40.jpg').provenance
    assert provenance.captured_at == '2013-04-12T10:24:01.131Z'


RAW = flir_raw(BODY, I7)


class TestFff(ReaderContract):
    name, suffix, tolerance = 'fff', '.fff', QUANTUM_C / 2 + 1e-4

    def content(self, celsius):
        return frame(celsius, order='<')


class TestBigEndianFff(TestFff):
    def content(self, celsius):
        return frame(celsius, order='>', record_order='>')


class TestPackedSeq(TestFff):
    suffix = '.seq'

    def content(self, celsius):
        return frame(celsius, order='<', pixels=png16)


class TestCsq(TestFff):
    suffix = '.csq'

    def content(self, celsius):
        return frame(celsius, order='<', pixels=jpeg_ls)


@pytest.fixture
def seq_path(tmp_path):
    return tmp_path / 'frames.seq'


@settings(max_examples=20)
@given(st.sampled_from('<>'), st.sampled_from('<>'), st.integers(40, 70), st.integers(40, 70), st.booleans(),
       st.integers(1, 40))
def test_every_layout_is_read(tmp_path_factory, order, record_order, height, width, packed, places):
    raw = flir_raw(body_c(height, width), I7)
    seq_path = tmp_path_factory.getbasetemp() / 'any.fff'
    records = [(0x01, 3 if packed else 2, raw_data(raw, record_order, png16(raw) if packed else None)),
               (0x20, 1, camera_info(order=record_order))]
    seq_path.write_bytes(fff(records, order, places + 1))
    assert np.abs(read_thermogram(seq_path).pixels - body_c(height, width)).max() < QUANTUM_C


@pytest.mark.parametrize('padding', [0, 1, 3000])
def test_every_frame_of_a_recording_can_be_had(seq_path, padding):
    frames = [body_c(seed=seed) for seed in range(4)]
    seq_path.write_bytes(b''.join(frame(celsius, order='<', taken_at=(1717147800 + number, 0)) + b'\xff' * padding
                              for number, celsius in enumerate(frames)))
    assert count_frames(seq_path) == 4
    for number, celsius in enumerate(frames, 1):
        thermogram = read_thermogram(seq_path, frame=number)
        assert np.abs(thermogram.pixels - celsius).max() < QUANTUM_C
        assert thermogram.provenance.captured_at == '2024-05-31T09:30:0%d.000Z' % (number - 1)
        assert 'frame %d of 4' % number in thermogram.provenance.notes
    assert 'frames 1 to 4' in refusal(seq_path, 'frame-missing', frame=5).message.text


def test_counts_that_look_like_a_header_are_no_frame(seq_path):
    raw = RAW.copy()
    raw[30, :2] = np.frombuffer(b'FFF\0', '<u2')
    seq_path.write_bytes(fff([(0x20, 1, camera_info()), (0x01, 2, raw_data(raw))], '<') * 2)
    assert count_frames(seq_path) == 2


@pytest.mark.parametrize('left', [10, 70, 600, 5000])
def test_a_recording_that_was_interrupted_has_its_whole_frames(seq_path, left):
    whole = frame(BODY, order='<')
    seq_path.write_bytes(whole * 2 + whole[:left])
    assert count_frames(seq_path) == 2
    assert np.array_equal(read_thermogram(seq_path, frame=2).pixels, read_thermogram(seq_path).pixels)
    assert any('rest' in note for note in read_thermogram(seq_path).provenance.notes)


def test_a_long_recording_is_not_read_whole(seq_path, monkeypatch):
    whole = frame(BODY, order='<')
    with open(str(seq_path), 'wb') as stream:
        stream.write(whole * 2)
        os.truncate(stream.fileno(), 8 << 30)
    assert count_frames(seq_path) == 2 and read_thermogram(seq_path, frame=2).is_celsius


def test_every_frame_of_a_csq(tmp_path):
    csq_path = tmp_path / 'frames.csq'
    frames = [body_c(seed=seed) for seed in range(3)]
    csq_path.write_bytes(b''.join(frame(celsius, order='<', pixels=jpeg_ls) for celsius in frames))
    assert count_frames(csq_path) == 3
    for number, celsius in enumerate(frames, 1):
        assert np.abs(read_thermogram(csq_path, frame=number).pixels - celsius).max() < QUANTUM_C


def test_packed_counts_that_are_not_read_are_refused_by_name(tmp_path):
    csq_path = tmp_path / 'frames.csq'
    csq_path.write_bytes(frame(BODY, order='<', pixels=lambda raw: jpeg_ls(raw, scan=(2, 0, 0))))
    message = refusal(csq_path, 'format-unsupported').message
    assert 'packed' in message.sentence and 'JPEG' not in message.next_step and 'CSV' in message.next_step


def patched(offset, kind, value, data=None):
    data = bytearray(frame(BODY, order='<') if data is None else data)
    struct.pack_into('<' + kind, data, offset, value)
    return bytes(data)


#: Where the second entry of the directory is, of the raw counts; its record comes after the camera's.
ENTRY, RECORD = 0x40 + 32, 0x40 + 32 * 14 + 2476


@pytest.mark.parametrize('data, code', [
    (b'FFF\0', 'file-truncated'),
    (b'FFF\0' + b'\0' * 60, 'file-damaged'),
    (patched(0x14, 'I', 99), 'file-damaged'),
    (patched(0x18, 'I', 0), 'file-damaged'),
    (patched(0x18, 'I', 0xFFFFFFFF), 'file-truncated'),
    (patched(0x1C, 'I', 0), 'file-damaged'),
    (patched(0x1C, 'I', 0xFFFFFFFF), 'file-damaged'),
    (patched(0x1C, 'I', 1000), 'file-truncated'),
    (patched(ENTRY + 12, 'I', 0xFFFFFFFF), 'file-truncated'),
    (patched(ENTRY + 16, 'I', 0xFFFFFFFF), 'file-truncated'),
    (patched(ENTRY + 16, 'I', 31), 'file-damaged'),
    (patched(ENTRY + 16, 'I', 32 + 9599), 'file-damaged'),
    (patched(ENTRY + 16, 'I', 0), 'flir-no-raw'),
    (patched(ENTRY, 'H', 2), 'flir-no-raw'),
    (patched(0x40, 'H', 0x21), 'flir-no-calibration'),
    (patched(0x40 + 16, 'I', 100), 'file-damaged'),
    (patched(RECORD, 'H', 1), 'file-damaged'),
    (patched(RECORD + 2, 'H', 0xFFFF), 'frame-too-large'),
    (patched(RECORD + 2, 'H', 39), 'frame-too-small'),
    (patched(RECORD + 4, 'H', 61), 'file-damaged')])
def test_containers_that_lie(seq_path, data, code):
    seq_path.write_bytes(data)
    refusal(seq_path, code)


@pytest.mark.parametrize('pixels, code', [
    (png16(RAW[:50]), 'file-damaged'),
    (png16(RAW)[:-20], 'file-truncated'),
    (png16(RAW).replace(b'\x10\0\0\0\0', b'\x08\0\0\0\0', 1), 'file-damaged'),
    (jpeg_ls(RAW[:50]), 'file-damaged'),
    (jpeg_ls(RAW)[:-20], 'file-truncated'),
    (b'\x89PNG\r\n\x1a\n', 'file-truncated')])
def test_raw_pictures_that_lie(seq_path, pixels, code):
    seq_path.write_bytes(fff([(0x20, 1, camera_info()), (0x01, 3, raw_data(RAW, pixels=pixels))]))
    refusal(seq_path, code)


def test_a_directory_that_points_at_itself_ends(seq_path):
    """No record at all: the walk gets on by a header and a directory at least."""
    header = frame(BODY, order='<')[:0x40]
    seq_path.write_bytes((header + b'\0' * 32 * 14) * 50)
    assert count_frames(seq_path) == 50
    refusal(seq_path, 'flir-no-raw')
