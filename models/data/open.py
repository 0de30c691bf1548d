"""From a path to a collection: folders in a layout found by their content, and simulated patients."""
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

import numpy as np

from service.messages import InputError
from service.regions import REGIONS
from service.simulator import make_phantom
from service.thermogram import Thermogram

from ..phantoms import PhantomSet
from .busi import is_busi, open_busi
from .dmr import is_dmr_pack, is_dmr_raw, open_dmr_pack, open_dmr_raw
from .exams import is_exams, open_exams
from .files import AnyPath
from .plain_folder import is_plain_folder, open_files, open_plain_folder
from .sample import Collection, Sample

PHANTOM_CLASSES = ('as expected', 'pattern differs')
_SIMULATED = ('simulated thermograms, no patients',)

_PHANTOMS = re.compile(r'phantoms:(\d{1,12}):(\d{1,9})', re.ASCII)


@dataclass(frozen=True)
class Layout:
    """A layout of thermograms in a folder.

    Attributes:
        fits: whether a folder looks like it.
        open: gives the collection of a folder; further options by keyword.
        shape: what such a folder contains, for messages.
        options: names of the options.
    """

    fits: Callable[[Path], bool]
    open: Callable[..., Collection]
    shape: str
    options: Tuple[str, ...] = ()


def is_phantom_set(folder: Path) -> bool:
    """Whether a folder is a finished set of `models.phantoms`."""
    return (folder / 'set.json').is_file() and (folder / 'milli_c.npy').is_file()


def open_phantom_set(folder: AnyPath) -> Collection:
    """The collection of a set that a training made: the folder ``train``, ``val`` or ``test``.

    Returns:
        Labelled and classified, each its own patient; facts ``number`` (the seed), ``kind`` ('phantom') and ``view``.

    Raises:
        InputError: ``phantoms-unreadable``.
    """
    folder = Path(folder).resolve()
    try:
        phantoms, first = _phantom_set(folder), int(json.loads((folder / 'set.json').read_text())['first'])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError('phantoms-unreadable', 'The phantoms in %s cannot be read.' % folder,
                         'Delete the folder; the training makes it again.', detail=repr(error))
    samples = []
    for index, (abnormal, view) in enumerate(zip(phantoms.abnormal, phantoms.views)):
        key = 'phantom-%08d' % (first + index)
        facts = {'number': first + index, 'kind': 'phantom', 'view': str(view)}
        samples.append(Sample(key, key, facts, int(abnormal), functools.partial(_thermogram_of_set, folder, index),
                              functools.partial(_labels_of_set, folder, index)))
    return Collection('phantoms', tuple(samples), PHANTOM_CLASSES, REGIONS, _SIMULATED)


#: Layouts in the order in which they are tried, the most specific first.
LAYOUTS = {
    'phantom-set': Layout(is_phantom_set, open_phantom_set, 'set.json and milli_c.npy'),
    'dmr-pack': Layout(is_dmr_pack, open_dmr_pack, 'matrices/ and patients.csv'),
    'busi': Layout(is_busi, open_busi, 'benign/, malignant/, normal/'),
    'folder': Layout(is_plain_folder, open_plain_folder, 'images/ and patients.csv',
                     ('patient_from', 'scale')),
    'exams': Layout(is_exams, open_exams, 'exams/ or captures.csv, as exported by a station', ('outlines',)),
    'dmr-raw': Layout(is_dmr_raw, open_dmr_raw, 'T0138.2.3.S.2013-09-06.00.txt or folders of such'),
    # Nobody says whose a loose file is, so this layout has to be asked for.
    'files': Layout(lambda folder: False, open_files, 'loose files, with the layout files', ('scale',)),
}


def open_data(path: AnyPath, layout: Optional[str] = None, **options: Any) -> Collection:
    """Open a folder of thermograms.

    Args:
        path: the folder, or ``phantoms:SEED:COUNT`` for simulated patients; of the layout ``'files'`` also a file.
        layout: key of `LAYOUTS`; None finds it by content.
        **options: of the layout: ``patient_from`` and ``scale`` of ``'folder'``, ``scale`` of ``'files'``, ``outlines``
            of ``'exams'``; ``height`` and ``width`` of phantoms.

    Returns:
        At least one sample.

    Raises:
        InputError: ``folder-missing``, ``folder-empty``, ``layout-unknown``, ``layout-name``,
            ``layout-option``, or what the layout refuses.
    """
    if str(path).startswith('phantoms:'):
        return _open_phantoms(str(path), **options)
    folder = Path(path)
    if layout != 'files' or not folder.is_file():
        _check_folder(folder)
    if layout is None:
        layout = _find(folder)
    elif layout not in LAYOUTS:
        raise InputError('layout-name', 'There is no layout %s; there are %s.' % (layout, ', '.join(LAYOUTS)))
    unknown = sorted(set(options) - set(LAYOUTS[layout].options))
    if unknown:
        raise InputError('layout-option', 'The layout %s of %s has no option %s.'
                         % (layout, folder, unknown[0]))
    return LAYOUTS[layout].open(folder, **options)


def layout_of(path: AnyPath) -> Optional[str]:
    """Key of `LAYOUTS` of a path whose frames need no classes or labels: loose files where nothing else fits.

    Returns:
        None for ``phantoms:SEED:COUNT``.
    """
    if str(path).startswith('phantoms:'):
        return None
    folder = Path(path)
    fitting = (name for name, layout in LAYOUTS.items() if folder.is_dir() and layout.fits(folder))
    return next(fitting, 'files')


def _open_phantoms(path, **options):
    match = _PHANTOMS.fullmatch(path)
    if match is None:
        raise InputError('phantoms-range', '%s does not say which phantoms.' % path,
                         'Write phantoms:SEED:COUNT, such as phantoms:0:100.')
    return phantom_collection(*map(int, match.groups()), **options)


def _check_folder(folder):
    if not folder.is_dir():
        raise InputError('folder-missing', 'The folder %s does not exist.' % folder, 'Check the path.')
    try:
        empty = all(entry.name.startswith('.') for entry in folder.iterdir())
    except OSError as error:
        raise InputError('folder-unreadable', 'The folder %s cannot be read (%s).'
                         % (folder, error.strerror), detail=str(error))
    if empty:
        raise InputError('folder-empty', 'The folder %s is empty.' % folder, 'Name a folder of thermograms.')


def _find(folder):
    for name, layout in LAYOUTS.items():
        if layout.fits(folder):
            return name
    known = '; '.join('%s (%s)' % (name, layout.shape) for name, layout in LAYOUTS.items())
    raise InputError('layout-unknown', 'The folder %s has no layout this program knows; it knows %s.'
                     % (folder, known))


# -- simulated patients


def phantom_collection(first_seed: int, count: int, height: int = 240, width: int = 320) -> Collection:
    """Phantoms of consecutive seeds, generated when they are needed; every second one is abnormal.

    Args:
        first_seed: 0 or more.
        count: how many, 1 or more.
        height, width: pixels.

    Returns:
        Labelled and classified, each its own patient; facts ``number`` (the seed) and ``kind``
        ('phantom').

    Raises:
        InputError: ``phantoms-range``.
    """
    if first_seed < 0 or count < 1:
        raise InputError('phantoms-range', 'Phantoms need a seed of 0 or more and a count of 1 or more, such '
                         'as '
                         'phantoms:0:100, not %d and %d.' % (first_seed, count))
    samples = tuple(_phantom_sample(seed, height, width) for seed in range(first_seed, first_seed + count))
    return Collection('phantoms', samples, PHANTOM_CLASSES, REGIONS, _SIMULATED)


def _phantom_sample(seed, height, width):
    key, klass = 'phantom-%08d' % seed, seed % 2
    made = seed, height, width, bool(klass)
    return Sample(key, key, {'number': seed, 'kind': 'phantom'}, klass, functools.partial(_phantom_thermogram, made),
                  functools.partial(_phantom_labels, made))


@functools.lru_cache(maxsize=4)
def _phantom(made):
    """Picture and labels are requested in turn; generating the phantom is the slow part."""
    return make_phantom(*made)


def _phantom_thermogram(made):
    return Thermogram.from_celsius(_phantom(made).celsius, source='phantom %d' % made[0])


def _phantom_labels(made, height, width):
    return _phantom(made).labels.copy()


@functools.lru_cache(maxsize=4)
def _phantom_set(folder):
    return PhantomSet(folder)


def _thermogram_of_set(folder, index):
    return Thermogram.from_celsius(_phantom_set(folder).celsius(index), source='phantom %d of %s' % (index, folder))


def _labels_of_set(folder, index, height, width):
    return np.array(_phantom_set(folder).labels[index])
