"""A result as files: the picture, the labels and the numbers."""
import contextlib
import fcntl
import os
import re
from typing import Iterator

import cv2
import numpy as np

from .durable import encode_json, make_folders, recover_folders, storage_error, write_folder
from .messages import StorageError
from .overlay import draw_overlay
from .result import Result

OVERLAY_NAME = 'overlay.png'
LABELS_NAME = 'labels.png'
RESULT_NAME = 'result.json'

#: What belongs to a record: its files, and temporary files of writers that were killed.
_OWNED = re.compile(r'(overlay\.png|labels\.png|result\.json|\.[0-9a-f]{32}\.part)\Z')


def write_record(folder: str, result: Result, palette_name: str = 'iron', layer: str = 'original') -> None:
    """Write a result into a folder of its own, which becomes visible whole or not at all.

    The folder is built beside its place and takes it in one step, so that picture, labels and numbers are always those
    of one result. A 'no result' for which the network never ran has no labels.

    Args:
        folder: made where it is missing. An earlier record in it is replaced; other files stay.
        palette_name, layer: as for `draw_overlay`.

    Raises:
        StorageError: the earlier record is untouched, or there is none.
    """
    contents = {OVERLAY_NAME: encode_png(draw_overlay(result, palette_name, layer))}
    if result.labels is not None:
        contents[LABELS_NAME] = encode_png(result.labels)
    contents[RESULT_NAME] = encode_json(dict(result.to_dict(), files=sorted(contents) + [RESULT_NAME]))

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
        with _alone_in(parent):
            write_folder(folder, contents, _is_owned)
    except OSError as error:
        raise storage_error(error, folder)


def recover_records(parent: str) -> None:
    """Clear away what killed writers left in a folder of records, and put back what they had moved aside.

    Raises:
        StorageError: the disk refuses.
    """
    if not os.path.isdir(parent):
        return
    try:
        with _alone_in(parent):
            recover_folders(parent, _is_owned)
    except OSError as error:
        raise storage_error(error, parent)


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a uint8 HxW or HxWx3 (BGR) image."""
    return cv2.imencode('.png', image)[1].tobytes()


@contextlib.contextmanager
def _alone_in(parent: str) -> Iterator[None]:
    """One writer into a folder of records at a time; the lock goes with the process, however that ends."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems lock no folders: there, one writer at a time is up to the caller.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_owned(name: str) -> bool:
    return bool(_OWNED.match(name))
