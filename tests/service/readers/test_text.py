"""DMR-IR matrices and CSV exports: every dialect, and every way to spoil one."""
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.readers import read_thermogram
from service.readers.text import parse_matrix

from .contract import ReaderContract, refusal
from .files import body_c, matrix


class TestText(ReaderContract):
    name, suffix = 'text', '.txt'
    notices_every_cut = False  # without its last digit, or after a whole row, a matrix is still one

    def content(self, celsius):
        return matrix(celsius)


class TestSemicolonText(TestText):
    def content(self, celsius):
        return matrix(celsius, ';', '\r\r\n', 5)


class TestCsv(ReaderContract):
    name, suffix = 'csv', '.csv'
    notices_every_cut = False

    def content(self, celsius):
        return matrix(celsius, ';', '\r\n', comma=True)


def test_is_registered_for_tsv(tmp_path):
    path = tmp_path / 'a.tsv'
    path.write_bytes(matrix(body_c(), '\t', comma=True))
    assert np.abs(read_thermogram(path).pixels - body_c()).max() < 1e-5


@pytest.mark.parametrize('line_end', ['\n', '\r\n', '\r\r\n'])
@pytest.mark.parametrize('delimiter, digits', [(' ', 2), (';', 5), ('  ', 2), ('\t', 3), (',', 3), ('; ', 2)])
def test_every_dialect(tmp_path, delimiter, digits, line_end):
    path = tmp_path / 'T0001.1.1.D.2012-10-08.00.txt'
    celsius = body_c(48, 64)
    path.write_bytes(matrix(celsius, delimiter, line_end, digits))
    thermogram = read_thermogram(path)
    assert np.array_equal(thermogram.pixels, celsius.astype(np.float32))
    assert thermogram.provenance.notes == ()


@settings(max_examples=30)
@given(st.integers(40, 70), st.integers(40, 70), st.integers(0, 1000),
       st.sampled_from([(' ', False), (';', False), (';', True), ('\t', True), (',', False)]),
       st.sampled_from(['\n', '\r\n', '\r\r\n']), st.booleans(), st.booleans())
def test_round_trip_of_any_size(height, width, seed, style, line_end, last_line_end, trailing):
    celsius = body_c(height, width, seed)
    delimiter, comma = style
    end = delimiter + line_end if trailing else line_end
    text = matrix(celsius, delimiter, end, comma=comma)
    text = text if last_line_end else text.rstrip()
    values, notes = parse_matrix(text, 'a.txt')
    assert np.array_equal(values, celsius.astype(np.float32)) and notes == []


@settings(max_examples=60)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, is_csv):
    path = tmp_path_factory.getbasetemp() / ('any.csv' if is_csv else 'any.txt')
    path.write_bytes(data)
    refusal(path)


def spoilt(row, column, word):
    rows = [line.split(b' ') for line in matrix(body_c()).splitlines()]
    rows[row][column] = word
    return b'\n'.join(b' '.join(line) for line in rows) + b'\n'


@pytest.mark.parametrize('word, code', [
    (b'oops', 'text-not-a-number'), (b'3_0', 'text-not-a-number'), (b'30.1.2', 'text-not-a-number'),
    (b'0x1e', 'text-not-a-number'), (b'\xff\xfe', 'text-not-a-number'), (b'--', 'text-not-a-number'),
    (b'nan', 'frame-not-finite'), (b'inf', 'frame-not-finite'), (b'-Infinity', 'frame-not-finite'),
    (b'1e999', 'frame-not-finite'), (b'2000.1', 'temperature-impossible'),
    (b'-274', 'temperature-impossible'), (b'1e300', 'temperature-impossible')])
def test_a_bad_value_is_named(tmp_path, word, code):
    path = tmp_path / 'a.txt'
    path.write_bytes(spoilt(16, 6, word))
    message = refusal(path, code).message.text
    assert 'a.txt, line 17, value 7 ' in message and message.isprintable()


def test_a_long_bad_word_is_shortened(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(spoilt(0, 0, b'\x1b[31m' + b'z' * 5000))
    assert '\x1b' not in refusal(path).message.text


def test_an_empty_value_is_named(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(matrix(body_c(), ';').replace(b';', b';;', 1))
    assert 'line 1, value 2 is empty' in refusal(path, 'text-not-a-number').message.text


@pytest.mark.parametrize('change', [
    lambda lines: lines[:20] + [lines[20] + b' 30.00'] + lines[21:],
    lambda lines: lines[:20] + [lines[20][:-6]] + lines[21:],
    lambda lines: lines[:20] + [b''] + lines[20:],
    lambda lines: lines[:20] + [b'\r\r'] + lines[20:],
    lambda lines: lines[:20] + [b'# comment'] + lines[20:],
])
def test_ragged_rows_are_named(tmp_path, change):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\n'.join(change(matrix(body_c()).splitlines())) + b'\n')
    assert 'line 21 ' in refusal(path, 'text-ragged').message.text


def test_a_matrix_cut_in_a_line_is_truncated(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(matrix(body_c())[:-30])
    assert 'line 60' in refusal(path, 'file-truncated').message.text


def test_a_header_in_a_plain_matrix_is_refused(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'Temperatures\n' + matrix(body_c()))
    assert "line 1, value 1 is 'Temperatures'" in refusal(path, 'text-not-a-number').message.text


@pytest.mark.parametrize('encode', [
    lambda text: b'\xff\xfe' + text.decode('ascii').encode('utf-16-le'),
    lambda text: b'\xfe\xff' + text.decode('ascii').encode('utf-16-be')])
def test_utf16_is_refused(tmp_path, encode):
    for name in ('a.txt', 'a.csv'):
        path = tmp_path / name
        path.write_bytes(encode(matrix(body_c())))
        refusal(path, 'text-encoding')


def test_a_utf8_mark_is_no_number(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbf' + matrix(body_c()))
    assert np.array_equal(read_thermogram(path).pixels, body_c().astype(np.float32))


@pytest.mark.parametrize('blank', [b' ', b'\n\n\n', b'\r\n' * 1000, b'\xef\xbb\xbf'])
def test_nothing_but_blanks_is_empty(tmp_path, blank):
    path = tmp_path / 'a.txt'
    path.write_bytes(blank)
    refusal(path, 'file-empty')


@pytest.mark.parametrize('data, code', [
    (b'1.5 ' * 4097 + b'\n', 'frame-too-large'),
    (b'1.5' * 60000, 'frame-too-large'),
    ((b'1 ' * 40 + b'\n') * 4097, 'frame-too-large'),
    (b'30.5\n', 'frame-too-small'),
    (b'30.5 30.5\n' * 100, 'frame-too-small')])
def test_sizes_are_bounded(tmp_path, data, code):
    path = tmp_path / 'a.txt'
    path.write_bytes(data)
    refusal(path, code)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    for suffix in ('.txt', '.csv'):
        path = tmp_path / ('a' + suffix)
        with open(str(path), 'wb') as stream:
            stream.write(b'30.5 ' * 200)
            os.truncate(stream.fileno(), (64 << 20) + 1)
        refusal(path, 'file-too-large')


HEADER = 'File: x.jpg\r\nEmissivity;0,98\r\nTemperature \u00b0C\r\n\r\n'.encode('latin-1')


def test_header_lines_of_a_csv_are_left_out_with_a_note(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(HEADER + matrix(body_c(), ';', '\r\n', comma=True))
    thermogram = read_thermogram(path)
    assert np.array_equal(thermogram.pixels, body_c().astype(np.float32))
    assert thermogram.provenance.notes == ('4 header lines before the numbers were left out',)


def test_what_flir_tools_exports_is_read(tmp_path):
    """Commas, three decimals, 240 rows of 320."""
    path, celsius = tmp_path / 'a.csv', body_c(240, 320)
    path.write_bytes(matrix(celsius, ',', '\r\n', digits=3))
    thermogram = read_thermogram(path)
    assert np.array_equal(thermogram.pixels, celsius.astype(np.float32)) and thermogram.provenance.notes == ()


@pytest.mark.parametrize('line, emissivity', [
    (b'Emissivity;0,98', 0.98), (b'Emissivity:,0.95,', 0.95), (b'"emissivity" = 1', 1.0),
    (b'Object Emissivity\t.9', None), (b'Emissivity;0', None), (b'Emissivity;98', None),
    (b'Emissivity;1.5', None), (b'Emissivity;0.98.1', None),
    (b'Emissivity', None), (b'File: emissivity-test 0.1.jpg', None)])
def test_a_header_s_emissivity_reaches_the_record(tmp_path, line, emissivity):
    path = tmp_path / 'a.csv'
    path.write_bytes(b'File: x.jpg\n' + line + b'\n' + matrix(body_c(), ';'))
    thermogram = read_thermogram(path)
    assert thermogram.provenance.emissivity == emissivity
    assert np.array_equal(thermogram.pixels, body_c().astype(np.float32))


@pytest.mark.parametrize('line, refused', [
    ('Temperature \u00b0F'.encode('latin-1'), True), ('Unit;\u00b0F'.encode('utf-8'), True), (b'Values (K)', True),
    (b'T [F]', True), (b'Scale: Kelvin', True), (b'deg F', True), (b'FAHRENHEIT', True),
    ('Temperature \u00b0C'.encode('latin-1'), False), (b'Values (C)', False), (b'NETD 50 mK', False),
    (b'Lens (FOL18)', False), (b'File: (knee).jpg', False), (b'Reflected 293 K', False)])
def test_other_units_are_refused_where_a_header_names_them(tmp_path, line, refused):
    path = tmp_path / 'a.csv'
    path.write_bytes(line + b'\n' + matrix(body_c(), ';'))
    if refused:
        assert 'Celsius' in refusal(path, 'text-unit').message.text
    else:
        assert read_thermogram(path).is_celsius


def test_line_numbers_count_the_header(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(HEADER + matrix(body_c(), ';', '\n', comma=True).replace(b'\n', b';x\n', 1))
    assert 'line 5, value 81' in refusal(path, 'text-not-a-number').message.text


@pytest.mark.parametrize('corner', ['', 'X', None])
def test_row_and_column_numbers_are_not_temperatures(tmp_path, corner):
    path = tmp_path / 'a.csv'
    head = [] if corner is None else [corner]
    lines = matrix(body_c(), ',').decode('ascii').splitlines()
    if corner != 'X':
        head += [str(column) for column in range(80)]
    else:
        head += ['col%d' % column for column in range(80)]
    if corner is not None:
        lines = ['%d,%s' % (row, line) for row, line in enumerate(lines)]
    path.write_text('\n'.join([','.join(head)] + lines))
    thermogram = read_thermogram(path)
    assert np.array_equal(thermogram.pixels, body_c().astype(np.float32))
    assert len(thermogram.provenance.notes) == (1 if corner is None else 2)


def test_a_spoilt_first_row_is_no_header(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(b'x' + matrix(body_c(), ';'))
    assert 'line 1, value 1 ' in refusal(path, 'text-not-a-number').message.text


def test_commas_that_may_be_decimals_are_refused(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(matrix(body_c(), ',', comma=True))
    refusal(path, 'text-ambiguous')


def test_points_and_decimal_commas_do_not_mix(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes(matrix(body_c(), ';', comma=True).replace(b',', b'.', 1))
    assert 'line 1, value 1 ' in refusal(path, 'text-not-a-number').message.text


@pytest.mark.parametrize('data, code', [
    (b'hello\nworld\n', 'text-no-numbers'),
    (b'a;b\n' * 200, 'text-no-numbers'),
    (b'1;2;3\n' * 50, 'frame-too-small')])
def test_a_csv_without_a_matrix_is_refused(tmp_path, data, code):
    path = tmp_path / 'a.csv'
    path.write_bytes(data)
    refusal(path, code)
