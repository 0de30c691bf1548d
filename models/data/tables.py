"""Small CSV tables that say whose a picture is."""
import csv
import io

from service.messages import InputError
from service.readers.files import read_bytes, shown_name

_MAX_BYTES = 16 << 20


def read_table(path, needed):
    """The rows of a CSV file with a header.

    Args:
        path (str or os.PathLike): the file, UTF-8, commas between the columns.
        needed (tuple of str): columns it must have.
    Returns:
        list of dict: column to text without blanks around it; every row has every needed column. The key
        ``'line'`` is the line in the file, counted from 1.
    Raises:
        InputError: ``table-encoding``, ``table-columns``, ``table-ragged``, ``table-empty``, or what is
            wrong with the file.
    """
    name = shown_name(path)
    try:
        text = read_bytes(path, _MAX_BYTES).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError('table-encoding', '%s is not UTF-8 text; save it as CSV with UTF-8.'
                         % name, detail=str(error))
    reader = csv.reader(io.StringIO(text, newline=''), strict=True)
    try:
        header = [word.strip() for word in next(reader, [])]
        _check_header(header, needed, name)
        rows = [_row(words, header, reader.line_num, name) for words in reader if any(map(str.strip, words))]
    except csv.Error as error:
        raise InputError('table-ragged', '%s, line %d is no CSV (%s); save it again.'
                         % (name, reader.line_num, error))
    if not rows:
        raise InputError('table-empty', '%s has no rows below its header.' % name)
    return rows


def unique(rows, column, name):
    """Rows by the value of a column that has to be there and different in every row.

    Args:
        rows (list of dict): as `read_table` gives them.
        column (str): such as ``'patient'``.
        name (str): the table's name for sentences.
    Returns:
        dict: value -> row, in the order of the table.
    Raises:
        InputError: ``patient-missing`` or ``patient-twice`` (``file-`` for a column of files).
    """
    found = {}
    for row in rows:
        value = stated(row, column, name)
        if value in found:
            raise InputError('%s-twice' % column, '%s has the %s %s in line %d and again in line %d; keep '
                             'one.'
                             % (name, column, value, found[value]['line'], row['line']))
        found[value] = row
    return found


def stated(row, column, name):
    """A value that must not be blank.

    Raises:
        InputError: ``patient-missing`` or such.
    """
    if not row[column]:
        raise InputError('%s-missing' % column, '%s, line %d has no %s; fill it in or remove the line.'
                         % (name, row['line'], column))
    return row[column]


def _check_header(header, needed, name):
    lacking = [column for column in needed if column not in header]
    if lacking:
        raise InputError('table-columns', '%s lacks the column %s; its first line must name %s.'
                         % (name, lacking[0], ', '.join(needed)))
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise InputError('table-columns', '%s has two columns called %s; keep one.' % (name, twice[0]))


def _row(words, header, line, name):
    if len(words) != len(header):
        raise InputError('table-ragged', '%s, line %d has %d values and the header %d; correct the line.'
                         % (name, line, len(words), len(header)))
    return dict(zip(header, (word.strip() for word in words)), line=line)
