"""Files beside the thermograms of a data set, checked before anything learns from them: tables and label images."""
import csv
import io
import os
from typing import Any, Dict, List, Sequence, Union

import numpy as np

from service.messages import InputError
from service.readers import reader_for
from service.readers.files import read_bytes, shown_name

AnyPath = Union[str, 'os.PathLike[str]']
Row = Dict[str, Any]

#: Codes of the picture reader whose sentences are about temperatures; for labels they all mean the same.
_OTHER_KINDS = ('scale-unknown', 'picture-colour', 'picture-transparent', 'format-unsupported')

_MAX_BYTES = 16 << 20


def read_table(path: AnyPath, needed: Sequence[str]) -> List[Row]:
    """The rows of a CSV file with a header.

    Args:
        path: the file, UTF-8, with commas between the columns.
        needed: columns that it must have.

    Returns:
        Text by column, stripped; every row has every needed column. Key ``'line'`` is the line number, from 1.

    Raises:
        InputError: ``table-encoding``, ``table-columns``, ``table-ragged``, ``table-empty``, or what is
            wrong with the file.
    """
    name = shown_name(path)
    try:
        text = read_bytes(path, _MAX_BYTES).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError('table-encoding', '%s is not UTF-8 text.' % name, 'Save it as CSV with UTF-8.',
                         detail=str(error))
    reader = csv.reader(io.StringIO(text, newline=''), strict=True)
    try:
        header = [word.strip() for word in next(reader, [])]
        _check_header(header, needed, name)
        rows = [_row(words, header, reader.line_num, name) for words in reader if any(map(str.strip, words))]
    except csv.Error as error:
        raise InputError('table-ragged', '%s, line %d is not CSV (%s).' % (name, reader.line_num, error),
                         'Save it again.')
    if not rows:
        raise InputError('table-empty', '%s has no rows below its header.' % name)
    return rows


def unique(rows: Sequence[Row], column: str, name: str) -> Dict[str, Row]:
    """Rows by the value of a column that must be present and different in every row.

    Args:
        rows: of `read_table`.
        column: such as ``'patient'``.
        name: of the table, for messages.

    Returns:
        Row by value, in the order of the table.

    Raises:
        InputError: ``patient-missing`` or ``patient-twice`` (``file-`` for a column of files).
    """
    by_value: Dict[str, Row] = {}
    for row in rows:
        value = stated(row, column, name)
        if value in by_value:
            raise InputError('%s-twice' % column, '%s has the %s %s in line %d and again in line %d.'
                             % (name, column, value, by_value[value]['line'], row['line']), 'Keep one.')
        by_value[value] = row
    return by_value


def stated(row: Row, column: str, name: str) -> str:
    """A value that must not be blank.

    Raises:
        InputError: ``patient-missing`` or such.
    """
    if not row[column]:
        raise InputError('%s-missing' % column, '%s, line %d has no %s.' % (name, row['line'], column),
                         'Fill it in or remove the line.')
    return str(row[column])


def _check_header(header, needed, name):
    lacking = [column for column in needed if column not in header]
    if lacking:
        raise InputError('table-columns', '%s lacks the column %s; its first line must name %s.'
                         % (name, lacking[0], ', '.join(needed)))
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise InputError('table-columns', '%s has two columns called %s.' % (name, twice[0]), 'Keep one.')


def _row(words, header, line, name):
    if len(words) != len(header):
        raise InputError('table-ragged', '%s, line %d has %d values and the header %d.'
                         % (name, line, len(words), len(header)), 'Correct the line.')
    return dict(zip(header, (word.strip() for word in words)), line=line)


def read_label_image(path: AnyPath, regions: int) -> np.ndarray:
    """Region ids of an 8-bit grey PNG.

    Args:
        path: the file.
        regions: number of ids, including background.

    Returns:
        Uint8 HxW, every value below `regions`.

    Raises:
        InputError: ``label-kind``, ``label-id``, or what is wrong with the file.
    """
    labels = _read_grey(path)
    if labels.max() >= regions:
        row, column = np.unravel_index(int(labels.argmax()), labels.shape)
        raise InputError('label-id', '%s has the value %d in row %d, column %d; region ids are 0 to %d.'
                         % (shown_name(path), labels[row, column], row + 1, column + 1, regions - 1))
    return labels


def _read_grey(path):
    """Values of an 8-bit grey PNG: uint8 HxW.

    Raises:
        InputError: ``label-kind``, or what is wrong with the file.
    """
    reader = reader_for(path)
    try:
        if reader.name != 'png':
            raise _other_kind(path)
        return reader.read(path).pixels.astype(np.uint8)
    except InputError as error:
        if error.code in _OTHER_KINDS:
            raise _other_kind(path)
        raise


def _other_kind(path):
    return InputError('label-kind', '%s is not an 8-bit grey PNG, as labels must be.' % shown_name(path),
                      'Save it as one, with the region ids as values.')
