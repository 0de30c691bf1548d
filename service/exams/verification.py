"""Whether exams are as they were written: files, documents and rows. It takes no key and changes nothing."""
import os
from typing import Iterator, Mapping, Optional, Tuple

from ..messages import PROBLEM, Message
from .exam import Exam, ExamMissingError, ExamUnreadableError
from .folder import EXAM_NAME, content_sha256, exam_ids, file_problems, is_place, path_of, read_exam
from .store import Reader, row_of

#: What the audit log was told last of each exam, by its id: number of the event, and `content_sha256`.
Told = Mapping[str, Tuple[int, str]]

_FROM_BACKUP = 'Restore it from a backup.'
_REBUILD = 'Stop the station and run thermoscreen exams rebuild.'


def verify_store(folder: str, exam_id: str = '', told: Optional[Told] = None) -> Iterator[Message]:
    """What is not as it was written: files, documents, rows and folders, each by name. Nothing is changed.

    Args:
        folder: of the store.
        exam_id: of one exam; empty for all, and for the index as a whole.
        told: read from the audit log before; None where there is none.

    Raises:
        ExamMissingError: ``exam-missing``, for one that neither has a folder nor is in the index.
        StorageError: ``folder-unreadable``, or as `Reader.rows`.
    """
    reader, told = Reader(folder), told or {}
    if exam_id:
        if exam_id not in told and not os.path.isdir(path_of(folder, exam_id)) and reader.row(exam_id) is None:
            read_exam(folder, exam_id)
        for problem in _exam_problems(folder, reader, exam_id, told):
            yield problem
        return
    answer = reader.check()
    if answer != 'ok':
        yield _found('store-damaged', 'The database of exams is damaged (%s).' % answer, _REBUILD, '')
    found, others = exam_ids(folder)
    for path in others:
        if is_place(folder, path):
            found.append(os.path.basename(path))
        else:
            yield _found('exam-stray', '%s lies among the exams and is none.' % os.path.relpath(path, folder),
                         'thermoscreen exams rebuild moves it away.', '')
    for known_id in found:
        for problem in _exam_problems(folder, reader, known_id, told):
            yield problem
    gone = set(told) - set(found)
    after, rows = 0, reader.rows(limit=1000)
    while rows:
        gone.update(row.id for row, _ in rows if not os.path.isdir(path_of(folder, row.id)))
        after = rows[-1][0].number
        rows = reader.rows(after=after, limit=1000)
    for known_id in sorted(gone):
        yield _gone(known_id)


def _exam_problems(folder: str, reader: Reader, exam_id: str, told: Told) -> Iterator[Message]:
    try:
        exam = read_exam(folder, exam_id)
    except ExamMissingError:
        if os.path.isdir(path_of(folder, exam_id)):
            yield _found('exam-damaged', '%s of the exam %s is missing.' % (EXAM_NAME, exam_id), _FROM_BACKUP, exam_id)
        else:
            yield _gone(exam_id)
        return
    except ExamUnreadableError as error:
        yield _found(error.code, error.message.sentence, error.message.next_step, exam_id)
        return
    number, sha256 = told.get(exam_id, (0, ''))
    if sha256 and (len(exam.events) < number or content_sha256(exam, number) != sha256):
        yield _found('exam-rewritten', 'The exam %s is not what the audit log was told of it.' % exam_id, _FROM_BACKUP,
                     exam_id)
    for problem in file_problems(folder, exam):
        yield problem
    problem_of_row = _row_problem(folder, reader, exam)
    if problem_of_row is not None:
        yield problem_of_row


def _row_problem(folder: str, reader: Reader, exam: Exam) -> Optional[Message]:
    """What is wrong with the row of an exam; a change that is under way is waited for by looking again."""
    for _ in range(3):
        found = reader.row(exam.id)
        if found is None:
            message = _found('exam-unlisted', 'The exam %s is not in the index.' % exam.id, _REBUILD, exam.id)
        elif found != (row_of(exam), True) or reader.tokens(exam.number) != sorted(set(exam.tokens)):
            message = _found('exam-row', 'The index says of the exam %s what its folder does not say.' % exam.id,
                             _REBUILD, exam.id)
        else:
            return None
        latest = read_exam(folder, exam.id)
        if latest == exam:
            break
        exam = latest
    return message


def _gone(exam_id: str) -> Message:
    return _found('exam-gone', 'The folder of the exam %s is missing.' % exam_id, _FROM_BACKUP, exam_id)


def _found(code: str, sentence: str, next_step: str, exam_id: str) -> Message:
    return Message(code, sentence, next_step, PROBLEM, 'exams', {'exam': exam_id} if exam_id else {})
