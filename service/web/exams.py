"""The pages of exams: home, the list, a new one, one exam on each of its steps, and one picture of it.

An exam has one address. What is shown there is the step that its events say, so that Back, a reload and a power cut
lead to the same screen.
"""
import functools
import json
from typing import Any, Dict, List, Optional, Union

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from ..acquisition import Newcomer
from ..clock import UNSYNCHRONISED, shown_day, shown_time
from ..degrees import FAHRENHEIT
from ..exams import (
    AUDITED,
    CONDITIONS,
    DYNAMIC,
    MAMMOGRAM,
    NOTES,
    ORDER,
    PURPOSE,
    TOLD,
    Capture,
    Entry,
    Exam,
    ExamError,
    ExamMissingError,
    Patient,
    confusable,
    earlier_exams,
    guide,
    picture_missing,
)
from ..kept_picture import kept_result
from ..languages import N_
from ..messages import Message, ThermoscreenError
from ..operators import EVENTS, OperatorError
from ..palettes import TITLES
from ..result import Result
from ..viewing import describe, draw, frame_bytes, mirrored_site
from ..views import SIDE_VIEWS
from .access import CLINICAL, actor, admits, audited
from .exam_forms import ACTS, GUIDED, NO_GRADE, acquisition, against, begin
from .responses import is_whole_number, json_reply, note_fault, whole_number
from .services import services
from .viewer import asked, frame_reply, png_reply, stated_scale

#: Characters of an answer about a patient.
MAX_NAME = 200

#: Registered only where exams are kept.
blueprint = Blueprint('exams', __name__, url_prefix='/exams')

home = Blueprint('home', __name__)

#: Exams of one page: as many as fit on the smallest panel.
PER_PAGE = 5

#: What a reader may choose of: the words of Marseille's system, in the reader's name.
GRADES = (NO_GRADE, 'TH 1', 'TH 2', 'TH 3', 'TH 4', 'TH 5')

#: What a page asks for before something is done to an exam: a number or a text of `ASKED`, a reason of a list or in
#: other words, one of several questions; and the word on the button.
QUESTIONS: Dict[str, Dict[str, Any]] = {
    'note': {'title': 'Conditions', 'button': 'Keep', 'choices': tuple(CONDITIONS) + TOLD},
    'deviation': {'title': 'Deviation', 'button': 'Keep', 'text': 'text'},
    'discard': {'title': 'Discard the exam', 'button': 'Discard', 'reasons': guide.GIVEN_UP_BECAUSE},
    'amend': {'title': 'Amend the exam', 'button': 'Amend', 'text': 'text',
              'picked': 'reason', 'choices': ('Typing error', 'New knowledge', 'Asked for by the patient')},
    'impression': {'title': 'Impression', 'button': 'Keep', 'text': 'text', 'picked': 'grade', 'choices': GRADES},
    'acclimatised': {'title': 'Start early', 'button': 'Start early', 'reasons': guide.EARLY},
    'take-back': {'title': 'Take the correction back', 'button': 'Take back', 'reasons': guide.TAKEN_BACK},
    'left-out': {'title': 'Leave out', 'button': 'Leave out', 'reasons': guide.LEFT_OUT},
}

#: What stands above a field.
ASKED = dict({name: what[:1].upper() + what[1:] for name, (_, _, what) in CONDITIONS.items()},
             notes='Notes', purpose='Purpose of the exam', last_mammogram='Last mammogram',
             text='What is to be noted', reason='Reason')

#: How the page asks for what is told in words.
_ASKS = {NOTES: 'text', PURPOSE: 'reasons', MAMMOGRAM: 'month'}

#: Protocols as the page calls them.
PROTOCOL_NAMES = {guide.STATIC: 'Five views', guide.ARMS: 'Five views and arms raised',
                  guide.SERIAL: 'Dynamic series'}

_STATE_NAMES = {'draft': 'Preparation', 'acquiring': 'Taking pictures', 'review': 'In review', 'signed': 'Signed',
                'amended': 'Amended', 'discarded': 'Discarded'}

#: The template of each step.
_TEMPLATES = {guide.PICTURE: 'exam_capture.html', guide.RESULT: 'exam_result.html', guide.LOCKED: 'exam_result.html',
              guide.GIVEN_UP: 'exam_pictures.html', guide.HUMIDITY: 'exam_room.html',
              guide.PURPOSE: 'exam_room.html', guide.MAMMOGRAM: 'exam_room.html',
              guide.SIGNATURE: 'exam_signature.html'}

#: Fields of a form that say who somebody is, in the order in which they are asked for.
_IDENTITY = ('patient_id', 'patient_name', 'birth_date')

#: What is done to one picture, whose page comes then.
_OF_PICTURE = ('correct', 'take-back')

_CLOSED = ('signed', 'amended', 'discarded')

#: Of the files of an exam, by their last suffix.
_TYPES = {'json': 'application/json', 'png': 'image/png'}

#: What is shown of a result.
_VIEWS = ('summary', 'regions', 'signs', 'deviations')

_Answer = Union[str, Response, BaseResponse]


@home.route('/home')
@admits(*CLINICAL)
@audited('')
def start_page() -> _Answer:
    """What somebody who has logged in may do next."""
    room = acquisition()
    room.newcomers.pop(session_id(), None)
    return render_template('home.html', under_way=room.under_way(), goes_on=room.goes_on())


@blueprint.route('')
@admits(*CLINICAL)
@audited('exams-searched')
def page() -> _Answer:
    """Exams, the newest first."""
    return _list('', whole_number('after', 0))


@blueprint.route('/find')
@admits(*CLINICAL)
@audited('')
def search() -> str:
    """What is looked for, on a screen with keys."""
    return render_template('exam_find.html')


@blueprint.route('/find', methods=['POST'])
@admits(*CLINICAL)
@audited('exams-searched')
def find() -> _Answer:
    """Exams of a patient. A form and no address: what is looked for stays in no history of the browser."""
    after = request.form.get('after', '')
    return _list(request.form.get('query', ''), int(after) if is_whole_number(after) else 0)


@blueprint.route('/new')
@admits(*CLINICAL)
@audited('')
def newcomer() -> _Answer:
    """Whose exam it will be: one question on each screen, and then what was answered."""
    room = acquisition()
    if room.under_way() is not None:
        return redirect('/home', 303)
    if request.args.get('again'):
        room.newcomers.pop(session_id(), None)
    if services().worklist is not None and session_id() not in room.newcomers and not request.args.get('unlisted'):
        return redirect('/worklist', 303)
    return _new()


@blueprint.route('/new', methods=['POST'])
@admits(*CLINICAL)
def newcomer_told() -> _Answer:
    """Remember, until the screen locks, what was answered."""
    room = acquisition()
    known = room.newcomers.get(session_id(), Newcomer(Patient('')))
    told = {field: request.form[name].strip()[:MAX_NAME] for field, name in zip(Patient._fields, _IDENTITY)
            if name in request.form and (known.order is None or not getattr(known.patient, field))}
    room.newcomers[session_id()] = known._replace(patient=known.patient._replace(**told))
    return _onward('/exams/new')


@blueprint.route('/news')
@admits(*CLINICAL)
@audited('')
def news() -> Response:
    """How many exams came after the one with the number ``after``: a list that is shown does not move by itself."""
    newest = acquisition().exams.list(limit=1)
    return json_reply({'new': max(0, newest[0].row.number - whole_number('after', 0)) if newest else 0})


@blueprint.route('', methods=['POST'])
@admits(*CLINICAL)
def add() -> _Answer:
    """Begin an exam."""
    try:
        made = begin(prepared=False, newcomer=acquisition().newcomers.get(session_id()))
        acquisition().newcomers.pop(session_id(), None)
        return _onward('/exams/' + made.id)
    except ThermoscreenError as error:
        note_fault(error)
        return _refused(error) or _new(error)


@blueprint.route('/<exam_id>')
@admits(*CLINICAL)
@audited('exam-viewed')
def exam(exam_id: str) -> _Answer:
    """The step that an exam is on, or with ``part=events`` what happened to it.

    A row of a list names the event that it showed last (``seen``): where there is a later one it was another exam than
    the one that somebody chose.
    """
    found = acquisition().exams.get(exam_id)
    if request.args.get('part') == 'events':
        return render_template('exam_events.html', events=[_event(found, event.number) for event in found.events],
                               **common_values(found))
    if 'seen' in request.args and whole_number('seen') != found.events[-1].seq:
        return _list('', 0, Message('list-changed', 'The exam has changed since the list was shown.', 'Choose again.'))
    return _exam(exam_id)


@blueprint.route('/<exam_id>/series')
@admits(*CLINICAL)
@audited('')
def series(exam_id: str) -> Response:
    """How far the dynamic series is."""
    room = acquisition()
    found = room.exams.get(exam_id)
    return json_reply(dict(_series(found), step=guide.step_of(found).name))


@blueprint.route('/<exam_id>/pictures/<int:number>')
@admits(*CLINICAL)
@audited('exam-viewed')
def picture(exam_id: str, number: int) -> str:
    """One picture and its values."""
    found = acquisition().exams.get(exam_id)
    capture = _captured(found, number)
    explained = (capture.facts['outcome'] == 'result' and capture.facts['view'] not in SIDE_VIEWS
                 and '%04d.labels.png' % number in capture.files)
    return render_template('exam_picture.html', capture=capture, explained=explained, palettes=TITLES,
                           palette=services().settings.palette, layer=services().settings.layer,
                           corrected=_corrected(found, number), **common_values(found))


@blueprint.route('/<exam_id>/pictures/<int:number>/viewing')
@admits(*CLINICAL)
@audited('')
def viewing(exam_id: str, number: int) -> Response:
    """What the viewer has to know of a picture."""
    result = _kept(acquisition().exams.get(exam_id), number)
    return json_reply(describe(result, result.thermogram.width))


@blueprint.route('/<exam_id>/pictures/<int:number>/frame')
@admits(*CLINICAL)
@audited('')
def frame(exam_id: str, number: int) -> Response:
    """Every value of a picture."""
    return frame_reply(frame_bytes(_kept(acquisition().exams.get(exam_id), number)))


@blueprint.route('/<exam_id>/pictures/<int:number>/layer.png')
@admits(*CLINICAL)
@audited('')
def layer(exam_id: str, number: int) -> Response:
    """A layer of a picture, in a palette and a span."""
    wanted = asked()
    return png_reply(draw(_kept(acquisition().exams.get(exam_id), number), *wanted))


@blueprint.route('/<exam_id>/pictures/<int:number>/twin')
@admits(*CLINICAL)
@audited('')
def twin(exam_id: str, number: int) -> Response:
    """Where the mirrored site of a place lies in a picture."""
    found = acquisition().exams.get(exam_id)
    result, has_signs = _kept(found, number), file_of(found, number, 'signs.json') in found.files
    signs = document_of(found, _captured(found, number), 'signs') if has_signs else None
    return json_reply(mirrored_site(result, stated_scale(signs, result)))


def _captured(found: Exam, number: int) -> Capture:
    """A picture of an exam."""
    if not 1 <= number <= len(found.captures):
        raise picture_missing(number)
    return found.captures[number - 1]


def _kept(found: Exam, number: int) -> Result:
    """A picture as it is drawn and measured; errors as of `Exams.read_file` and `kept_result`."""
    capture = _captured(found, number)
    return kept_result(acquisition().exams, found, capture, document_of(found, capture, 'result'),
                       services().pipeline)


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
    done = ACTS.get(act) or GUIDED.get(act)
    if done is None:
        raise _no_such_act()
    try:
        done(acquisition(), exam_id, actor())
    except ExamMissingError:
        raise
    except ThermoscreenError as error:
        note_fault(error)
        return _refused(error) or _exam(exam_id, error)
    picture = '/pictures/' + request.form['picture'] if act in _OF_PICTURE else ''
    return _onward('/exams/' + exam_id + picture)


def exam_file_reply(exam_id: str, name: str) -> Response:
    """A file of an exam, decrypted, with the type that its name says; errors as of `Exams.read_file`."""
    exams = acquisition().exams
    data = exams.read_file(exams.get(exam_id), name)
    return Response(data, mimetype=_TYPES.get(name.rpartition('.')[2], 'application/octet-stream'))


def _onward(address: str) -> _Answer:
    """Lead to the next screen: a script puts it into the place of this one, so that Back leads to nothing old."""
    return json_reply({'next': address}) if _asks_script() else redirect(address, 303)


def _refused(error: ThermoscreenError) -> Optional[Response]:
    """A refusal for the script, which shows it on the screen that is there; None where a browser wants a page."""
    return json_reply(error.message.to_dict(), error.http_status) if _asks_script() else None


def _asks_script() -> bool:
    return request.accept_mimetypes.best == 'application/json'


def _list(query: str, after: int, message: Optional[Message] = None) -> _Answer:
    room = acquisition()
    entries = room.exams.list(query, after=after, limit=PER_PAGE + 1)
    html = render_template('exams.html', entries=entries[:PER_PAGE], query=query, after=after, message=message,
                           more=entries[PER_PAGE - 1].row.number if len(entries) > PER_PAGE else 0,
                           under_way=room.under_way(), state_names=_STATE_NAMES, same_names=_same_names(entries))
    return make_response(html, 409 if message else 200)


def _same_names(entries: List[Entry]) -> Any:
    """Numbers of the patients in a list who may be taken for each other."""
    return confusable([entry.patient for entry in entries])


def _new(error: Optional[ThermoscreenError] = None) -> _Answer:
    if error is not None:
        return make_response(render_template('message.html', message=error.message), error.http_status)
    room = acquisition()
    newcomer = room.newcomers.get(session_id(), Newcomer(Patient('')))
    missing = next((name for name, value in zip(_IDENTITY, newcomer.patient) if not value), 'check')
    return render_template('exam_new.html', newcomer=newcomer.patient, order=newcomer.order, missing=missing,
                           against=against(room.exams, newcomer) if missing == 'check' else [],
                           worklist=services().worklist, today=shown_day(room.exams.now().utc))


def session_id() -> str:
    """Of who asks; empty where nobody logs in."""
    session = g.get('session')
    return '' if session is None else str(session.id)


def _question(found: Exam, act: str) -> _Answer:
    """Ask for one thing: for a number, a text, or a reason from a list."""
    if act not in QUESTIONS:
        raise _no_such_act()
    question, what, hidden = dict(QUESTIONS[act]), request.args.get('what', ''), {}
    if act == 'note':
        question['choices'] = [(name, ASKED[name]) for name in question['choices']]
        asks = 'number' if what in CONDITIONS else _ASKS.get(what, 'choice')
    elif 'picked' in question:
        hidden = {question['picked']: what} if what in question['choices'] else {}
        question['choices'] = [(name, name) for name in question['choices']]
        asks, what = ('text', 'text') if hidden else ('choice', '')
    else:
        asks, what = ('reasons', '') if 'reasons' in question else ('text', 'text')
        if request.args.get('role') in guide.views_of(found):
            hidden = {'role': request.args['role']}
        elif act == 'take-back':
            number = whole_number('picture')
            hidden = {'picture': str(number), 'version': str(found.outlines(number))}
    return render_template('exam_question.html', act=act, question=question, asks=asks, what=what, hidden=hidden,
                           asked=ASKED, limits=CONDITIONS.get(what), **_of_preparation(), **common_values(found))


def _exam(exam_id: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    found = acquisition().exams.get(exam_id)
    common = common_values(found)
    step = common['step']
    html = render_template(_TEMPLATES.get(step.name, 'exam_%s.html' % step.name), message=error and error.message,
                           **_of_step(found, step), **common)
    return make_response(html, error.http_status if error else 200)


def _of_step(found: Exam, step: guide.Step) -> Dict[str, Any]:
    """What the screen of a step shows."""
    exams, live = acquisition().exams, services().live
    if step.name == guide.PICTURE:
        wanted = acquisition().wanted(found, step.role)
        live.expect(wanted.role, wanted.scale, wanted.scale_role)
    else:
        live.expect(None)
    if step.name == guide.CHECKLIST:
        return {'checks': guide.CHECKS}
    if step.name in (guide.PURPOSE, guide.MAMMOGRAM):
        return _of_preparation()
    if step.name == guide.ACCLIMATISATION:
        waited = guide.waited(found, exams.now())
        wanted_s = 60 * services().settings.acclimatisation_minutes
        return {'waited': waited, 'left_s': max(0, round(wanted_s - waited.seconds)), 'wanted_s': round(wanted_s)}
    if step.name == guide.PROTOCOL:
        return {'protocols': PROTOCOL_NAMES}
    if step.name == guide.PICTURE:
        views = guide.views_of(found)
        last = found.captures[-1] if found.captures else None
        return {'views': views, 'role': step.role, 'last': last and last.role != DYNAMIC and last,
                'last_words': last and _words(found, last)}
    if step.name == guide.SERIES:
        return {'series': _series(found)}
    if step.name in (guide.PICTURES, guide.GIVEN_UP):
        return {'shots': [(capture, _words(found, capture)) for capture in guide.pictures_of(found)],
                'left_out': guide.left_out(found)}
    if step.name in (guide.RESULT, guide.SIGNATURE, guide.LOCKED):
        return _result(found)
    return {}


def _of_preparation() -> Dict[str, Any]:
    """What purpose and last mammogram are asked for with: a month that has not come is none."""
    now = acquisition().exams.now()
    month = shown_day(now.utc)[:7]
    return {'purposes': guide.PURPOSES, 'month': month, 'latest': month if now.clock != UNSYNCHRONISED else ''}


def _series(found: Exam) -> Dict[str, Any]:
    series = guide.series_of(found)
    if series is None:
        return {'taken': 0, 'frames': 0, 'next_s': None, 'runs': False}
    elapsed_s = guide.since(series.begun, acquisition().exams.now())
    frame = None if elapsed_s is None else series.next(elapsed_s)
    wait_s = None if frame is None or elapsed_s is None else round(max(0.0, series.due_s(frame) - elapsed_s), 1)
    return {'taken': sum(frame > 1 for frame in series.taken), 'frames': series.frames, 'next_s': wait_s,
            'runs': acquisition().series_runs(found.id)}


def _result(found: Exam) -> Dict[str, Any]:
    """The result of the view that decides: the frontal one, or the first picture where there is none."""
    exams = acquisition().exams
    counting = guide.pictures_of(found)
    capture = next((one for one in counting if one.role == guide.NEEDED), counting[0] if counting else None)
    asked = request.args.get('view', '')
    view = asked if asked in _VIEWS else _VIEWS[0]
    read = exams.stated(found, 'room_c')
    shown: Dict[str, Any] = {'capture': capture, 'view': view, 'values': None,
                             'room_change': max(read) - min(read) if len(read) > 1 else None,
                             'conditions': exams.conditions(found),
                             'corrected': capture and _corrected(found, capture.number),
                             'deviations': exams.deviations(found), 'date_message': exams.date_message(),
                             'earlier': earlier_exams(exams, found)}
    if capture is not None:
        try:
            shown['values'] = document_of(found, capture, 'result')
            if file_of(found, capture.number, 'signs.json') in found.files:
                shown['signs'] = document_of(found, capture, 'signs')['signs']
        except ThermoscreenError as error:
            shown['trouble'] = error.message
    return shown


def document_of(found: Exam, capture: Capture, kind: str) -> Dict[str, Any]:
    """The ``'result'`` or the ``'signs'`` of a picture that count; errors as of `Exams.read_file`."""
    data = acquisition().exams.read_file(found, file_of(found, capture.number, kind + '.json'))
    document: Dict[str, Any] = json.loads(data.decode('utf-8'))
    return document


def _drawn(found: Exam, number: int) -> str:
    """The address of a picture with its outlines: as it was kept, or in °F drawn anew."""
    if services().settings.temperatures == FAHRENHEIT:
        return url_for('beside.drawn', exam_id=found.id, number=number)
    return url_for('exams.file', exam_id=found.id, name=file_of(found, number, 'overlay.png'))


def file_of(found: Exam, number: int, kind: str) -> str:
    """Name of a file of a picture: with the outlines that count, or with the model's where the address asks for those.

    Args:
        kind: as of `Exam.counting`.
    """
    return '%04d.%s' % (number, kind) if request.args.get('outlines') == 'model' else found.counting(number, kind)


def _corrected(found: Exam, number: int) -> Optional[Dict[str, Any]]:
    """Who corrected the outlines of a picture and when, and whether they are shown; None where nobody has."""
    event = found.correction(number)
    if event is None:
        return None
    return {'who': _name(event.operator), 'date': shown_date(event.stamp.utc, event.stamp.clock),
            'shown': request.args.get('outlines') != 'model'}


def common_values(found: Exam) -> Dict[str, Any]:
    """What every page of an exam shows."""
    made, outbox = found.events[0].stamp, services().outbox
    return {'exam': found, 'patient': acquisition().exams.patient(found), 'state_name': _STATE_NAMES[found.state],
            'made': shown_date(made.utc, made.clock), 'step': guide.step_of(found), 'open': found.state not in _CLOSED,
            'file_of': functools.partial(file_of, found), 'drawn': _drawn,
            'arrival': None if outbox is None else outbox.arrival(found.id)}


def _words(found: Exam, capture: Capture) -> Dict[str, str]:
    """A picture in words: the first sentence of its result, or why it has none."""
    try:
        result = document_of(found, capture, 'result')
        refusals = [check for check in result['checks'] if check['severity'] == 'problem']
        sentence = refusals[0]['sentence'] if refusals else (result['sentences'] or [''])[0]
        return {'sentence': sentence, 'code': refusals[0]['code'] if refusals else ''}
    except ThermoscreenError as error:
        return {'sentence': error.message.sentence, 'code': error.code}


def _event(found: Exam, number: int) -> Dict[str, Any]:
    """An event in words."""
    event = found.events[number - 1]
    private = acquisition().exams.private(found, number)
    details = [N_('Room at %s °C') % value if name == 'room_c' else str(value)
               if name not in CONDITIONS and name != MAMMOGRAM else '%s: %s' % (ASKED[name], value)
               for name, value in private.items() if name not in (ORDER, 'name')]
    if ORDER in private:
        details.append(N_('from the worklist'))
    if 'moved_to' in event.facts:
        details.append('It is exam %d now.' % acquisition().exams.get(event.facts['moved_to']).number)
    if 'role' in event.facts:
        details.insert(0, event.facts['role'].replace('-', ' '))
    return {'sentence': EVENTS[AUDITED[event.kind]], 'details': details, 'who': _name(event.operator),
            'date': shown_date(event.stamp.utc, event.stamp.clock)}


def shown_date(utc: str, clock: str) -> str:
    """A date as pages say it, and whether it is uncertain."""
    return shown_time(utc) + (', uncertain' if clock == UNSYNCHRONISED else '')


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
