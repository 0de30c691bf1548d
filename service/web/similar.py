"""Similar exams of this station: those whose frontal pictures lie nearest, with what their readers wrote."""
from typing import Any, Dict, NamedTuple, Union

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..exams import GRADE, IMPRESSION, Exam, ExamMissingError
from ..gallery import Gallery, Neighbour, Similar, features_of
from ..messages import ThermoscreenError
from .access import CLINICAL, admits, audited
from .exam_forms import acquisition
from .exams import common_values, shown_date
from .services import services

#: Registered only where exams are kept.
blueprint = Blueprint('similar', __name__, url_prefix='/exams/<exam_id>/similar')

#: Exams that are shown: with the exam itself as many as the pictures of one screen.
MOST = 5

#: For so long one answer reads exams.
_READ_S = 0.7


class _Beside(NamedTuple):
    """A neighbour as it is shown."""

    found: Neighbour
    exam: Exam
    date: str
    grade: str
    impression: str


@blueprint.route('')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str) -> Union[str, BaseResponse]:
    """The most similar exams, or one of them, ``other``, beside the exam."""
    exam = acquisition().exams.get(exam_id)
    shown: Dict[str, Any] = {'beside': [], 'chosen': None}
    try:
        shown['own'] = features_of(acquisition().exams, exam)
        known = gallery().read(_READ_S)
        if known.read < known.total:
            return redirect('/exams/%s/similar/reading' % exam.id, 303)
        similar = similar_to(exam)
        shown.update(similar=similar, beside=[_beside(found) for found in similar.neighbours])
    except ThermoscreenError as error:
        shown['trouble'] = error.message
    if 'other' in request.args:
        shown['chosen'] = next((one for one in shown['beside'] if one.exam.id == request.args['other']), None)
        if shown['chosen'] is None:
            raise ExamMissingError('exam-similar', 'That exam is not among the similar ones.', 'Choose one of them.')
    return render_template('exam_similar.html', **shown, **common_values(exam))


@blueprint.route('/reading')
@admits(*CLINICAL)
@audited('')
def reading(exam_id: str) -> Union[str, BaseResponse]:
    """How many exams were read, while that takes its time."""
    exam = acquisition().exams.get(exam_id)
    known = gallery().read(_READ_S)
    if known.read >= known.total:
        return redirect('/exams/%s/similar' % exam.id, 303)
    return render_template('exam_similar.html', known=known, **common_values(exam))


def gallery() -> Gallery:
    """That of the station."""
    made = services().gallery
    assert made is not None
    return made


def similar_to(exam: Exam) -> Similar:
    """The most similar exams of those that were read; errors as of `Gallery.similar`."""
    found = gallery().similar(exam, MOST)
    g.similar = [one.exam_id for one in found.neighbours]  # for the audit log
    return found


def _beside(found: Neighbour) -> _Beside:
    exams = acquisition().exams
    exam = exams.get(found.exam_id)
    made, said = exam.events[0].stamp, exams.impression(exam)
    words = {} if said is None else said[1]
    return _Beside(found, exam, shown_date(made.utc, made.clock), str(words.get(GRADE, '')),
                   str(words.get(IMPRESSION, '')))
