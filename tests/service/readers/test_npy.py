"""NumPy arrays: nothing is unpickled, and nothing is allocated on the word of a header."""
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.readers import read_thermogram

from .contract import CountsContract, ReaderContract, refusal
from .files import body_c, npy, npy_of


class TestNpy(ReaderContract):
    name, suffix = 'npy', '.npy'

    def content(self, celsius):
        return npy(celsius.astype(np.float32))


class TestCountsNpy(CountsContract):
    name, suffix = 'npy', '.npy'

    def content(self, celsius):
        return npy(self.counts(celsius))


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'frame.npy'


@settings(max_examples=30)
@given(st.sampled_from(['<f4', '>f4', '<f8', '>f8']), st.booleans(), st.integers(40, 60), st.integers(40, 60))
def test_what_numpy_saves_is_read(tmp_path_factory, dtype, fortran, height, width):
    celsius = body_c(height, width).astype(dtype)
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(celsius) if fortran else celsius)
    path = tmp_path_factory.getbasetemp() / 'any.npy'
    path.write_bytes(stream.getvalue())
    pixels = read_thermogram(path).pixels
    assert np.array_equal(pixels, celsius.astype(np.float32)) and pixels.dtype == np.float32


@pytest.mark.parametrize('version', [(1, 0), (2, 0), (3, 0)])
def test_every_header_version(path, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, body_c(), version=version)
    path.write_bytes(stream.getvalue())
    assert read_thermogram(path).is_celsius


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
def test_unusable_arrays(path, array, code):
    path.write_bytes(npy(array))
    refusal(path, code)


def test_objects_are_not_unpickled(path):
    stream = io.BytesIO()
    np.save(stream, np.array([[{}] * 60] * 60, object), allow_pickle=True)
    path.write_bytes(stream.getvalue())
    assert refusal(path).code in ('file-damaged', 'frame-not-numbers')


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (60, 80), }"


@pytest.mark.parametrize('header, code', [
    (GOOD.replace('60, 80', '20000, 20000'), 'frame-too-large'),
    (GOOD.replace('60, 80', '4000, 4000'), 'file-truncated'),
    (GOOD.replace('60, 80', '9' * 90 + ', 80'), 'frame-too-large'),
    (GOOD.replace('60, 80', '60 60, 80'), 'file-damaged'),
    (GOOD.replace('60, 80', ''), 'frame-not-2d'),
    (GOOD.replace('60, 80', '-60, 80'), 'file-damaged'),
    (GOOD.replace('60, 80', '50, 80'), 'file-damaged'),
    (GOOD.replace('<f4', '|O8'), 'frame-not-numbers'),
    (GOOD.replace("'<f4'", "[('a', '<f4')]"), 'file-damaged'),
    (GOOD.replace('False', '__import__("os")'), 'file-damaged'),
    ('(' * 4000, 'file-damaged'),
    (GOOD + ' ' * 9000, 'file-damaged')])
def test_headers_that_lie(path, header, code):
    path.write_bytes(npy_of(header, body_c().astype('<f4').tobytes()))
    refusal(path, code)


def test_an_unknown_version_is_refused(path):
    path.write_bytes(npy(body_c()).replace(b'NUMPY\x01', b'NUMPY\x09', 1))
    refusal(path, 'file-damaged')
