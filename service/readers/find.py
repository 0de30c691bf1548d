"""From what a person names to the files that are meant."""
import os

from ..messages import InputError
from .files import shown_name, suffix_of
from .registry import SUFFIXES


def find_thermograms(paths):
    """The files that paths stand for.

    A folder stands for the files in it with a suffix that is read, sorted by name; its subfolders
    and hidden files are left out. Any other path stands for itself, there or not: reading it says
    what is wrong with it. A path named twice counts once.

    Args:
        paths (list of str): files and folders.
    Returns:
        list of str: at least one.
    Raises:
        InputError: ``folder-empty``, ``folder-unreadable`` or ``no-files``.
    """
    files = []
    for path in map(os.fspath, paths):
        files.extend(_in_folder(path) if os.path.isdir(path) else [path])
    if not files:
        raise InputError('no-files', 'No file was named; name a thermogram or a folder of thermograms.')
    return list(dict.fromkeys(files))


def _in_folder(folder):
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError('folder-unreadable', 'The folder %s cannot be read (%s).'
                         % (shown_name(folder), error.strerror), detail=str(error))
    names = [name for name in names if suffix_of(name) in SUFFIXES and not name.startswith('.')]
    found = [path for path in (os.path.join(folder, name) for name in names) if os.path.isfile(path)]
    if not found:
        raise InputError('folder-empty', 'The folder %s holds no thermograms (files ending in %s); '
                         'subfolders are not searched.' % (shown_name(folder), ', '.join(sorted(SUFFIXES))))
    return found
