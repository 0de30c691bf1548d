"""Which files and folders may be opened: those below one root; and what is in them."""
import itertools
import os
import stat
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ..messages import InputError
from ..readers import SUFFIXES

#: Entries of one page of a folder: what a 7 inch panel shows without scrolling, in rows for gloves.
ENTRIES_PER_PAGE = 8

#: What a list is in the order of: names from A on, the newest first, the largest first.
ORDERS = NAME, DATE, SIZE = ('name', 'date', 'size')

#: Entries of a folder that are read. More would keep the page waiting.
MAX_ENTRIES = 100000

#: No real path is longer; a longer one is refused before the file system sees it.
MAX_PATH_LENGTH = 1024


class PlaceError(InputError):
    """A file or folder that is not there."""

    http_status = 404


@dataclass(frozen=True)
class Entry:
    """One line of a folder.

    Attributes:
        name: without its folder.
        path: relative to the root.
        changed_s: when it was written, in seconds since 1970.
    """

    name: str
    path: str
    is_folder: bool
    size_bytes: int
    changed_s: float


@dataclass(frozen=True)
class Listing:
    """One page of a folder.

    Attributes:
        entries: at most `ENTRIES_PER_PAGE`.
        number: of the page, from 1.
        pages: how many there are.
        files: names in the whole folder that look like a thermogram.
        complete: False where the folder holds more than `MAX_ENTRIES` and the others are not listed.
    """

    entries: Sequence[Entry]
    number: int
    pages: int
    files: int = 0
    complete: bool = True


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


def look(root: str, relative: str, number: int = 1, order: str = NAME, at: str = '') -> Optional[Listing]:
    """What is at a path: a page of a folder, or None for a file.

    Args, raises: as of `list_folder`.
    """
    if not os.path.isdir(resolve(root, relative)):
        return None
    return list_folder(root, relative, is_thermogram, number, order, at)


def list_folder(root: str, relative: str, looks_like_one: Callable[[str], bool], number: int = 1, order: str = NAME,
                at: str = '') -> Listing:
    """One page of the folders and thermograms of a folder: folders first.

    What an entry is comes with its name, and only the entries of the page are looked at further: a link is sorted by
    what its name looks like, and left out of its page where it leads outside. Another order than that of the names
    asks the disk once for every entry.

    Args:
        root, relative: as for `resolve`.
        looks_like_one: whether a file name looks like that of a thermogram.
        number: of the page, from 1; the last one where there are not as many.
        order: one of `ORDERS`.
        at: a name: the page that it stands on is given, where it is there.

    Returns:
        Without hidden entries, links to the outside, and names that no page can show.

    Raises:
        InputError: as of `resolve`, and ``order-unknown``.
        PlaceError: as of `resolve`, and ``path-unreadable``.
    """
    if order not in ORDERS:
        raise InputError('order-unknown', 'A list is in no such order.', 'Choose one of %s.' % ', '.join(ORDERS))
    folders, files, complete = _names(root, relative, looks_like_one, order)
    names = folders + files
    if at in names:
        number = names.index(at) // ENTRIES_PER_PAGE + 1
    pages = max(1, -(-len(names) // ENTRIES_PER_PAGE))
    number = min(number, pages)
    shown = names[(number - 1) * ENTRIES_PER_PAGE:number * ENTRIES_PER_PAGE]
    listed = [_entry(root, '%s/%s' % (relative, name) if relative else name, looks_like_one) for name in shown]
    return Listing([entry for entry in listed if entry is not None], number, pages, len(files), complete)


def list_files(root: str, relative: str) -> List[str]:
    """The thermograms of a folder as paths relative to the root, by name.

    Args, raises: as of `list_folder`.
    """
    return ['%s/%s' % (relative, name) if relative else name for name in _names(root, relative, is_thermogram)[1]]


def _names(root: str, relative: str, looks_like_one: Callable[[str], bool], order: str = NAME
           ) -> Tuple[List[str], List[str], bool]:
    """Names of folders and of files in an order, and whether they are all."""
    folders: List[str] = []
    files: List[str] = []
    ranks: Dict[str, int] = {}
    try:
        with os.scandir(resolve(root, relative)) as entries:
            read = list(itertools.islice(entries, MAX_ENTRIES + 1))
            for entry in read[:MAX_ENTRIES]:
                if entry.name[0] == '.':
                    continue
                if looks_like_one(entry.name) and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                    folders.append(entry.name)
                else:
                    continue
                if order != NAME:
                    status = entry.stat(follow_symlinks=False)
                    ranks[entry.name] = -(status.st_mtime_ns if order == DATE else status.st_size)
    except OSError as error:
        raise PlaceError('path-unreadable', 'The folder cannot be read.', 'Check its rights.', detail=str(error))
    for kind in (folders, files):
        # Two sorts of plain texts are quicker than one by pairs, and put equal names in the same order every time.
        kind.sort()
        kind.sort(key=str.lower if order == NAME else lambda name: (ranks[name], name.lower()))
    return folders, files, len(read) <= MAX_ENTRIES


def _entry(root: str, path: str, looks_like_one: Callable[[str], bool]) -> Optional[Entry]:
    """What a path below the root opens; None for a link to the outside, something else, or bytes as a name."""
    name = path.rpartition('/')[2]
    try:
        path.encode('utf-8')
        status = os.stat(resolve(root, path))
    except (InputError, UnicodeEncodeError, OSError):
        return None
    is_folder = stat.S_ISDIR(status.st_mode)
    return Entry(name, path, is_folder, status.st_size, status.st_mtime) if is_folder or looks_like_one(name) else None


def is_thermogram(name: str) -> bool:
    """Whether a file name looks like that of a thermogram."""
    return name[name.rfind('.'):].lower() in SUFFIXES
