"""Whole exams as files: exported to a folder that says everything about itself, and imported from one.

An export has the layout of a store without its index, so that whatever reads the one reads the other. Only folders are
read, no archives: nothing is unpacked, and every name is made here and not taken from what comes in. The list of the
exams is signed with the key of the station (Ed25519), and holds the hash of everything else.
"""
import contextlib
import errno
import hashlib
import io
import json
import os
import re
import stat
from dataclasses import replace
from typing import Any, Callable, Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from .. import __version__
from ..bundle import key_id, public_bytes
from ..bundle.signature import library
from ..capture_file import CaptureFile
from ..clock import Stamp
from ..durable import make_folders, recover_folder, staged_folder, storage_error, write_synced
from ..messages import ADJUNCT_NOTICE, InputError, ThermoscreenError, shown_size
from ..regions import REGIONS
from ..schema import schema_problem
from ..sealing import BaseSealer, PlainSealer, SealError
from ..storage import Disks
from .exam import Exam, ExamError, ExamMissingError, check_id
from .folder import (
    EXAM_NAME,
    MAX_DOCUMENT_BYTES,
    decode_exam,
    encode_document,
    encode_exam,
    path_of,
    read_exam,
    read_file,
    stored,
)
from .forms import opened_form
from .library import Exams
from .order import checked_order
from .texts import (
    DEVIATION,
    GRADE,
    IMPRESSION,
    ORDER,
    checked_conditions,
    checked_patient,
    checked_text,
    is_line,
    opened_patient,
    opened_private,
)

MANIFEST = 'export.json'
FORMAT, VERSION = 'thermoscreen export', 2
#: Exports of version 1 had no signature.
_UNSIGNED = 1
_CONTEXT = b'thermoscreen export\n'
_MAX_MANIFEST_BYTES = 16 << 20

#: No file of an exam is larger; a series has one file for each of its pictures.
_MAX_FILE_BYTES = 1 << 30

#: The store has to have this much more room than what comes in.
_SPARE_SHARE = 0.05

#: Private facts that are texts and no conditions.
_TEXTS = {DEVIATION, IMPRESSION, GRADE, 'reason', 'text'}

_SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'incoming.schema.json')
_PNG = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
#: No picture is wider or higher; one that says so would fill the memory.
_MAX_SIDE_PX = 4096

_UTC = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z', re.ASCII)
_AGAIN = 'Export it again where it came from. Nothing was imported.'


class Exported(NamedTuple):
    """An exam that was exported.

    Attributes:
        exam: as it is in the store.
        sha256: of its ``exam.json`` in the export.
    """

    exam: Exam
    sha256: str


#: Is told of an exam that is exported.
Told = Callable[[Exported], object]


class Imported(NamedTuple):
    """What an import did.

    Attributes:
        taken: exams that are new in the store.
        same: ids of those that it had already.
    """

    taken: Tuple[Exam, ...]
    same: Tuple[str, ...]


#: Is told of work that goes on: how much of how much is done, in bytes. What it raises ends the work.
Tell = Callable[[int, int], None]


def export_exams(root: str, exam_ids: Sequence[str], out: str, sealer: Optional[BaseSealer], stamp: Stamp, key: Any,
                 told: Optional[Told] = None, tell: Optional[Tell] = None) -> List[Exported]:
    """Copy exams to a new folder, which is there whole or not at all.

    Args:
        root: folder of the store.
        out: the new folder, in an existing one.
        sealer: opens what is encrypted, so that the export can be read without a key; None leaves it as it is.
        stamp: when.
        key: of the station, which signs it, as `bundle.load_key` gives it.
        told: is told of each exam when all are ready and before the folder gets its name: the audit log knows of
            everything that left.
        tell: see `Tell`.

    Raises:
        ExamError: ``exam-missing``; ``exams-locked``.
        InputError: ``export-exists``.
        ExamUnreadableError: an exam is not as it was written.
        SealError: as `BaseSealer.open`.
        StorageError: the codes of `service.durable`.
    """
    exams, exported = [read_exam(root, exam_id) for exam_id in sorted(set(exam_ids))], []
    progress = Progress(exams, tell)
    with new_folder(out) as folder:
        for exam in exams:
            def read(name: str, exam: Exam = exam) -> bytes:
                progress.add(exam.files[name].size)
                return read_file(root, exam, name)
            make_folders(os.path.dirname(path_of(folder, exam.id)))
            with staged_folder(path_of(folder, exam.id)) as inner:
                def keep(name: str, data: bytes, inner: str = inner) -> None:
                    write_synced(os.path.join(inner, name), data)
                if sealer is None:
                    for name in exam.files:
                        keep(name, read(name))
                    data = encode_exam(exam)
                else:
                    data = encode_exam(opened_form(exam, sealer, read, keep))
                keep(EXAM_NAME, data)
            exported.append(Exported(exam, hashlib.sha256(data).hexdigest()))
        document = {'format': FORMAT, 'version': VERSION, 'software': __version__, 'stamp': stamp._asdict(),
                    'exams': {entry.exam.id: entry.sha256 for entry in exported}, 'notice': ADJUNCT_NOTICE}
        write_synced(os.path.join(folder, MANIFEST), signed_list(document, key))
        if told is not None:
            for entry in exported:
                told(entry)
    return exported


def signed_list(document: Dict[str, Any], key: Any) -> bytes:
    """The list of an export as it is written, signed."""
    document = dict(document, public_key=public_bytes(key).hex())
    return encode_document(dict(document, signature=key.sign(_CONTEXT + encode_document(document)).hex()))


class Progress:
    """How much of the files of some exams was read.

    Args:
        exams: whose files.
        tell: see `Tell`; None for nobody.
    """

    def __init__(self, exams: Sequence[Exam], tell: Optional[Tell]) -> None:
        self._tell, self._done = tell, 0
        self._total = sum(file.size for exam in exams for file in exam.files.values())

    def add(self, size: int) -> None:
        """So many bytes more."""
        self._done += size
        if self._tell is not None:
            self._tell(self._done, self._total)


@contextlib.contextmanager
def new_folder(out: str) -> Iterator[str]:
    """A folder to be filled, for this user alone, which gets its name at the end.

    Raises:
        InputError: ``export-exists``.
        StorageError: the codes of `service.durable`; nothing is left.
    """
    out = os.path.abspath(out)
    if os.path.lexists(out):
        raise InputError('export-exists', '%s is there already.' % out, 'Choose another name.')
    try:
        recover_folder(out)
        with staged_folder(out) as folder:
            with contextlib.suppress(OSError):  # memory sticks have no permissions
                os.chmod(folder, 0o700)
            yield folder
    except OSError as error:
        raise storage_error(error, out)


def check_export(folder: str, tell: Optional[Tell] = None) -> str:
    """Read every byte of an export from its medium; the id of the key that signed it.

    Args:
        tell: see `Tell`.

    Raises:
        InputError: as `import_exams`.
    """
    key, found = _read_list(folder)[0], list(_read_export(folder))
    progress = Progress([incoming.exam for incoming in found], tell)
    for incoming in found:
        for name, file in incoming.exam.files.items():
            incoming.read(name)
            progress.add(file.size)
    return key


class Export(NamedTuple):
    """An export on a medium, as its list says.

    Attributes:
        folder: its path.
        key: id of the key that signed it.
        exams: how many.
        date: when it was made by the clock of that station.
    """

    folder: str
    key: str
    exams: int
    date: str


def find_exports(medium: str) -> List[Export]:
    """The exports on a medium whose list is whole, in the order of their names."""
    found: List[Export] = []
    try:
        names = sorted(os.listdir(medium))
    except OSError:
        return []
    for folder in (os.path.join(medium, name) for name in names):
        with contextlib.suppress(InputError):
            key, document = _read_list(folder)
            found.append(Export(folder, key, len(document['exams']), document['stamp']['utc'][:10]))
    return found


def import_exams(folders: Sequence[str], exams: Exams, operator: str, keys: Collection[str],
                 disks: Optional[Disks] = None, tell: Optional[Tell] = None) -> Imported:
    """Take the exams of exports into a store. Everything is checked before the first of them is written.

    An interrupted import may be done again: what was taken is there already, and the same.

    Args:
        folders: of exports.
        exams: the store, with its key.
        operator: id of who does it.
        keys: ids of those of which one has to have signed each export.
        disks: by default this machine's.
        tell: see `Tell`; everything is read twice.

    Raises:
        InputError: ``import-damaged``, ``import-unsigned``, ``import-signer``, ``import-link``, ``import-version``,
            ``import-key``, ``import-conflict`` or ``disk-full``; nothing was changed.
        ExamError, ExamUnreadableError, StorageError: as `Exams.take_in`.
    """
    found: Dict[str, _Incoming] = {}
    for folder in folders:
        key, _ = _read_list(folder)
        if key not in keys:
            raise InputError('import-signer', 'The export in %s is signed by the key %s, which is not one that is '
                             'trusted here.' % (folder, key), 'Ask who exported it for the key that their station '
                             'said. Only if it is %s, give it: --key %s.' % (key, key))
        for incoming in _read_export(folder):
            other = found.setdefault(incoming.exam.id, incoming)
            if other.sha256 != incoming.sha256:
                raise _conflict(incoming.exam.id, 'is in %s too and differs' % other.folder)
    progress = Progress(2 * [incoming.exam for incoming in found.values()], tell)
    for incoming in found.values():
        incoming.check(exams.sealer)
        progress.add(_size(incoming))
    same = {exam_id for exam_id, incoming in found.items() if _is_there(exams, incoming)}
    new = sorted((incoming for exam_id, incoming in found.items() if exam_id not in same),
                 key=lambda incoming: incoming.exam.number)
    needed = int((1 + _SPARE_SHARE) * sum(map(_size, new)))
    try:
        free = (disks or Disks()).room(exams.folder).free_bytes
    except OSError as error:
        raise storage_error(error, exams.folder)
    if free < needed:
        raise InputError('disk-full', 'The import takes %s, and %s are free.' % (shown_size(needed), shown_size(free)),
                         'Make room, or import fewer exams at once. Nothing was imported.')
    taken: List[Exam] = []
    for incoming in new:
        taken.append(exams.take_in(incoming.exam, incoming.read, operator, {
            'sha256': incoming.sha256, 'number': incoming.exam.number, 'key': incoming.key}))
        progress.add(_size(incoming))
    return Imported(tuple(taken), tuple(sorted(same)))


class _Incoming(NamedTuple):
    """An exam of an export.

    Attributes:
        folder: of the export.
        sha256: of its ``exam.json``.
        key: id of the key that signed the export.
    """

    folder: str
    exam: Exam
    sha256: str
    key: str

    def read(self, name: str) -> bytes:
        """A file of it.

        Raises:
            InputError: ``import-damaged`` or ``import-link``.
        """
        file = self.exam.files[name]
        data = _read(self.folder, _place(self.exam.id, name), min(file.size, _MAX_FILE_BYTES))
        if stored({name: data})[name] != file:
            raise _damaged(self.folder, _place(self.exam.id, name), 'size or hash')
        return data

    def check(self, sealer: Optional[BaseSealer]) -> None:
        """Look at everything in it once.

        Raises:
            ExamError: ``exams-locked``.
            InputError: as `import_exams`.
        """
        exam, place = self.exam, _place(self.exam.id, EXAM_NAME)
        for event in exam.events:
            if not is_line(event.operator) or not _UTC.match(event.stamp.utc):
                raise _damaged(self.folder, place, 'event %d' % event.number)
        results: Dict[str, Any] = {}

        def look(name: str, data: bytes) -> None:
            try:
                checked = _checked_file(name, data)
            except (ValueError, RecursionError, ThermoscreenError) as error:
                raise _damaged(self.folder, _place(exam.id, name), repr(error))
            if name.endswith('.result.json'):
                results[name] = checked
        try:
            opened = opened_form(exam, sealer, self.read, look)
        except SealError as error:
            raise InputError('import-key', 'The exam %s was encrypted with another key than that of this station.'
                             % exam.id, 'Export it without --sealed where it came from. Nothing was imported.',
                             error.detail)
        except (ValueError, TypeError) as error:
            raise _damaged(self.folder, place, repr(error))
        for capture in exam.captures:
            for name in ['%04d.result.json' % capture.number] + [
                    name for event in exam.corrections if event.facts['picture'] == capture.number
                    for name in event.facts['files'] if name.endswith('.result.json')]:
                shown = {'facts': dict(capture.facts), 'result': results.get(name)}
                problem = schema_problem(_SCHEMA_PATH, shown)
                if problem is not None:
                    raise _damaged(self.folder, place, '%s: %s' % (name, problem))
        _check_texts(opened, self.folder, place)


def _checked_file(name: str, data: bytes) -> Any:
    """A file of an exam, if it is what its name says.

    Raises:
        ValueError, InputError: it is not.
    """
    if name.endswith('.tscap'):
        stream = io.BytesIO(data)
        file = CaptureFile(stream, name)
        for number in range(1, len(file) + 1):
            file.frame(stream, number)
        return file
    if name.endswith('.json'):
        document = json.loads(data.decode('utf-8'))
        if not isinstance(document, dict):
            raise ValueError('no object')
        return document
    if not name.endswith('.png'):
        raise ValueError('no exam has such a file')
    sides = [int.from_bytes(data[start:start + 4], 'big') for start in (len(_PNG), len(_PNG) + 4)]
    if not data.startswith(_PNG) or not all(0 < side <= _MAX_SIDE_PX for side in sides):
        raise ValueError('no PNG, or one of %d x %d' % tuple(sides))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    is_labels = name.endswith('.labels.png')
    if pixels is None or is_labels and (pixels.ndim != 2 or pixels.dtype != np.uint8 or pixels.max() >= len(REGIONS)):
        raise ValueError('no picture' if pixels is None else 'no regions')
    return pixels


def _size(incoming: _Incoming) -> int:
    return sum(file.size for file in incoming.exam.files.values())


def _check_texts(opened: Exam, folder: str, place: Tuple[str, ...]) -> None:
    """Refuse texts that nobody could have typed here."""
    try:
        patient = opened_patient(PlainSealer(), opened.id, opened.patient)
        good = checked_patient(patient) == patient
        for event in opened.events:
            private = opened_private(PlainSealer(), opened, event.number)
            texts = {name: private.pop(name) for name in _TEXTS & set(private)}
            is_order = event.number == 1 and opened.scheduled
            good = good and is_order == (ORDER in private)
            checked_order(private.pop(ORDER, {}))
            good = good and checked_conditions(private) == private and all(
                checked_text(text) == text for text in texts.values())
    except (ExamError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder, place, repr(error))
    if not good:
        raise _damaged(folder, place, 'a text is not as it is kept')


def _read_list(folder: str) -> Tuple[str, Dict[str, Any]]:
    """The list of an export whose signature holds, and the id of the key that it is of."""
    data = _read(folder, (MANIFEST,), _MAX_MANIFEST_BYTES)
    ed25519, _, invalid = library()
    try:
        whole: Dict[str, Any] = dict(json.loads(data.decode('utf-8')))
        version = int(whole['version']) if whole['format'] == FORMAT else 0
        if version > VERSION:
            raise InputError('import-version', '%s is of format %d, and this program reads format %d.'
                             % (folder, version, VERSION), 'Update the program.')
        if version == _UNSIGNED:
            raise InputError('import-unsigned', 'The export in %s is of an older version of the program and not '
                             'signed.' % folder, 'Export it again with a newer one. Nothing was imported.')
        document = {name: value for name, value in whole.items() if name != 'signature'}
        public = bytes.fromhex(whole['public_key'])
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(
            bytes.fromhex(whole['signature']), _CONTEXT + encode_document(document))
        for exam_id in dict(whole['exams']):
            check_id(exam_id)
        if version != VERSION or not isinstance(whole['stamp']['utc'], str):
            raise ValueError('it is not the list of an export')
    except (ValueError, TypeError, KeyError, RecursionError, ExamMissingError, invalid) as error:
        raise _damaged(folder, (MANIFEST,), repr(error))
    return key_id(public), whole


def _read_export(folder: str) -> Iterator[_Incoming]:
    key, document = _read_list(folder)
    for exam_id, sha256 in sorted(document['exams'].items()):
        place = _place(exam_id, EXAM_NAME)
        data = _read(folder, place, MAX_DOCUMENT_BYTES)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged(folder, place, 'sha256')
        try:
            exam = decode_exam(data, exam_id)
        except ThermoscreenError as error:
            if error.code == 'exam-version':
                raise InputError('import-version', error.message.sentence, 'Update the program.')
            raise _damaged(folder, place, error.detail)
        yield _Incoming(folder, exam, sha256, key)


def _is_there(exams: Exams, incoming: _Incoming) -> bool:
    """Whether the store has an exam already, as it comes in or gone on since.

    Raises:
        InputError: ``import-conflict`` where it has another one of that id.
    """
    theirs = incoming.exam
    try:
        ours = exams.get(theirs.id)
    except ExamMissingError:
        return False
    forms = [opened_form(exam, exams.sealer, read, lambda name, data: None)
             for exam, read in ((ours, lambda name: read_file(exams.folder, ours, name)), (theirs, incoming.read))]
    kept, came = ([replace(event, seq=0) for event in exam.events] for exam in forms)
    if forms[0].patient != forms[1].patient or kept[:len(came)] != came:
        raise _conflict(theirs.id, 'is on this station and differs')
    return True


def _place(exam_id: str, name: str) -> Tuple[str, ...]:
    """Where a file of an exam is in an export, folder by folder."""
    return tuple(os.path.relpath(os.path.join(path_of(os.sep, exam_id), name), os.sep).split(os.sep))


def _read(folder: str, place: Tuple[str, ...], most: int) -> bytes:
    """A file of an export, and at most a byte more than it may have; no link is followed on the way."""
    path = folder
    try:
        for name in place[:-1]:
            path = os.path.join(path, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise OSError(errno.ELOOP, 'no folder')
        descriptor = os.open(os.path.join(path, place[-1]), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, 'rb') as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.ELOOP, 'no file')
            # From the medium, and not from what this machine still has of it in memory.
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            return stream.read(most + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError('import-link', '%s in %s is a link or no ordinary file.' % (os.path.join(*place), folder),
                             _AGAIN, repr(error))
        raise _damaged(folder, place, repr(error))


def _damaged(folder: str, place: Tuple[str, ...], detail: str) -> InputError:
    return InputError('import-damaged', '%s in %s is missing, damaged or was changed.' % (os.path.join(*place), folder),
                      _AGAIN, detail)


def _conflict(exam_id: str, how: str) -> InputError:
    return InputError('import-conflict', 'The exam %s %s.' % (exam_id, how), 'Compare the two. Nothing was imported.')
