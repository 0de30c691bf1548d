"""Whether a backup can be restored: all of it into a folder of its own, compared, and removed again."""
import contextlib
import fcntl
import os
import random
import shutil
from typing import Iterator, List, NamedTuple, Optional, Tuple

from ..clock import Clock
from ..durable import make_folders, storage_error
from ..exams import Exam, ExamError, ExamUnreadableError
from ..exams.folder import exam_ids, read_exam, read_file
from ..exams.forms import opened_form
from ..messages import PROBLEM, InputError, Message, StorageError, shown_size
from ..sealing import BaseSealer
from ..storage import Disks
from .make import Told
from .manifest import entries_of, read_manifest
from .medium import find_backups, hash_of
from .restore import restore_backup
from .verify import check_key

#: What is restored takes this much more room than the volumes say, for the ends of its files.
_SPARE_SHARE = 0.05
_ANOTHER = 'Make another backup, on another medium.'


class Tried(NamedTuple):
    """What `try_restore` found.

    Attributes:
        backup: name of its folder.
        exams: that were restored.
        newer: of them, went on at the station since.
        gone: of them, are not at the station any more.
        problems: what is not as it was, each by name.
    """

    backup: str
    exams: int
    newer: int
    gone: int
    problems: Tuple[Message, ...]


def newest_backup(medium: str, key: str) -> str:
    """Folder of the newest backup on a medium that a key signed; the audit log in it is the longest.

    Raises:
        InputError: ``backup-missing``.
        StorageError: as `find_backups`.
    """
    found: List[Tuple[int, str, str]] = []
    for folder in find_backups(medium):
        with contextlib.suppress(StorageError):
            manifest, _ = read_manifest(folder)
            if manifest.key == key:
                audit = manifest.document['audit'] or {'count': 0}
                found.append((audit['count'], manifest.document['stamp']['utc'], folder))
    if not found:
        raise InputError('backup-missing', 'There is no finished backup of this station in %s.' % medium,
                         'Plug in the medium of the last backup, or make one.')
    return max(found)[-1]


def try_restore(folder: str, root: str, key: str, clock: Clock, sealer: Optional[BaseSealer] = None,
                told: Optional[Told] = None, least_bytes: int = 0, disks: Optional[Disks] = None) -> Tried:
    """Restore a backup into a folder beside the exams, read all of it from the disk, compare, and remove it.

    Every file has to have the hash that the backup was signed with, and every exam to be the station's, or an earlier
    form of it.

    Args:
        folder: of the backup.
        root: the folder of exams; it is only read.
        key: id of the key that has to have signed it.
        clock: of the station.
        sealer: opens one exam, chosen at random; None opens none.
        told: as for `restore_backup`.
        least_bytes: that stay free for exams meanwhile.
        disks: by default this machine's.

    Raises:
        StorageError: ``restore-test-room`` before anything is written; ``restore-test-running``; as `restore_backup`.
    """
    manifest, _ = read_manifest(folder)
    check_key(manifest, key)
    with scratch_folder(root) as scratch:
        _check_room(scratch, int((1 + _SPARE_SHARE) * sum(volume.size for volume in manifest.volumes)), least_bytes,
                    disks or Disks())
        done = restore_backup(folder, scratch, key, clock, None, told, disks)
        problems = [problem for problem in done.problems if problem.severity == PROBLEM]
        for volume in manifest.volumes:
            for entry in entries_of(folder, volume)[0]:
                if entry.sha256 and _hash_of(os.path.join(scratch, entry.path)) != entry.sha256:
                    problems.append(_differs('%s was not restored as it is in the backup.' % entry.path))
        found, newer, gone = exam_ids(scratch)[0], 0, 0
        for exam_id in found:
            theirs, ours = read_exam(scratch, exam_id), _read(root, exam_id)
            if ours is None:
                gone += 1
            elif ours.events[:len(theirs.events)] != theirs.events or ours.patient != theirs.patient:
                problems.append(_differs('The exam %s is not the one of the station.' % exam_id))
            else:
                newer += len(ours.events) > len(theirs.events)
        if sealer is not None and found:
            exam = read_exam(scratch, random.choice(found))
            opened_form(exam, sealer, lambda name: read_file(scratch, exam, name), lambda name, data: None)
        if len(found) != manifest.document['exams']:
            problems.append(_differs('%d of %d exams were restored.' % (len(found), manifest.document['exams'])))
    return Tried(os.path.basename(folder), len(found), newer, gone, tuple(problems))


@contextlib.contextmanager
def scratch_folder(root: str) -> Iterator[str]:
    """A folder beside that of the exams, for this user alone and for one test at a time; removed at the end.

    Raises:
        StorageError: ``restore-test-running``, or the codes of `service.durable`.
    """
    path = _scratch_path(root)
    clear_scratch(root)
    try:
        make_folders(os.path.dirname(path))
        os.mkdir(path, 0o700)
        with _alone(path):
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, path)


def clear_scratch(root: str) -> None:
    """Remove what a test left that was killed.

    Raises:
        StorageError: ``restore-test-running``.
    """
    path = _scratch_path(root)
    if os.path.isdir(path):
        with _alone(path):
            shutil.rmtree(path, ignore_errors=True)


def _scratch_path(root: str) -> str:
    return os.path.abspath(root) + '.restore-test'


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold a folder; the kernel lets it go however this process ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StorageError('restore-test-running', 'A restore test is going on already.', 'Wait until it has ended.')
    finally:
        os.close(descriptor)


def _check_room(scratch: str, needed: int, least_bytes: int, disks: Disks) -> None:
    try:
        free = disks.room(scratch).free_bytes
    except OSError as error:
        raise storage_error(error, scratch)
    if free - least_bytes < needed:
        raise StorageError('restore-test-room', 'The restore test takes %s for a while, and %s are free, of which %s '
                           'are for exams.' % (shown_size(needed), shown_size(free), shown_size(least_bytes)),
                           'Restore the backup on another station, or use a larger disk.')


def _read(root: str, exam_id: str) -> Optional[Exam]:
    """An exam of the station; None where it has none, or one that cannot be read."""
    try:
        return read_exam(root, exam_id)
    except (ExamError, ExamUnreadableError):
        return None


def _hash_of(path: str) -> str:
    try:
        return hash_of(path)
    except OSError:
        return ''


def _differs(sentence: str) -> Message:
    return Message('restore-differs', sentence, _ANOTHER, PROBLEM, 'restore test')
