"""Two visits beside each other: one view of an exam and of an earlier one, and what changed."""
from typing import Any, Dict

from flask import Blueprint, Response, render_template, request

from ..comparison import Kept, compare_pictures, is_other_model, pairs_of
from ..exams import Capture, Exam, ExamMissingError, earlier_exams, is_other, picture_missing
from ..kept_picture import kept_result
from ..messages import ThermoscreenError
from ..overlay import automatic_span
from ..reading import CANNOT_TELL, CHANGED, DETECTABLE_C, NOT_CHANGED, RULES
from .access import CLINICAL, admits, audited
from .exam_forms import acquisition
from .exams import common_values, document_of, file_of, shown_date
from .services import services
from .viewer import asked_span

#: Registered only where exams are kept.
blueprint = Blueprint('beside', __name__, url_prefix='/exams')

#: Earlier exams to choose from: the latest ones.
MOST = 5

#: What is shown.
_LOOKS = ('pictures', 'changes')


@blueprint.route('/<exam_id>/beside')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str) -> str:
    """A view of an exam and that of an earlier one: the latest of the patient, or ``prior``."""
    exams = acquisition().exams
    exam = exams.get(exam_id)
    earlier = earlier_exams(exams, exam)
    asked = request.args.get('prior', '')
    chosen = next((entry for entry in earlier if asked in ('', entry.row.id)), None)
    if asked and chosen is None:
        raise ExamMissingError('exam-prior', 'The patient has no such earlier exam that is signed.',
                               'Choose one of the list.')
    look = request.args.get('look', '')
    shown: Dict[str, Any] = {'chosen': chosen, 'earlier': [
        (entry, shown_date(entry.row.created, entry.row.clock)) for entry in earlier[:MOST]]}
    if chosen is not None and 'choose' not in request.args:
        shown.update(_two(exam, exams.get(chosen.row.id)))
        shown['other'] = chosen.patient is not None and is_other(exams.patient(exam), chosen.patient)
    return render_template('exam_beside.html', look=look if look in _LOOKS else _LOOKS[0],
                           **shown, **common_values(exam))


@blueprint.route('/<exam_id>/pictures/<int:number>/drawn.png')
@admits(*CLINICAL)
@audited('')
def drawn(exam_id: str, number: int) -> Response:
    """A kept picture at a span of colours, ``low`` to ``high``, by which two pictures can be compared."""
    exams = acquisition().exams
    exam = exams.get(exam_id)
    capture = capture_of(exam, number)
    result = kept_result(exams, exam, capture, document_of(exam, capture, 'result'))
    settings = services().settings
    data = services().opened.draw_result(result, settings.palette, settings.layer, asked_span(),
                                         settings.temperatures)
    return Response(data, mimetype='image/png')


def capture_of(exam: Exam, number: int) -> Capture:
    """A picture of an exam by its number.

    Raises:
        ExamMissingError: ``exam-picture``.
    """
    if not 1 <= number <= len(exam.captures):
        raise picture_missing(number)
    return exam.captures[number - 1]


def _two(exam: Exam, before: Exam) -> Dict[str, Any]:
    """The view that is asked for in both visits, and what changed in it; words in place of what is not there."""
    pairs = pairs_of(exam, before)
    asked = request.args.get('role', '')
    place = next((number for number, pair in enumerate(pairs) if pair.role == asked), 0)
    shown: Dict[str, Any] = {'before': before, 'pairs': pairs, 'place': place, 'sides': ()}
    if not pairs:
        return shown
    sides, kept = [], []
    for found, capture in ((exam, pairs[place].now), (before, pairs[place].before)):
        side: Dict[str, Any] = {'exam': found, 'capture': capture, 'when': _when(found)}
        try:
            if capture is not None:
                kept.append(kept_picture_of(found, capture))
                side['result'] = kept_result(acquisition().exams, found, capture, kept[-1].result)
        except ThermoscreenError as error:
            side['trouble'] = error.message
        sides.append(side)
    shown['sides'] = sides
    results = [side['result'] for side in sides if 'result' in side]
    spans = [automatic_span(result.thermogram, result.body) for result in results if result.thermogram.is_celsius]
    span = asked_span() or (spans and (round(min(low for low, _ in spans), 1),
                                        round(max(high for _, high in spans), 1)) or None)
    shown['span'] = span
    if len(results) == 2:
        changes = compare_pictures(kept[0], kept[1], span)
        shown.update(changes=[(RULES[change.name], change) for change in changes], detectable=DETECTABLE_C,
                     other_model=is_other_model(kept[0], kept[1]),
                     reasons=sorted({change.reason for change in changes}),
                     counts=[(verdict, sum(change.verdict == verdict for change in changes))
                             for verdict in (CHANGED, NOT_CHANGED, CANNOT_TELL)])
    return shown


def kept_picture_of(exam: Exam, capture: Capture) -> Kept:
    """What was kept with a picture; errors as of `Exams.read_file`."""
    signs = None
    if file_of(exam, capture.number, 'signs.json') in exam.files:
        signs = document_of(exam, capture, 'signs')
    return Kept(capture, document_of(exam, capture, 'result'), signs)


def _when(exam: Exam) -> str:
    made = exam.events[0].stamp
    return shown_date(made.utc, made.clock)
