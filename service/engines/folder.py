"""The folder of the engines: where it is by default, and whether it can be written to, asked beforehand."""
import contextlib
import errno
import fcntl
import json
import os
import uuid
from datetime import datetime, timezone

from ..durable import storage_error
from ..messages import BackendError, StorageError

#: Free space that must be there before a build, as a multiple of the ONNX file: an FP32 plan is about as
#: large as its ONNX file, the old one stays beside it, and the timing cache and the log lines come on top.
_SPACE_FACTOR, _SPACE_LEAST_BYTES = 3, 32 << 20

_LOCK_NAME = '.lock'


def default_folder():
    """Where engines are kept when no folder is named: the user's cache, outside every bundle."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(cache, 'thermoscreen', 'engines')


def check_writable(folder, model_bytes=0):
    """Make the folder and write to it, so that nobody waits minutes for an engine that cannot be kept.

    Args:
        folder (str): made if it is absent.
        model_bytes (int): size of the ONNX file that will be compiled.
    Raises:
        StorageError: ``engine-store-unwritable`` or ``disk-full``.
    """
    probe = os.path.join(folder, '.%s.part' % uuid.uuid4().hex)
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.write(descriptor, b'?')
        finally:
            os.close(descriptor)
            os.unlink(probe)
        space = os.statvfs(folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise storage_error(error, folder)
        raise StorageError('engine-store-unwritable', 'Engines cannot be kept in %s (%s); make the folder writable '
                           'for this user or name another one with --engines.' % (folder, error.strerror or error),
                           detail=repr(error))
    free, needed = space.f_bavail * space.f_frsize, max(_SPACE_FACTOR * model_bytes, _SPACE_LEAST_BYTES)
    if free < needed:
        raise StorageError('disk-full', 'There are %d MiB free where engines are kept (%s) and a build may need %d; '
                           'free some space first.' % (free >> 20, folder, needed >> 20))


@contextlib.contextmanager
def one_builder(folder, purpose):
    """Hold the folder's lock; it is the kernel's and ends with the process, however that ends.

    Args:
        folder (str): an existing folder.
        purpose (str): what the holder does, for the message that another one gets.
    Raises:
        BackendError: ``engine-store-busy``, saying who holds it and since when.
        StorageError: the lock file cannot be opened.
    """
    path = os.path.join(folder, _LOCK_NAME)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise storage_error(error, path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise storage_error(error, path)
            raise BackendError('engine-store-busy', 'Another program is building here: %s; wait until it is done.'
                               % _holder(descriptor), detail=path)
        _sign(descriptor, {'pid': os.getpid(), 'since': datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M:%S UTC'),
                           'purpose': purpose})
        yield
        _sign(descriptor, None)
    finally:
        os.close(descriptor)


def _sign(descriptor, holder):
    """Say in the lock file who holds it. It is a courtesy: a full disk must not stop anyone here."""
    try:
        os.ftruncate(descriptor, 0)
        if holder:
            os.pwrite(descriptor, json.dumps(holder).encode('utf-8'), 0)
    except OSError:
        pass


def _holder(descriptor):
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0).decode('utf-8'))
        return '%s, process %d, since %s' % (holder['purpose'], holder['pid'], holder['since'])
    except (OSError, ValueError, KeyError, TypeError):
        return 'it has not said what'
