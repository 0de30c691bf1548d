"""Reading a file of a bundle: a plain one of reasonable size, or none."""
import os
import stat

from ..messages import BundleError


def read_plain(path, limit):
    """The bytes of a plain file.

    A link, a pipe or a device is not opened at all: the first would leave the bundle, the others would never end.

    Args:
        path (str): the file.
        limit (int): most bytes it may have.
    Returns:
        bytes: all of them.
    Raises:
        BundleError: ``bundle-file-link`` or ``bundle-file-large``.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise BundleError('bundle-file-link', '%s is not a plain file; copy the bundle again.' % path)
    # What lies there may have changed since it was looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, 'rb') as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise BundleError('bundle-file-large', '%s has more than %d bytes, which is the most that the device takes.'
                          % (path, limit))
    return data
