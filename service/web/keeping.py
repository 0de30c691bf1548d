"""Pages of supervisors: exams leave by a medium and come from one, are held, and go when their time is over.

What takes something out, in or away asks for the PIN once more. The rules are those of `service.exams` and
`service.exam_job`.
"""
import contextlib
import os
from typing import Callable, List, Optional, Union, cast

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..exam_job import HOW, OPEN, ExamJob
from ..exams import AMENDED, SIGNED, Exam, ExamError
from .access import SUPERVISOR, admits, audited
from .services import services

#: Registered only where exams are kept and people log in.
blueprint = Blueprint('keeping', __name__, url_prefix='/keeping')

#: Media, exports and exams on one page.
_MOST, _MOST_EXPORTS, _MOST_EXAMS = 4, 4, 5
_ROWS = 1000

#: Why an exam is held, and why it is released.
_HOLDS = ('A court or an authority asks for it.', 'There is a complaint or a claim.', 'A study needs it.',
          'An audit needs it.')
_RELEASES = ('The case is closed.', 'The study has ended.', 'The audit has ended.', 'It was held by mistake.')

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> str:
    """What can be done, or how far something is."""
    return render_template('keeping.html', progress=_job().progress, policy=_job().policy, most=_MOST_EXAMS,
                           date_message=_job().exams.date_message())


@blueprint.route('/stop', methods=['POST'])
@admits(SUPERVISOR)
def stop() -> BaseResponse:
    """Stop what goes on, or leave what is said of it."""
    _job().stop()
    return _to_page()


@blueprint.route('/export')
@admits(SUPERVISOR)
def export() -> str:
    """How one exam leaves, or every signed one, and on which medium."""
    exam_id, how = request.args.get('exam', ''), request.args.get('how', OPEN)
    if not exam_id:
        return _choices('Every signed exam', len(_signed('')), how)
    exam = _job().exams.get(exam_id)
    return _choices('Exam %d' % exam.number, 1, how, exam.id)


@blueprint.route('/found', methods=['POST'])
@admits(SUPERVISOR)
@audited('exams-searched')
def found() -> str:
    """The same for the signed exams that a search finds."""
    query = request.form.get('query', '').strip()
    return _choices('Signed exams that were found', len(_signed(query)), request.form.get('how', OPEN), '', query)


@blueprint.route('/export', methods=['POST'])
@admits(SUPERVISOR, act='export exams')
def begin_export() -> BaseResponse:
    """Begin an export."""
    form = request.form
    exam_ids = [form['exam']] if form.get('exam') else _signed(form.get('query', '').strip())

    def work(working: contextlib.ExitStack) -> None:
        sessions = services().sessions
        _job().export(form.get('place', ''), exam_ids, form.get('how', ''), g.operator.id,
                      b'' if sessions is None else sessions.pseudonym_key, working)
    return _begin(work)


@blueprint.route('/import')
@admits(SUPERVISOR)
def incoming() -> str:
    """The exports on the media that are plugged in."""
    entries = _job().exports()
    return render_template('keeping_import.html', entries=entries[:_MOST_EXPORTS], more=len(entries) - _MOST_EXPORTS,
                           name_of=os.path.basename, own=_job().key)


@blueprint.route('/import', methods=['POST'])
@admits(SUPERVISOR, act='import exams')
def begin_import() -> BaseResponse:
    """Begin an import."""
    form = request.form
    return _begin(lambda working: _job().take(form.get('folder', ''), form.get('key', ''), g.operator.id, working))


@blueprint.route('/test')
@admits(SUPERVISOR)
def test() -> str:
    """The media with which the restore of a backup is tested."""
    return render_template('keeping_test.html', media=_job().media()[:_MOST], last=_job().last_test)


@blueprint.route('/test', methods=['POST'])
@admits(SUPERVISOR)
def begin_test() -> BaseResponse:
    """Begin the test of a restore."""
    return _begin(lambda working: _job().test(request.form.get('place', ''), g.operator.id, working))


@blueprint.route('/retention', methods=['POST'])
@admits(SUPERVISOR)
def plan() -> BaseResponse:
    """Look what the policy would remove; who says that the date is right stands for it."""
    if request.form.get('date_confirmed') == 'yes':
        _job().exams.confirm_date(g.operator.id)
    _job().plan()
    return _to_page()


@blueprint.route('/remove', methods=['POST'])
@admits(SUPERVISOR, act='remove exams for good')
def remove() -> BaseResponse:
    """Remove what was planned."""
    _job().remove(g.operator.id)
    return _to_page()


@blueprint.route('/hold/<exam_id>')
@admits(SUPERVISOR)
@audited('')
def hold_question(exam_id: str) -> str:
    """What is asked before an exam is held, or released."""
    return _hold_page(_job().exams.get(exam_id))


@blueprint.route('/hold/<exam_id>', methods=['POST'])
@admits(SUPERVISOR, act='change the legal hold of an exam')
def hold(exam_id: str) -> _Answer:
    """Hold an exam, or release it."""
    exams, form = _job().exams, request.form
    change: Callable[[str, str, str], Exam] = exams.release if form.get('release') == 'yes' else exams.hold
    try:
        change(exam_id, g.operator.id, form.get('reason', ''))
    except ExamError as error:
        if error.http_status == 404:
            raise
        return make_response(_hold_page(exams.get(exam_id), error), error.http_status)
    return redirect('/exams/%s?part=events' % exam_id, 303)


def _choices(title: str, count: int, how: str, exam_id: str = '', query: str = '') -> str:
    return render_template('keeping_export.html', title=title, count=count, exam_id=exam_id, query=query,
                           how=how if how in HOW else OPEN, media=_job().media()[:_MOST])


def _hold_page(exam: Exam, error: Optional[ExamError] = None) -> str:
    return render_template('keeping_hold.html', exam=exam, message=error and error.message,
                           sentences=_RELEASES if exam.held else _HOLDS)


def _signed(query: str) -> List[str]:
    """Ids of the signed exams that a search finds; an empty one finds all."""
    found: List[str] = []
    for state in (SIGNED, AMENDED):
        after, size = 0, _ROWS
        while size == _ROWS:
            entries = _job().exams.list(query, state, after, _ROWS)
            found += [entry.row.id for entry in entries]
            size, after = len(entries), entries[-1].row.number if entries else 0
    return found


def _begin(work: Callable[[contextlib.ExitStack], None]) -> BaseResponse:
    """Begin work in the background; the screen may lock meanwhile, and the data key stays."""
    with contextlib.ExitStack() as working:
        sessions = services().sessions
        if sessions is not None:
            working.enter_context(sessions.at_work())
        work(working)
    return _to_page()


def _to_page() -> BaseResponse:
    return redirect('/keeping', 303)


def _job() -> ExamJob:
    return cast(ExamJob, services().exam_job)
