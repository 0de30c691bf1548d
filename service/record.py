"""A result as files: the picture, the labels and the numbers."""
import os
import shutil

import cv2

from .durable import atomic_write, atomic_write_json
from .messages import StorageError
from .overlay import draw_overlay

OVERLAY_NAME = 'overlay.png'
LABELS_NAME = 'labels.png'
RESULT_NAME = 'result.json'


def write_record(folder, result, palette_name='iron', layer='original'):
    """Write a result into a folder of its own.

    Everything is made before the first byte is written, and ``result.json`` comes last: where it
    is, the others are. A 'no result' for which the network never ran has no labels.

    Args:
        folder (str): made where it is missing; files of an earlier run are replaced.
        result (Result): what to write.
        palette_name, layer (str): as for `draw_overlay`.
    Raises:
        StorageError: nothing of a new folder is left behind.
    """
    contents = {OVERLAY_NAME: encode_png(draw_overlay(result, palette_name, layer))}
    if result.labels is not None:
        contents[LABELS_NAME] = encode_png(result.labels)
    document = dict(result.to_dict(), files=sorted(contents) + [RESULT_NAME])

    fresh = not os.path.exists(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise StorageError('not-writable', 'The folder %s cannot be made; choose another one.' % folder,
                           detail=str(error))
    try:
        for name in (OVERLAY_NAME, LABELS_NAME):
            if name in contents:
                atomic_write(os.path.join(folder, name), contents[name])
            elif os.path.exists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        atomic_write_json(os.path.join(folder, RESULT_NAME), document)
    except BaseException:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def encode_png(image):
    """PNG bytes of a uint8 HxW or HxWx3 (BGR) image."""
    return cv2.imencode('.png', image)[1].tobytes()
