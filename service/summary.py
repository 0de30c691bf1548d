"""What a folder of results says together: one table for a spreadsheet, and the overlays on one sheet."""
import csv
import io
import os
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from .durable import atomic_write, make_folders, storage_error
from .messages import ADJUNCT_NOTICE, INFO, OK, PROBLEM, WARNING, InputError
from .overlay import draw_contact_sheet
from .readers.files import shown_name
from .record import (
    SUMMARY_HEAD,
    SUMMARY_NAME,
    alone_in,
    encode_png,
    is_summary,
    list_records,
    read_overlay,
    read_record,
    sheet_name,
    withdraw_summary,
)
from .regions import PAIRS, REGIONS, pair_name
from .views import SIDE_VIEWS, view_label

#: Overlays on one sheet: more would not be looked at, and a sheet must fit into the memory of a board.
_CELLS = 60

_PAIRS = tuple(pair_name(right) for right, _ in PAIRS)

#: The columns of a summary. Temperatures are in °C where ``unit`` is celsius, else grey levels.
COLUMNS = (
    *SUMMARY_HEAD.rstrip(',').split(','),
    'frame', 'outcome', 'view', 'quality', 'code', 'sentence', 'warnings', 'finding', 'finding_probability',
    'finding_threshold', 'unit',
    *('%s_%s' % (region, statistic) for region in REGIONS[1:] for statistic in ('mean', 'max')),
    *('%s_left_minus_right_%s' % (pair, statistic) for pair in _PAIRS for statistic in ('mean', 'max', 'exceeds')),
    'bundle', 'bundle_hash', 'program', 'written_at', 'notice')

Row = Dict[str, Any]


def check_summary_name(folder: str) -> None:
    """Refuse to write a summary over a file of somebody else.

    Raises:
        InputError: ``output-exists``.
    """
    path = os.path.join(folder, SUMMARY_NAME)
    if os.path.lexists(path) and not is_summary(folder):
        raise InputError('output-exists', '%s is not a summary that this program wrote.' % path,
                         'Move it away, or choose another folder.')


def write_summary(folder: str, failures: Sequence[Row] = ()) -> List[str]:
    """Write ``summary.csv`` and the contact sheets of a folder of records, from what lies there.

    A record that is not whole any more is listed with its code and is not on the sheets.

    Args:
        folder: of records.
        failures: rows about files that have no record: any of `COLUMNS`.

    Returns:
        Paths of what was written.

    Raises:
        InputError: ``output-exists``.
        StorageError: there is no summary then.
    """
    check_summary_name(folder)
    try:
        make_folders(folder)
        return _write(folder, failures)
    except OSError as error:
        raise storage_error(error, os.path.join(folder, SUMMARY_NAME))


def _write(folder: str, failures: Sequence[Row]) -> List[str]:
    with alone_in(folder):
        withdraw_summary(folder)
        rows, sheets = [], []
        cells: List[Tuple[np.ndarray, str, str]] = []
        for row, overlay in _records(folder):
            rows.append(row)
            if overlay is not None:
                cells.append((overlay, row['result'], _caption(row)))
            if len(cells) == _CELLS:
                sheets.append(encode_png(draw_contact_sheet(cells)))
                cells = []
        if cells:
            sheets.append(encode_png(draw_contact_sheet(cells)))
        files = [(SUMMARY_NAME, _table(rows + list(failures)))]
        files += [(sheet_name(number), data) for number, data in enumerate(sheets, 1)]
        for name, data in files:
            atomic_write(os.path.join(folder, name), data)
    return [os.path.join(folder, name) for name, _ in files]


def failed_row(error: Dict[str, Any], name: str, sha256: str = '') -> Row:
    """The row of a file or a record that cannot be used.

    Args:
        error: JSON values of a message.
        name: of the file, as `shown_name` gives it.
        sha256: of its content, where known.
    """
    return {'input': name, 'sha256': sha256, 'outcome': 'failed', 'code': error['code'], 'sentence': error['sentence']}


def summary_row(document: Row) -> Row:
    """The row of a record.

    Args:
        document: content of ``result.json``.
    """
    said = [check for check in document['checks'] if check['severity'] in (INFO, PROBLEM)]
    row = {'input': document['input']['name'], 'sha256': document['input']['sha256'],
           'frame': document['input']['frame'], 'outcome': document['outcome'],
           'view': document.get('view') or '',  # not in results of schema 3
           'quality': '%d of %d checks passed' % (
               sum(check['severity'] == OK for check in document['checks']), len(document['checks'])),
           'code': ' '.join(check['code'] for check in said),
           'sentence': ' '.join(check['sentence'] for check in said),
           'warnings': ' '.join(check['sentence'] for check in document['checks'] if check['severity'] == WARNING),
           'unit': document['unit'],
           'bundle': '%s %s' % (document['bundle']['id'], document['bundle']['version']),
           'bundle_hash': document['bundle']['hash'], 'program': document.get('program', ''),
           'written_at': document['written_at']}
    finding = document['finding']
    if finding is not None:
        row.update(finding='at or above the threshold' if finding['above'] else 'below the threshold',
                   finding_probability=finding['probability'], finding_threshold=finding['threshold'])
    for region, values in document['regions'].items():
        row.update({'%s_%s' % (region, statistic): values[statistic] for statistic in ('mean', 'max')})
    for pair, values in document['differences'].items():
        row.update({'%s_left_minus_right_%s' % (pair, statistic): values[statistic]
                    for statistic in ('mean', 'max', 'exceeds')})
    return row


def _records(folder: str) -> Iterator[Tuple[Row, Optional[np.ndarray]]]:
    """Row and overlay of every record; no overlay where it is not whole."""
    for path in list_records(folder):
        name = shown_name(path)
        try:
            document = read_record(path)
        except InputError as error:
            yield dict(failed_row(error.to_dict(), ''), result=name), None
            continue
        yield dict(summary_row(document), result=name), read_overlay(path)


def _caption(row: Row) -> str:
    if row['outcome'] != 'result':
        return 'No result: %s' % row['code']
    if row['view'] in SIDE_VIEWS:
        return view_label(row['view']).capitalize()
    unit = 'C' if row['unit'] == 'celsius' else 'grey levels'
    differences = ['%s %+.2f' % (pair, row['%s_left_minus_right_mean' % pair]) for pair in _PAIRS
                   if '%s_left_minus_right_mean' % pair in row]
    return 'Left - right: %s %s' % (', '.join(differences), unit) if differences else 'No pair of regions'


def _table(rows: Sequence[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval='', lineterminator='\n')
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in dict(row, notice=ADJUNCT_NOTICE).items()})
    return stream.getvalue().encode('utf-8')


def _cell(value: Any) -> Any:
    """A value as a spreadsheet takes it for what it is: a name that begins like a formula is none."""
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, str) and value.startswith(('=', '+', '-', '@')):
        return "'" + value
    return value
