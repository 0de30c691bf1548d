"""Writing a report."""
import json

from service.durable import atomic_write

from .page import render_page

REPORT_NAME = 'report.json'
PAGE_NAME = 'report.html'
LABELS_NAME = 'labels'


def to_json(document):
    """The document as text: keys in their order, the statement of the split first.

    Raises:
        ValueError: a NaN or infinity, which is not JSON.
    """
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + '\n'


def write_report(folder, document, cases=()):
    """Write ``report.html`` and, last, ``report.json`` into a folder.

    Args:
        folder (Path): there already.
        document (dict): as `make_document` gives it.
        cases (sequence of dict): as `draw_cases` gives them.

    Raises:
        StorageError: the disk.
    """
    atomic_write(folder / PAGE_NAME, render_page(document, cases).encode('utf-8'))
    atomic_write(folder / REPORT_NAME, to_json(document).encode('utf-8'))
