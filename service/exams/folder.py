"""The folder of an exam: self-describing, and the truth about it; the database is only an index of these folders.

docs/exams.md describes every file. The files of a capture are durable before ``exam.json`` names them, and
``exam.json`` takes the place of the one before in one step: what it names is there, and what it does not name never
happened.
"""
import contextlib
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ..clock import Stamp
from ..durable import (
    atomic_write,
    clear_parts,
    make_folders,
    move,
    recover_folder,
    recover_folders,
    storage_error,
    write_folder,
    write_new,
)
from ..messages import PROBLEM, Message, StorageError
from ..schema import schema_problem
from .exam import (
    ACQUIRING,
    ANYWHERE,
    Anchor,
    Event,
    Exam,
    ExamError,
    ExamUnreadableError,
    StoredFile,
    check_id,
    exam_missing,
    transition,
)

EXAM_NAME = 'exam.json'
#: Version 2 has the events of `ANYWHERE`, version 3 corrections of outlines, version 4 what the worklist said, version
#: 5 a move to another patient. An exam without them is of an earlier one, as it was written and told to the log.
FORMAT, VERSION = 'thermoscreen exam', 5

#: Folders in that of the store: of exams, two levels deep, of what belongs to none, and of what is being removed.
EXAMS, QUARANTINE, REMOVED = 'exams', 'quarantine', '.removed'

_SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'exam.schema.json')
#: That of an exam with `MAX_CAPTURES` captures is shorter.
MAX_DOCUMENT_BYTES = 32 << 20
_CHUNK_BYTES = 1 << 20

_FROM_BACKUP = 'Restore it from a backup.'


def path_of(root: str, exam_id: str) -> str:
    """Folder of an exam in the folder of a store.

    Raises:
        ExamMissingError: the id is none.
    """
    return os.path.join(root, EXAMS, check_id(exam_id)[:2], exam_id)


def encode_exam(exam: Exam) -> bytes:
    """``exam.json`` of an exam."""
    document = _document(exam)
    return encode_document(dict(document, sha256=own_hash(document)))


def encode_document(document: Mapping[str, Any]) -> bytes:
    """The only form in which an ``exam.json`` is written and hashed; without spaces Python makes it ten times faster.

    Raises:
        ValueError, TypeError: not JSON; NaN and infinity are not JSON.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(',', ':'), sort_keys=True)
    return (text + '\n').encode('utf-8')


def content_sha256(exam: Exam, events: int) -> str:
    """Hash of what an exam was after so many of its events, as the audit log is told it: without anchors.

    Args:
        events: at most as many as it has.
    """
    earlier = replace(exam, state='', events=(), anchors=())
    for event in exam.events[:events]:
        earlier = transition(earlier, event)
    return own_hash(_document(earlier))


def _document(exam: Exam) -> Dict[str, Any]:
    """What stands in ``exam.json``, without its hash."""
    version = (5 if exam.moved else 4 if exam.scheduled else 3 if exam.corrections else
               2 if any(event.kind in ANYWHERE for event in exam.events) else 1)
    return {
        'format': FORMAT, 'version': version, 'id': exam.id, 'number': exam.number, 'state': exam.state,
        'encrypted': exam.encrypted, 'patient': exam.patient, 'tokens': list(exam.tokens),
        'events': [dict(vars(event), stamp=event.stamp._asdict(), facts=dict(event.facts)) for event in exam.events],
        'files': {name: {'bytes': file.size, 'sha256': file.sha256} for name, file in exam.files.items()},
        'anchors': [dict(vars(anchor)) for anchor in exam.anchors]}


def decode_exam(data: bytes, exam_id: str) -> Exam:
    """The exam of an ``exam.json``; its events are gone through once more.

    Args:
        exam_id: that it has to have.

    Raises:
        ExamUnreadableError: ``exam-damaged``, or ``exam-version`` for one that a newer version wrote.
    """
    try:
        document: Dict[str, Any] = dict(json.loads(data.decode('utf-8')))
        is_whole = document.pop('sha256', None) == own_hash(document)
    except (ValueError, TypeError, RecursionError) as error:
        raise exam_damaged(exam_id, repr(error))
    version = document.get('version')
    if document.get('format') == FORMAT and isinstance(version, int) and version > VERSION:
        raise ExamUnreadableError('exam-version', 'The exam %s is of format %d, and this program reads format %d.'
                             % (exam_id, version, VERSION), 'Update the program.')
    problem = schema_problem(_SCHEMA_PATH, dict(document, sha256='0' * 64)) if is_whole else 'sha256'
    if problem is not None:
        raise exam_damaged(exam_id, problem)
    exam = Exam(document['id'], document['number'], document['patient'], tuple(document['tokens']),
                document['encrypted'], anchors=tuple(Anchor(**anchor) for anchor in document['anchors']))
    try:
        for event in document['events']:
            exam = transition(exam, Event(**dict(event, stamp=Stamp(**event['stamp']))))
    except (ExamError, KeyError) as error:
        raise exam_damaged(exam_id, str(error))
    files = {name: StoredFile(file['bytes'], file['sha256']) for name, file in document['files'].items()}
    if exam.id != exam_id or exam.state != document['state'] or exam.files != files:
        raise exam_damaged(exam_id, 'id, state or files are not those of its events')
    return exam


def read_exam(root: str, exam_id: str) -> Exam:
    """The exam of a folder.

    Raises:
        ExamMissingError: there is none.
        ExamUnreadableError: ``exam-damaged`` or ``exam-version``.
    """
    path = os.path.join(path_of(root, exam_id), EXAM_NAME)
    try:
        data = _read(path, MAX_DOCUMENT_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise exam_missing(exam_id)
    except OSError as error:
        raise exam_damaged(exam_id, repr(error))
    return decode_exam(data, exam_id)


def write_exam(root: str, exam: Exam) -> None:
    """Write ``exam.json``, and with the first event its folder.

    Raises:
        StorageError: as `durable.atomic_write`, and ``file-exists`` where a new exam has the id of another.
    """
    folder, data = path_of(root, exam.id), encode_exam(exam)
    if len(exam.events) > 1:
        atomic_write(os.path.join(folder, EXAM_NAME), data)
        return
    if os.path.lexists(folder):
        raise StorageError('file-exists', 'The folder of the exam %s is there already.' % exam.id, 'Try again.')
    try:
        make_folders(os.path.dirname(folder))
        write_folder(folder, {EXAM_NAME: data})
    except OSError as error:
        raise storage_error(error, folder)


def write_files(root: str, exam_id: str, contents: Mapping[str, bytes]) -> None:
    """Write the files of a capture or a correction, which ``exam.json`` does not name yet.

    Raises:
        StorageError: as `durable.write_new`.
    """
    folder = path_of(root, exam_id)
    for name, data in contents.items():
        write_new(os.path.join(folder, name), data)


def stored(contents: Mapping[str, bytes]) -> Dict[str, StoredFile]:
    """Size and hash of files as they will lie on the disk."""
    return {name: StoredFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}


def read_file(root: str, exam: Exam, name: str) -> bytes:
    """A file of an exam, sealed or not, with the hash that it had when it was written.

    Raises:
        ExamError: ``exam-file``: it has no such file.
        ExamUnreadableError: ``exam-damaged``.
    """
    file = exam.files.get(name)
    if file is None:
        raise ExamError('exam-file', 'The exam %s has no file of that name.' % exam.id, 'Choose one of its list.')
    try:
        data = _read(os.path.join(path_of(root, exam.id), name), file.size)
    except OSError as error:
        raise exam_damaged(exam.id, repr(error), name)
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise exam_damaged(exam.id, 'size or hash', name)
    return data


def file_problems(root: str, exam: Exam) -> List[Message]:
    """The files of an exam that are not as they were written, and those that do not belong to it.

    While pictures are taken, files are there before the exam names them; then strangers are not looked for.
    """
    folder, problems = path_of(root, exam.id), []
    for name, file in sorted(exam.files.items()):
        state = _state_of(os.path.join(folder, name), file)
        if state:
            problems.append(_problem('exam-damaged', '%s of the exam %s %s.' % (name, exam.id, state), _FROM_BACKUP,
                                     exam.id, name))
    return problems + [_problem('exam-stray', 'The folder of the exam %s holds %s, which does not belong to it.'
                                % (exam.id, name), 'Look at it, and move it away.', exam.id, name)
                       for name in (strays(root, exam) if exam.state != ACQUIRING else ())]


def strays(root: str, exam: Exam) -> List[str]:
    """Names in the folder of an exam that it does not know; temporary files have hidden ones and do not count."""
    names = set(os.listdir(path_of(root, exam.id))) - set(exam.files) - {EXAM_NAME}
    return sorted(name for name in names if not name.startswith('.'))


def clear_leftovers(root: str, exam_id: str) -> None:
    """Clear away the temporary files that a killed writer left of an exam; nobody may be writing it.

    Raises:
        OSError: the disk refuses.
    """
    folder = path_of(root, exam_id)
    if os.path.isdir(os.path.dirname(folder)):
        recover_folder(folder)
    if os.path.isdir(folder):
        clear_parts(folder)


def quarantine(root: str, path: str, into: str = QUARANTINE) -> str:
    """Move a file or a folder of the store aside, under a new name.

    Args:
        into: `QUARANTINE`, from where nothing is ever deleted, or `REMOVED`.

    Returns:
        Its new path, below the folder of the store.

    Raises:
        StorageError: the disk refuses.
    """
    aside = os.path.join(root, into)
    name = os.path.join(into, '%s.%s' % (os.path.relpath(path, root).replace(os.sep, '.'), uuid.uuid4().hex[:8]))
    try:
        make_folders(aside)
        move(path, os.path.join(root, name))
    except OSError as error:
        raise storage_error(error, path)
    return name


def was_removed(root: str, exam_id: str) -> bool:
    """Whether the folder of an exam is among those that are being removed."""
    return any(exam_id in name for name, _ in _entries(os.path.join(root, REMOVED)))


def clear_removed(root: str) -> List[str]:
    """Delete what is being removed; the paths of what the disk does not let go."""
    for _, path in _entries(os.path.join(root, REMOVED)):
        shutil.rmtree(path, ignore_errors=True)
    return [path for _, path in _entries(os.path.join(root, REMOVED))]


def exam_ids(root: str) -> Tuple[List[str], List[str]]:
    """The ids of all exams that have a folder, in order, and the paths of everything else in its place.

    Raises:
        StorageError: the folders cannot be read.
    """
    found: List[str] = []
    others: List[str] = []
    try:
        for shard, path in _entries(os.path.join(root, EXAMS)):
            if not os.path.isdir(path):
                others.append(path)
                continue
            for name, inner in _entries(path):
                is_exam = name[:2] == shard and _is_id(name) and os.path.lexists(os.path.join(inner, EXAM_NAME))
                (found if is_exam else others).append(name if is_exam else inner)
    except OSError as error:
        raise ExamUnreadableError('folder-unreadable', 'The folder %s cannot be read (%s).' % (root, error.strerror),
                             'Check its permissions and its disk.', str(error))
    return found, others


def is_place(root: str, path: str) -> bool:
    """Whether something in the folder of a store is the folder of an exam by its name, whatever is in it."""
    name = os.path.basename(path)
    return _is_id(name) and path == path_of(root, name) and os.path.isdir(path)


def clear_all_leftovers(root: str) -> None:
    """Clear away what killed writers left beside the folders of exams; nobody may be writing.

    Raises:
        OSError: the disk refuses.
    """
    for _, path in _entries(os.path.join(root, EXAMS)):
        if os.path.isdir(path):
            recover_folders(path)


def exam_damaged(exam_id: str, detail: str, name: str = EXAM_NAME) -> ExamUnreadableError:
    """The error for an exam of which a file is not as it was written."""
    return ExamUnreadableError('exam-damaged', '%s of the exam %s is damaged or was changed.' % (name, exam_id),
                          _FROM_BACKUP, detail)


def _state_of(path: str, file: StoredFile) -> str:
    """What is wrong with a file, in words; empty for nothing. Never more than a part of it is in memory."""
    digest = hashlib.sha256()
    try:
        with open(path, 'rb') as stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b''):
                digest.update(chunk)
    except FileNotFoundError:
        return 'is missing'
    except OSError as error:
        return 'cannot be read (%s)' % error.strerror
    return '' if digest.hexdigest() == file.sha256 else 'is damaged or was changed'


def _problem(code: str, sentence: str, next_step: str, exam_id: str, name: str) -> Message:
    return Message(code, sentence, next_step, PROBLEM, 'exam', {'exam': exam_id, 'file': name})


def _entries(folder: str) -> Iterator[Tuple[str, str]]:
    names = []
    with contextlib.suppress(FileNotFoundError):
        names = sorted(os.listdir(folder))
    return ((name, os.path.join(folder, name)) for name in names)


def _is_id(name: str) -> bool:
    try:
        return bool(check_id(name))
    except ExamError:
        return False


def _read(path: str, most: int) -> bytes:
    """A file, and at most a byte more than it may have."""
    with open(path, 'rb') as stream:
        return stream.read(most + 1)


def own_hash(document: Mapping[str, Any]) -> str:
    """Hash of a document's JSON as it is written (`encode_document`), without the hash itself."""
    return hashlib.sha256(encode_document(document)).hexdigest()
