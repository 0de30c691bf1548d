"""Temperature matrices as text: DMR-IR ``.txt`` files and camera software's ``.csv`` exports."""
from ..messages import InputError
from ..radiometry import Temperatures
from .base import IN_CELSIUS, Decoded, Reader
from .csv_header import stated_in
from .files import suffix_of
from .matrix import header_of, parse_matrix

_UTF8_MARK = b'\xef\xbb\xbf'
_WIDE_MARKS = (b'\xff\xfe', b'\xfe\xff')
#: Bytes that no text has: control characters other than tab and line ends.
_BINARY = bytes(byte for byte in range(32) if byte not in b'\t\n\r\x0c') + b'\x7f'

_CSV_SUFFIXES = ('.csv', '.tsv')


def is_text(head):
    """Whether a file's first bytes look like text of some encoding."""
    return head[:2] in _WIDE_MARKS or len(head.translate(None, _BINARY)) == len(head)


class TextReader(Reader):
    """DMR-IR matrices: blanks or semicolons, any line end, degrees Celsius, no header."""

    name = 'text'
    label = 'a text file'
    suffixes = ('.txt',)

    def sniff(self, head, path):
        return is_text(head) and suffix_of(path) not in _CSV_SUFFIXES

    def _decode(self, data, source):
        values, notes = parse_matrix(_plain(data, source), source)
        return Decoded(values, IN_CELSIUS, tuple(notes))


class CsvReader(Reader):
    """Comma, semicolon or tab separated matrices in degrees Celsius, header lines allowed."""

    name = 'csv'
    label = 'a CSV file'
    suffixes = _CSV_SUFFIXES

    def sniff(self, head, path):
        return is_text(head) and suffix_of(path) in _CSV_SUFFIXES

    def _decode(self, data, source):
        text = _plain(data, source)
        values, notes = parse_matrix(text, source, allow_header=True)
        stated = stated_in(header_of(text, source), source)
        return Decoded(values, IN_CELSIUS, tuple(notes), meaning=Temperatures(None, stated) if stated else None)


def _plain(data, source):
    """Text bytes without a UTF-8 mark; a wide encoding is refused rather than half understood."""
    if data[:2] in _WIDE_MARKS or b'\0' in data[:512]:
        raise InputError('text-encoding', '%s is UTF-16 text; save it as plain text (ASCII or UTF-8).'
                         % source)
    data = data[len(_UTF8_MARK):] if data.startswith(_UTF8_MARK) else data
    if not data.strip():
        raise InputError('file-empty', '%s holds nothing but blanks; copy it again from its source.' % source)
    return data
