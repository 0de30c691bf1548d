"""Files from a disk that may lie: every way in which one can fail to be a thermogram file, as a sentence."""
import contextlib
import os
import stat
from typing import BinaryIO, Iterator, Union

from ..messages import InputError

#: Bytes that are enough to tell every format from every other.
HEAD_BYTES = 512

_COPY_AGAIN = 'Copy it again from its source.'


def shown_name(path: Union[str, bytes, 'os.PathLike[str]']) -> str:
    """A file's name as a sentence can carry it: no folder, one line, printable, at most 80 characters."""
    name = os.path.basename(os.path.normpath(os.fspath(path)))
    text = name.decode('utf-8', 'replace') if isinstance(name, bytes) else name
    text = ''.join(letter if letter.isprintable() else '?' for letter in text)
    return text if len(text) <= 80 else text[:38] + '...' + text[-39:]


def suffix_of(path: Union[str, 'os.PathLike[str]']) -> str:
    """A file's suffix in lower case with its dot, or empty."""
    return os.path.splitext(os.fspath(path))[1].lower()


@contextlib.contextmanager
def opened(path: Union[str, 'os.PathLike[str]']) -> Iterator[BinaryIO]:
    """A regular file, open for reading bytes; whatever its disk does meanwhile becomes a sentence.

    A pipe or a device is refused before it is opened: opening one can block for ever.

    Raises:
        InputError: ``file-missing``, ``file-is-folder`` or ``file-unreadable``.
    """
    name = shown_name(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InputError('file-is-folder', '%s is a folder.' % name, 'Name a file in it.')
        if not stat.S_ISREG(mode):
            raise InputError('file-unreadable', '%s is not an ordinary file.' % name,
                             'Copy the thermogram to a disk first.')
        with open(path, 'rb') as stream:
            yield stream
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError('file-missing', '%s does not exist.' % name, 'Check the path.', str(error))
    except PermissionError as error:
        raise InputError('file-unreadable', 'This user may not read %s.' % name,
                         'Change its permissions or copy it.', str(error))
    except OSError as error:
        raise InputError('file-unreadable', '%s cannot be read (%s).' % (name, error.strerror or error), _COPY_AGAIN,
                         str(error))
    except ValueError as error:
        raise InputError('file-missing', '%s is not a usable path.' % name, 'Check it.', str(error))


def read_bytes(path: Union[str, 'os.PathLike[str]'], max_bytes: int) -> bytes:
    """All of a regular file; never more than `max_bytes` of it are in memory.

    Raises:
        InputError: as `opened`, ``file-empty`` or ``file-too-large``.
    """
    with opened(path) as stream:
        data = stream.read(max_bytes + 1)
    if not data:
        raise _empty(path)
    if len(data) > max_bytes:
        raise InputError('file-too-large', '%s is larger than %d MiB, which no thermogram of this kind is.'
                         % (shown_name(path), max_bytes >> 20), 'Check that it is the right file.')
    return data


def read_head(path: Union[str, 'os.PathLike[str]']) -> bytes:
    """The first bytes of a file, or what `read_bytes` would raise."""
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise _empty(path)
    return head


def truncated(source: str) -> InputError:
    """The error for a file that ends too early."""
    return InputError('file-truncated', '%s is cut off.' % source, _COPY_AGAIN)


def damaged(source: str, detail: str = '', what: str = 'damaged') -> InputError:
    """The error for a file that contradicts itself.

    Args:
        source: its name.
        detail: what contradicts what, for the log.
        what: completes "it is ...", such as ``'a damaged PNG'``.
    """
    return InputError('file-damaged', '%s is %s.' % (source, what), _COPY_AGAIN, detail)


def colour_error(source: str) -> InputError:
    """The error for a picture in the colours of a palette."""
    return InputError('picture-colour', '%s is a colour picture: a palette has no order of temperatures.' % source,
                      'Export the temperature matrix, or a grey picture.')


def _empty(path: Union[str, 'os.PathLike[str]']) -> InputError:
    return InputError('file-empty', '%s is empty.' % shown_name(path), _COPY_AGAIN)
