"""What people type about an exam: checked, and as it is sealed."""
import datetime
import json
import math
import re
import unicodedata
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from ..clock import UNSYNCHRONISED, Stamp
from ..messages import StorageError
from ..sealing import BaseSealer, PlainSealer, SealError
from .exam import Exam, ExamError, Patient
from .store import Row

#: Conditions of an exam, with their bounds and what a sentence calls them.
CONDITIONS: Dict[str, Tuple[float, float, str]] = {
    'room_c': (0, 50, 'temperature of the room in °C'), 'humidity_percent': (0, 100, 'humidity of the air in percent'),
    'acclimatisation_minutes': (0, 240, 'minutes of acclimatisation'), 'distance_m': (0.1, 10, 'distance in metres'),
    'cycle_day': (1, 99, 'day of the cycle')}
NOTES, DEVIATION = 'notes', 'deviation'
#: What an exam is for, one line; and when the last mammogram was: ``2024-05``, ``2024``, or one of `NO_DATES`.
PURPOSE, MAMMOGRAM = 'purpose', 'last_mammogram'
NEVER, NOT_KNOWN = NO_DATES = ('never', 'unknown')
#: What is noted beside the conditions, in words.
TOLD = (NOTES, PURPOSE, MAMMOGRAM)
#: Private fact of the first event of an exam that was scheduled: what the worklist said of it.
ORDER = 'order'

#: What a reader makes of an exam, and in which grade of a system of their choice.
IMPRESSION, GRADE = 'impression', 'grade'

#: Characters of an id, a name or a search.
MAX_NAME = 200
_MAX_TEXT = 4000
_DATE = re.compile(r'\d{4}-\d\d-\d\d\Z', re.ASCII)
#: Some clock on a wall is so far ahead of UTC.
_AHEAD = datetime.timedelta(hours=14)
_MONTH = re.compile(r'(19|20)\d\d(-(0[1-9]|1[0-2]))?\Z', re.ASCII)


def unlocked(sealer: Optional[BaseSealer]) -> BaseSealer:
    """The sealer of a station, if it is there.

    Raises:
        ExamError: ``exams-locked``.
    """
    if sealer is None:
        raise ExamError('exams-locked', 'The exams are locked.', 'Log in.')
    return sealer


def sealer_for(sealer: Optional[BaseSealer], encrypted: bool) -> BaseSealer:
    """What texts and files of an exam are sealed with: exams that were kept before a station encrypted stay plain.

    Args:
        sealer: of the station; None while exams are locked.
        encrypted: whether the exam is.

    Raises:
        ExamError: ``exams-locked``.
        SealError: ``seal-key`` for an exam that is encrypted where the station encrypts nothing.
    """
    sealer = unlocked(sealer)
    if encrypted and not sealer.encrypts:
        raise SealError('seal-key', 'The exam is encrypted, and this station encrypts nothing and has no key.',
                        'Set encrypt = true in the settings, or open it on the station that it is of.')
    return sealer if encrypted else PlainSealer()


def search_tokens(sealer: BaseSealer, patient: Patient) -> Tuple[str, ...]:
    """What a search finds a patient by."""
    return tuple(sorted({sealer.token(word) for text in patient for word in text.split()}))


def shown_patient(sealer: Optional[BaseSealer], row: Row) -> Optional[Patient]:
    """Who an exam in a list is of; None without the key."""
    try:
        return opened_patient(sealer_for(sealer, row.encrypted), row.id, row.patient)
    except (ExamError, StorageError, ValueError, TypeError):
        return None


def opened_patient(sealer: BaseSealer, exam_id: str, text: str) -> Patient:
    """Who an exam is of.

    Raises:
        SealError: as `BaseSealer.open_text`.
        ValueError, TypeError: it says no patient.
    """
    return Patient(**json.loads(sealer.open_text(text, sealed_name(exam_id, 'patient'))))


def opened_private(sealer: BaseSealer, exam: Exam, number: int) -> Dict[str, Any]:
    """The private facts of an event; none where it has none.

    Args:
        number: of the event.

    Raises:
        SealError: as `BaseSealer.open_text`.
    """
    text = exam.events[number - 1].private
    opened: Dict[str, Any] = json.loads(sealer.open_text(text, sealed_name(exam.id, 'event-%d' % number))
                                        ) if text else {}
    return opened


def sealed_name(exam_id: str, name: str) -> str:
    """The name under which a file or text of an exam is sealed: ``'patient'``, ``'event-N'``, or that of the file."""
    return '%s/%s' % (exam_id, name)


def json_text(values: Mapping[str, Any]) -> str:
    """Values as the text that is sealed."""
    return json.dumps(values, allow_nan=False, ensure_ascii=False, sort_keys=True)


def checked_patient(patient: Patient) -> Patient:
    """A patient as kept.

    Raises:
        ExamError: ``exam-patient``.
    """
    patient = Patient(*(str(text).strip() for text in patient))
    if not patient.id or not all(is_line(text) for text in patient):
        raise ExamError('exam-patient', 'A patient has an id, and id and name are one line of at most %d characters.'
                        % MAX_NAME, 'Type them again.')
    if patient.birth_date and not _is_date(patient.birth_date):
        raise ExamError('exam-patient', 'The birth date is no date.', 'Write it as 1970-12-31, or leave it empty.')
    return patient


def is_line(text: str, most: int = MAX_NAME) -> bool:
    """Whether it is one line that can be written; names have joiners that cannot be seen."""
    return len(text) <= most and not any(unicodedata.category(letter) in ('Cc', 'Cs', 'Zl', 'Zp') for letter in text)


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.match(text) and datetime.datetime.strptime(text, '%Y-%m-%d'))
    except ValueError:
        return False


def checked_text(text: str) -> str:
    """A reason or note as kept.

    Raises:
        ExamError: ``exam-text``.
    """
    text = text.replace('\r\n', '\n').strip()
    if not text or len(text) > _MAX_TEXT or any(unicodedata.category(letter) == 'Cs' or
                                                (unicodedata.category(letter) == 'Cc' and letter not in '\n\t')
                                                for letter in text):
        raise ExamError('exam-text', 'A reason or note is text of 1 to %d characters.' % _MAX_TEXT, 'Type it again.')
    return text


def checked_conditions(conditions: Optional[Mapping[str, Any]],
                       now: Optional[Callable[[], Stamp]] = None) -> Dict[str, Any]:
    """Conditions, what was told beside them, and a deviation as kept.

    Args:
        now: gives the time, after which no mammogram was; None for exams that were kept already.

    Raises:
        ExamError: ``exam-condition`` or ``exam-text``.
    """
    values: Dict[str, Any] = {}
    for name, value in (conditions or {}).items():
        if name in (NOTES, DEVIATION):
            values[name] = checked_text(str(value))
            continue
        if name in (PURPOSE, MAMMOGRAM):
            values[name] = _checked_line(name, str(value).strip(), now)
            continue
        if name not in CONDITIONS:
            raise ExamError('exam-condition', 'There is no condition %s.' % str(name)[:40],
                            'Choose one of %s.' % ', '.join(tuple(CONDITIONS) + TOLD))
        low, high, what = CONDITIONS[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not low <= value <= high:
            raise ExamError('exam-condition', 'The %s is a number from %g to %g.' % (what, low, high),
                            'Type it again.')
        values[name] = value
    return values


def _checked_line(name: str, text: str, now: Optional[Callable[[], Stamp]]) -> str:
    """A purpose, or the date of a mammogram, as kept."""
    if not text or not is_line(text):
        raise ExamError('exam-condition', 'The purpose of an exam is one line of at most %d characters.' % MAX_NAME,
                        'Type it again.')
    if name == MAMMOGRAM and text not in NO_DATES and not _MONTH.match(text):
        raise ExamError('exam-condition', 'The last mammogram has a month such as 2024-05, or a year, or is one of %s.'
                        % ', '.join(NO_DATES), 'Set it again.')
    if name == MAMMOGRAM and text not in NO_DATES and now is not None and _is_later(text, now()):
        raise ExamError('exam-condition', 'The last mammogram cannot be in the future.', 'Set it again.')
    return text


def _is_later(month: str, now: Stamp) -> bool:
    """Whether a month or year has not come anywhere; never where the time is not certain."""
    latest = datetime.datetime.strptime(now.utc[:19], '%Y-%m-%dT%H:%M:%S') + _AHEAD
    return now.clock != UNSYNCHRONISED and month > latest.strftime('%Y-%m')[:len(month)]
