"""From a path to a collection: which layout it is, by content."""
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from service.messages import InputError

from .busi import is_busi, open_busi
from .dmr_pack import is_dmr_pack, open_dmr_pack
from .dmr_raw import is_dmr_raw, open_dmr_raw
from .phantoms import phantom_collection
from .plain_folder import is_plain_folder, open_plain_folder

_PHANTOMS = re.compile(r'phantoms:(\d{1,12}):(\d{1,9})', re.ASCII)


@dataclass(frozen=True)
class Layout:
    """A way to lay thermograms out in a folder.

    Attributes:
        fits (callable): Path -> whether a folder looks like it.
        open (callable): Path -> Collection; further options by keyword.
        shape (str): what such a folder holds, for the sentence that nothing fits.
        options (tuple of str): names of the options.
    """

    fits: Callable
    open: Callable
    shape: str
    options: tuple = ()


#: Layouts in the order in which they are tried; what is peculiar comes first.
LAYOUTS = {
    'dmr-pack': Layout(is_dmr_pack, open_dmr_pack, 'matrices/ and patients.csv'),
    'busi': Layout(is_busi, open_busi, 'benign/, malignant/, normal/'),
    'folder': Layout(is_plain_folder, open_plain_folder, 'images/ and patients.csv',
                     ('patient_from', 'scale')),
    'dmr-raw': Layout(is_dmr_raw, open_dmr_raw, 'T0138.2.3.S.2013-09-06.00.txt or folders of such'),
}


def open_data(path, layout=None, **options):
    """Open a folder of thermograms.

    Args:
        path (str or os.PathLike): the folder, or ``phantoms:SEED:COUNT`` for simulated patients.
        layout (str or None): key of `LAYOUTS`; None finds it out by content.
        **options: of the layout: ``patient_from`` and ``scale`` of 'folder'; ``height`` and ``width`` of
            phantoms.
    Returns:
        Collection: at least one sample.
    Raises:
        InputError: ``folder-missing``, ``folder-empty``, ``layout-unknown``, ``layout-name``,
            ``layout-option``, or what the layout refuses.
    """
    if str(path).startswith('phantoms:'):
        return _open_phantoms(str(path), **options)
    folder = Path(path)
    _check_folder(folder)
    if layout is None:
        layout = _find(folder)
    elif layout not in LAYOUTS:
        raise InputError('layout-name', 'There is no layout %s; there are %s.' % (layout, ', '.join(LAYOUTS)))
    strange = sorted(set(options) - set(LAYOUTS[layout].options))
    if strange:
        raise InputError('layout-option', 'The layout %s of %s has no option %s.'
                         % (layout, folder, strange[0]))
    return LAYOUTS[layout].open(folder, **options)


def _open_phantoms(path, **options):
    found = _PHANTOMS.fullmatch(path)
    if found is None:
        raise InputError('phantoms-range', '%s does not say which phantoms; write phantoms:SEED:COUNT, such '
                         'as '
                         'phantoms:0:100.' % path)
    return phantom_collection(*map(int, found.groups()), **options)


def _check_folder(folder):
    if not folder.is_dir():
        raise InputError('folder-missing', 'The folder %s does not exist; check the path.' % folder)
    try:
        empty = all(entry.name.startswith('.') for entry in folder.iterdir())
    except OSError as error:
        raise InputError('folder-unreadable', 'The folder %s cannot be read (%s).'
                         % (folder, error.strerror), detail=str(error))
    if empty:
        raise InputError('folder-empty', 'The folder %s is empty; name a folder of thermograms.' % folder)


def _find(folder):
    for name, layout in LAYOUTS.items():
        if layout.fits(folder):
            return name
    known = '; '.join('%s (%s)' % (name, layout.shape) for name, layout in LAYOUTS.items())
    raise InputError('layout-unknown', 'The folder %s has no layout this program knows; it knows %s.'
                     % (folder, known))
