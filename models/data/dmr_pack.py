"""The packed DMR-IR layout: 16-bit matrices, a table of patients, label images.

``matrices/NNNN.png`` holds hundredths of a degree Celsius, ``patients.csv`` has the columns patient,
diagnosis and dialect, ``regions/NNNN.png`` holds region ids of some of them. One frontal picture a
patient.
"""
import functools
from pathlib import Path

from service.messages import InputError
from service.readers import read_thermogram
from service.regions import REGIONS

from .labels import read_label_image
from .sample import Collection, Sample
from .tables import read_table, unique

CLASSES = ('Healthy', 'Sick')
CAMERA = 'FLIR SC620'
DIALECTS = ('space', 'semicolon')


def is_dmr_pack(folder):
    """Whether a folder has this layout."""
    return (folder / 'matrices').is_dir() and (folder / 'patients.csv').is_file()


def open_dmr_pack(folder):
    """The collection of a packed DMR-IR folder.

    Args:
        folder (str or os.PathLike): holds ``matrices/`` and ``patients.csv``.
    Returns:
        Collection: patients as four digits; facts ``dialect``, ``number``, ``kind``, ``view``, ``camera``.
    Raises:
        InputError: ``patient-twice``, ``patient-missing``, ``patient-number``, ``class-unknown``,
            ``dialect-unknown``, ``file-missing``, ``labels-missing`` or what is wrong with the table.
    """
    folder = Path(folder)
    rows = unique(read_table(folder / 'patients.csv', ('patient', 'diagnosis', 'dialect')), 'patient',
                  'patients.csv')
    samples = [_sample(folder, row) for row in rows.values()]
    listed = {sample.key for sample in samples}
    strays = sorted(path.name for path in (folder / 'matrices').glob('*.png') if path.stem not in listed)
    if strays:
        raise InputError('patient-missing', 'patients.csv does not say whose matrices/%s is%s; add a line.'
                         % (strays[0], ' (and %d more)' % (len(strays) - 1) if len(strays) > 1 else ''))
    return Collection(folder.resolve().name, samples, CLASSES, REGIONS)


def _sample(folder, row):
    if not (row['patient'].isascii() and row['patient'].isdigit()):
        raise InputError('patient-number', 'patients.csv, line %d has the patient %s; patients of this '
                         'layout '
                         'are numbers.' % (row['line'], row['patient']))
    _one_of(row, 'diagnosis', CLASSES, 'class-unknown')
    _one_of(row, 'dialect', DIALECTS, 'dialect-unknown')
    key = '%04d' % int(row['patient'])
    matrix, labels = folder / 'matrices' / (key + '.png'), folder / 'regions' / (key + '.png')
    if not matrix.is_file():
        raise InputError('file-missing', 'patients.csv lists the patient %s, but matrices/%s.png does not '
                         'exist; copy it again.' % (row['patient'], key))
    if row.get('regions') == 'yes' and not labels.is_file():
        raise InputError('labels-missing', 'patients.csv says that patient %s has regions, but '
                         'regions/%s.png does not exist; copy it again.' % (row['patient'], key))
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
