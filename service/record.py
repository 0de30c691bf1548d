"""A result as files: picture, labels and numbers as one unit, which says whose it is and when it was written."""
import contextlib
import fcntl
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, Optional

import cv2
import numpy as np

from . import __version__
from .durable import (
    clear_parts,
    encode_json,
    make_folders,
    recover_folders,
    storage_error,
    sync_folder,
    write_folder,
)
from .messages import InputError, StorageError
from .overlay import draw_overlay
from .readers.files import HeldFile, opened, read_bytes, shown_name
from .result import Result
from .thermogram import utc_now

OVERLAY_NAME = 'overlay.png'
LABELS_NAME = 'labels.png'
RESULT_NAME = 'result.json'

#: What several results say together, beside their folders; see `service.summary`.
SUMMARY_NAME = 'summary.csv'
_SHEET = re.compile(r'contact-sheet(-\d+)?\.png\Z')
#: How every summary begins, by which it is told from a file of the user's.
SUMMARY_HEAD = 'result,input,sha256,'

#: What belongs to a record: its files, and temporary files of writers that were killed.
_OWNED = re.compile(r'(overlay\.png|labels\.png|result\.json|\.[0-9a-f]{32}\.part)\Z')

_MAX_DOCUMENT_BYTES = 1 << 20
_MAX_PICTURE_BYTES = 64 << 20

_ANALYSE_AGAIN = 'Analyse its file again, with --force.'


@dataclass(frozen=True)
class Input:
    """The file that a result is of.

    Attributes:
        name: without its folder, as `shown_name` gives it.
        sha256: of its content.
        frame: which one was analysed, counted from 1.
    """

    name: str
    sha256: str
    frame: int = 1


def input_of(file: HeldFile, frame: int = 1) -> Input:
    """The `Input` that an opened file is: of the bytes that a reader takes from it.

    Args:
        frame: which one will be analysed.

    Raises:
        InputError: the disk fails while a long recording is read.
    """
    return Input(shown_name(file), file.digest(), frame)


def write_record(folder: str, result: Result, source: Input, palette_name: str = 'iron', layer: str = 'original',
                 force: bool = False) -> None:
    """Write a result into a folder of its own, which becomes visible whole or not at all.

    The folder is built beside its place and takes it in one step, so that picture, labels and numbers are always those
    of one result. One in which no network marked regions, or none saw a torso, has no labels.

    Args:
        folder: made where it is missing. An earlier record of the same file is replaced; other files stay. A summary
            beside it is removed, since it would not be true any more.
        source: what the result is of.
        palette_name, layer: as for `draw_overlay`.
        force: whether the record of another file is replaced.

    Raises:
        InputError: ``result-of-another-file``, unless `force`.
        StorageError: the earlier record is untouched, or there is none.
    """
    contents = {OVERLAY_NAME: encode_png(draw_overlay(result, palette_name, layer))}
    if result.labels is not None:
        contents[LABELS_NAME] = encode_png(result.labels)
    document = dict(result.to_dict(), input=asdict(source), written_at=utc_now(), program=__version__,
                    files={name: hashlib.sha256(data).hexdigest() for name, data in contents.items()})
    contents[RESULT_NAME] = encode_json(dict(document, sha256=_own_hash(document)))

    beside = os.path.dirname(os.path.abspath(folder))
    # A link is followed: what it points to is replaced.
    folder = os.path.realpath(folder)
    parent = os.path.dirname(folder)
    try:
        make_folders(parent)
    except OSError as error:
        raise StorageError('not-writable', 'The folder %s cannot be made.' % folder, 'Choose another one.',
                           detail=str(error))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise StorageError('not-writable', '%s is a file.' % folder, 'Choose another folder.')
    try:
        with alone_in(parent):
            if not force:
                _check_owner(folder, source)
            withdraw_summary(beside)
            write_folder(folder, contents, _is_owned)
    except OSError as error:
        raise storage_error(error, folder)


def read_record(folder: str) -> Dict[str, Any]:
    """The content of ``result.json``, of a record that is whole: every file has the hash that it had when written.

    Raises:
        InputError: ``result-missing``, ``result-unreadable`` or ``result-changed``.
    """
    name = shown_name(folder)
    document = _read_document(folder)
    if document is None:
        raise InputError('result-missing', '%s holds no %s.' % (name, RESULT_NAME), 'Name a folder of results.')
    if LABELS_NAME not in document['files'] and os.path.lexists(os.path.join(folder, LABELS_NAME)):
        raise InputError('result-changed', '%s in %s does not belong to the result.' % (LABELS_NAME, name),
                         _ANALYSE_AGAIN)
    for file_name, sha256 in sorted(document['files'].items()):
        try:
            data = read_bytes(os.path.join(folder, file_name), _MAX_PICTURE_BYTES)
        except InputError as error:
            raise InputError('result-changed', '%s in %s is missing or cannot be read.' % (file_name, name),
                             _ANALYSE_AGAIN, detail=str(error))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError('result-changed', '%s in %s is not the file that was written with the others.'
                             % (file_name, name), _ANALYSE_AGAIN)
    return document


def result_of_another(folder: str, owner: Optional[Input]) -> InputError:
    """The error for a folder that holds the record of another file.

    Args:
        owner: of the record, None where it cannot be told.
    """
    of = ('another file, %s (SHA-256 %s)' % (shown_name(owner.name), owner.sha256[:12]) if owner else
          'a file that cannot be told any more')
    return InputError('result-of-another-file', '%s holds the result of %s.' % (shown_name(folder), of),
                      'Choose another folder, or give --force to replace it.')


def read_overlay(folder: str) -> Optional[np.ndarray]:
    """The picture of a record that `read_record` found whole: uint8 HxWx3, BGR; None where it is no picture."""
    data = read_bytes(os.path.join(folder, OVERLAY_NAME), _MAX_PICTURE_BYTES)
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def list_records(parent: str) -> List[str]:
    """The folders of records in a folder, by name; none where there is no such folder.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        names = sorted(os.listdir(parent))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError('folder-unreadable', 'The folder %s cannot be read (%s).' % (parent, error.strerror),
                           'Check its permissions and its disk.', str(error))
    folders = (os.path.join(parent, name) for name in names if not name.startswith('.'))
    return [folder for folder in folders if os.path.lexists(os.path.join(folder, RESULT_NAME))]


def recover_records(parent: str) -> None:
    """Clear away what killed writers left in a folder of records, and put back what they had moved aside.

    Raises:
        StorageError: the disk refuses.
    """
    if not os.path.isdir(parent):
        return
    clear_parts(parent)
    try:
        with alone_in(parent) as alone:
            if alone:
                recover_folders(parent, _is_owned)
    except OSError as error:
        raise storage_error(error, parent)


def withdraw_summary(parent: str) -> None:
    """Remove the summary of a folder of records and its contact sheets, as far as they are ours.

    Raises:
        OSError: one of them cannot be removed.
    """
    if is_summary(parent):
        # The summary last: it is what tells that the sheets are ours. After a power cut neither may be back beside a
        # newer result.
        for names in (filter(_SHEET.match, os.listdir(parent)), [SUMMARY_NAME]):
            for name in names:
                os.unlink(os.path.join(parent, name))
            sync_folder(parent)


def sheet_name(number: int) -> str:
    """Name of a contact sheet, counted from 1."""
    return 'contact-sheet.png' if number == 1 else 'contact-sheet-%d.png' % number


def is_contact_sheet(name: str) -> bool:
    """Whether a file name is one that `sheet_name` gives."""
    return bool(_SHEET.match(name))


def is_summary(parent: str) -> bool:
    """Whether a folder has a summary that this program wrote."""
    head = SUMMARY_HEAD.encode('ascii')
    try:
        with opened(os.path.join(parent, SUMMARY_NAME)) as stream:
            return stream.read(len(head)) == head
    except InputError:
        return False


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a uint8 HxW or HxWx3 (BGR) image."""
    return cv2.imencode('.png', image)[1].tobytes()


@contextlib.contextmanager
def alone_in(parent: str) -> Iterator[bool]:
    """One writer into a folder of records at a time; the lock goes with the process, however that ends.

    Returns:
        False where the file system locks no folders, as NFS does not. Records stay whole there, but nothing can be
        told to be the leftover of a dead writer.
    """
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        alone = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)


def _check_owner(folder: str, source: Input) -> None:
    """Refuse to replace the record of another file."""
    if not any(os.path.lexists(os.path.join(folder, name)) for name in (OVERLAY_NAME, LABELS_NAME, RESULT_NAME)):
        return
    try:
        document = _read_document(folder)
        owner = None if document is None else Input(**document['input'])
    except InputError:
        owner = None
    if owner is None or owner.sha256 != source.sha256:
        raise result_of_another(folder, owner)


def _read_document(folder: str) -> Optional[Dict[str, Any]]:
    """``result.json``, unchanged since it was written; None where there is none.

    Raises:
        InputError: ``result-unreadable`` or ``result-changed``.
    """
    path, name = os.path.join(folder, RESULT_NAME), shown_name(folder)
    if not os.path.lexists(path):
        return None
    try:
        document = dict(json.loads(read_bytes(path, _MAX_DOCUMENT_BYTES).decode('utf-8')))
        is_whole = document.pop('sha256', None) == _own_hash(document)
        files = dict(document['files'])
        if not (set(document['input']) == {'name', 'sha256', 'frame'} and OVERLAY_NAME in files
                and all(map(_is_owned, files))):
            raise ValueError('not what a record has')
    except (InputError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError('result-unreadable', '%s in %s is not a result of this version of the program.'
                         % (RESULT_NAME, name), _ANALYSE_AGAIN, detail=repr(error))
    if not is_whole:
        raise InputError('result-changed', '%s in %s was changed after it was written.' % (RESULT_NAME, name),
                         _ANALYSE_AGAIN)
    return document


def _own_hash(document: Dict[str, Any]) -> str:
    """Hash of a document's JSON as it is written, without the hash itself."""
    return hashlib.sha256(encode_json(document)).hexdigest()


def _is_owned(name: str) -> bool:
    return bool(_OWNED.match(name))
