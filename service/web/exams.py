"""The pages of exams: the list, a new one, one exam in each of its states, and one picture of it."""
import json
from typing import Any, Dict, Optional, Union

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..exams import (
    ACQUIRING,
    AUDITED,
    CONDITIONS,
    DYNAMIC,
    NOTES,
    ROLES,
    Capture,
    Exam,
    ExamError,
    ExamMissingError,
)
from ..messages import InputError, ThermoscreenError
from ..operators import EVENTS, OperatorError
from .access import CLINICAL, actor, admits, audited
from .api import exam_file_reply
from .exam_forms import ACTS, acquisition, begin
from .responses import is_whole_number, note_fault, whole_number
from .services import services

#: Registered only where exams are kept.
blueprint = Blueprint('exams', __name__, url_prefix='/exams')

#: Exams of one page: as many as fit on the smallest panel.
PER_PAGE = 5

#: What a page asks for before something is done to an exam: fields of `ASKED`, and the word on the button.
QUESTIONS: Dict[str, Dict[str, Any]] = {
    'note': {'title': 'Conditions', 'fields': tuple(CONDITIONS) + (NOTES,), 'button': 'Keep'},
    'deviation': {'title': 'Deviation from the protocol', 'fields': ('text',), 'button': 'Keep'},
    'discard': {'title': 'Discard the exam', 'fields': ('reason',), 'button': 'Discard'},
    'amend': {'title': 'Amend the exam', 'fields': ('reason', 'text'), 'button': 'Amend'},
}

#: What stands above a field.
ASKED = dict({name: what[:1].upper() + what[1:] for name, (_, _, what) in CONDITIONS.items()},
             notes='Notes', text='What is to be noted', reason='Reason')

_STATE_NAMES = {'draft': 'Draft', 'acquiring': 'Taking pictures', 'review': 'In review', 'signed': 'Signed',
                'amended': 'Amended', 'discarded': 'Discarded'}

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('')
@admits(*CLINICAL)
@audited('exams-searched')
def page() -> str:
    """Exams, the newest first."""
    return _list('', whole_number('after', 0))


@blueprint.route('/find', methods=['POST'])
@admits(*CLINICAL)
@audited('exams-searched')
def find() -> str:
    """Exams of a patient. A form and no address: what is looked for stays in no history of the browser."""
    after = request.form.get('after', '')
    return _list(request.form.get('query', ''), int(after) if is_whole_number(after) else 0)


@blueprint.route('/new')
@admits(*CLINICAL)
@audited('')
def newcomer() -> _Answer:
    """Whose exam it will be."""
    return _new()


@blueprint.route('', methods=['POST'])
@admits(*CLINICAL)
def add() -> _Answer:
    """Begin an exam."""
    try:
        return redirect('/exams/' + begin().id, 303)
    except ThermoscreenError as error:
        note_fault(error)
        return _new(error)


@blueprint.route('/<exam_id>')
@admits(*CLINICAL)
@audited('exam-viewed')
def exam(exam_id: str) -> _Answer:
    """One exam: its pictures and what can be done with it, or with ``part=events`` what happened to it."""
    if request.args.get('part') == 'events':
        found = acquisition().exams.get(exam_id)
        return render_template('exam_events.html', events=[_event(found, event.number) for event in found.events],
                               **_common(found))
    return _exam(exam_id)


@blueprint.route('/<exam_id>/pictures/<int:number>')
@admits(*CLINICAL)
@audited('exam-viewed')
def picture(exam_id: str, number: int) -> str:
    """One picture and its values."""
    found = acquisition().exams.get(exam_id)
    if not 1 <= number <= len(found.captures):
        raise ExamMissingError('exam-picture', 'The exam has no picture %d.' % number, 'Go back to the exam.')
    return render_template('exam_picture.html', capture=found.captures[number - 1], **_common(found))


@blueprint.route('/<exam_id>/files/<name>')
@admits(*CLINICAL)
@audited('')
def file(exam_id: str, name: str) -> Response:
    """A file of an exam, decrypted."""
    return exam_file_reply(exam_id, name)


@blueprint.route('/<exam_id>/<act>')
@admits(*CLINICAL)
@audited('')
def question(exam_id: str, act: str) -> _Answer:
    """What is asked before something is done."""
    return _question(acquisition().exams.get(exam_id), act)


@blueprint.route('/<exam_id>/<act>', methods=['POST'])
@admits(*CLINICAL)
def do(exam_id: str, act: str) -> _Answer:
    """Do something to an exam."""
    if act not in ACTS:
        raise _no_such_act()
    try:
        ACTS[act](acquisition(), exam_id, actor())
    except ExamMissingError:
        raise
    except ThermoscreenError as error:
        note_fault(error)
        if act in QUESTIONS and isinstance(error, InputError):
            return _question(acquisition().exams.get(exam_id), act, error)
        return _exam(exam_id, error)
    return redirect('/exams/' + exam_id, 303)


def _list(query: str, after: int) -> str:
    room = acquisition()
    entries = room.exams.list(query, after=after, limit=PER_PAGE + 1)
    return render_template('exams.html', entries=entries[:PER_PAGE], query=query, after=after,
                           more=entries[PER_PAGE - 1].row.number if len(entries) > PER_PAGE else 0,
                           under_way=room.under_way(), state_names=_STATE_NAMES)


def _new(error: Optional[ThermoscreenError] = None) -> _Answer:
    html = render_template('exam_new.html', values=request.form, message=error and error.message, asked=ASKED,
                           under_way=acquisition().under_way())
    return make_response(html, error.http_status if error else 200)


def _question(found: Exam, act: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    if act not in QUESTIONS:
        raise _no_such_act()
    values = request.form if error else acquisition().exams.conditions(found) if act == 'note' else {}
    html = render_template('exam_question.html', act=act, question=QUESTIONS[act], asked=ASKED, values=values,
                           message=error and error.message, **_common(found))
    return make_response(html, error.http_status if error else 200)


def _exam(exam_id: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    exams = acquisition().exams
    found = exams.get(exam_id)
    newest = {capture.role: capture for capture in found.captures if capture.role != DYNAMIC}
    shown = [capture for capture in found.captures
             if capture.role == DYNAMIC or capture.number == newest[capture.role].number]
    taking = found.state == ACQUIRING
    html = render_template('exam_capture.html' if taking else 'exam.html', message=error and error.message,
                           roles=[role for role in ROLES if role != DYNAMIC], newest=newest,
                           captures=[] if taking else [(capture, _words(found, capture)) for capture in shown],
                           date_message=exams.date_message(), **_common(found))
    return make_response(html, error.http_status if error else 200)


def _common(found: Exam) -> Dict[str, Any]:
    """What every page of an exam shows."""
    made = found.events[0].stamp
    return {'exam': found, 'patient': acquisition().exams.patient(found), 'state_name': _STATE_NAMES[found.state],
            'made': _date(made.utc, made.clock)}


def _words(found: Exam, capture: Capture) -> Dict[str, str]:
    """A picture in words: the first sentence of its result, or why it has none."""
    try:
        data = acquisition().exams.read_file(found, '%04d.result.json' % capture.number)
        result = json.loads(data.decode('utf-8'))
        refusals = [check for check in result['checks'] if check['severity'] == 'problem']
        sentence = refusals[0]['sentence'] if refusals else (result['sentences'] or [''])[0]
        return {'sentence': sentence, 'code': refusals[0]['code'] if refusals else ''}
    except ThermoscreenError as error:
        return {'sentence': error.message.sentence, 'code': error.code}


def _event(found: Exam, number: int) -> Dict[str, Any]:
    """An event in words."""
    event = found.events[number - 1]
    private = acquisition().exams.private(found, number)
    details = [str(value) if name not in CONDITIONS else '%s: %s' % (ASKED[name], value)
               for name, value in private.items()]
    if 'role' in event.facts:
        details.insert(0, event.facts['role'].replace('-', ' '))
    return {'sentence': EVENTS[AUDITED[event.kind]], 'details': details, 'who': _name(event.operator),
            'date': _date(event.stamp.utc, event.stamp.clock)}


def _date(utc: str, clock: str) -> str:
    return '%s %s UTC%s' % (utc[:10], utc[11:16], ', uncertain' if clock == 'unsynchronised' else '')


def _name(operator_id: str) -> str:
    """The name of an operator; the id of one who was removed."""
    sessions = services().sessions
    if sessions is None:
        return operator_id.capitalize()
    try:
        return sessions.operators.get(operator_id).name
    except OperatorError:
        return operator_id


def _no_such_act() -> ExamError:
    return ExamMissingError('exam-act', 'Nothing of that name can be done to an exam.', 'Go back to the exam.')
