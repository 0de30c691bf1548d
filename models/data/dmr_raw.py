"""DMR-IR as the database ships it: text matrices and pictures, in one folder or one folder a patient.

A patient's folder is called by the patient's number and may hold ``description.html``, which says
Healthy or Sick. Heat-map snapshots are left out: a palette has no order of temperatures.
"""
import functools
import re
from collections import Counter
from pathlib import Path

from service.messages import InputError
from service.readers import read_thermogram
from service.readers.files import read_bytes, read_head
from service.regions import REGIONS

from .dmr_names import parse_dmr_name
from .dmr_pack import CAMERA, CLASSES
from .sample import Collection, Sample

DESCRIPTION = 'description.html'
_DIAGNOSIS = re.compile(r'Diagnosis\s*\*?\s*:\s*<span[^>]*>\s*([^<]*?)\s*<', re.IGNORECASE)
_SUFFIXES = ('.txt', '.jpg')


def is_dmr_raw(folder):
    """Whether a folder, or a folder in it, has a file named as in DMR-IR or one of its exports."""
    for path in _pictures(folder):
        try:
            if parse_dmr_name(path.name):
                return True
        except InputError:
            return True
    return False


def open_dmr_raw(folder):
    """The collection of a DMR-IR folder.

    Args:
        folder (str or os.PathLike): holds files, or folders of files named by patient.
    Returns:
        Collection: patients as four digits; facts ``number``, ``visit``, ``view``, ``kind``, ``date``,
        ``frame``, ``dialect`` ('space', 'semicolon' or 'picture') and ``camera``. Where a matrix and a
        picture of the same frame are there, the matrix is taken.
    Raises:
        InputError: ``folder-empty``, ``key-twice``, ``dmr-name``, ``dmr-other-export``, ``dmr-folder``,
            ``diagnosis-contradiction``, or what is wrong with a file.
    """
    folder = Path(folder)
    chosen, counts = {}, Counter()
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
    return Collection(folder.resolve().name, samples, CLASSES, REGIONS, notes)


def _pictures(folder):
    """Files with the suffixes of this layout, of a folder and the folders in it."""
    return sorted(path for pattern in ('*', '*/*') for path in folder.glob(pattern)
                  if path.suffix.lower() in _SUFFIXES and not path.name.startswith('.') and path.is_file())


def _check_home(path, name):
    home = path.parent.name
    if home.isascii() and home.isdigit() and int(home) != name.patient:
        raise InputError('dmr-folder', '%s is of patient %04d and lies in the folder %s; move it to its '
                         'patient.'
                         % (path.name, name.patient, home))


def _choose(chosen, path, name, counts):
    """Keep one file a frame: the matrix before the picture; two of a kind are a mistake."""
    other = chosen.get(name.stem)
    if other is not None and other[1].suffix == name.suffix:
        raise InputError('key-twice', '%s is there twice, in %s and in %s; keep one.'
                         % (name.stem, other[0].parent, path.parent))
    if other is not None:
        counts['pictures of frames whose matrix is there'] += 1
    if other is None or name.suffix == 'txt':
        chosen[name.stem] = path, name


def _diagnoses(folder, homes, counts):
    """Class index by patient, from the description in the patient's own folder."""
    found = {}
    for patient, home in homes.items():
        page = home / DESCRIPTION
        if home == folder and len(homes) > 1:
            continue  # one page beside the files of several patients says nothing of any one of them
        if page.is_file():
            text = read_bytes(page, 4 << 20).decode('utf-8', 'replace')
            stated = {word.capitalize() for word in _DIAGNOSIS.findall(text)}
            if len(stated) > 1:
                raise InputError('diagnosis-contradiction', '%s/%s states %s for one patient; correct it.'
                                 % (home.name, DESCRIPTION, ' and '.join(sorted(stated))))
            word = ''.join(stated)
            if word in CLASSES:
                found[patient] = CLASSES.index(word)
            elif word:
                counts['diagnoses other than Healthy and Sick'] += 1
    return found


def _sample(path, name, diagnoses):
    facts = {'number': name.patient, 'visit': name.visit, 'view': name.view, 'kind': name.kind,
             'date': name.date, 'frame': name.frame, 'dialect': _dialect(path, name), 'camera': CAMERA}
    return Sample(name.stem, '%04d' % name.patient, facts, diagnoses.get(name.patient),
                  functools.partial(read_thermogram, str(path)))


def _dialect(path, name):
    """How the numbers stand in a matrix, by its first line; the confound of this database hangs on it."""
    if name.suffix != 'txt':
        return 'picture'
    return 'semicolon' if b';' in read_head(path) else 'space'
