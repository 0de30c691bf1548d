"""DMR-IR matrices and CSV exports: every dialect, and every way to spoil one."""
import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.readers import count_frames, read_raw, read_thermogram, rows
from service.readers.text import DIALECTS, parse_matrix
from tests.fakes import text_files
from tests.fakes.text_files import cells, numbered, quoted, sized, thermal_studio

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
    values = parse_matrix(text, 'a.txt')
    assert np.array_equal(values, celsius.astype(np.float32))


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


@pytest.mark.parametrize('data', [b'"', b'"' * 9, b'"\n' * 8, b'"" ""\n' * 8])
def test_quotes_around_nothing_are_refused(tmp_path, data):
    path = tmp_path / 'a.txt'
    path.write_bytes(data)
    refusal(path)


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
    (b'T [F]', True), (b'Scale: Kelvin', True), (b'deg F', True), (b'FAHRENHEIT', True), (b'unit: K', True),
    (b'K', True), (b'"F"', True), (b'Unit,K', True), ('Unit\u00e9;F'.encode('utf-8'), True), (b'Temperature,F', True),
    (b'Temp.\tK', True), (b'Units;"K"', True),
    (b'Sex;F', False), (b'Initial,K', False), (b'unit: K7', False), (b'Refl. temp.:,295 K', False),
    (b'unit' + b' ' * 900 + b'x', False),
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


def test_a_semicolon_between_blanks_and_decimal_commas_is_no_number(tmp_path):
    rows = [' '.join('3%d,%d' % (row % 5, column % 10) for column in range(12)) for row in range(12)]
    rows[5] = rows[5].replace(' ', ';', 1) + ' 30,1'
    path = tmp_path / 'frame.txt'
    path.write_text('\n'.join(rows) + '\n')
    assert "line 6, value 1 is '30,0;30,1'" in refusal(path, 'text-not-a-number').message.text


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


#: A file of every dialect of the table.
SAMPLES = {
    'FLIR Thermal Studio, FLIR Research Studio': lambda celsius: thermal_studio([celsius]),
    'HIKMICRO Analyzer, R, pandas, spreadsheets: names or numbers of rows and columns': numbered,
    'Optris PIX Connect: a line with the size': sized,
    'FLIR Tools, DMR-IR, others: rows of numbers': lambda celsius: matrix(celsius, ','),
}


def save(folder, data, name='a.csv'):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('dialect', DIALECTS, ids=lambda dialect: dialect.name.split(',')[0].split(':')[0])
def test_every_dialect_of_the_table(tmp_path, dialect):
    path = save(tmp_path, SAMPLES[dialect.name](body_c()))
    assert np.array_equal(read_thermogram(path).pixels, body_c().astype(np.float32))
    assert len(SAMPLES) == len(DIALECTS) and count_frames(path) == 1


@pytest.mark.parametrize('dialect', DIALECTS, ids=lambda dialect: dialect.name.split(',')[0].split(':')[0])
def test_every_dialect_with_semicolons_and_decimal_commas(tmp_path, dialect):
    text = SAMPLES[dialect.name](body_c()).replace(b',', b';').replace(b'.', b',')
    assert np.array_equal(read_thermogram(save(tmp_path, text)).pixels, body_c().astype(np.float32))


@pytest.mark.parametrize('write', [
    quoted,
    lambda celsius: b'"' + matrix(celsius, '","', '"\n"')[:-1],
    lambda celsius: b'"' + matrix(celsius, '";"', '"\n"', comma=True)[:-1],
    lambda celsius: re.sub(rb'(\d+),(\d+)', rb'"\1,\2"', matrix(celsius, ';', '\n', comma=True)).replace(b';', b','),
    lambda celsius: matrix(celsius, '\t', '\r\n', comma=True),
    lambda celsius: matrix(celsius, ' ', '\r\n', comma=True),
    lambda celsius: matrix(celsius, '  ', '\r\n', comma=True)])
def test_quotes_and_decimal_commas(tmp_path, write):
    assert np.array_equal(read_thermogram(save(tmp_path, write(body_c()))).pixels, body_c().astype(np.float32))


def test_frames_of_one_file(tmp_path):
    path = save(tmp_path, thermal_studio([body_c(seed=seed) for seed in range(3)]))
    assert count_frames(path) == 3
    for number in (1, 2, 3):
        thermogram = read_thermogram(path, frame=number)
        assert np.array_equal(thermogram.pixels, body_c(seed=number - 1).astype(np.float32))
        assert 'frame %d of 3' % number in thermogram.provenance.notes
    refusal(path, 'frame-missing', frame=4)


def test_blank_lines_between_frames_and_quoted_labels(tmp_path):
    text = thermal_studio([body_c(seed=1), body_c(seed=2)]).replace(b'Frame 2', b'\r\n\r\nFrame 2')
    path = save(tmp_path, re.sub(rb'(Frame \d)', rb'"\1"', text))
    assert np.array_equal(read_thermogram(path, frame=2).pixels, body_c(seed=2).astype(np.float32))
    assert count_frames(path) == 2


@pytest.mark.parametrize('cut', [9, 500, 20000])
def test_a_last_frame_that_is_cut_off_is_left_out_with_a_note(tmp_path, cut):
    text = thermal_studio([body_c(seed=1), body_c(seed=2), body_c(seed=3)])
    path = save(tmp_path, text[:-cut])
    assert count_frames(path) == 2
    thermogram = read_thermogram(path, frame=2)
    assert np.array_equal(thermogram.pixels, body_c(seed=2).astype(np.float32))
    assert any('cut off or damaged' in note for note in thermogram.provenance.notes)
    refusal(save(tmp_path, thermal_studio([body_c()])[:-9]), 'file-truncated')


def test_a_frame_that_lacks_a_row_is_refused(tmp_path):
    text = thermal_studio([body_c(seed=1), body_c(seed=2), body_c(seed=3)])
    start = text.index(b'\n', text.index(b'Frame 2')) + 1
    path = save(tmp_path, text[:start] + text[text.index(b'\n', start) + 1:])
    assert '59 rows where 60 belong' in refusal(path, 'file-truncated', frame=2).message.text
    assert read_thermogram(path, frame=3).is_celsius


def test_line_numbers_count_the_frames_before(tmp_path):
    text = thermal_studio([body_c(seed=1), body_c(seed=2)])
    start = text.index(b'Frame 2')
    path = save(tmp_path, text[:start] + text[start:].replace(b'\r\n,', b'\r\n,x', 1))
    assert "line 65, value 1 is 'x" in refusal(path, 'text-not-a-number', frame=2).message.text
    path = save(tmp_path, text[:start] + text[start:].replace(b'\r\n,', b'\r\nnote,', 1))
    assert "line 65 starts with 'note'" in refusal(path, 'text-not-a-number', frame=2).message.text


def test_too_many_frames_are_refused(tmp_path):
    path = save(tmp_path, thermal_studio([body_c()]) + b'Frame 2,1\n' * 20000)
    refusal(path, 'frame-too-large')


def test_what_a_header_states_reaches_the_record(tmp_path):
    path = save(tmp_path, thermal_studio([body_c()], text_files.HEADER))
    raw = read_raw(path)
    assert raw.meaning.computed_with == {
        'emissivity': 0.97, 'reflected_c': 22.5, 'distance_m': 1.2, 'air_c': 21.0, 'window_c': 20.5,
        'window_transmission': 0.9, 'humidity_percent': 45.0}
    assert raw.thermogram().provenance.emissivity == 0.97
    warmer = raw.corrected({'emissivity': 0.9}).thermogram()
    assert warmer.pixels.max() > body_c().max() + 0.3


@pytest.mark.parametrize('line', ['Distance:,3 ft', 'Distance:,1', 'Refl. temp.:,295 K', 'Refl. temp.:,9000 \u00b0C',
                                  'Relative humidity:,300 %', 'Ext. optics trans.:,0'])
def test_what_is_in_another_unit_or_out_of_bounds_is_left_out(tmp_path, line):
    path = save(tmp_path, thermal_studio([body_c()], line + '\r\n'))
    assert read_raw(path).meaning.computed_with == {}


@pytest.mark.parametrize('change, line', [
    (lambda lines: lines[:12] + lines[13:], 'line 13 is numbered 11 where 10 belongs'),
    (lambda lines: lines[:12] + [lines[12].replace(b'10,', b'70,')] + lines[13:], 'numbered 70 where 10 belongs')])
def test_rows_that_do_not_count_up_are_refused(tmp_path, change, line):
    path = save(tmp_path, b'\n'.join(change(numbered(body_c()).splitlines())) + b'\n')
    assert line in refusal(path, 'text-ragged').message.text


def test_names_of_columns_and_quoted_numbers_of_rows(tmp_path):
    names = ['"V%d"' % number for number in range(1, 81)]
    text = re.sub(rb'^(\d+),', rb'"\1",', numbered(body_c(), '""', names, 1), flags=re.MULTILINE)
    thermogram = read_thermogram(save(tmp_path, text))
    assert np.array_equal(thermogram.pixels, body_c().astype(np.float32))
    assert 'a first column of row numbers was left out' in thermogram.provenance.notes


@pytest.mark.parametrize('size, code', [((80, 59), 'text-ragged'), ((80, 61), 'file-truncated')])
def test_a_size_that_is_not_that_of_the_rows_is_refused(tmp_path, size, code):
    refusal(save(tmp_path, cells(*size).encode('ascii') + b'\n' + matrix(body_c(), ',')), code)


def test_a_line_of_two_numbers_that_is_no_size_is_a_header(tmp_path):
    path = save(tmp_path, b'25,36\n' + matrix(body_c(), ','))
    assert read_thermogram(path).provenance.notes == ('1 header lines before the numbers were left out',)


DECIMALS = st.one_of(
    st.integers(-200, 1999).map(str), st.floats(-200, 1999).map(lambda value: '%.2f' % value),
    st.floats(-200, 1999).map(lambda value: '%.7f' % value), st.floats(-200, 1999).map(lambda value: '%+.11f' % value),
    st.sampled_from(['.5', '7.', '-0.0', '0007', '-.25', '36.123456789012345678', '3.05e+01', '1e-320']))


@settings(max_examples=60)
@given(st.lists(DECIMALS, min_size=1, max_size=60), st.sampled_from([' ', ';', '\t', ',']), st.booleans())
def test_every_number_is_what_python_reads(words, delimiter, trailing):
    words = words * (1600 // len(words) + 1)
    lines = [words[start:start + 40] for start in range(0, 1600, 40)]
    lines[0][0] = '30.5'  # commas without a point anywhere are ambiguous
    text = ''.join(delimiter.join(line) + delimiter * trailing + '\n' for line in lines)
    expected = np.array([list(map(float, line)) for line in lines]).astype(np.float32)
    assert np.array_equal(parse_matrix(text.encode('ascii'), 'a'), expected)


def test_plain_decimals_are_read_in_bulk(monkeypatch):
    def refuse(*args):
        raise AssertionError('one by one')
    monkeypatch.setattr(rows, '_one_by_one', refuse)
    for text in (matrix(body_c()), matrix(body_c() - 30, ';', '\r\r\n', 5), matrix(body_c(), ';', comma=True),
                 matrix(body_c(), ';', ';\n'), matrix(body_c(480, 640), ', ')):
        parse_matrix(text, 'a')


@pytest.mark.parametrize('old, new', [
    (b';', b' '), (b';', b';;'), (b';', b'; ;'), (b'.', b'..'), (b'.', b'.1.'), (b'.', b'-'), (b'.', b'+'),
    (b'\n', b';;\n'), (b'\n', b'\n;'), (b';', b'1;;1'), (b';', b';\n'), (b'\n', b';'), (b';', b';+;')])
def test_what_only_looks_even_is_refused(old, new):
    text = matrix(body_c(), ';')
    for count in (1, 2, 40):
        changed = text.replace(old, new, count)
        with pytest.raises(InputError):
            parse_matrix(changed, 'a')


def test_a_row_that_lacks_what_another_has_too_many_of_is_refused():
    lines = matrix(body_c(), ';').splitlines()
    lines[3], lines[4] = lines[3] + b';30.00', lines[4].rpartition(b';')[0]
    with pytest.raises(InputError) as caught:
        parse_matrix(b'\n'.join(lines), 'a')
    assert 'line 4 has 81 values' in caught.value.message.text


def test_a_bad_row_ends_the_reading(monkeypatch):
    """And sizes are told before anything is read."""
    read, whole = [], rows._plain_decimals
    monkeypatch.setattr(rows, '_plain_decimals', lambda *args: read.append(args) or whole(*args))
    text = matrix(body_c(1500, 640))
    with pytest.raises(InputError):
        parse_matrix(text.replace(b' ', b'x', 1), 'a')
    assert len(read) == 1
    parse_matrix(text, 'a')
    assert len(read) > 15
    del read[:]
    for too_large in (b'30.5 ' * 3000 + b'\n') * 1500, (b'30.5 ' * 40 + b'\n') * 4097:
        with pytest.raises(InputError) as caught:
            parse_matrix(too_large, 'a')
        assert caught.value.code == 'frame-too-large' and not read


def test_a_long_header_is_no_header(tmp_path):
    path = save(tmp_path, (b'x;' * 4000 + b'\n') * 60 + matrix(body_c(), ';'))
    refusal(path, 'text-no-numbers')
