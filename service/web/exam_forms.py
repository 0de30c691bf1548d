"""What is done to an exam, by a page or through the API: fields of a form become one call of the rooms below."""
import contextlib
from typing import Any, Callable, Dict, Union

from flask import request

from ..acquisition import Acquisition
from ..exams import CONDITIONS, NOTES, Exam, Patient
from ..messages import InputError
from .access import actor
from .responses import is_whole_number
from .services import services


class NoExamsError(InputError):
    """Exams were asked for where none are kept."""

    http_status = 404


def acquisition() -> Acquisition:
    """The room of the exam that is under way.

    Raises:
        NoExamsError: ``exams-off``.
    """
    room = services().acquisition
    if room is None:
        raise NoExamsError('exams-off', 'This station keeps no exams.', 'Set exams_folder under [exams].')
    return room


def begin() -> Exam:
    """A new exam of the patient that a form names; errors as of `Acquisition.begin`."""
    patient = Patient(_text('patient_id'), _text('patient_name'), _text('birth_date'))
    return acquisition().begin(patient, actor(), _conditions())


def capture(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Take a picture; the screen may lock meanwhile. Errors as of `Acquisition.capture`, and ``number-refused``."""
    sessions = services().sessions
    with contextlib.ExitStack() as working:
        if sessions is not None:
            working.enter_context(sessions.at_work())
        return room.capture(exam_id, operator, _text('role'), _whole('frame'), _whole('number'), _conditions())


def sign(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Sign an exam, and before that confirm the date where the form does; errors as of `Exams.sign`."""
    if _text('date_confirmed') == 'yes':
        room.exams.confirm_date(operator)
    return room.exams.sign(exam_id, operator)


#: What is done to an exam, by the last part of the address: of the room, the id of the exam, that of the operator.
ACTS: Dict[str, Callable[[Acquisition, str, str], Exam]] = {
    'captures': capture,
    'start': lambda room, exam_id, operator: room.exams.start(exam_id, operator, _conditions()),
    'note': lambda room, exam_id, operator: room.exams.note(exam_id, operator, _conditions()),
    'deviation': lambda room, exam_id, operator: room.exams.deviation(exam_id, operator, _text('text')),
    'review': lambda room, exam_id, operator: room.exams.review(exam_id, operator),
    'resume': lambda room, exam_id, operator: room.resume(exam_id, operator),
    'sign': sign,
    'amend': lambda room, exam_id, operator: room.exams.amend(exam_id, operator, _text('reason'), _text('text')),
    'discard': lambda room, exam_id, operator: room.exams.discard(exam_id, operator, _text('reason')),
}


def _text(name: str) -> str:
    return request.form.get(name, '')


def _whole(name: str) -> int:
    """A field that counts from 1; 0 where it is not given.

    Raises:
        InputError: ``number-refused``.
    """
    text = _text(name)
    if text and not is_whole_number(text):
        raise InputError('number-refused', 'The field %s must be a whole number from 1.' % name,
                         'Go back and choose again.')
    return int(text or 0)


def _conditions() -> Dict[str, Any]:
    """The conditions that a form states; an empty field states nothing, and what is no number is refused below."""
    stated: Dict[str, Any] = {name: _number(_text(name).strip()) for name in CONDITIONS if _text(name).strip()}
    if _text(NOTES).strip():
        stated[NOTES] = _text(NOTES)
    return stated


def _number(text: str) -> Union[float, str]:
    """A number as people write it, with a point or a comma; the text where it is none."""
    try:
        number = float(text.replace(',', '.'))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
