"""Putting a bundle in its place, as a whole: written on the workstation, or verified and installed on a device."""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional

from ..durable import (
    atomic_write,
    atomic_write_json,
    clear_parts,
    make_folders,
    recover_folder,
    replace_folder,
    storage_error,
)
from ..messages import BundleError, InputError, StorageError
from .archive import unpack
from .history import INTERRUPTED, WRITING, Change, History, order
from .load import MAX_FILE_BYTES, Bundle, open_bundle
from .manifest import MANIFEST_NAME, read_manifest_bytes, read_plain
from .signature import SIGNATURE_NAME, Trust

#: Prefix of the folders in which a bundle is put together before it is installed.
_STAGING = '.install-'
#: Their names, and those of what is beside a folder while it is replaced.
_LEFTOVER = re.compile(r'\.install-[a-z0-9_]{8}\Z|\..+\.staged\Z', re.DOTALL)

#: After the name of the installed bundle: the folder of the one before it.
_PREVIOUS = '.previous'


class Staged:
    """A bundle that was copied beside its place, verified, and waits to take it; the place is locked meanwhile.

    Attributes:
        bundle: the copy, opened.
        old: the good bundle that is in its place; None where there is none.
        target: the place.
    """

    def __init__(self, bundle: Bundle, old: Optional[Bundle], target: str, trust: Trust, came_from: str) -> None:
        self.bundle, self.old, self.target = bundle, old, target
        self._trust, self._came_from = trust, came_from

    def place(self, by: str = '') -> Change:
        """Put it in place in one step; the bundle that was there is kept as `previous_of` the target.

        Whatever fails on the way, including a full disk, leaves the old bundle in place, or puts it back. The change is
        in the history before it takes place, so that no power cut leaves it unnoticed.

        Args:
            by: id of the supervisor; empty where there are no operators.
        Returns:
            The change, on trial.
        Raises:
            BundleError: what is in place is not what was staged.
            StorageError: a disk that is full, read-only or failing.
        """
        with WRITING:
            history = _noted(self.old, self.bundle, os.path.dirname(self.target))
            change = history.begin(by, None if self.old is None else self.old.manifest, self.bundle.manifest)
            try:
                history.write()
                self._take_the_place()
            except (BundleError, StorageError):
                if installed_hash(self.target) != self.bundle.manifest.sha256:
                    change.outcome = change.told = INTERRUPTED  # who asked for it is told now
                    with contextlib.suppress(StorageError):
                        history.write()
                raise
        return change

    def _take_the_place(self) -> None:
        kept = self.old if self.old is not None and self.old.manifest.sha256 != self.bundle.manifest.sha256 else None
        previous = previous_of(self.target)
        try:
            if kept is None:
                replace_folder(self.bundle.folder, self.target)
            elif self._came_from == previous:  # which must not go before it is in place
                with _staged(kept, os.path.dirname(self.target)) as staging:
                    replace_folder(self.bundle.folder, self.target)
                    replace_folder(staging, previous)
            else:
                _place(kept, previous)
                replace_folder(self.bundle.folder, self.target)
        except OSError as error:
            raise storage_error(error, self.target)
        try:
            open_bundle(self.target, trust=self._trust)
        except BundleError:
            if kept is not None:
                put_back(self.target, self._trust)
            raise


@contextlib.contextmanager
def stage(source: str, target: str, trust: Trust, allow_older: bool = False) -> Iterator[Staged]:
    """Copy a bundle beside the place where the device reads it; the copy is gone at the end, unless it was placed.

    It is verified at its source and verified again as the copy.

    Args:
        source: a bundle folder or a zip archive, on a USB stick for example.
        target: the folder that the setting `bundle` names; it may hold an older bundle. `History` lies beside it.
        trust: whose bundles are accepted.
        allow_older: accept a lower version than this station has had.
    Raises:
        BundleError: the new bundle is refused, as by `open_bundle`; ``bundle-key-expired``; ``bundle-downgrade``.
        InputError: ``install-into-itself``; as `unpack`.
        StorageError: ``not-a-bundle`` for a target that holds something else; ``install-busy``; ``bundle-history``; a
            disk that is full, read-only or failing.
    """
    source, target = os.path.realpath(source), os.path.realpath(target)
    if os.path.commonpath([source, target]) in (source, target):
        raise InputError('install-into-itself', '%s and %s lie within each other.' % (source, target),
                         'Name a bundle elsewhere.')
    parent = os.path.dirname(target)
    # A folder is looked at before the disk of the station is touched.
    bundle = None if os.path.isfile(source) else open_bundle(source, trust=trust)
    with contextlib.ExitStack() as held:
        try:
            make_folders(parent)
            held.enter_context(_exclusive(parent))
            _recover(target)
            bundle = bundle or held.enter_context(_unpacked(source, parent, trust))
            old = _good_bundle(target, trust)
            _check_history(bundle, old, parent, trust, allow_older)
            staging = held.enter_context(_staged(bundle, parent))
        except OSError as error:
            raise storage_error(error, target)
        yield Staged(open_bundle(staging, trust=trust), old, target, trust, source)


def put_back(target: str, trust: Trust) -> None:
    """Put the bundle before in place of the one that is there, which goes; that the older one ran here is known.

    Raises:
        BundleError: there is none, or it is not as it was, as by `open_bundle`.
        StorageError: the codes of `service.durable`.
    """
    target = os.path.realpath(target)
    _place(open_bundle(previous_of(target), trust=trust), target)


def previous_bundle(target: str) -> str:
    """Folder of the bundle that the last change replaced.

    Raises:
        BundleError: ``bundle-missing`` where none was kept.
    """
    previous = previous_of(os.path.realpath(target))
    if not os.path.isdir(previous):
        raise BundleError('bundle-missing', 'There is no previous bundle: %s does not exist.' % previous,
                          'Install the one that you want to return to, with --allow-older.')
    return previous


def installed_hash(target: str) -> str:
    """Hash of the manifest that is in place, whatever it is worth; empty for none."""
    try:
        return hashlib.sha256(read_manifest_bytes(target)).hexdigest()
    except BundleError:
        return ''


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
        make_folders(parent)
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
        require_bundle(folder)
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
    require_bundle(target)
    try:
        return open_bundle(target, trust=trust)
    except BundleError:
        return None


def _check_history(bundle: Bundle, old: Optional[Bundle], parent: str, trust: Trust, allow_older: bool) -> None:
    """Refuse a bundle that is older than what this station has had, or signed with a key that has expired since."""
    name, version = _noted(old, None, parent).newest(bundle.manifest)
    new = bundle.manifest.identity
    if version and order(new['version']) < order(version) and not allow_older:
        raise BundleError('bundle-downgrade', 'This station has had %s %s, which is newer than %s %s.'
                          % (name, version, new['id'], new['version']),
                          'To go back, install it with --allow-older.')
    history = _noted(old, bundle, parent)
    trust.check_date(bundle.signed_by or '', history.latest, history.path)


def _noted(old: Optional[Bundle], new: Optional[Bundle], parent: str) -> History:
    """The history of a station, with the bundle that is there and the one that comes."""
    history = History(parent)
    for bundle in (old, new):
        if bundle is not None:
            history.note(bundle.manifest)
    return history


def require_bundle(folder: str) -> None:
    """Refuse to replace a folder that holds something else than a bundle."""
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.isfile(os.path.join(folder, MANIFEST_NAME)):
        raise StorageError('not-a-bundle', '%s holds something that is not a bundle.' % folder,
                           'Choose another folder.')


@contextlib.contextmanager
def _unpacked(source: str, parent: str, trust: Trust) -> Iterator[Bundle]:
    """The bundle of an archive; what it was unpacked to is gone at the end."""
    folder = tempfile.mkdtemp(prefix=_STAGING, dir=parent)
    try:
        unpack(source, folder)
        try:
            bundle = open_bundle(folder, trust=trust)
        except BundleError as error:  # of the archive, whose name somebody knows
            error.message = replace(error.message, sentence=error.message.sentence.replace(folder, source))
            raise
        yield bundle
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    try:
        with _staged(bundle, os.path.dirname(folder)) as staging:
            open_bundle(staging)
            replace_folder(staging, folder)
    except OSError as error:
        raise storage_error(error, folder)


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
