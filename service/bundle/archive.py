"""A bundle that comes as a zip archive: only plain files of one folder leave it, and no more than a bundle may have."""
import os
import stat
import zipfile
from typing import BinaryIO

from ..durable import storage_error
from ..messages import InputError
from .load import MAX_FILE_BYTES
from .manifest import MANIFEST_NAME

#: Of the archive, and of what is in it. The shipped bundle has 5 MB.
MAX_BYTES = 256 * 1024 * 1024

#: Files of a bundle: networks, golden pairs, calibration, manifest and signature are below 20.
_MAX_FILES = 64

#: What every entry in the table of contents begins with. Compressed bytes may look like it now and then.
_ENTRY = b'PK\x01\x02'
_MAX_ENTRIES = 4 * _MAX_FILES

_CHUNK_BYTES = 1 << 20
_AGAIN = 'Copy the archive again, or name the folder of the bundle.'


def unpack(path: str, folder: str) -> None:
    """Unpack a bundle into an empty folder. Nothing of it is trusted yet, and nothing outside the folder is written.

    The files lie at the top of the archive or in one folder of it. They need not be durable: what is installed is a
    copy.

    Args:
        path: a zip archive, such as ``phantom-fpn.zip``.
        folder: where the files go, by their own names.
    Raises:
        InputError: ``bundle-archive`` for what is no such archive, is damaged, or holds anything but plain files of one
            folder; ``bundle-archive-large``.
        StorageError: the folder cannot be written.
    """
    try:
        with open(path, 'rb') as stream:
            _check_size(stream, path)
            with zipfile.ZipFile(stream) as archive:
                _extract(archive, path, folder)
    except InputError:
        raise
    except OSError as error:
        if error.filename is not None and str(error.filename).startswith(folder) or error.errno == 28:
            raise storage_error(error, folder)
        raise _refused(path, 'it cannot be read', str(error))
    except Exception as error:  # zipfile and zlib raise many kinds of exceptions for a damaged archive
        raise _refused(path, 'it is damaged', repr(error))


def _check_size(stream: BinaryIO, path: str) -> None:
    """Refuse too large an archive, and too many entries before zipfile makes an object of each."""
    entries, read, rest = 0, 0, b''
    while True:
        chunk = stream.read(_CHUNK_BYTES)
        read += len(chunk)
        entries += (rest + chunk).count(_ENTRY)
        rest = chunk[1 - len(_ENTRY):]
        if read > MAX_BYTES or entries > _MAX_ENTRIES:
            raise _large(path)
        if not chunk:
            break
    stream.seek(0)


def _extract(archive: zipfile.ZipFile, path: str, folder: str) -> None:
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith('/')]
    manifests = [entry.filename for entry in entries if entry.filename.rpartition('/')[2] == MANIFEST_NAME]
    if len(manifests) != 1 or manifests[0].count('/') > 1:
        raise _refused(path, 'it does not hold one %s' % MANIFEST_NAME)
    top, left = manifests[0][:-len(MANIFEST_NAME)], MAX_BYTES
    if len(entries) > _MAX_FILES:
        raise _large(path)
    taken = set()
    for entry in entries:
        name = entry.filename[len(top):]
        # Of the attributes the upper half is the mode of the file where a Unix wrote the archive.
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if (not entry.filename.startswith(top) or '/' in name or '\\' in name or name in ('', '.', '..')
                or top in ('/', './', '../') or name in taken or kind not in (0, stat.S_IFREG)):
            raise _refused(path, 'it holds something else than plain files of one folder', repr(entry.filename))
        # zipfile inflates what the other methods pack at once, however much it is.
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(path, 'it is packed in an unusual way', repr(entry.filename))
        taken.add(name)
        left -= _copy(archive, entry, os.path.join(folder, name), min(left, MAX_FILE_BYTES), path)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: str, most: int, path: str) -> int:
    """Write one file, whatever its entry says of its size; the number of its bytes."""
    size = 0
    with archive.open(entry) as member, open(target, 'xb') as stream:
        while True:
            chunk = member.read(_CHUNK_BYTES)
            size += len(chunk)
            if size > most:
                raise _large(path)
            if not chunk:
                return size
            stream.write(chunk)


def _large(path: str) -> InputError:
    return InputError('bundle-archive-large', '%s holds more than a bundle may.' % path, _AGAIN)


def _refused(path: str, why: str, detail: str = '') -> InputError:
    return InputError('bundle-archive', '%s is not taken as an archive of a bundle: %s.' % (path, why), _AGAIN, detail)
