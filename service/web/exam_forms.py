"""What is done to an exam, by a page or through the API: fields of a form become one call of the rooms below."""
import contextlib
import functools
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from flask import request

from ..acquisition import Acquisition, Newcomer
from ..correction import take_back
from ..degrees import FAHRENHEIT, celsius
from ..exams import (
    ACQUIRING,
    CONDITIONS,
    DEVIATION,
    DISCARDED,
    DYNAMIC,
    REVIEW,
    TOLD,
    Exam,
    ExamError,
    Exams,
    Patient,
    conflicts,
    guide,
)
from ..languages import N_
from ..messages import WARNING, InputError, Message
from ..regions import REGIONS
from .access import actor
from .responses import is_api, is_whole_number
from .services import services

#: So many earlier exams of a patient are compared with a row of the worklist.
_EARLIER = 20


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


def begin(prepared: bool = True, newcomer: Optional[Newcomer] = None) -> Exam:
    """A new exam of the patient that a form names, or whom somebody chose on the worklist.

    Args:
        prepared: as of `Acquisition.begin`; a page begins with the preparation, and asks for two identifiers.
        newcomer: who was asked for; what a form says of one who is on the worklist is not looked at.

    Raises:
        ExamError: ``exam-patient``; that of `against` where what the station knows speaks against it and the form
            does not confirm it; as of `Acquisition.begin`.
        StorageError: as of `Acquisition.begin`.
    """
    if newcomer is None or newcomer.order is None:
        newcomer = Newcomer(Patient(*(_text(name).strip() for name in ('patient_id', 'patient_name', 'birth_date'))))
    patient = newcomer.patient
    room, stated = acquisition(), _conditions()
    room.check_alone()
    if not prepared and not all(patient):
        raise ExamError('exam-patient', 'A patient is known by two identifiers: the number, and name with birth '
                        'date.', 'Ask the patient for name and birth date.')
    doubts = against(room.exams, newcomer)
    if doubts:
        if _text('confirmed') != 'yes':
            raise ExamError(doubts[0].code, ' '.join(message.sentence for message in doubts), doubts[0].next_step)
        stated[DEVIATION] = ' '.join(message.sentence for message in doubts)
    return room.begin(patient, actor(), stated, prepared, newcomer.order)


def against(exams: Exams, newcomer: Newcomer) -> List[Message]:
    """What speaks against beginning an exam of somebody; empty where nothing does. Errors as of `conflicts`."""
    found, order = conflicts(exams, newcomer.patient), newcomer.order
    if newcomer.similar:
        found.append(Message('worklist-similar', 'Somebody else on the worklist has nearly the same name, or the same '
                             'number.', 'Ask the patient for name and birth date, and compare the wristband.', WARNING))
    if order is not None:
        begun = [entry.row.number for entry in exams.list(newcomer.patient.id, limit=_EARLIER)
                 if entry.row.state != DISCARDED and exams.order(exams.get(entry.row.id)) == order]
        if begun:
            found.append(Message('worklist-again', 'Exam %d is of this row of the worklist already.' % begun[0],
                                 'Look at it under History. Go on only if it is to be done again.', WARNING))
    return found


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


def check(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Keep the checklist: what is not so is a deviation. Errors as of `Exams.note`."""
    unmet = [sentence for name, (_, sentence) in guide.CHECKS.items() if name in request.form.getlist('unmet')]
    return room.exams.note(exam_id, operator, {DEVIATION: ' '.join(unmet)} if unmet else {},
                           {'step': guide.CHECKLIST})


def measure(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Keep the air of the room; outside 18 to 23 °C [Iact] is a deviation.

    Raises:
        ExamError: ``exam-condition`` without a temperature, or as of `Exams.note`.
        StorageError, ExamUnreadableError: as of `Exams.note`.
    """
    stated = _conditions()
    if 'room_c' not in stated:
        raise ExamError('exam-condition', 'The temperature of the room is missing.', 'Read the thermometer.')
    low, high = guide.ROOM_C
    if isinstance(stated['room_c'], (int, float)) and not low <= stated['room_c'] <= high:
        stated[DEVIATION] = 'The room has %g °C, not %g to %g °C.' % (stated['room_c'], low, high)
    return room.exams.note(exam_id, operator, stated, {'step': guide.ROOM})


def note(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Keep conditions; a room that changes by more than 1 °C during the exam [Iact] is a deviation.

    Errors as of `Exams.note`.
    """
    stated = _conditions()
    read, now = room.exams.stated(room.exams.get(exam_id), 'room_c'), stated.get('room_c')
    if read and isinstance(now, (int, float)):
        change = now - max(read, key=lambda before: abs(now - before))
        if round(abs(change), 1) > guide.ROOM_CHANGE_C:
            stated[DEVIATION] = 'The room has become %.1f °C %s during the exam, more than %.1f °C.' % (
                abs(change), N_('warmer') if change > 0 else N_('colder'), guide.ROOM_CHANGE_C)
    return room.exams.note(exam_id, operator, stated)


def prepare(step: str, room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Keep what was told in a step that asks for one thing, or for nothing. Errors as of `Exams.note`."""
    return room.exams.note(exam_id, operator, _conditions(), {'step': step})


def acclimatise(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """End the acclimatisation; before its time that is a deviation with a reason. Errors as of `Exams.note`.

    Raises:
        ExamError: ``exam-early`` without a reason, or as of `Exams.note`.
    """
    exam = room.exams.get(exam_id)
    minutes = guide.waited(exam, room.exams.now()).seconds / 60
    stated: Dict[str, Any] = {'acclimatisation_minutes': round(min(minutes, guide.LONGEST_S / 60), 1)}
    wanted = services().settings.acclimatisation_minutes
    if minutes < wanted:
        if not _text('reason').strip():
            raise ExamError('exam-early', 'The patient has acclimatised for %d of %g minutes.' % (minutes, wanted),
                            'Wait, or say why not.')
        stated[DEVIATION] = N_('Acclimatisation %d of %g minutes: %s') % (minutes, wanted, _text('reason').strip())
    return room.exams.note(exam_id, operator, stated, {'step': guide.ACCLIMATISATION})


def start(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Begin with the pictures of a protocol. Errors as of `Exams.start` and `check_protocol`."""
    name = _text('protocol')
    return room.exams.start(exam_id, operator, _conditions(), {'protocol': guide.check_protocol(name)} if name else {})


def leave_out(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Leave a view out, with a reason.

    Raises:
        ExamError: ``exam-frontal`` for the one that is needed; ``exam-capture`` for none; as of `Exams.deviation`.
        StorageError, ExamUnreadableError: as of `Exams.deviation`.
    """
    role = _view()
    if role == guide.NEEDED:
        raise ExamError('exam-frontal', 'The frontal view is needed.', 'Take it, or discard the exam with a reason.')
    reason = _text('reason').strip()
    text = N_('%s left out: %s') % (role.replace('-', ' ').capitalize(), reason) if reason else ''
    return room.exams.deviation(exam_id, operator, text, role)


def retake(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Ask for a view once more, also from the review. Errors as of `Exams.note` and `Acquisition.resume`."""
    role = _view(DYNAMIC)
    if room.exams.get(exam_id).state == REVIEW:
        room.resume(exam_id, operator)
    return room.exams.note(exam_id, operator, {}, {'step': guide.RETAKE, 'role': role})


def take_series(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Begin the pictures after the cooling, or go on with them; the screen may lock meanwhile.

    Errors as of `Acquisition.series`.
    """
    sessions, working = services().sessions, contextlib.ExitStack()
    if sessions is not None:
        working.enter_context(sessions.at_work())
    try:
        return room.series(exam_id, operator, working.close)
    except BaseException:
        working.close()
        raise


def review(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """End the pictures. Errors as of `Exams.review` and `check_whole`."""
    exam = room.exams.get(exam_id)
    if exam.state == ACQUIRING and exam.captures:
        guide.check_whole(exam)
    return room.exams.review(exam_id, operator)


def correct(room: Acquisition, exam_id: str, operator: str) -> Exam:
    """Correct outlines of a picture: a field for each region that was drawn, its corners as numbers with spaces.

    Raises:
        InputError: ``number-refused``; ``outline-refused``, or as of `Acquisition.correct`.
        StorageError, ExamUnreadableError: as of `Acquisition.correct`.
    """
    return room.correct(exam_id, operator, _whole('picture'), _version(), drawn_outlines(), _text('reason'))


def drawn_outlines() -> Dict[str, List[Tuple[float, float]]]:
    """The outlines of a form, by the name of the region.

    Raises:
        InputError: ``outline-refused``.
    """
    return {name: _corners(request.form[name]) for name in REGIONS[1:] if name in request.form}


def _corners(text: str) -> List[Tuple[float, float]]:
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        numbers = [0.0]
    if len(numbers) % 2:
        raise InputError('outline-refused', 'An outline is pairs of numbers.', 'Draw it again.')
    return list(zip(numbers[::2], numbers[1::2]))


def _version() -> int:
    """Of the outlines that were corrected; 0 for those of the model."""
    return 0 if _text('version') == '0' else _whole('version')


#: What is done to an exam, by the last part of the address: of the room, the id of the exam, that of the operator.
ACTS: Dict[str, Callable[[Acquisition, str, str], Exam]] = {
    'captures': capture,
    'start': start,
    'note': note,
    'deviation': lambda room, exam_id, operator: room.exams.deviation(exam_id, operator, _text('text')),
    'review': review,
    'resume': lambda room, exam_id, operator: room.resume(exam_id, operator),
    'sign': sign,
    'amend': lambda room, exam_id, operator: room.exams.amend(exam_id, operator, _text('reason'), _text('text')),
    'discard': lambda room, exam_id, operator: room.exams.discard(exam_id, operator, _text('reason')),
    'correct': correct,
    'take-back': lambda room, exam_id, operator: take_back(room.exams, exam_id, operator, _whole('picture'), _version(),
                                                           _text('reason')),
}

#: Stands among the grades that a reader may choose of.
NO_GRADE = N_('No grade')

#: What only the pages of the guided exam do: its steps.
GUIDED: Dict[str, Callable[[Acquisition, str, str], Exam]] = {
    'checklist': check, 'room': measure,
    **{step: functools.partial(prepare, step) for step in (guide.HUMIDITY, guide.PURPOSE, guide.MAMMOGRAM)},
    'acclimatised': acclimatise, 'left-out': leave_out, 'retake': retake,
    'series': take_series,
    'impression': lambda room, exam_id, operator: room.exams.interpret(
        exam_id, operator, _text('text'), '' if _text('grade') == NO_GRADE else _text('grade')),
    'read': lambda room, exam_id, operator: room.exams.note(exam_id, operator, {}, {'step': guide.RESULT}),
}


def _text(name: str) -> str:
    return request.form.get(name, '')


def _view(*others: str) -> str:
    """The view of a static protocol that a form names.

    Args:
        others: roles that are taken as well.

    Raises:
        ExamError: ``exam-capture``.
    """
    role = _text('role')
    if role not in guide.PROTOCOLS[guide.ARMS] + others:
        raise ExamError('exam-capture', 'There is no view %s.' % role[:40], 'Go back to the exam.')
    return role


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
    """The conditions that a form states, in the unit of the pages.

    An empty field states nothing, and what is no number is refused below.
    """
    stated: Dict[str, Any] = {name: _number(_text(name).strip()) for name in CONDITIONS if _text(name).strip()}
    room = stated.get('room_c')
    if isinstance(room, (int, float)) and services().settings.temperatures == FAHRENHEIT and not is_api():
        stated['room_c'] = celsius(room)
    for name in TOLD:
        told = request.form.getlist(name)
        if told and told[-1].strip():  # a button that says something else than the field comes after it
            stated[name] = told[-1]
    return stated


def _number(text: str) -> Union[float, str]:
    """A number as people write it, with a point or a comma; the text where it is none."""
    try:
        number = float(text.replace(',', '.'))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
