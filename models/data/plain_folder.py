"""Plain layouts for any thermograms: ``images/``, ``patients.csv`` and optionally ``labels/``; or files alone.

``images/`` contains files of every kind that the service reads, ``patients.csv`` the columns file, patient and, if
known, class and `FACTS`, ``labels/`` 8-bit PNGs with region ids, named like the images.
"""
import functools
from pathlib import Path
from typing import Iterable, Optional, Tuple

import numpy as np

from service.messages import InputError
from service.readers import SUFFIXES, find_thermograms, read_thermogram
from service.readers.files import suffix_of
from service.readers.sidecar import read_sidecar
from service.regions import REGIONS

from .files import AnyPath, read_label_image, read_table, stated, unique
from .sample import Collection, Sample

#: Class names that mean a negative, in the order in which they come first; other names follow alphabetically. Of two
#: classes the last one is what a classifier looks for.
NEGATIVE = ('normal', 'healthy', 'as expected', 'negative', 'benign')

TABLE = 'patients.csv'
#: Columns of the table that become facts of a picture: which visit, on which date (yyyy-mm-dd), of which view of
#: `service.views.VIEWS`, with which camera.
FACTS = ('visit', 'date', 'view', 'camera')
PATIENT_FROM = ('csv', 'name')


def is_plain_folder(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / 'images').is_dir()


def open_plain_folder(folder: AnyPath, patient_from: str = 'csv', scale: Optional[str] = None) -> Collection:
    """The collection of a plain folder.

    Args:
        folder: contains ``images/``.
        patient_from: ``'csv'``, or ``'name'`` for folders without a table: the patient is then the image's name up to
            its first underscore, blank or dot.
        scale: meaning of one count of a 16-bit file, where no sidecar states it.

    Returns:
        Facts ``kind`` (suffix of the file), and those of `FACTS` that the table states.

    Raises:
        InputError: ``patients-missing`` without a table, ``patient-missing`` for an image it does not list,
            ``file-missing``, ``file-twice``, ``labels-without-image`` or what is wrong with the table.
    """
    folder = Path(folder)
    if patient_from not in PATIENT_FROM:
        raise InputError('patient-from', 'Patients come from csv or name, not from %s.' % patient_from)
    files = {Path(path).name: path for path in find_thermograms([str(folder / 'images')])}
    rows = _by_name(files) if patient_from == 'name' else _by_table(folder, files)
    classes = class_names(row['class'] for row in rows.values())
    labels = {path.stem: path for path in (folder / 'labels').glob('*.png') if not path.name.startswith('.')}
    orphans = sorted(set(labels) - {Path(name).stem for name in files})
    if orphans:
        raise InputError('labels-without-image', 'labels/%s.png has no image of that name.' % orphans[0],
                         'Rename or remove it.')
    samples = tuple(_sample(files[name], rows[name], classes, labels.get(Path(name).stem), scale)
                    for name in sorted(files))
    notes = ('patients were taken from file names',) if patient_from == 'name' else ()
    return Collection(folder.resolve().name, samples, classes, REGIONS, notes)


def open_files(path: AnyPath, scale: Optional[str] = None) -> Collection:
    """The collection of loose files, for what needs neither classes nor labels.

    Args:
        path: a file, or a folder of files as ``thermoscreen analyse`` takes it.
        scale: as of `open_plain_folder`.

    Returns:
        The first frame of each file; patients by the beginning of its name, as `open_plain_folder` has them.

    Raises:
        InputError: ``folder-empty``, ``folder-unreadable``, or ``key-twice`` for names with other suffixes only.
    """
    files = {Path(name).name: name for name in find_thermograms([str(path)])}
    rows = _by_name(files)
    samples = tuple(_sample(files[name], rows[name], (), None, scale) for name in sorted(files))
    return Collection(Path(path).resolve().name, samples, (), REGIONS, ('patients were taken from file names',))


def _by_table(folder, files):
    if not (folder / TABLE).is_file():
        raise InputError('patients-missing', 'The folder %s has no %s saying whose each image is (columns file, '
                         'patient, class).' % (folder, TABLE),
                         'Write one, or take patients from file names.')
    lines = read_table(folder / TABLE, ('file', 'patient'))
    for line in lines:
        line['patient'], line['class'] = stated(line, 'patient', TABLE), line.get('class', '')
    rows = unique(lines, 'file', TABLE)
    unlisted, missing = set(files) - set(rows), set(rows) - set(files)
    if unlisted:
        raise InputError('patient-missing', '%s does not say whose images/%s is.' % (TABLE, min(unlisted)),
                         'Add a line.')
    if missing:
        raise InputError('file-missing', '%s lists %s, which is not in images/.' % (TABLE, min(missing)),
                         'Copy it again.')
    return rows


def _by_name(files):
    rows = {}
    for name in files:
        stem = Path(name).stem
        for mark in '_ .':
            stem = stem.split(mark)[0]
        rows[name] = {'patient': stem, 'class': ''}
    return rows


def class_names(words: Iterable[str]) -> Tuple[str, ...]:
    """The classes that words name, negatives first; empty words name none."""
    names = set(words) - {''}
    return tuple(sorted(names, key=lambda name: (NEGATIVE.index(name.lower()) if name.lower() in NEGATIVE
                                                 else len(NEGATIVE), name)))


def _sample(path, row, classes, labels, scale):
    klass = classes.index(row['class']) if row['class'] else None
    read = functools.partial(read_thermogram, str(path), scale=scale)
    reader = SUFFIXES.get(suffix_of(path))
    facts = dict({name: row[name] for name in FACTS if row.get(name)}, kind=reader.name if reader else 'unknown')
    return Sample(Path(path).stem, row['patient'], facts, klass, read,
                  functools.partial(_labels, str(labels), str(path)) if labels else None)


def _labels(path, image, height, width):
    """Labels match the picture in its file; if that is mirrored, they are mirrored with it."""
    labels = read_label_image(path, len(REGIONS))
    stated, _ = read_sidecar(image)
    return np.ascontiguousarray(labels[:, ::-1]) if stated.get('mirrored') else labels
