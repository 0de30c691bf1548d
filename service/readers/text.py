"""Temperature matrices as text: DMR-IR ``.txt`` files and the ``.csv`` exports of camera software.

Works on bytes, line by line: memory is bounded, and whatever is wrong is named with its line.
"""
import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..messages import InputError
from ..radiometry import HIGHEST_C, LOWEST_C, OBJECT_PARAMETERS, Temperatures
from ..thermogram import MAX_SIDE_PX, MIN_SIDE_PX, check_size
from .base import DecodedImage, Path, PictureReader
from .files import suffix_of

_UTF8_MARK = b'\xef\xbb\xbf'
_WIDE_MARKS = (b'\xff\xfe', b'\xfe\xff')
#: Bytes that no text has: control characters other than tab and line ends.
_BINARY = bytes(byte for byte in range(32) if byte not in b'\t\n\r\x0c') + b'\x7f'

_CSV_SUFFIXES = ('.csv', '.tsv')

#: A header longer than this is no header.
_MAX_HEADER_LINES = 100
#: No number needs more characters; bounds what one line can cost.
_MAX_WORD = 32

#: A degree sign in Latin-1 or UTF-8, a bracket or ``deg``, then the letter alone; or the word.
_OTHER_UNIT = re.compile(rb'fahrenheit|kelvin|(?:\xb0|\bdeg\.?|\[|\()[ \t]*[fk](?![a-z])', re.IGNORECASE)
#: The name, a mark, and nothing but a number after it.
_EMISSIVITY = re.compile(rb'emissivity[" \t]*[:;,=\t][:;,=" \t]*([01](?:[.,]\d{1,8})?)[;," \t\r]*$',
                         re.IGNORECASE | re.MULTILINE)

_EXPORT_AGAIN = 'Export it again from the camera software.'


def is_text(head: bytes) -> bool:
    """Whether a file's first bytes look like text of some encoding."""
    return head[:2] in _WIDE_MARKS or len(head.translate(None, _BINARY)) == len(head)


class TextReader(PictureReader):
    """DMR-IR matrices: blanks or semicolons, any line end, degrees Celsius, no header."""

    name = 'text'
    label = 'a text file'
    suffixes = ('.txt',)

    def sniff(self, head: bytes, path: Path) -> bool:
        return is_text(head) and suffix_of(path) not in _CSV_SUFFIXES

    def decode(self, data: bytes, source: str) -> DecodedImage:
        celsius, notes = parse_matrix(_plain(data, source), source)
        return DecodedImage(celsius, tuple(notes))


class CsvReader(PictureReader):
    """Comma, semicolon or tab separated matrices in degrees Celsius; header lines are allowed."""

    name = 'csv'
    label = 'a CSV file'
    suffixes = _CSV_SUFFIXES

    def sniff(self, head: bytes, path: Path) -> bool:
        return is_text(head) and suffix_of(path) in _CSV_SUFFIXES

    def decode(self, data: bytes, source: str) -> DecodedImage:
        text = _plain(data, source)
        celsius, notes = parse_matrix(text, source, allow_header=True)
        stated = _stated_in(text[:_start(text.rstrip(), source)[0]], source)
        return DecodedImage(celsius, tuple(notes), meaning=Temperatures(None, stated) if stated else None)


def _plain(data: bytes, source: str) -> bytes:
    """Text bytes without a UTF-8 mark; a wide encoding is refused rather than half understood."""
    if data[:2] in _WIDE_MARKS or b'\0' in data[:512]:
        raise InputError('text-encoding', '%s is UTF-16 text.' % source, 'Save it as plain text (ASCII or UTF-8).')
    data = data[len(_UTF8_MARK):] if data.startswith(_UTF8_MARK) else data
    if not data.strip():
        raise InputError('file-empty', '%s holds nothing but blanks.' % source, 'Copy it again from its source.')
    return data


def _stated_in(header: bytes, source: str) -> Dict[str, float]:
    """The emissivity that the camera software computed with, where the lines before the numbers state it.

    Raises:
        InputError: ``text-unit``: the numbers are not degrees Celsius.
    """
    if _OTHER_UNIT.search(header):
        raise InputError('text-unit', '%s says that its temperatures are in Fahrenheit or kelvin.' % source,
                         'Export it in degrees Celsius.')
    match = _EMISSIVITY.search(header)
    emissivity = float(match.group(1).replace(b',', b'.')) if match else 0.0
    bounds = OBJECT_PARAMETERS['emissivity']
    return {'emissivity': emissivity} if bounds.lowest <= emissivity <= bounds.highest else {}


@dataclass(frozen=True)
class _Dialect:
    """How numbers stand in a line.

    Attributes:
        delimiter: between numbers; None for any run of blanks.
        decimal_comma: 30,5 instead of 30.5.
    """

    delimiter: Optional[bytes]
    decimal_comma: bool

    @classmethod
    def of(cls, line: bytes, rest: bytes) -> '_Dialect':
        """The dialect of a first row, given all the text from there on."""
        delimiter = next((mark for mark in (b';', b'\t', b',') if mark in line), None)
        return cls(delimiter, delimiter in (b';', b'\t') and b',' in rest)

    def words(self, line: bytes) -> List[bytes]:
        """The words of a line; one delimiter at its end ends no empty word."""
        words = line.split(self.delimiter)
        if self.delimiter and not words[-1].strip():
            words.pop()
        return words

    def number(self, word: bytes) -> Optional[float]:
        """A word as a float, or None. NaN and infinity are floats here."""
        if b'_' in word or (self.decimal_comma and b'.' in word):
            return None
        try:
            return float(word.replace(b',', b'.') if self.decimal_comma else word)
        except ValueError:
            return None


def parse_matrix(text: bytes, source: str, allow_header: bool = False) -> Tuple[np.ndarray, List[str]]:
    """The numbers of a text matrix.

    Rows end in ``\\n``, ``\\r\\n`` or ``\\r\\r\\n`` and all have the same number of values, between semicolons, tabs,
    commas or blanks; decimals have a point, or a comma between semicolons or tabs.

    Args:
        text: the file, without a byte order mark.
        source: its name for sentences.
        allow_header: lines before the numbers, a line of column numbers and a column of row numbers are left out,
            with a note.
    Returns:
        (float32 HxW in °C, notes).
    Raises:
        InputError: ``text-not-a-number``, ``text-ragged``, ``file-truncated``, ``text-ambiguous``,
            ``text-no-numbers``, ``frame-not-finite``, ``temperature-impossible``, ``frame-too-small`` or
            ``frame-too-large``.
    """
    complete, text, notes = text.endswith(b'\n'), text.rstrip(), []
    start, first_line = _start(text, source) if allow_header else (0, 1)
    if first_line > 1:
        notes.append('%d header lines before the numbers were left out' % (first_line - 1))
    dialect = _Dialect.of(_line_at(text, start), text[start:])
    if dialect.delimiter == b',' and b'.' not in text[start:]:
        raise InputError('text-ambiguous', '%s has commas and no points, so that a comma could separate numbers or '
                         'decimals.' % source, 'Export it with semicolons between the numbers.')
    rows: List[np.ndarray] = []
    while start < len(text):
        line = _line_at(text, start)
        number = first_line + len(rows)
        if len(rows) == MAX_SIDE_PX:
            raise InputError('frame-too-large', '%s has more than %d rows.' % (source, MAX_SIDE_PX), _EXPORT_AGAIN)
        words = _words(line, number, dialect, source)
        start += len(line) + 1
        if rows and len(words) != len(rows[0]):
            if start > len(text) and not complete and len(words) < len(rows[0]):
                raise InputError('file-truncated', '%s is cut off in line %d (%d of %d values).'
                                 % (source, number, len(words), len(rows[0])), 'Copy it again from its source.')
            raise InputError('text-ragged', '%s, line %d has %d values where the lines before have %d.'
                             % (source, number, len(words), len(rows[0])), _EXPORT_AGAIN)
        rows.append(_row(words, number, dialect, source))
    matrix = np.array(rows)
    if allow_header and len(matrix) >= MIN_SIDE_PX and _counts_up(matrix[:, 0].tolist()):
        matrix = matrix[:, 1:]
        notes.append('a first column of row numbers was left out')
    check_size(matrix.shape[1], matrix.shape[0], source)
    return matrix, notes


def _line_at(text: bytes, start: int) -> bytes:
    end = text.find(b'\n', start)
    return text[start:] if end < 0 else text[start:end]


def _start(text: bytes, source: str) -> Tuple[int, int]:
    """Where the numbers of a file with a header start: (offset, line counted from 1).

    A line with a number among many words is a row, not a header: a damaged first row must be named and not skipped.
    """
    start = 0
    for number in range(1, _MAX_HEADER_LINES + 2):
        line = _line_at(text, start)
        dialect = _Dialect.of(line, line)
        words = _words(line, number, dialect, source) if line.strip() else []
        values = [dialect.number(word) for word in words]
        is_row = any(value is not None for value in values) and len(words) >= MIN_SIDE_PX
        corner = 1 if words and not words[0].strip(b' "\r') else 0
        if is_row and not _counts_up(values[corner:]):
            return start, number
        if number == 1 and len(words) > 1 and None not in values and len(words) < MIN_SIDE_PX:
            check_size(len(words), text.count(b'\n') + 1, source)
        start += len(line) + 1
        if start >= len(text):
            break
    raise InputError('text-no-numbers', '%s has no rows of at least %d numbers.' % (source, MIN_SIDE_PX),
                     'Export the temperature matrix, not the report.')


def _counts_up(values: Sequence[Optional[float]]) -> bool:
    """Whether values are 0, 1, 2 ... or 1, 2, 3 ...: an index, not temperatures."""
    first = values[0] if values else None
    return first in (0, 1) and list(values) == [first + index for index in range(len(values))]


def _words(line: bytes, number: int, dialect: _Dialect, source: str) -> List[bytes]:
    if len(line) > MAX_SIDE_PX * _MAX_WORD:
        raise InputError('frame-too-large', '%s, line %d is longer than any row of a thermogram.' % (source, number),
                         _EXPORT_AGAIN)
    words = dialect.words(line)
    if len(words) > MAX_SIDE_PX:
        raise InputError('frame-too-large', '%s, line %d has %d values; the largest accepted side is %d.'
                         % (source, number, len(words), MAX_SIDE_PX), _EXPORT_AGAIN)
    return words


def _row(words: List[bytes], number: int, dialect: _Dialect, source: str) -> np.ndarray:
    """One row as float32, every value a possible temperature."""
    values: List[Optional[float]]
    try:
        if dialect.decimal_comma or any(b'_' in word for word in words):
            raise ValueError
        values = list(map(float, words))
    except ValueError:
        values = [dialect.number(word) for word in words]
        if None in values:
            column = values.index(None)
            raise InputError('text-not-a-number', '%s, line %d, value %d is %s where a number belongs.'
                             % (source, number, column + 1, _shown(words[column].strip())), _EXPORT_AGAIN)
    row = np.array(values, np.float64)
    if not (row.size and row.min() >= LOWEST_C and row.max() <= HIGHEST_C):
        raise _row_error(row, number, source)
    return row.astype(np.float32)


def _row_error(row: np.ndarray, number: int, source: str) -> InputError:
    """The error for a row that is empty or has a value that is no temperature."""
    if not row.size:
        return InputError('text-ragged', '%s, line %d is empty.' % (source, number), _EXPORT_AGAIN)
    column = int(np.argmax(~((row >= LOWEST_C) & (row <= HIGHEST_C))))
    where = '%s, line %d, value %d' % (source, number, column + 1)
    if np.isfinite(row[column]):
        return InputError('temperature-impossible', '%s is %g, which is no temperature in degrees Celsius.'
                          % (where, row[column]), 'Export the temperatures in degrees Celsius.')
    return InputError('frame-not-finite', '%s is not a finite number.' % where, _EXPORT_AGAIN)


def _shown(word: bytes) -> str:
    """A word from a file, safe to show: short, printable ASCII, in quotes."""
    if not word:
        return 'empty'
    text = ''.join(chr(byte) if 32 <= byte < 127 else '?' for byte in word[:24])
    return "'%s%s'" % (text, '...' if len(word) > 24 else '')
