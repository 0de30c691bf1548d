"""Installing a bundle on a device: the new one whole and verified, or the old one untouched."""
import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Optional

from ..durable import atomic_write, storage_error
from ..messages import BundleError, InputError, StorageError
from .load import MAX_FILE_BYTES, Bundle, open_bundle
from .manifest import MANIFEST_NAME
from .plain_file import read_plain
from .signature import SIGNATURE_NAME
from .swap import recover_folder, replace_folder

#: How folders begin in which a bundle is being put together.
_STAGING = '.install-'


@dataclass(frozen=True)
class Installed:
    """What an installation did.

    Attributes:
        bundle (Bundle): the new one, opened in its place.
        replaced (str): version of the good bundle that was there, None where there was none.
    """

    bundle: Bundle
    replaced: Optional[str]


def install_bundle(source, target, trust, allow_downgrade=False):
    """Copy a bundle to where the device reads it.

    It is verified where it lies, copied beside its target, verified again as the copy, and put in place in one step.
    Whatever fails on the way, also a full disk, leaves the bundle that was there.

    Args:
        source (str): a bundle folder, on a stick for example.
        target (str): the folder that the setting `bundle` names; it may hold an older bundle.
        trust (Trust): whose bundles are taken.
        allow_downgrade (bool): take a lower version of the bundle that is there.
    Returns:
        Installed: the new bundle and the version it replaced.
    Raises:
        BundleError: the new bundle is refused, as `open_bundle` says; ``bundle-downgrade``.
        InputError: ``install-into-itself``.
        StorageError: ``not-a-bundle`` for a target that holds something else; ``install-busy``; a disk that is full,
            read-only or failing.
    """
    source, target = os.path.realpath(source), os.path.realpath(target)
    if os.path.commonpath([source, target]) in (source, target):
        raise InputError('install-into-itself', '%s and %s lie within each other; name a bundle elsewhere.'
                         % (source, target))
    bundle = open_bundle(source, trust=trust)
    parent = os.path.dirname(target)
    try:
        os.makedirs(parent, exist_ok=True)
        with _alone_in(parent):
            recover_folder(target)
            _clear(parent)
            replaced = _replaced(bundle, target, trust, allow_downgrade)
            staging = tempfile.mkdtemp(prefix=_STAGING, dir=parent)
            try:
                _copy(bundle, staging)
                open_bundle(staging, trust=trust)
                replace_folder(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, target)
    return Installed(open_bundle(target, trust=trust), replaced)


def _replaced(bundle, target, trust, allow_downgrade):
    """Version of the good bundle at the target, or None. One that this device would not run protects nothing."""
    if not os.path.isdir(target):
        if os.path.lexists(target):
            raise StorageError('not-a-bundle', '%s is not a folder; choose another one.' % target)
        return None
    if os.listdir(target) and not os.path.isfile(os.path.join(target, MANIFEST_NAME)):
        raise StorageError('not-a-bundle', '%s holds something that is not a bundle; choose another folder.' % target)
    try:
        old = open_bundle(target, trust=trust)
    except BundleError:
        return None
    one, other = old.manifest.identity, bundle.manifest.identity
    if one['id'] == other['id'] and _order(other['version']) < _order(one['version']) and not allow_downgrade:
        raise BundleError('bundle-downgrade', '%s has %s %s, which is newer than %s; to go back, install with '
                          '--allow-downgrade.' % (target, one['id'], one['version'], other['version']))
    return one['version']


def _order(version):
    return tuple(int(part) for part in version.split('.'))


def _copy(bundle, staging):
    """The files that the manifest lists, and no others, as they are read now."""
    os.chmod(staging, 0o755)
    names = sorted(bundle.manifest['files']) + [MANIFEST_NAME] + ([SIGNATURE_NAME] if bundle.signed_by else [])
    for name in names:
        path = os.path.join(bundle.folder, name)
        try:
            data = read_plain(path, MAX_FILE_BYTES)
        except OSError as error:
            raise BundleError('bundle-file-missing', '%s cannot be read; copy the bundle again.' % path,
                              detail=str(error))
        atomic_write(os.path.join(staging, name), data)


@contextlib.contextmanager
def _alone_in(parent):
    """One installation into a folder at a time; the lock goes with the process, however that ends."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError('install-busy', 'Another installation into %s is running; wait until it has ended.'
                               % parent)
        yield
    finally:
        os.close(descriptor)


def _clear(parent):
    """Remove what installations left that a power cut ended."""
    for left in glob.glob(os.path.join(glob.escape(parent), _STAGING + '*')):
        shutil.rmtree(left, ignore_errors=True)
