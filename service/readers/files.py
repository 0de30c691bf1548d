"""Files from a disk that may lie: every way in which one can fail to be a thermogram file, as a sentence."""
import contextlib
import hashlib
import io
import os
import stat
from typing import BinaryIO, Iterator, Optional, Union

from ..messages import InputError, printable, shown_size

#: Bytes that are enough to tell every format from every other.
HEAD_BYTES = 512

#: The largest file that is read whole.
MAX_HELD_BYTES = 64 << 20

_CHUNK_BYTES = 1 << 20

_COPY_AGAIN = 'Copy it again from its source.'


def shown_name(path: Union[str, bytes, 'os.PathLike[str]']) -> str:
    """A file's name as a sentence can carry it: no folder, `printable`, at most 80 characters."""
    text = printable(os.fsdecode(os.path.basename(os.path.normpath(os.fspath(path)))))
    return text if len(text) <= 80 else text[:38] + '...' + text[-39:]


def suffix_of(path: Union[str, 'os.PathLike[str]']) -> str:
    """A file's suffix in lower case with its dot, or empty."""
    return os.path.splitext(os.fspath(path))[1].lower()


class HeldFile:
    """A file that is opened once: every reading of it sees the same bytes, whatever takes its place on the disk.

    It stands for its path wherever a reader takes one. A file of at most `MAX_HELD_BYTES` is in memory; of a longer
    one, which is a recording that is read in parts, the descriptor is kept.

    Args:
        path: of the file.
    Attributes:
        sha256: of all its bytes; None for a file that is not in memory.
    Raises:
        InputError: as `opened`.
    """

    def __init__(self, path: Union[str, 'os.PathLike[str]']) -> None:
        self._path = os.fspath(path)
        self._descriptor: Optional[int] = None
        self._data = b''
        self.sha256: Optional[str] = None
        with opened(path) as stream:
            short = os.fstat(stream.fileno()).st_size <= MAX_HELD_BYTES
            data = stream.read(MAX_HELD_BYTES + 1) if short else b''
            if short and len(data) <= MAX_HELD_BYTES:  # it may be growing
                self._data, self.sha256 = data, hashlib.sha256(data).hexdigest()
            else:
                self._descriptor = os.dup(stream.fileno())

    def __fspath__(self) -> str:
        return self._path

    def __enter__(self) -> 'HeldFile':
        return self

    def __exit__(self, *exc_info: object) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def digest(self) -> str:
        """SHA-256 of all its bytes, which are read for it where they are not in memory.

        Raises:
            InputError: the disk fails.
        """
        if self.sha256 is not None:
            return self.sha256
        digest = hashlib.sha256()
        with opened(self) as stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b''):
                digest.update(chunk)
        return digest.hexdigest()

    def stream(self) -> BinaryIO:
        """Its bytes from the first on."""
        if self._descriptor is None:
            return io.BytesIO(self._data)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._descriptor), 'rb')


@contextlib.contextmanager
def opened(path: Union[str, 'os.PathLike[str]', HeldFile]) -> Iterator[BinaryIO]:
    """A regular file, open for reading bytes; whatever its disk does meanwhile becomes a sentence.

    Raises:
        InputError: ``file-missing``, ``file-is-folder`` or ``file-unreadable``.
    """
    name = shown_name(path)
    try:
        with path.stream() if isinstance(path, HeldFile) else open_regular(path) as stream:
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


def open_regular(path: Union[str, 'os.PathLike[str]'], flags: int = 0) -> BinaryIO:
    """Open a regular file for reading bytes, and nothing else, however often its path changes hands meanwhile.

    To open a pipe can block for ever and to open a device can do something, so that the path is looked at first. What
    took the file's place since then is opened without waiting and closed again.

    Args:
        path: of the file.
        flags: of `os.open` besides those that are needed, such as ``os.O_NOFOLLOW``.
    Raises:
        InputError: ``file-is-folder`` or ``file-unreadable``.
        OSError: it cannot be opened.
    """
    _check_regular(os.stat(path).st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags)
    try:
        _check_regular(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, 'rb')
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(mode: int, path: Union[str, 'os.PathLike[str]']) -> None:
    if stat.S_ISDIR(mode):
        raise InputError('file-is-folder', '%s is a folder.' % shown_name(path), 'Name a file in it.')
    if not stat.S_ISREG(mode):
        raise InputError('file-unreadable', '%s is not an ordinary file.' % shown_name(path),
                         'Copy the thermogram to a disk first.')


def read_bytes(path: Union[str, 'os.PathLike[str]'], max_bytes: int) -> bytes:
    """All of a regular file; never more than `max_bytes` of it are in memory.

    Raises:
        InputError: as `opened`, ``file-empty`` or ``file-too-large``.
    """
    with opened(path) as stream:
        data = stream.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise too_large(path, stream.seek(0, os.SEEK_END), max_bytes)
    if not data:
        raise empty(path)
    return data


def too_large(path: Union[str, 'os.PathLike[str]'], size_bytes: int, max_bytes: int) -> InputError:
    """The error for a file of more bytes than any of its kind has."""
    size, most = shown_size(size_bytes), shown_size(max_bytes)
    return InputError('file-too-large', '%s has %s; a file of its kind has at most %s.'
                      % (shown_name(path), '%d bytes' % size_bytes if size == most else size, most),
                      'Check that it is the right file.')


def read_head(path: Union[str, 'os.PathLike[str]']) -> bytes:
    """The first bytes of a file, or what `read_bytes` would raise."""
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise empty(path)
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


def empty(path: Union[str, 'os.PathLike[str]']) -> InputError:
    """The error for a file without a byte."""
    return InputError('file-empty', '%s is empty.' % shown_name(path), _COPY_AGAIN)
