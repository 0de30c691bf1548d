"""Which files and folders may be opened: those below one root; and what is in them."""
import itertools
import os
import stat
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

from ..messages import InputError
from ..readers import SUFFIXES

#: Entries of one page of a folder: what a 7 inch panel shows without scrolling.
ENTRIES_PER_PAGE = 10

#: Entries of a folder that are read. More would keep the page waiting.
MAX_ENTRIES = 100000

#: No real path is longer; a longer one is refused before the file system sees it.
MAX_PATH_LENGTH = 1024


class PlaceError(InputError):
    """A file or folder that is not there."""

    http_status = 404


@dataclass(frozen=True)
class Entry:
    """One line of a folder: its name, its path relative to the root, and whether it is a folder."""

    name: str
    path: str
    is_folder: bool


@dataclass(frozen=True)
class Listing:
    """One page of a folder.

    Attributes:
        entries: at most `ENTRIES_PER_PAGE`.
        number: of the page, from 1.
        pages: how many there are.
        complete: False where the folder holds more than `MAX_ENTRIES` and the others are not listed.
    """

    entries: Sequence[Entry]
    number: int
    pages: int
    complete: bool


def resolve(root: str, relative: str) -> str:
    """The real path of a folder or plain file below a root; links that stay below the root are followed.

    Args:
        root: the folder that may be looked into.
        relative: path below it with forward slashes; ``''`` is the root itself.

    Raises:
        InputError: ``path-refused`` for anything that leads outside or is neither folder nor plain file.
        PlaceError: ``path-missing``, ``root-missing`` or ``path-unreadable``.
    """
    refused = InputError('path-refused', 'Only files below the folder for thermograms can be opened.',
                         'Use Files to choose one.')
    if not os.path.isdir(root):
        raise PlaceError('root-missing', 'The folder for thermograms, %s, is not there.' % root,
                         'Connect its disk, or choose another in the settings (files_root).')
    if (len(relative) > MAX_PATH_LENGTH or '\0' in relative or os.path.isabs(relative)
            or '..' in relative.split('/')):
        raise refused
    root = os.path.realpath(root)
    try:
        path = os.path.realpath(os.path.join(root, relative))
        if path != root and not path.startswith(root.rstrip(os.sep) + os.sep):
            raise refused
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a name that this file system cannot have
        raise PlaceError('path-missing', 'The file or folder is not there.', 'Check that its disk is connected.',
                         detail=str(error))
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise refused
    return path


def look(root: str, relative: str, number: int = 1) -> Optional[Listing]:
    """What is at a path: a page of a folder, or None for a file.

    Args, raises: as of `list_folder`.
    """
    if not os.path.isdir(resolve(root, relative)):
        return None
    return list_folder(root, relative, _is_thermogram, number)


def list_folder(root: str, relative: str, is_thermogram: Callable[[str], bool], number: int = 1) -> Listing:
    """One page of the folders and thermograms of a folder: folders first, by name.

    What an entry is comes with its name, and only the entries of the page are looked at further: a link is sorted by
    what its name looks like, and left out of its page where it leads outside.

    Args:
        root, relative: as for `resolve`.
        is_thermogram: whether a file name looks like one.
        number: of the page, from 1; the last one where there are not as many.

    Returns:
        Without hidden entries, links to the outside, and names that no page can show.

    Raises:
        InputError: as of `resolve`.
        PlaceError: as of `resolve`, and ``path-unreadable``.
    """
    folders: List[str] = []
    files: List[str] = []
    try:
        with os.scandir(resolve(root, relative)) as entries:
            read = list(itertools.islice(entries, MAX_ENTRIES + 1))
            for entry in read[:MAX_ENTRIES]:
                if entry.name[0] == '.':
                    continue
                if is_thermogram(entry.name) and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                    folders.append(entry.name)
    except OSError as error:
        raise PlaceError('path-unreadable', 'The folder cannot be read.', 'Check its rights.', detail=str(error))
    # Two sorts of plain texts are quicker than one by pairs, and put equal names in the same order every time.
    names = [name for kind in (folders, files) for name in sorted(sorted(kind), key=str.lower)]
    pages = max(1, -(-len(names) // ENTRIES_PER_PAGE))
    number = min(number, pages)
    shown = names[(number - 1) * ENTRIES_PER_PAGE:number * ENTRIES_PER_PAGE]
    listed = [_entry(root, '%s/%s' % (relative, name) if relative else name, is_thermogram) for name in shown]
    return Listing([entry for entry in listed if entry is not None], number, pages, len(read) <= MAX_ENTRIES)


def _entry(root: str, path: str, is_thermogram: Callable[[str], bool]) -> Optional[Entry]:
    """What a path below the root opens; None for a link to the outside, something else, or bytes as a name."""
    name = path.rpartition('/')[2]
    try:
        path.encode('utf-8')
        is_folder = os.path.isdir(resolve(root, path))
    except (InputError, UnicodeEncodeError):
        return None
    return Entry(name, path, is_folder) if is_folder or is_thermogram(name) else None


def _is_thermogram(name: str) -> bool:
    return name[name.rfind('.'):].lower() in SUFFIXES
