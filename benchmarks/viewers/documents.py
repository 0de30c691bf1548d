"""The measurements and the report in viewers, against the numbers and the bytes that the station had."""
import html
import os
import re
import shutil
import subprocess
from typing import Dict, List, NamedTuple, Optional, Tuple

import cv2

from .archive import Orthanc
from .exam import Sent

#: Names of what is derived, as a report of the station has them, by those in `result.json`.
_DERIVED = {'mean': 'Mean', 'sd': 'Standard Deviation', 'p95': '95th percentile', 'max': 'Maximum'}

_GROUP = re.compile(r'Tracking Identifier"\)="([^"]+)"')
_NUMBER = re.compile(r'<contains NUM:\(,,"([^"]+)"\)="([^"]+)" \([^,]+,UCUM,')
_DERIVATION = re.compile(r'"Derivation"\)=\([^"]+"([^"]+)"\)')


class Read(NamedTuple):
    """What a viewer gave of a document.

    Attributes:
        viewer: its name.
        what: what it gave, in a few words.
        wrong: what of that is wrong; empty for nothing.
        is_known: whether docs/hospital.md says so.
    """

    viewer: str
    what: str
    wrong: str = ''
    is_known: bool = False


def measured(sent: Sent) -> Dict[Tuple[str, str], float]:
    """Every number of a region, a difference and a sign that an exam had, by its group and what it is."""
    found = {}
    for role, result in sent.results.items():
        for region, numbers in result['regions'].items():
            group = '%s %s' % (role.replace('-', ' '), region.replace('_', ' '))
            found.update({(group, _DERIVED[name]): numbers[name] for name in _DERIVED})
            found[group, 'Number of pixels'] = numbers['n']
        for pair, numbers in result['differences'].items():
            group = '%s %s' % (role.replace('-', ' '), pair.replace('_', ' '))
            found.update({(group, _DERIVED[name]): numbers[name] for name in ('mean', 'p95', 'max')})
    return found


def listed(text: str) -> Dict[Tuple[str, str], float]:
    """Every number that dsrdump lists in a group, by the group and what it is."""
    found: Dict[Tuple[str, str], float] = {}
    waiting: Optional[float] = None
    group = ''
    for line in text.splitlines():
        named, number, derived = _GROUP.search(line), _NUMBER.search(line), _DERIVATION.search(line)
        if named:
            group, waiting = named.group(1).replace('-', ' '), None
        elif number:
            waiting = float(number.group(2))
            found[group, number.group(1)] = waiting
        elif derived and waiting is not None:
            found[group, derived.group(1)], waiting = waiting, None
    return found


def read_measurements(path: str, sent: Sent, orthanc: Orthanc, stored: str) -> List[Read]:
    """What DCMTK and Orthanc give of the measurements.

    Args:
        path: the file.
        stored: what it is called in Orthanc.
    """
    truth = measured(sent)
    dumped = _run('dsrdump', '+Pl', path).decode('utf-8', 'replace')
    found = listed(dumped)
    other = [key for key, value in truth.items() if found.get(key) != round(value, 6)]
    page = re.sub('<[^>]+>', ' ', html.unescape(_run('dsr2html', path).decode('utf-8', 'replace')))
    words = set(re.findall(r'[-+]?[0-9][0-9.]*', page))
    lacking = [key for key, value in truth.items() if '%.10g' % value not in words]
    name = 'Παπαδοπούλου'
    return [Read('dsrdump', '%d of %d numbers as measured' % (len(truth) - len(other), len(truth)), _first(other)),
            Read('dsr2html', '%d of %d numbers, name %s' % (len(truth) - len(lacking), len(truth), name in page),
                 _first(lacking) or ('' if name in page else 'another name')),
            _preview(orthanc, stored)]


def read_report(path: str, sent: Sent, out: str, orthanc: Orthanc, stored: str) -> List[Read]:
    """What DCMTK and Orthanc give back of the report, and the pages of that.

    Args:
        path: the file.
        out: folder for the pages.
        stored: what it is called in Orthanc.
    """
    taken = os.path.join(out, os.path.basename(path) + '.pdf')
    _run('dcm2pdf', path, taken)
    with open(taken, 'rb') as stream:
        by_dcmtk = stream.read()
    _run('pdftoppm', '-r', '50', '-png', taken, taken)
    pages = [cv2.imread(os.path.join(out, name)) for name in sorted(os.listdir(out))
             if name.startswith(os.path.basename(taken) + '-')]
    empty = [number for number, page in enumerate(pages, 1) if page is None or page.min() > 200]
    return [_same('dcm2pdf', by_dcmtk, sent.report), _same('orthanc', orthanc.ask('/instances/%s/pdf' % stored),
                                                           sent.report),
            Read('pdftoppm', '%d pages' % len(pages), 'no page' if not pages else 'page %d is empty' % empty[0]
                 if empty else ''), _preview(orthanc, stored)]


def _same(viewer: str, found: bytes, printed: bytes) -> Read:
    return Read(viewer, '%d bytes' % len(found), '' if found == printed else 'not the %d bytes that were printed'
                % len(printed))


def _preview(orthanc: Orthanc, stored: str) -> Read:
    try:
        orthanc.ask('/instances/%s/preview' % stored)
    except OSError as error:
        return Read('orthanc', 'preview', str(error), is_known=True)
    return Read('orthanc', 'preview')


def _first(keys: List[Tuple[str, str]]) -> str:
    return '%s, %s, and %d more' % (keys[0] + (len(keys) - 1,)) if keys else ''


def _run(program: str, *words: str) -> bytes:
    if shutil.which(program) is None:
        raise SystemExit('needs %s' % program)
    done = subprocess.run((program,) + words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout

