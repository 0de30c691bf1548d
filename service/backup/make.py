"""Making a backup: what the station keeps, copied as it is to a medium.

Exams go on meanwhile. What is copied of an exam is its ``exam.json`` of one moment and the files that this names, which
never change. It takes no key: what is encrypted stays so.
"""
import contextlib
import hashlib
import json
import os
import tarfile
import uuid
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from .. import __version__
from ..bundle import generate_key, key_id, load_key, public_bytes
from ..bundle.signature import read_public_key
from ..bundle.signing import public_path_of
from ..clock import Stamp
from ..durable import encode_json
from ..exams import Exam, ExamError, ExamUnreadableError
from ..exams.folder import EXAM_NAME, EXAMS, decode_exam, exam_ids, path_of
from ..exams.store import DATABASE, LOCK, OUTBOX
from ..messages import PROBLEM, WARNING, InputError, Message, StorageError, shown_size
from ..operators import Anchor
from ..operators.chain import EMPTY, FOLDER, ChainError, follow, read_lines
from ..sealing import sealed_with
from ..storage import Disks
from .manifest import (
    BEGUN,
    FORMAT,
    MANIFESTS,
    VERSION,
    Entry,
    Volume,
    checked,
    encode_index,
    encode_manifest,
    index_name,
    read_index,
    read_manifest,
    volume_name,
)
from .medium import (
    PREFIX,
    Writer,
    check_writable,
    find_backups,
    hash_of,
    on_medium,
    read_small,
    sync_medium,
    write_small,
)

#: The most that a volume holds, unless one exam is larger: FAT32 takes no file of 4 GiB.
VOLUME_BYTES = 1 << 30
#: A medium has to have this much more room than what is copied.
_SPARE_SHARE = 0.1
#: A tar archive: each file has a head and fills its last block, and two empty blocks are the end.
_BLOCK_BYTES = 512
_END_BYTES = 2 * _BLOCK_BYTES
_MAX_BEGUN_BYTES = 4096
#: Of all files of a station the largest is a capture or a part of the audit log.
_MAX_FILE_BYTES = 512 << 20

#: Is told how many bytes of how many are on the medium.
Told = Callable[[int, int], None]


class Backup(NamedTuple):
    """A backup that is finished.

    Attributes:
        folder: on the medium.
        key: id of the key that signed it, 16 hexadecimal digits.
        exams, files, size, volumes: how many, and bytes.
        reused: volumes that an interrupted try had left whole.
        anchor: how long the audit log was; None where there is none that hangs together.
        problems: what the station itself has damaged, among others.
    """

    folder: str
    key: str
    exams: int
    files: int
    size: int
    volumes: int
    reused: int
    anchor: Optional[Anchor]
    problems: Tuple[Message, ...]


class _Part(NamedTuple):
    """What goes into one volume together: an exam, or another file.

    Attributes:
        name: path of its folder or file, below the folder of exams.
        files: paths with the hash that each should have, empty where nobody knows.
        first: content of the first of them, which was read already; None where it was not.
    """

    name: str
    files: Tuple[Tuple[str, str], ...]
    first: Optional[bytes] = None


def key_path(root: str) -> str:
    """File of the key with which a station signs backups and exports, beside the folder of exams and in no backup."""
    return os.path.abspath(root) + '.backup.pem'


def station_key(root: str) -> Any:
    """The key with which a station signs its backups and exports; made at the first one.

    Raises:
        InputError, StorageError: it cannot be read or made, or there are no exams.
    """
    _check_root(root)
    path = key_path(root)
    if not os.path.lexists(path):
        generate_key(path)
    return load_key(path)


def known_key(root: str) -> str:
    """Id of the `station_key` of a station; empty where it has none yet.

    Raises:
        ThermoscreenError: it cannot be read.
    """
    public = public_path_of(key_path(root))
    return key_id(read_public_key(public).raw) if os.path.exists(public) else ''


def make_backup(root: str, medium: str, key: Any, stamp: Stamp, volume_bytes: int = VOLUME_BYTES,
                told: Optional[Told] = None, disks: Optional[Disks] = None) -> Backup:
    """Copy everything that a folder of exams holds to a medium, or finish a copy that was interrupted.

    Args:
        root: the folder of exams; it is only read.
        medium: folder on the medium; the backup becomes a folder in it.
        key: that signs the manifest, as `bundle.load_key` gives it.
        stamp: when.
        volume_bytes: the most that a volume holds, unless one exam is larger.
        told: is told after each exam. What it raises ends the backup, which is unfinished then.
        disks: by default this machine's.

    Raises:
        InputError: ``exams-folder``: there is no folder of exams.
        StorageError: ``medium-gone``, ``medium-full``, ``medium-faulty``, ``medium-read-only``,
            ``medium-not-writable``, ``medium-missing``; what is whole on
            the medium counts at the next try. ``folder-unreadable``: the exams themselves cannot be read.
    """
    _check_root(root)
    return _Making(root, medium, key, stamp, volume_bytes, told, disks or Disks()).run()


def _check_root(root: str) -> None:
    if not os.path.isdir(os.path.join(root, EXAMS)):
        raise InputError('exams-folder', 'There are no exams in %s.' % root, 'Check the name of the folder.')


class _Making:
    def __init__(self, root: str, medium: str, key: Any, stamp: Stamp, volume_bytes: int, told: Optional[Told],
                 disks: Disks) -> None:
        self._root, self._medium, self._key, self._stamp = root, os.path.abspath(medium), key, stamp
        self._limit, self._told, self._disks = volume_bytes, told, disks
        self._key_id = key_id(public_bytes(key))
        self._volumes: Dict[int, Volume] = {}
        self._problems: List[Message] = []
        self._data_keys: Set[str] = set()
        self._exams = self._done_bytes = self._total_bytes = 0
        self._is_plain = False

    def run(self) -> Backup:
        with on_medium(self._medium):
            self._folder = self._begin()
            done = self._reuse()
            reused = len(self._volumes)
            self._check_room()
        volume: Optional[_Volume] = None
        try:
            for part, size in self._parts(done):
                with on_medium(self._folder):
                    if volume is not None and volume.size + size + _END_BYTES > self._limit:
                        self._finish(volume)
                        volume = None
                    if volume is None:
                        number = min(set(range(1, len(self._volumes) + 2)) - set(self._volumes))
                        volume = _Volume(self._folder, number)
                self._copy(part, volume)
                self._tell_bytes(volume.size)
            if volume is not None:
                with on_medium(self._folder):
                    self._finish(volume)
        finally:
            if volume is not None:
                volume.drop()
        anchor = self._anchor()
        with on_medium(self._folder):
            self._sign(anchor)
        volumes = self._volumes.values()
        return Backup(self._folder, self._key_id, self._exams, sum(volume.files for volume in volumes),
                      sum(volume.size for volume in volumes), len(volumes), reused, anchor, tuple(self._problems))

    def _begin(self) -> str:
        """The folder of a backup that was interrupted, or a new one."""
        unfinished = unfinished_backup(self._medium, self._key_id)
        if unfinished:
            return unfinished
        folder = os.path.join(self._medium, PREFIX + uuid.uuid4().hex[:8])
        os.mkdir(folder)
        write_small(os.path.join(folder, BEGUN), encode_json({
            'format': FORMAT, 'version': VERSION, 'key': self._key_id, 'stamp': self._stamp._asdict()}))
        return folder

    def _reuse(self) -> Set[str]:
        """Take over the volumes that are whole and hold what the station still has; names of their parts."""
        done: Set[str] = set()
        for name in sorted(os.listdir(self._folder)):
            path = os.path.join(self._folder, name)
            number = int(name[4:-4]) if name.startswith('vol-') and name.endswith('.tsb') else 0
            if not number:
                continue
            try:
                index, entries = read_index(self._folder, name)
                volume = index._replace(sha256=hash_of(path))
                is_whole = volume == index and all(map(self._is_still, entries))
            except (OSError, ValueError):
                is_whole = False
            if is_whole:
                self._volumes[number] = index
                self._done_bytes += index.size
                done |= {part_of(entry.path) for entry in entries}
                continue
            for left in (path, os.path.join(self._folder, index_name(name))):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(left)
        return done

    def _is_still(self, entry: Entry) -> bool:
        try:
            return hashlib.sha256(self._read(entry.path)).hexdigest() == entry.sha256
        except OSError:
            return False

    def _check_room(self) -> None:
        for folder, _, names in os.walk(self._root):
            for name in names:
                with contextlib.suppress(OSError):
                    self._total_bytes += _archived(os.stat(os.path.join(folder, name)).st_size)
        needed = int((self._total_bytes - self._done_bytes) * (1 + _SPARE_SHARE))
        free = self._disks.room(self._folder).free_bytes
        if free < needed:
            raise StorageError('medium-full', 'The backup takes %s, and %s are free on the medium.'
                               % (shown_size(needed), shown_size(free)), 'Take a larger one, or delete what is not '
                               'needed. Nothing on the station was changed.')
        check_writable(self._folder)
        with contextlib.suppress(OSError):
            if self._disks.device(self._folder) == self._disks.device(self._root):
                self._problems.append(Message('backup-same-disk', 'The backup is on the disk of the exams, and would '
                                              'be lost with it.', 'Make another one on a medium.', WARNING, 'backup'))

    def _parts(self, done: Set[str]) -> Iterator[Tuple[_Part, int]]:
        """Everything that is not yet on the medium, and its bytes; the audit log after the exams that it tells of."""
        found, _ = exam_ids(self._root)
        for exam_id in found:
            part = self._exam(exam_id)
            if part.name not in done:
                yield part, self._size(part)
        for path in sorted(self._others()):
            part = _Part(path, ((path, ''),))
            if path not in done:
                yield part, self._size(part)

    def _exam(self, exam_id: str) -> _Part:
        """An exam as its ``exam.json`` says at this moment; of one that cannot be read, all there is."""
        self._exams += 1
        folder = os.path.relpath(path_of(self._root, exam_id), self._root)
        first = os.path.join(folder, EXAM_NAME)
        try:
            data = self._read(first)
            exam: Exam = decode_exam(data, exam_id)
            self._is_plain = self._is_plain or not exam.encrypted
            return _Part(folder, ((first, ''),) + tuple(
                (os.path.join(folder, name), file.sha256) for name, file in sorted(exam.files.items())), data)
        except (OSError, ValueError, ExamUnreadableError, ExamError) as error:
            self._tell('exam-damaged', 'The exam %s is damaged; what there is of it was copied.' % exam_id,
                       'Restore it from an older backup.', repr(error), exam=exam_id)
        names: List[str] = []
        with contextlib.suppress(OSError):
            names = [name for name in os.listdir(os.path.join(self._root, folder)) if not name.startswith('.')]
        return _Part(folder, tuple((os.path.join(folder, name), '') for name in sorted(names)))

    def _others(self) -> Iterator[str]:
        """Every other file that belongs to the station: not the index, which is made anew, and nothing hidden."""
        for folder, folders, names in os.walk(self._root):
            below = os.path.relpath(folder, self._root)
            folders[:] = [name for name in folders if not name.startswith('.') and (below, name) != ('.', EXAMS)]
            for name in names:
                is_index = below == '.' and (name.startswith((DATABASE, OUTBOX)) or name == LOCK)
                if not name.startswith('.') and not is_index and os.path.isfile(os.path.join(folder, name)):
                    yield os.path.normpath(os.path.join(below, name))

    def _size(self, part: _Part) -> int:
        size = 0
        for path, _ in part.files:
            with contextlib.suppress(OSError):
                size += _archived(os.stat(os.path.join(self._root, path)).st_size)
        return size

    def _copy(self, part: _Part, volume: '_Volume') -> None:
        for number, (path, sha256) in enumerate(part.files):
            try:
                data = part.first if number == 0 and part.first is not None else self._read(path)
                checked(Entry(path, 0, 0, ''))
            except (OSError, ValueError) as error:
                self._tell('backup-left-out', '%s could not be copied.' % path, 'Restore it from an older backup.',
                           repr(error), file=path)
                continue
            if sha256 and hashlib.sha256(data).hexdigest() != sha256:
                self._tell('exam-damaged', '%s is damaged; it was copied as it is.' % path,
                           'Restore it from an older backup.', '', file=path)
            data_key = sealed_with(data)
            self._data_keys |= {data_key} if data_key else set()
            with on_medium(self._folder):
                volume.add(path, data)

    def _finish(self, volume: '_Volume') -> None:
        finished = volume.finish()
        self._volumes[volume.number] = finished
        self._done_bytes += finished.size
        self._tell_bytes()

    def _tell_bytes(self, more: int = 0) -> None:
        if self._told is not None:
            done = self._done_bytes + more
            self._told(done, max(self._total_bytes, done))

    def _anchor(self) -> Optional[Anchor]:
        """How long the audit log is now."""
        anchor = EMPTY
        try:
            for _, grown in follow(read_lines(os.path.join(self._root, FOLDER)), EMPTY):
                anchor = grown
        except (OSError, ChainError) as error:
            self._tell('audit-broken', 'The audit log does not hang together; it was copied as it is.',
                       'Run thermoscreen audit verify.', repr(error))
            return None
        return anchor if anchor.count else None

    def _sign(self, anchor: Optional[Anchor]) -> None:
        """Write the manifest twice, and have everything on the medium."""
        if self._is_plain:
            self._problems.append(Message('backup-plain', 'Exams of this station are not encrypted, and so neither are '
                                          'those of the backup.', 'Lock the medium away.', WARNING, 'backup'))
        volumes = [volume for _, volume in sorted(self._volumes.items())]
        data = encode_manifest({
            'format': FORMAT, 'version': VERSION, 'id': os.path.basename(self._folder), 'software': __version__,
            'stamp': self._stamp._asdict(), 'exams': self._exams, 'data_keys': sorted(self._data_keys),
            'audit': dict(anchor._asdict()) if anchor else None,
            'problems': [message.to_dict() for message in self._problems],
            'volumes': [dict(volume._asdict()) for volume in volumes]}, self._key)
        for name in MANIFESTS:
            write_small(os.path.join(self._folder, name), data)
        sync_medium(self._folder)

    def _read(self, path: str) -> bytes:
        """A file of the station."""
        descriptor = os.open(os.path.join(self._root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, 'rb') as stream:
            size = os.fstat(descriptor).st_size
            if size > _MAX_FILE_BYTES:
                raise ValueError('%s is too large' % path)
            return stream.read(size)  # of a log that grows, what was there

    def _tell(self, code: str, sentence: str, next_step: str, detail: str, **facts: str) -> None:
        self._problems.append(Message(code, sentence, next_step, PROBLEM, 'backup', dict(facts, detail=detail)))


def unfinished_backup(medium: str, key: str) -> str:
    """The folder of a backup that a station began on a medium and did not finish; empty where there is none.

    Args:
        key: id of the key of the station.

    Raises:
        StorageError: as `find_backups`.
    """
    return next((folder for folder in find_backups(medium) if _is_unfinished(folder, key)), '')


def _is_unfinished(folder: str, key: str) -> bool:
    try:
        begun = json.loads(read_small(os.path.join(folder, BEGUN), _MAX_BEGUN_BYTES).decode('utf-8'))
        if begun['key'] != key or begun['version'] != VERSION:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    try:
        read_manifest(folder)
    except StorageError as error:
        return error.code == 'backup-unfinished'
    return False


class _Volume:
    """A volume that is being written: a tar archive, which any computer can unpack."""

    def __init__(self, folder: str, number: int) -> None:
        self.number = number
        self._folder, self._name = folder, volume_name(number)
        self._entries: List[Entry] = []
        self._writer = Writer(os.path.join(folder, self._name))

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._writer.size

    def add(self, path: str, data: bytes) -> None:
        """Add a file."""
        header = tarfile.TarInfo(path)
        header.size, header.mode = len(data), 0o600
        self._writer.write(header.tobuf(tarfile.PAX_FORMAT))
        self._entries.append(Entry(path, self.size, len(data), hashlib.sha256(data).hexdigest()))
        self._writer.write(data + bytes(-len(data) % _BLOCK_BYTES))

    def finish(self) -> Volume:
        """Have it on the medium, read it from there, and write its index."""
        self._writer.write(bytes(_END_BYTES))
        size, sha256 = self.size, self._writer.close()
        index = encode_index(self._name, size, sha256, self._entries)
        write_small(os.path.join(self._folder, index_name(self._name)), index)
        return Volume(self._name, size, sha256, hashlib.sha256(index).hexdigest(), len(self._entries))

    def drop(self) -> None:
        """Leave it unfinished."""
        self._writer.drop()


def _archived(size: int) -> int:
    """What a file of so many bytes takes in a volume."""
    return _BLOCK_BYTES + size + -size % _BLOCK_BYTES


def part_of(path: str) -> str:
    """Name of the part that a file is in."""
    names = path.split(os.sep)
    return os.sep.join(names[:3]) if names[0] == EXAMS else path
