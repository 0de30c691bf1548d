"""What of a folder was synced: what a power cut cannot take."""
import contextlib
import hashlib
import os
from unittest import mock

#: In a folder of exams: SQLite syncs its files itself, but for its own memory, and in the lock there is nothing.
NOT_OURS = ['exams.db', 'exams.db-shm', 'exams.db-wal', 'store.lock']


class Synced:
    """Knows what every file and folder had when it was last synced by `os.fsync`."""

    def __init__(self):
        self._had = {}

    @contextlib.contextmanager
    def watching(self):
        """Note every sync of this process meanwhile."""
        real = os.fsync

        def fsync(descriptor):
            real(descriptor)
            self._had[os.fstat(descriptor).st_ino] = _has('/proc/self/fd/%d' % descriptor)
        with mock.patch('os.fsync', fsync):
            yield self

    def lacking(self, folder):
        """Names below a folder, and ``.`` for itself, of what has got something since it was last synced.

        A removal alone is not among them: a cut brings back what was removed, which loses nothing.
        """
        paths = [os.path.join(place, name) for place, _, names in os.walk(str(folder)) for name in ['.'] + names]
        return sorted(os.path.relpath(path, str(folder)) for path in paths
                      if not _has(path) <= self._had.get(os.stat(path).st_ino, {''}))


def _has(path):
    """The entries of a folder with their inodes, or the hash of a file."""
    if os.path.isdir(path):
        return {(name, os.lstat(os.path.join(path, name)).st_ino) for name in os.listdir(path)}
    with open(path, 'rb') as stream:
        return {hashlib.sha256(stream.read()).digest()}
