"""Rows of numbers in text: in bulk where they are plain decimals, one by one where anything is unusual or wrong.

Both ways give the same float64, rounded once to float32: fifteen digits are a whole number below 2**53 and a power of
ten up to 10**22 is exact, so that their quotient is the number nearest to the decimal, as `float` gives it
[Clinger1990].
"""
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from ..messages import InputError
from ..radiometry import HIGHEST_C, LOWEST_C
from ..thermogram import MAX_SIDE_PX

#: The largest picture that a thermal camera gives; bounds the time that a text can cost.
MAX_VALUES = 2048 * 1536
#: No number needs more characters; bounds what one line can cost.
_MAX_WORD = 32
#: What is read at a time: longer than any row, and small enough for a cache.
_CHUNK_BYTES = 256 << 10
_MAX_LINE_BYTES = MAX_SIDE_PX * _MAX_WORD
_MAX_DIGITS = 15
_POWERS = np.array([float('1e%d' % power) for power in range(_MAX_DIGITS + 1)])
#: Characters less that of zero, as uint8.
_POINT, _MINUS, _PLUS, _LINE_END = ((ord(letter) - 48) % 256 for letter in '.-+\n')
_PLAIN = b'0123456789.+- \r\n'
_BLANKS = b' \t\r\n\x0b\x0c'

EXPORT_AGAIN = 'Export it again from the camera software.'

#: What stands before the values of a row: nothing, an empty cell, or the number of the row.
NO_LABEL, EMPTY, NUMBER = '', 'empty', 'number'


@dataclass(frozen=True)
class Notation:
    """How the numbers of a row are written.

    Attributes:
        delimiter: between numbers; None for any run of blanks.
        decimal_comma: 30,5 instead of 30.5.
        label: one of `NO_LABEL`, `EMPTY`, `NUMBER`.
    """

    delimiter: Optional[bytes]
    decimal_comma: bool
    label: str = NO_LABEL

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


class Block(NamedTuple):
    """Rows of one matrix in a text.

    Attributes:
        text: all of it.
        start, end: where its first row starts, and where its last one ends, without its line end.
        line: number of its first row, counted from 1.
        is_complete: whether a line end follows the last row.
        source: name of the file, for sentences.
    """

    text: bytes
    start: int
    end: int
    line: int
    is_complete: bool
    source: str


def line_at(text: bytes, start: int, end: Optional[int] = None) -> bytes:
    """The line that starts there, without its line end."""
    stop = text.find(b'\n', start, end)
    return text[start:end] if stop < 0 else text[start:stop]


def unquoted(text: bytes) -> bytes:
    """Text of whole lines without its quotation marks: "22,1","22,0" becomes 22.1,22.0.

    A comma between two of them is a decimal comma.
    """
    if b'"' not in text:
        return text
    letters = np.frombuffer(text, np.uint8)
    marks = letters == ord('"')
    inside = np.bitwise_xor.accumulate(marks.view(np.uint8)).view(bool)
    plain = np.where(inside & (letters == ord(',')), np.uint8(ord('.')), letters)
    return plain[~marks].tobytes()


def words_of(line: bytes, number: int, notation: Notation, source: str) -> List[bytes]:
    """The words of a line.

    Raises:
        InputError: ``frame-too-large``.
    """
    if len(line) > _MAX_LINE_BYTES:
        raise _too_long(number, source)
    words = notation.words(line)
    if len(words) > MAX_SIDE_PX + (notation.label != NO_LABEL):
        raise InputError('frame-too-large', '%s, line %d has %d values; the largest accepted side is %d.'
                         % (source, number, len(words), MAX_SIDE_PX), EXPORT_AGAIN)
    return words


def parse_rows(block: Block, notation: Notation) -> np.ndarray:
    """The values of a block.

    Returns:
        float32 HxW in °C, without labels.
    Raises:
        InputError: ``text-not-a-number``, ``text-ragged``, ``file-truncated``, ``frame-not-finite``,
            ``temperature-impossible`` or ``frame-too-large``.
    """
    text, start, source = block.text, block.start, block.source
    height = text.count(b'\n', start, block.end) + 1
    first = unquoted(line_at(text, start, block.end))
    columns = len(words_of(first, block.line, notation, source)) - (notation.label == EMPTY)
    if height > MAX_SIDE_PX:
        raise InputError('frame-too-large', '%s has more than %d rows.' % (source, MAX_SIDE_PX), EXPORT_AGAIN)
    if height * columns > MAX_VALUES:
        raise InputError('frame-too-large', '%s has %d rows of %d values; no thermal camera has more than %d pixels.'
                         % (source, height, columns, MAX_VALUES), EXPORT_AGAIN)
    matrix, row, skipped = np.empty((height, columns), np.float32), 0, int(notation.label == NUMBER)
    while row < height:
        stop = block.end
        if stop - start > _CHUNK_BYTES:
            stop = text.rfind(b'\n', start, start + _CHUNK_BYTES)
            if stop < 0:
                raise _too_long(block.line + row, source)
        chunk = unquoted(text[start:stop])
        rows = chunk.count(b'\n') + 1
        values = _plain_decimals(chunk, rows, columns, notation)
        if values is None or not _all_possible(values[:, skipped:]):
            may_be_cut = stop == block.end and not block.is_complete
            values = _one_by_one(chunk, block.line + row, columns, notation, source, may_be_cut)
        matrix[row:row + rows] = values
        row, start = row + rows, stop + 1
    if skipped:
        _check_numbering(matrix[:, 0].tolist(), block)
    return matrix[:, skipped:]


def counts_up(values: Sequence[Optional[float]]) -> bool:
    """Whether values are 0, 1, 2 ... or 1, 2, 3 ...: an index, not temperatures."""
    first = values[0] if len(values) else None
    return first in (0, 1) and all(value == index for index, value in enumerate(values, int(first or 0)))


def _plain_decimals(chunk: bytes, rows: int, columns: int, notation: Notation) -> Optional[np.ndarray]:
    """The numbers of whole lines, float64 rows x columns; None where they are not plain decimals in even rows."""
    mark = notation.delimiter
    if notation.decimal_comma:
        if b'.' in chunk:
            return None
        chunk = chunk.replace(b',', b'.')
    if chunk.translate(None, _PLAIN + (mark or _BLANKS)):
        return None
    codes = np.frombuffer(chunk, np.uint8) - np.uint8(48)  # a character before zero wraps around
    is_sign, is_point = (codes == _MINUS) | (codes == _PLUS), codes == _POINT
    inside = np.zeros(len(codes) + 2, bool)
    inside[1:-1] = (codes < 10) | is_sign | is_point
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    if not columns or len(starts) != rows * columns:
        return None
    if not _in_even_rows(codes, starts.reshape(rows, -1), ends.reshape(rows, -1), notation):
        return None
    decimals, lengths = np.zeros(len(starts), np.int64), ends - starts
    digits = lengths - is_sign[starts]
    if np.count_nonzero(is_sign) != np.count_nonzero(is_sign[starts]):
        return None
    points = np.flatnonzero(is_point)
    if len(points):
        owners = np.searchsorted(starts, points, 'right') - 1
        if (np.diff(owners) == 0).any():
            return None
        decimals[owners] = ends[owners] - points - 1
        digits[owners] -= 1
    if digits.min() < 1 or digits.max() > _MAX_DIGITS:
        return None
    values, shortest = np.zeros(len(starts)), int(lengths.min())
    for place in range(int(lengths.max())):
        which = slice(None) if place < shortest else np.flatnonzero(lengths > place)
        code = codes[starts[which] + place]
        values[which] = np.where(code < 10, values[which] * 10 + code, values[which])
    values /= _POWERS[decimals]
    values[codes[starts] == _MINUS] *= -1
    return values.reshape(rows, columns)


def _in_even_rows(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray, notation: Notation) -> bool:
    """Whether numbers stand in lines of as many, with one delimiter between two of them.

    Args:
        codes: of all characters.
        starts, ends: rows x columns; where each number starts, and the character after it.
    """
    rows, columns = starts.shape
    line_ends = np.append(np.flatnonzero(codes == _LINE_END), len(codes))
    if ((line_ends < ends[:, -1]) | (np.append(starts[1:, 0], len(codes) + 1) < line_ends)).any():
        return False
    if notation.delimiter is None:
        return True
    places = np.flatnonzero(codes == (ord(notation.delimiter) - 48) % 256)
    before = int(notation.label == EMPTY)
    in_row, rest = divmod(len(places), rows)
    after = in_row - before - (columns - 1)
    if rest or after not in (0, 1):
        return False
    marks = places.reshape(rows, in_row)
    between = marks[:, before:before + columns - 1]
    good = (between >= ends[:, :-1]).all() and (between < starts[:, 1:]).all()
    if before:
        good = good and (marks[:, 0] < starts[:, 0]).all() and (marks[1:, 0] > line_ends[:-1]).all()
    if after:
        good = good and (marks[:, -1] >= ends[:, -1]).all() and (marks[:, -1] < line_ends).all()
    return bool(good)


def _all_possible(values: np.ndarray) -> bool:
    return bool(values.size and values.min() >= LOWEST_C and values.max() <= HIGHEST_C)  # False for NaN


def _one_by_one(chunk: bytes, line: int, columns: int, notation: Notation, source: str,
                may_be_cut: bool) -> np.ndarray:
    """The same for anything that `float` reads; the first row that is wrong is named."""
    rows: List[np.ndarray] = []
    lines = chunk.split(b'\n')
    for number, text in enumerate(lines, line):
        words = words_of(text, number, notation, source)
        if notation.label == EMPTY and words:
            label = words.pop(0).strip()
            if label:
                raise InputError('text-not-a-number', '%s, line %d starts with %s where nothing belongs.'
                                 % (source, number, _shown(label)), EXPORT_AGAIN)
        if len(words) != columns:
            if may_be_cut and number == line + len(lines) - 1 and len(words) < columns:
                raise InputError('file-truncated', '%s is cut off in line %d (%d of %d values).'
                                 % (source, number, len(words), columns), 'Copy it again from its source.')
            raise InputError('text-ragged', '%s, line %d has %d values where the lines before have %d.'
                             % (source, number, len(words), columns), EXPORT_AGAIN)
        rows.append(_row(words, number, notation, source))
    return np.array(rows)


def _row(words: List[bytes], number: int, notation: Notation, source: str) -> np.ndarray:
    """One row as float64, every value a possible temperature."""
    values: List[Optional[float]]
    joined = b'\n'.join(words)  # which no word holds
    try:
        if b'_' in joined or (notation.decimal_comma and b'.' in joined):
            raise ValueError
        values = list(map(float, joined.replace(b',', b'.').split(b'\n') if notation.decimal_comma else words))
    except ValueError:
        values = [notation.number(word) for word in words]
    if None in values:
        column = values.index(None)
        raise InputError('text-not-a-number', '%s, line %d, value %d is %s where a number belongs.'
                         % (source, number, column + 1, _shown(words[column].strip())), EXPORT_AGAIN)
    row, skipped = np.array(values, np.float64), int(notation.label == NUMBER)
    if not _all_possible(row[skipped:]):
        raise _row_error(row, skipped, number, source)
    return row


def _row_error(row: np.ndarray, skipped: int, number: int, source: str) -> InputError:
    """The error for a row that is empty or has a value that is no temperature."""
    if row.size <= skipped:
        return InputError('text-ragged', '%s, line %d is empty.' % (source, number), EXPORT_AGAIN)
    column = skipped + int(np.argmax(~((row[skipped:] >= LOWEST_C) & (row[skipped:] <= HIGHEST_C))))
    where = '%s, line %d, value %d' % (source, number, column + 1)
    if np.isfinite(row[column]):
        return InputError('temperature-impossible', '%s is %g, which is no temperature in degrees Celsius.'
                          % (where, row[column]), 'Export the temperatures in degrees Celsius.')
    return InputError('frame-not-finite', '%s is not a finite number.' % where, EXPORT_AGAIN)


def _check_numbering(numbers: List[float], block: Block) -> None:
    """Refuse rows whose numbers do not count up: one is missing, or the column is no numbering."""
    for index, number in enumerate(numbers):
        if number != numbers[0] + index:
            raise InputError('text-ragged', '%s, line %d is numbered %g where %g belongs.'
                             % (block.source, block.line + index, number, numbers[0] + index), EXPORT_AGAIN)


def _too_long(number: int, source: str) -> InputError:
    return InputError('frame-too-large', '%s, line %d is longer than any row of a thermogram.' % (source, number),
                      EXPORT_AGAIN)


def _shown(word: bytes) -> str:
    """A word from a file, safe to show: short, printable ASCII, in quotes."""
    if not word:
        return 'empty'
    text = ''.join(chr(byte) if 32 <= byte < 127 else '?' for byte in word[:24])
    return "'%s%s'" % (text, '...' if len(word) > 24 else '')
