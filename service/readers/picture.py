"""Pixels of a picture file that was checked before, without what the libraries below mutter about it."""
import contextlib
import os
import tempfile
import threading

import cv2
import numpy as np

from ..messages import InputError

#: How the lines start that OpenCV, libjpeg, libpng and libtiff write to standard error.
_MUTTERING = (b'Corrupt JPEG', b'Premature end', b'Invalid', b'Unsupported', b'Warning', b'Inconsistent',
              b'Bogus', b'libpng', b'TIFF', b'LZW', b'Zip', b'imread', b'imdecode', b'OpenCV', b'[ WARN',
              b'[ERROR', b'[ INFO')
#: libjpeg fills what is missing with grey and only says so; the picture is then not the patient.
_DAMAGE = (b'Corrupt JPEG', b'Premature end', b'Inconsistent progression', b'Invalid')

#: Said of a recording whose first frames are whole.
CUT_NOTE = 'the rest of the recording is cut off or damaged'

_standard_error = threading.Lock()


def decode_picture(data, flags, source):
    """Decode a picture whose size has been checked.

    Args:
        data (bytes): the file.
        flags (int): as for `cv2.imdecode`.
        source (str): its name for sentences.
    Returns:
        numpy.ndarray: uint8 or uint16, HxW or HxWxC in OpenCV's channel order.
    Raises:
        InputError: ``file-damaged``.
    """
    said = []
    try:
        with _listening(said):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _damaged(source, str(error))
    lines = b''.join(said).splitlines()
    if image is None or any(line.startswith(_DAMAGE) for line in lines):
        raise _damaged(source, b'; '.join(lines).decode('ascii', 'replace')[:400])
    return image


def grey_of(image, source):
    """The grey levels of an 8-bit picture.

    Args:
        image (numpy.ndarray): uint8 HxW, HxWx3 or HxWx4 (the fourth is opacity).
    Returns:
        numpy.ndarray: uint8 HxW.
    Raises:
        InputError: ``picture-colour`` or ``picture-transparent``.
    """
    if image.ndim == 2:
        return image
    if image.shape[2] == 4 and (image[:, :, 3] != 255).any():
        raise InputError('picture-transparent', '%s is partly transparent; save it without transparency.'
                         % source)
    grey = image[:, :, 0]
    if not all(np.array_equal(grey, image[:, :, channel]) for channel in (1, 2)):
        raise colour_error(source)
    return np.ascontiguousarray(grey)


def colour_error(source):
    """The error for a picture in a palette's colours."""
    return InputError('picture-colour', '%s is a colour picture: a palette has no order of temperatures; '
                      'export the temperature matrix, or a grey picture.' % source)


def cut_off(source):
    """The error for a file that ends too early."""
    return InputError('file-truncated', '%s is cut off; copy it again from its source.' % source)


def _damaged(source, detail):
    return InputError('file-damaged', '%s is damaged; copy it again from its source.' % source, detail=detail)


@contextlib.contextmanager
def _listening(said):
    """Catch what C libraries write to standard error; what others wrote meanwhile is passed on.

    The libraries offer no switch that works in every OpenCV from 4.1 on, and libjpeg tells of
    missing data nowhere else.
    """
    with _standard_error:
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        with tempfile.TemporaryFile() as caught:
            try:
                os.dup2(caught.fileno(), 2)
                try:
                    yield
                finally:
                    os.dup2(kept, 2)
            finally:
                os.close(kept)
            caught.seek(0)
            text = caught.read()
        said.append(text)
        for line in text.splitlines(True):
            if line.strip() and not line.startswith(_MUTTERING):
                os.write(2, line)
