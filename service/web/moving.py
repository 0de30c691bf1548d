"""A signed exam of the wrong patient goes to the right one: a supervisor says who it is really of, and why."""
from typing import List, Optional, Union

from flask import Blueprint, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..clock import shown_day
from ..exams import Exam, ExamError, Patient, conflicts
from ..languages import N_
from .access import SUPERVISOR, admits, audited
from .exam_forms import acquisition
from .exams import common_values

#: Registered where exams are kept and somebody logs in.
blueprint = Blueprint('moving', __name__, url_prefix='/exams/<exam_id>/move')

#: Why an exam is of another patient.
_BECAUSE = (N_('Another row of the worklist was chosen.'), N_('Another wristband was scanned.'),
            N_('The number was typed wrong.'))

_ASKED = ('patient_id', 'patient_name', 'birth_date')

_Answer = Union[str, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
@audited('')
def page(exam_id: str) -> str:
    """Who it is really of: the first question."""
    return _page(_signed(exam_id))


@blueprint.route('/patient', methods=['POST'])
@admits(SUPERVISOR)
def asked(exam_id: str) -> str:
    """The next question, or why at the end. What was answered stays in forms, and so in no history."""
    return _page(_signed(exam_id))


@blueprint.route('', methods=['POST'])
@admits(SUPERVISOR, act='move an exam to another patient')
def move(exam_id: str) -> _Answer:
    """Move it."""
    try:
        moved = acquisition().exams.move(exam_id, g.operator.id, Patient(*_told()), request.form.get('reason', ''),
                                         g.operator.name)
    except ExamError as error:
        if error.http_status == 404:
            raise
        return make_response(_page(_signed(exam_id), error), error.http_status)
    return redirect('/exams/%s?part=events' % moved.id, 303)


def _signed(exam_id: str) -> Exam:
    found = acquisition().exams.get(exam_id)
    if not found.locked:
        raise ExamError('exam-state', 'The exam is not signed.', 'Discard it, and begin one of the right patient.')
    return found


def _told() -> List[str]:
    return [request.form.get(name, '').strip() for name in _ASKED]


def _page(exam: Exam, error: Optional[ExamError] = None) -> str:
    told = dict(zip(_ASKED, _told()))
    missing = next((name for name, text in told.items() if not text), 'reason')
    against = conflicts(acquisition().exams, Patient(*told.values())) if missing == 'reason' else []
    return render_template('moving.html', told=told, missing=missing, sentences=_BECAUSE, against=against,
                           message=error and error.message, today=shown_day(acquisition().exams.now().utc),
                           **common_values(exam))
