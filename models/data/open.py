"""From a path to a collection: which layout it is, by content."""
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from service.errors import InputError

from .dmr_pack import is_dmr_pack, open_dmr_pack


@dataclass(frozen=True)
class Layout:
    """A way to lay thermograms out in a folder.

    Attributes:
        fits (callable): Path -> whether a folder looks like it.
        open (callable): Path -> Collection.
        shape (str): what such a folder holds, for the sentence that nothing fits.
    """

    fits: Callable
    open: Callable
    shape: str


LAYOUTS = {
    'dmr-pack': Layout(is_dmr_pack, open_dmr_pack, 'matrices/ and patients.csv'),
}


def open_data(path, layout=None):
    """Open a folder of thermograms.

    Args:
        path (str or os.PathLike): the folder.
        layout (str or None): key of `LAYOUTS`; None finds it out by content.
    Returns:
        Collection: at least one sample.
    Raises:
        InputError: ``folder-missing``, ``folder-empty``, ``layout-unknown``, or what the layout refuses.
    """
    folder = Path(path)
    _check_folder(folder)
    if layout is None:
        layout = _find(folder)
    elif layout not in LAYOUTS:
        raise InputError('layout-name', 'There is no layout %s; there are %s.' % (layout, ', '.join(LAYOUTS)))
    return LAYOUTS[layout].open(folder)


def _check_folder(folder):
    if not folder.is_dir():
        raise InputError('folder-missing', 'The folder %s does not exist; check the path.' % folder)
    if not any(not entry.name.startswith('.') for entry in folder.iterdir()):
        raise InputError('folder-empty', 'The folder %s is empty; name a folder of thermograms.' % folder)


def _find(folder):
    fitting = [name for name, layout in LAYOUTS.items() if layout.fits(folder)]
    if not fitting:
        raise InputError('layout-unknown', 'The folder %s has no layout this program knows; it knows %s.'
                         % (folder, '; '.join('%s (%s)' % (name, layout.shape)
                                              for name, layout in LAYOUTS.items())))
    return fitting[0]
