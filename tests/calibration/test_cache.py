"""The calibration cache: what is written is what TensorRT reads, and what would quantise wrongly is refused."""
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.cache import (
    ALGORITHMS,
    LARGEST_SCALE,
    MAX_BYTES,
    SMALLEST_SCALE,
    read_cache,
    scale_of,
    version_number,
    with_local_header,
    write_cache,
)
from service.messages import InputError

#: Lines of a cache as TensorRT 7 wrote it, one with the name it gives to layers without one.
REAL = b'''TRT-7202-EntropyCalibration2
data: 3c008912
conv1: 3c60dd38
(Unnamed Layer* 4) [Fully Connected]_output: 3d65992f
prob: 3c083ffd
'''

AMAX = {'thermogram': 1.0, 't002': 20.3441, 'a: b:0': 0.1, 'Conv/Relu_output_0': 6.0, 'Schicht \xe4': 1e-5}

scales = st.dictionaries(
    st.text(st.characters(blacklist_characters='\r\n\0', blacklist_categories=('Cs',)), min_size=1, max_size=20),
    st.floats(2.0 ** -29, 2.0 ** 19, width=32).map(np.float32), min_size=1, max_size=30)


def independent_reader(data):
    """Ten lines that know nothing of the writer: the format as TensorRT's own sources read it."""
    lines = iter(data.decode('utf-8').split('\n'))
    assert next(lines).startswith('TRT-')
    found = {}
    for line in lines:
        if not line:
            continue
        at = line.rindex(':')
        bits = int(line[at + 1:].strip(), 16)
        found[line[:at]] = struct.unpack('=f', struct.pack('=I', bits))[0]
    return found


def _code(call, *args, **options):
    with pytest.raises(InputError) as caught:
        call(*args, **options)
    assert caught.value.message.text.endswith('.')
    return caught.value.code


def _cache(*lines):
    return ('TRT-8201-EntropyCalibration2\n' + ''.join(line + '\n' for line in lines)).encode('utf-8')


def test_another_reader_finds_amax_divided_by_127_to_the_last_bit():
    data = write_cache({name: scale_of(amax) for name, amax in AMAX.items()})
    found = independent_reader(data)
    assert list(found) == list(AMAX)
    for name, amax in AMAX.items():
        exact = np.float32(np.float64(np.float32(amax)) / 127)
        assert struct.pack('>f', found[name]) == struct.pack('>f', exact)


def test_header_and_digits_are_as_in_real_caches():
    data = write_cache({'000_net': np.float32(0.0078759380)}, version='7.1.3')
    assert data == b'TRT-7103-EntropyCalibration2\n000_net: 3c010a14\n'


def test_real_cache_is_read():
    cache = read_cache(REAL, {'data': 1.0})
    assert (cache.header, cache.version, cache.algorithm) == ('TRT-7202-EntropyCalibration2', '7202',
                                                              'EntropyCalibration2')
    assert list(cache.scales)[2] == '(Unnamed Layer* 4) [Fully Connected]_output'
    assert {name: float(scale) for name, scale in cache.scales.items()} == independent_reader(REAL)


@settings(max_examples=40)
@given(scales, st.sampled_from(ALGORITHMS))
def test_round_trip(scales, algorithm):
    cache = read_cache(write_cache(scales, algorithm, '8.5.2'))
    assert cache.algorithm == algorithm and cache.version == '8502'
    assert list(cache.scales.items()) == list(scales.items())


@settings(max_examples=40)
@given(scales)
def test_another_reader_agrees_on_any_names(scales):
    assert independent_reader(write_cache(scales)) == {name: float(scale) for name, scale in scales.items()}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        assert read_cache(b'TRT-8201-EntropyCalibration2\n' + data).scales
    except InputError as error:
        assert error.code.startswith('cache-')


@settings(max_examples=40)
@given(scales, st.data())
def test_a_cut_cache_is_refused_or_loses_whole_lines(scales, data):
    whole = write_cache(scales)
    cut = whole[:data.draw(st.integers(0, len(whole) - 1))]
    try:
        kept = read_cache(cut).scales
    except InputError as error:
        assert error.code in ('cache-truncated', 'cache-header', 'cache-empty', 'cache-unreadable')
    else:
        assert cut.endswith(b'\n') and list(kept.items()) == list(scales.items())[:len(kept)]


@pytest.mark.parametrize('dotted, number', [
    ('8.0.1.6', '8001'), ('8.2.1.8', '8201'), ('8.5.2.2', '8502'), ('8.6.1', '8601'), ('10.3.0', '100300'),
    ('10.16.1.post1', '101601'), ('8201', '8201')])
def test_version_numbers(dotted, number):
    assert version_number(dotted) == number


def test_header_becomes_the_local_one_and_nothing_else_changes():
    local = with_local_header(REAL, '10.3.0.30')
    assert local.split(b'\n', 1) == [b'TRT-100300-EntropyCalibration2', REAL.split(b'\n', 1)[1]]
    assert with_local_header(REAL, '8.2.1', 'MinMaxCalibration').startswith(b'TRT-8201-MinMaxCalibration\n')
    assert with_local_header(REAL.replace(b'\n', b'\r\n'), '7.2.2') == REAL


@pytest.mark.parametrize('version', ['', '8.2', 'a-b', None])
def test_what_is_no_version(version):
    assert _code(write_cache, {'a': np.float32(1)}, version=version) == 'cache-header'


def test_limits_of_scales_are_written():
    limits = {'low': np.nextafter(np.float32(SMALLEST_SCALE), np.float32(1)), 'high': np.float32(LARGEST_SCALE)}
    assert read_cache(write_cache(limits)).scales == limits


def test_little_endian_scales_are_told():
    packed = ['%s: %s' % (name, struct.pack('<f', scale_of(amax)).hex()) for name, amax in AMAX.items()]
    assert _code(read_cache, _cache(*packed)) == 'cache-little-endian'
    assert _code(read_cache, _cache(packed[0])) == 'cache-little-endian'


def test_amax_in_place_of_its_127th_is_told_by_the_input():
    wrong = write_cache({name: np.float32(amax) for name, amax in AMAX.items()})
    assert _code(read_cache, wrong, {'thermogram': 1.0}) == 'cache-not-divided'
    assert _code(with_local_header, wrong, '8.2.1', bounds={'thermogram': 1.0}) == 'cache-not-divided'
    assert read_cache(wrong).scales['thermogram'] == 1  # nothing tells it without knowing the input
    right = write_cache({name: scale_of(amax) for name, amax in AMAX.items()})
    assert read_cache(right, {'thermogram': 1.0, 'not there': 1.0}).scales['thermogram'] == scale_of(1)


@pytest.mark.parametrize('digits', ['7fc00000', '7f800001', '7f800000', 'ff800000', 'bc010a14', '00000000', '80000000',
                                    '00000001', '7e000000'])
def test_values_that_no_range_has(digits):
    assert _code(read_cache, _cache('good: 3c010a14', 'bad: ' + digits)) == 'cache-value'


@pytest.mark.parametrize('line', ['t1: 3c010a1', 't1: 3c01', 't1:', 't1', ': 3c010a14', 't1: 3c010a144', 't1: 3c010a1g',
                                  't1  3c010a14', ''])
def test_lines_that_are_cut_or_foreign(line):
    assert _code(read_cache, _cache('t0: 3c010a14', line)) == 'cache-truncated'


@pytest.mark.parametrize('data, code', [
    (b'', 'cache-header'), (b'\n', 'cache-header'), (b'input: 3c010a14\n', 'cache-header'),
    (b'TRT-8201-WeightCalibration\na: 3c010a14\n', 'cache-header'),
    (b'TRT-8201-EntropyCalibration2\n', 'cache-empty'),
    (b'TRT-8201-EntropyCalibration2\na: 3c010a14', 'cache-truncated'),
    (b'TRT-8201-EntropyCalibration2\na: 3c010a14\na: 3c010a15\n', 'cache-duplicate'),
    (b'TRT-8201-EntropyCalibration2\n\xff\xfe: 3c010a14\n', 'cache-unreadable'),
    (b'TRT-8201-EntropyCalibration2\n' + b'a' * MAX_BYTES, 'cache-large')])
def test_files_that_are_no_cache(data, code):
    assert _code(read_cache, data) == code


@pytest.mark.parametrize('scales, code', [
    ({}, 'cache-empty'), ({'': 1.0}, 'cache-name'), ({'a\nb': 1.0}, 'cache-name'), ({'a': float('nan')}, 'cache-value'),
    ({'a': -1.0}, 'cache-value'), ({'a': 0.0}, 'cache-value'), ({'a': float('inf')}, 'cache-value')])
def test_what_is_not_written(scales, code):
    assert _code(write_cache, scales) == code


def test_unknown_algorithm_is_not_written():
    assert _code(write_cache, {'a': 1.0}, 'Guess') == 'cache-header'
