"""DMR-IR [Silva2014] as the database ships it, and in a packed layout.

The database has text matrices and pictures, in one folder or one folder per patient. Files are called
``T<patient>.<visit>.<view>.<S|D>.<yyyy-mm-dd>.<frame>.txt`` or ``.jpg``; a heat-map picture of the camera has
``_snap`` before its suffix. The short form ``T0001.1.1.S.txt`` has neither date nor frame. The folder of a patient has
the patient's number as its name and may contain ``description.html``, which says Healthy or Sick. Heat-map snapshots
are ignored, because a palette has no order of temperatures.

The packed layout has ``matrices/NNNN.png`` with hundredths of °C, ``patients.csv`` with the columns patient, diagnosis
and dialect, and ``regions/NNNN.png`` with region ids of some of them: one frontal picture per patient. Drawings that
were made on another frame and fitted to these afterwards are in ``regions_registered/``, which then replaces
``regions/``.
"""
import datetime
import functools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Tuple

from service.messages import InputError
from service.readers import read_thermogram
from service.readers.files import read_bytes, read_head, shown_name
from service.regions import REGIONS

from .files import AnyPath, read_label_image, read_table, unique
from .sample import Collection, Sample

CLASSES = ('Healthy', 'Sick')
CAMERA = 'FLIR SC620'
DIALECTS = ('space', 'semicolon')
KINDS = {'S': 'static', 'D': 'dynamic'}

_NAME = re.compile(r'T(\d{4})\.(\d{1,2})\.([1-5])\.([SD])(?:\.(\d{4}-\d\d-\d\d)\.(\d\d))?(_snap)?\.(txt|jpg)',
                   re.ASCII | re.IGNORECASE)
#: Names of other exports of the database, whose numbers are visits, pictures or rows of a table.
_OTHER = re.compile(r'TFRON_V\d|PAC_\d+_DN|IR_\d|\d+-\d+\.(txt\.)?jpg$|\d+_img_', re.ASCII | re.IGNORECASE)
DESCRIPTION = 'description.html'
_DIAGNOSIS = re.compile(r'Diagnosis\s*\*?\s*:\s*<span[^>]*>\s*([^<]*?)\s*<', re.IGNORECASE)
_SUFFIXES = ('.txt', '.jpg')


@dataclass(frozen=True)
class DmrName:
    """What a DMR-IR file name says.

    Attributes:
        patient: 0..9999.
        visit: counted from 1.
        view: 1 frontal, 2 and 3 turned by 45 degrees, 4 and 5 by 90.
        kind: 'static' or 'dynamic'.
        date: 'yyyy-mm-dd', or ``''`` in the short form.
        frame: 0..99, None in the short form.
        snapshot: whether it is a heat-map picture of 160x120 and not a matrix.
        suffix: ``'txt'`` or ``'jpg'``.
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
    def stem(self) -> str:
        """The name without its suffix and without ``_snap``."""
        stem = 'T%04d.%d.%d.%s' % (self.patient, self.visit, self.view, self.kind[0].upper())
        return stem if self.frame is None else stem + '.%s.%02d' % (self.date, self.frame)

    def __str__(self) -> str:
        return '%s%s.%s' % (self.stem, '_snap' if self.snapshot else '', self.suffix)


def parse_dmr_name(name: str) -> Optional[DmrName]:
    """What a file name says.

    Args:
        name: without folders.

    Returns:
        None for a name that is neither DMR-IR's nor of one of its exports.

    Raises:
        InputError: ``dmr-other-export`` for a name whose numbers are not patients, ``dmr-name`` for one that begins
            like DMR-IR's but does not follow its grammar.
    """
    shown = shown_name(name)
    if _OTHER.match(name):
        raise InputError('dmr-other-export', '%s is named as in another export of DMR-IR, where V and PAC numbers '
                         'are visits and rows, not patients.' % shown,
                         'Use the original files, or a folder with patients.csv.')
    match = _NAME.fullmatch(name)
    if match is None:
        if re.match(r'T\d{2,}.*\.(txt|jpg)$', name, re.ASCII | re.IGNORECASE):
            raise _misnamed(shown)
        return None
    patient, visit, view, kind, date, frame, snapshot, suffix = match.groups()
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
                      '1-5>.<S|D>.<yyyy-mm-dd>.<frame>.txt or .jpg.' % shown,
                      'Rename it as in the database.')


# -- the database's own layout


def is_dmr_raw(folder: Path) -> bool:
    """Whether a folder, or a folder in it, has a file named as in DMR-IR or one of its exports."""
    for path in _pictures(folder):
        try:
            if parse_dmr_name(path.name):
                return True
        except InputError:
            return True
    return False


def open_dmr_raw(folder: AnyPath) -> Collection:
    """The collection of a DMR-IR folder.

    Args:
        folder: contains files, or folders of files named by patient.

    Returns:
        Patients as four digits; facts ``number``, ``visit``, ``view``, ``kind``, ``date``,
        ``frame``, ``dialect`` ('space', 'semicolon' or 'picture') and ``camera``. If there are a matrix and a
        picture of the same frame, the matrix is used.

    Raises:
        InputError: ``folder-empty``, ``key-twice``, ``dmr-name``, ``dmr-other-export``, ``dmr-folder``,
            ``diagnosis-contradiction``, or what is wrong with a file.
    """
    folder = Path(folder)
    chosen: Dict[str, Tuple[Path, DmrName]] = {}
    counts: Dict[str, int] = Counter()
    for path in _pictures(folder):
        name = parse_dmr_name(path.name)
        if name is None:
            counts['files with other names'] += 1
        elif name.snapshot:
            counts['heat-map snapshots, which have no temperatures,'] += 1
        else:
            _check_home(path, name)
            _choose(chosen, path, name, counts)
    if not chosen:
        raise InputError('folder-empty', 'The folder %s holds no DMR-IR matrix or picture; its files are '
                         'called '
                         'like T0138.2.3.S.2013-09-06.00.txt.' % folder)
    diagnoses = _diagnoses(folder, {name.patient: path.parent for path, name in chosen.values()}, counts)
    samples = [_sample(path, name, diagnoses) for path, name in chosen.values()]
    notes = ['%d %s were left out' % (count, what) for what, count in sorted(counts.items())]
    samples.sort(key=lambda sample: sample.key)
    return Collection(folder.resolve().name, tuple(samples), CLASSES, REGIONS, tuple(notes))


def _pictures(folder):
    """Files with the suffixes of this layout, of a folder and the folders in it."""
    return sorted(path for pattern in ('*', '*/*') for path in folder.glob(pattern)
                  if path.suffix.lower() in _SUFFIXES and not path.name.startswith('.') and path.is_file())


def _check_home(path, name):
    home = path.parent.name
    if home.isascii() and home.isdigit() and int(home) != name.patient:
        raise InputError('dmr-folder', '%s is of patient %04d and lies in the folder %s.'
                         % (path.name, name.patient, home),
                         'Move it to its patient.')


def _choose(chosen, path, name, counts):
    """Keep one file per frame, the matrix rather than the picture; two of a kind are a mistake."""
    other = chosen.get(name.stem)
    if other is not None and other[1].suffix == name.suffix:
        raise InputError('key-twice', '%s is there twice, in %s and in %s.'
                         % (name.stem, other[0].parent, path.parent),
                         'Keep one.')
    if other is not None:
        counts['pictures of frames whose matrix is there'] += 1
    if other is None or name.suffix == 'txt':
        chosen[name.stem] = path, name


def _diagnoses(folder, homes, counts):
    """Class index by patient, from the description in the patient's own folder."""
    diagnoses = {}
    for patient, home in homes.items():
        page = home / DESCRIPTION
        if home == folder and len(homes) > 1:
            continue  # one page for several patients says nothing about any of them
        if page.is_file():
            text = read_bytes(page, 4 << 20).decode('utf-8', 'replace')
            stated = {word.capitalize() for word in _DIAGNOSIS.findall(text)}
            if len(stated) > 1:
                raise InputError('diagnosis-contradiction', '%s/%s states %s for one patient.'
                                 % (home.name, DESCRIPTION, ' and '.join(sorted(stated))),
                                 'Correct it.')
            word = ''.join(stated)
            if word in CLASSES:
                diagnoses[patient] = CLASSES.index(word)
            elif word:
                counts['diagnoses other than Healthy and Sick'] += 1
    return diagnoses


def _sample(path, name, diagnoses):
    facts = {'number': name.patient, 'visit': name.visit, 'view': name.view, 'kind': name.kind,
             'date': name.date, 'frame': name.frame, 'dialect': _dialect(path, name), 'camera': CAMERA}
    return Sample(name.stem, '%04d' % name.patient, facts, diagnoses.get(name.patient),
                  functools.partial(read_thermogram, str(path)))


def _dialect(path, name):
    """How numbers are separated in a matrix, by its first line; this database is confounded by it."""
    if name.suffix != 'txt':
        return 'picture'
    return 'semicolon' if b';' in read_head(path) else 'space'


# -- the packed layout


def is_dmr_pack(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / 'matrices').is_dir() and (folder / 'patients.csv').is_file()


def open_dmr_pack(folder: AnyPath) -> Collection:
    """The collection of a packed DMR-IR folder.

    Args:
        folder: contains ``matrices/`` and ``patients.csv``.

    Returns:
        Patients as four digits; facts ``dialect``, ``number``, ``kind``, ``view``, ``camera``.

    Raises:
        InputError: ``patient-twice``, ``patient-missing``, ``patient-number``, ``class-unknown``,
            ``dialect-unknown``, ``file-missing``, ``labels-missing`` or what is wrong with the table.
    """
    folder = Path(folder)
    rows = unique(read_table(folder / 'patients.csv', ('patient', 'diagnosis', 'dialect')), 'patient',
                  'patients.csv')
    drawn = 'regions_registered' if (folder / 'regions_registered').is_dir() else 'regions'
    samples = [_packed_sample(folder, drawn, row) for row in rows.values()]
    listed = {sample.key for sample in samples}
    strays = sorted(path.name for path in (folder / 'matrices').glob('*.png') if path.stem not in listed)
    if strays:
        raise InputError('patient-missing', 'patients.csv does not say whose matrices/%s is%s.'
                         % (strays[0], ' (and %d more)' % (len(strays) - 1) if len(strays) > 1 else ''),
                         'Add a line.')
    return Collection(folder.resolve().name, tuple(samples), CLASSES, REGIONS)


def _packed_sample(folder, drawn, row):
    if not (row['patient'].isascii() and row['patient'].isdigit()):
        raise InputError('patient-number', 'patients.csv, line %d has the patient %s; patients of this '
                         'layout are numbers.' % (row['line'], row['patient']))
    _one_of(row, 'diagnosis', CLASSES, 'class-unknown')
    _one_of(row, 'dialect', DIALECTS, 'dialect-unknown')
    key = '%04d' % int(row['patient'])
    matrix, labels = folder / 'matrices' / (key + '.png'), folder / drawn / (key + '.png')
    if not matrix.is_file():
        raise InputError('file-missing', 'patients.csv lists the patient %s, but matrices/%s.png does not exist.'
                         % (row['patient'], key),
                         'Copy it again.')
    if row.get('regions') == 'yes' and not labels.is_file():
        raise InputError('labels-missing', 'patients.csv says that patient %s has regions, but %s/%s.png does '
                         'not exist.' % (row['patient'], drawn, key),
                         'Copy it again.')
    facts = {'dialect': row['dialect'], 'number': int(row['patient']), 'kind': 'static', 'view': 1,
             'camera': CAMERA}
    return Sample(key, key, facts, CLASSES.index(row['diagnosis']),
                  functools.partial(read_thermogram, str(matrix), scale='centicelsius'),
                  functools.partial(_labels, str(labels)) if labels.is_file() else None)


def _one_of(row, column, known, code):
    if row[column] not in known:
        raise InputError(code, 'patients.csv, line %d has the %s %r; it may be %s.'
                         % (row['line'], column, row[column][:40], ' or '.join(known)))


def _labels(path, height, width):
    return read_label_image(path, len(REGIONS))
