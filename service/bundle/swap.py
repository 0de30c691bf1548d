"""Putting a folder in place of another one, so that at every moment one of the two is there."""
import ctypes
import errno
import os
import platform
import shutil

from ..durable import sync_folder

#: Number of Linux' renameat2 per machine. The C library of JetPack 4.6 (glibc 2.27) does not offer it by name yet.
_RENAMEAT2 = {'x86_64': 316, 'aarch64': 276}
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

#: What a kernel or file system says that cannot exchange.
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def replace_folder(staging: str, folder: str) -> None:
    """Give `staging` the name `folder`, and remove what had that name before.

    The two names are exchanged in one step where kernel and file system can. Elsewhere the old folder is renamed
    first; what a power cut between the two steps leaves, `recover_folder` puts back.

    Args:
        staging (str): a folder that is ready, in the same file system; gone afterwards.
        folder (str): where it goes; it may exist.
    Raises:
        OSError: the old folder is still in its place, and `staging` where it was; unless only the last fsync
            failed: then the new one is in place, but may not outlive a power cut.
    """
    recover_folder(folder)
    if not os.path.lexists(folder):
        os.rename(staging, folder)
    elif _exchange(staging, folder):
        shutil.rmtree(staging, ignore_errors=True)
    else:
        _rename_twice(staging, folder)
    sync_folder(os.path.dirname(os.path.abspath(folder)))


def recover_folder(folder: str) -> None:
    """Put back, or clear away, what a power cut in `replace_folder` left beside a folder.

    Raises:
        OSError: it cannot be put back.
    """
    retired = _retired(folder)
    if os.path.isdir(retired) and not os.path.lexists(folder):
        os.rename(retired, folder)
    elif os.path.isdir(retired):
        shutil.rmtree(retired, ignore_errors=True)


def _exchange(one: str, other: str) -> bool:
    """Exchange two names at once; False where this machine cannot."""
    number = _RENAMEAT2.get(platform.machine())
    if number is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    result = call(ctypes.c_long(number), ctypes.c_int(_AT_FDCWD), ctypes.c_char_p(os.fsencode(one)),
                  ctypes.c_int(_AT_FDCWD), ctypes.c_char_p(os.fsencode(other)), ctypes.c_uint(_RENAME_EXCHANGE))
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), other)


def _rename_twice(staging: str, folder: str) -> None:
    retired = _retired(folder)
    os.rename(folder, retired)
    try:
        os.rename(staging, folder)
    except OSError:
        os.rename(retired, folder)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _retired(folder: str) -> str:
    parent, name = os.path.split(os.path.abspath(folder))
    return os.path.join(parent, '.%s.previous' % name)
