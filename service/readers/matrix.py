"""A matrix of temperatures written as text: which dialect it is, and its numbers.

Works on bytes, line by line: memory is bounded, and whatever is wrong is named with its line.
"""
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..messages import InputError
from ..radiometry import HIGHEST_C, LOWEST_C
from ..thermogram import MAX_SIDE_PX, MIN_SIDE_PX, check_size

#: A header longer than this is no header.
MAX_HEADER_LINES = 100
#: No number needs more characters; bounds what one line can cost.
_MAX_WORD = 32


@dataclass(frozen=True)
class Dialect:
    """How numbers stand in a line.

    Attributes:
        delimiter (bytes): between numbers; None for any run of blanks.
        decimal_comma (bool): 30,5 instead of 30.5.
    """

    delimiter: Optional[bytes]
    decimal_comma: bool

    @classmethod
    def of(cls, line, rest):
        """The dialect of a first row, given all the text from there on."""
        delimiter = next((mark for mark in (b';', b'\t', b',') if mark in line), None)
        return cls(delimiter, delimiter in (b';', b'\t') and b',' in rest)

    def words(self, line):
        """The words of a line; one delimiter at its end ends no empty word."""
        words = line.split(self.delimiter)
        if self.delimiter and not words[-1].strip():
            words.pop()
        return words

    def number(self, word):
        """A word as a float, or None. NaN and infinity are floats here."""
        if b'_' in word or (self.decimal_comma and b'.' in word):
            return None
        try:
            return float(word.replace(b',', b'.') if self.decimal_comma else word)
        except ValueError:
            return None


def parse_matrix(text, source, allow_header=False):
    """The numbers of a text matrix.

    Rows end in ``\\n``, ``\\r\\n`` or ``\\r\\r\\n`` and all have the same number of values, between
    semicolons, tabs, commas or blanks; decimals have a point, or a comma between semicolons or tabs.

    Args:
        text (bytes): the file, without a byte order mark.
        source (str): its name for sentences.
        allow_header (bool): lines before the numbers, a line of column numbers and a column of row
            numbers are left out, with a note.
    Returns:
        tuple: (float32 HxW, list of notes).
    Raises:
        InputError: ``text-not-a-number``, ``text-ragged``, ``file-truncated``, ``text-ambiguous``,
            ``text-no-numbers``, ``frame-not-finite``, ``temperature-impossible``,
            ``frame-too-small`` or ``frame-too-large``.
    """
    complete, text, notes = text.endswith(b'\n'), text.rstrip(), []
    start, first_line = _start(text, source) if allow_header else (0, 1)
    if first_line > 1:
        notes.append('%d header lines before the numbers were left out' % (first_line - 1))
    dialect = Dialect.of(_line_at(text, start), text[start:])
    if dialect.delimiter == b',' and b'.' not in text[start:]:
        raise InputError('text-ambiguous', '%s has commas and no points, so a comma could separate numbers '
                         'or decimals; export it with semicolons between the numbers.' % source)
    rows = []
    while start < len(text):
        line = _line_at(text, start)
        number = first_line + len(rows)
        if len(rows) == MAX_SIDE_PX:
            raise InputError('frame-too-large', '%s has more than %d rows.' % (source, MAX_SIDE_PX))
        words = _words(line, number, dialect, source)
        start += len(line) + 1
        if rows and len(words) != len(rows[0]):
            raise _ragged(len(words), len(rows[0]), number, start > len(text) and not complete, source)
        rows.append(_row(words, number, dialect, source))
    matrix = np.array(rows)
    if allow_header and len(matrix) >= MIN_SIDE_PX and _counts_up(matrix[:, 0].tolist()):
        matrix = matrix[:, 1:]
        notes.append('a first column of row numbers was left out')
    check_size(matrix.shape[1], matrix.shape[0], source)
    return matrix, notes


def header_of(text, source):
    """The lines before the numbers, of a text that `parse_matrix` accepts with a header.

    Args, raises: as `parse_matrix`.
    Returns:
        bytes: empty where the numbers come first.
    """
    return text[:_start(text.rstrip(), source)[0]]


def _line_at(text, start):
    end = text.find(b'\n', start)
    return text[start:] if end < 0 else text[start:end]


def _start(text, source):
    """Where the numbers of a file with a header start: (offset, line counted from 1).

    A line with a number among many words is a row, not a header: a spoilt first row must be named
    and not skipped.
    """
    start = 0
    for number in range(1, MAX_HEADER_LINES + 2):
        line = _line_at(text, start)
        dialect = Dialect.of(line, line)
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
    raise InputError('text-no-numbers', '%s has no rows of at least %d numbers; export the temperature '
                     'matrix, not the report.' % (source, MIN_SIDE_PX))


def _counts_up(values):
    """Whether values are 0, 1, 2 ... or 1, 2, 3 ...: an index, not temperatures."""
    return bool(values) and values[0] in (0, 1) and values == [values[0] + i for i in range(len(values))]


def _words(line, number, dialect, source):
    if len(line) > MAX_SIDE_PX * _MAX_WORD:
        raise InputError('frame-too-large', '%s, line %d is longer than any row of a thermogram.'
                         % (source, number))
    words = dialect.words(line)
    if len(words) > MAX_SIDE_PX:
        raise InputError('frame-too-large', '%s, line %d has %d values; the largest accepted side is %d.'
                         % (source, number, len(words), MAX_SIDE_PX))
    return words


def _row(words, number, dialect, source):
    """One row as float32, every value a possible temperature."""
    try:
        if dialect.decimal_comma or any(b'_' in word for word in words):
            raise ValueError
        values = list(map(float, words))
    except ValueError:
        values = [dialect.number(word) for word in words]
        if None in values:
            column = values.index(None)
            word = words[column].strip()
            raise InputError('text-not-a-number', '%s, line %d, value %d is %s where a number belongs; '
                             'export it again from the camera software.'
                             % (source, number, column + 1, _shown(word)))
    row = np.array(values, np.float64)
    if not (row.size and row.min() >= LOWEST_C and row.max() <= HIGHEST_C):
        _refuse(row, number, source)
    return row.astype(np.float32)


def _refuse(row, number, source):
    """Raise for a row that is empty or has a value that is no temperature."""
    if not row.size:
        raise InputError('text-ragged', '%s, line %d is empty.' % (source, number))
    column = int(np.argmax(~((row >= LOWEST_C) & (row <= HIGHEST_C))))
    if np.isfinite(row[column]):
        raise InputError('temperature-impossible', '%s, line %d, value %d is %g, which is no temperature in '
                         'degrees Celsius.' % (source, number, column + 1, row[column]))
    raise InputError('frame-not-finite', '%s, line %d, value %d is not a finite number; export it again from '
                     'the camera software.' % (source, number, column + 1))


def _ragged(count, expected, number, cut_off, source):
    if cut_off and count < expected:
        return InputError('file-truncated', '%s is cut off in line %d (%d of %d values); copy it again from '
                          'its source.'
                          % (source, number, count, expected))
    return InputError('text-ragged', '%s, line %d has %d values where the lines before have %d; export it '
                      'again from the camera software.' % (source, number, count, expected))


def _shown(word):
    """A word from a file, safe to show: short, printable ASCII, in quotes."""
    if not word:
        return 'empty'
    text = ''.join(chr(byte) if 32 <= byte < 127 else '?' for byte in word[:24])
    return "'%s%s'" % (text, '...' if len(word) > 24 else '')
