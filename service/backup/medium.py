"""The medium of a backup: what is written is there, and what is read comes from it and not from memory.

The names are ones that every file system of a memory stick takes, and no file is larger than its file system allows.
"""
import contextlib
import ctypes
import errno
import glob
import hashlib
import os
import socket
import subprocess
from typing import Iterator, List, NamedTuple, Optional

from ..durable import atomic_write, hidden_name, storage_error, sync_folder
from ..messages import StorageError
from ..storage import Disks, Room, find_disk, removable_disks

PREFIX = 'thermo-backup-'
_CHUNK_BYTES = 1 << 20
#: What an fsync says on a medium that cannot be written.
_NOTHING_WAITS = (errno.EROFS, errno.EINVAL, errno.ENOTSUP)
_UMOUNT_TIMEOUT_S = 120.0
#: Where a station asks to have a medium unmounted, which its service may not do itself (thermoscreen-unmount.socket).
UNMOUNT_SOCKET = '/run/thermoscreen-unmount.socket'
_MAX_PLACE_BYTES = 4096


@contextlib.contextmanager
def on_medium(path: str) -> Iterator[None]:
    """Whatever the disk refuses inside becomes an error about the medium.

    Args:
        path: on the medium.

    Raises:
        StorageError: ``medium-full``, ``medium-read-only``, ``medium-not-writable`` or ``medium-gone``.
    """
    try:
        yield
    except OSError as error:
        raise _medium_error(storage_error(error, path), path)
    except StorageError as error:
        raise error if error.code.startswith('medium-') else _medium_error(error, path)


def _medium_error(error: StorageError, path: str) -> StorageError:
    detail = '%s %s' % (error, error.detail)
    if error.code == 'disk-full':
        return StorageError('medium-full', 'The medium is full.', 'Take a larger one, or delete what is not needed. '
                            'Nothing on the station was changed.', detail)
    if error.code in ('not-writable', 'file-exists', 'name-too-long'):
        return StorageError('medium-not-writable', '%s cannot be written.' % path,
                            'Choose a folder that this user may write, on another medium.', detail)
    if error.code == 'disk-read-only':
        return StorageError('medium-read-only', 'The medium takes nothing: it is write-protected, or its file system '
                            'is damaged, as after it was pulled out while it was written.',
                            'Move its switch, or have a PC check it, or take another one. Nothing on the station was '
                            'changed.', detail)
    return StorageError('medium-gone', 'The medium is gone or faulty: %s could not be read or written.' % path,
                        'Put it in again, or take another one, and begin again; what is whole on it counts. Nothing '
                        'on the station was changed.', detail)


def find_backups(medium: str) -> List[str]:
    """The folders of backups on a medium, finished or not; a folder of a backup is one itself.

    Raises:
        StorageError: ``medium-missing``; as `on_medium`.
    """
    medium = os.path.abspath(medium)
    if not os.path.lexists(medium):
        raise StorageError('medium-missing', 'There is no folder %s.' % medium,
                           'Check its name, and whether the medium is plugged in and mounted.')
    with on_medium(medium):
        os.listdir(medium)
    if os.path.basename(medium).startswith(PREFIX):
        return [medium]
    return sorted(path for path in glob.glob(os.path.join(glob.escape(medium), PREFIX + '*')) if os.path.isdir(path))


class Medium(NamedTuple):
    """A medium that may be pulled out.

    Attributes:
        place: folder where it is mounted.
        name: in words, for who has it in the hand.
        kind: its file system.
        room: how large it is, and how much is free.
    """

    place: str
    name: str
    kind: str
    room: Room


def find_media(disks: Optional[Disks] = None) -> List[Medium]:
    """The media that are plugged in and mounted; one that does not answer is left out.

    Args:
        disks: by default this machine's.
    """
    disks, media = disks or Disks(), []
    once = {disk.name: disk for disk in reversed(removable_disks(disks))}
    for disk in sorted(once.values(), key=lambda disk: disk.mount_point):
        with contextlib.suppress(OSError):
            name = '%s %s' % (disk.medium[:1].upper() + disk.medium[1:], os.path.basename(disk.mount_point))
            media.append(Medium(disk.mount_point, name, disk.kind, disks.room(disk.mount_point)))
    return media


class Writer:
    """A file on the medium that is written under its final name; until `close` it is unfinished.

    A rename would need another sync and gain nothing: a backup without its manifest is none.

    Args:
        path: what was there is gone.
    Attributes:
        size: bytes so far.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.size = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def write(self, data: bytes) -> None:
        """Add bytes to it."""
        rest = memoryview(data)
        while len(rest):
            rest = rest[os.write(self._descriptor, rest):]
        self._digest.update(data)
        self.size += len(data)

    def close(self) -> str:
        """Have it on the medium, and read it from there; its SHA-256.

        Raises:
            OSError: the medium failed.
            StorageError: ``medium-faulty``: it gives back something else than was written.
        """
        os.fsync(self._descriptor)
        self.drop()
        sync_folder(os.path.dirname(self._path))
        written = self._digest.hexdigest()
        if hash_of(self._path) != written:
            raise StorageError('medium-faulty', 'The medium gives back something else than was written to it (%s).'
                               % os.path.basename(self._path), 'Take another medium.')
        return written

    def drop(self) -> None:
        """Leave it as it is; where it was not closed it stays unfinished."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class Source:
    """A file on the medium, read from the medium.

    What this machine still has of it in memory is dropped first: there a bad medium looks good.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(self._descriptor)  # what waits to be written is not dropped
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            if error.errno not in _NOTHING_WAITS:
                os.close(self._descriptor)
                raise

    def __enter__(self) -> 'Source':
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._descriptor)

    def chunks(self, offset: int = 0, size: Optional[int] = None) -> Iterator[bytes]:
        """Its bytes from an offset on, all or so many of them; fewer where it ends before."""
        while size is None or size > 0:
            data = os.pread(self._descriptor, _CHUNK_BYTES if size is None else min(_CHUNK_BYTES, size), offset)
            if not data:
                return
            yield data
            offset += len(data)
            size = None if size is None else size - len(data)


def hash_of(path: str) -> str:
    """SHA-256 of a file as the medium has it.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with Source(path) as source:
        for chunk in source.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def read_small(path: str, most: int) -> bytes:
    """A small file as the medium has it, and at most a byte more than it may have.

    Raises:
        OSError: it cannot be read.
    """
    with Source(path) as source:
        return b''.join(source.chunks(0, most + 1))


def write_small(path: str, data: bytes) -> None:
    """Write a small file of a backup whole, and read it from the medium.

    Raises:
        StorageError: as `atomic_write`, and ``medium-faulty``.
        OSError: it cannot be read.
    """
    atomic_write(path, data)
    if read_small(path, len(data)) != data:
        raise StorageError('medium-faulty', 'The medium gives back something else than was written to it (%s).'
                           % os.path.basename(path), 'Take another medium.')


def check_writable(folder: str) -> None:
    """Write a small file to a folder and remove it.

    Raises:
        OSError: it cannot be written.
    """
    path = hidden_name(folder)
    writer = Writer(path)
    try:
        writer.write(b'?')
        writer.close()
    finally:
        writer.drop()
        os.unlink(path)


def sync_medium(folder: str) -> None:
    """Have everything of the file system of a folder on its medium.

    Raises:
        OSError: the medium failed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(descriptor)


def unmount(folder: str) -> None:
    """Unmount the medium that a folder is on, wherever it is mounted; only then may it be removed.

    Raises:
        StorageError: ``medium-in-use``.
    """
    disk = find_disk(folder)
    places = [mount.mount_point for mount in removable_disks() if disk is not None and mount.name == disk.name]
    for place in places or [disk.mount_point if disk else folder]:
        detail = _asked_to_unmount(place) if os.path.exists(UNMOUNT_SOCKET) else _unmounted(place)
        if detail:
            raise StorageError('medium-in-use', '%s could not be unmounted. Do not remove the medium yet.' % place,
                               'Close what uses it, then run: umount %s' % place, detail)


def _unmounted(place: str) -> str:
    """Why a place could not be unmounted; empty where it was."""
    try:
        process = subprocess.run(['umount', place], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=_UMOUNT_TIMEOUT_S)
        return process.stdout.decode('utf-8', 'replace') or 'umount' if process.returncode else ''
    except (OSError, subprocess.SubprocessError) as error:
        return repr(error)


def _asked_to_unmount(place: str) -> str:
    """The same of the process that may."""
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.settimeout(_UMOUNT_TIMEOUT_S)
            connection.connect(UNMOUNT_SOCKET)
            connection.sendall(os.fsencode(place) + b'\n')
            answer = connection.makefile('rb').readline(_MAX_PLACE_BYTES)
    except OSError as error:
        return repr(error)
    return '' if answer == b'ok\n' else answer.decode('utf-8', 'replace') or 'no answer'


def serve_unmount(asked: bytes, disks: Optional[Disks] = None) -> bytes:
    """Unmount what a station asked for, if it is a medium that may be pulled out, and answer.

    Args:
        asked: the place, and a line feed.
        disks: by default this machine's.
    """
    place = os.fsdecode(asked.rstrip(b'\n'))
    if place not in [disk.mount_point for disk in removable_disks(disks)]:
        return b'no medium is mounted there\n'
    return (_unmounted(place).strip().replace('\n', ' ') or 'ok').encode('utf-8') + b'\n'
