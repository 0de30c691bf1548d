"""Bringing a backup back: to an empty station, or to one that has exams of its own.

Nothing that the station has is lost: what is replaced is moved to its quarantine, and an exam that went on since the
backup stays as it is. It may be interrupted at any moment and done again.
"""
import contextlib
import hashlib
import itertools
import os
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..clock import Clock
from ..durable import make_folders, storage_error, write_folder, write_new
from ..exams import Exam, ExamError, Exams, ExamUnreadableError
from ..exams.folder import (
    EXAM_NAME,
    EXAMS,
    decode_exam,
    exam_ids,
    file_problems,
    path_of,
    quarantine,
    read_exam,
    stored,
)
from ..exams.library import Record
from ..messages import PROBLEM, WARNING, Message, StorageError, shown_size
from ..operators import places
from ..operators.twin import TwinFile
from ..storage import Disks
from .make import Told, part_of
from .manifest import Entry, Manifest, entries_of, read_manifest
from .medium import Source
from .verify import check_key

#: The disk of the station has to have this much more room than what is missing there.
_SPARE_SHARE = 0.05


class Restored(NamedTuple):
    """What a restore did with the exams of a backup, by number.

    Attributes:
        restored: were not on the station.
        same: were there, as in the backup.
        newer: were there and had gone on since; they stayed.
        repaired: had damaged files, which came from the backup.
        replaced: were damaged, or older than in the backup; the old ones are in the quarantine.
        others: files that are no exams, of operators and the audit log, that were not there.
        exams: in the index afterwards.
        problems: what was not restored, and why.
    """

    restored: int
    same: int
    newer: int
    repaired: int
    replaced: int
    others: int
    exams: int
    problems: Tuple[Message, ...]


def restore_backup(folder: str, root: str, key: str, clock: Optional[Clock] = None, record: Optional[Record] = None,
                   told: Optional[Told] = None, disks: Optional[Disks] = None) -> Restored:
    """Bring everything of a backup back that a station lacks, and make the index of its exams anew.

    Args:
        folder: of the backup.
        root: folder of exams; made where it is missing. No other program may keep exams there.
        key: id of the key that has to have signed the backup.
        clock: of the station; by default this machine's.
        record: tells the audit log.
        told: is told after each volume how many bytes were read.
        disks: by default this machine's.

    Raises:
        StorageError: as `read_manifest`; ``backup-key``; ``restore-keys`` where the station has another data key than
            the backup; ``disk-full`` before anything is written; ``store-busy``; ``medium-gone`` and the codes of
            `service.durable` in the middle: what was restored until then stays, and the next try goes on.
    """
    manifest, _ = read_manifest(folder)
    check_key(manifest, key)
    _check_data_key(root, manifest)
    restoring = _Restoring(folder, root, manifest, told)
    restoring.check_room(disks or Disks())
    exams = Exams(root, None, record, clock or Clock())
    found: List[Message] = []
    with contextlib.closing(exams):
        try:
            restoring.run()
        except StorageError as error:
            if error.code != 'medium-gone':
                raise
            raise StorageError(error.code, error.message.sentence, 'Put it in again and restore again. What was '
                               'restored until now is whole and stays.', error.detail)
        finally:
            count = sum(exams.counts().values())
            if restoring.has_changed or count != len(exam_ids(root)[0]):  # a restore before this one may have ended
                exams.messages.clear()
                count = exams.rebuild()
                found = [message for message in exams.messages if message.severity == PROBLEM]
    done = restoring.count
    return Restored(done['restored'], done['same'], done['newer'], done['repaired'], done['replaced'], done['others'],
                    count, tuple(restoring.problems + found))


def _check_data_key(root: str, manifest: Manifest) -> None:
    """Refuse exams that this station could never open beside its own."""
    document = TwinFile(places(root).operators, 'keys').read() or {}
    own = (document.get('recovery') or {}).get('key_id', '')
    if own and set(manifest.document['data_keys']) - {own}:
        raise StorageError('restore-keys', 'This station has a data key of its own, and the exams of the backup were '
                           'encrypted with another one.', 'Restore it to a station that was never started, and open '
                           'that with the recovery key of the old station.')


class _Restoring:
    def __init__(self, folder: str, root: str, manifest: Manifest, told: Optional[Told]) -> None:
        self._folder, self._root, self._manifest, self._told = folder, os.path.abspath(root), manifest, told
        self.count = dict.fromkeys(('restored', 'same', 'newer', 'repaired', 'replaced', 'others'), 0)
        self.problems: List[Message] = []
        #: Files by volume, so far as these can be read.
        self._entries: Dict[str, List[Entry]] = {}
        for volume in manifest.volumes:
            try:
                self._entries[volume.name] = entries_of(folder, volume)[0]
            except (OSError, ValueError) as error:
                read_manifest(folder)  # tells whether the medium is still there
                self._tell('backup-damaged', '%s cannot be read; its exams were not restored.' % volume.name,
                           'Restore them from another backup.', repr(error), volume=volume.name)

    @property
    def has_changed(self) -> bool:
        """Whether anything of an exam was written."""
        return any(self.count[name] for name in ('restored', 'repaired', 'replaced'))

    def check_room(self, disks: Disks) -> None:
        missing = sum(entry.size for entries in self._entries.values() for entry in entries
                      if not os.path.lexists(os.path.join(self._root, entry.path)))
        needed = int(missing * (1 + _SPARE_SHARE))
        try:
            free = disks.room(self._root).free_bytes
        except OSError as error:
            raise storage_error(error, self._root)
        if free < needed:
            raise StorageError('disk-full', 'The restore takes %s, and %s are free.'
                               % (shown_size(needed), shown_size(free)), 'Use a larger card.')

    def run(self) -> None:
        others: Dict[str, List[Tuple[str, Entry]]] = {}
        total, done = sum(volume.size for volume in self._manifest.volumes), 0
        for volume in self._manifest.volumes:
            entries = sorted(self._entries.get(volume.name, ()), key=lambda entry: entry.offset)
            for name, group in itertools.groupby(entries, lambda entry: part_of(entry.path)):
                if name.startswith(EXAMS + '/'):
                    self._exam(os.path.basename(name), volume.name, list(group))
                else:
                    others.setdefault(name.split('/')[0], []).extend((volume.name, entry) for entry in group)
            done += volume.size
            if self._told is not None:
                self._told(done, total)
        for top, files in sorted(others.items()):
            self._place_others(top, files)

    def _exam(self, exam_id: str, volume: str, entries: List[Entry]) -> None:
        """Bring one exam back, if its description is whole."""
        files: Dict[str, bytes] = {}
        for entry in entries:
            data = self._read(volume, entry)
            if data is not None:
                files[os.path.basename(entry.path)] = data
        if EXAM_NAME not in files:
            self._tell('backup-damaged', 'The exam %s was not restored: what describes it is damaged in %s.'
                       % (exam_id, volume), 'Restore it from another backup.', volume=volume, exam=exam_id)
            return
        try:
            if any(entry.path != os.path.join(EXAMS, exam_id[:2], exam_id, os.path.basename(entry.path))
                   for entry in entries):
                raise ExamError('exam-path', '%s is in another place.' % exam_id)
            self.count[self._placed(exam_id, files)] += 1
        except ExamError as error:
            self._tell(error.code, error.message.sentence, 'Restore it from another backup.', volume=volume)
        except OSError as error:
            raise storage_error(error, path_of(self._root, exam_id))

    def _placed(self, exam_id: str, files: Dict[str, bytes]) -> str:
        """Put an exam in its place; what was done, as `count` calls it."""
        folder = path_of(self._root, exam_id)
        if not os.path.lexists(folder):
            make_folders(os.path.dirname(folder))
            write_folder(folder, files)
            return 'restored'
        ours, theirs = self._ours(exam_id), _decoded(files[EXAM_NAME], exam_id)
        if ours is None and theirs is not None:
            return self._replaced(folder, files)
        if ours is None or theirs is None:
            self._tell('exam-damaged', 'The exam %s is damaged in the backup%s.'
                       % (exam_id, ' and on the station' if ours is None else '; the one of the station stayed'),
                       'Restore it from another backup.', exam=exam_id)
            return 'same'
        if ours.events[:len(theirs.events)] == theirs.events:
            return self._repaired(ours, files) or ('same' if ours.events == theirs.events else 'newer')
        whole = stored({name: data for name, data in files.items() if name != EXAM_NAME})
        if theirs.events[:len(ours.events)] == ours.events and theirs.files == whole:
            return self._replaced(folder, files)
        self._tell('restore-conflict', 'The exam %s went on in another way on the station, or is damaged in the '
                   'backup. The one of the station stayed.' % exam_id, 'Compare it with the one of the backup.',
                   exam=exam_id)
        return 'newer'

    def _ours(self, exam_id: str) -> Optional[Exam]:
        try:
            return read_exam(self._root, exam_id)
        except (ExamError, ExamUnreadableError):
            return None

    def _replaced(self, folder: str, files: Dict[str, bytes]) -> str:
        quarantine(self._root, folder)
        write_folder(folder, files)
        return 'replaced'

    def _repaired(self, ours: Exam, files: Dict[str, bytes]) -> str:
        """Bring back the files of an exam that are damaged on the station; empty where none is."""
        damaged = [problem.facts['file'] for problem in file_problems(self._root, ours)
                   if problem.code == 'exam-damaged']
        left = [name for name in damaged
                if name not in files or stored({name: files[name]})[name] != ours.files[name]]
        for name in damaged:
            path = os.path.join(path_of(self._root, ours.id), name)
            if name not in left:
                if os.path.lexists(path):
                    quarantine(self._root, path)
                write_new(path, files[name])
        for name in left:
            self._tell('exam-damaged', '%s of the exam %s is damaged, and the backup has no other.' % (name, ours.id),
                       'Restore it from another backup.', exam=ours.id)
        return 'repaired' if set(damaged) - set(left) else ''

    def _place_others(self, top: str, files: List[Tuple[str, Entry]]) -> None:
        """Bring a folder back that the station does not have; one that went on here stays as it is."""
        contents: Dict[str, bytes] = {}
        for volume, entry in files:
            data = self._read(volume, entry)
            if data is not None:
                contents[entry.path] = data
        missing = [path for path in contents if not os.path.lexists(os.path.join(self._root, path))]
        if any(_sha256_of(os.path.join(self._root, path)) != hashlib.sha256(data).hexdigest()
               for path, data in contents.items() if path not in missing):
            self.problems.append(Message('restore-kept', 'The station has %s of its own, which stayed as it is.' % top,
                                         '', WARNING, 'restore'))
            return
        for path in missing:
            target = os.path.join(self._root, path)
            try:
                make_folders(os.path.dirname(target))
                if os.path.dirname(target) != self._root:
                    os.chmod(os.path.dirname(target), 0o700)
            except OSError as error:
                raise storage_error(error, target)
            write_new(target, contents[path], 0o600)
            self.count['others'] += 1

    def _read(self, volume: str, entry: Entry) -> Optional[bytes]:
        """A file as the medium has it; None, and a problem, for one that is damaged."""
        data = b''
        try:
            with Source(os.path.join(self._folder, volume)) as source:
                data = b''.join(source.chunks(entry.offset, entry.size))
        except OSError:
            read_manifest(self._folder)  # tells whether the medium is still there
        if len(data) == entry.size and entry.sha256 in ('', hashlib.sha256(data).hexdigest()):
            return data
        self._tell('backup-damaged', '%s in %s is damaged and was not restored.' % (entry.path, volume),
                   'Restore it from another backup.', volume=volume, file=entry.path)
        return None

    def _tell(self, code: str, sentence: str, next_step: str, detail: str = '', **facts: str) -> None:
        self.problems.append(Message(code, sentence, next_step, PROBLEM, 'restore', dict(facts, detail=detail)))


def _decoded(data: bytes, exam_id: str) -> Optional[Exam]:
    try:
        return decode_exam(data, exam_id)
    except (ExamError, ExamUnreadableError):
        return None


def _sha256_of(path: str) -> str:
    """Hash of a file of the station; empty where it cannot be read."""
    with contextlib.suppress(OSError), open(path, 'rb') as stream:
        return hashlib.sha256(stream.read()).hexdigest()
    return ''
