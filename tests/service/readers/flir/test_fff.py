"""Containers of one frame and of many, in both byte orders, and directories that lie."""
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.radiometry import flir_raw
from service.readers import count_frames, read_thermogram
from tests.fakes.flir_files import I7, camera_info, fff, frame, png16, raw_data
from tests.service.readers.contract import ReaderContract, refusal
from tests.service.readers.files import body_c

from .test_flir_jpeg import QUANTUM_C

BODY = body_c()
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


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frames.seq'


@settings(max_examples=20)
@given(st.sampled_from('<>'), st.sampled_from('<>'), st.integers(40, 70), st.integers(40, 70), st.booleans(),
       st.integers(1, 40))
def test_every_layout_is_read(tmp_path_factory, order, record_order, height, width, packed, places):
    raw = flir_raw(body_c(height, width), I7)
    path = tmp_path_factory.getbasetemp() / 'any.fff'
    records = [(0x01, 3 if packed else 2, raw_data(raw, record_order, png16(raw) if packed else None)),
               (0x20, 1, camera_info(order=record_order))]
    path.write_bytes(fff(records, order, places + 1))
    assert np.abs(read_thermogram(path).pixels - body_c(height, width)).max() < QUANTUM_C


@pytest.mark.parametrize('padding', [0, 1, 3000])
def test_every_frame_of_a_recording_can_be_had(path, padding):
    frames = [body_c(seed=seed) for seed in range(4)]
    path.write_bytes(b''.join(frame(celsius, order='<', taken_at=(1717147800 + number, 0)) + b'\xff' * padding
                              for number, celsius in enumerate(frames)))
    assert count_frames(path) == 4
    for number, celsius in enumerate(frames, 1):
        thermogram = read_thermogram(path, frame=number)
        assert np.abs(thermogram.pixels - celsius).max() < QUANTUM_C
        assert thermogram.provenance.captured_at == '2024-05-31T09:30:0%d.000Z' % (number - 1)
        assert 'frame %d of 4' % number in thermogram.provenance.notes
    assert 'frames 1 to 4' in refusal(path, 'frame-missing', frame=5).message.text


def test_counts_that_look_like_a_header_are_no_frame(path):
    raw = RAW.copy()
    raw[30, :2] = np.frombuffer(b'FFF\0', '<u2')
    path.write_bytes(fff([(0x20, 1, camera_info()), (0x01, 2, raw_data(raw))], '<') * 2)
    assert count_frames(path) == 2


@pytest.mark.parametrize('left', [10, 70, 600, 5000])
def test_a_recording_that_was_interrupted_has_its_whole_frames(path, left):
    whole = frame(BODY, order='<')
    path.write_bytes(whole * 2 + whole[:left])
    assert count_frames(path) == 2
    assert np.array_equal(read_thermogram(path, frame=2).pixels, read_thermogram(path).pixels)
    assert any('rest' in note for note in read_thermogram(path).provenance.notes)


def test_a_long_recording_is_not_read_whole(path, monkeypatch):
    whole = frame(BODY, order='<')
    with open(str(path), 'wb') as stream:
        stream.write(whole * 2)
        os.truncate(stream.fileno(), 8 << 30)
    assert count_frames(path) == 2 and read_thermogram(path, frame=2).is_celsius


@pytest.mark.parametrize('pixels', [b'\xff\xd8\xff\xf7\0\x0b\x0e\0\x3c\0\x50\1\1\x11\0' + b'x' * 3000, None])
def test_packed_frames_are_refused_by_name(tmp_path, pixels):
    """A CSQ; also where the stream is in a record of a kind that is not known."""
    path = tmp_path / 'frames.csq'
    records = [(0x20, 1, camera_info())]
    records.append((0x01, 2, raw_data(RAW, pixels=pixels)) if pixels else (0x77, 1, b'\xff\xd8\xff\xf7' + b'x' * 300))
    path.write_bytes(fff(records, '<') * 2)
    message = refusal(path, 'format-unsupported').message.text
    assert 'JPEG-LS' in message and 'CSV' in message


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
def test_containers_that_lie(path, data, code):
    path.write_bytes(data)
    refusal(path, code)


@pytest.mark.parametrize('pixels, code', [
    (png16(RAW[:50]), 'file-damaged'),
    (png16(RAW)[:-20], 'file-truncated'),
    (png16(RAW).replace(b'\x10\0\0\0\0', b'\x08\0\0\0\0', 1), 'file-damaged'),
    (b'\x89PNG\r\n\x1a\n', 'file-truncated')])
def test_raw_pictures_that_lie(path, pixels, code):
    path.write_bytes(fff([(0x20, 1, camera_info()), (0x01, 3, raw_data(RAW, pixels=pixels))]))
    refusal(path, code)


def test_a_directory_that_points_at_itself_ends(path):
    """No record at all: the walk gets on by a header and a directory at least."""
    header = frame(BODY, order='<')[:0x40]
    path.write_bytes((header + b'\0' * 32 * 14) * 50)
    assert count_frames(path) == 50
    refusal(path, 'flir-no-raw')
