"""Whether two patients may be confused: what a station knows is compared with who is said to be here."""
import unicodedata
from typing import Iterable, List, Optional, Sequence, Set

from ..clock import UNSYNCHRONISED
from ..messages import WARNING, Message
from .exam import AMENDED, SIGNED, Exam, Patient
from .library import Entry, Exams
from .store import Row, row_of

#: So many earlier exams are looked at; the newest come first.
_MOST = 200


def conflicts(exams: Exams, patient: Patient) -> List[Message]:
    """What speaks against a patient being who was typed or scanned; empty where nothing does.

    Raises:
        ExamError, StorageError: as of `Exams.list`.
    """
    by_number = [known for known in _known(exams, patient.id) if _plain(known.id) == _plain(patient.id)]
    others = [known for known in by_number if is_other(patient, known)]
    found = []
    if others:
        found.append(_warning('patient-number', 'The number %s is here with another name or birth date: %s.'
                              % (patient.id, _named(others[0]))))
    if patient.name and patient.birth_date:
        same = [known for known in _known(exams, '%s %s' % (patient.name, patient.birth_date))
                if _plain(known.name) == _plain(patient.name) and known.birth_date == patient.birth_date
                and _plain(known.id) != _plain(patient.id)]
        if same:
            found.append(_warning('patient-twice', '%s is here with another number: %s.' % (_named(patient),
                                                                                             same[0].id)))
    return found


def confusable(patients: Sequence[Optional[Patient]]) -> Set[str]:
    """Numbers of the patients of a list whose names are the same, or differ by one letter, and who are not the same."""
    marked: Set[str] = set()
    known = {patient.id: _plain(patient.name) for patient in patients if patient is not None and patient.name}
    for one, name in known.items():
        for other, second in known.items():
            if one != other and _within_one(name, second):
                marked.update((one, other))
    return marked


def earlier_exams(exams: Exams, exam: Exam) -> List[Entry]:
    """The signed exams of the same patient, by her number, from before an exam; the latest first.

    They are ordered by their dates, and by their numbers where a date cannot be relied on.

    Raises:
        ExamError, StorageError: as of `Exams.list`; SealError.
    """
    patient, row = exams.patient(exam), row_of(exam)
    if not patient.id:
        return []
    found = [entry for entry in exams.list(patient.id[:200], limit=_MOST)
             if entry.row.state in (SIGNED, AMENDED) and entry.patient is not None and entry.row.id != exam.id
             and _plain(entry.patient.id) == _plain(patient.id) and _is_before(entry.row, row)]
    return sorted(found, key=lambda entry: (entry.row.created, entry.row.number), reverse=True)


def is_other(one: Patient, other: Patient) -> bool:
    """Whether name or birth date of two patients with one number differ, as far as both are known."""
    return bool((one.name and other.name and _plain(one.name) != _plain(other.name))
                or (one.birth_date and other.birth_date and one.birth_date != other.birth_date))


def _is_before(one: Row, other: Row) -> bool:
    if UNSYNCHRONISED in (one.clock, other.clock):
        return one.number < other.number
    return (one.created, one.number) < (other.created, other.number)


def _known(exams: Exams, words: str) -> Iterable[Patient]:
    return [entry.patient for entry in exams.list(words[:200], limit=_MOST) if entry.patient is not None]


def _warning(code: str, sentence: str) -> Message:
    return Message(code, sentence, 'Look at the wristband and ask the patient. Go on only if what you typed is right.',
                   WARNING)


def _named(patient: Patient) -> str:
    return ', '.join(text for text in (patient.name, patient.birth_date) if text) or patient.id


def _plain(text: str) -> str:
    """A name without what is no difference: upper and lower case, the order of its words, spaces."""
    return ' '.join(sorted(unicodedata.normalize('NFKC', text).casefold().split()))


def _within_one(one: str, other: str) -> bool:
    """Whether a letter more, less or another one makes the two the same."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    place = next((place for place, letters in enumerate(zip(one, other)) if letters[0] != letters[1]), len(one))
    return one[place:] == other[place + 1:] or one[place + 1:] == other[place + 1:]
