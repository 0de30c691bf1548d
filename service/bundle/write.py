"""Writing a bundle folder, with the hashes that make it one."""
import hashlib
import os
import shutil
import tempfile

from ..durable import atomic_write, atomic_write_json
from ..messages import StorageError
from .load import open_bundle
from .manifest import MANIFEST_NAME
from .swap import replace_folder


def write_bundle(folder, document, files):
    """Write a bundle and open it again, so that what is delivered is what was checked.

    Args:
        folder (str): where to; it must not exist yet, or be a bundle that is replaced as a whole.
        document (dict): the manifest without ``files``; one with ``deployment.refused`` is written like
            any other, and opens with ``study=True`` alone.
        files (dict): file name to bytes.
    Returns:
        Bundle: the written bundle, opened from disk.
    Raises:
        BundleError: what was given is not a bundle; nothing is left behind.
        StorageError: the folder cannot be written.
    """
    folder = os.path.abspath(folder)
    parent = os.path.dirname(folder)
    try:
        os.makedirs(parent, exist_ok=True)
        staging = tempfile.mkdtemp(prefix='.bundle-', dir=parent)
    except OSError as error:
        raise StorageError('not-writable', 'A bundle cannot be written to %s; choose another folder.' % parent,
                           detail=str(error))
    try:
        os.chmod(staging, 0o755)
        for name, data in files.items():
            atomic_write(os.path.join(staging, name), data)
        document = dict(document, files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        atomic_write_json(os.path.join(staging, MANIFEST_NAME), document)
        open_bundle(staging, study=True)
        _replace(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return open_bundle(folder, study=True)


def _replace(staging, folder):
    """Put the staged folder in place of an older bundle; anything else there is left alone."""
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.isfile(os.path.join(folder, MANIFEST_NAME)):
        raise StorageError('not-a-bundle', '%s holds something that is not a bundle; choose another folder.'
                           % folder)
    replace_folder(staging, folder)
