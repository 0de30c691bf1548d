"""Temperature matrices as text: DMR-IR ``.txt`` files and the ``.csv`` exports of camera software.

What programs write before, above and beside the numbers is in the table `DIALECTS`; how they write the numbers is in
`_NOTATIONS`. Memory and time are bounded, and whatever is wrong is named with its line.
"""
import re
from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Pattern, Tuple

import numpy as np

from ..messages import InputError
from ..radiometry import OBJECT_PARAMETERS, Temperatures
from ..thermogram import MIN_SIDE_PX, check_size
from .base import DecodedImage, Path, PictureReader, Reader, Recording
from .files import MAX_HELD_BYTES, read_bytes, shown_name, suffix_of
from .recordings import CUT_NOTE
from .rows import (
    EMPTY,
    EXPORT_AGAIN,
    NO_LABEL,
    NUMBER,
    Block,
    Notation,
    counts_up,
    line_at,
    parse_rows,
    unquoted,
    words_of,
)

_UTF8_MARK = b'\xef\xbb\xbf'
_WIDE_MARKS = (b'\xff\xfe', b'\xfe\xff')
_NUMBERS = b'0123456789.,;+- \t\r\n'
#: Bytes that no text has: control characters other than tab and line ends.
_BINARY = bytes(byte for byte in range(32) if byte not in b'\t\n\r\x0c') + b'\x7f'

_CSV_SUFFIXES = ('.csv', '.tsv')

#: A header longer than this is no header; of each of its lines so much is looked at for what it states.
_MAX_HEADER_LINES, _MAX_HEADER_BYTES, _MAX_STATEMENT_BYTES = 100, 256 << 10, 1000
#: More than a recording of the smallest frames holds in a file that is read whole.
_MAX_FRAMES = 20000


@dataclass(frozen=True)
class Dialect:
    """What a program writes above and beside the rows of a matrix.

    Attributes:
        name: programs that write so.
        above: the line above the first row, in lower case, its cells joined by ``|``; None for anything or nothing. The
            group ``width``, where there is one, is the number of columns, and ``height`` that of rows.
        first: the cell before the values of the first row; None where there is none. A ``frame`` starts anew with each.
        label: what stands there in the rows below.
    """

    name: str
    above: Optional[Pattern[bytes]] = None
    first: Optional[Pattern[bytes]] = None
    label: str = NO_LABEL

    def match(self, above: List[bytes], row: List[bytes]) -> Optional[Dict[str, int]]:
        """The size that the line above states, or an empty dict; None where a matrix is not of this dialect."""
        if self.first is not None and not self.first.fullmatch(row[0].strip()):
            return None
        if self.above is None:
            return {}
        found = self.above.fullmatch(b'|'.join(cell.strip() for cell in above).lower())
        if found is None or (self.label == NUMBER and not len(row) - 1 <= len(above) <= len(row)):
            return None
        size = {name: int(text) for name, text in found.groupdict().items()}
        return size if size.get('width', len(row)) == len(row) else None


#: The first that matches is taken.
DIALECTS: Tuple[Dialect, ...] = (
    Dialect('FLIR Thermal Studio, FLIR Research Studio', first=re.compile(rb'Frame \d{1,9}'), label=EMPTY),
    Dialect('HIKMICRO Analyzer, R, pandas, spreadsheets: names or numbers of rows and columns',
            above=re.compile(rb'[^|]*(?:\|[^|]+)+'), first=re.compile(rb'[01]'), label=NUMBER),
    Dialect('Optris PIX Connect: a line with the size',
            above=re.compile(rb'(?P<width>\d{1,5})\|(?P<height>\d{1,5})')),
    Dialect('FLIR Tools, DMR-IR, others: rows of numbers'),
)


class _Look(NamedTuple):
    """How a row starts in a notation; `decimal_comma` is None where any comma in the text is one."""

    start: Pattern[bytes]
    delimiter: Optional[bytes]
    decimal_comma: Optional[bool]


#: The first that matches is taken.
_NOTATIONS = (
    _Look(re.compile(rb'[^;]*;'), b';', None),
    _Look(re.compile(rb'[^\t]*\t'), b'\t', None),
    _Look(re.compile(rb' *[-+]?\d+,\d+ +[-+]?\d+,\d+(?: |\s*$)'), None, True),
    _Look(re.compile(rb'[^,]*,'), b',', False),
    _Look(re.compile(rb''), None, False),
)

#: The word; a degree sign in Latin-1 or UTF-8, a bracket or ``deg``, then the letter alone; the letter alone in its
#: line, or at its end after a word for a unit or a temperature.
_OTHER_UNIT = re.compile(
    rb'fahrenheit|kelvin|(?:\xb0|\bdeg\.?|\[|\()[ \t]{0,9}[fk](?![a-z])|'
    rb'(?:^|\b(?:unit\S{0,3}|einheit\S?|unidad\S?|temp(?:erat\w{1,4})?\S?)[" :;,=\t]{1,20})'
    rb'[";,\t]?[fk][" ;,\t\r]{0,20}$', re.IGNORECASE | re.MULTILINE)

_NUMBER = rb'[" \t]{0,9}[:;,=\t][:;,=" \t]{0,20}([-+]?\d{1,6}(?:[.,]\d{1,8})?)'
_DEGREES = rb'[ \t]{0,4}(?:(?:\xc2?\xb0|deg\.?)[ \t]?C)?'
#: What the lines before the numbers may state that the temperatures were computed with: name, a mark, number, unit,
#: nothing more.
_STATED = {name: re.compile(label + _NUMBER + unit + rb'[;," \t\r]{0,4096}$', re.IGNORECASE | re.MULTILINE)
           for name, label, unit in (
    ('emissivity', rb'(?:emissivity|emissionsgrad|emissivit\xc3?[\xa0\xa9\xe0\xe9]|emisividad)', rb''),
    ('reflected_c', rb'refl(?:\.|ected)?(?: apparent)? ?temp(?:\.|erature)?', _DEGREES),
    ('air_c', rb'(?:atm(?:\.|ospheric)?|air) ?temp(?:\.|erature)?', _DEGREES),
    ('humidity_percent', rb'rel(?:\.|ative)? ?hum(?:\.|idity)?', rb'[ \t]{0,4}%?'),
    ('distance_m', rb'distance', rb'[ \t]{0,4}m(?:et(?:er|re)s?)?'),
    ('window_c', rb'ext(?:\.|ernal)? ?optics ?temp(?:\.|erature)?', _DEGREES),
    ('window_transmission', rb'ext(?:\.|ernal)? ?optics ?trans(?:\.|mission)?', rb''))}


def is_text(head: bytes) -> bool:
    """Whether a file's first bytes look like text of some encoding."""
    return head[:2] in _WIDE_MARKS or len(head.translate(None, _BINARY)) == len(head)


class TextReader(PictureReader):
    """DMR-IR matrices: blanks or semicolons, any line end, degrees Celsius, no header."""

    name = 'text'
    label = 'a text file'
    suffixes = ('.txt',)

    def sniff(self, head: bytes, path: Path) -> bool:
        if suffix_of(path) in _CSV_SUFFIXES or not is_text(head):
            return False
        # Bytes that happen to be letters are no text, but where the name says so.
        return suffix_of(path) in self.suffixes or 2 * len(head.translate(None, _NUMBERS)) < len(head)

    def decode(self, data: bytes, source: str) -> DecodedImage:
        return DecodedImage(parse_matrix(_plain(data, source), source))


class CsvReader(Reader):
    """Matrices in degrees Celsius as programs export them, one or many; header lines are allowed."""

    name = 'csv'
    label = 'a CSV file'
    suffixes = _CSV_SUFFIXES

    def sniff(self, head: bytes, path: Path) -> bool:
        return is_text(head) and suffix_of(path) in _CSV_SUFFIXES

    def open(self, path: Path) -> Recording:
        source = shown_name(path)
        return _Matrices(_plain(read_bytes(path, MAX_HELD_BYTES), source), source)


def parse_matrix(text: bytes, source: str) -> np.ndarray:
    """The numbers of a text that is nothing but rows.

    Rows end in ``\\n``, ``\\r\\n`` or ``\\r\\r\\n`` and all have the same number of values, between semicolons, tabs,
    commas or blanks; decimals have a point, or a comma where nothing else is separated by commas.

    Args:
        text: the file, without a byte order mark.
        source: its name for sentences.
    Returns:
        float32 HxW in °C.
    Raises:
        InputError: ``text-ambiguous``, what `parse_rows` raises, ``frame-too-small`` or ``frame-too-large``.
    """
    block = Block(text, 0, _end_of(text), 1, text.endswith(b'\n'), source)
    matrix = parse_rows(block, _notation(block))
    check_size(matrix.shape[1], matrix.shape[0], source)
    return matrix


class _Matrices(Recording):
    """The frames of a CSV file.

    Raises:
        InputError: ``text-no-numbers``, ``text-unit``, ``text-ambiguous`` or ``frame-too-large``.
    """

    def __init__(self, text: bytes, source: str) -> None:
        self._text, self._source = text, source
        self._end = _end_of(text)
        start, self._first_line, above, row = _first_row(text, source)
        self._dialect, self._size = next(
            (dialect, size) for dialect, size in ((dialect, dialect.match(above, row)) for dialect in DIALECTS)
            if size is not None)
        header = b'\n'.join(line[:_MAX_STATEMENT_BYTES] for line in text[:start].split(b'\n'))
        self._stated = _stated_in(unquoted(header), source)
        self._starts = self._frame_starts(start)
        self._notation = replace(_notation(self._block(1)), label=self._dialect.label)
        if len(self) > 1 and self._last_is_cut():
            self._end = _end_of(text, self._starts.pop())
            self.notes = (CUT_NOTE,)

    def __len__(self) -> int:
        return len(self._starts)

    def read(self, number: int) -> DecodedImage:
        block, notes = self._block(number), []  # type: Block, List[str]
        matrix = parse_rows(block, self._notation)
        if self._first_line > 1:
            notes.append('%d header lines before the numbers were left out' % (self._first_line - 1))
        is_numbered = self._notation.label == NO_LABEL and len(matrix) >= MIN_SIDE_PX and counts_up(
            matrix[:, 0].tolist())
        if is_numbered:
            matrix = matrix[:, 1:]
        if is_numbered or self._notation.label == NUMBER:
            notes.append('a first column of row numbers was left out')
        self._check_height(len(matrix))
        check_size(matrix.shape[1], matrix.shape[0], self._source)
        meaning = Temperatures(None, self._stated) if self._stated else None
        return DecodedImage(matrix, tuple(notes), meaning=meaning)

    def _last_is_cut(self) -> bool:
        """Whether the last frame has fewer rows than the first, or its last row fewer values."""
        first, last = self._block(1), self._block(len(self))
        if _height(last) < _height(first):
            return True
        last_line = last.text[last.text.rfind(b'\n', last.start, last.end) + 1:last.end]
        lines = line_at(first.text, first.start, first.end), last_line
        row, last_row = (self._notation.words(unquoted(line)) for line in lines)
        return not last.is_complete and len(last_row) < len(row)

    def _check_height(self, height: int) -> None:
        """Refuse a frame that lacks rows which the file says it has, or which its other frames have."""
        expected = self._size.get('height') or _height(self._block(1))
        if height != expected:
            raise InputError('file-truncated' if height < expected else 'text-ragged',
                             '%s has a frame of %d rows where %d belong.' % (self._source, height, expected),
                             'Copy it again from its source.')

    def _frame_starts(self, start: int) -> List[int]:
        """Where each frame starts, its label included."""
        if self._dialect.label != EMPTY:
            return [start]
        mark = b'\n' + re.split(rb'\d', line_at(self._text, start))[0]
        if self._text.count(mark, start, self._end) >= _MAX_FRAMES:
            raise InputError('frame-too-large', '%s has more than %d frames.' % (self._source, _MAX_FRAMES),
                             EXPORT_AGAIN)
        starts = [start]
        while True:
            found = self._text.find(mark, starts[-1], self._end)
            if found < 0:
                return starts
            starts.append(found + 1)

    def _block(self, number: int) -> Block:
        """The rows of a frame, counted from 1, without its label."""
        start, is_last = self._starts[number - 1], number == len(self._starts)
        end = self._end if is_last else _end_of(self._text, self._starts[number])
        line = self._first_line + self._text.count(b'\n', self._starts[0], start)
        if self._dialect.label == EMPTY:
            label = re.compile(rb'"?Frame \d{1,9}"?').match(self._text, start)
            start = label.end() if label else start
        is_complete = not is_last or self._text.endswith(b'\n')
        return Block(self._text, start, end, line, is_complete, self._source)


def _height(block: Block) -> int:
    """How many lines a block has."""
    return block.text.count(b'\n', block.start, block.end) + 1


def _plain(data: bytes, source: str) -> bytes:
    """Text bytes without a UTF-8 mark; a wide encoding is refused rather than half understood."""
    if data[:2] in _WIDE_MARKS or b'\0' in data[:512]:
        raise InputError('text-encoding', '%s is UTF-16 text.' % source, 'Save it as plain text (ASCII or UTF-8).')
    data = data[len(_UTF8_MARK):] if data.startswith(_UTF8_MARK) else data
    if not _end_of(data):
        raise InputError('file-empty', '%s holds nothing but blanks.' % source, 'Copy it again from its source.')
    return data


def _end_of(text: bytes, end: Optional[int] = None) -> int:
    """Where text ends without the blanks at its end; not by `rstrip`, which copies all of it."""
    end = len(text) if end is None else end
    while end:
        tail = text[max(0, end - 4096):end]
        kept = len(tail.rstrip())
        end -= len(tail) - kept
        if kept:
            break
    return end


def _stated_in(header: bytes, source: str) -> Dict[str, float]:
    """What the camera software computed with, as far as the lines before the numbers state it within bounds.

    Raises:
        InputError: ``text-unit``: the numbers are not degrees Celsius.
    """
    if _OTHER_UNIT.search(header):
        raise InputError('text-unit', '%s says that its temperatures are in Fahrenheit or kelvin.' % source,
                         'Export it in degrees Celsius.')
    stated: Dict[str, float] = {}
    for name, pattern in _STATED.items():
        match, bounds = pattern.search(header), OBJECT_PARAMETERS[name]
        value = float(match.group(1).replace(b',', b'.')) if match else None
        if value is not None and bounds.lowest <= value <= bounds.highest:
            stated[name] = value
    return stated


def _notation(block: Block) -> Notation:
    """The notation of rows, by the first of them.

    Raises:
        InputError: ``text-ambiguous``.
    """
    text, line = block.text, line_at(block.text, block.start, block.end)
    notation = _notation_of(unquoted(line), b'"' not in line and text.find(b',', block.start, block.end) >= 0)
    if notation.delimiter == b',' and b'"' not in line and text.find(b'.', block.start, block.end) < 0:
        raise InputError('text-ambiguous', '%s has commas and no points, so that a comma could separate numbers or '
                         'decimals.' % block.source, 'Export it with semicolons between the numbers.')
    return notation


def _notation_of(line: bytes, has_comma: bool) -> Notation:
    """The notation of a line without quotation marks.

    Args:
        line: without its line end.
        has_comma: whether a comma stands anywhere in the rows.
    """
    look = next(look for look in _NOTATIONS if look.start.match(line))
    return Notation(look.delimiter, has_comma if look.decimal_comma is None else look.decimal_comma)


def _first_row(text: bytes, source: str) -> Tuple[int, int, List[bytes], List[bytes]]:
    """Where the numbers of a file with a header start: (offset, line counted from 1, cells above, cells).

    A line with a number among many words is a row, not a header: a damaged first row must be named and not skipped.
    """
    start, above, small = 0, [], 0  # type: int, List[bytes], int
    for number in range(1, _MAX_HEADER_LINES + 2):
        line = unquoted(line_at(text, start))
        notation = _notation_of(line, b',' in line)
        words = words_of(line, number, notation, source) if line.strip() else []
        if len(words) >= MIN_SIDE_PX and _is_row(words, notation):
            return start, number, above, words
        if number == 1 and len(words) > 1 and all(notation.number(word) is not None for word in words):
            small = len(words)
        above = words or above
        start += len(line_at(text, start)) + 1
        if start >= min(len(text), _MAX_HEADER_BYTES):
            break
    if small:
        check_size(small, text.count(b'\n') + 1, source)
    raise InputError('text-no-numbers', '%s has no rows of at least %d numbers.' % (source, MIN_SIDE_PX),
                     'Export the temperature matrix, not the report.')


def _is_row(words: List[bytes], notation: Notation) -> bool:
    """Whether words are the values of a row, damaged or not, rather than names or numbers of columns."""
    corner = int(notation.number(words[0]) is None)
    values = [notation.number(word) for word in words[corner:]]
    return any(value is not None for value in values) and not counts_up(values)
