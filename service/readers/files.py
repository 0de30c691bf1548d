"""Bytes from a disk that may lie: every way a file can fail to be one, as a sentence."""
import contextlib
import os
import stat

from ..messages import InputError

#: Bytes that are enough to tell every format from every other.
HEAD_BYTES = 512


def shown_name(path):
    """A file's name as a sentence can carry it: no folder, one line, printable, at most 80 characters."""
    name = os.path.basename(os.path.normpath(os.fspath(path)))
    if isinstance(name, bytes):
        name = name.decode('utf-8', 'replace')
    name = ''.join(letter if letter.isprintable() else '?' for letter in name)
    return name if len(name) <= 80 else name[:38] + '...' + name[-39:]


def suffix_of(path):
    """A file's suffix in lower case with its dot, or ``''``."""
    return os.path.splitext(os.fspath(path))[1].lower()


@contextlib.contextmanager
def opened(path):
    """A regular file, open for reading as bytes; whatever its disk does meanwhile becomes a sentence.

    A pipe or a device is refused before it is opened: opening one can block for ever.

    Raises:
        InputError: ``file-missing``, ``file-is-folder`` or ``file-unreadable``.
    """
    name = shown_name(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InputError('file-is-folder', '%s is a folder; name a file in it.' % name)
        if not stat.S_ISREG(mode):
            raise InputError('file-unreadable', '%s is not an ordinary file; copy the thermogram to a disk '
                             'first.'
                             % name)
        with open(path, 'rb') as stream:
            yield stream
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError('file-missing', '%s does not exist; check the path.' % name, detail=str(error))
    except PermissionError as error:
        raise InputError('file-unreadable', '%s may not be read by this user; change its permissions or copy '
                         'it.'
                         % name, detail=str(error))
    except OSError as error:
        raise InputError('file-unreadable', '%s cannot be read (%s); copy it again from its source.'
                         % (name, error.strerror or error), detail=str(error))
    except ValueError as error:
        raise InputError('file-missing', '%s is not a usable path; check it.' % name, detail=str(error))


def read_bytes(path, max_bytes):
    """All of a regular file, never more than `max_bytes` of it in memory.

    Raises:
        InputError: as `opened`, ``file-empty`` or ``file-too-large``.
    """
    with opened(path) as stream:
        data = stream.read(max_bytes + 1)
    if not data:
        raise _empty(path)
    if len(data) > max_bytes:
        raise InputError('file-too-large', '%s is larger than %d MiB and is no thermogram of this kind.'
                         % (shown_name(path), max_bytes >> 20))
    return data


def read_head(path):
    """The first bytes of a file, as `read_bytes` would refuse or give them."""
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise _empty(path)
    return head


def _empty(path):
    return InputError('file-empty', '%s is empty; copy it again from its source.' % shown_name(path))
