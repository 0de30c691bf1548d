"""Written means durable: a file is either the old one or the new one, whole, also after a power cut."""
import errno
import json
import os
import uuid

from .messages import StorageError

#: What a failed system call means to the person at the device: code and what to do about it.
_REMEDIES = {
    errno.ENOSPC: ('disk-full', 'the disk is full; free some space and try again'),
    errno.EDQUOT: ('disk-full', 'the disk quota is used up; free some space and try again'),
    errno.EROFS: ('disk-read-only', 'the disk is read-only; check the card or remount it'),
    errno.EACCES: ('not-writable', 'this user may not write there; choose another folder or change its '
                   'permissions'),
    errno.EPERM: ('not-writable', 'this user may not write there; choose another folder or change its '
                  'permissions'),
    errno.EEXIST: ('file-exists', 'it is there already and is not overwritten; choose another name'),
    errno.EISDIR: ('not-writable', 'there is a folder of that name; choose another name'),
    errno.ENOENT: ('folder-missing', 'its folder does not exist; make it or choose another one'),
    errno.ENOTDIR: ('folder-missing', 'its folder is a file; choose another one'),
    errno.ENAMETOOLONG: ('name-too-long', 'its name is too long for this disk; choose a shorter one'),
    errno.EIO: ('disk-failing', 'the disk reports an error; replace the card before more is lost'),
}

#: File systems (some network and FUSE ones) that cannot fsync a folder say so with these.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)


def atomic_write(path, data):
    """Write a file so that it is there whole or not at all, and stays after a power cut.

    Temporary file in the same folder, write, fsync, rename, fsync the folder. A file of that name
    is replaced; a symbolic link is replaced, not followed. The temporary file's name starts with a
    dot, so that what a power cut leaves behind is never taken for an exam or a thermogram.

    Args:
        path (str or os.PathLike): the file.
        data (bytes): all of its content.
    Raises:
        StorageError: ``disk-full``, ``disk-read-only``, ``not-writable``, ``folder-missing``,
            ``name-too-long``, ``disk-failing`` or ``write-failed``. The old file, if any, is
            untouched and no temporary file remains, unless only the last fsync of the folder
            failed: then the new file is in place, but may not outlive a power cut.
    """
    path = os.path.abspath(os.fspath(path))
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, '.%s.part' % uuid.uuid4().hex)
    try:
        try:
            _write_new(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            _remove(temporary)
            raise
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, path)


def write_new(path, data, mode=0o666):
    """Write a file that must not exist yet, whole or not at all, so that it stays after a power cut.

    Args:
        path (str): the file.
        data (bytes): all of its content.
        mode (int): its permissions, less the umask.
    Raises:
        StorageError: ``file-exists`` and the codes of `atomic_write`. No part of the file remains, unless only the
            last fsync of the folder failed: then it is whole, but may not outlive a power cut.
    """
    try:
        _write_new(path, data, mode)
        sync_folder(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise storage_error(error, path)


def atomic_write_json(path, document):
    """Write a JSON document as `atomic_write` does: UTF-8, keys sorted, one trailing newline.

    Raises:
        ValueError, TypeError: not JSON; NaN and infinity are not JSON. Nothing is written.
        StorageError: as `atomic_write`.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1, sort_keys=True)
    atomic_write(path, (text + '\n').encode('utf-8'))


def storage_error(error, path):
    """The `StorageError` of an `OSError`: a code and a sentence saying what to do.

    Args:
        error (OSError): what the system said.
        path (str): what was to be written, named in the sentence.
    """
    code, remedy = _REMEDIES.get(error.errno, ('write-failed', 'the system refused (%s); try another folder'
                                               % (error.strerror or error)))
    return StorageError(code, '%s was not written: %s.' % (path, remedy), detail=repr(error))


def _write_new(path, data, mode=0o666):
    """Write and fsync a file that must not exist yet; the umask is taken off its mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        rest = memoryview(data)
        while len(rest):
            rest = rest[os.write(descriptor, rest):]
        os.fsync(descriptor)
    except BaseException:
        _remove(path)
        raise
    finally:
        os.close(descriptor)


def sync_folder(folder):
    """Make a rename in a folder durable, where the file system offers it.

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass
