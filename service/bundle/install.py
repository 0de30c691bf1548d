"""Putting a bundle in its place, as a whole: written on the workstation, or verified and installed on a device."""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

from ..backends import OnnxRuntimeBackend
from ..durable import (
    atomic_write,
    atomic_write_json,
    clear_parts,
    recover_folder,
    replace_folder,
    storage_error,
)
from ..messages import BundleError, InputError, StorageError
from .golden import prove
from .history import History, order
from .load import MAX_FILE_BYTES, Bundle, open_bundle
from .manifest import MANIFEST_NAME, read_plain
from .signature import SIGNATURE_NAME, Trust

#: Prefix of the folders in which a bundle is put together before it is installed.
_STAGING = '.install-'
#: Their names, and those of what is beside a folder while it is replaced.
_LEFTOVER = re.compile(r'\.install-[a-z0-9_]{8}\Z|\..+\.staged\Z', re.DOTALL)

#: After the name of the installed bundle: the folder of the one before it.
_PREVIOUS = '.previous'


@dataclass(frozen=True)
class Installed:
    """What an installation did.

    Attributes:
        bundle: the new one, opened in its place.
        replaced: version of the good bundle that was there, None where there was none.
    """

    bundle: Bundle
    replaced: Optional[str]


def install_bundle(source: str, target: str, trust: Trust, allow_downgrade: bool = False) -> Installed:
    """Copy a bundle to where the device reads it.

    It is verified at its source, copied beside the target, verified again as the copy, proven with its golden pair, and
    put in place in one step; the bundle that was there is kept as `previous_of` the target. Whatever fails on the way,
    including a full disk, leaves the old bundle in place, or puts it back.

    Args:
        source: a bundle folder, on a USB stick for example.
        target: the folder that the setting `bundle` names; it may hold an older bundle. `History` lies beside it.
        trust: whose bundles are accepted.
        allow_downgrade: accept a lower version than this station has had.
    Raises:
        BundleError: the new bundle is refused, as by `open_bundle` and `prove`; ``bundle-key-expired``;
            ``bundle-downgrade``.
        BackendError: ONNX Runtime does not run it.
        InputError: ``install-into-itself``.
        StorageError: ``not-a-bundle`` for a target that holds something else; ``install-busy``; ``bundle-history``; a
            disk that is full, read-only or failing.
    """
    source, target = os.path.realpath(source), os.path.realpath(target)
    if os.path.commonpath([source, target]) in (source, target):
        raise InputError('install-into-itself', '%s and %s lie within each other.' % (source, target),
                         'Name a bundle elsewhere.')
    bundle = open_bundle(source, trust=trust)
    parent = os.path.dirname(target)
    try:
        os.makedirs(parent, exist_ok=True)
        with _exclusive(parent):
            _recover(target)
            old, history = _good_bundle(target, trust), History(parent)
            _check_history(bundle, old, history, trust, allow_downgrade)
            kept = old is not None and old.manifest.sha256 != bundle.manifest.sha256
            with _staged(bundle, parent) as staging:
                _prove(open_bundle(staging, trust=trust))
                # Of the installation that is about to happen, so that no power cut leaves it unnoticed.
                history.write()
                if old is not None and kept:
                    _place(old, previous_of(target))
                replace_folder(staging, target)
            try:
                installed = open_bundle(target, trust=trust)
            except BundleError:
                if kept:
                    _place(open_bundle(previous_of(target), trust=trust), target)
                raise
    except OSError as error:
        raise storage_error(error, target)
    return Installed(installed, None if old is None else str(old.manifest['version']))


def return_to_previous(target: str, trust: Trust) -> Installed:
    """Install the bundle that the last installation replaced; the one that is there takes its place.

    Raises:
        BundleError: ``bundle-missing`` where none was kept; as `install_bundle`.
        BackendError, StorageError: as `install_bundle`.
    """
    previous = previous_of(os.path.realpath(target))
    if not os.path.isdir(previous):
        raise BundleError('bundle-missing', 'There is no previous bundle: %s does not exist.' % previous,
                          'Install the one that you want to return to, with --allow-downgrade.')
    return install_bundle(previous, target, trust, allow_downgrade=True)


def previous_of(target: str) -> str:
    """Folder of the bundle that was installed before the one in `target`."""
    return target + _PREVIOUS


def recover_bundle(target: str) -> None:
    """Put back, or clear away, what an installation left that was cut off.

    Nothing is done while another one runs, or where this user may not or the disk refuses: opening the bundle tells
    what is wrong with it.
    """
    target = os.path.realpath(target)
    parent = os.path.dirname(target)
    clear_parts(parent)
    with contextlib.suppress(OSError, StorageError):
        # The lock is for the rare case alone, so that no start comes in the way of an installation.
        if _leftovers(parent):
            with _exclusive(parent):
                _recover(target)


def write_bundle(folder: str, document: Dict[str, Any], files: Dict[str, bytes]) -> Bundle:
    """Write a bundle and open it again, so that what is delivered is what was checked.

    Args:
        folder: it must not exist yet, or be a bundle, which is replaced as a whole.
        document: the manifest without ``files``. One with ``deployment.refused`` is written like any other, and opens
            only with ``study=True``.
        files: content by file name.
    Returns:
        The written bundle, opened from disk.
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
        raise StorageError('not-writable', 'A bundle cannot be written to %s.' % parent, 'Choose another folder.',
                           detail=str(error))
    try:
        os.chmod(staging, 0o755)
        for name, data in files.items():
            atomic_write(os.path.join(staging, name), data)
        document = dict(document, files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        atomic_write_json(os.path.join(staging, MANIFEST_NAME), document)
        open_bundle(staging, study=True)
        _require_bundle(folder)
        replace_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return open_bundle(folder, study=True)


def _good_bundle(target: str, trust: Trust) -> Optional[Bundle]:
    """The bundle at the target; None where there is none that this device would run."""
    if not os.path.isdir(target):
        if os.path.lexists(target):
            raise StorageError('not-a-bundle', '%s is not a folder.' % target, 'Choose another one.')
        return None
    _require_bundle(target)
    try:
        return open_bundle(target, trust=trust)
    except BundleError:
        return None


def _check_history(bundle: Bundle, old: Optional[Bundle], history: History, trust: Trust,
                   allow_downgrade: bool) -> None:
    """Refuse a bundle that is older than what this station has had, or signed with a key that has expired since."""
    if old is not None:
        history.note(old.manifest)
    name, version = history.newest(bundle.manifest)
    new = bundle.manifest.identity
    if version and order(new['version']) < order(version) and not allow_downgrade:
        raise BundleError('bundle-downgrade', 'This station has had %s %s, which is newer than %s %s.'
                          % (name, version, new['id'], new['version']),
                          'To go back, install with --allow-downgrade.')
    history.note(bundle.manifest)
    trust.check_date(bundle.signed_by or '', history.latest, history.path)


def _prove(bundle: Bundle) -> None:
    """Run the golden pair of every network with what every device has."""
    for network in bundle.networks:
        with OnnxRuntimeBackend(network.model, network.inputs, network.outputs) as backend:
            prove(network, backend.infer)


def _require_bundle(folder: str) -> None:
    """Refuse to replace a folder that holds something else than a bundle."""
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.isfile(os.path.join(folder, MANIFEST_NAME)):
        raise StorageError('not-a-bundle', '%s holds something that is not a bundle.' % folder,
                           'Choose another folder.')


@contextlib.contextmanager
def _staged(bundle: Bundle, parent: str) -> Iterator[str]:
    """A folder in `parent` with a copy of a bundle, which is gone afterwards."""
    staging = tempfile.mkdtemp(prefix=_STAGING, dir=parent)
    try:
        _copy(bundle, staging)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _place(bundle: Bundle, folder: str) -> None:
    """Copy a bundle that is on this device already to another folder of it."""
    with _staged(bundle, os.path.dirname(folder)) as staging:
        open_bundle(staging)
        replace_folder(staging, folder)


def _copy(bundle: Bundle, staging: str) -> None:
    """Copy the files that the manifest lists and no others, as they are now."""
    os.chmod(staging, 0o755)
    names = sorted(bundle.manifest['files']) + [MANIFEST_NAME] + ([SIGNATURE_NAME] if bundle.signed_by else [])
    for name in names:
        path = os.path.join(bundle.folder, name)
        try:
            data = read_plain(path, MAX_FILE_BYTES)
        except OSError as error:
            raise BundleError('bundle-file-missing', '%s cannot be read.' % path, 'Copy the bundle again.',
                              detail=str(error))
        atomic_write(os.path.join(staging, name), data)


@contextlib.contextmanager
def _exclusive(parent: str) -> Iterator[None]:
    """Allow one installation into a folder at a time; the lock ends with the process, however that ends."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError('install-busy', 'Another installation into %s is running.' % parent,
                               'Wait until it has ended.')
        yield
    finally:
        os.close(descriptor)


def _recover(target: str) -> None:
    """Put back, or clear away, what installations left that were ended by a power cut; the parent is locked."""
    parent = os.path.dirname(target)
    clear_parts(parent)
    recover_folder(target)
    recover_folder(previous_of(target))
    for name in _leftovers(parent):
        if name.startswith(_STAGING):
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)


def _leftovers(parent: str) -> List[str]:
    return [name for name in os.listdir(parent) if _LEFTOVER.match(name)]
