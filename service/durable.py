"""Written means durable: a file or a folder is either the old one or the new one, whole, also after a power cut."""
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import re
import shutil
import stat
import uuid
from typing import Any, Callable, Iterator, List, Mapping, Optional, Tuple, Union

from .messages import StorageError

PathLike = Union[str, 'os.PathLike[str]']
#: Whether an entry of a folder, by its name, goes where the folder goes.
Owns = Callable[[str], bool]

#: What a failed system call means to the person at the device: code, what is wrong and what to do about it.
_REASONS = {
    errno.ENOSPC: ('disk-full', 'the disk is full', 'Free some space and try again.'),
    errno.EDQUOT: ('disk-full', 'the disk quota is used up', 'Free some space and try again.'),
    errno.EROFS: ('disk-read-only', 'the disk is read-only', 'Check the card or remount it.'),
    errno.EACCES: ('not-writable', 'this user may not write there',
                   'Choose another folder or change its permissions.'),
    errno.EPERM: ('not-writable', 'this user may not write there', 'Choose another folder or change its permissions.'),
    errno.EEXIST: ('file-exists', 'it exists already and is not overwritten', 'Choose another name.'),
    errno.EISDIR: ('not-writable', 'there is a folder of that name', 'Choose another name.'),
    errno.ENOENT: ('folder-missing', 'its folder does not exist', 'Make it or choose another one.'),
    errno.ENOTDIR: ('folder-missing', 'its folder is a file', 'Choose another one.'),
    errno.ENAMETOOLONG: ('name-too-long', 'its name is too long for this disk', 'Choose a shorter one.'),
    errno.EIO: ('disk-failing', 'the disk reports an error', 'Replace the card before more is lost.'),
}

#: What the file systems of memory sticks say to a hard link.
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)

#: File systems (some network and FUSE ones) that cannot fsync a folder say so with these.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)

#: A name that `hidden_name` gives.
_PART = re.compile(r'\.[0-9a-f]{32}\.part\Z')

#: What stands beside a folder while it is replaced: the new one until it is complete, under a name of its writer's own,
#: and the old one.
_STAGED = re.compile(r'\.(.+)\.[0-9a-f]{8}\.staged\Z', re.DOTALL)
_RETIRED = re.compile(r'\.(.+)\.previous\.staged\Z', re.DOTALL)

#: Number of Linux' renameat2 per machine, for C libraries that do not offer it by name (glibc 2.27 of JetPack 4.6).
_RENAMEAT2 = {'x86_64': 316, 'aarch64': 276}
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

#: What a kernel or file system says that cannot exchange two names.
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def atomic_write(path: PathLike, data: bytes, mode: int = 0o666) -> None:
    """Write a file so that it is there whole or not at all, and survives a power cut.

    Temporary file in the same folder, write, fsync, rename, fsync the file once more (see `sync_moved`), fsync the
    folder. A file of that name is replaced; a symbolic link is replaced, not followed. The name of the temporary file
    starts with a dot, so that what a power cut leaves behind is never taken for an exam or a thermogram.

    Args:
        mode: its permissions, less the umask.

    Raises:
        StorageError: ``disk-full``, ``disk-read-only``, ``not-writable``, ``folder-missing``, ``name-too-long``,
            ``disk-failing`` or ``write-failed``. The old file, if any, is untouched and no temporary file remains,
            unless only an fsync after the rename failed: then the new file is in place, but may not survive a power
            cut.
    """
    path = os.path.abspath(os.fspath(path))
    folder = os.path.dirname(path)
    try:
        with hidden_file(folder, data, mode) as temporary:
            os.replace(temporary, path)
            sync_moved(path)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, path)


def write_new(path: str, data: bytes, mode: int = 0o666) -> None:
    """`atomic_write` of a file that must not exist yet.

    Args:
        mode: its permissions, less the umask.

    Raises:
        StorageError: ``file-exists`` and the codes of `atomic_write`.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with hidden_file(folder, data, mode) as temporary:
            rename_new(temporary, path)
            sync_moved(path)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, path)


def move(old: str, new: str) -> None:
    """Give a file or folder another name, in another folder perhaps, so that this survives a power cut.

    Args:
        new: a name that nothing has.

    Raises:
        OSError: it has its old name, unless only an fsync after the rename failed.
    """
    os.rename(old, new)
    sync_moved(new)
    for folder in sorted({os.path.dirname(os.path.abspath(path)) for path in (new, old)}):
        sync_folder(folder)


def rename_new(old: str, new: str) -> None:
    """Rename a file, never over another one.

    Raises:
        FileExistsError: something has the new name.
    """
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        os.rename(old, new)
    else:
        _remove(old)


def sync_moved(path: str) -> None:
    """Sync a file or folder once more that has just got another name or time; whatever else has it needs none.

    On vfat, which memory sticks have, the entry of the new name says that it is empty until then. On file systems with
    a journal the sync of its folder, which follows, costs the less.

    Raises:
        OSError: the disk failed.
    """
    # A file that is gone again needs no sync, and where a file can be closed to us there are permissions, so no vfat.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if stat.S_IFMT(os.lstat(path).st_mode) in (stat.S_IFREG, stat.S_IFDIR):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                _fsync(descriptor)
            finally:
                os.close(descriptor)


def hidden_name(folder: str) -> str:
    """A free name in a folder that nobody takes for an exam or a thermogram."""
    return os.path.join(folder, '.%s.part' % uuid.uuid4().hex)


@contextlib.contextmanager
def hidden_file(folder: str, data: bytes, mode: int = 0o666) -> Iterator[str]:
    """A file under a hidden name, written and durable; at the end it is gone, unless it was renamed.

    `clear_parts` of another process leaves it alone meanwhile.

    Args:
        mode: its permissions, less the umask.

    Raises:
        OSError: it cannot be written.
    """
    path, lock = _create_hidden(folder, mode)
    try:
        # The lock lasts until the last descriptor is closed; a failing disk may tell it at the first close.
        descriptor = os.dup(lock)
        try:
            _write(descriptor, data)
        finally:
            os.close(descriptor)
        yield path
    finally:
        _remove(path)
        with contextlib.suppress(OSError):
            os.close(lock)


@contextlib.contextmanager
def held(path: str) -> Iterator[None]:
    """Keep a file from `clear_parts` of other processes, whatever it is called meanwhile."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def clear_parts(folder: str) -> None:
    """Remove the hidden files that writers left in a folder which were killed.

    It takes only names that `hidden_name` gives, and only files that no living writer holds. Whatever the system
    refuses stays: a leftover is no reason not to start.
    """
    with contextlib.suppress(OSError):
        for name in filter(_PART.match, os.listdir(folder)):
            with contextlib.suppress(OSError):
                _remove_unheld(os.path.join(folder, name))


def _remove_unheld(path: str) -> None:
    # For writing, since NFS gives the lock to nobody else.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(descriptor)


def _create_hidden(folder: str, mode: int) -> Tuple[str, int]:
    """A new file under a hidden name, locked where the file system can, and its descriptor."""
    while True:
        path = hidden_name(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.lexists(path):
            return path, descriptor
        os.close(descriptor)  # `clear_parts` came between the two


def atomic_write_json(path: PathLike, document: Any) -> None:
    """Write a JSON document as `atomic_write` does.

    Raises:
        ValueError, TypeError: as `encode_json`; nothing is written.
        StorageError: as `atomic_write`.
    """
    atomic_write(path, encode_json(document))


def encode_json(document: Any) -> bytes:
    """A JSON document as it is written: UTF-8, keys sorted, one trailing newline.

    Raises:
        ValueError, TypeError: not JSON; NaN and infinity are not JSON.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1, sort_keys=True)
    return (text + '\n').encode('utf-8')


def storage_error(error: OSError, path: PathLike) -> StorageError:
    """The `StorageError` of an `OSError` that ended the writing of `path`."""
    code, reason, next_step = _REASONS.get(error.errno or 0, (
        'write-failed', 'the system refused (%s)' % (error.strerror or error), 'Try another folder.'))
    return StorageError(code, '%s was not written: %s.' % (path, reason), next_step, detail=repr(error))


def sync_folder(folder: str) -> None:
    """Make a rename in a folder durable, where the file system offers it.

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def make_folders(folder: str) -> None:
    """Make a folder and its missing parents so that they survive a power cut.

    Raises:
        OSError: one of them cannot be made.
    """
    folder = os.path.abspath(folder)
    if os.path.isdir(folder):
        return
    make_folders(os.path.dirname(folder))
    os.makedirs(folder, exist_ok=True)
    sync_folder(os.path.dirname(folder))


def write_folder(folder: str, files: Mapping[str, bytes], owns: Optional[Owns] = None) -> None:
    """`staged_folder` with these files.

    Args:
        files: content per name.

    Raises:
        OSError: as `staged_folder`.
    """
    with staged_folder(folder, owns) as staging:
        for file_name, data in files.items():
            write_synced(os.path.join(staging, file_name), data)


@contextlib.contextmanager
def staged_folder(folder: str, owns: Optional[Owns] = None) -> Iterator[str]:
    """A folder to be filled with files (`write_synced`) that becomes visible whole or not at all.

    It is built beside its place, and takes the place in one step at the end, so that it survives a power cut. Two
    writers at once build two folders, of which the later one stays, or one of them fails.

    Args:
        folder: in an existing folder; it may exist itself and keeps its permissions then.
        owns: as for `replace_folder`.

    Raises:
        OSError: as `replace_folder`. After any error nothing is left beside the folder that the disk lets go.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    staging = os.path.join(parent, '.%s.%s.staged' % (name, uuid.uuid4().hex[:8]))
    try:
        os.mkdir(staging)
        yield staging
        if os.path.isdir(folder):
            shutil.copymode(folder, staging)
        sync_folder(staging)
        replace_folder(staging, folder, owns)
    except BaseException:
        with contextlib.suppress(OSError):
            _discard(staging, folder, owns)
        raise


def replace_folder(staging: str, folder: str, owns: Optional[Owns] = None) -> None:
    """Give `staging` the name `folder`, and remove what had that name before.

    The two names are exchanged in one step where kernel and file system can. Elsewhere the old folder is renamed
    first; what a power cut between the two steps leaves, `recover_folder` puts back.

    Args:
        staging: a folder that is complete, in the same file system; gone afterwards.
        folder: where it goes; it may exist.
        owns: which entries of the old folder go with it; the others are moved to the new one. None where all go.

    Raises:
        OSError: the old folder is still in its place, and `staging` where it was; unless only an fsync after the rename
            failed: then the new one is in place, but may not survive a power cut.
    """
    _recover_retired(folder, owns)
    if not os.path.lexists(folder):
        os.rename(staging, folder)
        sync_moved(folder)
        sync_folder(os.path.dirname(os.path.abspath(folder)))
        return
    retired = staging
    if not _exchange(staging, folder):
        retired = _retired(folder)
        _rename_twice(staging, folder, retired)
    sync_moved(folder)
    sync_moved(retired)
    _discard(retired, folder, owns)


def recover_folder(folder: str, owns: Optional[Owns] = None) -> None:
    """Put back, or clear away, what killed writers left beside a folder; nobody may be writing it.

    Args:
        owns: as for `replace_folder`.

    Raises:
        OSError: it cannot be put back.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    _recover(parent, [left for left in os.listdir(parent) if _folder_of(left) == name], owns)


def recover_folders(parent: str, owns: Optional[Owns] = None) -> None:
    """`recover_folder` for every folder in `parent` that a killed writer left something of."""
    _recover(parent, os.listdir(parent), owns)


def _recover(parent: str, names: List[str], owns: Optional[Owns]) -> None:
    left = [name for name in names if _folder_of(name) and os.path.isdir(os.path.join(parent, name))]
    # First what is put back, so that there is a folder to which the others leave what they do not own.
    for name in sorted(left, key=lambda name: not _RETIRED.match(name)):
        folder = os.path.join(parent, _folder_of(name))
        if _RETIRED.match(name):
            _recover_retired(folder, owns)
        else:
            _discard(os.path.join(parent, name), folder, owns)


def _folder_of(name: str) -> str:
    """Name of the folder that a leftover is of; empty for everything else."""
    match = _STAGED.match(name) or _RETIRED.match(name)
    return match.group(1) if match else ''


def _recover_retired(folder: str, owns: Optional[Owns]) -> None:
    retired = _retired(folder)
    if os.path.isdir(retired) and not os.path.lexists(folder):
        os.rename(retired, folder)
        sync_moved(folder)
        sync_folder(os.path.dirname(os.path.abspath(folder)))
    elif os.path.isdir(retired):
        _discard(retired, folder, owns)


def _retired(folder: str) -> str:
    parent, name = os.path.split(os.path.abspath(folder))
    return os.path.join(parent, '.%s.previous.staged' % name)


def _discard(retired: str, folder: str, owns: Optional[Owns]) -> None:
    """Remove a folder that is not needed any more, but move what it does not own to `folder` first."""
    # Nothing of the old folder goes before the new one is sure to have its name.
    sync_folder(os.path.dirname(os.path.abspath(folder)))
    kept = [name for name in os.listdir(retired) if not owns(name)] if owns else []
    if kept:
        make_folders(folder)
        for name in kept:
            if not os.path.lexists(os.path.join(folder, name)):
                os.rename(os.path.join(retired, name), os.path.join(folder, name))
                sync_moved(os.path.join(folder, name))
        sync_folder(folder)
    shutil.rmtree(retired, ignore_errors=True)


def _exchange(one: str, other: str) -> bool:
    """Exchange two names in one step; False where this machine cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_int(_AT_FDCWD), ctypes.c_char_p(os.fsencode(one)), ctypes.c_int(_AT_FDCWD),
                 ctypes.c_char_p(os.fsencode(other)), ctypes.c_uint(_RENAME_EXCHANGE))
    try:
        result = libc.renameat2(*arguments)
    except AttributeError:
        number = _RENAMEAT2.get(platform.machine())
        if number is None or ctypes.sizeof(ctypes.c_void_p) != 8:
            return False
        libc.syscall.restype = ctypes.c_long
        result = libc.syscall(ctypes.c_long(number), *arguments)
    if result == 0:
        return True
    failure = ctypes.get_errno()
    if failure in _NO_EXCHANGE:
        return False
    raise OSError(failure, os.strerror(failure), other)


def _rename_twice(staging: str, folder: str, retired: str) -> None:
    os.rename(folder, retired)
    try:
        sync_moved(retired)
        os.rename(staging, folder)
    except OSError:
        os.rename(retired, folder)
        raise


def write_synced(path: str, data: bytes) -> None:
    """Write and fsync a file that must not exist yet, in a folder that is not in its place yet.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write(descriptor, data)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while len(rest):
        rest = rest[os.write(descriptor, rest):]
    os.fsync(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
