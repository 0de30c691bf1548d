"""Whole exams as files: exported to a folder that says everything about itself, and imported from one.

An export has the layout of a store without its index, so that whatever reads the one reads the other. Only folders are
read, no archives: nothing is unpacked, and every name is made here and not taken from what comes in.
"""
import contextlib
import errno
import hashlib
import json
import os
import re
import stat
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .. import __version__
from ..clock import Stamp
from ..durable import make_folders, recover_folder, staged_folder, storage_error, write_synced
from ..messages import ADJUNCT_NOTICE, InputError, ThermoscreenError, shown_size
from ..sealing import BaseSealer, PlainSealer, SealError
from ..storage import Disks
from .exam import Exam, ExamError, ExamMissingError, check_id
from .folder import (
    EXAM_NAME,
    MAX_DOCUMENT_BYTES,
    decode_exam,
    encode_document,
    encode_exam,
    own_hash,
    path_of,
    read_exam,
    read_file,
    stored,
)
from .forms import opened_form
from .library import Exams
from .texts import checked_conditions, checked_patient, checked_text, is_line, opened_patient, opened_private

MANIFEST = 'export.json'
FORMAT, VERSION = 'thermoscreen export', 1
_MAX_MANIFEST_BYTES = 16 << 20

#: No file of an exam is larger; a series has one file for each of its pictures.
_MAX_FILE_BYTES = 1 << 30

#: The store has to have this much more room than what comes in.
_SPARE_SHARE = 0.05

#: Private facts that are texts and no conditions.
_TEXTS = {'deviation', 'reason', 'text'}

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


def export_exams(root: str, exam_ids: Sequence[str], out: str, sealer: Optional[BaseSealer], stamp: Stamp,
                 told: Optional[Told] = None) -> List[Exported]:
    """Copy exams to a new folder, which is there whole or not at all.

    Args:
        root: folder of the store.
        out: the new folder, in an existing one.
        sealer: opens what is encrypted, so that the export can be read without a key; None leaves it as it is.
        stamp: when.
        told: is told of each exam when all are ready and before the folder gets its name: the audit log knows of
            everything that left.

    Raises:
        ExamError: ``exam-missing``; ``exams-locked``.
        InputError: ``export-exists``.
        ExamUnreadableError: an exam is not as it was written.
        SealError: as `BaseSealer.open`.
        StorageError: the codes of `service.durable`.
    """
    exams, exported = [read_exam(root, exam_id) for exam_id in sorted(set(exam_ids))], []
    with new_folder(out) as folder:
        for exam in exams:
            def read(name: str, exam: Exam = exam) -> bytes:
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
        write_synced(os.path.join(folder, MANIFEST), encode_document(dict(document, sha256=own_hash(document))))
        if told is not None:
            for entry in exported:
                told(entry)
    return exported


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


def import_exams(folders: Sequence[str], exams: Exams, operator: str, disks: Optional[Disks] = None) -> Imported:
    """Take the exams of exports into a store. Everything is checked before the first of them is written.

    An interrupted import may be done again: what was taken is there already, and the same.

    Args:
        folders: of exports.
        exams: the store, with its key.
        operator: id of who does it.
        disks: by default this machine's.

    Raises:
        InputError: ``import-damaged``, ``import-link``, ``import-version``, ``import-key``, ``import-conflict`` or
            ``disk-full``; nothing was changed.
        ExamError, ExamUnreadableError, StorageError: as `Exams.take_in`.
    """
    found: Dict[str, _Incoming] = {}
    for folder in folders:
        for incoming in _read_export(folder):
            other = found.setdefault(incoming.exam.id, incoming)
            if other.sha256 != incoming.sha256:
                raise _conflict(incoming.exam.id, 'is in %s too and differs' % other.folder)
            incoming.check(exams.sealer)
    same = {exam_id for exam_id, incoming in found.items() if _is_there(exams, incoming)}
    new = sorted((incoming for exam_id, incoming in found.items() if exam_id not in same),
                 key=lambda incoming: incoming.exam.number)
    needed = int((1 + _SPARE_SHARE) * sum(file.size for incoming in new for file in incoming.exam.files.values()))
    try:
        free = (disks or Disks()).room(exams.folder).free_bytes
    except OSError as error:
        raise storage_error(error, exams.folder)
    if free < needed:
        raise InputError('disk-full', 'The import takes %s, and %s are free.' % (shown_size(needed), shown_size(free)),
                         'Make room, or import fewer exams at once. Nothing was imported.')
    taken = tuple(exams.take_in(incoming.exam, incoming.read, operator,
                                {'sha256': incoming.sha256, 'number': incoming.exam.number}) for incoming in new)
    return Imported(taken, tuple(sorted(same)))


class _Incoming(NamedTuple):
    """An exam of an export.

    Attributes:
        folder: of the export.
        sha256: of its ``exam.json``.
    """

    folder: str
    exam: Exam
    sha256: str

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
        try:
            opened = opened_form(exam, sealer, self.read, lambda name, data: None)
        except SealError as error:
            raise InputError('import-key', 'The exam %s was encrypted with another key than that of this station.'
                             % exam.id, 'Export it without --sealed where it came from. Nothing was imported.',
                             error.detail)
        except (ValueError, TypeError) as error:
            raise _damaged(self.folder, place, repr(error))
        _check_texts(opened, self.folder, place)


def _check_texts(opened: Exam, folder: str, place: Tuple[str, ...]) -> None:
    """Refuse texts that nobody could have typed here."""
    try:
        patient = opened_patient(PlainSealer(), opened.id, opened.patient)
        good = checked_patient(patient) == patient
        for event in opened.events:
            private = opened_private(PlainSealer(), opened, event.number)
            texts = {name: private.pop(name) for name in _TEXTS & set(private)}
            good = good and checked_conditions(private) == private and all(
                checked_text(text) == text for text in texts.values())
    except (ExamError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder, place, repr(error))
    if not good:
        raise _damaged(folder, place, 'a text is not as it is kept')


def _read_export(folder: str) -> Iterator[_Incoming]:
    data = _read(folder, (MANIFEST,), _MAX_MANIFEST_BYTES)
    try:
        document = dict(json.loads(data.decode('utf-8')))
        is_whole = document.pop('sha256', None) == own_hash(document) and document['format'] == FORMAT
        version, hashes = document['version'], dict(document['exams'])
        if is_whole and version > VERSION:
            raise InputError('import-version', '%s is of format %d, and this program reads format %d.'
                             % (folder, version, VERSION), 'Update the program.')
        for exam_id in hashes:
            check_id(exam_id)
    except (ValueError, TypeError, KeyError, RecursionError, ExamMissingError) as error:
        raise _damaged(folder, (MANIFEST,), repr(error))
    if not is_whole:
        raise _damaged(folder, (MANIFEST,), 'sha256 or format')
    for exam_id, sha256 in sorted(hashes.items()):
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
        yield _Incoming(folder, exam, sha256)


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
