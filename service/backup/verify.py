"""Whether a backup is what was signed, read from the medium itself."""
import functools
import hashlib
import os
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from ..messages import PROBLEM, InputError, Message, StorageError
from .make import Told
from .manifest import Entry, Manifest, Volume, entries_of, index_name, read_manifest
from .medium import Source, find_backups, on_medium

_ANOTHER = 'Make another backup, and use another medium.'


class Verified(NamedTuple):
    """What `verify_backup` found.

    Attributes:
        folder: of the backup.
        manifest: as it was signed.
        problems: what is not as it was signed, each with volume and file.
    """

    folder: str
    manifest: Manifest
    problems: Tuple[Message, ...]


def backup_of(medium: str) -> str:
    """The folder of the one finished backup on a medium.

    Raises:
        InputError: ``backup-missing``, or ``backup-several`` to choose from.
        StorageError: as `read_manifest` where there is one alone that is not finished; as `on_medium`.
    """
    folders = find_backups(medium)
    if not folders:
        raise InputError('backup-missing', 'There is no backup in %s.' % medium,
                         'Name the folder of a medium, or that of a backup on it.')
    if len(folders) == 1:
        read_manifest(folders[0])
        return folders[0]
    finished = [folder for folder in folders if _is_finished(folder)]
    if len(finished) != 1:
        raise InputError('backup-several', 'There are %d backups in %s.' % (len(finished), medium), 'Name one of them: '
                         '%s.' % ', '.join(map(os.path.basename, finished or folders)))
    return finished[0]


def _is_finished(folder: str) -> bool:
    try:
        read_manifest(folder)
    except StorageError as error:
        return error.code != 'backup-unfinished'
    return True


def verify_backup(folder: str, key: str = '', told: Optional[Told] = None) -> Verified:
    """Read every byte of a backup from its medium and compare it with what was signed.

    Args:
        folder: of the backup.
        key: id of the key that has to have signed it; empty for any.
        told: is told after each file how many bytes were read. What it raises ends the reading.

    Raises:
        StorageError: as `read_manifest`; ``backup-key`` where another key has signed it; ``medium-gone``.
    """
    manifest, damaged = read_manifest(folder)
    check_key(manifest, key)
    problems = [_problem('backup-damaged', '%s is damaged; the other one is whole.' % name, name) for name in damaged]
    total, done = sum(volume.size for volume in manifest.volumes), 0

    def tell(before: int, read: int = 0) -> None:
        if told is not None:
            told(before + read, total)
    for volume in manifest.volumes:
        problems += _volume_problems(folder, volume, functools.partial(tell, done))
        done += volume.size
        tell(done)
    return Verified(folder, manifest, tuple(problems))


def check_key(manifest: Manifest, key: str) -> None:
    """Refuse a backup that another key has signed.

    Raises:
        StorageError: ``backup-key``.
    """
    if key and manifest.key != key:
        raise StorageError('backup-key', 'The backup is signed by the key %s and not by %s.' % (manifest.key, key),
                           'Every backup says its key when it is made. Do not use one whose key nobody knows.')


def _volume_problems(folder: str, volume: Volume, tell: Callable[[int], None]) -> List[Message]:
    path = os.path.join(folder, volume.name)
    try:
        with on_medium(path):
            size = os.path.getsize(path) if os.path.exists(path) else -1
    except StorageError as error:
        return [_problem(error.code, error.message.sentence, volume.name)]
    if size <= 0:
        state = 'is missing' if size < 0 else 'is empty: it was not finished, or the medium was pulled out'
        return [_problem('backup-unfinished', '%s %s.' % (volume.name, state), volume.name)]
    problems: List[Message] = []
    try:
        entries, is_indexed = entries_of(folder, volume)
    except (OSError, ValueError) as error:
        return [_problem('backup-damaged', '%s and %s are damaged.' % (volume.name, index_name(volume.name)),
                         volume.name, repr(error))]
    if not is_indexed:
        problems.append(_problem('backup-damaged', '%s is damaged; the volume itself is whole.'
                                 % index_name(volume.name), index_name(volume.name)))
    try:
        problems += _file_problems(path, volume, entries, tell)
    except OSError as error:
        problems.append(_problem('backup-damaged', '%s cannot be read to its end (%s).' % (volume.name, error.strerror),
                                 volume.name, repr(error)))
    return problems


def _file_problems(path: str, volume: Volume, entries: List[Entry], tell: Callable[[int], None]
                   ) -> Iterator[Message]:
    """One pass over a volume; a byte that is in no file is in the head of one, or at the end."""
    whole, at, last, is_named = hashlib.sha256(), 0, '', False
    with Source(path) as source:
        for entry in sorted(entries, key=lambda entry: entry.offset):
            for chunk in source.chunks(at, max(0, entry.offset - at)):
                whole.update(chunk)
            own = hashlib.sha256()
            for chunk in source.chunks(entry.offset, entry.size):
                whole.update(chunk)
                own.update(chunk)
            at, last = entry.offset + entry.size, entry.path
            tell(at)
            if entry.sha256 and own.hexdigest() != entry.sha256:
                is_named = True
                yield _problem('backup-damaged', '%s in %s is damaged.' % (entry.path, volume.name), volume.name,
                               file=entry.path)
        for chunk in source.chunks(at):
            whole.update(chunk)
    if whole.hexdigest() != volume.sha256 and not is_named:
        yield _problem('backup-damaged', '%s is damaged between its files, of which the last is %s; the files are '
                       'whole.' % (volume.name, last), volume.name)


def _problem(code: str, sentence: str, volume: str, detail: str = '', file: str = '') -> Message:
    facts = {'volume': volume, 'file': file, 'detail': detail}
    return Message(code, sentence, _ANOTHER, PROBLEM, 'backup', {name: text for name, text in facts.items() if text})
