"""Opening a file of the device: folders below one root, and a file with the values and pictures of the live page."""
import itertools
import os
import stat
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple

import cv2
from flask import Blueprint, Response, render_template, request

from ..messages import InputError, Message, ThermoscreenError
from ..overlay import LAYERS, draw_overlay
from ..palettes import PALETTES, palette
from ..readers import SCALES, SUFFIXES, count_frames, read_thermogram, sidecar_path
from .responses import json_reply, whole_number
from .services import services

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..result import Result

blueprint = Blueprint('files', __name__, url_prefix='/open')

#: Entries of one page of a folder: what a 7 inch panel shows without scrolling.
ENTRIES_PER_PAGE = 10

#: Entries of a folder that are read. More would keep the page waiting.
MAX_ENTRIES = 100000

#: No real path is longer; a longer one is refused before the file system sees it.
MAX_PATH_LENGTH = 1024

#: Results kept; each holds a frame and its labels, a few megabytes.
CAPACITY = 4

#: Fast rather than small: the picture never leaves the machine.
_PNG = [int(cv2.IMWRITE_PNG_COMPRESSION), 1]


@blueprint.route('')
def page() -> str:
    """A folder to choose from, or the chosen file."""
    relative = _relative()
    path = resolve(services().settings.files_root, relative)
    return _folder_page(relative) if os.path.isdir(path) else _file_page(relative)


@blueprint.route('/result')
def result() -> Response:
    """The values of a file, as `Result.to_dict` gives them."""
    return json_reply(_result().to_dict())


@blueprint.route('/overlay.png')
def overlay() -> Response:
    """The picture of a file."""
    settings = services().settings
    layer = request.args.get('layer', settings.layer)
    if layer not in LAYERS:
        raise InputError('layer-unknown', 'There is no such layer.', 'Choose one of %s.' % ', '.join(LAYERS))
    palette_name = request.args.get('palette', settings.palette)
    palette(palette_name)  # an unknown one is refused before the file is analysed
    done, data = cv2.imencode('.png', draw_overlay(_result(), palette_name, layer), _PNG)
    if not done:
        raise InputError('picture-not-encoded', 'The picture could not be encoded.', 'Choose another layer.')
    return Response(data.tobytes(), mimetype='image/png')


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


class OpenedFiles:
    """Reads and analyses files, and keeps the last few results for their values and pictures.

    Args:
        pipeline: started.
    """

    def __init__(self, pipeline: 'Pipeline') -> None:
        self._pipeline = pipeline
        self._results: 'OrderedDict[Tuple[Any, ...], Result]' = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def result(self, path: str, scale: Optional[str] = None, frame: int = 1) -> 'Result':
        """The result of a file; analysed again when the file or its sidecar has changed.

        Args:
            path: resolved path.
            scale: how the counts of a file without temperatures are read; None where the file states it.
            frame: which frame of a recording, counted from 1.

        Raises:
            InputError: the file cannot be read.
            BackendError: inference failed.
        """
        # One at a time: a page asks for the values and the picture of a file at the same moment.
        with self._one_at_a_time:
            sidecar = sidecar_path(path)
            key = (path, scale, frame) + _version(path) + (_version(sidecar) if sidecar else ())
            if key not in self._results:
                self._results[key] = self._pipeline.analyse(read_thermogram(path, scale=scale, frame=frame))
                while len(self._results) > CAPACITY:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
            return self._results[key]


def _file_page(relative: str) -> str:
    """The page of a file; one that cannot be read has a page too, with the reason."""
    settings = services().settings
    refusal: Optional[Message] = None
    scales: Sequence[str] = ()
    try:
        _result()
    except ThermoscreenError as error:
        refusal = error.message
        if error.code == 'scale-unknown':  # the message names the option of the command line; the page has buttons
            refusal = replace(refusal, sentence='This file holds counts and does not say what one count means.',
                              next_step='Choose the scale of the camera that took it.')
            scales = sorted(SCALES)
    return render_template('file.html', path=relative, name=os.path.basename(relative), folder=_parent(relative),
                           scale=request.args.get('scale', ''), frame=_frame(), frames=_frames(relative),
                           layers=LAYERS, layer=settings.layer, palettes=sorted(PALETTES), palette=settings.palette,
                           refusal=refusal, scales=scales)


def _folder_page(relative: str) -> str:
    root = services().settings.files_root
    return render_template('folder.html', path=relative, parent=_parent(relative), root=root, most=MAX_ENTRIES,
                           listing=list_folder(root, relative, _is_thermogram, whole_number('page')))


def _result() -> 'Result':
    path = resolve(services().settings.files_root, _relative())
    if os.path.isdir(path):
        raise InputError('path-folder', 'This is a folder.', 'Choose a thermogram in it.')
    return services().opened.result(path, request.args.get('scale') or None, _frame())


def _frame() -> int:
    """The requested frame of a recording, counted from 1."""
    return whole_number('frame')


def _frames(relative: str) -> int:
    """How many frames a file has; 1 where that cannot be told."""
    try:
        return count_frames(resolve(services().settings.files_root, relative))
    except InputError:
        return 1


def _relative() -> str:
    """The requested path below the root, without slashes at its end; an absolute one stays absolute and is refused."""
    relative = request.args.get('path', '')
    return relative.rstrip('/') or relative[:1]


def _parent(relative: str) -> Optional[str]:
    return relative.rpartition('/')[0] if relative else None


def _is_thermogram(name: str) -> bool:
    return name[name.rfind('.'):].lower() in SUFFIXES


def _version(path: str) -> Tuple[float, int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError('file-unreadable', 'The file cannot be read any more.', 'Check that its disk is connected.',
                         detail=str(error))
    return status.st_mtime, status.st_size, status.st_ino
