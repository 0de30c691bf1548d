"""Folders of the device below one root, and nothing outside it."""
import os
import stat
from dataclasses import dataclass

from ..messages import InputError

#: No real path is longer; what is gets refused before the file system sees it.
MAX_PATH_LENGTH = 1024

_REFUSED = 'Only files below the folder for thermograms can be opened; use Files to choose one.'


class PlaceError(InputError):
    """A place that is not there."""

    http_status = 404


@dataclass(frozen=True)
class Entry:
    """One line of a folder: its name, its path relative to the root, and whether it is a folder."""

    name: str
    path: str
    is_folder: bool


def resolve(root, relative):
    """The real path of something below a root.

    Args:
        root (str): the folder that may be looked into.
        relative (str): path below it with forward slashes; ``''`` is the root itself.
    Returns:
        str: real path of a folder or a plain file; links that stay below the root are followed.
    Raises:
        InputError: ``path-refused`` for anything that leads outside or is not a folder or plain file.
        PlaceError: ``path-missing``, ``root-missing`` or ``path-unreadable``.
    """
    if not os.path.isdir(root):
        raise PlaceError('root-missing', 'The folder for thermograms, %s, is not there; connect its disk or choose '
                         'another in the settings (files_root).' % root)
    if (len(relative) > MAX_PATH_LENGTH or '\0' in relative or os.path.isabs(relative)
            or '..' in relative.split('/')):
        raise InputError('path-refused', _REFUSED)
    root = os.path.realpath(root)
    try:
        path = os.path.realpath(os.path.join(root, relative))
        if path != root and not path.startswith(root.rstrip(os.sep) + os.sep):
            raise InputError('path-refused', _REFUSED)
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a name that this file system cannot have
        raise PlaceError('path-missing', 'The file or folder is not there; check that its disk is connected.',
                         detail=str(error))
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InputError('path-refused', _REFUSED)
    return path


def list_folder(root, relative, is_thermogram):
    """Folders and thermograms in a folder, folders first, by name.

    Args:
        root, relative (str): as for `resolve`.
        is_thermogram (callable): whether a file name looks like one.
    Returns:
        list of Entry: hidden ones, links to the outside and names that no page can show left out.
    """
    folder = resolve(root, relative)
    try:
        names = sorted(os.listdir(folder), key=lambda name: (name.lower(), name))
    except OSError as error:
        raise PlaceError('path-unreadable', 'The folder cannot be read; check its rights.', detail=str(error))
    folders, files = [], []
    for name in names:
        below = relative.rstrip('/') + '/' + name if relative else name
        if name.startswith('.') or not _showable(name):
            continue
        try:
            path = resolve(root, below)
        except InputError:
            continue
        if os.path.isdir(path):
            folders.append(Entry(name, below, True))
        elif is_thermogram(name):
            files.append(Entry(name, below, False))
    return folders + files


def _showable(name):
    try:
        name.encode('utf-8')
    except UnicodeEncodeError:
        return False
    return True
