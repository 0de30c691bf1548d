"""File names of DMR-IR, and those of its other exports that must not be mistaken for them.

``T<patient>.<visit>.<view>.<S|D>.<yyyy-mm-dd>.<frame>.txt`` or ``.jpg``; a heat-map picture of the
camera has ``_snap`` before its suffix. The short form ``T0001.1.1.S.txt`` has neither date nor frame.
"""
import datetime
import re
from dataclasses import dataclass
from typing import Optional

from service.messages import InputError
from service.readers.files import shown_name

KINDS = {'S': 'static', 'D': 'dynamic'}

_NAME = re.compile(r'T(\d{4})\.(\d{1,2})\.([1-5])\.([SD])(?:\.(\d{4}-\d\d-\d\d)\.(\d\d))?(_snap)?\.(txt|jpg)',
                   re.ASCII | re.IGNORECASE)
#: Other exports of the same database. Their numbers count visits, pictures or rows of a table.
_OTHER = re.compile(r'TFRON_V\d|PAC_\d+_DN|IR_\d|\d+-\d+\.(txt\.)?jpg$|\d+_img_', re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class DmrName:
    """What a DMR-IR file name says.

    Attributes:
        patient (int): 0..9999.
        visit (int): counted from 1.
        view (int): 1 frontal, 2 and 3 turned by 45 degrees, 4 and 5 by 90.
        kind (str): 'static' or 'dynamic'.
        date (str): 'yyyy-mm-dd', or ``''`` in the short form.
        frame (int or None): 0..99, None in the short form.
        snapshot (bool): a heat-map picture of 160x120, not a matrix.
        suffix (str): 'txt' or 'jpg'.
    """

    patient: int
    visit: int
    view: int
    kind: str
    date: str = ''
    frame: Optional[int] = None
    snapshot: bool = False
    suffix: str = 'txt'

    @property
    def stem(self):
        """The name without its suffix and without ``_snap``."""
        stem = 'T%04d.%d.%d.%s' % (self.patient, self.visit, self.view, self.kind[0].upper())
        return stem + '.%s.%02d' % (self.date, self.frame) if self.date else stem

    def __str__(self):
        return '%s%s.%s' % (self.stem, '_snap' if self.snapshot else '', self.suffix)


def parse_dmr_name(name):
    """What a file name says.

    Args:
        name (str): without folders.
    Returns:
        DmrName or None: None for a name that is neither DMR-IR's nor of one of its exports.
    Raises:
        InputError: ``dmr-other-export`` for a name whose numbers are no patient ids, ``dmr-name`` for one
            that starts like DMR-IR's and does not keep to its grammar.
    """
    shown = shown_name(name)
    if _OTHER.match(name):
        raise InputError('dmr-other-export', '%s is named as in another export of DMR-IR, where V and PAC '
                         'numbers '
                         'are visits and rows, not patients; use the original files, or a folder with '
                         'patients.csv.' % shown)
    found = _NAME.fullmatch(name)
    if found is None:
        if re.match(r'T\d{2,}.*\.(txt|jpg)$', name, re.ASCII | re.IGNORECASE):
            raise _misnamed(shown)
        return None
    patient, visit, view, kind, date, frame, snapshot, suffix = found.groups()
    if not int(patient) or not int(visit) or (date and not _is_date(date)):
        raise _misnamed(shown)
    return DmrName(int(patient), int(visit), int(view), KINDS[kind.upper()], date or '',
                   int(frame) if frame else None, bool(snapshot), suffix.lower())


def _is_date(text):
    try:
        return bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def _misnamed(shown):
    return InputError('dmr-name', '%s does not follow T<4-digit patient>.<visit>.<view '
                      '1-5>.<S|D>.<yyyy-mm-dd>.'
                      '<frame>.txt or .jpg; rename it as in the database.' % shown)
